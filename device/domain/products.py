"""Products and their numbers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Product:
    """One line of the catalogue. ``gtin`` has 14 digits; weights are grams; the price is in the currency's minor unit."""

    gtin: str
    name: str
    grams: float
    grams_sd: float
    price_minor: int
    age_limit: int = 0
    max_celsius: float | None = None
    tagged: bool = False


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
