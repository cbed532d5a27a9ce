"""What becomes of a zone whose state cannot be: the configuration has made it another kind while somebody was there, or a visitor of a room
has no deadline left."""

from __future__ import annotations

from device.store.memory.notes import PhaseChanged
from device.store.turn import Turn
from device.store.visits import doors, niches, visits


def misfits(turn: Turn, zone: str) -> bool:
    """Whether a zone is in a state that its kind does not have."""
    rules, state, timers = turn.rules(zone), turn.zone(zone), turn.state.timers
    if rules.kind == "room":
        endless = state.phase == "unlocked" and f"window:{zone}" not in timers
        stays = all(any(f"{timer}:{each.id}" in timers for timer in ("stay", "leave", "rest")) for each in state.sessions)
        return endless or not stays or state.phase in ("settling", "overstayed") or f"session:{zone}" in timers
    if rules.inside:
        return bool(state.sessions) or state.phase == "settling"
    ends = ("settle", "rest") if state.phase == "settling" else ("session",)
    endless = bool(state.sessions) and not any(f"{timer}:{zone}" in timers for timer in ends)
    return endless or len(state.sessions) > 1 or bool(state.sessions) != (state.phase in ("unlocked", "open", "settling"))


def begin_anew(turn: Turn, zone: str) -> None:
    """End a zone's sessions, with review, and lock it; where its door stands open, nothing is taken rightly until it has been shut."""
    for session in list(turn.zone(zone).sessions):
        for timer in ("stay", "closing", "leave", "rest"):
            turn.stop_timer(f"{timer}:{session.id}")
        visits.finish(turn, session, "timeout")
    for timer in ("window", "session", "closing", "settle", "rest", "empty"):
        turn.stop_timer(f"{timer}:{zone}")
    turn.note(PhaseChanged(zone, "forced" if turn.zone(zone).door_open else "shut"))
    if not turn.zone(zone).door_open and any(turn.lock(lock.id).unlocked for lock in turn.plan.locks_of(zone)):
        doors.lock(turn, zone)
    for inner in turn.plan.inside(zone):
        if (turn.zone(inner).phase, "room_empty") in niches.NICHE:
            niches.trigger(turn, inner, "room_empty")
