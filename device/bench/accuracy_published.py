"""The published rule, for comparison: that of the team that won the CPS-IoT Week 2020 contest for unattended stores, without its cameras.

Made anew from its description (AutoCheckout-CMU): the weights of a shelf's plates are summed; a window of one second moves over the sum;
where its standard deviation is over 40 g something happens, and five samples (of 60 a second) after it has been under that again the
difference of the window's means before and after is an event if it is over 10 g. Each product of the shelf then has a score of 0.8 times
its share of the change by layout (the change of the plates on which it stands, of the change of all) and 0.2 times the area that two normal
curves of 5 g share, around the change and around the product's weight. The best is what it was; the quantity is the change by its weight.
What comes back is the product of the basket whose weight is nearest. It never asks for a review.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from itertools import accumulate
from math import erfc, sqrt
from typing import NamedTuple

ACTIVE_SD_G = 40.0
EVENT_G = 10.0
PLATE_G = 5.0
STABLE_S = 5 / 60
SCORE_SD_G = 5.0
BY_LAYOUT, BY_WEIGHT = 0.8, 0.2


class Guess(NamedTuple):
    """The cart, and its lines: (slot, gtin, sign) → quantity."""

    cart: dict[str, int]
    lines: dict[tuple[str, str, int], int]


class Detector:
    """The rule's first half on one plate, sample by sample, with the memory of a window: what ``bench quiet`` counts."""

    def __init__(self, rate_hz: float) -> None:
        self._low = max(1, round(STABLE_S * rate_hz))
        self._window: deque[float] = deque(maxlen=round(rate_hz))
        self._means: deque[float] = deque(maxlen=self._low + 1)
        self._began = 0
        """How many windows ago activity began; 0: there is none."""
        self._quiet = 0
        self._before_g = 0.0

    def take(self, grams: float) -> float | None:
        """One sample; gives the change if an event has ended with it."""
        window = self._window
        window.append(grams)
        if len(window) < (window.maxlen or 0):
            return None
        mean = sum(window) / len(window)
        self._means.append(mean)
        active = sqrt(sum([(value - mean) ** 2 for value in window]) / len(window)) > ACTIVE_SD_G
        if not self._began and not active:
            return None
        if not self._began:
            self._before_g = self._means[0]
        self._began += 1
        self._quiet = 0 if active else self._quiet + 1
        if self._quiet <= self._low:
            return None
        lasted, change = self._began - self._quiet, mean - self._before_g
        self._began = self._quiet = 0
        return change if lasted > 1 and abs(change) > EVENT_G else None


def published_rule(
    samples: Sequence[Sequence[float]], rate_hz: float, slots: Sequence[tuple[str, Sequence[str]]], grams: Mapping[str, float]
) -> Guess:
    """Read one session. ``slots`` are the plates in the order of the samples, with their products; ``grams`` the catalogue."""
    cart: dict[str, int] = {}
    lines: dict[tuple[str, str, int], int] = {}
    for change in _events(samples, rate_hz):
        total = sum(change)
        where = max(range(len(change)), key=lambda plate: abs(change[plate]))
        if total < 0:
            gtin = _best(change, total, slots, grams)
            quantity = max(1, round(-total / grams[gtin]))
        else:
            held = [gtin for gtin, count in cart.items() if count > 0]
            if not held:
                continue
            gtin = min(held, key=lambda each: abs(grams[each] - total))
            quantity = -min(cart[gtin], max(1, round(total / grams[gtin])))
        cart[gtin] = cart.get(gtin, 0) + quantity
        key = (slots[where][0], gtin, 1 if quantity > 0 else -1)
        lines[key] = lines.get(key, 0) + abs(quantity)
    return Guess({gtin: count for gtin, count in cart.items() if count > 0}, lines)


def _best(change: Sequence[float], total: float, slots: Sequence[tuple[str, Sequence[str]]], grams: Mapping[str, float]) -> str:
    score: dict[str, float] = {}
    for gtin in dict.fromkeys(gtin for _, products in slots for gtin in products):
        layout = sum(part / total for part, (_, products) in zip(change, slots, strict=True) if gtin in products and abs(part) > PLATE_G)
        weight = erfc(abs(-total - grams[gtin]) / (2 * SCORE_SD_G) / sqrt(2))
        score[gtin] = BY_LAYOUT * layout + BY_WEIGHT * weight
    return max(score, key=lambda gtin: score[gtin])


def _events(samples: Sequence[Sequence[float]], rate_hz: float) -> list[list[float]]:
    """The change of each plate, for every event."""
    window = round(rate_hz)
    low = max(1, round(STABLE_S * rate_hz))
    sums = [sum(sample) for sample in samples]
    base = sums[0]
    once = list(accumulate((grams - base for grams in sums), initial=0.0))
    twice = list(accumulate(((grams - base) ** 2 for grams in sums), initial=0.0))
    active = []
    for start in range(len(sums) - window + 1):
        mean = (once[start + window] - once[start]) / window
        active.append(sqrt(max(0.0, (twice[start + window] - twice[start]) / window - mean * mean)) > ACTIVE_SD_G)
    found: list[list[float]] = []
    start = 0
    while True:
        begin = next((place for place in range(start, len(active)) if active[place]), None)
        if begin is None:
            return found
        end = _stable(active, begin, low)
        if end is None:
            return found
        before, after = max(0, begin - low), min(end + low, len(active) - 1)
        change = [_mean(samples, plate, after, window) - _mean(samples, plate, before, window) for plate in range(len(samples[0]))]
        if end - begin > 1 and abs(sum(change)) > EVENT_G:
            found.append(change)
        start = end


def _stable(active: Sequence[bool], begin: int, low: int) -> int | None:
    """Where a quiet time of more than ``low`` windows begins."""
    quiet = 0
    for place in range(begin, len(active)):
        quiet = 0 if active[place] else quiet + 1
        if quiet > low:
            return place - low
    return None


def _mean(samples: Sequence[Sequence[float]], plate: int, start: int, window: int) -> float:
    return sum(sample[plate] for sample in samples[start : start + window]) / window
