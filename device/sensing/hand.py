"""Weight that comes on: a thing, or a hand that presses? The odds, from how still a plate holds.

A muscle's force trembles in proportion to itself, by some per cent (Jones, Hamilton and Wolpert, J. Neurophysiol. 88, 2002). A plate of
``PLATE_HZ`` passes that on as far as it can follow. So of a window of n samples each wave of the cosine transform, at f = k / (2 n dt),
shows at rest the plate's noise N(f), and under a hand of ``g`` grams N(f) (1 + s(f)) with

    s(f) = (TREMBLES g)² · TREMOR_S / dt · |H(f)|² / N(f)          N(f) = sigma² (1 + 2 rho cos 2 pi f dt)

where H is the plate's answer to a force. The waves are as good as independent, so that the log of the likelihood ratio is a sum
(Neyman and Pearson, Phil. Trans. A 231, 1933),

    odds = sum over k of  log(1 + s) / 2  -  z² / (2 N) · s / (1 + s)

with z the wave's share in the samples. The first part is what a window of this length can show, the second what is held against rest. What
is fitted to a window (its level, the two values of its swing) cannot speak against a hand: as many of the largest first parts are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import cos, log1p, pi, sin, sqrt
from operator import mul
from typing import NamedTuple

from device.sensing.swing import Swing

TREMBLES = 0.03
"""Standard deviation of a held force as a share of it."""
TREMOR_S = 0.03
"""For how long the force stays as it is: a tremor of 8 to 12 Hz turns round in some 0.05 s, what wanders does so later."""
PLATE_HZ, PLATE_DAMPING = 5.0, 0.4
"""A soft plate, which passes on little. A stiffer one tells a hand sooner."""
_MOST_HZ = 16.0
"""Faster than this a plate does not follow."""


class _Form(NamedTuple):
    """A wave of any window of a length: its values, its cosines one sample, a lag and two lags on, and what it shows of a force of 1 g."""

    values: Sequence[float]
    near: float
    lag: float
    twice: float
    force: float
    plate: float


class Wave(NamedTuple):
    """One wave of a window: its values, the variance of noise in it, and by how many times as much a hand shows in it."""

    values: Sequence[float]
    noise: float
    ratio: float


@lru_cache(maxsize=48)
def _forms(rows: int, seconds: float, lag: int) -> Sequence[_Form]:
    """The waves of a window of ``rows`` samples that a plate can follow, the slowest of which is its mean."""
    found = []
    size, spread = sqrt(2 / rows), TREMBLES * TREMBLES * TREMOR_S / seconds
    for number in range(1, max(2, min(rows, round(2 * _MOST_HZ * rows * seconds)))):
        turn = pi * number / rows
        hertz = turn / (2 * pi * seconds)
        plate = sum(_held(folded) * _passed(folded) for folded in (hertz, 1 / seconds - hertz, 1 / seconds + hertz))
        values = tuple(size * cos(turn * (index + 0.5)) for index in range(rows))
        found.append(_Form(values, cos(turn), cos(turn * lag), cos(turn * 2 * lag), spread * _held(hertz), spread * plate))
    return found


def _held(hertz: float) -> float:
    """The share of a force's power at a frequency that is left of it if it stays as it is for ``TREMOR_S``."""
    return (sin(pi * hertz * TREMOR_S) / (pi * hertz * TREMOR_S)) ** 2


def _passed(hertz: float) -> float:
    """The share that a soft plate passes on."""
    ratio = hertz / PLATE_HZ
    return 1 / ((1 - ratio * ratio) ** 2 + (2 * PLATE_DAMPING * ratio) ** 2)


def waves_of(rows: int, seconds: float, grams: float, sigma: float, rho: float, swing: Swing) -> list[Wave]:
    """The waves of a window of ``rows`` samples, where a hand would press by ``grams``."""
    a, b, lag = swing
    share, still = (1 - a - b) ** 2, 1 + a * a + b * b
    once, twice = 2 * a * (b - 1), 2 * b
    found = []
    for form in _forms(rows, seconds, lag):
        passes = max(still + once * form.lag - twice * form.twice, 0.02)
        noise = sigma * sigma * max(0.1, 1 + 2 * rho * form.near) * passes
        found.append(Wave(form.values, noise, grams * grams * min(form.force * share, form.plate * passes) / noise))
    return found


def usual_odds(waves: Sequence[Wave], fitted: int) -> float:
    """What ``odds`` come to in the mean of windows at rest: it tells how long a window must be."""
    logs = sorted(log1p(wave.ratio) - wave.ratio / (1 + wave.ratio) for wave in waves)
    return 0.5 * sum(logs[: len(logs) - fitted])


def odds(waves: Sequence[Wave], values: Sequence[float], fitted: int) -> float:
    """Log odds that ``values``, of which level and swing have been taken off, are a plate's noise and not also a hand's tremor."""
    logs = sorted(log1p(wave.ratio) for wave in waves)
    against = 0.0
    for wave in waves:
        size = sum(map(mul, wave.values, values))
        against += size * size / wave.noise * wave.ratio / (1 + wave.ratio)
    return 0.5 * (sum(logs[: len(logs) - fitted]) - against)
