"""Fire, tamper, mains, presence, exit: one debounced input each."""

from __future__ import annotations

from device.domain.facts import Fact, InputChanged
from device.domain.readings import InputReading
from device.sensing.debounce import Debounced


class InputSense:
    """The sense of one input. Its last state stays while its device is lost: a fire is not over because a cable burned through."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._active: Debounced[bool] = Debounced()

    def take(self, reading: InputReading) -> list[Fact]:
        """One level."""
        return self._told(reading.at) if self._active.take(reading.at, reading.active) else []

    def tick(self, at: float) -> list[Fact]:
        """A change that has held."""
        return self._told(at) if self._active.tick(at) else []

    def lost(self) -> None:
        """The device is gone: a change that was pending is not confirmed by silence."""
        self._active.abandon()

    @property
    def deadline(self) -> float | None:
        return self._active.deadline

    def _told(self, at: float) -> list[Fact]:
        return [InputChanged(self._name, at, bool(self._active.level))]
