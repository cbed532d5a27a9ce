"""What follows from a scale's sample rate: how many samples a second of judgement is."""

from __future__ import annotations

from math import ceil
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
    free: float
    """Samples after which a hand's tremor is another one: 0.05 s of them, which is as fast as a plate of 5 Hz follows; at least 1."""
    longest: int
    """The most samples that weight that comes on is asked for: 1.5 s, and at least 8."""
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
        return Pace(
            seconds,
            max(4, ceil(0.13 * rate_hz)),
            max(4, ceil(0.14 * rate_hz)),
            max(4, ceil(0.35 * rate_hz)),
            max(1.0, 0.05 * rate_hz),
            max(8, ceil(1.5 * rate_hz)),
            max(3, round(0.05 * rate_hz)) - 0.5,
            DRIFT_G_PER_S * seconds,
            min(1 / 50, seconds / NOISE_MEMORY_S),
        )
