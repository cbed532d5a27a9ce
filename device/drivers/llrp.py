"""Fixed UHF readers on LLRP: tells them once what to do, then listens.

A reader that lets us in is asked who it is, told to give signs of life, and given one inventory without end (``STEPS``). It is online when
that runs. It does not delimit its rounds: a ``TagRound`` is said every ``ROUND_S`` in which the reader was heard while its inventory ran.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from device.domain.layout import RfidReader
from device.domain.readings import DeviceUp, FaultReading, Reading, TagReading, TagRound
from device.drivers.byte_device import ByteDevice
from device.drivers.dialogue import Heartbeat, NoiseTally, Turn
from device.errors import DeviceError, DeviceGone, DeviceRefused
from device.wire.llrp import (
    Alive,
    Answer,
    Attempt,
    Closing,
    Decoder,
    Message,
    Stopped,
    Tags,
    Trouble,
    add_inventory,
    alive_too,
    enable_inventory,
    forget_inventories,
    keep_telling,
    start_inventory,
    who_are_you,
)
from device.wire.noise import Noise, binary_hint

ALIVE_S = 1.0
ROUND_S = 1.0
RESTART_S = 1.0

STEPS: tuple[tuple[str, Callable[[int], bytes], bool], ...] = (
    ("who it is", who_are_you, True),
    ("signs of life", lambda number: keep_telling(number, ALIVE_S), True),
    ("forgetting older inventories", forget_inventories, False),
    ("an inventory", add_inventory, True),
    ("enabling the inventory", enable_inventory, True),
    ("starting the inventory", start_inventory, True),
)
"""What is asked for after each other: its name, its request, and whether a no ends it."""

_START = len(STEPS)


def driver(entry: RfidReader) -> ByteDevice:
    """The driver of one configured reader."""
    return ByteDevice(entry.id, entry.port, 0, lambda: LlrpDialogue(entry.id))


class LlrpDialogue:
    """See ``Dialogue``. The number of a request is the number of its step, from 1."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._decoder = Decoder()
        self._noise = NoiseTally(device, binary_hint)
        self._heartbeat = Heartbeat(device, self._noise)
        self._step = 0
        self._who = ""
        self._up = False
        self._running = False
        self._heard = False
        self._round_ends = math.inf
        self._start_at = math.inf
        self._failure: DeviceError | None = None

    @property
    def deadline(self) -> float:
        return min(self._round_ends, self._start_at, self._heartbeat.deadline, self._noise.deadline)

    def opened(self, at: float) -> Turn:
        self._heartbeat.heard(at)
        return Turn()

    def received(self, data: bytes, at: float) -> Turn:
        readings: list[Reading] = []
        send = b""
        for message in self._decoder.feed(data):
            if isinstance(message, Noise):
                self._noise.add(message)
            else:
                self._heartbeat.heard(at)
                self._heard = True
                send += self._said(message, at, readings)
        return Turn(readings + self._noise.report(at), send, self._failure)

    def tick(self, at: float) -> Turn:
        readings: list[Reading] = []
        send = b""
        if at >= self._round_ends:
            if self._heard and self._running:
                readings.append(TagRound(self._device, at))
            self._heard, self._round_ends = False, at + ROUND_S
        if at >= self._start_at:
            self._start_at = at + RESTART_S
            send = start_inventory(_START)
        return Turn(readings + self._noise.report(at), send, self._heartbeat.missed(at, self._open_question))

    @property
    def _open_question(self) -> str:
        if self._up:
            return ""
        return STEPS[self._step - 1][0] if self._step else "a new connection"

    def _said(self, message: Message, at: float, readings: list[Reading]) -> bytes:
        match message:
            case Tags(tags=tags) if self._up:
                readings += [TagReading(self._device, at, tag.epc, tag.rssi_dbm, tag.antenna) for tag in tags]
            case Alive(number=number):
                return alive_too(number)
            case Answer():
                return self._answered(message, at, readings)
            case Attempt(refusal=refusal) if self._step == 0:
                if not refusal:
                    return self._next()
                self._failure = DeviceRefused(self._device, f"the reader refuses the connection: {refusal}", "connection")
            case Stopped() if self._up:
                self._running, self._start_at = False, at
            case Trouble(text=text, antenna=antenna) if text:
                readings.append(FaultReading(self._device, at, "not_executable", antenna, text))
            case Closing():
                self._failure = DeviceGone(self._device, "the reader closes the connection")
        return b""

    def _next(self) -> bytes:
        self._step += 1
        return STEPS[self._step - 1][1](self._step)

    def _answered(self, answer: Answer, at: float, readings: list[Reading]) -> bytes:
        if answer.number != self._step:
            return b""
        name, _, needed = STEPS[self._step - 1]
        if answer.refusal and needed:
            self._failure = DeviceRefused(self._device, f"the reader refuses {name}: {answer.refusal}", str(answer.code))
            return b""
        if self._up:
            self._running, self._start_at = True, math.inf
            return b""
        self._who = self._who or answer.who
        if self._step < len(STEPS):
            return self._next()
        self._up = self._running = True
        self._heard, self._round_ends = False, at + ROUND_S
        readings.append(DeviceUp(self._device, at, self._who))
        return b""
