"""Scales that speak MT-SICS: asks the firmware (I3), has the scale stream (SIR), polls it (SI) where it does not know streaming.

Not responsible for zero and tare: Z, T and @ are never sent. A balance that says its serial number (I4) unasked has been switched on again.
"""

from __future__ import annotations

import math
from typing import Literal

from device.domain.layout import MtSicsScale
from device.domain.readings import DeviceRebooted, DeviceUp, Reading
from device.drivers.byte_device import ByteDevice
from device.drivers.dialogue import Heartbeat, NoiseTally, Turn
from device.drivers.plate import Plate
from device.wire.mt_sics import Decoder, request
from device.wire.noise import Noise, text_hint
from device.wire.weighing import OutOfRange, Refused, Told, Weight

BAUD = 9600
ANSWER_S = 1.0
"""How long an answer, or the next value of a stream, may take before something else is tried."""

Step = Literal["asking", "starting", "streaming", "polling"]


def driver(entry: MtSicsScale) -> ByteDevice:
    """The driver of one configured scale."""
    return ByteDevice(entry.id, entry.port, BAUD, lambda: MtSicsDialogue(entry.id, entry.rate_hz))


class MtSicsDialogue:
    """See ``Dialogue``. Asking: I3 is out. Starting: SIR is out. Streaming: values come by themselves. Polling: SI, at ``rate_hz``."""

    def __init__(self, device: str, rate_hz: float) -> None:
        self._device = device
        self._period = 1 / rate_hz
        self._decoder = Decoder()
        self._plate = Plate(device)
        self._noise = NoiseTally(device, text_hint)
        self._heartbeat = Heartbeat(device, self._noise)
        self._step: Step = "asking"
        self._act_at = math.inf
        self._polled_at = -math.inf
        self._up = False

    @property
    def deadline(self) -> float:
        return min(self._act_at, self._heartbeat.deadline, self._noise.deadline)

    def opened(self, at: float) -> Turn:
        self._heartbeat.heard(at)
        self._act_at = at + ANSWER_S
        return Turn(send=request("I3"))

    def received(self, data: bytes, at: float) -> Turn:
        readings: list[Reading] = []
        send = b""
        for message in self._decoder.feed(data):
            if isinstance(message, Noise):
                self._noise.add(message)
                continue
            self._heartbeat.heard(at)
            if isinstance(message, Weight):
                if self._step == "streaming" and self._up:
                    self._act_at = at + ANSWER_S
                    self._plate.weighed(message, at, readings)
                else:
                    self._valued(message, at, readings)
            elif isinstance(message, OutOfRange):
                self._valued(message, at, readings)
            else:
                send += self._answered(message, at, readings)
        if at >= self._noise.deadline:
            readings += self._noise.report(at)
        return Turn(readings, send)

    def tick(self, at: float) -> Turn:
        send = b""
        if at >= self._act_at:
            match self._step:
                case "asking" | "streaming":
                    send = self._start(at)
                case "starting" | "polling":
                    send = self._poll(at)
        return Turn(self._noise.report(at), send, self._heartbeat.missed(at))

    def _valued(self, message: Weight | OutOfRange, at: float, readings: list[Reading]) -> None:
        if self._step == "asking":  # it still streams from before: the firmware comes first
            return
        if self._step == "polling":
            self._act_at = max(at, self._polled_at + self._period)
        else:
            self._step, self._act_at = "streaming", at + ANSWER_S
        if not self._up:
            readings += self._rise(at)
        if isinstance(message, Weight):
            self._plate.weighed(message, at, readings)
        else:
            readings += self._plate.out_of_range(message, at)

    def _answered(self, message: Refused | Told, at: float, readings: list[Reading]) -> bytes:
        """The answer to an answer that is no value."""
        if isinstance(message, Told) and message.command == "I4":
            if self._up:
                readings.append(DeviceRebooted(self._device, at))
            return self._start(at)
        if self._step == "asking":
            readings += self._rise(at, message.text if isinstance(message, Told) else "")
            return self._start(at)
        if isinstance(message, Told):
            return b""
        if self._step == "starting" and (message.command, message.code) != ("S", "I"):
            return self._poll(at)
        if self._step == "polling":
            self._act_at = max(at, self._polled_at + self._period)
        readings += self._plate.faulty("not_executable", at, f"{message.command} {message.code}".strip())
        return b""

    def _rise(self, at: float, firmware: str = "") -> list[Reading]:
        if self._up:
            return []
        self._up = True
        return [DeviceUp(self._device, at, firmware)]

    def _start(self, at: float) -> bytes:
        self._step, self._act_at = "starting", at + ANSWER_S
        return request("SIR")

    def _poll(self, at: float) -> bytes:
        self._step, self._polled_at, self._act_at = "polling", at, at + ANSWER_S
        return request("SI")
