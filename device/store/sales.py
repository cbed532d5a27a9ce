"""Whether a zone sells: it does until a reason stops it, and again when none is left."""

from __future__ import annotations

from typing import Literal

from device.domain.events import SalesResumed, SalesStopped
from device.store.turn import Turn

Standing = Literal["open", "closed_hours", "stopped"]


def stop(turn: Turn, zone: str, reason: str, by: str | None = None) -> None:
    """Sell nothing, for one more reason."""
    stopped = turn.zone(zone).stopped
    if reason not in stopped:
        turn.tell(SalesStopped(zone, (*stopped, reason), by), zone)


def resume(turn: Turn, zone: str, *reasons: str, by: str | None = None) -> None:
    """Take reasons away; the zone sells again when none is left."""
    stopped = turn.zone(zone).stopped
    left = tuple(reason for reason in stopped if reason not in reasons)
    if len(left) < len(stopped):
        turn.tell(SalesResumed(zone, left, by), zone)


def standing(turn: Turn, zone: str) -> Standing:
    """What a shopper would find now."""
    if turn.zone(zone).stopped:
        return "stopped"
    return "open" if turn.plan.sells_at(zone, turn.local) else "closed_hours"
