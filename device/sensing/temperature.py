"""A thermometer: which temperatures to believe, and when there has been none for too long.

A value outside the sensor's range (DS18B20 datasheet: -55 to +125 °C) is no temperature. A jump that air in a cabinet cannot make is
believed once the next reading agrees with it: one bad conversion is not, and a probe moved elsewhere is soon followed. A DS18B20 in still
air needs tens of seconds for a step; 5 °C and 0.1 °C/s allow for a door that stands open and for a probe with water on it.

Three lies are told again and again, so that agreement proves nothing:

- exactly 85 °C is what a DS18B20 holds after a loss of power. The wire tells it from a measured one by another byte, which copies of the
  chip do not set; no store is that warm to a sixteenth of a degree;
- exactly 0 °C is what a shorted line, an empty register or a gateway without its probe says. It is believed only near a temperature that
  has been believed: air that is really freezing passes through its neighbours;
- the same value for hours is that of a gateway whose probe is gone. Air moves by more than one step of the sensor in far less than
  ``frozen_after_s``, four hours unless configured: no longer than food may be out of temperature control (FDA Food Code 3-501.19).
"""

from __future__ import annotations

from device.domain.facts import Fact, ProbeFailed, TemperatureKnown
from device.domain.readings import FaultReading, TemperatureReading

MIN_CELSIUS = -55.0
MAX_CELSIUS = 125.0
POWER_UP_CELSIUS = 85.0
JUMP_CELSIUS = 5.0
JUMP_CELSIUS_PER_S = 0.1
AGREE_CELSIUS = 2.0
NEAR_ZERO_CELSIUS = 1.0
FAILED_AFTER_S = 15.0
FROZEN_AFTER_S = 14_400.0


class TemperatureSense:
    """The sense of one thermometer, read every ``every_s``. ``ProbeFailed`` comes once, after 15 s or three readings without a good one.

    ``offset_celsius`` is added to what is believed; what is judged is what the sensor said.
    """

    def __init__(self, thermometer: str, every_s: float, offset_celsius: float = 0.0, frozen_after_s: float = FROZEN_AFTER_S) -> None:
        self._thermometer = thermometer
        self._patience = max(FAILED_AFTER_S, 3 * every_s)
        self._offset_celsius = offset_celsius
        self._frozen_after_s = frozen_after_s
        self._good_at: float | None = None
        self._celsius: float | None = None
        self._doubted: float | None = None
        self._moved: tuple[float, float] | None = None
        self._heard_at = 0.0
        self._fault: str | None = None
        self._failed = False

    def take(self, reading: TemperatureReading) -> list[Fact]:
        """One value: a trusted temperature, or one to be doubted."""
        at, celsius = reading.at, reading.celsius
        facts = self.tick(at)
        lie = self._lie(at, celsius)
        if lie is not None:
            self._fault = lie
            if lie == "frozen":
                facts += self._fail(at)
            return facts
        if self._jumped(at, celsius) and not (self._doubted is not None and abs(celsius - self._doubted) <= AGREE_CELSIUS):
            self._doubted = celsius
            return facts
        self._good_at, self._celsius = at, celsius
        self._doubted = self._fault = None
        self._failed = False
        return [*facts, TemperatureKnown(self._thermometer, at, celsius + self._offset_celsius)]

    def fault(self, reading: FaultReading) -> list[Fact]:
        """No value, and why."""
        facts = self.tick(reading.at)
        self._fault = reading.fault
        return facts

    def tick(self, at: float) -> list[Fact]:
        """The first time ever starts the clock."""
        if self._good_at is None:
            self._good_at = at
        return [] if at - self._good_at < self._patience else self._fail(at)

    @property
    def deadline(self) -> float | None:
        return None if self._failed or self._good_at is None else self._good_at + self._patience

    def _fail(self, at: float) -> list[Fact]:
        if self._failed:
            return []
        self._failed = True
        return [ProbeFailed(self._thermometer, at, self._fault or "stale")]

    def _lie(self, at: float, celsius: float) -> str | None:
        """Why a value is no temperature, however often it is repeated; None: it may be one."""
        if not MIN_CELSIUS <= celsius <= MAX_CELSIUS:
            return "out_of_range"
        if celsius == POWER_UP_CELSIUS:
            return "power_up"
        silent = at - self._heard_at > self._patience
        self._heard_at = at
        if self._moved is None or self._moved[0] != celsius or silent:
            self._moved = celsius, at
        if at - self._moved[1] >= self._frozen_after_s:
            return "frozen"
        if celsius == 0.0 and (self._celsius is None or abs(self._celsius) > NEAR_ZERO_CELSIUS):
            return "zero"
        return None

    def _jumped(self, at: float, celsius: float) -> bool:
        if self._celsius is None or self._good_at is None:
            return False
        return abs(celsius - self._celsius) > JUMP_CELSIUS + JUMP_CELSIUS_PER_S * (at - self._good_at)
