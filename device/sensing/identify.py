"""What was taken: the one probabilistic model of a step.

A step of ``g`` grams with standard error ``e`` is explained by ``q`` items of one candidate, or by none of them. Bayes' rule over all
pairs (candidate j, quantity q) and the hypothesis "none of these":

    weight(j, q) = prior_j · quantity(q) · Normal(g; q·m_j, e² + cell² + q·s_j² + q²·u_j²)
    weight(none) = NONE_PRIOR · 1 / (g · ln(HEAVIEST_G / LIGHTEST_G))

- ``m_j`` and ``s_j`` are one item's weight and spread: q items spread by √q·s.
- ``u_j = s_j / √WEIGHED`` is the uncertainty of the mean itself, which came from weighing about ten items once; it is the same for all
  items, so that it grows with q, not √q.
- ``cell = CELL_ERROR_G ⊕ CELL_ERROR·g`` is what a load cell adds: corner load (where on the plate the item stood), span and linearity.
- ``quantity(q)`` falls by ``MORE`` with each further item in the hand, normalised over what fits (``most``).
- "none of these" has a weight of which nothing is known but its order of magnitude: uniform in log g. At the centre of an item of
  750 ± 7.5 g it gets 3 in 100,000; it takes over at about 4 standard deviations.

Priors are relative to 1 for a product in its own slot and are not normalised over candidates: where there are only unlikely candidates
"none of these" is the likelier for it. The posterior of the best pair is its confidence.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil, exp, log, pi, sqrt

from device.domain.events import Alternative
from device.domain.identification import Candidate, Identification

NONE_PRIOR = 0.01
MORE = 0.25
WEIGHED = 10
CELL_ERROR_G = 0.5
CELL_ERROR = 0.001
LIGHTEST_G = 5.0
HEAVIEST_G = 20_000.0
QUANTITY_MAX = 100
ALTERNATIVES_MAX = 3
ALTERNATIVE_MIN = 0.001
_REACH_SDS = 6.0


def identify(grams: float, sd: float, candidates: Sequence[Candidate]) -> Identification:
    """The best explanation of a step of ``grams`` (positive) with standard error ``sd``; see the model above.

    Raises ValueError for a step that is not positive: the direction is the caller's.
    """
    if not grams > 0:
        raise ValueError(f"a step of {grams} g has no size")
    logs: dict[tuple[str, int], float] = {}
    for candidate in candidates:
        for quantity, weight in _weights(grams, sd, candidate):
            key = (candidate.gtin, quantity)
            logs[key] = _log_sum(logs[key], weight) if key in logs else weight
    none = log(NONE_PRIOR) - log(max(grams, LIGHTEST_G) * log(HEAVIEST_G / LIGHTEST_G))
    top = max([none, *logs.values()])
    total = exp(none - top) + sum(exp(weight - top) for weight in logs.values())
    ranked = sorted(((exp(weight - top) / total, gtin, quantity) for (gtin, quantity), weight in logs.items()), key=lambda each: -each[0])
    unexplained = exp(none - top) / total
    best = None if not ranked or unexplained > ranked[0][0] else ranked.pop(0)
    others = tuple(Alternative(gtin, quantity, share) for share, gtin, quantity in ranked[:ALTERNATIVES_MAX] if share >= ALTERNATIVE_MIN)
    if best is None:
        return Identification(None, 0, unexplained, others)
    return Identification(best[1], best[2], best[0], others)


def _weights(grams: float, sd: float, candidate: Candidate) -> Iterator[tuple[int, float]]:
    """Log weights of the quantities of one candidate that the step could be, far misses left out."""
    if not candidate.grams > 0 or not candidate.prior > 0:
        return
    own = candidate.grams_sd**2
    error = sd * sd + CELL_ERROR_G**2 + (CELL_ERROR * grams) ** 2
    fits = min(QUANTITY_MAX, candidate.most if candidate.most is not None else ceil(2 * grams / candidate.grams) + 1)
    if fits < 1:
        return
    scale = log((1 - MORE) / (1 - MORE**fits)) + log(candidate.prior)
    for quantity in range(1, fits + 1):
        variance = error + quantity * own + quantity * quantity * own / WEIGHED
        away = grams - quantity * candidate.grams
        if away < -_REACH_SDS * sqrt(variance):
            break
        if away <= _REACH_SDS * sqrt(variance):
            yield quantity, scale + (quantity - 1) * log(MORE) - 0.5 * (away * away / variance + log(2 * pi * variance))


def _log_sum(one: float, other: float) -> float:
    high, low = max(one, other), min(one, other)
    return high + log(1 + exp(low - high))
