"""Rooms that are walked into, as a literal table; ``niches`` has that of the cabinets inside. Read ``cabinet`` first: a row means the same.

What is different: a session of a room is not about its door. It begins when the entrance opens for a code, goes on while the door is
shut, and ends on the way out. Five thoughts explain the rest:

* **The way out needs nothing.** The door can always be opened from within, by hardware; here that is only observed. Whoever opens it with
  somebody inside, or right after the exit device was used, has not forced it.
* A visitor is gone when the code was shown at a reader on the way out and the door has been used; or when the door was used from within
  and presence then says that the room is empty. Where there is neither a presence input nor a reader on the
  way out, one who was alone is taken to have left.
* A visitor may also have left unseen: while the program was dead or the lock out of reach, or by turning round in the open door. Where
  presence then sees nobody for a minute, they are taken to have left, and their cart is looked at (``gap``). So are those who had shown
  the code on the way out and whose door was heard again shut, where there is no presence input. Of others nobody can know:
  their session ends when they are seen to leave, or after ``max_session_s``.
* The cabinets in a room are open while somebody is in it who may take from them, and locked when nobody is: a cabinet whose sales are
  stopped, or whose own hours and grace are over, locks as soon as its door is shut. It is not opened again before somebody else comes in.
* With several visitors a pick is nobody's, and all of them need review (``basket.nobodys``): honest, and a reason to let one in at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

from device.domain.events import EndReason, Purpose
from device.store import answers, sales
from device.store.goods import basket, shelves, tags
from device.store.memory.notes import PhaseChanged, VisitorMoved, WalkedOut
from device.store.memory.state import Phase, Session
from device.store.turn import Turn
from device.store.visits import doors, niches, sessions, visits

RoomTrigger = Literal["granted", "let_out", "opened", "left_by", "closed", "window_passed"]
RoomAction = Literal[
    "unlock", "lock", "relock_on_open", "watch_door", "unwatch_door", "raise_forced", "enter", "walk_out", "leave", "give_up"
]
EXIT_S = 10.0
"""A door that opens this soon after the exit device was used was opened by it."""
EMPTY_S = 60.0
"""A room that a visitor may have left unseen is empty after so long without anybody seen. As long may a sensor see who has left."""


class RoomRow(NamedTuple):
    """What follows: the next phase of the entrance, and what is done on the way."""

    phase: Phase
    actions: tuple[RoomAction, ...] = ()


ROOM: dict[tuple[Phase, RoomTrigger], RoomRow] = {
    ("shut", "granted"): RoomRow("unlocked", ("unlock",)),
    ("shut", "let_out"): RoomRow("unlocked", ("unlock",)),
    ("shut", "left_by"): RoomRow("open", ("walk_out", "watch_door")),
    ("shut", "opened"): RoomRow("forced", ("raise_forced", "watch_door")),
    ("shut", "closed"): RoomRow("shut"),
    ("unlocked", "opened"): RoomRow("open", ("relock_on_open", "enter", "watch_door")),
    ("unlocked", "left_by"): RoomRow("open", ("relock_on_open", "enter", "walk_out", "watch_door")),
    ("unlocked", "let_out"): RoomRow("unlocked"),
    ("unlocked", "window_passed"): RoomRow("shut", ("lock", "give_up")),
    ("unlocked", "closed"): RoomRow("unlocked"),
    ("open", "let_out"): RoomRow("open"),
    ("open", "opened"): RoomRow("open"),
    ("open", "left_by"): RoomRow("open", ("walk_out",)),
    ("open", "closed"): RoomRow("shut", ("lock", "unwatch_door", "leave")),
    ("forced", "opened"): RoomRow("forced"),
    ("forced", "left_by"): RoomRow("forced"),
    ("forced", "closed"): RoomRow("shut", ("lock", "unwatch_door")),
}


def start(
    turn: Turn,
    zone: str,
    purpose: Purpose,
    subject: str,
    *,
    order: str | None = None,
    order_lines: dict[str, int] | None = None,
    command: str | None = None,
    jti: str | None = None,
) -> None:
    """Let somebody into a room."""
    session = visits.begin(turn, zone, purpose, subject, order=order, order_lines=order_lines, command=command, jti=jti)
    turn.start_timer(f"stay:{session.id}", turn.rules(zone).max_session_s)
    closing_s = sales.closing_s(turn, zone, purpose)
    if closing_s is not None:
        turn.start_timer(f"closing:{session.id}", closing_s)
    trigger(turn, zone, "granted")


def trigger(turn: Turn, zone: str, what: RoomTrigger) -> None:
    """Go through one row of the entrance's table."""
    phase = turn.zone(zone).phase
    row = ROOM[phase, what]
    if row.phase != phase:
        turn.note(PhaseChanged(zone, row.phase))
    for action in row.actions:
        _ROOM_ACTIONS[action](turn, zone)


def door_moved(turn: Turn, zone: str, is_open: bool) -> None:
    """The entrance opened or closed."""
    if not is_open:
        trigger(turn, zone, "closed")
        presence_changed(turn, zone, was_seen=False)
        return
    exit_at = turn.live.exit_at.get(zone)
    from_within = exit_at is not None and turn.moment.uptime - exit_at <= EXIT_S
    expected = turn.zone(zone).phase == "unlocked"
    trigger(turn, zone, "left_by" if from_within or (visits.visitors(turn, zone) and not expected) else "opened")


def exit_used(turn: Turn, zone: str) -> None:
    """An exit button or exit input of the room: remembered, since it opens the door by itself."""
    turn.live.exit_at[zone] = turn.moment.uptime
    if turn.zone(zone).phase == "open":
        trigger(turn, zone, "left_by")


def presence_changed(turn: Turn, zone: str, *, was_seen: bool) -> None:
    """Presence says that the room is empty: whoever left by the door has left. Or that it is not: then they have not.

    ``was_seen``: until now somebody was seen there.
    """
    if turn.door_shut(zone) and (was_seen or _is_seen(turn, zone)) and turn.moment.uptime >= turn.live.unseen.get(zone, 0.0):
        turn.live.unseen.pop(zone, None)
    if _somebody_present(turn, zone):
        turn.stop_timer(f"empty:{zone}")
        _stay(turn, zone)
    elif not turn.plan.inputs_of(zone, "presence") or turn.zone(zone).phase != "shut":
        return
    elif turn.zone(zone).walked_out:
        _all_leave(turn, zone)
    elif zone in turn.live.unseen and visits.visitors(turn, zone) and f"empty:{zone}" not in turn.state.timers:
        turn.start_timer(f"empty:{zone}", EMPTY_S)


def unwatched(turn: Turn, zone: str) -> None:
    """Nobody sees the door of a room, or nobody has for a while: from here on its visitors may have left."""
    if turn.rules(zone).kind == "room" and visits.visitors(turn, zone):
        turn.live.unseen[zone] = turn.moment.uptime + EMPTY_S
        turn.live.unseen_leaving |= {session.id for session in visits.visitors(turn, zone) if session.leaving}


def found_empty(turn: Turn, zone: str) -> None:
    """Nobody has been seen for long enough in a room that its visitors may have left unseen."""
    turn.stop_timer(f"empty:{zone}")
    if turn.zone(zone).phase != "shut" or zone not in turn.live.unseen or _somebody_present(turn, zone):
        return
    del turn.live.unseen[zone]
    for session in visits.visitors(turn, zone):
        basket.review(turn, session, "gap")
    _all_leave(turn, zone)


def shown_on_the_way_out(turn: Turn, zone: str, jti: str | None, subject: str) -> bool:
    """A code at a reader on the way out: its visitor is leaving. False where nobody inside has that code."""
    codes = {jti} if jti is None else {jti, turn.names.code_of(jti)}
    subjects = {subject, turn.names.subject_of(subject)}
    for session in visits.visitors(turn, zone):
        if session.jti in codes and session.subject in subjects:
            turn.live.unseen_leaving.discard(session.id)
            turn.note(VisitorMoved(zone, session.id, inside=True, leaving=True))
            trigger(turn, zone, "let_out")
            return True
    return False


def unlock_failed(turn: Turn, zone: str, reason: str) -> None:
    """The entrance would not open: who wanted in has not come."""
    if turn.zone(zone).phase != "unlocked":
        return
    for session in turn.zone(zone).sessions:
        if session.command and not session.inside:
            answers.finish(turn, session.command, "failed", reason=reason or "lock")
    trigger(turn, zone, "window_passed")


def end(turn: Turn, zone: str, session: Session, reason: EndReason) -> None:
    """End one session now, whatever the doors do."""
    for timer in ("stay", "closing", "leave", "rest"):
        turn.stop_timer(f"{timer}:{session.id}")
    turn.live.unseen_leaving.discard(session.id)
    entered = session.inside
    visits.finish(turn, session, reason)
    if turn.zone(zone).phase == "unlocked" and not entered:
        trigger(turn, zone, "window_passed")
    if entered and not visits.visitors(turn, zone):
        turn.live.unseen.pop(zone, None)
        for timer in (f"empty:{zone}", *(f"closing:{inner}" for inner in turn.plan.inside(zone))):
            turn.stop_timer(timer)
        for inner in turn.plan.inside(zone):
            niches.trigger(turn, inner, "room_empty")


def end_all(turn: Turn, zone: str, reason: EndReason) -> None:
    for session in list(turn.zone(zone).sessions):
        end(turn, zone, session, reason)


def call_off(turn: Turn, zone: str, reason: EndReason) -> None:
    """Lock the entrance now: who wanted in has not come, and who wanted out may show the code again."""
    unlocked = turn.zone(zone).phase == "unlocked"
    for session in [each for each in turn.zone(zone).sessions if not each.inside]:
        end(turn, zone, session, reason)
    if turn.zone(zone).phase == "unlocked":
        trigger(turn, zone, "window_passed")
    elif not unlocked:
        doors.lock(turn, zone)


def settled(turn: Turn, zone: str) -> None:
    """End the sessions whose visitors have left, once their settling time is over, no plate moves, and tags are known."""
    if not (_at_rest(turn, zone) and tags.are_known(turn, zone)):
        return
    for session in list(turn.zone(zone).sessions):
        if f"rest:{session.id}" in turn.state.timers:
            end(turn, zone, session, "exit")


def due(turn: Turn, kind: str, zone: str, session: Session) -> None:
    """A timer of one visitor."""
    turn.stop_timer(f"{kind}:{session.id}")
    if kind == "stay" or (kind == "closing" and not _is_leaving(turn, session)):
        end(turn, zone, session, "timeout")
    elif kind == "leave":
        turn.start_timer(f"rest:{session.id}", sessions.rest_limit_s(turn, zone))
        settled(turn, zone)
    elif kind == "rest":
        if not _at_rest(turn, zone):
            basket.review(turn, session, "unexplained_step")
        end(turn, zone, session, "exit")


def _at_rest(turn: Turn, zone: str) -> bool:
    return all(shelves.at_rest(turn, place) for place in (zone, *turn.plan.inside(zone)))


def _somebody_present(turn: Turn, zone: str) -> bool:
    return any(turn.live.inputs.get(each, True) or turn.live.online.get(each) is False for each in turn.plan.inputs_of(zone, "presence"))


def _is_seen(turn: Turn, zone: str) -> bool:
    return any(turn.live.inputs.get(each) for each in turn.plan.inputs_of(zone, "presence"))


def _enter(turn: Turn, zone: str) -> None:
    entering = [session for session in turn.zone(zone).sessions if not session.inside]
    for session in entering:
        turn.note(VisitorMoved(zone, session.id, inside=True, leaving=False))
        visits.answer_opened(turn, session)
    if entering:
        _walk_out(turn, zone, out=False)
        turn.live.unseen[zone] = turn.moment.uptime
        purposes = niches.purposes(turn, zone)
        for inner in turn.plan.inside(zone):
            if turn.zone(inner).fire or all(sales.may_take(turn, inner, purpose) for purpose in purposes):
                niches.trigger(turn, inner, "room_entered")
                niches.keep_hours(turn, inner, purposes)
            else:
                niches.forbid(turn, inner)


def _walk_out(turn: Turn, zone: str, *, out: bool = True) -> None:
    if turn.zone(zone).walked_out != out:
        turn.note(WalkedOut(zone, out))


def _leave(turn: Turn, zone: str) -> None:
    """The door has closed: who showed the code has left, and of those who used the door, whom presence no longer sees."""
    for session in visits.visitors(turn, zone):
        if session.leaving:
            _start_leaving(turn, session)
    if not turn.zone(zone).walked_out or turn.plan.inputs_of(zone, "presence"):
        return  # what presence says is looked at next
    if len(visits.visitors(turn, zone)) == 1 and not _has_way_out(turn, zone):
        _all_leave(turn, zone)


def _has_way_out(turn: Turn, zone: str) -> bool:
    """Whether there is a reader at which who leaves shows the code. Then the door alone says nothing: it also lets in, and is held open."""
    return any(where == zone and turn.plan.directions[reader] != "in" for reader, where in turn.plan.reader_zone.items())


def _all_leave(turn: Turn, zone: str) -> None:
    _walk_out(turn, zone, out=False)
    for session in visits.visitors(turn, zone):
        _start_leaving(turn, session)


def _stay(turn: Turn, zone: str) -> None:
    """Somebody is seen before the carts are final: it can only be who was taken to have left, unless somebody else has come in."""
    inside = visits.visitors(turn, zone)
    if not inside or any(session.leaving or not _is_leaving(turn, session) for session in inside):
        return
    _walk_out(turn, zone)
    for session in inside:
        turn.stop_timer(f"leave:{session.id}")
        turn.stop_timer(f"rest:{session.id}")
        left_s = session.started + turn.rules(zone).max_session_s - turn.moment.uptime
        turn.start_timer(f"stay:{session.id}", max(0.0, left_s))


def _is_leaving(turn: Turn, session: Session) -> bool:
    return any(f"{timer}:{session.id}" in turn.state.timers for timer in ("leave", "rest"))


def _start_leaving(turn: Turn, session: Session) -> None:
    if not _is_leaving(turn, session):
        turn.stop_timer(f"stay:{session.id}")
        turn.start_timer(f"leave:{session.id}", turn.rules(session.zone).settle_s)


def _give_up(turn: Turn, zone: str) -> None:
    """Nobody used the door: who wanted in has not come, who wanted out is still here."""
    for session in list(turn.zone(zone).sessions):
        if not session.inside:
            end(turn, zone, session, "never_opened")
        elif session.id in turn.live.unseen_leaving and not turn.plan.inputs_of(zone, "presence"):
            basket.review(turn, session, "gap")
            _start_leaving(turn, session)
        elif session.leaving:
            turn.note(VisitorMoved(zone, session.id, inside=True, leaving=False))


_ROOM_ACTIONS: dict[RoomAction, Callable[[Turn, str], None]] = {
    "unlock": doors.unlock,
    "lock": doors.lock,
    "relock_on_open": doors.relock_on_open,
    "watch_door": doors.watch_door,
    "unwatch_door": doors.unwatch_door,
    "raise_forced": doors.raise_forced,
    "enter": _enter,
    "walk_out": _walk_out,
    "leave": _leave,
    "give_up": _give_up,
}
