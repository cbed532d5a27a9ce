"""What was taken in a zone and may come back, on whatever plate: weight that is awaited is less likely a hand."""

from __future__ import annotations

from collections import deque

REMEMBERED = 6
"""Removals of a zone that are awaited back: what comes on is compared with the last of them."""
AWAITED_S = 300.0
"""Who has something in the hand for longer than that mostly keeps it."""
SAME_G = 3.0
SAME_ERRORS = 5.0
"""How far what comes back may be off: by where it stands on the plate, and by the error of both weights."""


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
