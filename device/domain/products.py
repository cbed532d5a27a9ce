"""Products and their numbers."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from device.domain.record import record

LEAST_GRAMS, MOST_GRAMS = 0.001, 1_000_000.0
"""Of an item, its spread, and what a plate is calibrated with: squares and quotients of what is beyond are no numbers."""
MOST_PRICE = 10**12 - 1


def category_word(text: str) -> str:
    """A category. Raises ValueError where it is none."""
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,31}", text):
        raise ValueError("a word of a-z 0-9 -, e.g. wine")
    return text


Category = Annotated[str, AfterValidator(category_word), Field(description="a word of the catalogue's column category, e.g. wine")]


@record
class Product:
    """One line of the catalogue. ``gtin`` has 14 digits; weights are grams; the price is in the currency's minor unit.

    ``category`` is a word that rules of sale know the product by, e.g. ``spirits``.
    """

    gtin: str
    name: str
    grams: float
    grams_sd: float
    price_minor: int
    age_limit: int = 0
    max_celsius: float | None = None
    tagged: bool = False
    category: str | None = None


def normalise_gtin(text: str) -> str:
    """A GTIN-8, -12, -13 or -14 as 14 digits.

    Raises ValueError where it is none, or its check digit is wrong (GS1 General Specifications, section 7.9: weights 3 and 1
    from the right, the sum with the check digit a multiple of 10).
    """
    if not (text.isascii() and text.isdigit() and len(text) in (8, 12, 13, 14)):
        raise ValueError("a GTIN has 8, 12, 13 or 14 digits")
    digits = [int(digit) for digit in text]
    expected = -sum(digit * (3, 1)[place % 2] for place, digit in enumerate(reversed(digits[:-1]))) % 10
    if digits[-1] != expected:
        raise ValueError(f"check digit of GTIN {text} is {digits[-1]}, must be {expected}")
    return text.zfill(14)
