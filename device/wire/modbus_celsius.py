"""Thermometers on Modbus: a temperature in one input register, a signed 16-bit number of tenths (some clones: hundredths) of a degree.

The sensor inside is an SHT20, which measures from -40 to 125 °C; whatever else the register says, e.g. 7FFF or 8000 where the sensor has
come off, is no temperature.

Sources: XY-MD02 manual (FC04, register 1 temperature, 2 humidity, signed, x 10); Sensirion SHT20 datasheet, table 2.
"""

from __future__ import annotations

LOWEST_CELSIUS, HIGHEST_CELSIUS = -40.0, 125.0

_SIGN = 1 << 15


def celsius(register: int, divisor: float) -> float:
    """The temperature in a register (0 to 65535); not judged."""
    return (register - (register & _SIGN) * 2) / divisor


def measurable(value: float) -> bool:
    """Whether a sensor of this kind can have measured it."""
    return LOWEST_CELSIUS <= value <= HIGHEST_CELSIUS
