"""The life of a cabinet: one door in front of shelves, as a literal table.

A row says what a trigger does in a phase: the phase that follows and the actions, in their order. A pair that is not in the table cannot
happen, and if it does it is a bug (``KeyError``). Three thoughts explain the rows:

* A lock goes back when its door has opened and closed again, or when nobody opened it in time. While a door is open, nothing locks.
* A session ends with a cart when its door is shut and its plates are quiet. If it must end with the door open, what is taken after that
  is unexplained, and says so at once (phase ``overstayed``).
* A door that opens without a session was forced (phase ``forced``). Nothing but its closing ends that.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from device.store.memory.state import Phase

Trigger = Literal["granted", "opened", "closed", "window_passed", "settled", "time_up", "ended"]
Action = Literal[
    "unlock",
    "lock",
    "relock_on_open",
    "watch_door",
    "unwatch_door",
    "settle",
    "unsettle",
    "raise_forced",
    "end",
    "end_never_opened",
    "end_timeout",
]


class Row(NamedTuple):
    """What follows: the next phase, and what is done on the way."""

    phase: Phase
    actions: tuple[Action, ...] = ()


TABLE: dict[tuple[Phase, Trigger], Row] = {
    ("shut", "granted"): Row("unlocked", ("unlock",)),
    ("shut", "opened"): Row("forced", ("raise_forced", "watch_door")),
    ("shut", "closed"): Row("shut"),
    ("unlocked", "opened"): Row("open", ("relock_on_open", "watch_door")),
    ("unlocked", "closed"): Row("unlocked"),
    ("unlocked", "window_passed"): Row("shut", ("lock", "end_never_opened")),
    ("unlocked", "time_up"): Row("shut", ("lock", "end_timeout")),
    ("unlocked", "ended"): Row("shut", ("lock", "end")),
    ("open", "opened"): Row("open"),
    ("open", "closed"): Row("settling", ("lock", "unwatch_door", "settle")),
    ("open", "time_up"): Row("overstayed", ("end_timeout",)),
    ("open", "ended"): Row("overstayed", ("end",)),
    ("settling", "closed"): Row("settling"),
    ("settling", "opened"): Row("open", ("unsettle", "watch_door")),
    ("settling", "settled"): Row("shut", ("end",)),
    ("settling", "time_up"): Row("settling"),
    ("settling", "ended"): Row("shut", ("unsettle", "end")),
    ("forced", "opened"): Row("forced"),
    ("forced", "closed"): Row("shut", ("lock", "unwatch_door")),
    ("overstayed", "opened"): Row("overstayed"),
    ("overstayed", "closed"): Row("shut", ("lock", "unwatch_door")),
}
