"""What readings mean physically: readings in, facts out. Pure: time comes in with the reading, nothing is awaited.

Reading order: ``sensing`` (the stage), ``scale`` and ``weight`` (a plate: movement, settling, step), ``settle`` (when is a weight settled),
``trust``, ``evidence``, then the small ones: ``debounce``, ``door``, ``inputs``, ``codes``, ``tags``, ``temperature``, ``health``.
``identify`` says what a step was. Why it is done so: ``docs/sensing.md``.
"""

from device.sensing.health import DeviceView
from device.sensing.identify import identify
from device.sensing.scale import PlateView
from device.sensing.sensing import Sensing
from device.sensing.weight import Calibration

__all__ = ["Calibration", "DeviceView", "PlateView", "Sensing", "identify"]
