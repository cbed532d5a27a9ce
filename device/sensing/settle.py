"""Has a plate settled, and at what weight? Two questions put to the last samples of a movement.

``quick_level`` asks whether a handful of samples agree as closely as the plate's known noise makes them; that is what gives an
answer within half a second. ``steady_level`` asks whether a longer window is stationary, whatever its noise: it serves plates whose
noise is not known yet, or has changed with what now stands on them. Samples of a load cell are not independent (the recording in
``tests/data`` has a correlation of 0.44 between neighbours), so the error of a mean is that of an AR(1) process.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import sqrt
from typing import NamedTuple

from device.domain.median import median

_QUANTUM_G = 1.0
"""What bought scales may flicker by without moving: one division."""

_TREND_SDS = 2.5
"""The halves of a window may differ by this many standard deviations of that difference: 1.2 % of quiet windows fail and wait."""

_THIRDS_SDS = 3.3
"""The same for the widest pair of three thirds."""

_SLOWEST_DECAY = 0.8
"""Over half a window. What settles slower than that shows as a trend."""

_NORMAL_99 = 2.326

_HIDDEN_S = 0.13
"""What may be left of a movement that ended just before the window is what the window cannot show, the error of its trend, the more the
shorter it is against this time: a plate of 5 Hz is still within it after a tenth of a second ..."""

_HIDDEN_OF_MOTION = 0.5
"""... but no more than this share of how far off the two half windows before it were."""

_SLOW_DECAY = 0.25
"""Over a window. What settles faster is within the errors by the time at which a window agrees."""

TWO_APART = 1.15
"""Samples two apart still correlate a little: by 0.04 in the recording, by 0.19 in an AR(1) process like it."""

NOISE_MAX_G = 30.0
"""Shelves in use show standard deviations of 5 to 18 g in most seconds (AIM3S); more than this is a hand, not a plate."""


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


def quick_level(values: Sequence[float], count: int, seconds: float, sigma: float, rho: float, before: float) -> Level | None:
    """The level of the last ``count`` samples of a movement away from ``before`` grams if they agree within the plate's noise ``sigma``.

    They agree when their variance is under the 99 % point of as many normal samples', their halves show no trend, and what came before
    does not foretell more than the standard error of settling still to come. Less than that is taken off, and half of it counts as an
    error; so does what of a movement that has only just ended may hide in the noise. One glitch is left out.
    """
    if len(values) < count:
        return None
    kept, earlier = list(values[-count:]), values[:-count]
    if not _agree(kept, sigma):
        kept, earlier = _without_worst(values[-count - 1 :]), values[: -count - 1]
        if len(kept) < count or not _agree(kept, sigma):
            return None
    half = len(kept) // 2
    trend = (sum(kept[:half]) - sum(kept[-half:])) / half
    trend_sd = sigma * sqrt(2 / half)
    if abs(trend) > max(_TREND_SDS * trend_sd, 0.5 * _QUANTUM_G):
        return None
    grams = sum(kept) / len(kept)
    se = sigma * sqrt(inflation(count, rho) / count)
    preceding = [*(2 * half * [before]), *earlier]
    unfinished = unfinished_settling(preceding, grams, half, 1.5 * se, (trend, _TREND_SDS * trend_sd))
    if abs(unfinished) > max(0.5 * _QUANTUM_G, se) or _creeping(earlier, grams, count, se):
        return None
    motion = max(abs(median(preceding[-half:]) - grams), abs(median(preceding[-2 * half : -half]) - grams))
    hidden = min(_HIDDEN_S / (count * seconds) * trend_sd, _HIDDEN_OF_MOTION * motion)
    return Level(grams - unfinished, sqrt(se * se + unfinished * unfinished / 4 + hidden * hidden), sigma, count)


def _agree(values: Sequence[float], sigma: float) -> bool:
    """Whether samples scatter no more than ``sigma`` makes them: chi-square at 99 %."""
    if max(values) - min(values) <= _QUANTUM_G:
        return True
    middle = sum(values) / len(values)
    return sum([(value - middle) ** 2 for value in values]) <= chi_square_99(len(values) - 1) * sigma * sigma


def chi_square_99(free: int) -> float:
    """What 99 % of sums of so many squared normal values stay under, by Wilson and Hilferty's cube (PNAS 17, 1931)."""
    return free * (1 - 2 / (9 * free) + _NORMAL_99 * sqrt(2 / (9 * free))) ** 3


def rings(earlier: Sequence[float], grams: float, noise: float) -> bool:
    """Whether a plate swings to both sides of the level it comes to: twice in a row by more than ``noise``, which no single glitch is."""
    pairs = list(pairwise(earlier))
    above = any(min(pair) > grams + noise for pair in pairs)
    return above and any(max(pair) < grams - noise for pair in pairs)


def unfinished_settling(earlier: Sequence[float], grams: float, half: int, noise: float, trend: tuple[float, float]) -> float:
    """How far the mean ``grams`` of a window of two halves is from where an exponential settling would end, in grams.

    With L the end and q the decay over half a window, the two half windows before it are L + D/q and L + D, its own mean is
    L + D (q + q²)/2. Three equations, three unknowns: Aitken's extrapolation with a long last term. 0 where the half before is within
    ``noise`` of the window, where the two before do not come nearer one way, or where the window should then fall by far more than its
    ``trend`` (first half less second half, and how far that may be off): a hand, a glitch, ringing, another plateau, a sudden step.
    """
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
    start = near / (1 - share)
    observed, error = trend
    return start * share if abs(start * high * (1 - high) - observed) <= error + noise else 0.0


def _creeping(earlier: Sequence[float], grams: float, count: int, se: float) -> bool:
    """Whether the two whole windows before came nearer to this one, ``grams``, in an even and slow way, so that more is to come.

    What the half windows of ``unfinished_settling`` lose in noise, whole ones still show: a platform, or a maker's filter, that takes some
    tenths of a second. A plate that swings, or has been let go just now, comes in no such order.
    """
    if len(earlier) < 2 * count:
        return False
    near = earlier[-count:]
    newer, older = median(near[count // 2 :]) - grams, median(near[: count // 2]) - grams
    middle, far = median(near) - grams, median(earlier[-2 * count : -count]) - grams
    if middle < 0:
        newer, older, middle, far = -newer, -older, -middle, -far
    if middle <= se or min(newer, older, far) <= 0:
        return False
    return middle > _SLOW_DECAY * (far - middle)


def steady_level(values: Sequence[float], rho: float, outliers: float = 0.1) -> Level | None:
    """The level of a window of at least 8 samples if it is stationary: its thirds agree within the noise that it shows itself.

    The noise is that of differences of samples two apart, for which neither drift nor a step counts; over ``NOISE_MAX_G`` it is no noise.
    Wild samples are left out, up to a share of ``outliers``.
    """
    if len(values) < 8:
        return None
    kept = _without_outliers(values)
    if len(kept) < (1 - outliers) * len(values):
        return None
    sigma = _noise(kept)
    if sigma > NOISE_MAX_G:
        return None
    third = len(kept) // 3
    means = [sum(part) / len(part) for part in (kept[:third], kept[third:-third], kept[-third:])]
    between = sigma * sqrt(2 * inflation(third, rho) / third)
    if max(means) - min(means) > max(_THIRDS_SDS * between, 0.5 * _QUANTUM_G):
        return None
    return Level(sum(kept) / len(kept), sigma * sqrt(inflation(len(kept), rho) / len(kept)), sigma, len(kept))


def _noise(values: Sequence[float]) -> float:
    """Standard deviation of one sample, from differences two apart; the few that a step or a glitch makes are held down."""
    squares = sorted((later - earlier) ** 2 for earlier, later in zip(values, values[2:], strict=False))
    most = 16 * 2.2 * squares[len(squares) // 2]
    return sqrt(TWO_APART * sum(min(square, most) for square in squares) / len(squares) / 2)


def _without_worst(values: Sequence[float]) -> list[float]:
    middle = median(values)
    worst = max(range(len(values)), key=lambda index: abs(values[index] - middle))
    return [value for index, value in enumerate(values) if index != worst]


def _without_outliers(values: Sequence[float]) -> list[float]:
    middle = median(values)
    spread = 1.4826 * median(abs(value - middle) for value in values)
    limit = 6 * spread + _QUANTUM_G
    return [value for value in values if abs(value - middle) <= limit]
