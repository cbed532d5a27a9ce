"""How good a plate is: where it rests, how much it trembles, and what a calibration with known weights has shown of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt

from device.domain.calibration import RawLevel
from device.domain.median import median

REST_SAMPLES = 8
RESOLUTION = 2.0
"""Units of its own that a device may jump between at rest."""
MAD_TO_SIGMA = 1.4826
GLITCH_SIGMAS = 8.0
SIGMAS = 3.0
LIGHTEST_SHARE = 0.25
"""An error of so much of the lightest item still leaves one and two apart, and nothing and one."""


def level_at_rest(raw: Sequence[float]) -> RawLevel | None:
    """Where a plate stands; None where it is not at rest: too few samples, or two halves whose middles differ by more than their noise.

    The noise is taken from the differences of neighbours, less their trend: a plate that creeps is not a plate that trembles.
    """
    if len(raw) < REST_SAMPLES:
        return None
    differences = [later - earlier for earlier, later in pairwise(raw)]
    trend = median(differences)
    sigma = MAD_TO_SIGMA * median([abs(difference - trend) for difference in differences]) / sqrt(2)
    half = len(raw) // 2
    if abs(median(raw[:half]) - median(raw[half:])) > 3 * sigma + RESOLUTION:
        return None
    return RawLevel(median(raw), sigma)


@dataclass(frozen=True, slots=True)
class Noise:
    """Samples of a plate at rest: their mean and standard deviation, the same by median (which a few wild ones do not move), and those."""

    mean: float
    sd: float
    middle: float
    robust_sd: float
    glitches: int


def noise_of(samples: Sequence[float]) -> Noise:
    """Describe samples, one or more. A glitch is one sample far from both its neighbours, which agree."""
    middle = median(samples)
    robust_sd = MAD_TO_SIGMA * median([abs(sample - middle) for sample in samples])
    least = GLITCH_SIGMAS * robust_sd + RESOLUTION
    neighbours = zip(samples, samples[1:], samples[2:], strict=False)
    glitches = sum(_is_wild(before, sample, after, least) for before, sample, after in neighbours)
    mean = sum(samples) / len(samples)
    sd = sqrt(sum((sample - mean) ** 2 for sample in samples) / len(samples))
    return Noise(mean, sd, middle, robust_sd, glitches)


def _is_wild(before: float, sample: float, after: float, least: float) -> bool:
    away = min(abs(sample - before), abs(sample - after))
    return away > least and abs(after - before) < 0.3 * away


@dataclass(frozen=True, slots=True)
class Calibrated:
    """What known weights say of a plate: grams = (raw - ``zero``) / ``per_gram``. Errors are in grams, None where they were not tried.

    ``noise_g`` is of one sample; ``linearity_g`` the error at a second weight; ``corner_g`` the greatest with the weight in a corner;
    ``drift_g`` the greatest change while it stood there; ``return_g`` what the empty plate shows afterwards.
    """

    zero: float
    per_gram: float
    noise_g: float
    linearity_g: float | None = None
    corner_g: float | None = None
    drift_g: float | None = None
    return_g: float | None = None

    @property
    def good_to_g(self) -> float:
        """The error that one pick may have: trembling (three sigmas of a mean of four samples) and the worst of the rest."""
        systematic = [abs(error) for error in (self.linearity_g, self.corner_g, self.drift_g, self.return_g) if error is not None]
        return SIGMAS * self.noise_g / 2 + max(systematic, default=0.0)

    def tells(self, lightest_g: float) -> bool:
        """Whether a plate as good as this tells items from each other of which the lightest weighs so much."""
        return self.good_to_g <= LIGHTEST_SHARE * lightest_g


def calibrated(empty: RawLevel, loaded: RawLevel, grams: float) -> Calibrated | None:
    """The calibration by an empty plate and one with a known weight; None where the weight does not stand out of the noise."""
    sigma = max(empty.sigma, loaded.sigma)
    if abs(loaded.raw - empty.raw) <= 20 * sigma + 5:
        return None
    per_gram = (loaded.raw - empty.raw) / grams
    return Calibrated(empty.raw, per_gram, sigma / abs(per_gram))
