"""What reaches the store besides facts and commands."""

from __future__ import annotations

from typing import Literal

from device.domain.events import StartReason
from device.domain.record import record


@record
class Begin:
    """The program starts. ``power_lost``: the boot is another one, and the last stop was not clean."""

    version: str
    reason: StartReason


@record
class Halt:
    """The program is to stop; shut doors are locked now."""

    reason: str


@record
class Tick:
    """Time has passed: whatever is due happens."""


@record
class ClockState:
    """Whether the wall clock is believed from now on, and to within how many seconds."""

    trusted: bool
    error_s: float


@record
class JournalRoom:
    """How much room the journal has left."""

    room: Literal["ok", "nearly_full", "full"]


@record
class BrokerState:
    """Whether the broker has not been reached for a while. Nothing depends on it but what the table of degraded modes says."""

    down: bool


@record
class NewChallenge:
    """A fresh random challenge that the status tells from now on."""

    value: str


@record
class Reloaded:
    """What came of reading the configuration again. ``faults`` empty: it is in force. ``command``: who asked, None for SIGHUP."""

    command: str | None
    faults: tuple[str, ...]


@record
class Overload:
    """More comes in, or less is taken off our hands, than should be.

    ``waiting`` facts wait for the engine, half its bound or more; ``aside`` events are kept aside because the broker refuses them.
    """

    waiting: int
    aside: int


@record
class SubjectForgotten:
    """What came of the command ``forget``. ``known``: there was a name to forget. ``reason`` None: it is done."""

    command: str
    known: bool
    reason: str | None = None


Happening = Begin | Halt | Tick | ClockState | JournalRoom | BrokerState | NewChallenge | Reloaded | Overload | SubjectForgotten
