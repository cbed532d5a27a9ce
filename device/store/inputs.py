"""What reaches the store besides facts and commands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from device.domain.events import StartReason


@dataclass(frozen=True, slots=True)
class Begin:
    """The program starts. ``power_lost``: the boot is another one, and the last stop was not clean."""

    version: str
    reason: StartReason


@dataclass(frozen=True, slots=True)
class Halt:
    """The program is to stop; shut doors are locked now."""

    reason: str


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed: whatever is due happens."""


@dataclass(frozen=True, slots=True)
class ClockSynchronised:
    """The kernel's clock is synchronised, to within ``error_s``."""

    error_s: float


@dataclass(frozen=True, slots=True)
class JournalRoom:
    """How much room the journal has left."""

    room: Literal["ok", "nearly_full", "full"]


@dataclass(frozen=True, slots=True)
class NewChallenge:
    """A fresh random challenge that the status tells from now on."""

    value: str


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What came of reading the configuration again. ``faults`` empty: it is in force. ``command``: who asked, None for SIGHUP."""

    command: str | None
    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EventSetAside:
    """The broker refuses an event for good; it is kept aside."""

    seq: int
    reason: str


Happening = Begin | Halt | Tick | ClockSynchronised | JournalRoom | NewChallenge | Reloaded | EventSetAside
