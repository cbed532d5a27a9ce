"""Planogram lint across plates: neighbouring slots whose products weight cannot tell apart where one item stands on both plates.

Each plate weighs its own, so what is taken from two slots in one reach is not confused. But the steps of a reach are decided together,
and one explanation of two of them is a single item that stood across both plates (``STRADDLE_PRIOR`` of the model that decides picks).
Then only their sum is known of it, and whether it is a product of the one slot or of the other is for their weights to say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product

from device.config.configuration import Configuration
from device.config.planogram import Confusion, mistaken
from device.domain.layout import Slot
from device.domain.products import Product
from device.sensing.explanations import STRADDLE_PRIOR

CART_SHARE = 0.1
"""A cart passes where it is a tenth as doubtful as one line may be; confusions that nobody asks about are held to that."""


@dataclass(frozen=True, slots=True)
class Straddle:
    """Neighbouring slots, and the worst confusion of an item that stands on both; ``probability`` is that of a pick from either."""

    slot: str
    other: str
    confusion: Confusion
    probability: float


def straddles(configuration: Configuration) -> Iterator[tuple[str, Straddle]]:
    """For two slots on neighbouring channels of a scale the worst confusion, with the path of the second, where it is too likely.

    Too likely is more than ``CART_SHARE`` of what the zone accepts of a line, 1 - ``review_below``. Where tags are read, a product
    with tags is told by them.
    """
    layout = configuration.layout
    zones = {zone.id: zone for zone in layout.zone}
    zone_of = {scale.id: zones[scale.zone] for scale in layout.scale}
    read_zones = {reader.zone for reader in layout.rfid}
    at = {(slot.scale, slot.channel): (place, slot) for place, slot in enumerate(layout.slot)}
    for (scale, channel), (_, slot) in at.items():
        place, other = at.get((scale, channel + 1), (0, None))
        if other is None:
            continue
        zone = zone_of[scale]
        worst = _worst(slot, other, configuration.products, zone.id in read_zones)
        if worst is not None and STRADDLE_PRIOR * worst.probability > CART_SHARE * (1 - zone.review_below):
            yield f"slot[{place}].products", Straddle(slot.id, other.id, worst, STRADDLE_PRIOR * worst.probability)


def _worst(slot: Slot, other: Slot, products: Mapping[str, Product], reads_tags: bool) -> Confusion | None:
    """The two products, one of each slot, that a single item is hardest to tell between; those that stand in both slots confuse nobody."""
    pairs = [
        (products[one], products[two])
        for one, two in product(slot.products, other.products)
        if one not in other.products and two not in slot.products
    ]
    cases = [
        Confusion(slot.id, first, 1, second, 1, mistaken(first, 1, second, 1))
        for first, second in pairs
        if not (reads_tags and (first.tagged or second.tagged))
    ]
    return max(cases, key=lambda case: case.probability, default=None)
