"""The soonest that anybody could tell a plate at rest from a hand that holds still on it: what ``bench latency`` is compared with.

At rest a plate reads a level and its noise. Under a hand it reads a level, its noise, and the hand's tremor as the plate passes it on.
Both are Gaussian with covariances that are known here, N and N + H: N is the noise that was fitted to the recording, H the tremor of a
press of ``PRESS_G`` (as much as the lightest bottle that is put on) as the simulated plate answers it, measured on a plate without
noise. Of two such hypotheses about the last n samples the likelihood ratio is the best test there is (Neyman and Pearson, Phil. Trans.
A 231, 1933); the level, which nobody knows, is taken out by looking at differences. For each n the share of hands that pass is found by
drawing, where 95 % of plates at rest pass. The optimum is the smallest n with no more false than the detector has, over the tries that
a press offers it. It knows covariances that no detector knows, and it starts at the very sample at which the plate has settled.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, log, sqrt
from random import Random

from firmware_sims.physics import MAD_TO_SD, QUIET, Plate, PlateNature

PRESS_G = 330.0
PRESS_S = 2.0
PRESSES = 60
PASSES = 0.95
DRAWS = 3000
MOST_S = 1.6

Matrix = list[list[float]]


def optimum_s(rate_hz: float, false_share: float, seed: int) -> float:
    """Seconds from settled to told, at best, where a share ``false_share`` of presses may be taken for weights."""
    most = max(4, ceil(MOST_S * rate_hz))
    tremor = _tremor(rate_hz, most, seed)
    for count in range(3, most + 1):
        tries = max(1.0, PRESS_S * rate_hz / count)
        if _false(count, rate_hz, tremor, seed) <= false_share / tries:
            return (count - 1) / rate_hz
    return MOST_S


def _false(count: int, rate_hz: float, tremor: Sequence[float], seed: int) -> float:
    """The share of hands that pass the best test of ``count`` samples that lets 95 % of rests pass."""
    nature = PlateNature()
    variance = (nature.noise_mad_g * MAD_TO_SD) ** 2
    memory = nature.noise_memory
    noise = [variance, variance * memory / (1 + memory * memory), *[0.0] * count]
    rest = _lower(_of_differences(noise, count))
    hand = _lower(_of_differences([one + other for one, other in zip(noise, [*tremor, *[0.0] * count], strict=False)], count))
    chance = Random(f"optimum {seed} {rate_hz} {count}")
    scores = sorted(_score(_drawn(rest, chance), rest, hand) for _ in range(DRAWS))
    limit = scores[ceil((1 - PASSES) * DRAWS)]
    return sum(_score(_drawn(hand, chance), rest, hand) >= limit for _ in range(DRAWS)) / DRAWS


def _tremor(rate_hz: float, count: int, seed: int) -> list[float]:
    """Autocovariance of what a plate without noise reads while a hand presses, by lag."""
    sums, number = [0.0] * count, 0
    for press in range(PRESSES):
        plate = Plate(f"optimum {seed} {press}", QUIET)
        plate.lean(PRESS_G, 2 * PRESS_S + 4.0)
        read = [plate.sample(1 / rate_hz) for _ in range(round((PRESS_S + 1.0) * rate_hz))][round(rate_hz) :]
        middle = sum(read) / len(read)
        number += 1
        for lag in range(min(count, len(read))):
            pairs = len(read) - lag
            sums[lag] += sum((read[at] - middle) * (read[at + lag] - middle) for at in range(pairs)) / len(read)
    return [each / number for each in sums]


def _of_differences(covariance: Sequence[float], count: int) -> Matrix:
    """Covariance of the count - 1 differences of neighbours: 2 c(d) - c(d-1) - c(d+1)."""

    def at(lag: int) -> float:
        return covariance[abs(lag)] if abs(lag) < len(covariance) else 0.0

    return [[2 * at(one - other) - at(one - other - 1) - at(one - other + 1) for other in range(count - 1)] for one in range(count - 1)]


def _lower(matrix: Matrix) -> Matrix:
    """Cholesky's factor."""
    size = len(matrix)
    factor = [[0.0] * size for _ in range(size)]
    for row in range(size):
        for column in range(row + 1):
            rest = matrix[row][column] - sum(factor[row][k] * factor[column][k] for k in range(column))
            factor[row][column] = sqrt(max(rest, 1e-9)) if row == column else rest / factor[column][column]
    return factor


def _drawn(factor: Matrix, chance: Random) -> list[float]:
    fresh = [chance.gauss(0, 1) for _ in factor]
    return [sum(weight * value for weight, value in zip(row[: index + 1], fresh, strict=False)) for index, row in enumerate(factor)]


def _score(values: Sequence[float], rest: Matrix, hand: Matrix) -> float:
    """Log likelihood of a rest less that of a hand."""
    return _log_likelihood(values, rest) - _log_likelihood(values, hand)


def _log_likelihood(values: Sequence[float], factor: Matrix) -> float:
    white: list[float] = []
    total = 0.0
    for index, row in enumerate(factor):
        each = (values[index] - sum(row[k] * white[k] for k in range(index))) / row[index]
        white.append(each)
        total -= 0.5 * each * each + log(row[index])
    return total
