"""A plate that still swings: does it swing freely, and about what level? An answer before the swing is over.

A plate on its cell is a mass on a spring. Once the force on it is constant, what is left of the movement obeys a recursion,

    y(t) = a y(t - k) + b y(t - 2k) + c          of samples k apart,

with the same a and b for all its swings, or for a creeping with two time constants; the level is c / (1 - a - b). The three are fitted to a
window by least squares (Prony's method), and what is left over must be the plate's noise. A force that changes within the window leaves
more: a thing that is being put down, or the tremor of a hand that presses (``hand.py`` has the odds).

What the plate's earlier swings have shown of a and b counts as so many samples more (``Learnt``): then a swing is known beforehand, and
fewer samples of it are needed. A plate that swings otherwise than before, because its load is another, fits later and not falsely.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from operator import mul
from typing import NamedTuple

from device.domain.median import median
from device.sensing.settle import Level, chi_square_99

LEAST_SHARE = 0.4
"""Of a force that a recursion must show: under it the level would be foretold, not seen."""
MOST_SPOILT = 0.3
"""Of the recursions, by glitches."""
GLITCH_SIGMAS = 6.0
KEPT = 0.5
"""Of what was shown before when another swing has shown more."""


class Swing(NamedTuple):
    """A recursion y(t) = a y(t-lag) + b y(t-2 lag) + c that what a window shows is left over from. Without one, a and b are 0."""

    a: float = 0.0
    b: float = 0.0
    lag: int = 1


class Learnt(NamedTuple):
    """What swings have shown of a and b: sums of products of y(t-k), y(t-2k) and y(t), off their means and less what noise adds, in g²."""

    aa: float = 0.0
    ab: float = 0.0
    bb: float = 0.0
    ay: float = 0.0
    by: float = 0.0

    def and_then(self, newer: Learnt) -> Learnt:
        """With another swing."""
        return Learnt(*[KEPT * old + new for old, new in zip(self, newer, strict=True)])


class Swung(NamedTuple):
    """A window that swings freely: its level, the recursion, what that leaves over, and how much of a and b was fitted to it (0 to 2)."""

    level: Level
    swing: Swing
    left: Sequence[float]
    fitted: int
    shows: Learnt


NOTHING = Learnt()


def swung_level(values: Sequence[float], count: int, lag: int, sigma: float, rho: float, known: Learnt = NOTHING) -> Swung | None:
    """The level that the last ``count`` samples swing about, if they swing freely; samples that stand alone are left out.

    ``lag`` is the k of the recursion, ``sigma`` the noise of one sample, ``rho`` the correlation of neighbours.
    """
    if len(values) < count:
        return None
    about = median(values[-5:])
    window = [value - about for value in values[-count:]]
    rows = [*zip(window[2 * lag :], window[lag:-lag], window, strict=False)]
    places = _unspoilt(window, lag, GLITCH_SIGMAS * sigma)
    if len(places) < (1 - MOST_SPOILT) * len(rows):
        return None
    used = rows if len(places) == len(rows) else [rows[place] for place in places]
    means = [sum(column) / len(used) for column in zip(*used, strict=True)]
    raw = _sums(used, means)
    sums = Learnt(*map(sum, zip(raw, known, strict=True)))
    whole = sums.aa * sums.bb - sums.ab * sums.ab
    if whole <= 0:
        return None
    a, b = (sums.ay * sums.bb - sums.by * sums.ab) / whole, (sums.by * sums.aa - sums.ay * sums.ab) / whole
    share, constant = 1 - a - b, means[0] - a * means[1] - b * means[2]
    left = [now - a * once - b * twice - constant for now, once, twice in used]
    noise = sigma * sigma * (1 + a * a + b * b + (2 * rho * a * (b - 1) if lag == 1 else 0.0))
    if share < LEAST_SHARE or sum(map(mul, left, left)) > chi_square_99(len(used) - 1) * noise:
        return None
    grams = constant / share
    one, two = grams - means[1], grams - means[2]
    reach = noise * (one * one * sums.bb - 2 * one * two * sums.ab + two * two * sums.aa) / whole / (share * share)
    se = sqrt(sigma * sigma * (1 + 2 * rho) / len(used) + reach)
    fitted = round((raw.aa * sums.bb + raw.bb * sums.aa - 2 * raw.ab * sums.ab) / whole)
    if len(used) < len(rows):
        known_at = dict(zip(places, left, strict=True))
        left = [known_at.get(place, 0.0) for place in range(len(rows))]
    shows = _without_noise(raw, len(used) * sigma * sigma, rho if lag == 1 else 0.0)
    return Swung(Level(about + grams, se, sigma, len(used)), Swing(a, b, lag), left, fitted, shows)


def without_glitch(values: Sequence[float], count: int, level: float, reach: float) -> list[float]:
    """The last ``count`` samples off their ``level``; one further off than ``reach``, which no hand makes of it, is passed over."""
    kept = [value - level for value in values[-count:]]
    if max(kept) > reach or min(kept) < -reach:
        kept = [value - level for value in values[-count - 1 :] if abs(value - level) < reach]
    return kept


def _sums(rows: Sequence[tuple[float, ...]], means: Sequence[float]) -> Learnt:
    """The sums of products of three columns: now, once before, twice before."""
    now, once, twice = ([value - mean for value in column] for column, mean in zip(zip(*rows, strict=True), means, strict=True))
    return Learnt(
        sum(map(mul, once, once)) + 1e-6,
        sum(map(mul, once, twice)),
        sum(map(mul, twice, twice)) + 1e-6,
        sum(map(mul, once, now)),
        sum(map(mul, twice, now)),
    )


def _without_noise(sums: Learnt, noise: float, rho: float) -> Learnt:
    """Noise makes every product of a sample with itself greater, and with its neighbour by ``rho`` of that."""
    return Learnt(max(0.0, sums.aa - noise), sums.ab - rho * noise, max(0.0, sums.bb - noise), sums.ay - rho * noise, sums.by)


def _unspoilt(values: Sequence[float], lag: int, reach: float) -> Sequence[int]:
    """Which recursions have no sample that stands alone: further off the two before and the two after it than they are off each other.

    At the ends of the window the two on one side are all there are.
    """
    spoilt: set[int] = set()
    ends = [values[1], values[2], *values, values[-3], values[-2]]
    around = zip(ends, ends[1:], values, ends[3:], ends[4:], strict=False)
    for index, (first, second, value, fourth, fifth) in enumerate(around):
        if abs(2 * value - second - fourth) < reach:
            continue
        low, high = min(first, second, fourth, fifth), max(first, second, fourth, fifth)
        if not 2 * low - high - reach < value < 2 * high - low + reach:
            spoilt |= {index, index - lag, index - 2 * lag}
    return [place for place in range(len(values) - 2 * lag) if place not in spoilt]
