"""R200 family UHF modules: asks who they are, then for one inventory round after another.

The module marks the end of a round only when it found no tag. A round is therefore a single poll and all that comes after it: it has
ended with the no-tag notice, or when a tag was the last for ``QUIET_S``; the next poll waits for that, so that the tags of two rounds
never mix.
"""

from __future__ import annotations

import math

from device.domain.layout import RfidReader
from device.domain.readings import DeviceUp, FaultReading, Reading, TagReading, TagRound
from device.drivers.byte_device import ByteDevice
from device.drivers.dialogue import Heartbeat, NoiseTally, Turn
from device.wire.noise import Noise, binary_hint
from device.wire.r200 import INFO, SINGLE, STOP, Answer, Decoder, Failed, Message, NoTag, Tag, request

BAUD = 115_200
ANSWER_S = 0.5
ROUND_S = 0.1
QUIET_S = 0.05
"""A module reads 50 tags a second or more: between two of one round there is less than this."""


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
        self._polled_at = -math.inf
        self._answered = False
        self._act_at = math.inf
        self._failing: int | None = None

    @property
    def deadline(self) -> float:
        return min(self._act_at, self._heartbeat.deadline, self._noise.deadline)

    def opened(self, at: float) -> Turn:
        self._heartbeat.heard(at)
        self._act_at = at + ANSWER_S
        return Turn(send=request(STOP) + request(INFO, b"\x00"))

    def received(self, data: bytes, at: float) -> Turn:
        readings: list[Reading] = []
        send = b""
        for message in self._decoder.feed(data):
            if isinstance(message, Noise):
                self._noise.add(message)
                continue
            if self._up:
                self._heartbeat.heard(at)
                self._said(message, at, readings)
            elif isinstance(message, Answer) and message.command == INFO:
                self._heartbeat.heard(at)
                self._up = True
                readings.append(DeviceUp(self._device, at, message.text))
                send = self._poll(at)
        return Turn(readings + self._noise.report(at), send)

    def tick(self, at: float) -> Turn:
        readings: list[Reading] = []
        send = b""
        if at >= self._act_at:
            if not self._up:
                send, self._act_at = request(INFO, b"\x00"), at + ANSWER_S
            else:
                if self._answered:
                    readings.append(TagRound(self._device, at))
                send = self._poll(at)
        return Turn(readings + self._noise.report(at), send, self._heartbeat.missed(at, "" if self._up else "the request for its version"))

    def _said(self, message: Message, at: float, readings: list[Reading]) -> None:
        match message:
            case Tag():
                readings.append(TagReading(self._device, at, message.epc, float(message.rssi_dbm)))
                self._ended(at + QUIET_S)
            case NoTag():
                self._ended(at)
            case Failed():
                if self._failing != message.code:
                    self._failing = message.code
                    readings.append(FaultReading(self._device, at, "not_executable", None, f"code {message.code:02X}"))
                self._act_at = max(at, self._polled_at + ROUND_S)

    def _ended(self, at: float) -> None:
        """The round is over at ``at`` if nothing more comes of it."""
        self._answered, self._failing = True, None
        self._act_at = max(at, self._polled_at + ROUND_S)

    def _poll(self, at: float) -> bytes:
        self._polled_at, self._answered, self._act_at = at, False, at + ANSWER_S
        return request(SINGLE)
