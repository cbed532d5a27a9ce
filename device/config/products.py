"""The product list: a CSV file with one product a row, read whole or refused whole.

A byte order mark and semicolons between the columns are accepted, because spreadsheets write them; a decimal comma is not, because it
cannot be told from a mistake.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple, TypeVar

from device.config.faults import Faults, did_you_mean, shown
from device.config.files import read_text
from device.domain.products import LEAST_GRAMS, MOST_GRAMS, Product, category_word, normalise_gtin

REQUIRED = ("gtin", "name", "grams", "price_minor")
OPTIONAL = ("grams_sd", "age_limit", "max_celsius", "tagged", "category")

MAX_BYTES = 8 * 1024 * 1024
"""About 100,000 products: far over what a store holds, and still read in a second."""

FAULTS_SHOWN = 50

Row = tuple[str, Mapping[str, str]]
Value = TypeVar("Value")


class Catalogue(NamedTuple):
    """The products of a file by GTIN (14 digits), without the rows that have faults; ``named`` has the GTINs of those, too."""

    products: dict[str, Product]
    named: frozenset[str]


def read_products(path: Path, place: str, faults: Faults) -> Catalogue:
    """Read the catalogue.

    A file that cannot be read is a fault at ``place``; what is wrong inside is told by the file's name and its row (the header is row 1).
    """
    own = Faults()
    products: dict[str, Product] = {}
    first_seen: dict[str, str] = {}
    rows = read_table(path, place, REQUIRED, OPTIONAL, own)
    for where, row in rows:
        product = _product(where, row, own)
        if product is None:
            continue
        if product.gtin in products:
            own.add(f"{where}, gtin", shown(row["gtin"]), f"is already in {first_seen[product.gtin]}")
            continue
        first_seen[product.gtin] = where
        products[product.gtin] = product
    if not rows and not own:
        own.add(path.name, "", "has no products")
    faults.extend(own, path.name, FAULTS_SHOWN)
    return Catalogue(products, frozenset(row["gtin"].zfill(14) for _, row in rows))


def read_table(path: Path, place: str, required: tuple[str, ...], optional: tuple[str, ...], faults: Faults) -> list[Row]:
    """The rows of a CSV file with a header, as (name of the row, cells by column). Empty where the file or its header has faults."""
    text = read_text(path, MAX_BYTES, place, faults)
    if text is None:
        return []
    first_line = text.partition("\n")[0]
    delimiter = ";" if ";" in first_line and "," not in first_line else ","
    try:
        lines = [[cell.strip() for cell in line] for line in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)]
    except csv.Error as error:
        faults.add(path.name, "", f"is not CSV: {error}")
        return []
    header = lines[0] if lines else []
    if not _header_fits(f"{path.name} row 1", header, required, optional, faults):
        return []
    rows: list[Row] = []
    for number, cells in enumerate(lines[1:], start=2):
        where = f"{path.name} row {number}"
        if len(cells) == len(header):
            rows.append((where, dict(zip(header, cells, strict=True))))
        elif any(cells):
            faults.add(where, f"{len(cells)} columns", f"the header has {len(header)}")
    return [(where, row) for where, row in rows if any(row.values())]


def _header_fits(where: str, header: list[str], required: tuple[str, ...], optional: tuple[str, ...], faults: Faults) -> bool:
    known = (*required, *optional)
    before = len(faults)
    for name in header:
        if name not in known:
            faults.add(where, shown(name), f"unknown column{did_you_mean(name, known)}; known are {', '.join(known)}")
        elif header.count(name) > 1:
            faults.add(where, shown(name), "column is there more than once")
    for name in required:
        if name not in header:
            faults.add(where, "", f"column {shown(name)} is missing")
    return len(faults) == before


def _product(where: str, row: Mapping[str, str], faults: Faults) -> Product | None:
    before = len(faults)

    def cell(column: str, read: Callable[[str], Value], blank: Value) -> Value:
        text = row.get(column, "")
        if not text and column in OPTIONAL:
            return blank
        try:
            return read(text)
        except ValueError as error:
            faults.add(f"{where}, {column}", shown(text), str(error))
            return blank

    grams = cell("grams", _positive, 1.0)
    product = Product(
        gtin=cell("gtin", normalise_gtin, ""),
        name=cell("name", _name, ""),
        grams=grams,
        grams_sd=cell("grams_sd", _positive, grams / 100),
        price_minor=cell("price_minor", _whole, 0),
        age_limit=cell("age_limit", _age, 0),
        max_celsius=cell("max_celsius", _celsius, None),
        tagged=cell("tagged", _truth, False),
        category=cell("category", category_word, None),
    )
    return product if len(faults) == before else None


def _name(text: str) -> str:
    if not text or len(text) > 200 or not text.isprintable():
        raise ValueError("a name of 1-200 printable characters")
    return text


def _number(text: str, allowed: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{allowed}; decimals follow a point" if "," in text else allowed) from None
    if not math.isfinite(value) or "_" in text:
        raise ValueError(allowed)
    return value


def _positive(text: str) -> float:
    value = _number(text, "a weight in grams, over 0")
    if not LEAST_GRAMS <= value <= MOST_GRAMS:
        raise ValueError(f"a weight in grams, over 0: {LEAST_GRAMS:g} to {MOST_GRAMS:.0f}")
    return value


def _celsius(text: str) -> float:
    value = _number(text, "degrees Celsius")
    if not -80 <= value <= 120:
        raise ValueError("degrees Celsius, -80 to 120")
    return value


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise ValueError("a whole number of the currency's minor unit, 0 or more")
    return int(text)


def _age(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 3 and int(text) <= 120):
        raise ValueError("an age in years, 0-120")
    return int(text)


def _truth(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError('"true" or "false"')
    return text.lower() == "true"
