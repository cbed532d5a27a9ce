"""The swing: how far the hours of a day lie apart, by the mean temperature of each.

Means of an hour, because the air of an opened door is gone in minutes and a compressor's wave is about as long: the goods follow neither.
They do follow what a whole hour was, and a day that has warm hours and cold ones moves the wine in the bottle against its cork, though it
may never have been outside its limits.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import floor

from device.store.memory.history import Span

HOUR_S = 3600.0
HOURS = 24
LEAST_KNOWN_S = 1800.0
"""An hour of which less is known has no mean."""


class Swing:
    """The last 24 hours of one thermometer, on the grid of the uptime: a clock that is set moves none of them."""

    def __init__(self) -> None:
        self._hours: dict[int, tuple[float, float]] = {}

    def take(self, span: Span, upto: float) -> None:
        """One interval of the record, which ended at the uptime ``upto``."""
        if span.mean is None or span.known_s <= 0:
            return
        hour = floor((upto - (span.upto - span.since) / 2) / HOUR_S)
        known_s, total = self._hours.get(hour, (0.0, 0.0))
        self._hours[hour] = known_s + span.known_s, total + span.mean * span.known_s

    def remember(self, spans: Iterable[Span], now: float, wall: float) -> None:
        """What was recorded before the start, which was at the uptime ``now`` and the Unix time ``wall``."""
        for span in spans:
            if wall - (HOURS + 1) * HOUR_S < span.upto <= wall:
                self.take(span, now - (wall - span.upto))

    def extremes(self, at: float) -> tuple[float, float] | None:
        """The means of the coldest and of the warmest hour of the last 24; None where fewer than two hours are known."""
        this = floor(at / HOUR_S)
        for old in [hour for hour in self._hours if hour < this - HOURS]:
            del self._hours[old]
        means = [total / known_s for hour, (known_s, total) in self._hours.items() if hour < this and known_s >= LEAST_KNOWN_S]
        return (min(means), max(means)) if len(means) > 1 else None
