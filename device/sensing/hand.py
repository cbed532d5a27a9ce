"""Weight that comes on: a thing, or a hand that presses? The odds, from how still a plate holds; and what is awaited back.

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

from collections import deque
from collections.abc import Sequence
from functools import lru_cache
from math import cos, log1p, pi, sin, sqrt
from operator import mul
from typing import NamedTuple

TREMBLES = 0.03
"""Standard deviation of a held force as a share of it."""
TREMOR_S = 0.03
"""For how long the force stays as it is: a tremor of 8 to 12 Hz turns round in some 0.05 s, what wanders does so later."""
PLATE_HZ, PLATE_DAMPING = 5.0, 0.4
"""A soft plate, which passes on little. A stiffer one tells a hand sooner."""
_MOST_HZ = 16.0
"""Faster than this a plate does not follow."""

REMEMBERED = 6
"""Removals of a zone that are awaited back: what comes on is compared with the last of them."""
AWAITED_S = 300.0
SAME_G = 3.0
SAME_ERRORS = 5.0


class Swing(NamedTuple):
    """A recursion y(t) = a y(t-lag) + b y(t-2 lag) + c that what a window shows is left over from. Without one, a and b are 0."""

    a: float = 0.0
    b: float = 0.0
    lag: int = 1


class _Wave(NamedTuple):
    """One wave of a window: its values, its cosines one sample, a lag and two lags on, and how much of a force of 1 g it shows."""

    values: Sequence[float]
    near: float
    lag: float
    twice: float
    force: float
    plate: float


class Shown(NamedTuple):
    """One wave of a window: its values, the variance of noise in it, and by how many times as much a hand shows in it."""

    values: Sequence[float]
    noise: float
    ratio: float


@lru_cache(maxsize=48)
def _waves(rows: int, seconds: float, lag: int) -> Sequence[_Wave]:
    """The waves of a window of ``rows`` samples that a plate can follow, the slowest of which is its mean."""
    found = []
    size, spread = sqrt(2 / rows), TREMBLES * TREMBLES * TREMOR_S / seconds
    for number in range(1, max(2, min(rows, round(2 * _MOST_HZ * rows * seconds)))):
        turn = pi * number / rows
        hertz = turn / (2 * pi * seconds)
        plate = sum(_held(folded) * _passed(folded) for folded in (hertz, 1 / seconds - hertz, 1 / seconds + hertz))
        values = tuple(size * cos(turn * (index + 0.5)) for index in range(rows))
        found.append(_Wave(values, cos(turn), cos(turn * lag), cos(turn * 2 * lag), spread * _held(hertz), spread * plate))
    return found


def _held(hertz: float) -> float:
    """The share of a force's power at a frequency that is left of it if it stays as it is for ``TREMOR_S``."""
    return (sin(pi * hertz * TREMOR_S) / (pi * hertz * TREMOR_S)) ** 2


def _passed(hertz: float) -> float:
    """The share that a soft plate passes on."""
    ratio = hertz / PLATE_HZ
    return 1 / ((1 - ratio * ratio) ** 2 + (2 * PLATE_DAMPING * ratio) ** 2)


def shown(rows: int, seconds: float, grams: float, sigma: float, rho: float, swing: Swing) -> list[Shown]:
    """The waves of a window of ``rows`` samples, where a hand would press by ``grams``."""
    a, b, lag = swing
    share, still = (1 - a - b) ** 2, 1 + a * a + b * b
    once, twice = 2 * a * (b - 1), 2 * b
    found = []
    for wave in _waves(rows, seconds, lag):
        passes = max(still + once * wave.lag - twice * wave.twice, 0.02)
        noise = sigma * sigma * max(0.1, 1 + 2 * rho * wave.near) * passes
        found.append(Shown(wave.values, noise, grams * grams * min(wave.force * share, wave.plate * passes) / noise))
    return found


def usual_odds(waves: Sequence[Shown], fitted: int) -> float:
    """What ``odds`` come to in the mean of windows at rest: it tells how long a window must be."""
    logs = sorted(log1p(wave.ratio) - wave.ratio / (1 + wave.ratio) for wave in waves)
    return 0.5 * sum(logs[: len(logs) - fitted])


def odds(waves: Sequence[Shown], values: Sequence[float], fitted: int) -> float:
    """Log odds that ``values``, of which level and swing have been taken off, are a plate's noise and not also a hand's tremor."""
    logs = sorted(log1p(wave.ratio) for wave in waves)
    against = 0.0
    for wave in waves:
        size = sum(map(mul, wave.values, values))
        against += size * size / wave.noise * wave.ratio / (1 + wave.ratio)
    return 0.5 * (sum(logs[: len(logs) - fitted]) - against)


class Awaited:
    """What was taken in a zone and may come back, on whatever plate: at most ``REMEMBERED`` weights, the oldest of which go first."""

    def __init__(self) -> None:
        self._taken: deque[tuple[float, float]] = deque(maxlen=REMEMBERED)

    def step(self, delta: float, at: float) -> None:
        """A plate of the zone became heavier or lighter by ``delta`` grams. What has come back is not awaited any more."""
        if delta < 0:
            self._taken.append((at, -delta))
        else:
            known = next((each for each in reversed(self._taken) if abs(each[1] - delta) < SAME_G), None)
            if known is not None:
                self._taken.remove(known)

    def fits(self, grams: float, se: float, at: float) -> bool:
        """Whether so many grams were taken of late."""
        reach = max(SAME_G, SAME_ERRORS * se)
        return any(abs(grams - taken) < reach and at - when < AWAITED_S for when, taken in self._taken)
