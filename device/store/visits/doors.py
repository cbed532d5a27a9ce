"""Doors and their locks: what is commanded, what is observed, and what is done where the two differ.

A relay is never assumed: an order is over when the relay was read back, and where there is a bolt contact, when the bolt has followed.
Nothing here unlocks by itself: only ``unlock`` of the table does, once a grant; a lock that comes back after it was lost is at most locked.
"""

from __future__ import annotations

from device.domain.events import DoorClosed, DoorLocked, DoorOpened, DoorUnlocked, LockState
from device.domain.facts import BoltMoved, DoorMoved, LockDriven, RelayMoved
from device.store import alarms, answers
from device.store.turn import Turn

BOLT_S = 1.5
"""A bolt that has not followed its relay after this long is jammed: solenoids take tens of milliseconds, motors up to a second."""
RETRY_S = 2.0
"""A relay that refused to lock is asked again after this long."""


def unlock(turn: Turn, zone: str) -> None:
    """Drive all locks of a zone open, and let the window run."""
    hold_open(turn, zone)
    turn.start_timer(f"window:{zone}", turn.rules(zone).unlock_window_s)


def hold_open(turn: Turn, zone: str) -> None:
    """Drive all locks of a zone open for as long as the table says."""
    _answer_locked(turn, zone, "interrupted")
    for entry in turn.plan.locks_of(zone):
        turn.order_lock(entry.id, True)


def lock(turn: Turn, zone: str) -> None:
    """Drive the locks of a zone shut, unless there is a fire: then only a person may."""
    turn.stop_timer(f"window:{zone}")
    if turn.zone(zone).fire:
        return
    for entry in turn.plan.locks_of(zone):
        if turn.live.door_closed.get(entry.id) is not False:
            turn.order_lock(entry.id, False)


def relock_on_open(turn: Turn, zone: str) -> None:
    """Locks that may re-arm behind the opening door do so; the others wait until it has closed."""
    turn.stop_timer(f"window:{zone}")
    for entry in turn.plan.locks_of(zone):
        if entry.relock == "on_open" and not turn.zone(zone).fire:
            turn.order_lock(entry.id, False)


def release(turn: Turn, zone: str) -> None:
    """Fire: every lock that fails safe is opened; the others are left to their exit devices."""
    _answer_locked(turn, zone, "interrupted")
    for entry in turn.plan.locks_of(zone):
        open_by_now = turn.live.relay_unlocked.get(entry.id) is True or entry.id in turn.live.pending
        if entry.fail == "safe" and not (turn.lock(entry.id).unlocked and open_by_now):
            turn.order_lock(entry.id, True, for_people=True)


def secure(turn: Turn, lock_id: str) -> None:
    """Lock a relay that is found open with its door shut and nobody entitled to open it."""
    entry = turn.plan.locks[lock_id]
    zone = turn.zone(entry.zone)
    wanted = turn.lock(lock_id).unlocked and zone.phase == "unlocked"
    stray = turn.live.relay_unlocked.get(lock_id) is True and turn.live.door_closed.get(lock_id) is True
    if stray and not wanted and not zone.fire and lock_id not in turn.live.pending:
        turn.order_lock(lock_id, False)


def watch_door(turn: Turn, zone: str) -> None:
    """From now on the open door is timed."""
    opened_at = turn.zone(zone).opened_at
    already = turn.moment.uptime - opened_at if opened_at is not None else 0.0
    turn.start_timer(f"held:{zone}", max(0.0, turn.rules(zone).door_held_s - already))


def unwatch_door(turn: Turn, zone: str) -> None:
    turn.stop_timer(f"held:{zone}")
    alarms.end_alarm(turn, "door_held", zone)


def held_too_long(turn: Turn, zone: str) -> None:
    turn.stop_timer(f"held:{zone}")
    if turn.zone(zone).door_open:
        alarms.raise_alarm(turn, "door_held", zone, zone, limit_s=turn.rules(zone).door_held_s)


def raise_forced(turn: Turn, zone: str) -> None:
    alarms.raise_alarm(turn, "door_forced", zone, zone, locks=[lock.id for lock in turn.plan.locks_of(zone)])


def door_moved(turn: Turn, fact: DoorMoved) -> bool | None:
    """Tell that a door opened or closed. Returns whether the zone's door is open now, None where nothing changed or it is not known."""
    zone_id = turn.plan.locks[fact.lock].zone
    turn.live.door_closed[fact.lock] = fact.closed
    if fact.closed is None:
        return None
    states = [turn.live.door_closed.get(entry.id) for entry in turn.plan.locks_of(zone_id)]
    zone = turn.zone(zone_id)
    session = zone.session.id if zone.session else None
    if not fact.closed:
        if zone.door_open is not True:
            _tell_late_outcomes(turn, zone_id)
            turn.tell(DoorOpened(zone_id, fact.lock, session), zone_id)
        return True
    if any(closed is not True for closed in states):
        return None
    if zone.door_open is True:
        open_for_s = round(turn.moment.uptime - zone.opened_at, 3) if zone.opened_at is not None else None
        turn.tell(DoorClosed(zone_id, fact.lock, session, open_for_s), zone_id)
    return False


def relay_moved(turn: Turn, fact: RelayMoved) -> None:
    turn.live.relay_unlocked[fact.lock] = fact.unlocked
    zone = turn.plan.locks[fact.lock].zone
    if turn.zone(zone).fire:
        release(turn, zone)
    secure(turn, fact.lock)


def bolt_moved(turn: Turn, fact: BoltMoved) -> None:
    turn.live.bolt_locked[fact.lock] = fact.locked
    if fact.lock in turn.live.awaiting_bolt and fact.locked is not None and fact.locked != turn.lock(fact.lock).unlocked:
        _tell_moved(turn, fact.lock)


def lock_driven(turn: Turn, fact: LockDriven) -> str | None:
    """Take note of what came of an order. Returns the zone whose unlocking failed, None otherwise."""
    if turn.live.pending.get(fact.lock) != fact.order:
        return None
    del turn.live.pending[fact.lock]
    unlock_wanted = turn.lock(fact.lock).unlocked
    zone = turn.plan.locks[fact.lock].zone
    if not fact.ok:
        if turn.zone(zone).fire and fact.reason != "gone":
            turn.start_timer(f"relock:{fact.lock}", RETRY_S)
        if unlock_wanted:
            return zone
        _answer_locked(turn, zone, fact.reason)
        if fact.reason not in ("gone", "busy"):
            alarms.raise_alarm(turn, "lock_jammed", zone, zone, lock=fact.lock, reason=fact.reason)
        turn.start_timer(f"relock:{fact.lock}", RETRY_S)
        return None
    turn.live.relay_unlocked[fact.lock] = unlock_wanted
    turn.stop_timer(f"relock:{fact.lock}")
    bolt = turn.live.bolt_locked.get(fact.lock)
    if bolt is not None and bolt == unlock_wanted:
        turn.live.awaiting_bolt[fact.lock] = fact.order
        turn.start_timer(f"bolt:{fact.lock}", BOLT_S)
    else:
        _tell_moved(turn, fact.lock)
    return None


def bolt_is_late(turn: Turn, lock_id: str) -> None:
    """The bolt did not follow its relay: say what is, and raise the alarm where it matters."""
    turn.stop_timer(f"bolt:{lock_id}")
    if lock_id not in turn.live.awaiting_bolt:
        return
    unlock_wanted = turn.lock(lock_id).unlocked
    zone = turn.plan.locks[lock_id].zone
    if unlock_wanted or turn.live.door_closed.get(lock_id) is True:
        alarms.raise_alarm(turn, "lock_jammed", zone, zone, lock=lock_id, reason="bolt did not follow")
    _tell_moved(turn, lock_id)


def retry(turn: Turn, lock_id: str) -> None:
    """Ask a relay again that would not lock, or in a fire, would not open."""
    turn.stop_timer(f"relock:{lock_id}")
    zone = turn.zone(turn.plan.locks[lock_id].zone)
    if zone.fire:
        release(turn, turn.plan.locks[lock_id].zone)
    elif not turn.lock(lock_id).unlocked and turn.live.door_closed.get(lock_id) is True:
        turn.order_lock(lock_id, False)


def observed(turn: Turn, lock_id: str) -> LockState | None:
    """What the bolt contact says; None without one."""
    bolt = turn.live.bolt_locked.get(lock_id)
    return None if bolt is None else ("locked" if bolt else "unlocked")


def _tell_moved(turn: Turn, lock_id: str) -> None:
    turn.live.awaiting_bolt.pop(lock_id, None)
    turn.stop_timer(f"bolt:{lock_id}")
    zone_id = turn.plan.locks[lock_id].zone
    session = turn.zone(zone_id).session
    event = DoorUnlocked if turn.lock(lock_id).unlocked else DoorLocked
    turn.tell(
        event(zone_id, lock_id, session.id if session else None, session.command if session else None, observed(turn, lock_id)), zone_id
    )
    if not turn.lock(lock_id).unlocked:
        _answer_locked(turn, zone_id)


def _answer_locked(turn: Turn, zone_id: str, failure: str | None = None) -> None:
    """Give a ``lock`` command its outcome, once all locks of the zone have moved or one has not."""
    under_way = {*turn.live.pending, *turn.live.awaiting_bolt}
    if failure is None and any(entry.id in under_way for entry in turn.plan.locks_of(zone_id)):
        return
    command = turn.live.lock_commands.pop(zone_id, None)
    if command and failure:
        answers.finish(turn, command, "failed", reason=failure)
    elif command:
        bolts = [observed(turn, entry.id) for entry in turn.plan.locks_of(zone_id)]
        answers.finish(turn, command, "done", result={"locked": "unlocked" not in bolts, "observed": bolts[0] if bolts else None})


def _tell_late_outcomes(turn: Turn, zone_id: str) -> None:
    """An open door shows that its relay has moved, whether or not relay and bolt have said so yet."""
    for entry in turn.plan.locks_of(zone_id):
        driven = entry.id in turn.live.pending and turn.lock(entry.id).unlocked and turn.live.door_closed.get(entry.id) is False
        if driven:
            del turn.live.pending[entry.id]
        if driven or entry.id in turn.live.awaiting_bolt:
            _tell_moved(turn, entry.id)
