"""The one plate of a scale that weighs by itself: its messages as readings."""

from __future__ import annotations

import math

from device.domain.readings import FaultReading, Reading, WeightReading
from device.wire.weighing import OutOfRange, Weight


class Plate:
    """Says a fault when it begins, and puts a sample without a value for as long as it lasts."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._fault: str | None = None

    def weighed(self, message: Weight, at: float, readings: list[Reading]) -> None:
        """A weight; a fault where its unit is no weight. Goes to the end of ``readings``, for all but a few readings are made here."""
        grams = message.value if message.unit == "g" else message.grams
        if grams is None:
            readings += self.faulty("out_of_range", at, f"the scale shows {message.unit!r}, not a weight")
            return
        self._fault = None
        readings.append(WeightReading(self._device, at, (grams,), message.stable))

    def out_of_range(self, message: OutOfRange, at: float) -> list[Reading]:
        """Over the scale's range or under it."""
        return self.faulty("overload" if message.over else "underload", at)

    def faulty(self, fault: str, at: float, detail: str = "") -> list[Reading]:
        """No value, and why."""
        sample = WeightReading(self._device, at, (math.nan,))
        if fault == self._fault:
            return [sample]
        self._fault = fault
        return [FaultReading(self._device, at, fault, 1, detail), sample]
