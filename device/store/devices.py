"""Devices that are lost, come back or do poorly; inputs; and what follows for the zones they belong to."""

from __future__ import annotations

from device.domain.events import DeviceDegradedEvent, DeviceLostEvent, DeviceRecovered
from device.domain.facts import DeviceDegraded, DeviceLost, DeviceOnline, InputChanged
from device.store import alarms, sales
from device.store.memory.notes import FireChanged
from device.store.turn import Turn
from device.store.visits import doors, rooms, sessions


def online(turn: Turn, fact: DeviceOnline) -> None:
    """A device answers. It is told only where it was lost before, or did poorly, be it before a restart."""
    first = fact.device not in turn.live.online
    turn.live.online[fact.device] = True
    kind = turn.plan.kinds.get(fact.device, "device")
    lost_at = turn.state.lost.get(fact.device)
    if lost_at is not None:
        out_for_s = fact.out_for_s if fact.out_for_s is not None else max(0.0, turn.moment.uptime - lost_at)
        turn.tell(DeviceRecovered(fact.device, kind, "answers again", round(out_for_s, 3)), fact.device)
    elif first and fact.device in turn.state.degraded:
        # What was wrong was known to the program that died; where it still is, that is told anew.
        turn.tell(DeviceRecovered(fact.device, kind, "answers after a restart"), fact.device)
    alarms.end_alarm(turn, "device_lost", fact.device)
    _sell_with_locks(turn, fact.device)


def lost(turn: Turn, fact: DeviceLost) -> None:
    """A device is gone: told once, until it is back."""
    turn.live.online[fact.device] = False
    if fact.device not in turn.state.lost:
        kind = turn.plan.kinds.get(fact.device, "device")
        turn.tell(DeviceLostEvent(fact.device, kind, fact.reason), fact.device)
    zone = turn.plan.zone_of_device(fact.device)
    alarms.raise_alarm(turn, "device_lost", fact.device, zone, device=fact.device, reason=fact.reason)
    if fact.device in turn.plan.locks:
        for known in (turn.live.relay_unlocked, turn.live.door_closed, turn.live.bolt_locked):
            known.pop(fact.device, None)
        turn.live.pending.pop(fact.device, None)
        rooms.unwatched(turn, turn.plan.locks[fact.device].zone)
        sales.stop(turn, turn.plan.locks[fact.device].zone, "device_lost")


def degraded(turn: Turn, fact: DeviceDegraded) -> None:
    """A device does poorly (``reason``), or well again (None)."""
    kind = turn.plan.kinds.get(fact.device, "device")
    if fact.reason is None:
        turn.tell(DeviceRecovered(fact.device, kind, "well again", None, fact.channel), fact.device)
    else:
        turn.tell(DeviceDegradedEvent(fact.device, kind, fact.reason, None, fact.channel), fact.device)


def input_changed(turn: Turn, fact: InputChanged) -> None:
    """Fire, tamper and mains; in a room also the exit device and presence."""
    entry = turn.plan.inputs.get(fact.input)
    if entry is None:
        return
    before, turn.live.inputs[fact.input] = turn.live.inputs.get(fact.input), fact.active
    for zone in entry.zones:
        if entry.kind == "fire" and fact.active:
            fire(turn, zone, fact.input)
        elif entry.kind == "tamper" and fact.active:
            alarms.raise_alarm(turn, "tamper", zone, zone, input=fact.input)
        elif entry.kind == "mains" and fact.active:
            alarms.raise_alarm(turn, "mains_lost", zone, zone, input=fact.input)
        elif entry.kind == "mains":
            alarms.end_alarm(turn, "mains_lost", zone)
        elif entry.kind == "exit" and fact.active and turn.rules(zone).kind == "room":
            rooms.exit_used(turn, zone)
        elif entry.kind == "presence" and turn.rules(zone).kind == "room":
            rooms.presence_changed(turn, zone, was_seen=before is True)


def fire(turn: Turn, zone: str, source: str) -> None:
    """People first: what fails safe opens, nothing locks again until a person clears it, and the session is over."""
    if not turn.zone(zone).fire:
        turn.note(FireChanged(zone, True))
        alarms.raise_alarm(turn, "fire", zone, zone, input=source)
        sales.stop(turn, zone, "fire")
    if turn.rules(zone).kind == "room":
        rooms.end_all(turn, zone, "fire")
    elif turn.zone(zone).session and sessions.in_phase(turn, zone, "ended"):
        sessions.trigger(turn, zone, "ended", "fire")
    doors.release(turn, zone)


def fire_input_active(turn: Turn, zone: str) -> bool:
    return any(entry.kind == "fire" and zone in entry.zones and turn.live.inputs.get(entry.id) for entry in turn.plan.inputs.values())


def _sell_with_locks(turn: Turn, device: str) -> None:
    lock = turn.plan.locks.get(device)
    if lock and all(turn.live.online.get(other.id) is not False for other in turn.plan.locks_of(lock.zone)):
        sales.resume(turn, lock.zone, "device_lost")
