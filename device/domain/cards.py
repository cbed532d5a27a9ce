"""Cards: what a reader may be shown instead of a signed code."""

from __future__ import annotations

from device.domain.events import Purpose
from device.domain.record import record


@record
class Card:
    """One card that is let in.

    The number itself is kept nowhere: ``card_hmac`` is its HMAC-SHA256 under the store's key, in lower-case hex. ``zones`` None: all.
    """

    card_hmac: str
    name: str
    purpose: Purpose
    zones: tuple[str, ...] | None
