"""A DS18B20 as the kernel shows it in ``w1_slave``: the nine bytes of the scratchpad, twice, with the kernel's verdict.

    72 01 4b 46 7f ff 0e 10 57 : crc=57 YES
    72 01 4b 46 7f ff 0e 10 57 t=23125

The verdict is not enough. When it is NO, ``t=`` is the temperature of an earlier, good reading. A line shorted to ground reads as nine
zeros, whose CRC is right. And two values are sent in good order that are none: 85 °C is what the register holds after power-up, before the
first conversion, and 127.94 °C is what a conversion without enough current leaves behind. The kernel tells the first from a true 85 °C by
byte 6, which is 0C after power-up; its own option to do so is off unless asked for, so it is done here.

Sources: kernel ``Documentation/w1/slaves/w1_therm.rst`` (features, bit 1) and Maxim DS18B20 19-7487 (memory map, table 1, CRC).
"""

from __future__ import annotations

import re
from typing import NamedTuple

_SCRATCHPAD_BYTES = 9
_BYTE = re.compile(rb"[0-9A-Fa-f]{2}")
_LONGEST = 256
_LOWEST_CELSIUS, _HIGHEST_CELSIUS = -55.0, 125.0
_POWER_UP_SIXTEENTHS = 0x0550
_POWER_UP_BYTE_6 = 0x0C


class Celsius(NamedTuple):
    """A temperature that the sensor measured, in degrees Celsius."""

    value: float


class Fault(NamedTuple):
    """Why there is no temperature: ``kind`` is a word of ``FaultReading``, ``detail`` is for people.

    ``answered`` tells a sensor that speaks but has nothing to say from a wire on which nobody does.
    """

    kind: str
    detail: str
    answered: bool


def crc8(body: bytes) -> int:
    """CRC-8 of 1-Wire: polynomial x8 + x5 + x4 + 1, reflected (8C), from 0."""
    crc = 0
    for byte in body:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0x8C if crc & 1 else crc >> 1
    return crc


def parse_w1_slave(text: bytes) -> Celsius | Fault:
    """Read the contents of ``w1_slave``. Never raises; the temperature comes from the scratchpad itself, not from ``t=``."""
    if not text.strip():
        return Fault("no_answer", "empty", answered=False)
    scratchpad = _scratchpad(text)
    if scratchpad is None:
        return Fault("no_answer", "not the nine bytes of a scratchpad", answered=False)
    if not any(scratchpad):
        return Fault("no_answer", "all bytes zero: the line is shorted or the sensor has no power", answered=False)
    crc = crc8(scratchpad[:8])
    if crc != scratchpad[8]:
        return Fault("bad_crc", f"crc {scratchpad[8]:02x}, should be {crc:02x}", answered=False)
    if not _approved(text):
        return Fault("bad_crc", "the kernel says NO", answered=False)
    return _temperature(scratchpad)


def _scratchpad(text: bytes) -> bytes | None:
    fields = text[:_LONGEST].split()[:_SCRATCHPAD_BYTES]
    if not all(_BYTE.fullmatch(field) for field in fields):
        return None
    return bytes(int(field, 16) for field in fields) if len(fields) == _SCRATCHPAD_BYTES else None


def _approved(text: bytes) -> bool:
    return b"YES" in text[:_LONGEST].split()


def _temperature(scratchpad: bytes) -> Celsius | Fault:
    sixteenths = int.from_bytes(scratchpad[:2], "little", signed=True)
    if sixteenths == _POWER_UP_SIXTEENTHS and scratchpad[6] == _POWER_UP_BYTE_6:
        return Fault("power_up", "85 °C is what a DS18B20 holds before its first conversion", answered=True)
    celsius = sixteenths / 16
    if not _LOWEST_CELSIUS <= celsius <= _HIGHEST_CELSIUS:
        return Fault(
            "out_of_range", f"{celsius:.2f} °C is not a temperature of a DS18B20: too little current, or another chip", answered=True
        )
    return Celsius(celsius)
