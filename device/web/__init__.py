"""The local page: how the store is, live, for whoever stands in front of it. It reads, and nothing can be commanded from it.

Reading order: ``picture`` (what is shown), ``words`` and ``sentences`` (how it is said), ``feed`` (who has been told what), ``exchange``
(one request), ``web`` (who may connect), ``page/`` (what the browser makes of it).
"""

from device.web.picture import Picture
from device.web.web import Web

__all__ = ["Picture", "Web"]
