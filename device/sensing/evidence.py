"""Evidence: the raw trace around a step, kept so that a dispute is answered from data.

A scale keeps its newest readings, which costs a quiet plate one append. When a movement begins, the seconds before it are set aside;
3 s after the step the trace is put together from both. So a movement of any length keeps its beginning and its end, in bounded memory:
of one longer than ``RING_S`` the middle is left out.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from device.domain.facts import TraceCaptured, WeightStep
from device.domain.readings import WeightReading
from device.sensing.weight import Calibration

BEFORE_S = 3.0
AFTER_S = 3.0
RING_S = 12.0
PENDING_MAX = 16
"""Captures under way on one scale; of more than that, which no hands can cause, the oldest is completed early."""

_Samples = tuple[tuple[float, float], ...]


class _Pending(NamedTuple):
    step: WeightStep
    before: _Samples
    calibration: Calibration


class Evidence:
    """The recorder of one scale. Times are those of the readings."""

    __slots__ = ("_before", "_pending", "due", "ring")

    def __init__(self, rate_hz: float) -> None:
        self.ring: deque[WeightReading] = deque(maxlen=_ring_size(rate_hz))
        self._before: dict[int, _Samples] = {}
        self._pending: deque[_Pending] = deque()
        self.due = float("inf")
        """When the oldest capture is complete."""

    def set_rate(self, rate_hz: float) -> None:
        """Keep as many readings as the true rate needs."""
        self.ring = deque(self.ring, maxlen=_ring_size(rate_hz))

    def begin(self, channel: int, calibration: Calibration) -> None:
        """A movement began: set the time before it aside."""
        if not self.ring:
            return
        since = self.ring[-1].at - BEFORE_S - 1.0
        self._before[channel] = _samples(self.ring, channel, calibration, since, self.ring[-1].at)

    def keep(self, step: WeightStep, calibration: Calibration) -> list[TraceCaptured]:
        """A step came of the movement: capture it, and whatever this pushes out."""
        before = self._before.pop(step.channel, ())
        if before and before[-1][0] < step.began_at:
            before = ()
        self._pending.append(_Pending(step, before, calibration))
        pushed_out = [self._complete(step.at)] if len(self._pending) > PENDING_MAX else []
        self.due = self._pending[0].step.at + AFTER_S
        return pushed_out

    def complete(self, at: float) -> list[TraceCaptured]:
        """The captures that are due at ``at``."""
        done = []
        while self._pending and self._pending[0].step.at + AFTER_S <= at:
            done.append(self._complete(at))
        self.due = self._pending[0].step.at + AFTER_S if self._pending else float("inf")
        return done

    def _complete(self, at: float) -> TraceCaptured:
        step, before, calibration = self._pending.popleft()
        since = before[-1][0] if before else step.began_at - BEFORE_S
        rest = _samples(self.ring, step.channel, calibration, since, step.at + AFTER_S)
        samples = tuple(
            (round(when - step.began_at, 4), round(grams, 3)) for when, grams in before + rest if when >= step.began_at - BEFORE_S
        )
        return TraceCaptured(step.evidence, step.scale, step.channel, at, step.began_at, step.delta, step.sd, samples)


def _ring_size(rate_hz: float) -> int:
    return round(RING_S * rate_hz) + 1


def _samples(ring: deque[WeightReading], channel: int, calibration: Calibration, after: float, upto: float) -> _Samples:
    """What a channel read in (after, upto], in grams; a sample without a value for it is left out."""
    zero, per_gram = calibration
    found = []
    for reading in ring:
        if after < reading.at <= upto and channel <= len(reading.values):
            raw = reading.values[channel - 1]
            if raw == raw:
                found.append((reading.at, (raw - zero) / per_gram))
    return tuple(found)
