"""Codes and cards: a reader that reads the same code again and again has read it once."""

from __future__ import annotations

from device.domain.facts import CodeRead, Fact
from device.domain.readings import CodeReading

SAME_WITHIN_S = 5.0
HELD_EVERY_S = 5.0
REMEMBERED = 16
"""Codes one reader remembers; of more than that within 5 s, which no queue of shoppers shows, the oldest is forgotten."""


class CodeSense:
    """The sense of one reader.

    The same code within 5 s of its last reading is the same reading. While readings of it go on it is told again every 5 s as ``held``, so
    that a code refused as busy is looked at again. Two codes shown in turn are told once each.
    """

    def __init__(self, reader: str) -> None:
        self._reader = reader
        self._seen: dict[str, tuple[float, float]] = {}

    def take(self, reading: CodeReading) -> list[Fact]:
        """One reading of a code."""
        at, text = reading.at, reading.text
        last, told = self._seen.pop(text, (float("-inf"), float("-inf")))
        fresh = at - last > SAME_WITHIN_S
        tell = fresh or at - told >= HELD_EVERY_S
        self._seen[text] = (at, at if tell else told)
        if len(self._seen) > REMEMBERED:
            del self._seen[next(iter(self._seen))]
        return [CodeRead(self._reader, at, text, held=not fresh)] if tell else []
