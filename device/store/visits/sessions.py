"""Sessions of cabinets: they start with a grant or an ``unlock``, go through ``cabinet.TABLE``, and end with a cart."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from device.domain.events import EndReason, Purpose
from device.store import answers, sales
from device.store.goods import basket, shelves, tags
from device.store.memory.notes import PhaseChanged
from device.store.turn import Turn
from device.store.visits import doors, visits
from device.store.visits.cabinet import TABLE, Action, Trigger

REST_LIMIT_S = 2.0
"""Plates that still move this long after the settling time are not waited for: the cart is final and needs review."""
TAGS_LIMIT_S = 4.8
"""And where tags are read, an inventory that has not come by then: it takes 3 s of reading, 4.5 s where some tags are in doubt."""


def start(
    turn: Turn,
    zone: str,
    purpose: Purpose,
    subject: str,
    *,
    order: str | None = None,
    order_lines: Mapping[str, int] | None = None,
    command: str | None = None,
) -> None:
    """Let somebody in: a session starts and the locks open."""
    visits.begin(turn, zone, purpose, subject, order=order, order_lines=order_lines, command=command)
    turn.start_timer(f"session:{zone}", turn.rules(zone).max_session_s)
    closing_s = sales.closing_s(turn, zone, purpose)
    if closing_s is not None:
        turn.start_timer(f"closing:{zone}", closing_s)
    trigger(turn, zone, "granted")


def trigger(turn: Turn, zone: str, what: Trigger, reason: EndReason = "door_closed") -> None:
    """Go through one row of the table. ``reason`` is that of a session which ends on the way."""
    phase = turn.zone(zone).phase
    row = TABLE[phase, what]
    if what == "opened" and phase == "unlocked":
        visits.answer_opened(turn, turn.zone(zone).session)
    if row.phase != phase:
        turn.note(PhaseChanged(zone, row.phase))
    for action in row.actions:
        _ACTIONS[action](turn, zone, reason)


def in_phase(turn: Turn, zone: str, what: Trigger) -> bool:
    """Whether a trigger means anything now."""
    return (turn.zone(zone).phase, what) in TABLE


def settle_if_at_rest(turn: Turn, zone: str) -> None:
    """Make the cart final once the settling time is over, no plate moves, and it is known which tags are there."""
    waiting = turn.zone(zone).phase == "settling" and f"settle:{zone}" not in turn.state.timers
    if waiting and shelves.at_rest(turn, zone) and tags.are_known(turn, zone):
        trigger(turn, zone, "settled")


def settling_time_over(turn: Turn, zone: str) -> None:
    turn.stop_timer(f"settle:{zone}")
    turn.start_timer(f"rest:{zone}", rest_limit_s(turn, zone))
    settle_if_at_rest(turn, zone)


def rest_limit_s(turn: Turn, zone: str) -> float:
    """How long after its settling time a cart waits at most."""
    return TAGS_LIMIT_S if tags.are_read(turn, zone) else REST_LIMIT_S


def rest_limit(turn: Turn, zone: str) -> None:
    """A plate does not come to rest, or a reader does not say what is there: end anyway, and say so."""
    turn.stop_timer(f"rest:{zone}")
    session = turn.zone(zone).session
    if turn.zone(zone).phase != "settling" or session is None:
        return
    if not shelves.at_rest(turn, zone):
        basket.review(turn, session, "unexplained_step")
    trigger(turn, zone, "settled")


def unlock_failed(turn: Turn, zone: str, reason: str) -> None:
    """The relay would not open: the session ends, and whoever asked for it is told."""
    session = turn.zone(zone).session
    if session is None or turn.zone(zone).phase != "unlocked":
        return
    if session.command:
        answers.finish(turn, session.command, "failed", reason=reason or "lock")
    trigger(turn, zone, "window_passed")


def _settle(turn: Turn, zone: str) -> None:
    turn.stop_timer(f"session:{zone}")
    turn.start_timer(f"settle:{zone}", turn.rules(zone).settle_s)


def _unsettle(turn: Turn, zone: str) -> None:
    """The door opened again before the cart was final: the session goes on, within its old limit."""
    turn.stop_timer(f"settle:{zone}")
    turn.stop_timer(f"rest:{zone}")
    session = turn.zone(zone).session
    if session:
        turn.start_timer(f"session:{zone}", max(0.0, session.started + turn.rules(zone).max_session_s - turn.moment.uptime))


def _end(turn: Turn, zone: str, reason: EndReason) -> None:
    session = turn.zone(zone).session
    for timer in ("window", "session", "closing", "settle", "rest"):
        turn.stop_timer(f"{timer}:{zone}")
    if session:
        visits.finish(turn, session, reason)


_ACTIONS: dict[Action, Callable[[Turn, str, EndReason], None]] = {
    "unlock": lambda turn, zone, _: doors.unlock(turn, zone),
    "lock": lambda turn, zone, _: doors.lock(turn, zone),
    "relock_on_open": lambda turn, zone, _: doors.relock_on_open(turn, zone),
    "watch_door": lambda turn, zone, _: doors.watch_door(turn, zone),
    "unwatch_door": lambda turn, zone, _: doors.unwatch_door(turn, zone),
    "settle": lambda turn, zone, _: _settle(turn, zone),
    "unsettle": lambda turn, zone, _: _unsettle(turn, zone),
    "raise_forced": lambda turn, zone, _: doors.raise_forced(turn, zone),
    "end": _end,
    "end_never_opened": lambda turn, zone, _: _end(turn, zone, "never_opened"),
    "end_timeout": lambda turn, zone, _: _end(turn, zone, "timeout"),
}
