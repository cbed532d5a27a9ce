"""Tags in the field of a reader: arrived when read, departed when not read for 3 s of reading.

Tags are missed: one round in some tens goes by without a tag that is there, more often for bottles in a corner. What counts is time spent
reading, so neither a reader that is down nor one that is slow makes its tags depart.
"""

from __future__ import annotations

from device.domain.facts import Fact, TagArrived, TagDeparted
from device.domain.readings import TagReading, TagRound

DEPARTED_S = 3.0
DEPARTED_ROUNDS = 3
"""And at least so many rounds: with a miss rate of 5 % a tag that is there is lost once in 8000 tries, not once in 20."""

ROUND_MAX_S = 2.0
"""A longer time between the ends of two rounds was not all spent reading."""

TAGS_MAX = 4096
"""Tags one reader keeps; further ones are not taken in until some depart. A cabinet holds some hundreds."""


class _Tag:
    __slots__ = ("last_seen", "read_clock", "rounds")

    def __init__(self, at: float, read_clock: float, rounds: int) -> None:
        self.last_seen = at
        self.read_clock = read_clock
        self.rounds = rounds


class TagSense:
    """The sense of one RFID reader."""

    def __init__(self, reader: str) -> None:
        self._reader = reader
        self._tags: dict[bytes, _Tag] = {}
        self._read_clock = 0.0
        self._rounds = 0
        self._last_round: float | None = None

    def take(self, reading: TagReading) -> list[Fact]:
        """One reading of a tag."""
        read_clock = self._read_clock + self._reading_since(reading.at)
        tag = self._tags.get(reading.epc)
        if tag is not None:
            tag.last_seen, tag.read_clock, tag.rounds = reading.at, read_clock, self._rounds
            return []
        if len(self._tags) >= TAGS_MAX:
            return []
        self._tags[reading.epc] = _Tag(reading.at, read_clock, self._rounds)
        return [TagArrived(self._reader, reading.at, reading.epc.hex().upper())]

    def round(self, reading: TagRound) -> list[Fact]:
        """The end of an inventory round: time spent reading goes on, and with it departures."""
        self._read_clock += self._reading_since(reading.at)
        self._last_round = reading.at
        self._rounds += 1
        gone = [
            epc
            for epc, tag in self._tags.items()
            if self._read_clock - tag.read_clock >= DEPARTED_S and self._rounds - tag.rounds > DEPARTED_ROUNDS
        ]
        return [TagDeparted(self._reader, reading.at, epc.hex().upper(), self._tags.pop(epc).last_seen) for epc in gone]

    def pause(self) -> None:
        """The reader is down: until its next round no time is spent reading."""
        self._last_round = None

    def _reading_since(self, at: float) -> float:
        """The time spent reading since the last round ended."""
        return 0.0 if self._last_round is None else max(0.0, min(at - self._last_round, ROUND_MAX_S))
