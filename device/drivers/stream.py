"""Scales that stream lines (A&D, CAS), or answer a request for a weight (NCI).

A scale that has said nothing for a second is asked the NCI way; one that answers so is polled from then on. It is online with its first
valid line: a stream has nothing that could be asked.
"""

from __future__ import annotations

import math

from device.domain.layout import StreamScale
from device.domain.readings import DeviceUp, Reading
from device.drivers.byte_device import ByteDevice
from device.drivers.dialogue import Heartbeat, NoiseTally, Turn
from device.drivers.plate import Plate
from device.wire.noise import Noise, text_hint
from device.wire.stream import WEIGH, Decoder, Message
from device.wire.weighing import OutOfRange, Refused, Weight

BAUD = 9600
QUIET_S = 1.0


def driver(entry: StreamScale) -> ByteDevice:
    """The driver of one configured scale."""
    return ByteDevice(entry.id, entry.port, BAUD, lambda: StreamDialogue(entry.id, entry.rate_hz, entry.stable_bit))


class StreamDialogue:
    """See ``Dialogue``. ``rate_hz`` is how often an NCI scale is asked; a streaming one sets its own pace."""

    def __init__(self, device: str, rate_hz: float, stable_bit: int = 1) -> None:
        self._device = device
        self._period = 1 / rate_hz
        self._decoder = Decoder(stable_bit)
        self._plate = Plate(device)
        self._noise = NoiseTally(device, text_hint)
        self._heartbeat = Heartbeat(device, self._noise)
        self._ask_at = math.inf
        self._asked_at = -math.inf
        self._up = False

    @property
    def deadline(self) -> float:
        return min(self._ask_at, self._heartbeat.deadline, self._noise.deadline)

    def opened(self, at: float) -> Turn:
        self._heartbeat.heard(at)
        self._ask_at = at + QUIET_S
        return Turn()

    def received(self, data: bytes, at: float) -> Turn:
        readings: list[Reading] = []
        for message in self._decoder.feed(data):
            if isinstance(message, Noise):
                self._noise.add(message)
            else:
                self._said(message, at, readings)
        readings += self._noise.report(at)
        return Turn(readings)

    def tick(self, at: float) -> Turn:
        send = b""
        if at >= self._ask_at:
            send, self._asked_at, self._ask_at = WEIGH, at, at + QUIET_S
        return Turn(self._noise.report(at), send, self._heartbeat.missed(at))

    def _said(self, message: Message, at: float, readings: list[Reading]) -> None:
        self._heartbeat.heard(at)
        self._ask_at = max(at, self._asked_at + self._period) if self._decoder.polled else at + QUIET_S
        if not self._up:
            self._up = True
            readings.append(DeviceUp(self._device, at))
        match message:
            case Weight():
                self._plate.weighed(message, at, readings)
            case OutOfRange():
                readings += self._plate.out_of_range(message, at)
            case Refused():
                readings += self._plate.faulty("not_executable", at, f"answers {message.code!r}")
