"""Whether a zone sells: it does until a reason stops it, and again when none is left."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from device.domain.degraded import Mode
from device.domain.events import Purpose, SalesResumed, SalesStopped
from device.store.turn import Turn

Standing = Literal["open", "closed_hours", "stopped"]
FORBIDDEN_IN: Mapping[Mode, frozenset[Purpose]] = {
    "all": frozenset(),
    "review": frozenset(),
    "pickups": frozenset({"shop"}),
    "nothing": frozenset({"shop", "pickup"}),
}
"""What a mode keeps people from; the rest it allows."""


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


def clock_moved(turn: Turn) -> None:
    """The clock on the wall was set: who is inside has until the hours end by it, and the grace; never less than the grace from now."""
    for zone, state in turn.state.zones.items():
        for session in state.sessions if zone in turn.plan.zones else ():
            timer = f"closing:{session.id}" if turn.rules(zone).kind == "room" else f"closing:{zone}"
            left_s = closing_s(turn, zone, session.purpose)
            if left_s is not None:
                turn.start_timer(timer, left_s)
            elif turn.moment.trusted:
                turn.stop_timer(timer)


def may_take(turn: Turn, zone: str, purpose: Purpose) -> bool:
    """Whether somebody who is in already may take from a zone now. Restocking and service always may."""
    if purpose not in ("shop", "pickup"):
        return True
    opening = turn.plan.opening(zone, purpose)
    return not is_stopped(turn, zone, purpose) and (opening.always or (turn.moment.trusted and opening.is_open(turn.local)))


def is_stopped(turn: Turn, zone: str, purpose: Purpose) -> bool:
    """Whether somebody or something has stopped a zone for a purpose, be it a fault."""
    state = turn.zone(zone)
    return (bool(state.stopped) and purpose in ("shop", "pickup")) or purpose in FORBIDDEN_IN[state.mode]


def reasons(turn: Turn, zone: str) -> list[str]:
    """Why nothing is sold now; the faults, too, where they are why."""
    state = turn.zone(zone)
    return [*state.stopped, *(state.faults if "shop" in FORBIDDEN_IN[state.mode] else ())]


def standing(turn: Turn, zone: str) -> Standing:
    """What a shopper would find now."""
    if is_stopped(turn, zone, "shop"):
        return "stopped"
    return "open" if turn.plan.sells_at(zone, turn.local) else "closed_hours"
