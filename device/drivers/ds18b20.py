"""DS18B20 thermometers on the kernel's 1-wire bus.

Responsible for: reading on time, and turning each answer into a temperature or a fault. Not responsible for: judging temperatures, or
searching the bus (the kernel does, about every ten seconds, so that a sensor plugged back in takes as long to reappear).
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from pathlib import Path

from device.domain.layout import Ds18b20
from device.domain.port import SysfsAddress
from device.domain.readings import DeviceUp, FaultReading, TemperatureReading
from device.drivers.driver import Sink
from device.errors import DeviceGone, DeviceSilent
from device.ports.clock import uptime
from device.ports.sysfs import SlowFile
from device.wire.w1_slave import Celsius, Fault, parse_w1_slave

READ_S = 10.0
"""A conversion takes 0.75 s, and the sensors of a bus take turns: more than a dozen of them in a row is a hung bus."""

RETRY_S = 1.0
MISSES = 3
"""So many readings in a row without an answer, a second apart after the first, are a lost sensor: within 10 s where it is read every 5."""


class Ds18b20Driver:
    """One sensor: a ``Driver``."""

    def __init__(self, entry: Ds18b20, now: Callable[[], float] = uptime) -> None:
        if not isinstance(entry.port, SysfsAddress):
            raise TypeError("a DS18B20 is read through sysfs:")
        self._entry = entry
        self._now = now
        self._file = SlowFile(Path(entry.port.path) / entry.serial / "w1_slave")

    @property
    def id(self) -> str:
        return self._entry.id

    async def run(self, sink: Sink) -> None:
        """See ``Driver.run``."""
        loop = asyncio.get_running_loop()
        up = False
        misses = 0
        while True:
            started = loop.time()
            answer = await self._ask()
            at = self._now()
            answered = isinstance(answer, Celsius) or answer.answered
            misses = 0 if answered else misses + 1
            if answered and not up:
                sink.put([DeviceUp(self.id, at)])
                up = True
            if isinstance(answer, Celsius):
                sink.put([TemperatureReading(self.id, at, answer.value)])
            else:
                sink.put([FaultReading(self.id, at, answer.kind, detail=answer.detail)])
                if misses >= MISSES:
                    raise DeviceSilent(self.id, f"no answer {misses} times in a row: {answer.detail}")
            pause_s = min(RETRY_S, self._entry.every_s) if misses else self._entry.every_s
            await asyncio.sleep(max(0.0, started + pause_s - loop.time()))

    async def _ask(self) -> Celsius | Fault:
        """One reading. Raises DeviceGone or DeviceSilent."""
        try:
            return parse_w1_slave(await self._file.read(READ_S))
        except TimeoutError as error:
            raise DeviceSilent(self.id, f"the 1-wire bus hangs: no answer for {READ_S:g} s") from error
        except OSError as error:
            if error.errno == errno.EIO:
                return Fault("no_answer", "the kernel gets no answer", answered=False)
            if error.errno == errno.ENOENT:
                raise DeviceGone(self.id, f"no sensor {self._entry.serial} on the 1-wire bus: unplugged, or no bus is set up") from error
            raise DeviceGone(self.id, f"{self._entry.serial}: {error.strerror}") from error


def thermometer(entry: Ds18b20) -> Ds18b20Driver:
    """The driver of a ``[[thermometer]]``."""
    return Ds18b20Driver(entry)
