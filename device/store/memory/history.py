"""The cold-chain record: each thermometer's interval as it grows, and what the state keeps of those that are over.

That is enough for the statement of a pickup, 30 days later and after any number of restarts.

The newest ``FINE`` intervals are kept as they were recorded (two days of five minutes); before them, what lies within one hour is one
entry.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from device.domain.kinetic import ageing, celsius_of

FINE = 600
COARSE_S = 3600.0
KEEP_S = 31 * 86_400.0
MOST = 2000
"""Entries of one thermometer: two days of intervals, a month of hours, and as many again for gaps; the oldest go first."""
TOUCHING_S = 1.0


@dataclass(slots=True)
class Span:
    """What one thermometer said from ``since`` to ``upto`` (Unix seconds); ``gap_s`` of it nobody knows. None: nothing was believed."""

    since: float
    upto: float
    gap_s: float
    low: float | None
    high: float | None
    mean: float | None
    mkt: float | None

    @property
    def known_s(self) -> float:
        return max(0.0, self.upto - self.since - self.gap_s) if self.mean is not None else 0.0


def add(spans: list[Span], new: Span) -> None:
    """Append an interval, join two old ones where they lie within one hour, and drop what is too old."""
    spans.append(new)
    if len(spans) > FINE:
        older, joined = spans[-FINE - 1], spans[-FINE]
        if joined.upto - older.since <= COARSE_S and 0 <= joined.since - older.upto <= TOUCHING_S:
            spans[-FINE - 1 : -FINE + 1] = [join(older, joined)]
    while len(spans) > MOST or (spans and spans[0].upto < new.upto - KEEP_S):
        del spans[0]


def join(first: Span, second: Span) -> Span:
    """Two intervals that follow each other as one: extremes and means are those of both."""
    known_s = first.known_s + second.known_s
    parts = [span for span in (first, second) if span.mean is not None and span.mkt is not None and span.known_s > 0]
    gap_s = second.upto - first.since - known_s
    if not parts:
        return Span(first.since, second.upto, gap_s, None, None, None, None)
    return Span(
        first.since,
        second.upto,
        gap_s,
        min(span.low for span in parts if span.low is not None),
        max(span.high for span in parts if span.high is not None),
        sum(span.mean * span.known_s for span in parts if span.mean is not None) / known_s,
        celsius_of(sum(ageing(span.mkt) * span.known_s for span in parts if span.mkt is not None) / known_s),
    )


@dataclass(slots=True)
class Interval:
    """The samples since ``since`` (uptime). ``blind_since``: nothing has been believed from then on."""

    since: float
    blind_since: float | None
    samples: int = 0
    last: float = 0.0
    low: float = inf
    high: float = -inf
    total: float = 0.0
    aged: float = 0.0
    gap_s: float = 0.0

    def take(self, celsius: float, at: float) -> None:
        """One temperature that is believed: it stands until the next one, or until the thermometer has failed."""
        self._see(at)
        self.blind_since = None
        self.samples += 1
        self.last = celsius
        self.low, self.high = min(self.low, celsius), max(self.high, celsius)
        self.total += celsius
        self.aged += ageing(celsius)

    def fail(self, at: float) -> None:
        """From now on nothing is known."""
        if self.blind_since is None:
            self.blind_since = at

    def close(self, at: float) -> None:
        """Account for a gap that is still open. Without a sample nothing was known at all, however slowly the thermometer is read."""
        self._see(at)
        if not self.samples:
            self.gap_s = max(0.0, at - self.since)

    def next(self, at: float) -> Interval:
        """The interval that begins where this one ends."""
        return Interval(at, at if self.blind_since is not None else None)

    def span(self, at: float, wall: float) -> Span:
        """What it says so far, at an uptime and its Unix time."""
        self.close(at)
        low, high = (self.low, self.high) if self.samples else (None, None)
        return Span(wall - (at - self.since), wall, self.gap_s, low, high, self.mean, self.mkt)

    @property
    def mean(self) -> float | None:
        return self.total / self.samples if self.samples else None

    @property
    def mkt(self) -> float | None:
        return celsius_of(self.aged / self.samples) if self.samples else None

    def _see(self, at: float) -> None:
        if self.blind_since is not None:
            self.gap_s += max(0.0, at - max(self.blind_since, self.since))
            self.blind_since = at
