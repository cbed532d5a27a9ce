"""OSDP devices: locks with their contacts, single inputs, and card readers, all of which may be parts of one device at one address.

A relay is an output of the device, its contacts are inputs, numbered from 0; an input that is active is a closed wire. Only over a secure
channel (``device.ports.osdp_line``): a device is up when that stands and it has told its inputs.

What is known of the relay is the device's own word, under the key of the channel: its report of outputs where it gives one, and its
acknowledgement of the order where it does not. Nothing is written on opening or closing.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Callable, Iterator

from device.domain.layout import OsdpInput, OsdpLock, OsdpReader
from device.domain.readings import CodeReading, ContactReading, DeviceUp, InputReading, Reading
from device.drivers.dialogue import NoiseTally
from device.drivers.driver import Sink
from device.drivers.orders import Order, Orders
from device.ports.clock import uptime
from device.ports.osdp import shared_port
from device.ports.osdp_line import INPUTS, OUTPUTS, Card, Member
from device.wire.noise import Noise, binary_hint
from device.wire.osdp import Decoder, address_of
from device.wire.wiegand import card_text

REPEAT_S = 1.0
"""A reading is repeated this often when nothing changes."""

LOOK_S = 0.25
"""How often a device that says nothing new is looked at: whether it is still there."""

REPORTS_S = 1.0
"""A device that has not told its inputs so long after its channel stood, whether asked or by itself, is up without."""

ANSWER_S = 1.5
"""Within this an order is acknowledged and the relay read back: some polls of a line with several devices."""


class _OsdpDevice:
    """What all parts have in common: waiting for the channel, and telling noise."""

    def __init__(self, entry: OsdpLock | OsdpInput | OsdpReader, now: Callable[[], float]) -> None:
        self._now = now
        self._port = shared_port(entry.port, _sifter)
        self._port.expect(entry.address, entry.key_file)
        self._id = entry.id
        self._noise = NoiseTally(entry.id, binary_hint)

    @property
    def id(self) -> str:
        return self._id

    def _noisy(self, member: Member, at: float) -> list[Reading]:
        while member.noise:
            self._noise.add(Noise(member.noise.popleft()))
        return self._noise.report(at)

    @staticmethod
    async def _news(member: Member, within_s: float) -> None:
        """Until something has changed, at most so long. Raises DeviceError."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await member.wake.wait()
        member.wake.clear()
        member.check()

    async def _come_up(self, member: Member, sink: Sink) -> None:
        """Until the channel stands, and all that is wanted was told or will not be."""
        loop = asyncio.get_running_loop()
        up_by = math.inf
        while not (member.online and (_has_told(member) or loop.time() >= up_by)):
            await self._news(member, LOOK_S)
            up_by = min(up_by, loop.time() + REPORTS_S) if member.online else math.inf
            sink.put(self._noisy(member, self._now()))
        sink.put([DeviceUp(self._id, self._now(), member.firmware)])


def _has_told(member: Member) -> bool:
    """Whether there is nothing left to wait for. Inputs are told unasked by devices that do not answer for them; outputs are not."""
    return all(report in member.reports or (report == OUTPUTS and not member.tells(report)) for report in member.wants)


def _sifter() -> Callable[[bytes], Iterator[tuple[int | None, bytes]]]:
    """See ``device.ports.osdp_line.Sift``."""
    decoder = Decoder()

    def sift(data: bytes) -> Iterator[tuple[int | None, bytes]]:
        for found in decoder.feed(data):
            yield (None, found.data) if isinstance(found, Noise) else (address_of(found), found)

    return sift


class OsdpLockDriver(_OsdpDevice):
    """A lock on a device's output: a ``LockDriver``."""

    def __init__(self, entry: OsdpLock, now: Callable[[], float] = uptime) -> None:
        super().__init__(entry, now)
        self._entry = entry
        self._orders = Orders(entry.id, now)
        self._energised: bool | None = None

    def drive(self, order: int, unlock: bool) -> None:
        """See ``LockDriver.drive``."""
        self._orders.put(Order(order, unlock))

    async def run(self, sink: Sink) -> None:
        """See ``Driver.run``."""
        self._energised = None
        async with self._port.device(self.id, self._entry.address, frozenset((INPUTS, OUTPUTS))) as member:
            with self._orders.reporting_to(sink):
                self._orders.wake = member.wake  # an order wakes like news
                await self._come_up(member, sink)
                self._orders.accept()
                await self._serve(member, sink)

    async def _serve(self, member: Member, sink: Sink) -> None:
        newest: ContactReading | None = None
        while True:
            await sink.room()
            if (order := self._orders.take()) is not None:
                self._orders.finish(order, await self._obey(member, order))
            at = self._now()
            reading = self._reading(member, at)
            if member.online and (newest is None or newest[2:] != reading[2:] or at - newest.at >= REPEAT_S):
                newest = reading
                sink.put([reading])
            sink.put(self._noisy(member, at))
            if not self._orders.waiting:
                await self._news(member, LOOK_S)

    async def _obey(self, member: Member, order: Order) -> str:
        """Switch the output and have it confirmed; why not, or empty."""
        wanted = self._entry.unlocked(True) == order.unlock
        self._energised = None
        if not member.online or not member.put(self._entry.relay, wanted):
            return "the device takes no order"
        failure = await self._until(member, lambda: self._entry.relay in member.obeyed, "no answer")
        if failure:
            return failure
        if not member.obeyed[self._entry.relay]:
            return "the device refuses"
        if member.tells(OUTPUTS):
            member.ask(OUTPUTS)
            failure = await self._until(
                member, lambda: OUTPUTS in member.reports or not member.tells(OUTPUTS), "the relay was not read back"
            )
            if failure:
                return failure
        told = self._told_energised(member)
        if told is None:
            self._energised = wanted
        elif told != wanted:
            return f"the relay reads back {'on' if told else 'off'}"
        return ""

    async def _until(self, member: Member, done: Callable[[], bool], otherwise: str) -> str:
        give_up_at = asyncio.get_running_loop().time() + ANSWER_S
        while not done():
            if asyncio.get_running_loop().time() >= give_up_at:
                return otherwise
            await self._news(member, LOOK_S)
        return ""

    def _told_energised(self, member: Member) -> bool | None:
        outputs = member.reports.get(OUTPUTS, ())
        return outputs[self._entry.relay] if self._entry.relay < len(outputs) else None

    def _reading(self, member: Member, at: float) -> ContactReading:
        entry = self._entry
        inputs = member.reports.get(INPUTS, ())

        def closed(wire: int | None) -> bool | None:
            return inputs[wire] if wire is not None and wire < len(inputs) else None

        told = self._told_energised(member)
        energised = self._energised if told is None else told
        contact = closed(entry.contact)
        return ContactReading(
            self.id,
            at,
            unlocked=None if energised is None else entry.unlocked(energised),
            closed=None if contact is None else contact == (entry.contact_normally == "open"),
            bolt_locked=closed(entry.bolt),
            exit_pressed=closed(entry.exit_button),
        )


class OsdpInputDriver(_OsdpDevice):
    """One input of a device: a ``Driver``."""

    def __init__(self, entry: OsdpInput, now: Callable[[], float] = uptime) -> None:
        super().__init__(entry, now)
        self._entry = entry

    async def run(self, sink: Sink) -> None:
        """See ``Driver.run``."""
        entry = self._entry
        newest: InputReading | None = None
        async with self._port.device(self.id, entry.address, frozenset((INPUTS,))) as member:
            await self._come_up(member, sink)
            while True:
                await sink.room()
                at = self._now()
                inputs = member.reports.get(INPUTS, ())
                if member.online and entry.input < len(inputs):
                    reading = InputReading(self.id, at, active=inputs[entry.input] != (entry.normally == "closed"))
                    if newest is None or newest.active != reading.active or at - newest.at >= REPEAT_S:
                        newest = reading
                        sink.put([reading])
                sink.put(self._noisy(member, at))
                await self._news(member, LOOK_S)


class OsdpReaderDriver(_OsdpDevice):
    """The card reader of a device: a ``Driver``."""

    def __init__(self, entry: OsdpReader, now: Callable[[], float] = uptime) -> None:
        super().__init__(entry, now)
        self._entry = entry

    async def run(self, sink: Sink) -> None:
        """See ``Driver.run``."""
        async with self._port.device(self.id, self._entry.address) as member:
            await self._come_up(member, sink)
            while True:
                await sink.room()
                at = self._now()
                while member.cards:
                    sink.put(self._card(member.cards.popleft(), at))
                sink.put(self._noisy(member, at))
                await self._news(member, LOOK_S)

    def _card(self, card: Card, at: float) -> list[Reading]:
        text = _text(card)
        if text is None:
            self._noise.add(Noise(card.data))
        return [CodeReading(self.id, at, text)] if text else []


def _text(card: Card) -> str | None:
    """The number of a card; empty where it is none (a key), None where it makes no sense."""
    if card.is_text:
        text = card.data[: card.length].decode("ascii", "replace")
        return text if len(text) >= 4 and text.isascii() and text.isprintable() else None
    if len(card.data) != (card.length + 7) // 8:
        return None
    return card_text(card.length, card.data)


def lock(entry: OsdpLock) -> OsdpLockDriver:
    """The driver of a ``[[lock]]``."""
    return OsdpLockDriver(entry)


def single_input(entry: OsdpInput) -> OsdpInputDriver:
    """The driver of an ``[[input]]``."""
    return OsdpInputDriver(entry)


def reader(entry: OsdpReader) -> OsdpReaderDriver:
    """The driver of a ``[[reader]]``."""
    return OsdpReaderDriver(entry)
