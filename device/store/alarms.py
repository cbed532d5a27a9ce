"""Alarms: raised once a kind and place, cleared by their condition's end or by a person."""

from __future__ import annotations

from typing import Any

from device.domain.events import AlarmCleared, AlarmKind, AlarmRaised
from device.store.memory.state import Alarm
from device.store.turn import Turn

CLEARED_BY_PEOPLE: frozenset[AlarmKind] = frozenset(
    {
        "door_forced",
        "lock_jammed",
        "unexplained_removal",
        "unexplained_addition",
        "tag_without_weight",
        "weight_without_tag",
        "swap_suspected",
        "tamper",
    }
)
"""These stay until ``acknowledge_alarm``; ``fire`` until ``clear_fire``; all others end with their condition."""


def standing(turn: Turn, kind: AlarmKind, place: str) -> Alarm | None:
    """The alarm of this kind at this place, if it stands."""
    return next((alarm for alarm in turn.state.alarms.values() if alarm.kind == kind and alarm.place == place), None)


def raise_alarm(turn: Turn, kind: AlarmKind, place: str, zone: str | None, **details: Any) -> None:
    """Raise an alarm, unless it stands already. ``place`` is a zone, slot or device."""
    if not standing(turn, kind, place):
        turn.tell(AlarmRaised(f"{turn.epoch}-a{turn.state.seq + 1}", kind, zone, details), place)


def end_alarm(turn: Turn, kind: AlarmKind, place: str, by: str | None = None) -> None:
    """Clear an alarm whose condition is over."""
    alarm = standing(turn, kind, place)
    if alarm:
        clear(turn, alarm, by)


def clear(turn: Turn, alarm: Alarm, by: str | None, note: str | None = None) -> None:
    """Clear one alarm; ``note`` is what the person who did it wrote."""
    details = alarm.details | ({"note": note} if note else {})
    turn.tell(AlarmCleared(alarm.id, alarm.kind, alarm.zone, details, by), alarm.place)
