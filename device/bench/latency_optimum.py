"""How soon a thing could be told from a hand that presses, at best: what ``bench latency`` is compared with.

Whoever decides here is told what no detector knows: the covariance of the plate's noise, the plate's own frequency and damping, the
tremor of hands, of each movement the very sample from which on the force is constant, and that no sample is a glitch. Not told, because
nothing should rely on it, is how things are put down and hands laid on: before that sample anything may have happened.

From then on a plate at rest reads a level, a swing of its own, and its noise; under a hand the tremor too, as the plate passes it on.
Level and swing are unknown; the filter with the roots 1 and those of the plate takes both out of n samples and leaves n - 3 differences
that are Gaussian with covariance N or N + g² H. Of all tests of the two the likelihood ratio is the best (Neyman and Pearson, Phil.
Trans. A 231, 1933). The share of hands that pass the test which lets 95 % of things pass is the mean, over things, of exp(-ratio) where
they pass: an exact identity, which needs no hand to be drawn and so reaches shares that no number of tries would show.

``bound_s`` is the smallest delay with no more false than the detector has. It is a bound for all who take anything for a beginning: a
press offers them many looks, and here only one counts. ``known_s`` is the same where the weight is that of something that was just taken.
Two presses in a thousand weigh just that much by chance, fewer than are allowed to pass; what is left to wait for is the weight, known
well enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import ceil, cos, exp, fsum, log, pi, sin, sqrt
from operator import mul
from random import Random
from typing import NamedTuple

from firmware_sims.physics import MAD_TO_SD, QUIET, TREMOR, TREMOR_SLICE_S, Plate, PlateNature

WITHIN_G = 1.0
"""A plate has settled when it stays within this of its new weight, noise apart."""
ITEMS_G = (330.0, 500.0, 750.0, 1250.0, 1550.0)
PASSES = 0.95
PUTS, DRAWS = 200, 10
TAPS = 3
"""Differences that level and swing cost."""
KNOWN_G = 3.0
"""How near to what was taken a weight must be known to lie."""
FINEST_S = 0.001
UNDECIDED = -99.0

Matrix = list[list[float]]


class Put(NamedTuple):
    """A thing that is put down: its nominal weight, and how many samples the force is constant before the plate has settled."""

    grams: float
    swings: int


class Hypotheses(NamedTuple):
    """Whitening factors of the differences of a window, at rest and under a hand, and the logs of their determinants."""

    rest: Matrix
    hand: Matrix
    rest_log: float
    hand_log: float


def bound_s(rate_hz: float, false_share: float, seed: int) -> float:
    """Seconds from settled to told for 95 % of things, at best, if a share ``false_share`` of presses may be told as well."""
    puts = _puts(rate_hz, seed)
    chance = Random(f"bound {seed} {rate_hz}")
    for late in range(-max(put.swings for put in puts), ceil(2.0 * rate_hz)):
        counts = [put.swings + late for put in puts]
        if sum(count > TAPS for count in counts) < PASSES * len(puts):
            continue
        if _false(puts, counts, rate_hz, chance) <= false_share:
            return (late - 0.5) / rate_hz
    raise AssertionError("two seconds tell everything")


def known_s(rate_hz: float, seed: int) -> float:
    """Seconds from settled until 95 % of things are weighed within ``KNOWN_G`` (95 %), at best."""
    nature = PlateNature()
    enough = next(count for count in range(4, ceil(2.0 * rate_hz)) if 1.96 * _level_sd(count, rate_hz, nature) <= KNOWN_G)
    delays = sorted(enough - put.swings for put in _puts(rate_hz, seed))
    return (delays[ceil(PASSES * len(delays)) - 1] - 0.5) / rate_hz


@lru_cache(maxsize=4)
def _puts(rate_hz: float, seed: int) -> Sequence[Put]:
    """Things put down by the hands of ``firmware_sims`` on a plate without noise."""
    found = []
    for number in range(PUTS):
        chance = Random(f"bound {seed} {number}")
        plate, grams = Plate(f"bound {seed} {number}", QUIET), chance.choice(ITEMS_G)
        plate.rest(3000.0)
        plate.sample(chance.random() / rate_hz)
        plate.put(grams * chance.uniform(0.95, 1.05))
        free = settled = 0
        for index in range(ceil(2.5 * rate_hz)):
            plate.sample(1 / rate_hz)
            if plate.pushed:
                free = index + 1
            if abs(plate.path_g - plate.grams) > WITHIN_G:
                settled = index + 1
        found.append(Put(grams, settled - free))
    return found


def _false(puts: Sequence[Put], counts: Sequence[int], rate_hz: float, chance: Random) -> float:
    ratios: list[float] = []
    for put, count in zip(puts, counts, strict=True):
        window = hypotheses(count - TAPS, rate_hz, put.grams) if count > TAPS else None
        ratios += [_drawn(window, chance) if window else UNDECIDED for _ in range(DRAWS)]
    ratios.sort(reverse=True)
    return sum(exp(-ratio) for ratio in ratios[: ceil(PASSES * len(ratios))]) / len(ratios)


def _drawn(window: Hypotheses, chance: Random) -> float:
    """Log likelihood ratio, rest to hand, of differences drawn at rest."""
    white = [chance.gauss(0, 1) for _ in window.rest]
    # the differences that have these white values: forward substitution with the inverse factor
    values: list[float] = []
    for row, fresh in zip(window.rest, white, strict=True):
        values.append((fresh - sum(map(mul, row, values))) / row[len(values)])
    return log_ratio(window, values)


def log_ratio(window: Hypotheses, values: Sequence[float]) -> float:
    """Log likelihood of differences at rest less that under a hand."""
    rest = fsum(sum(map(mul, row, values)) ** 2 for row in window.rest)
    hand = fsum(sum(map(mul, row, values)) ** 2 for row in window.hand)
    return 0.5 * (hand - rest + window.hand_log - window.rest_log)


def differences(values: Sequence[float], rate_hz: float) -> list[float]:
    """Samples without their level and swing."""
    taps = _taps(rate_hz, PlateNature())
    return [sum(map(mul, taps, reversed(values[at : at + TAPS + 1]))) for at in range(len(values) - TAPS)]


@lru_cache(maxsize=4096)
def hypotheses(size: int, rate_hz: float, grams: float) -> Hypotheses:
    """Of ``size`` differences, where a hand would press with ``grams``."""
    nature = PlateNature()
    taps, lags = _taps(rate_hz, nature), range(-TAPS, size + TAPS)
    noise = {lag: _noise(lag, nature) for lag in lags}
    both = {lag: noise[lag] + grams * grams * _tremor(abs(lag), rate_hz, nature) for lag in lags}
    factors = [_lower([_filtered(kind, taps, lag) for lag in range(size)]) for kind in (noise, both)]
    rest, hand = (_inverse(factor) for factor in factors)
    rest_log, hand_log = (2 * sum(log(row[-1]) for row in factor) for factor in factors)
    return Hypotheses(rest, hand, rest_log, hand_log)


def _noise(lag: int, nature: PlateNature) -> float:
    """Autocovariance of the plate's noise: a moving average of two."""
    variance = (nature.noise_mad_g * MAD_TO_SD) ** 2
    memory = nature.noise_memory
    return variance * {0: 1.0, 1: memory / (1 + memory * memory)}.get(abs(lag), 0.0)


@lru_cache(maxsize=4096)
def _tremor(lag: int, rate_hz: float, nature: PlateNature) -> float:
    """Autocovariance of what a plate makes of the tremor of a hand of 1 g: independent forces, each for ``TREMOR_SLICE_S``."""
    answer, fine = _answer(rate_hz, nature), _fine(rate_hz)
    return TREMOR * TREMOR / TREMOR_SLICE_S * fsum(map(mul, answer, answer[lag * fine :])) / (fine * rate_hz)


@lru_cache(maxsize=8)
def _answer(rate_hz: float, nature: PlateNature) -> Sequence[float]:
    """What a plate does in a second after a force of 1 g has come for one slice."""
    omega = 2 * pi * nature.natural_hz
    turn, fade = omega * sqrt(1 - nature.damping**2), nature.damping * omega

    def step(t: float) -> float:
        return 1 - exp(-fade * t) * (cos(turn * t) + fade / turn * sin(turn * t)) if t > 0 else 0.0

    times = [index / (_fine(rate_hz) * rate_hz) for index in range(ceil(rate_hz) * _fine(rate_hz))]
    return tuple(step(t) - step(t - TREMOR_SLICE_S) for t in times)


def _fine(rate_hz: float) -> int:
    """How many instants of an integral lie between two samples."""
    return ceil(1 / (rate_hz * FINEST_S))


def _taps(rate_hz: float, nature: PlateNature) -> Sequence[float]:
    """The filter that a level and a free swing leave at 0: 1 - z, times that of the swing's two roots."""
    omega = 2 * pi * nature.natural_hz / rate_hz
    size = exp(-nature.damping * omega)
    one, two = -2 * size * cos(omega * sqrt(1 - nature.damping**2)), size * size
    return (1.0, one - 1, two - one, -two)


def _filtered(covariance: dict[int, float], taps: Sequence[float], lag: int) -> float:
    return sum(one * other * covariance[lag + behind - before] for before, one in enumerate(taps) for behind, other in enumerate(taps))


def _level_sd(count: int, rate_hz: float, nature: PlateNature) -> float:
    """Standard error of the level in ``count`` samples, a free swing about it unknown, by weighted least squares."""
    white = _inverse(_lower([_noise(lag, nature) for lag in range(count)]))
    omega = 2 * pi * nature.natural_hz / rate_hz
    turn = omega * sqrt(1 - nature.damping**2)
    fades = [exp(-nature.damping * omega * index) for index in range(count)]
    columns = [
        [fade * cos(turn * index) for index, fade in enumerate(fades)],
        [fade * sin(turn * index) for index, fade in enumerate(fades)],
        [1.0] * count,
    ]
    whitened = [[sum(map(mul, row, column)) for row in white] for column in columns]
    # what of the level the swing cannot make: the last step of Gram and Schmidt
    for at, one in enumerate(whitened):
        for before in whitened[:at]:
            share = sum(map(mul, one, before)) / sum(map(mul, before, before))
            one[:] = [value - share * other for value, other in zip(one, before, strict=True)]
    return 1 / sqrt(sum(map(mul, whitened[-1], whitened[-1])))


def _lower(covariance: Sequence[float]) -> Matrix:
    """Cholesky's factor of the covariance that has these values by lag; rows end at the diagonal."""
    factor: Matrix = []
    for row in range(len(covariance)):
        values: list[float] = []
        for column in range(row):
            values.append((covariance[row - column] - sum(map(mul, values, factor[column]))) / factor[column][column])
        values.append(sqrt(covariance[0] - sum(map(mul, values, values))))
        factor.append(values)
    return factor


def _inverse(lower: Matrix) -> Matrix:
    """The inverse of a triangular factor; rows end at the diagonal."""
    rows: Matrix = []
    for at, row in enumerate(lower):
        found = [-sum(row[k] * rows[k][column] for k in range(column, at)) / row[at] for column in range(at)]
        rows.append([*found, 1 / row[at]])
    return rows
