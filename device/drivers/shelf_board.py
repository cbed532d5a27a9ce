"""Shelf boards (protocol version 1, ``docs/shelf-board.md``): many plates behind one microcontroller, as raw counts.

After every hello the board is told its rate and its channels, and is online once it has agreed. Sequence gaps become ``lost`` samples; a
hello in mid-stream, or a clock that has begun anew, is a reboot.
"""

from __future__ import annotations

import math

from device.domain.layout import ShelfBoardScale
from device.domain.readings import DeviceRebooted, DeviceUp, FaultReading, Reading, WeightReading
from device.drivers.byte_device import ByteDevice
from device.drivers.dialogue import Heartbeat, NoiseTally, Turn
from device.errors import DeviceError, DeviceRefused
from device.wire.noise import Noise, binary_hint
from device.wire.shelf_board import (
    BUSY,
    DONE,
    NEGATIVE_FULL_SCALE,
    POSITIVE_FULL_SCALE,
    Answer,
    Decoder,
    Hello,
    Samples,
    configure,
    hello_request,
)

BAUD = 115_200
ANSWER_S = 1.0
BUSY_S = 0.5
_WRAP_NEAR_US = (1 << 32) - 120_000_000
"""A clock that jumps back from beyond this has wrapped (it does so every 71.6 minutes); from before it, it has begun anew."""


def driver(entry: ShelfBoardScale) -> ByteDevice:
    """The driver of one configured board."""
    return ByteDevice(entry.id, entry.port, BAUD, lambda: ShelfBoardDialogue(entry.id, entry.channels, entry.rate_hz))


class ShelfBoardDialogue:
    """See ``Dialogue``. ``channels`` is how many plates are configured: the board's first ones."""

    def __init__(self, device: str, channels: int, rate_hz: int) -> None:
        self._device = device
        self._channels = channels
        self._rate_hz = rate_hz
        self._enabled = (1 << channels) - 1
        self._decoder = Decoder()
        self._noise = NoiseTally(device, binary_hint)
        self._heartbeat = Heartbeat(device, self._noise)
        self._hello: Hello | None = None
        self._asked_at = -math.inf
        self._configured = False
        self._up = False
        self._act_at = math.inf
        self._failure: DeviceError | None = None
        self._seq: int | None = None
        self._time_us = 0
        self._faults: tuple[str | None, ...] = (None,) * channels
        self._healthy = True

    @property
    def deadline(self) -> float:
        return min(self._act_at, self._heartbeat.deadline, self._noise.deadline)

    def opened(self, at: float) -> Turn:
        self._heartbeat.heard(at)
        return Turn(send=self._ask(at))

    def received(self, data: bytes, at: float) -> Turn:
        readings: list[Reading] = []
        send = b""
        for message in self._decoder.feed(data):
            if isinstance(message, Samples):
                if self._up:
                    self._sampled(message, at, readings)
            elif isinstance(message, Noise):
                self._noise.add(message)
            elif isinstance(message, Hello):
                send += self._greeted(message, at, readings)
            elif isinstance(message, Answer):
                self._agreed(message, at, readings)
        if at >= self._noise.deadline:
            readings += self._noise.report(at)
        return Turn(readings, send, self._failure)

    def tick(self, at: float) -> Turn:
        send = b""
        if at >= self._act_at:
            send = self._ask(at) if self._hello is None else self._set(at)
        return Turn(self._noise.report(at), send, self._heartbeat.missed(at, "" if self._up else self._open_question))

    @property
    def _open_question(self) -> str:
        return "hello" if self._hello is None else "configure"

    def _ask(self, at: float) -> bytes:
        self._asked_at, self._act_at = at, at + ANSWER_S
        return hello_request()

    def _set(self, at: float) -> bytes:
        self._act_at = at + ANSWER_S
        return configure(self._rate_hz, self._enabled)

    def _greeted(self, hello: Hello, at: float, readings: list[Reading]) -> bytes:
        if hello.channels < self._channels:
            self._failure = DeviceRefused(
                self._device, f"the board has {hello.channels} channels, the configuration wants {self._channels}", "channels"
            )
            return b""
        if self._up and at - self._asked_at > ANSWER_S:
            self._rebooted(at, readings)
        if self._hello is None:
            self._heartbeat.heard(at)
        self._hello, self._configured = hello, False
        return self._set(at)

    def _agreed(self, answer: Answer, at: float, readings: list[Reading]) -> None:
        if self._hello is None or self._configured:
            return
        if answer.code == BUSY:
            self._act_at = at + BUSY_S
        elif answer.code != DONE:
            reason = f"the board refuses {self._rate_hz} Hz on channels 1-{self._channels}"
            self._failure = DeviceRefused(self._device, reason, f"{answer.code:02X}")
        else:
            self._configured, self._act_at = True, math.inf
            self._heartbeat.heard(at)
            if not self._up:
                self._up = True
                firmware = f"{self._hello.major}.{self._hello.minor}, board {self._hello.serial.hex()}"
                readings.append(DeviceUp(self._device, at, firmware))

    def _rebooted(self, at: float, readings: list[Reading]) -> None:
        self._seq = None
        readings.append(DeviceRebooted(self._device, at))

    def _sampled(self, samples: Samples, at: float, readings: list[Reading]) -> None:
        self._heartbeat.heard(at)
        lost = 0
        if self._seq is not None:
            if samples.time_us < self._time_us < _WRAP_NEAR_US:
                self._rebooted(at, readings)  # its hello was lost in noise
            else:
                lost = (samples.seq - self._seq) & 0xFFFF
                lost = lost if lost < 0x8000 else 0
        self._seq, self._time_us = (samples.seq + 1) & 0xFFFF, samples.time_us
        counts = samples.counts
        if (
            self._healthy
            and samples.present == self._enabled
            and not samples.fault
            and max(counts) < POSITIVE_FULL_SCALE
            and min(counts) > NEGATIVE_FULL_SCALE
        ):
            readings.append(WeightReading(self._device, at, counts, None, lost))
        else:
            self._sampled_in_part(samples, at, readings, lost)

    def _sampled_in_part(self, samples: Samples, at: float, readings: list[Reading], lost: int) -> None:
        values = [math.nan] * self._channels
        faults = list(self._faults)
        counts = iter(samples.counts)
        for channel in range(16):
            bit = 1 << channel
            count = next(counts) if samples.present & bit else None
            if channel >= self._channels:
                continue
            if count is not None and (samples.fault & bit or not NEGATIVE_FULL_SCALE < count < POSITIVE_FULL_SCALE):
                faults[channel] = "saturated"
            elif count is not None:
                values[channel], faults[channel] = count, None
            elif samples.fault & bit:
                faults[channel] = "no_answer"
        for channel, (before, now) in enumerate(zip(self._faults, faults, strict=True)):
            if now is not None and now != before:
                readings.append(FaultReading(self._device, at, now, channel + 1))
        self._faults = tuple(faults)
        self._healthy = not any(faults)
        readings.append(WeightReading(self._device, at, tuple(values), None, lost))
