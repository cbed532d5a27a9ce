"""Contacts bounce: a change counts when it has held."""

from __future__ import annotations

from typing import Generic, TypeVar

HELD_S = 0.05
"""Reed contacts and microswitches bounce for 1 to 20 ms; a polled device's next level comes after 100 ms."""

Level = TypeVar("Level")


class Debounced(Generic[Level]):
    """A level that is believed at once the first time, and a change of it once it has held for ``HELD_S``."""

    __slots__ = ("_changed_at", "_pending", "level")

    def __init__(self) -> None:
        self.level: Level | None = None
        """What is believed; None while nothing is known."""
        self._pending: Level | None = None
        self._changed_at = float("inf")

    def take(self, at: float, level: Level) -> bool:
        """Take a reading; True when what is believed has changed by it."""
        if self.level is None:
            self.level = level
            return True
        changed = self.tick(at)
        if level == self.level:
            self.abandon()
        elif level != self._pending:
            self._pending, self._changed_at = level, at
        return changed

    def tick(self, at: float) -> bool:
        """Let time pass; True when a pending change has held long enough."""
        if at < self._changed_at + HELD_S:
            return False
        self.level, self._pending, self._changed_at = self._pending, None, float("inf")
        return True

    def abandon(self) -> None:
        """Drop a change that has not held yet."""
        self._pending, self._changed_at = None, float("inf")

    def forget(self) -> bool:
        """The device is gone; True when something had been known."""
        known = self.level is not None
        self.level = None
        self.abandon()
        return known

    @property
    def deadline(self) -> float | None:
        """When a pending change will have held."""
        return None if self._pending is None else self._changed_at + HELD_S
