"""The probabilities of one step: how likely so many items of a product are to weigh what a plate says. ``history`` puts steps together.

A step of ``g`` grams with standard error ``e`` is explained by ``q`` items of one candidate, or by none of them. Bayes' rule over all
pairs (candidate j, quantity q) and the hypothesis "none of these":

    weight(j, q) = share_j · quantity(q) · Normal*(g; q·m_j, e² + cell² + q·s_j² + q²·u_j²)
    weight(none) = NONE_PRIOR · 1 / (g · ln(HEAVIEST_G / LIGHTEST_G))

- ``m_j`` and ``s_j`` are one item's weight and spread: q items spread by √q·s.
- ``u_j`` is the uncertainty of the mean itself, the same for all items, so that it grows with q, not √q. The catalogue's mean came from
  weighing about ten items once, and batches differ: ``u_j² = s_j² (1/WEIGHED + BATCH²)``, until a restock has weighed what stands there.
- ``cell = CELL_ERROR_G ⊕ CELL_ERROR·g`` is what a load cell adds: corner load (where on the plate the item stood), span and linearity.
- ``quantity(q)`` falls by ``MORE`` with each further item in the hand, and beyond two heavy ones by ``HANDS`` besides.
- ``share_j`` is the prior of a candidate, divided by the sum of all where that is over 1.
- Normal* is a normal distribution, and for ``ROUGH_SHARE`` of the steps one that is wider by ``ROUGH_G``.
- "none of these" has a weight of which nothing is known but its order of magnitude: uniform in log g.

Priors of a sum under 1 stay as they are: where there are only unlikely candidates "none of these" is the likelier for it.
The derivation of all of it is in ``docs/identification.md``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil, exp, log, pi, sqrt

from device.domain.events import Alternative
from device.domain.identification import Candidate, Identification, delivery_variance

NONE_PRIOR = 0.0001
"""One simulated press of a hand in 1,000 is told as a step, and one doing in seven has one; what is not sold is seldom on a shelf."""
MORE = 0.15
HANDS = 0.3
HANDFUL_G = 50.0
"""Items so heavy are taken one a hand: each beyond two at once is less likely by ``HANDS``."""
CELL_ERROR_G = 0.5
CELL_ERROR = 0.0005
LIGHTEST_G = 5.0
HEAVIEST_G = 20_000.0
QUANTITY_MAX = 100
ALTERNATIVES_MAX = 3
ALTERNATIVE_MIN = 0.001
REACH_SDS = 6.0
ROUGH_SHARE = 0.005
ROUGH_G = 3.0
"""One step in two hundred has settled less well than it seemed: a hand still near, a door just slammed."""

COUNTED = 0.97
"""How far the number that stands there is believed when it is said what a part of them may weigh."""

_LOG_TWO_PI = log(2 * pi)
_LOG_FINE, _LOG_ROUGH = log(1 - ROUGH_SHARE), log(ROUGH_SHARE)
_LOG_ONE, _LOG_MORE, _LOG_HANDS = log(1 - MORE), log(MORE), log(HANDS)
_LOG_RANGE = log(log(HEAVIEST_G / LIGHTEST_G))


def one_step(grams: float, sd: float, candidates: Sequence[Candidate], *, hand: bool = True) -> Identification:
    """The best explanation of a step of ``grams`` (positive) with standard error ``sd``; see the model above.

    Raises ValueError for a step that is not positive: the direction is the caller's.
    """
    if not grams > 0:
        raise ValueError(f"a step of {grams} g has no size")
    logs: dict[tuple[str, int], float] = {}
    scale = shares(candidates)
    for candidate in candidates:
        for quantity, weight in quantities(grams, sd, candidate, hand=hand):
            key = (candidate.gtin, quantity)
            weight -= scale
            logs[key] = log_sum(logs[key], weight) if key in logs else weight
    none = none_log(grams)
    top = max([none, *logs.values()])
    total = exp(none - top) + sum(exp(weight - top) for weight in logs.values())
    ranked = sorted(((exp(weight - top) / total, gtin, quantity) for (gtin, quantity), weight in logs.items()), key=lambda each: -each[0])
    unexplained = exp(none - top) / total
    best = None if not ranked or unexplained > ranked[0][0] else ranked.pop(0)
    others = tuple(Alternative(gtin, quantity, share) for share, gtin, quantity in ranked[:ALTERNATIVES_MAX] if share >= ALTERNATIVE_MIN)
    if best is None:
        return Identification(None, 0, unexplained, others)
    return Identification(best[1], best[2], best[0], others)


def shares(candidates: Sequence[Candidate]) -> float:
    """Log of what the priors are divided by: their sum, where it is over 1."""
    return log(max(1.0, sum(candidate.prior for candidate in candidates)))


def none_log(grams: float) -> float:
    """Log weight of "none of these"."""
    return log(NONE_PRIOR) - log(max(grams, LIGHTEST_G)) - _LOG_RANGE


def weight_log(away: float, variance: float) -> float:
    """Log density of a step that is ``away`` grams from what it should be: a normal distribution, and rarely a rough one."""
    fine = -0.5 * (away * away / variance + _LOG_TWO_PI + log(variance))
    rough = variance + ROUGH_G * ROUGH_G
    return log_sum(fine + _LOG_FINE, _LOG_ROUGH - 0.5 * (away * away / rough + _LOG_TWO_PI + log(rough)))


def reach(variance: float) -> float:
    """How far a step may be from what it should be before nobody needs to ask how unlikely it is."""
    return REACH_SDS * sqrt(variance + ROUGH_G * ROUGH_G)


def plate_variance(grams: float, sd: float) -> float:
    """Variance of a step of ``grams`` for reasons of the plate: noise, and what the load cell adds."""
    return sd * sd + CELL_ERROR_G**2 + (CELL_ERROR * grams) ** 2


def item_variance(candidate: Candidate, quantity: int) -> float:
    """Variance of the weight of ``quantity`` items: what they differ by among themselves, and that of the mean they have in common.

    The mean that was learned (``mean_sd``) is that of the items that stand there: any of a few differ from their mean by less. What left
    was there: numbers that are too small for it do not count.
    """
    among = quantity * candidate.grams_sd**2
    if candidate.mean_sd is not None and candidate.counts is not None:
        enough = [(count, share) for count, share in candidate.counts if count >= quantity]
        standing = sum(count * share for count, share in enough)
        among *= 1 - COUNTED * quantity * sum(share for _, share in enough) / standing if enough else 1.0
    return among + quantity * quantity * mean_variance(candidate)


def mean_variance(candidate: Candidate) -> float:
    """Variance of the mean of what stands there."""
    return delivery_variance(candidate.grams_sd) if candidate.mean_sd is None else candidate.mean_sd**2


def quantities(grams: float, sd: float, candidate: Candidate, *, hand: bool = True) -> Iterator[tuple[int, float]]:
    """Log weights of the quantities of one candidate that the step could be, far misses left out."""
    if not candidate.grams > 0 or not candidate.prior > 0:
        return
    error = plate_variance(grams, sd)
    fits = min(QUANTITY_MAX, candidate.most if candidate.most is not None else ceil(2 * grams / candidate.grams) + 1)
    if fits < 1:
        return
    scale = log(candidate.prior) - (0.0 if hand else log(fits))
    for quantity in range(1, fits + 1):
        variance = error + item_variance(candidate, quantity)
        away = grams - quantity * candidate.grams
        if away < -reach(variance):
            break
        if away <= reach(variance):
            yield quantity, scale + (hand_log(candidate, quantity) if hand else 0.0) + weight_log(away, variance)


def hand_log(candidate: Candidate, quantity: int) -> float:
    """Log probability that a hand that takes a product takes so many at once."""
    beyond = max(0, quantity - 2) if candidate.grams >= HANDFUL_G else 0
    return _LOG_ONE + (quantity - 1) * _LOG_MORE + beyond * _LOG_HANDS


def log_sum(one: float, other: float) -> float:
    """Log of the sum of two numbers given as logs."""
    high, low = max(one, other), min(one, other)
    return high + log(1 + exp(low - high))
