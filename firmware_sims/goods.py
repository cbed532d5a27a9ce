"""What stands on the shelves: products, single items with their own weight and tag, and the places where they stand."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from firmware_sims.epc import sgtin96
from firmware_sims.physics import Plate

OFF_CENTRE_SD = 0.0003
"""How much the place on the plate changes what it reads, as a part of the weight (one standard deviation)."""


class Impossible(ValueError):
    """What was asked for cannot be done in this store, now."""


@dataclass(frozen=True, slots=True)
class Product:
    """One line of the product list; the GTIN has 14 digits."""

    gtin: str
    name: str
    grams: float
    grams_sd: float
    price_minor: int
    age_limit: int = 0
    tagged: bool = False


@dataclass(slots=True)
class Item:
    """One bottle: its own weight, and its tag (hexadecimal) if it has one."""

    gtin: str
    grams: float
    epc: str | None = None

    def told(self) -> dict[str, Any]:
        return {"gtin": self.gtin, "grams": round(self.grams, 3), "epc": self.epc}


class Cellar:
    """Where new items come from. Every item has its own weight and, if its product is tagged, its own serial number."""

    def __init__(self, products: dict[str, Product], seed: int) -> None:
        self.products = products
        self.brought = 0
        """How many items ever came."""
        self._seed = seed
        self._random = random.Random(f"cellar {seed}")
        self._prefix_digits = {gtin: self._random.randint(6, 12) for gtin in sorted(products)}

    def go_on(self, brought: int) -> None:
        """So many came before: what comes now is none of them again."""
        self.brought = brought
        self._random = random.Random(f"cellar {self._seed} after {brought}")

    def bring(self, gtin: str) -> Item:
        """A new item. Raises Impossible for a product that is not in the list."""
        product = self.products.get(gtin)
        if product is None:
            raise Impossible(f"no product {gtin}")
        self.brought += 1
        grams = self._random.gauss(product.grams, product.grams_sd)
        most = 4 * product.grams_sd
        grams = max(min(grams, product.grams + most), product.grams - most, 1.0)
        epc = sgtin96(gtin, self._random.getrandbits(38), prefix_digits=self._prefix_digits[gtin]).hex() if product.tagged else None
        return Item(gtin, grams, epc)


@dataclass(slots=True)
class Standing:
    """An item in its place, and what the plate feels of it there."""

    item: Item
    felt_g: float


class Place:
    """A slot: what stands on one plate."""

    def __init__(self, identity: str, zone: str, products: Sequence[str], capacity: int, plate: Plate, seed: int) -> None:
        self.id = identity
        self.zone = zone
        self.products = tuple(products)
        self.capacity = capacity
        self.plate = plate
        self._random = random.Random(f"place {identity} {seed}")
        self._standing: list[Standing] = []

    @property
    def standing(self) -> tuple[Standing, ...]:
        """What stands here, the front one last."""
        return tuple(self._standing)

    @property
    def items(self) -> list[Item]:
        return [standing.item for standing in self._standing]

    def fill(self, items: Sequence[Item]) -> None:
        """Have these items there since for ever."""
        self.have([self._stand(item) for item in items])

    def have(self, standing: Sequence[Standing]) -> None:
        """The same, with each where it stood."""
        self._standing = list(standing)
        self.plate.rest(sum([standing.felt_g for standing in self._standing]))

    def take(self, count: int, gtin: str | None) -> list[Item]:
        """Lift items off in one grasp, the last that were put first. Raises Impossible where there are too few."""
        fitting = [standing for standing in reversed(self._standing) if gtin in (None, standing.item.gtin)]
        if count > len(fitting):
            raise Impossible(f"only {len(fitting)} {'items' if gtin is None else gtin} on {self.id}")
        taken = fitting[:count]
        self._standing = [standing for standing in self._standing if not any(standing is one for one in taken)]
        self.plate.take(sum([standing.felt_g for standing in taken]))
        return [standing.item for standing in taken]

    def put(self, items: Sequence[Item]) -> None:
        """Put items down in one movement."""
        placed = [self._stand(item) for item in items]
        self._standing += placed
        self.plate.put(sum([standing.felt_g for standing in placed]))

    def _stand(self, item: Item) -> Standing:
        return Standing(item, item.grams * self._random.gauss(1, OFF_CENTRE_SD))

    def told(self) -> dict[str, Any]:
        return {
            "zone": self.zone,
            "items": [item.told() for item in self.items],
            "count": len(self._standing),
            "grams": round(self.plate.grams, 3),
        }
