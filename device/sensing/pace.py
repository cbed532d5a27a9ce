"""What follows from a scale's sample rate: how many samples a second of judgement is."""

from __future__ import annotations

from math import ceil, log
from typing import NamedTuple

DRIFT_G_PER_S = 0.025
"""How fast a baseline follows: ten times the drift of the recording."""

NOISE_MEMORY_S = 10.0


class Pace(NamedTuple):
    """What follows from a scale's sample rate; shared by its plates and renewed when the rate turns out to be another."""

    seconds: float
    """Between two samples."""
    window: int
    """Samples that must agree for a quick answer: 0.13 s of them, at least 4."""
    ringing: int
    """The same for a plate that rings: 0.14 s, most of a period of 5 Hz and, at 80 Hz, an even number."""
    touch: int
    """The same for a change too small for an item: 0.35 s."""
    longest: int
    """Samples that agree, without a swing, which are believed whatever comes on: 1 s and 20 of them, of which 1.5 s will do; at least 8."""
    windows: tuple[int, ...]
    """The lengths of window, in samples, that are asked whether it is a hand: from the quick one on, each a seventh longer, to 0.8 s."""
    lag: int
    """Samples between those that foretell one another while a plate swings: 0.04 s of them."""
    swing: int
    """The fewest samples of a swing that are asked: 0.28 s of them, and room for three values more than are fitted."""
    near: int
    """Samples in which a swing shows both its sides: 0.1 s of them, at least 3."""
    soon: int
    """Samples within which most of what is put down has settled and shown it: 0.9 s of them, at least 9."""
    looks: float
    """How many more windows a press offers than at 10 Hz, as a logarithm: beginnings and ends both come as often as samples."""
    onset: float
    """How many fully deviating samples make a movement, less a half: 3 at 10 Hz, 4 at 80 Hz."""
    drift: float
    """How far the baseline follows with each sample, in grams."""
    gain: float
    """Weight of one sample in the noise estimate."""

    @staticmethod
    def of(rate_hz: float) -> Pace:
        """The pace of a scale at ``rate_hz`` samples a second."""
        seconds = 1 / rate_hz
        lag = max(1, round(0.04 * rate_hz))
        return Pace(
            seconds,
            max(4, ceil(0.13 * rate_hz)),
            max(4, ceil(0.14 * rate_hz)),
            max(4, ceil(0.35 * rate_hz)),
            max(8, ceil(min(1.5 * rate_hz, max(20.0, 1.0 * rate_hz)))),
            _windows(max(4, ceil(0.13 * rate_hz)), 0.8 * rate_hz),
            lag,
            max(2 * lag + 6, ceil(0.28 * rate_hz)),
            max(3, round(0.1 * rate_hz)),
            max(9, ceil(0.9 * rate_hz)),
            min(6.5, max(0.0, 6.5 * log(rate_hz / 10))),
            max(3, round(0.05 * rate_hz)) - 0.5,
            DRIFT_G_PER_S * seconds,
            min(1 / 50, seconds / NOISE_MEMORY_S),
        )


def _windows(least: int, most: float) -> tuple[int, ...]:
    found = [least]
    while found[-1] < most:
        found.append(max(found[-1] + 1, round(found[-1] * 8 / 7)))
    return tuple(found)
