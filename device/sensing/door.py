"""A lock's wires: door contact, bolt contact, exit button, and the relay as read back."""

from __future__ import annotations

from device.domain.facts import BoltMoved, DoorMoved, ExitPressed, Fact, RelayMoved
from device.domain.readings import ContactReading
from device.sensing.debounce import Debounced


class DoorSense:
    """The sense of one lock.

    Contacts and button are debounced. The relay is not: what is read back is the state of an output, which does not bounce, and the store
    wants to know of it before the door that it releases moves. When the device is lost, what was known is known no more.
    """

    def __init__(self, lock: str) -> None:
        self._lock = lock
        self._closed: Debounced[bool] = Debounced()
        self._bolt: Debounced[bool] = Debounced()
        self._exit: Debounced[bool] = Debounced()
        self._unlocked: bool | None = None

    def take(self, reading: ContactReading) -> list[Fact]:
        """The relay first, so that it is known before what it caused."""
        at = reading.at
        facts: list[Fact] = []
        if reading.unlocked is not None and reading.unlocked != self._unlocked:
            self._unlocked = reading.unlocked
            facts.append(RelayMoved(self._lock, at, reading.unlocked))
        if reading.bolt_locked is not None and self._bolt.take(at, reading.bolt_locked):
            facts.append(BoltMoved(self._lock, at, self._bolt.level))
        if reading.closed is not None and self._closed.take(at, reading.closed):
            facts.append(DoorMoved(self._lock, at, self._closed.level))
        if reading.exit_pressed is not None and self._exit.take(at, reading.exit_pressed) and self._exit.level:
            facts.append(ExitPressed(self._lock, at))
        return facts

    def tick(self, at: float) -> list[Fact]:
        """Changes that have held."""
        facts: list[Fact] = []
        if self._bolt.tick(at):
            facts.append(BoltMoved(self._lock, at, self._bolt.level))
        if self._closed.tick(at):
            facts.append(DoorMoved(self._lock, at, self._closed.level))
        if self._exit.tick(at) and self._exit.level:
            facts.append(ExitPressed(self._lock, at))
        return facts

    def up(self) -> None:
        """The device came up: its next reading is told even if it is what was last known."""
        for known in (self._closed, self._bolt, self._exit):
            known.forget()
        self._unlocked = None

    def lost(self, at: float) -> list[Fact]:
        """The device is gone: nothing is known of the door."""
        facts: list[Fact] = []
        if self._unlocked is not None:
            facts.append(RelayMoved(self._lock, at, None))
        if self._bolt.forget():
            facts.append(BoltMoved(self._lock, at, None))
        if self._closed.forget():
            facts.append(DoorMoved(self._lock, at, None))
        self.up()
        return facts

    @property
    def deadline(self) -> float | None:
        times = [wire.deadline for wire in (self._closed, self._bolt, self._exit) if wire.deadline is not None]
        return min(times) if times else None
