"""What the store asks of item identification, and what it gets. The model is in ``sensing``, derived in ``docs/identification.md``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

from device.domain.events import Alternative
from device.domain.record import record

WEIGHED = 10
"""So many items made the catalogue's mean."""
BATCH = 0.5
"""How much the means of batches differ, as a share of how much items do."""


def delivery_variance(grams_sd: float) -> float:
    """Variance of the mean weight of a delivery, about the catalogue's mean; ``grams_sd`` is what items differ by."""
    return grams_sd**2 * (1 / WEIGHED + BATCH**2)


Belonging = Literal["own", "misplaced", "stranger"]
"""Why a product may leave a slot: it belongs there, it is known to have been put there, or it is only somewhere in the same zone."""

Doubt = Literal["unexplained_step", "swap_suspected", "misplaced"]
"""Why a session that is otherwise certain should be looked at."""


@record
class Candidate:
    """A product that may explain a step.

    ``grams`` and ``grams_sd`` are one item's weight and spread; ``most`` the largest quantity that fits, None where no bound is known;
    ``prior`` its relative weight before the scale has spoken (own slot 1, misplaced or from another slot less). ``mean_sd`` is how well the
    mean of what stands there is known, None: as well as the catalogue knows it. ``counts`` says how many may stand there, each number with
    its probability; None: nobody knows.
    """

    gtin: str
    grams: float
    grams_sd: float
    most: int | None
    prior: float
    mean_sd: float | None = None
    counts: tuple[tuple[int, float], ...] | None = None
    belongs: Belonging = "own"


@record
class Identification:
    """The best explanation of one step.

    ``gtin`` None and ``quantity`` 0: no candidate explains it. ``confidence`` is the posterior probability of the line, and of "none of
    these" where ``gtin`` is None; ``alternatives`` are the next best, best first.
    """

    gtin: str | None
    quantity: int
    confidence: float
    alternatives: tuple[Alternative, ...]


@record
class Step:
    """One step of weight within a session, as its plate told it.

    ``delta`` grams with standard error ``sd``, negative when something left; ``began_at`` seconds of uptime at the first sample of the
    movement; ``load`` the settled gross weight before it. Steps of one reach have one ``gesture``, "" where nobody says; ``undoes`` is the
    evidence of the step that this one takes back.
    """

    slot: str
    began_at: float
    delta: float
    sd: float
    load: float
    evidence: str | None
    gesture: str = ""
    undoes: str | None = None


@record
class Move:
    """Items that left a slot (``quantity`` positive) or came to it (negative)."""

    gtin: str
    quantity: int


@record
class Told:
    """What one step was: its moves (none: nothing that is sold), how sure that is, and what else it may have been."""

    moves: tuple[Move, ...]
    confidence: float
    alternatives: tuple[Alternative, ...]


@record
class Way:
    """One way in which a session's steps can be read: the moves of each, in the order of the steps given, and its probability."""

    share: float
    moves: tuple[tuple[Move, ...], ...]


@record
class Story:
    """What a session's steps mean together.

    ``steps`` in the order of the steps given; ``cart`` the quantities in the shopper's hands and ``lines`` how sure each of them is (of
    products that are not in the cart nothing is said); ``confidence`` the probability that the whole cart is right and nothing is left
    unexplained; ``doubts`` maps each kind of open question to its probability.
    """

    steps: tuple[Told, ...]
    cart: Mapping[str, int]
    lines: Mapping[str, float]
    confidence: float
    doubts: Mapping[Doubt, float]


@record
class TagCount:
    """What a reader sees of a product's tags once the door is shut.

    ``departed`` have left the field for good. ``unsure`` are neither read nor gone: for each the likelihood of its misses if it is there
    against its being gone. ``standing`` tags there were before, these included.
    """

    gtin: str
    departed: int
    unsure: tuple[float, ...] = ()
    standing: int = 0


class History(Protocol):
    """The steps of one session, and what they mean together. Steps may come late; their order is that of ``began_at``."""

    @property
    def size(self) -> int:
        """How many steps it has taken in."""

    def add(self, step: Step, candidates: Sequence[Candidate]) -> None:
        """Take in one step. ``candidates`` are what stood in its slot when the session began."""

    def story(self, tags: Sequence[TagCount] = ()) -> Story:
        """The steps in the order in which they were added, decided together; ``tags`` are further evidence."""

    def ways(self, tags: Sequence[TagCount] = ()) -> tuple[Way, ...]:
        """The ways in which all of it can be read, likeliest first; the unlikely ones are left out."""


class Identify(Protocol):
    """Item identification."""

    def __call__(self, grams: float, sd: float, candidates: Sequence[Candidate], *, hand: bool = True) -> Identification:
        """One step on its own: (grams, standard error, candidates). Grams are positive; the direction of the step is the caller's.

        ``hand``: no more than a hand holds, so that more items are less likely; without it (a restock) all quantities are alike.
        """

    def history(self) -> History:
        """A session that begins now."""
