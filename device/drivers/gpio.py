"""Locks and inputs on pins of the computer itself.

Inputs have a pull-up and a contact to ground: a closed contact reads low, an open one or a cut wire high. A relay is on at the level that
``active_high`` says.

Responsible for: telling every edge with the time at which it came, the relay as read back from its pin, and what came of an order. Not
responsible for: debouncing, or what state a lock should be in. All levels are read again after each edge and once a second, so that an edge
that was missed cannot last.

A relay's pin that nobody drives yet is claimed at rest (not energised), which is where the wire's resistor holds it anyway: a strike stays
locked, and a magnet that has had no power since the last process ended stays without. To energise is a decision, and those are the store's.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from device.domain.layout import GpioInput, GpioLock
from device.domain.readings import ContactReading, DeviceUp, InputReading, NoiseReading, Reading
from device.drivers.driver import Sink
from device.drivers.orders import Order, Orders
from device.ports.clock import uptime
from device.ports.gpio import Pins

REPEAT_S = 1.0
"""A reading is repeated, and all levels are read anew, this often when nothing changes."""


class GpioLockDriver:
    """A lock on pins: a ``LockDriver``."""

    def __init__(self, entry: GpioLock, now: Callable[[], float] = uptime) -> None:
        self._entry = entry
        self._now = now
        self._orders = Orders(entry.id, now)
        self._inputs = [pin for pin in (entry.contact, entry.bolt, entry.exit_button) if pin is not None]

    @property
    def id(self) -> str:
        return self._entry.id

    def drive(self, order: int, unlock: bool) -> None:
        """See ``LockDriver.drive``."""
        self._orders.put(Order(order, unlock))

    async def run(self, sink: Sink) -> None:
        """See ``Driver.run``."""
        wake = self._orders.wake
        with contextlib.closing(Pins(self.id, self._now, wake)) as pins, self._orders.reporting_to(sink):
            pins.claim_output(self._entry.relay, resting=not self._entry.active_high)
            watch = _Watch(self.id, sink, pins, self._inputs, self._now, self._reading)
            self._orders.accept()
            while True:
                await watch.wait(wake)
                while (order := self._orders.take()) is not None:
                    self._orders.finish(order, self._obey(pins, order))
                watch.look()

    def _obey(self, pins: Pins, order: Order) -> str:
        """Move the relay and look whether it has moved: empty, or what is wrong."""
        wanted = (self._entry.unlocked(True) == order.unlock) == self._entry.active_high
        pins.put(self._entry.relay, wanted)
        high = pins.high(self._entry.relay)
        return "" if high == wanted else f"the pin reads back {'high' if high else 'low'}"

    def _reading(self, at: float, pins: Pins, levels: dict[int, bool]) -> ContactReading:
        entry = self._entry
        return ContactReading(
            self.id,
            at,
            unlocked=entry.unlocked(pins.high(entry.relay) == entry.active_high),
            closed=levels[entry.contact] == (entry.contact_normally == "closed"),
            bolt_locked=None if entry.bolt is None else not levels[entry.bolt],
            exit_pressed=None if entry.exit_button is None else not levels[entry.exit_button],
        )


class GpioInputDriver:
    """One input pin: a ``Driver``."""

    def __init__(self, entry: GpioInput, now: Callable[[], float] = uptime) -> None:
        self._entry = entry
        self._now = now

    @property
    def id(self) -> str:
        return self._entry.id

    async def run(self, sink: Sink) -> None:
        """See ``Driver.run``."""
        wake = asyncio.Event()
        with contextlib.closing(Pins(self.id, self._now, wake)) as pins:
            watch = _Watch(self.id, sink, pins, [self._entry.pin], self._now, self._reading)
            while True:
                await watch.wait(wake)
                watch.look()

    def _reading(self, at: float, _pins: Pins, levels: dict[int, bool]) -> InputReading:
        return InputReading(self.id, at, active=levels[self._entry.pin] == (self._entry.normally == "closed"))


class _Watch:
    """Turns edges and levels into readings, in order: each edge, then the levels as they are where they differ or a second has passed."""

    def __init__(
        self,
        device: str,
        sink: Sink,
        pins: Pins,
        inputs: list[int],
        now: Callable[[], float],
        reading: Callable[[float, Pins, dict[int, bool]], ContactReading | InputReading],
    ) -> None:
        self._device = device
        self._sink = sink
        self._pins = pins
        self._inputs = inputs
        self._now = now
        self._reading = reading
        self._due = asyncio.get_running_loop().time() + REPEAT_S
        for pin in inputs:
            pins.claim_input(pin)
        self._levels = {pin: pins.high(pin) for pin in inputs}
        at = now()
        self._newest = reading(at, pins, self._levels)
        sink.put([DeviceUp(device, at), self._newest])

    async def wait(self, wake: asyncio.Event) -> None:
        """Until there is an edge or an order, or the levels are due, and room for what comes of it."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(self._due):
                await wake.wait()
        wake.clear()
        await self._sink.room()

    def look(self) -> None:
        """Tell what there is to tell."""
        readings: list[Reading] = []
        for edge in self._pins.take_edges():
            self._levels[edge.pin] = edge.high
            self._newest = self._reading(max(edge.at, self._newest.at), self._pins, self._levels)
            readings.append(self._newest)
        self._levels = {pin: self._pins.high(pin) for pin in self._inputs}
        reading = self._reading(self._now(), self._pins, self._levels)
        due = asyncio.get_running_loop().time() >= self._due
        if due or reading[2:] != self._newest[2:]:
            self._newest = reading
            readings.append(reading)
        if due:
            readings += self._once_a_second(reading.at)
        if readings:
            self._sink.put(readings)

    def _once_a_second(self, at: float) -> list[Reading]:
        self._due = asyncio.get_running_loop().time() + REPEAT_S
        dropped, self._pins.dropped = self._pins.dropped, 0
        return [NoiseReading(self._device, at, dropped, "a contact chatters: more edges than can be taken")] if dropped else []


def lock(entry: GpioLock) -> GpioLockDriver:
    """The driver of a ``[[lock]]``."""
    return GpioLockDriver(entry)


def single_input(entry: GpioInput) -> GpioInputDriver:
    """The driver of an ``[[input]]``."""
    return GpioInputDriver(entry)
