"""Load-cell transmitters on Modbus: 1 to 16 plates, all read with one question (FC03).

Responsible for: asking at the configured rate, the numbers divided by ``divisor`` as samples, and telling a channel without a weight. Not
responsible for: the line and its other users (``device.ports.modbus``), or grams: a calibration turns the numbers into those, also where
the transmitter weighs in grams by itself (``counts_per_gram = 1``). Nothing is ever written: a transmitter keeps its own zero, and its
memory wears out after some 100 000 writes.

A question without an answer is a lost sample. Exception 4 says that the transmitter is there and its amplifier is not: no channel has a
weight until it is gone. Other exceptions mean that the configuration is wrong, and end the device with their code.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

from device.domain.layout import ModbusLoadcellScale
from device.domain.readings import DeviceUp, FaultReading, Reading, WeightReading
from device.drivers.driver import Sink
from device.drivers.modbus_line import UnitNoise, port_of, registers_of
from device.errors import DeviceRefused
from device.ports.clock import uptime
from device.ports.modbus import Unit
from device.ports.turns import Place
from device.wire.loadcell import REGISTERS, numbers

DEVICE_FAILURE = "4"


class ModbusLoadcell:
    """One transmitter: a ``Driver``."""

    def __init__(self, entry: ModbusLoadcellScale, now: Callable[[], float] = uptime) -> None:
        self._entry = entry
        self._now = now
        self._port = port_of(entry.port)

    @property
    def id(self) -> str:
        return self._entry.id

    async def run(self, sink: Sink) -> None:
        """See ``Driver.run``."""
        loop = asyncio.get_running_loop()
        period_s = 1 / self._entry.rate_hz
        async with self._port.unit(self.id, self._entry.unit, Place()) as unit:
            noise = UnitNoise(self.id, unit)
            samples = _Samples(self._entry)
            due = loop.time()
            while True:
                await sink.room()
                async with unit.turn():
                    answer = await self._ask(unit)
                at = self._now()
                sink.put([*samples.readings(answer, at), *noise.report(at)])
                # A line that cannot keep up is asked as fast as it can, and owes nothing for what it has missed.
                due = max(due + period_s, loop.time())
                await asyncio.sleep(due - loop.time())

    async def _ask(self, unit: Unit) -> tuple[int | None, ...] | str | None:
        """A number a channel; or why there is none at all; None where no answer came."""
        entry = self._entry
        try:
            registers = await registers_of(unit, entry.register_, REGISTERS * entry.channels)
        except DeviceRefused as error:
            if error.code != DEVICE_FAILURE:
                raise
            return error.reason
        return None if registers is None else numbers(registers, entry.words, entry.signed)


class _Samples:
    """The readings of one connection. A fault is told with every sample that has it: how many make a bad channel is not judged here."""

    def __init__(self, entry: ModbusLoadcellScale) -> None:
        self._entry = entry
        self._up = False
        self._lost = 0

    def readings(self, answer: tuple[int | None, ...] | str | None, at: float) -> list[Reading]:
        """What one answer says; nothing where there is none."""
        if answer is None:
            self._lost += self._up
            return []
        entry = self._entry
        readings: list[Reading] = [] if self._up else [DeviceUp(entry.id, at)]
        self._up = True
        if isinstance(answer, str):
            values: tuple[float, ...] = (math.nan,) * entry.channels
            readings.append(FaultReading(entry.id, at, "no_answer", None, answer))
        else:
            values = tuple(math.nan if number is None else number / entry.divisor for number in answer)
            saturated = (channel for channel, number in enumerate(answer, 1) if number is None)
            readings += [FaultReading(entry.id, at, "saturated", channel) for channel in saturated]
        readings.append(WeightReading(entry.id, at, values, None, self._lost))
        self._lost = 0
        return readings


def driver(entry: ModbusLoadcellScale) -> ModbusLoadcell:
    """The driver of a ``[[scale]]``."""
    return ModbusLoadcell(entry)
