"""Has a plate settled, and at what weight? Two questions put to the last samples of a movement.

``quick_level`` asks whether a handful of samples agree as closely as the plate's known noise makes them; that is what gives an
answer within half a second. ``steady_level`` asks whether a longer window is stationary, whatever its noise: it serves plates whose
noise is not known yet, or has changed with what now stands on them. Samples of a load cell are not independent (the recording in
``tests/data`` has a correlation of 0.44 between neighbours), so the error of a mean is that of an AR(1) process.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from statistics import median
from typing import NamedTuple

_QUANTUM_G = 1.0
"""What bought scales may flicker by without moving: one division."""

_TREND_SDS = 2.5
"""The halves of a window may differ by this many standard deviations of that difference: 1.2 % of quiet windows fail and wait."""

_THIRDS_SDS = 3.3
"""The same for the widest pair of three thirds."""

_SLOWEST_DECAY = 0.8
"""Over half a window. What settles slower than that shows as a trend."""


class Level(NamedTuple):
    """A settled weight in grams, its standard error, the noise of one sample, and how many samples it comes from."""

    grams: float
    se: float
    sigma: float
    samples: int


def inflation(samples: int, rho: float) -> float:
    """By how much the variance of a mean of ``samples`` exceeds sigma²/n where neighbours correlate by ``rho`` (AR(1), exact)."""
    if rho <= 0 or samples < 2:
        return 1.0
    return 1 + 2 * rho / (1 - rho) * (1 - (1 - rho**samples) / (samples * (1 - rho)))


def quick_level(values: Sequence[float], count: int, sigma: float, rho: float) -> Level | None:
    """The level of the last ``count`` samples if they agree within the plate's noise ``sigma``; one glitch among one more is left out.

    They agree when their range is under the 99 % point of the range of as many normal samples (3.84 + 0.14 n standard deviations fits
    the tables of the studentised range for 4 to 10), their halves show no trend, and what came before does not foretell more than the
    standard error of settling still to come. Less than that is taken off, and half of it counts as an error.
    """
    if len(values) < count:
        return None
    kept, earlier = list(values[-count:]), values[:-count]
    tolerance = max(_QUANTUM_G, (3.84 + 0.14 * count) * sigma)
    if max(kept) - min(kept) > tolerance:
        kept, earlier = _without_worst(values[-count - 1 :]), values[: -count - 1]
        if len(kept) < count or max(kept) - min(kept) > tolerance:
            return None
    half = len(kept) // 2
    trend = abs(sum(kept[-half:]) - sum(kept[:half])) / half
    trend_sd = sigma * sqrt(2 / half)
    if trend > max(_TREND_SDS * trend_sd, 0.5 * _QUANTUM_G):
        return None
    grams = sum(kept) / len(kept)
    se = sigma * sqrt(inflation(count, rho) / count)
    unfinished = unfinished_settling(earlier, grams, half, 1.5 * se)
    if abs(unfinished) > max(0.5 * _QUANTUM_G, se):
        return None
    return Level(grams - unfinished, sqrt(se * se + unfinished * unfinished / 4), sigma, count)


def unfinished_settling(earlier: Sequence[float], grams: float, half: int, noise: float) -> float:
    """How far the mean ``grams`` of a window of two halves is from where an exponential settling would end, in grams.

    With L the end and q the decay over half a window, the two half windows before it are L + D/q and L + D, its own mean is
    L + D (q + q²)/2. Three equations, three unknowns: Aitken's extrapolation with a long last term. 0 where the half before is within
    ``noise`` of the window, or where the two before do not come nearer one way: a hand, a glitch, ringing, another plateau.
    """
    if len(earlier) < 2 * half:
        return 0.0
    near = median(earlier[-half:]) - grams
    far = median(earlier[-2 * half : -half]) - grams
    if abs(near) <= noise or far / near <= 1.3:
        return 0.0
    ratio = far / near
    low, high = 0.0, _SLOWEST_DECAY
    for _ in range(20):
        decay = (low + high) / 2
        share = (decay + decay * decay) / 2
        if (1 / decay - share) / (1 - share) > ratio:
            low = decay
        else:
            high = decay
    share = (high + high * high) / 2
    return near * share / (1 - share)


def steady_level(values: Sequence[float], rho: float) -> Level | None:
    """The level of a window of at least 8 samples if it is stationary: its thirds agree within the noise that it shows itself."""
    if len(values) < 8:
        return None
    kept = _without_outliers(values)
    if len(kept) < 0.9 * len(values):
        return None
    third = len(kept) // 3
    parts = (kept[:third], kept[third:-third], kept[-third:])
    means = [sum(part) / len(part) for part in parts]
    squares = sum(sum((value - mean) ** 2 for value in part) for part, mean in zip(parts, means, strict=True))
    sigma = sqrt(squares / (len(kept) - 3))
    between = sigma * sqrt(2 * inflation(third, rho) / third)
    if max(means) - min(means) > max(_THIRDS_SDS * between, 0.5 * _QUANTUM_G):
        return None
    return Level(sum(kept) / len(kept), sigma * sqrt(inflation(len(kept), rho) / len(kept)), sigma, len(kept))


def _without_worst(values: Sequence[float]) -> list[float]:
    middle = median(values)
    worst = max(range(len(values)), key=lambda index: abs(values[index] - middle))
    return [value for index, value in enumerate(values) if index != worst]


def _without_outliers(values: Sequence[float]) -> list[float]:
    middle = median(values)
    spread = 1.4826 * median(abs(value - middle) for value in values)
    limit = 6 * spread + _QUANTUM_G
    return [value for value in values if abs(value - middle) <= limit]
