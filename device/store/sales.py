"""Whether a zone sells: it does until a reason stops it, and again when none is left."""

from __future__ import annotations

from typing import Literal

from device.domain.events import Purpose, SalesResumed, SalesStopped
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


def closing_s(turn: Turn, zone: str, purpose: Purpose) -> float | None:
    """How long a session that starts now may last for the hours' sake: until they end, and the zone's grace. None: as long as any."""
    if not turn.moment.trusted:
        return None
    rules = turn.rules(zone)
    left_s = turn.plan.opening(zone, purpose).closes_after(turn.local, rules.max_session_s)
    return None if left_s is None else left_s + rules.closing_grace_s


def may_take(turn: Turn, zone: str, purpose: Purpose) -> bool:
    """Whether somebody who is in already may take from a zone now. Restocking and service always may."""
    if purpose not in ("shop", "pickup"):
        return True
    opening = turn.plan.opening(zone, purpose)
    return not turn.zone(zone).stopped and (opening.always or (turn.moment.trusted and opening.is_open(turn.local)))


def standing(turn: Turn, zone: str) -> Standing:
    """What a shopper would find now."""
    if turn.zone(zone).stopped:
        return "stopped"
    return "open" if turn.plan.sells_at(zone, turn.local) else "closed_hours"
