"""Planogram lint: which products of one slot weight cannot tell apart, and where they would stand better.

A pick says how much lighter the plate became. Two explanations of it (so many of one product, so many of another) are told apart as far as
their weights are apart, compared with what items, batches and plates differ by: the variances are those of the model that decides picks
(``device.sensing.identify``). The probability of taking one for the other, at the best limit between them, is the area under the lower of
the two curves, each for what a hand is likely to take at once.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, product

from device.config.configuration import Configuration
from device.domain.identification import Candidate
from device.domain.layout import Slot
from device.domain.products import Product
from device.domain.record import record
from device.sensing.identify import hand_log, item_variance, plate_variance

STEP_SD_G = 0.5
"""Standard error of a settled step, of noise alone: HX711 and four cells at 10 Hz."""

MOST_AT_ONCE = 3
"""Items of one product that a hand takes at once."""

MOVES_MOST = 12
"""Exchanges that are proposed for one zone."""


@record
class Confusion:
    """Two explanations of one step in a slot, and the probability of taking one for the other (0-0.5)."""

    slot: str
    first: Product
    first_quantity: int
    second: Product
    second_quantity: int
    probability: float

    def __str__(self) -> str:
        return f"{_words(self.first, self.first_quantity)} and {_words(self.second, self.second_quantity)}"


@record
class Exchange:
    """Products that would better change places: ``gtin`` goes from ``slot`` to ``to``, and ``back`` the other way."""

    gtin: str
    slot: str
    to: str
    back: str


@record
class Proposal:
    """Exchanges within a zone, and the worst confusion before and after them."""

    zone: str
    exchanges: tuple[Exchange, ...]
    before: float
    after: float


def confusions(configuration: Configuration) -> Iterator[tuple[str, Confusion]]:
    """The worst confusion of every two products of a slot, with the path of the slot, where it is likelier than the zone accepts.

    A zone accepts 1 - ``review_below``. Where tags are read, a product with tags is told by them.
    """
    layout = configuration.layout
    zones = {zone.id: zone for zone in layout.zone}
    scale_zones = {scale.id: zones[scale.zone] for scale in layout.scale}
    read_zones = {reader.zone for reader in layout.rfid}
    for place, slot in enumerate(layout.slot):
        zone = scale_zones[slot.scale]
        for first, second in combinations((configuration.products[gtin] for gtin in slot.products), 2):
            if zone.id in read_zones and (first.tagged or second.tagged):
                continue
            worst = worst_confusion(slot, first, second)
            if worst.probability > 1 - zone.review_below:
                yield f"slot[{place}].products", worst


def worst_confusion(slot: Slot, first: Product, second: Product) -> Confusion:
    """The quantities of two products that are hardest to tell apart, as far as the slot holds them."""
    quantities = range(1, min(MOST_AT_ONCE, slot.capacity) + 1)
    cases = (
        Confusion(slot.id, first, many, second, others, mistaken(first, many, second, others))
        for many, others in product(quantities, repeat=2)
    )
    return max(cases, key=lambda case: case.probability)


def mistaken(first: Product, many: int, second: Product, others: int) -> float:
    """The probability of taking one of two explanations for the other: the area under the lower of two weighted normal curves."""
    one, one_variance = _step(first, many)
    other, other_variance = _step(second, others)
    weights = [math.exp(hand_log(_candidate(item), quantity)) for item, quantity in ((first, many), (second, others))]
    share = weights[0] / sum(weights)
    low, high = sorted(((one, one_variance, share), (other, other_variance, 1 - share)))
    return _lower_area(*low, *high)


def proposals(configuration: Configuration) -> list[Proposal]:
    """For each zone with a confusion, exchanges of products between its slots that make the worst of all confusions smallest.

    Each exchange is the one of all possible ones that leaves the smallest worst confusion (then the smallest sum of them, then the first in
    the order of the file), until none makes it smaller: steepest descent, which need not be the best of all placements, and is the same
    every time. Tagged products of a zone that reads tags confuse nobody. A product that a slot has already does not come to it twice.
    """
    layout = configuration.layout
    zones = {scale.id: scale.zone for scale in layout.scale}
    read_zones = {reader.zone for reader in layout.rfid}
    found = []
    for zone in layout.zone:
        slots = [slot for slot in layout.slot if zones[slot.scale] == zone.id]
        search = _Search(slots, configuration.products, zone.id in read_zones)
        before = search.worst()
        if before[0] <= 1 - zone.review_below:
            continue
        exchanges = search.improve(1 - zone.review_below)
        if exchanges:
            found.append(Proposal(zone.id, exchanges, before[0], search.worst()[0]))
    return found


class _Search:
    """A placement that is being improved."""

    def __init__(self, slots: Sequence[Slot], products: Mapping[str, Product], reads_tags: bool) -> None:
        self._slots = {slot.id: slot for slot in slots}
        self._placed = {slot.id: list(slot.products) for slot in slots}
        self._products = products
        self._reads_tags = reads_tags
        self._known: dict[tuple[str, str, int], float] = {}

    def worst(self) -> tuple[float, float]:
        """The largest confusion of all slots, and the sum of all."""
        each = [self._of_slot(slot, gtins) for slot, gtins in self._placed.items()]
        return max((worst for worst, _ in each), default=0.0), sum(total for _, total in each)

    def improve(self, enough: float) -> tuple[Exchange, ...]:
        """Exchange until the worst is no more than ``enough``, or no exchange helps."""
        done: list[Exchange] = []
        now = self.worst()
        while now[0] > enough and len(done) < MOVES_MOST:
            best = min(((self._after(exchange), number, exchange) for number, exchange in enumerate(self._possible())), default=None)
            if best is None or best[0] >= now:
                break
            now = best[0]
            self._do(best[2])
            done.append(best[2])
        return tuple(done)

    def _possible(self) -> list[Exchange]:
        found = []
        for one, other in combinations(self._placed, 2):
            for gtin, back in product(self._placed[one], self._placed[other]):
                if gtin not in self._placed[other] and back not in self._placed[one]:
                    found.append(Exchange(gtin, one, other, back))
        return found

    def _after(self, exchange: Exchange) -> tuple[float, float]:
        self._do(exchange)
        worst = self.worst()
        self._do(Exchange(exchange.back, exchange.slot, exchange.to, exchange.gtin))
        return worst

    def _do(self, exchange: Exchange) -> None:
        here, there = self._placed[exchange.slot], self._placed[exchange.to]
        here[here.index(exchange.gtin)], there[there.index(exchange.back)] = exchange.back, exchange.gtin

    def _of_slot(self, slot: str, gtins: Sequence[str]) -> tuple[float, float]:
        all_pairs = [self._of_pair(slot, *sorted(pair)) for pair in combinations(gtins, 2)]
        return max(all_pairs, default=0.0), sum(all_pairs)

    def _of_pair(self, slot: str, one: str, other: str) -> float:
        capacity = min(self._slots[slot].capacity, MOST_AT_ONCE)
        key = (one, other, capacity)
        if key not in self._known:
            first, second = self._products[one], self._products[other]
            told = self._reads_tags and (first.tagged or second.tagged)
            self._known[key] = 0.0 if told else worst_confusion(self._slots[slot], first, second).probability
        return self._known[key]


def _lower_area(low: float, low_variance: float, low_share: float, high: float, high_variance: float, high_share: float) -> float:
    """Simpson's rule over where both curves have their weight; exact to many digits, since both are smooth but at one point."""
    reach = 6.5 * math.sqrt(max(low_variance, high_variance))
    start, end = high - reach, low + reach
    if start >= end:
        return 0.0
    pieces = 800
    width = (end - start) / pieces
    total = 0.0
    for number in range(pieces + 1):
        at = start + number * width
        least = min(low_share * _normal(at - low, low_variance), high_share * _normal(at - high, high_variance))
        total += least * (1 if number in (0, pieces) else 4 if number % 2 else 2)
    return total * width / 3


def _normal(away: float, variance: float) -> float:
    return math.exp(-0.5 * away * away / variance) / math.sqrt(2 * math.pi * variance)


def _step(item: Product, quantity: int) -> tuple[float, float]:
    """Mean and variance of a step of so many items, as picks are decided."""
    grams = item.grams * quantity
    return grams, plate_variance(grams, STEP_SD_G) + item_variance(_candidate(item), quantity)


def _candidate(item: Product) -> Candidate:
    return Candidate(item.gtin, item.grams, item.grams_sd, None, 1.0)


def _words(item: Product, quantity: int) -> str:
    weight = f"{item.grams * quantity:g} ± {item.grams_sd * math.sqrt(quantity):.1f} g"
    return f"{f'{quantity} × ' if quantity > 1 else ''}{item.name} ({weight})"
