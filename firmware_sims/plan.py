"""Reads the store's configuration file and product list, so far as simulated hardware needs to know them.

The file is taken to be sound (the device checks it and says what is wrong); what is missing here ends with a KeyError that names it.
"""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firmware_sims.goods import Product

Table = dict[str, Any]
YES = ("true", "yes", "1", "y")


@dataclass(frozen=True)
class Plan:
    """The tables of the file as they stand, the products by GTIN, and where the file is: paths in it are relative to that."""

    tables: dict[str, list[Table]]
    products: dict[str, Product]
    folder: Path = Path()

    def each(self, name: str) -> list[Table]:
        """The tables ``[[name]]``."""
        return self.tables.get(name, [])


def gtin14(text: str) -> str:
    """A GTIN of any length as 14 digits."""
    return text.strip().zfill(14)


def read_plan(config: Path) -> Plan:
    """Read the configuration and the product list that it names.

    Raises OSError or ValueError (tomllib.TOMLDecodeError is one) where a file cannot be read.
    """
    with config.open("rb") as file:
        raw = tomllib.load(file)
    with (config.parent / raw["catalogue"]["file"]).open(encoding="utf-8-sig", newline="") as file:
        products = {product.gtin: product for product in _products(csv.DictReader(file))}
    return Plan({name: value for name, value in raw.items() if isinstance(value, list)}, products, config.parent)


def _products(rows: Iterable[dict[str, str | None]]) -> Iterable[Product]:
    for row in rows:
        known = {name.strip(): (value or "").strip() for name, value in row.items() if isinstance(name, str)}
        if not any(known.values()) or known.get("gtin", "").startswith("#"):
            continue
        grams = float(known["grams"])
        yield Product(
            gtin=gtin14(known["gtin"]),
            name=known["name"],
            grams=grams,
            grams_sd=float(known.get("grams_sd") or grams / 100),
            price_minor=int(known.get("price_minor") or 0),
            age_limit=int(known.get("age_limit") or 0),
            tagged=known.get("tagged", "").lower() in YES,
        )
