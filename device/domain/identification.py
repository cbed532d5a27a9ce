"""What the store asks of item identification, and what it gets. The model itself is in ``sensing``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from device.domain.events import Alternative


@dataclass(frozen=True, slots=True)
class Candidate:
    """A product that may explain a step.

    ``grams`` and ``grams_sd`` are one item's weight and spread; ``most`` the largest quantity that fits, None where no bound is known;
    ``prior`` its relative weight before the scale has spoken (own slot 1, misplaced or from another slot less).
    """

    gtin: str
    grams: float
    grams_sd: float
    most: int | None
    prior: float


@dataclass(frozen=True, slots=True)
class Identification:
    """The best explanation of one step.

    ``gtin`` None and ``quantity`` 0: no candidate explains it. ``confidence`` is the posterior probability of the line, and of "none of
    these" where ``gtin`` is None; ``alternatives`` are the next best, best first.
    """

    gtin: str | None
    quantity: int
    confidence: float
    alternatives: tuple[Alternative, ...]


Identify = Callable[[float, float, Sequence[Candidate]], Identification]
"""(grams, standard error, candidates) → identification. Grams are positive; the direction of the step is the caller's."""
