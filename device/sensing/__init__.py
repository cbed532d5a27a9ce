"""What readings mean physically: readings in, facts out. Pure: time comes in with the reading, nothing is awaited.

Reading order: ``sensing`` (the stage), ``scale`` and ``weight`` (a plate: movement, settling, step), ``settle`` (when is a weight settled),
``trust``, ``evidence``, then the small ones: ``debounce``, ``door``, ``inputs``, ``codes``, ``tags``, ``temperature``, ``health``.
``identify`` says how likely it is that a step was so many of a product, ``history`` (with ``explanations`` and ``hypothesis``) what a
session's steps were together, ``model`` is both as the store asks for them. Why it is done so: ``docs/sensing.md``,
``docs/identification.md``.
"""

from device.sensing.health import DeviceView
from device.sensing.model import identify
from device.sensing.scale import PlateView
from device.sensing.sensing import Sensing
from device.sensing.weight import Calibration

__all__ = ["Calibration", "DeviceView", "PlateView", "Sensing", "identify"]
