"""R200 family UHF modules: asks who they are, then has them take inventory without end.

A module polls in rounds of its own that it does not delimit, except that an empty one gives the no-tag notice; where tags take turns, one
round does not show them all. A ``TagRound`` is therefore said every ``ROUND_S`` in which the module was heard to read. One that falls
quiet has done the rounds that it was asked for, or lost its power: it is asked again.
"""

from __future__ import annotations

import math

from device.domain.layout import RfidReader
from device.domain.readings import DeviceUp, FaultReading, Reading, TagReading, TagRound
from device.drivers.byte_device import ByteDevice
from device.drivers.dialogue import Heartbeat, NoiseTally, Turn
from device.wire.noise import Noise, binary_hint
from device.wire.r200 import INFO, STOP, Answer, Decoder, Failed, Message, NoTag, Tag, multi, request

BAUD = 115_200
ANSWER_S = 0.5
"""A module that polls says something in every round of its own, which takes less than 0.1 s."""

ROUND_S = 0.5
"""Time for 25 tags at the 50 tags a second that such a module reads."""

ROUNDS = 10_000
"""How many of the module's own rounds are asked for at a time."""


def driver(entry: RfidReader) -> ByteDevice:
    """The driver of one configured module."""
    return ByteDevice(entry.id, entry.port, BAUD, lambda: R200Dialogue(entry.id))


class R200Dialogue:
    """See ``Dialogue``."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._decoder = Decoder()
        self._noise = NoiseTally(device, binary_hint)
        self._heartbeat = Heartbeat(device, self._noise)
        self._up = False
        self._ask_at = math.inf
        self._round_ends = math.inf
        self._has_read = False
        self._failing: int | None = None

    @property
    def deadline(self) -> float:
        return min(self._ask_at, self._round_ends, self._heartbeat.deadline, self._noise.deadline)

    def opened(self, at: float) -> Turn:
        self._heartbeat.heard(at)
        return Turn(send=self._ask_who(at))

    def received(self, data: bytes, at: float) -> Turn:
        readings: list[Reading] = []
        send = b""
        for message in self._decoder.feed(data):
            if isinstance(message, Noise):
                self._noise.add(message)
            elif self._up:
                self._said(message, at, readings)
            elif isinstance(message, Answer) and message.command == INFO:
                self._heartbeat.heard(at)
                self._up, self._round_ends = True, at + ROUND_S
                readings.append(DeviceUp(self._device, at, message.text))
                send = self._ask_tags(at)
        return Turn(readings + self._noise.report(at), send)

    def tick(self, at: float) -> Turn:
        readings: list[Reading] = []
        send = b""
        if at >= self._round_ends:
            if self._has_read:
                readings.append(TagRound(self._device, at))
            self._has_read, self._round_ends = False, at + ROUND_S
        if at >= self._ask_at:
            send = self._ask_tags(at) if self._up else self._ask_who(at)
        return Turn(readings + self._noise.report(at), send, self._heartbeat.missed(at, "" if self._up else "the request for its version"))

    def _said(self, message: Message, at: float, readings: list[Reading]) -> None:
        self._heartbeat.heard(at)
        self._ask_at = at + ANSWER_S
        match message:
            case Tag():
                readings.append(TagReading(self._device, at, message.epc, float(message.rssi_dbm)))
                self._has_read, self._failing = True, None
            case NoTag():
                self._has_read, self._failing = True, None
            case Failed(code=code) if code != self._failing:
                self._failing = code
                readings.append(FaultReading(self._device, at, "not_executable", None, f"code {code:02X}"))

    def _ask_who(self, at: float) -> bytes:
        self._ask_at = at + ANSWER_S
        return request(STOP) + request(INFO, b"\x00")

    def _ask_tags(self, at: float) -> bytes:
        self._ask_at = at + ANSWER_S
        return multi(ROUNDS)
