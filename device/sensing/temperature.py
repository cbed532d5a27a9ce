"""A thermometer: which temperatures to believe, and when there has been none for too long.

A value outside the sensor's range (DS18B20 datasheet: -55 to +125 °C) is no temperature. A jump that air in a cabinet cannot make is
believed once the next reading agrees with it: one bad conversion is not, and a probe moved elsewhere is soon followed. A DS18B20 in still
air needs tens of seconds for a step; 5 °C and 0.1 °C/s allow for a door that stands open and for a probe with water on it.
"""

from __future__ import annotations

from device.domain.facts import Fact, ProbeFailed, TemperatureKnown
from device.domain.readings import FaultReading, TemperatureReading

MIN_CELSIUS = -55.0
MAX_CELSIUS = 125.0
JUMP_CELSIUS = 5.0
JUMP_CELSIUS_PER_S = 0.1
AGREE_CELSIUS = 2.0
FAILED_AFTER_S = 15.0


class TemperatureSense:
    """The sense of one thermometer, read every ``every_s``. ``ProbeFailed`` comes once, after 15 s or three readings without a good one."""

    def __init__(self, thermometer: str, every_s: float) -> None:
        self._thermometer = thermometer
        self._patience = max(FAILED_AFTER_S, 3 * every_s)
        self._good_at: float | None = None
        self._celsius: float | None = None
        self._doubted: float | None = None
        self._fault: str | None = None
        self._failed = False

    def take(self, reading: TemperatureReading) -> list[Fact]:
        """One value: a trusted temperature, or one to be doubted."""
        at, celsius = reading.at, reading.celsius
        facts = self.tick(at)
        if not MIN_CELSIUS <= celsius <= MAX_CELSIUS:
            self._fault = "out_of_range"
            return facts
        if self._jumped(at, celsius) and not (self._doubted is not None and abs(celsius - self._doubted) <= AGREE_CELSIUS):
            self._doubted = celsius
            return facts
        self._good_at, self._celsius = at, celsius
        self._doubted = self._fault = None
        self._failed = False
        return [*facts, TemperatureKnown(self._thermometer, at, celsius)]

    def fault(self, reading: FaultReading) -> list[Fact]:
        """No value, and why."""
        facts = self.tick(reading.at)
        self._fault = reading.fault
        return facts

    def tick(self, at: float) -> list[Fact]:
        """The first time ever starts the clock."""
        if self._good_at is None:
            self._good_at = at
        if self._failed or at - self._good_at < self._patience:
            return []
        self._failed = True
        return [ProbeFailed(self._thermometer, at, self._fault or "stale")]

    @property
    def deadline(self) -> float | None:
        return None if self._failed or self._good_at is None else self._good_at + self._patience

    def _jumped(self, at: float, celsius: float) -> bool:
        if self._celsius is None or self._good_at is None:
            return False
        return abs(celsius - self._celsius) > JUMP_CELSIUS + JUMP_CELSIUS_PER_S * (at - self._good_at)
