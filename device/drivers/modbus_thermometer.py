"""Thermometers on Modbus: XY-MD02, SHT20 boards and their clones (``divisor = 100``, ``parity=E`` in the port).

Responsible for: asking on time, and turning each answer into a temperature or a fault. Not responsible for: judging temperatures, or the
line and its other users (``device.ports.modbus``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from device.domain.layout import ModbusThermometer
from device.domain.readings import DeviceUp, FaultReading, Reading, TemperatureReading
from device.drivers.driver import Sink
from device.drivers.modbus_line import UnitNoise, input_registers_of, port_of
from device.errors import DeviceRefused
from device.ports.clock import uptime
from device.ports.modbus import Unit
from device.ports.turns import Place
from device.wire.modbus_celsius import HIGHEST_CELSIUS, LOWEST_CELSIUS, celsius, measurable

RETRY_S = 1.0
DEVICE_FAILURE = "4"
"""The exception of a board that is there and whose sensor is not."""


class ModbusThermometerDriver:
    """One thermometer: a ``Driver``."""

    def __init__(self, entry: ModbusThermometer, now: Callable[[], float] = uptime) -> None:
        self._entry = entry
        self._now = now
        self._port = port_of(entry.port)

    @property
    def id(self) -> str:
        return self._entry.id

    async def run(self, sink: Sink) -> None:
        """See ``Driver.run``."""
        loop = asyncio.get_running_loop()
        async with self._port.unit(self.id, self._entry.unit, Place()) as unit:
            noise = UnitNoise(self.id, unit)
            up = False
            while True:
                await sink.room()
                started = loop.time()
                async with unit.turn():
                    answer = await self._ask(unit)
                at = self._now()
                reading = self._reading(answer, at)
                if reading is not None:
                    sink.put([reading] if up else [DeviceUp(self.id, at), reading])
                    up = True
                sink.put(noise.report(at))
                pause_s = self._entry.every_s if isinstance(reading, TemperatureReading) else min(RETRY_S, self._entry.every_s)
                await asyncio.sleep(max(0.0, started + pause_s - loop.time()))

    async def _ask(self, unit: Unit) -> float | str | None:
        """A temperature, unjudged; or why the board has none; None where no answer came."""
        entry = self._entry
        try:
            registers = await input_registers_of(unit, entry.register_)
        except DeviceRefused as error:
            if error.code != DEVICE_FAILURE:
                raise
            return error.reason
        return None if registers is None else celsius(registers[0], entry.divisor)

    def _reading(self, answer: float | str | None, at: float) -> Reading | None:
        if answer is None:
            return None
        if isinstance(answer, str):
            return FaultReading(self.id, at, "no_answer", detail=answer)
        if measurable(answer):
            return TemperatureReading(self.id, at, answer)
        detail = f"{answer:g} °C is not between {LOWEST_CELSIUS:g} and {HIGHEST_CELSIUS:g}: no sensor, or another divisor"
        return FaultReading(self.id, at, "out_of_range", detail=detail)


def thermometer(entry: ModbusThermometer) -> ModbusThermometerDriver:
    """The driver of a ``[[thermometer]]``."""
    return ModbusThermometerDriver(entry)
