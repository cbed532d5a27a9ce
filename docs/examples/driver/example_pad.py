"""A scale that says its weight ten times a second, as ``G``, grams, and the sum of the characters before it: ``G 1234.5 *B4``.

The three parts of a driver: a codec that turns bytes into messages, a dialogue that turns messages and time into readings, and what is
offered to smartstore.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from pydantic import BaseModel

from device.domain.forms import Port
from device.domain.layout import ForeignScale
from device.domain.readings import DeviceUp, Reading, WeightReading
from device.drivers.byte_device import ByteDevice
from device.drivers.dialogue import Heartbeat, NoiseTally, Turn
from device.drivers.foreign import ForeignDriver
from device.wire.lines import Lines
from device.wire.noise import Noise, text_hint

BAUD = 19_200
LONGEST_LINE = 32
_LINE = re.compile(rb"(G (-?[0-9]{1,6}\.[0-9]) )\*([0-9A-F]{2})")


@dataclass(frozen=True, slots=True)
class Grams:
    """What the pad weighs."""

    value: float


class Decoder:
    """Bytes to messages. It never raises, whatever comes, and never holds more than one line."""

    def __init__(self) -> None:
        self._lines = Lines(LONGEST_LINE)

    def feed(self, data: bytes) -> list[Grams | Noise]:
        """What ``data`` completes."""
        return [line if isinstance(line, Noise) else _message(line) for line in self._lines.feed(data)]


def line(grams: float) -> bytes:
    """A line as the pad says it."""
    body = f"G {grams:.1f} ".encode("ascii")
    return body + f"*{sum(body) & 0xFF:02X}\r\n".encode("ascii")


def _message(found: bytes) -> Grams | Noise:
    match = _LINE.fullmatch(found)
    if match is None or sum(match[1]) & 0xFF != int(match[3], 16):
        return Noise(found)
    return Grams(float(match[2]))


class PadDialogue:
    """One conversation: see ``device.drivers.dialogue.Dialogue``. Without a port and without a clock, so that it is tested without both."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._decoder = Decoder()
        self._noise = NoiseTally(device, text_hint)
        self._heartbeat = Heartbeat(device, self._noise)
        self._up = False

    @property
    def deadline(self) -> float:
        return min(self._heartbeat.deadline, self._noise.deadline)

    def opened(self, at: float) -> Turn:
        self._heartbeat.heard(at)
        return Turn()

    def received(self, data: bytes, at: float) -> Turn:
        readings: list[Reading] = []
        for message in self._decoder.feed(data):
            if isinstance(message, Noise):
                self._noise.add(message)
                continue
            self._heartbeat.heard(at)
            if not self._up:
                self._up = True
                readings.append(DeviceUp(self._device, at))
            readings.append(WeightReading(self._device, at, (message.value,)))
        return Turn(readings + self._noise.report(at))

    def tick(self, at: float) -> Turn:
        return Turn(self._noise.report(at), failure=self._heartbeat.missed(at))


class PadOptions(BaseModel):
    """``[scale.options]``. A field that is a ``Port`` is checked against the ports of all other devices."""

    port: Port


def make(entry: ForeignScale, options: PadOptions) -> ByteDevice:
    """The driver of one configured pad; opens nothing yet."""
    return ByteDevice(entry.id, options.port, BAUD, lambda: PadDialogue(entry.id))


PAD = ForeignDriver(kind="scale", options=PadOptions, make=make)
