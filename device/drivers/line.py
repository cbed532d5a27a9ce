"""Readers that send a code a line. They say nothing of themselves: such a reader is lost only when its port is."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

from device.domain.layout import CodeReader
from device.domain.readings import CodeReading, DeviceUp, Reading
from device.drivers.byte_device import ByteDevice
from device.drivers.dialogue import NoiseTally, Turn
from device.wire.line import Decoder, Message
from device.wire.noise import Noise, text_hint

BAUD = 9600
UNENDED_S = 0.2
"""A line that has begun and gets no further byte for so long is dropped. A code comes in one piece: a byte at 9600 baud takes 1 ms."""


def driver(entry: CodeReader) -> ByteDevice:
    """The driver of one configured reader."""
    return ByteDevice(entry.id, entry.port, BAUD, lambda: LineDialogue(entry.id, Decoder()))


class CodeDecoder(Protocol):
    """What the codecs of readers have in common."""

    @property
    def pending(self) -> bool: ...

    def feed(self, data: bytes) -> list[Message | Noise]: ...

    def drop(self) -> list[Message | Noise]: ...


class LineDialogue:
    """See ``Dialogue``. Good for every reader that only speaks; ``hint`` says what its noise looks like."""

    def __init__(self, device: str, decoder: CodeDecoder, hint: Callable[[bytes], str] = text_hint) -> None:
        self._device = device
        self._decoder = decoder
        self._noise = NoiseTally(device, hint)
        self._noise.expect()
        self._drop_at = math.inf

    @property
    def deadline(self) -> float:
        return min(self._drop_at, self._noise.deadline)

    def opened(self, at: float) -> Turn:
        return Turn([DeviceUp(self._device, at)])

    def received(self, data: bytes, at: float) -> Turn:
        readings = self._readings(self._decoder.feed(data), at)
        self._drop_at = at + UNENDED_S if self._decoder.pending else math.inf
        return Turn(readings)

    def tick(self, at: float) -> Turn:
        dropped: list[Message | Noise] = []
        if at >= self._drop_at:
            dropped, self._drop_at = self._decoder.drop(), math.inf
        return Turn(self._readings(dropped, at))

    def _readings(self, messages: list[Message | Noise], at: float) -> list[Reading]:
        readings: list[Reading] = []
        for message in messages:
            if isinstance(message, Noise):
                self._noise.add(message)
            else:
                self._noise.forget()
                readings.append(CodeReading(self._device, at, message.text))
        return readings + self._noise.report(at)
