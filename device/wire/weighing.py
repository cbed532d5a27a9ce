"""What scales that weigh say, whatever their dialect."""

from __future__ import annotations

from typing import NamedTuple

from device.domain.record import record

GRAMS = {"g": 1.0, "kg": 1000.0, "mg": 0.001, "t": 1e6, "lb": 453.59237, "oz": 28.349523125}
"""Grams in one of each unit. Pound and ounce are avoirdupois (international yard and pound agreement of 1959)."""


class Weight(NamedTuple):
    """A weight in the unit that the scale shows. ``stable`` None where the dialect does not say."""

    value: float
    unit: str
    stable: bool | None

    @property
    def grams(self) -> float | None:
        """None where the unit is no weight, e.g. pieces or percent."""
        factor = GRAMS.get(self.unit) or GRAMS.get(self.unit.lower())
        return None if factor is None else self.value * factor


@record
class OutOfRange:
    """The load is over the scale's range, or under it."""

    over: bool


@record
class Refused:
    """The scale's no. ``command`` empty where it does not say to what; ``code`` is the scale's own."""

    command: str
    code: str


@record
class Told:
    """An answer in words. ``command`` is what it answers."""

    command: str
    text: str
