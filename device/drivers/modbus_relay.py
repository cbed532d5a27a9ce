"""Relay boards on Modbus: locks with their contacts, and single inputs.

Relays are coils, written with FC05 and read back with FC01; contacts are discrete inputs, FC02; all are numbered from 0. A closed contact
is an input that is on, as on the usual boards with opto-couplers, so a cut wire is an input that is off.

Responsible for: polling, and for saying what came of an order by reading the relay back. Not responsible for: the line and its other users
(``device.ports.modbus``), debouncing, or what state a lock should be in. Nothing is written on opening or closing.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from device.domain.layout import ModbusInput, ModbusLock
from device.domain.readings import ContactReading, DeviceUp, InputReading
from device.drivers.driver import Sink
from device.drivers.modbus_line import UnitNoise, coils_of, inputs_of, port_of, put_coil
from device.drivers.orders import Order, Orders
from device.errors import DeviceRefused
from device.ports.clock import uptime
from device.ports.modbus import Unit
from device.ports.turns import ORDER, POLL, Place

POLL_S = 0.1
"""With one time-out of another unit in between, a contact is still told within 0.5 s."""

REPEAT_S = 1.0
"""A reading is repeated this often when nothing changes, and the relay read back this often when nobody moves it."""

ATTEMPTS = 3
SPAN = 32
"""Inputs no further apart than this are read with one question."""

_SETTLE_S = 0.02


class ModbusRelayLock:
    """A lock on a relay board: a ``LockDriver``."""

    def __init__(self, entry: ModbusLock, now: Callable[[], float] = uptime) -> None:
        self._entry = entry
        self._now = now
        self._port = port_of(entry.port)
        self._place = Place()
        self._orders = Orders(entry.id, now)
        self._wires = [address for address in (entry.contact, entry.bolt, entry.exit_button) if address is not None]

    @property
    def id(self) -> str:
        return self._entry.id

    def drive(self, order: int, unlock: bool) -> None:
        """See ``LockDriver.drive``."""
        self._orders.put(Order(order, unlock))
        self._place.urgency = ORDER

    async def run(self, sink: Sink) -> None:
        """See ``Driver.run``."""
        async with self._port.unit(self.id, self._entry.unit, self._place) as unit:
            with self._orders.reporting_to(sink):
                await self._serve(unit, sink)

    async def _serve(self, unit: Unit, sink: Sink) -> None:
        report = _Report(self.id, sink, unit)
        energised: bool | None = None
        energised_until = 0.0
        while True:
            await sink.room()
            started = asyncio.get_running_loop().time()
            self._place.urgency = ORDER if self._orders.waiting else POLL
            async with unit.turn():
                if (order := self._orders.take()) is not None:
                    self._place.urgency = ORDER
                    energised, failure = await self._obey(unit, order)
                    self._orders.finish(order, failure)
                    self._place.urgency = POLL
                wires = await self._inputs(unit)
                if energised is None or started >= energised_until:
                    energised = await self._energised(unit)
                    energised_until = started + REPEAT_S
            at = self._now()
            if wires is not None and energised is not None:
                self._orders.accept()
                report.reading(self._reading(at, energised, wires))
            report.noise(at)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(started + POLL_S):
                    await self._orders.wake.wait()
            self._orders.wake.clear()

    async def _obey(self, unit: Unit, order: Order) -> tuple[bool | None, str]:
        """Move the relay and look whether it has moved. Where an answer was lost it is written again: a level twice is one opening."""
        wanted = self._entry.unlocked(True) == order.unlock
        failure = "no answer"
        energised = None
        for attempt in range(ATTEMPTS):
            if attempt:
                await asyncio.sleep(_SETTLE_S)
            try:
                confirmed = await put_coil(unit, self._entry.relay, wanted)
            except DeviceRefused as error:
                return None, error.reason
            if not confirmed:
                continue
            energised = await self._energised(unit)
            if energised == wanted:
                return energised, ""
            if energised is not None:
                failure = f"the relay reads back {'on' if energised else 'off'}"
        return energised, failure

    async def _energised(self, unit: Unit) -> bool | None:
        coils = await coils_of(unit, self._entry.relay)
        return None if coils is None else coils[0]

    async def _inputs(self, unit: Unit) -> dict[int, bool] | None:
        """All wires of the lock; None where one of the answers is missing."""
        first, last = min(self._wires), max(self._wires)
        if last - first < SPAN:
            bits = await inputs_of(unit, first, last - first + 1)
            return None if bits is None else {wire: bits[wire - first] for wire in self._wires}
        states = {}
        for wire in self._wires:
            bits = await inputs_of(unit, wire)
            if bits is None:
                return None
            states[wire] = bits[0]
        return states

    def _reading(self, at: float, energised: bool, wires: dict[int, bool]) -> ContactReading:
        entry = self._entry
        return ContactReading(
            self.id,
            at,
            unlocked=entry.unlocked(energised),
            closed=wires[entry.contact] == (entry.contact_normally == "open"),
            bolt_locked=None if entry.bolt is None else wires[entry.bolt],
            exit_pressed=None if entry.exit_button is None else wires[entry.exit_button],
        )


class ModbusRelayInput:
    """One discrete input: a ``Driver``."""

    def __init__(self, entry: ModbusInput, now: Callable[[], float] = uptime) -> None:
        self._entry = entry
        self._now = now
        self._port = port_of(entry.port)

    @property
    def id(self) -> str:
        return self._entry.id

    async def run(self, sink: Sink) -> None:
        """See ``Driver.run``."""
        async with self._port.unit(self.id, self._entry.unit, Place()) as unit:
            report = _Report(self.id, sink, unit)
            while True:
                await sink.room()
                started = asyncio.get_running_loop().time()
                async with unit.turn():
                    bits = await inputs_of(unit, self._entry.input)
                at = self._now()
                if bits is not None:
                    report.reading(InputReading(self.id, at, active=bits[0] != (self._entry.normally == "closed")))
                report.noise(at)
                await asyncio.sleep(max(0.0, started + POLL_S - asyncio.get_running_loop().time()))


class _Report:
    """What goes into the sink in one connection: the device once, a reading when it changes or is due, noise at most once a second."""

    def __init__(self, device: str, sink: Sink, unit: Unit) -> None:
        self._device = device
        self._sink = sink
        self._noise = UnitNoise(device, unit)
        self._newest: ContactReading | InputReading | None = None

    def reading(self, reading: ContactReading | InputReading) -> None:
        newest = self._newest
        if newest is None:
            self._sink.put([DeviceUp(self._device, reading.at)])
        elif newest[2:] == reading[2:] and reading.at - newest.at < REPEAT_S:
            return
        self._newest = reading
        self._sink.put([reading])

    def noise(self, at: float) -> None:
        if readings := self._noise.report(at):
            self._sink.put(readings)


def lock(entry: ModbusLock) -> ModbusRelayLock:
    """The driver of a ``[[lock]]``."""
    return ModbusRelayLock(entry)


def single_input(entry: ModbusInput) -> ModbusRelayInput:
    """The driver of an ``[[input]]``."""
    return ModbusRelayInput(entry)
