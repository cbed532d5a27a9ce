"""Modbus devices that are read by register: a load-cell transmitter and a thermometer.

Sources: Modbus Application Protocol V1.1b3, sections 6.3 (FC03) and 6.4 (FC04); DY/RW-ST01D and the 1-16 channel boards sold with it
(channel n in the two holding registers from 2(n-1)); XY-MD02 (input register 1 is tenths of a degree, 2 is tenths of % RH).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence

from firmware_sims import modbus
from firmware_sims.modbus import ILLEGAL_ADDRESS, ILLEGAL_FUNCTION, ILLEGAL_VALUE, Refused
from firmware_sims.sim import Load, Metronome

MOST_REGISTERS = 125


def _read(data: bytes, registers: dict[int, int]) -> bytes:
    first, count = modbus.span(data, 4, MOST_REGISTERS, 0x10000)
    try:
        values = [registers[number] for number in range(first, first + count)]
    except KeyError:
        raise Refused(ILLEGAL_ADDRESS) from None
    return bytes([2 * count]) + struct.pack(f">{count}H", *values)


class LoadCellTransmitter:
    """One transmitter: each channel is a signed 32-bit number of counts in two holding registers."""

    def __init__(
        self,
        loads: Sequence[Load],
        unit: int = 1,
        *,
        counts_per_gram: Sequence[float],
        zero_counts: Sequence[float],
        register: int = 0,
        words: str = "big",
        rate_hz: float = 10.0,
    ) -> None:
        self.unit = unit
        self._loads = tuple(loads)
        self._counts_per_gram = tuple(counts_per_gram)
        self._zero_counts = tuple(zero_counts)
        self._register = register
        self._words = words
        self._rate_hz = rate_hz
        self.power_cycle()

    def power_cycle(self) -> None:
        self._beat = Metronome(1 / self._rate_hz)
        self._grams = [load.sample(0.0) for load in self._loads]

    def pass_time(self, dt: float) -> None:
        for _ in range(self._beat.beats(dt)):
            self._grams = [load.sample(1 / self._rate_hz) for load in self._loads]

    def answer(self, function: int, data: bytes) -> bytes:
        if function != modbus.READ_HOLDING:
            raise Refused(ILLEGAL_FUNCTION)
        return _read(data, self._registers())

    def _registers(self) -> dict[int, int]:
        registers: dict[int, int] = {}
        for channel, grams in enumerate(self._grams):
            counts = round(self._zero_counts[channel] + grams * self._counts_per_gram[channel])
            high, low = struct.unpack(">HH", struct.pack(">i", min(max(counts, -(1 << 31)), (1 << 31) - 1)))
            pair = (high, low) if self._words == "big" else (low, high)
            registers |= {self._register + 2 * channel: pair[0], self._register + 2 * channel + 1: pair[1]}
        return registers


class Thermometer:
    """One temperature transmitter; its number is ``celsius * divisor``, signed, in one input register."""

    def __init__(self, celsius: Callable[[], float], unit: int = 1, *, register: int = 1, divisor: float = 10.0) -> None:
        self.unit = unit
        self.wrong_celsius: float | None = None
        """Says this whatever the temperature is, while set."""
        self._celsius = celsius
        self._register = register
        self._divisor = divisor

    def power_cycle(self) -> None:
        """It keeps nothing."""

    def pass_time(self, dt: float) -> None:
        """It measures when it is asked."""

    def answer(self, function: int, data: bytes) -> bytes:
        if function != modbus.READ_INPUT_REGISTERS:
            raise Refused(ILLEGAL_FUNCTION)
        celsius = self._celsius() if self.wrong_celsius is None else self.wrong_celsius
        number = round(celsius * self._divisor)
        if not -0x8000 <= number <= 0x7FFF:
            raise Refused(ILLEGAL_VALUE)
        return _read(data, {self._register: number & 0xFFFF, self._register + 1: 0x0222})
