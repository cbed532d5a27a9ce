"""The cabinets inside a room, as a literal table. Read ``rooms`` first.

They have no sessions of their own: what is taken from them is taken by who is in the room. Each obeys its own hours and stopped sales.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

from device.domain.events import Purpose
from device.store import sales
from device.store.memory.notes import PhaseChanged
from device.store.memory.state import Phase
from device.store.turn import Turn
from device.store.visits import doors, visits

NicheTrigger = Literal["room_entered", "room_empty", "forbidden", "opened", "closed"]
NicheAction = Literal["unlock", "lock", "watch_door", "unwatch_door", "raise_forced"]


class NicheRow(NamedTuple):
    """What follows for a cabinet in a room."""

    phase: Phase
    actions: tuple[NicheAction, ...] = ()


NICHE: dict[tuple[Phase, NicheTrigger], NicheRow] = {
    ("shut", "room_entered"): NicheRow("unlocked", ("unlock",)),
    ("shut", "room_empty"): NicheRow("shut"),
    ("shut", "forbidden"): NicheRow("shut"),
    ("shut", "opened"): NicheRow("forced", ("raise_forced", "watch_door")),
    ("shut", "closed"): NicheRow("shut"),
    ("unlocked", "room_entered"): NicheRow("unlocked", ("unlock",)),
    ("unlocked", "room_empty"): NicheRow("shut", ("lock",)),
    ("unlocked", "forbidden"): NicheRow("shut", ("lock",)),
    ("unlocked", "opened"): NicheRow("open", ("watch_door",)),
    ("unlocked", "closed"): NicheRow("unlocked"),
    ("open", "room_entered"): NicheRow("open"),
    ("open", "room_empty"): NicheRow("overstayed"),
    ("open", "forbidden"): NicheRow("overstayed"),
    ("open", "opened"): NicheRow("open"),
    ("open", "closed"): NicheRow("unlocked", ("unwatch_door",)),
    ("overstayed", "room_entered"): NicheRow("open"),
    ("overstayed", "room_empty"): NicheRow("overstayed"),
    ("overstayed", "forbidden"): NicheRow("overstayed"),
    ("overstayed", "opened"): NicheRow("overstayed"),
    ("overstayed", "closed"): NicheRow("shut", ("lock", "unwatch_door")),
    ("forced", "room_entered"): NicheRow("open"),
    ("forced", "room_empty"): NicheRow("forced"),
    ("forced", "forbidden"): NicheRow("forced"),
    ("forced", "opened"): NicheRow("forced"),
    ("forced", "closed"): NicheRow("shut", ("lock", "unwatch_door")),
}


def trigger(turn: Turn, zone: str, what: NicheTrigger) -> None:
    """Go through one row of the table of a cabinet in a room."""
    phase = turn.zone(zone).phase
    row = NICHE[phase, what]
    if row.phase != phase:
        turn.note(PhaseChanged(zone, row.phase))
    for action in row.actions:
        _ACTIONS[action](turn, zone)


def forbid(turn: Turn, inner: str) -> None:
    """Nobody who is in the room may take from a cabinet there any more: it locks, now or when its door closes."""
    turn.stop_timer(f"closing:{inner}")
    trigger(turn, inner, "forbidden")


def obey_stops(turn: Turn) -> None:
    """Lock the cabinets in rooms from which somebody who is inside may not take since their sales were stopped."""
    for zone, room in turn.plan.zones.items():
        if room.kind == "room" and (wanted := purposes(turn, zone)):
            for inner in turn.plan.inside(zone):
                stopped = any(sales.is_stopped(turn, inner, purpose) for purpose in wanted)
                if stopped and turn.zone(inner).phase in ("unlocked", "open") and not turn.zone(inner).fire:
                    forbid(turn, inner)


def clock_moved(turn: Turn) -> None:
    """The clock on the wall was set: the cabinets in rooms close by it."""
    for zone, room in turn.plan.zones.items():
        if room.kind == "room":
            for inner in turn.plan.inside(zone):
                if turn.zone(inner).phase in ("unlocked", "open") and turn.moment.trusted:
                    keep_hours(turn, inner, purposes(turn, zone))


def keep_hours(turn: Turn, inner: str, purposes: set[Purpose]) -> None:
    """Have a cabinet in a room locked at the end of its own hours, and its grace."""
    closings = [left_s for purpose in purposes if (left_s := sales.closing_s(turn, inner, purpose)) is not None]
    if closings:
        turn.start_timer(f"closing:{inner}", min(closings))
    else:
        turn.stop_timer(f"closing:{inner}")


def purposes(turn: Turn, zone: str) -> set[Purpose]:
    """What those who are in a room came for."""
    return {session.purpose for session in visits.visitors(turn, zone)}


_ACTIONS: dict[NicheAction, Callable[[Turn, str], None]] = {
    "unlock": doors.hold_open,
    "lock": doors.lock,
    "watch_door": doors.watch_door,
    "unwatch_door": doors.unwatch_door,
    "raise_forced": doors.raise_forced,
}
