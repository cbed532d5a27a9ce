"""Planogram lint: which products of one slot cannot be told apart by weight.

A pick says how much lighter the plate became. Two explanations of it (so many of one product, so many of another) are told apart as far as
their weights are apart, compared with how much items of one label differ. Both are taken as normal; the probability of taking one for the
other, at the best limit between them and with neither more likely beforehand, is half of the area that the two curves share.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, product
from statistics import NormalDist

from device.config.configuration import Configuration
from device.domain.layout import Slot
from device.domain.products import Product

PLATE_SD = 1.0
"""Standard error of a step in grams: four cells and an HX711 have 0.5 g of noise at 10 Hz, and a step is the difference of two means."""

MOST_AT_ONCE = 3
"""Items of one product that a hand takes at once."""


@dataclass(frozen=True, slots=True)
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
        accepted = 1 - zone.review_below
        for first, second in combinations((configuration.products[gtin] for gtin in slot.products), 2):
            if zone.id in read_zones and (first.tagged or second.tagged):
                continue
            worst = worst_confusion(slot, first, second)
            if worst.probability > accepted:
                yield f"slot[{place}].products", worst


def worst_confusion(slot: Slot, first: Product, second: Product) -> Confusion:
    """The quantities of two products that are hardest to tell apart, as far as the slot holds them."""
    quantities = range(1, min(MOST_AT_ONCE, slot.capacity) + 1)
    cases = (
        Confusion(slot.id, first, many, second, others, _step(first, many).overlap(_step(second, others)) / 2)
        for many, others in product(quantities, repeat=2)
    )
    return max(cases, key=lambda case: case.probability)


def _step(item: Product, quantity: int) -> NormalDist:
    return NormalDist(item.grams * quantity, math.hypot(item.grams_sd * math.sqrt(quantity), PLATE_SD))


def _words(item: Product, quantity: int) -> str:
    weight = f"{item.grams * quantity:g} ± {item.grams_sd * math.sqrt(quantity):.1f} g"
    return f"{f'{quantity} × ' if quantity > 1 else ''}{item.name} ({weight})"
