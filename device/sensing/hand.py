"""Weight that comes on: a thing, or a hand that presses? How many samples must agree before it is believed to be no hand.

A muscle's force trembles in proportion to itself, by some per cent (Jones, Hamilton and Wolpert, J. Neurophysiol. 88, 2002), so what a hand
presses a plate by with ``g`` grams scatters by ``TREMBLES * g`` beside the plate's noise ``sigma``. A window of n values is believed when
its variance is under the 99 % point of chi-square for the noise. With a hand's tremor on top it passes with probability alpha where

    TREMBLES * g / sigma = sqrt(chi2(n-1; 0.99) / chi2(n-1; alpha) - 1)

The heavier the thing, the fewer values it takes: ``_ALONE`` for alpha 0.001. What weighs as much as something that has just been taken
nearby is mostly that: few hands press with just this force, so that alpha 0.03 will do (``_AWAITED``).
"""

from __future__ import annotations

from collections import deque

TREMBLES = 0.015
"""Half of what hands are measured to do: the plate does not follow the fast part, and some hands are steadier."""

_ALONE = ((5, 12.05), (6, 8.41), (7, 6.57), (8, 5.47), (9, 4.74), (10, 4.22), (11, 3.83), (12, 3.53), (14, 3.10), (16, 2.79))
_AWAITED = ((4, 6.73), (5, 4.88), (6, 3.96), (7, 3.41), (8, 3.04), (9, 2.77), (10, 2.57), (11, 2.41), (12, 2.28), (14, 2.07), (16, 1.92))
_MOST = 20
"""Values that are enough for anything: where a hand's tremor is as small as the noise, nothing tells them apart any more."""

REMEMBERED = 6
"""Removals of a zone that are awaited back: what comes on is compared with the last of them."""
AWAITED_S = 300.0
SAME_G = 3.0
SAME_ERRORS = 5.0


def values_wanted(grams: float, sigma: float, *, awaited: bool) -> int:
    """How many values that follow one another freely tell a thing of ``grams`` from a hand, on a plate with noise ``sigma``."""
    trembles = TREMBLES * grams / sigma
    return next((count for count, least in (_AWAITED if awaited else _ALONE) if trembles >= least), _MOST)


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
