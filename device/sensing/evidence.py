"""Evidence: the raw trace around a step, kept so that a dispute is answered from data.

A scale keeps its newest readings, which costs a quiet plate one append. When a movement begins, the seconds before it are set aside;
3 s after the step the trace is put together from both. So a movement of any length keeps its beginning and its end, in bounded memory:
of one longer than ``RING_S`` the middle is left out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import dropwhile, takewhile
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


class _Before(NamedTuple):
    """What was set aside when a movement began, and the reading with which it ended."""

    samples: _Samples
    last: WeightReading


class _Pending(NamedTuple):
    step: WeightStep
    before: _Before | None
    calibration: Calibration


class Evidence:
    """The recorder of one scale. Times are those of the readings."""

    __slots__ = ("_before", "_pending", "due", "ring")

    def __init__(self, rate_hz: float) -> None:
        self.ring: deque[WeightReading] = deque(maxlen=_ring_size(rate_hz))
        self._before: dict[int, _Before] = {}
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
        last = self.ring[-1]
        since = last.at - BEFORE_S - 1.0
        newest = takewhile(lambda reading: reading.at > since, reversed(self.ring))
        self._before[channel] = _Before(_samples(newest, channel, calibration), last)

    def keep(self, step: WeightStep, calibration: Calibration) -> list[TraceCaptured]:
        """A step came of the movement: capture it, and whatever this pushes out."""
        before = self._before.pop(step.channel, None)
        if before is not None and before.last.at < step.began_at:
            before = None
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
        since, upto = step.began_at - BEFORE_S, step.at + AFTER_S
        newest = dropwhile(lambda reading: reading.at > upto, reversed(self.ring))
        if before is None:
            samples = _samples(takewhile(lambda reading: reading.at >= since, newest), step.channel, calibration)
        else:
            # By the reading itself, not by its time: those that came in one piece bear the same.
            last = before.last
            after = takewhile(lambda reading: reading is not last and reading.at >= last.at, newest)
            samples = before.samples + _samples(after, step.channel, calibration)
        began = step.began_at
        told = tuple([(round(when - began, 4), round(grams, 3)) for when, grams in samples if when >= since])
        return TraceCaptured(step.evidence, step.scale, step.channel, at, began, step.delta, step.sd, told)


def _ring_size(rate_hz: float) -> int:
    return round(RING_S * rate_hz) + 1


def _samples(backwards: Iterable[WeightReading], channel: int, calibration: Calibration) -> _Samples:
    """What a channel read, in grams and in the order of time; a sample without a value for it is left out."""
    zero, per_gram = calibration
    index = channel - 1
    found = [(reading.at, (reading.values[index] - zero) / per_gram) for reading in backwards if index < len(reading.values)]
    return tuple([(at, grams) for at, grams in reversed(found) if grams == grams])
