"""Modbus devices that are read by register: a load-cell transmitter and a thermometer.

Sources: Modbus Application Protocol V1.1b3, sections 6.3 (FC03) and 6.4 (FC04); DY/RW-ST01D and the 1-16 channel boards sold with it
(channel n in the two holding registers from 2(n-1)); XY-MD02 user manual (input register 1 is tenths of a degree, 2 is tenths of % RH;
holding registers 0x0101 address, 0x0102 speed, 0x0103 and 0x0104 what is added to temperature and humidity, tenths).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence

from firmware_sims import modbus
from firmware_sims.modbus import ILLEGAL_ADDRESS, ILLEGAL_FUNCTION, ILLEGAL_VALUE, Refused
from firmware_sims.sim import Load, Metronome

MOST_REGISTERS = 125
MOST_CHANNELS = 16
HUMIDITY = 546
"""54.6 % RH, in tenths."""
OWN_ADDRESS, SPEED, ADDED_CELSIUS, ADDED_HUMIDITY = 0x0101, 0x0102, 0x0103, 0x0104


def _read(data: bytes, registers: dict[int, int]) -> bytes:
    first, count = modbus.span(data, 4, MOST_REGISTERS, 0x10000)
    try:
        values = [registers[number] for number in range(first, first + count)]
    except KeyError:
        raise Refused(ILLEGAL_ADDRESS) from None
    return bytes([2 * count]) + struct.pack(f">{count}H", *values)


class LoadCellTransmitter:
    """One transmitter: each channel is a 32-bit number of counts in two holding registers.

    ``words`` says which half comes first, ``big`` or ``little``. Where it is not ``signed`` there is nothing under 0.
    """

    def __init__(
        self,
        loads: Sequence[Load],
        unit: int = 1,
        *,
        counts_per_gram: Sequence[float],
        zero_counts: Sequence[float],
        register: int = 0,
        words: str = "big",
        signed: bool = True,
        rate_hz: float = 10.0,
    ) -> None:
        if not 1 <= len(loads) <= MOST_CHANNELS:
            raise ValueError("a transmitter has 1-16 channels")
        self.unit = unit
        self._lowest, self._highest = (-(1 << 31), (1 << 31) - 1) if signed else (0, (1 << 32) - 1)
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
            high, low = divmod(min(max(counts, self._lowest), self._highest) & 0xFFFFFFFF, 0x10000)
            pair = (high, low) if self._words == "big" else (low, high)
            registers |= {self._register + 2 * channel: pair[0], self._register + 2 * channel + 1: pair[1]}
        return registers


class Thermometer:
    """One temperature transmitter; its number is ``celsius * divisor``, signed, in one input register, with the humidity after it."""

    def __init__(self, celsius: Callable[[], float], unit: int = 1, *, register: int = 1, divisor: float = 10.0) -> None:
        self.unit = unit
        self.wrong_celsius: float | None = None
        """Says this whatever the temperature is, while set."""
        self._celsius = celsius
        self._register = register
        self._divisor = divisor
        self._kept = {OWN_ADDRESS: unit, SPEED: 0, ADDED_CELSIUS: 0, ADDED_HUMIDITY: 0}
        """Holding registers; they survive the power."""

    def power_cycle(self) -> None:
        """It keeps nothing else."""

    def pass_time(self, dt: float) -> None:
        """It measures when it is asked."""

    def answer(self, function: int, data: bytes) -> bytes:
        match function:
            case modbus.READ_INPUT_REGISTERS:
                return _read(data, self._measured())
            case modbus.READ_HOLDING:
                return _read(data, self._kept)
            case modbus.WRITE_REGISTER:
                return self._write(data)
            case _:
                raise Refused(ILLEGAL_FUNCTION)

    def _measured(self) -> dict[int, int]:
        celsius = self._celsius() if self.wrong_celsius is None else self.wrong_celsius
        number = round((celsius + _signed(self._kept[ADDED_CELSIUS]) / 10) * self._divisor)
        if not -0x8000 <= number <= 0x7FFF:
            raise Refused(ILLEGAL_VALUE)
        return {self._register: number & 0xFFFF, self._register + 1: HUMIDITY + _signed(self._kept[ADDED_HUMIDITY]) & 0xFFFF}

    def _write(self, data: bytes) -> bytes:
        if len(data) != 4:
            raise Refused(ILLEGAL_VALUE)
        register, value = struct.unpack(">HH", data)
        if register not in (ADDED_CELSIUS, ADDED_HUMIDITY):
            raise Refused(ILLEGAL_ADDRESS)
        if abs(_signed(value)) > 100:
            raise Refused(ILLEGAL_VALUE)
        self._kept[register] = value
        return data


def _signed(word: int) -> int:
    return word - 0x10000 if word & 0x8000 else word
