"""A DS18B20 probe as the Linux kernel shows it: the text of ``w1_slave``.

Sources: Linux, Documentation/w1/slaves/w1_therm.rst (the two lines; with a wrong checksum line 2 shows the retained value); Maxim
DS18B20 data sheet (scratchpad, sixteenths of a degree, 85 degrees at power-up); Maxim application note 27 (CRC-8, 0x8C reflected).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Literal

POWER_UP_CELSIUS = 85.0
REFRESH_S = 0.5
Trouble = Literal["crc", "power_up", "zeros", "wrong_value"]


def crc8(data: bytes) -> int:
    """The Dallas checksum."""
    value = 0
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ 0x8C if value & 1 else value >> 1
    return value


def scratchpad(celsius: float) -> bytes:
    """The nine bytes of a probe at 12 bits. Bytes 5 and 7 are constant; 6 counts down the last sixteenth."""
    sixteenths = int(celsius * 16 // 1)
    remain = 0x0C if celsius == POWER_UP_CELSIUS else 0x10 - (sixteenths & 0x0F)
    body = struct.pack("<h", sixteenths) + bytes([0x4B, 0x46, 0x7F, 0xFF, remain, 0x10])
    return body + bytes([crc8(body)])


def w1_slave(pad: bytes, retained: bytes | None = None) -> bytes:
    """The kernel's text for a scratchpad: its checksum as computed, and in the second line, where that is wrong, the last good reading."""
    crc = crc8(pad[:8])
    good = crc == pad[8]
    shown = pad if good or retained is None else retained
    (sixteenths,) = struct.unpack_from("<h", shown)
    verdict = "YES" if good else "NO"
    return f"{pad.hex(' ')} : crc={crc:02x} {verdict}\n{shown.hex(' ')} t={int(sixteenths * 1000 / 16)}\n".encode("ascii")


class Ds18b20:
    """One probe. What it says is the whole text of its file; it says it when it has changed."""

    quantum_s = REFRESH_S

    def __init__(self, celsius: Callable[[], float]) -> None:
        self._celsius = celsius
        self.trouble: Trouble | None = None
        self.wrong_celsius = 127.9375
        self.power_cycle()

    def power_cycle(self) -> None:
        self._fresh = True
        self._retained = scratchpad(POWER_UP_CELSIUS)
        self._last = b""

    def receive(self, data: bytes) -> bytes:
        """The file as it is now (a folder has no bytes to receive)."""
        self._last = self._text()
        return self._last

    def tick(self, dt: float) -> bytes:
        self._fresh = False
        text = self._text()
        if text == self._last:
            return b""
        self._last = text
        return text

    def _text(self) -> bytes:
        match self.trouble:
            case "zeros":
                return w1_slave(bytes(9))
            case "crc":
                pad = scratchpad(self._celsius())
                return w1_slave(pad[:8] + bytes([pad[8] ^ 0x5A]), self._retained)
            case "wrong_value":
                return w1_slave(scratchpad(self.wrong_celsius))
            case _:
                power_up = self._fresh or self.trouble == "power_up"
                self._retained = scratchpad(POWER_UP_CELSIUS if power_up else self._celsius())
                return w1_slave(self._retained)
