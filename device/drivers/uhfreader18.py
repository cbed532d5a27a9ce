"""UHFReader18 family UHF readers: asks who they are, then for one inventory after the other. An answered inventory is a round.

A reader that was left in scan mode speaks by itself and may leave inventories unanswered. Once it has done so it is asked every second who
it is, and a round is said for each answer; and when its reports have stopped, now and then for an inventory: it may have been set right.
"""

from __future__ import annotations

import math

from device.domain.layout import RfidReader
from device.domain.readings import DeviceUp, FaultReading, Reading, TagReading, TagRound
from device.drivers.byte_device import ByteDevice
from device.drivers.dialogue import Heartbeat, NoiseTally, Turn
from device.wire.noise import Noise, binary_hint
from device.wire.uhfreader18 import INFO, INVENTORY, Decoder, Failed, Identity, Message, Report, Tags, request

BAUD = 57_600
ANSWER_S = 0.5
"""An answer begins at once, or at the end of the reader's scan time where it is an inventory's."""

ROUND_S = 0.1
"""Inventories begin at least so far apart: a reader with nothing in its field may answer at once."""

SCANNING_ROUND_S = 1.0
SCANNING_S = 3.0
"""After so long without a report a reader in scan mode is asked for an inventory, in case that it no longer is."""

PAUSE_S = 0.1
"""No frame pauses for more than 15 ms; an adapter or a port server may hold bytes back for some tens."""


def driver(entry: RfidReader) -> ByteDevice:
    """The driver of one configured reader."""
    return ByteDevice(entry.id, entry.port, BAUD, lambda: UhfReader18Dialogue(entry.id))


class UhfReader18Dialogue:
    """See ``Dialogue``."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._decoder = Decoder()
        self._noise = NoiseTally(device, binary_hint)
        self._heartbeat = Heartbeat(device, self._noise)
        self._up = False
        self._scan_s = 0.0
        self._ask_at = math.inf
        self._asked_at = -math.inf
        self._drop_at = math.inf
        self._inventory_asked = False
        self._scanning = False
        self._tried_at = -math.inf
        self._failing: int | None = None

    @property
    def deadline(self) -> float:
        return min(self._ask_at, self._drop_at, self._heartbeat.deadline, self._noise.deadline)

    def opened(self, at: float) -> Turn:
        self._heartbeat.heard(at)
        return Turn(send=self._ask(at))

    def received(self, data: bytes, at: float) -> Turn:
        turn = self._heard(self._decoder.feed(data), at)
        self._drop_at = at + PAUSE_S if self._decoder.pending else math.inf
        return turn

    def tick(self, at: float) -> Turn:
        messages: list[Message | Noise] = []
        if at >= self._drop_at:
            messages, self._drop_at = self._decoder.drop(), math.inf
        turn = self._heard(messages, at)
        send = turn.send
        if at >= self._ask_at:
            send += self._ask(at)
        return Turn(turn.readings, send, self._heartbeat.missed(at, "" if self._up else "the request for its version"))

    def _heard(self, messages: list[Message | Noise], at: float) -> Turn:
        readings: list[Reading] = []
        for message in messages:
            if isinstance(message, Noise):
                self._noise.add(message)
            else:
                self._said(message, at, readings)
        return Turn(readings + self._noise.report(at))

    def _said(self, message: Message, at: float, readings: list[Reading]) -> None:
        if not self._up and not isinstance(message, Identity):
            return
        if isinstance(message, Identity):
            self._met(message, at, readings)
        # While a reader listens to the air it says nothing, for as long as it has been told to.
        self._heartbeat.heard(at + self._scan_s)
        match message:
            case Tags():
                readings += [TagReading(self._device, at, epc) for epc in message.epcs]
                self._inventory_asked = self._scanning = False
                self._failing = None
                if message.over:
                    readings.append(TagRound(self._device, at))
                    self._ask_at = max(at, self._asked_at + ROUND_S)
            case Report(epc=epc):
                self._scanning, self._tried_at = True, at
                if epc is not None:
                    readings.append(TagReading(self._device, at, epc))
            case Failed(command=command, status=status) if command == INVENTORY:
                self._inventory_asked = False
                self._ask_at = self._asked_at + ANSWER_S
                if status != self._failing:
                    self._failing = status
                    readings.append(FaultReading(self._device, at, "not_executable", None, f"status {status:02X}"))

    def _met(self, who: Identity, at: float, readings: list[Reading]) -> None:
        self._scan_s = who.scan_s
        if not self._up:
            self._up = True
            readings.append(DeviceUp(self._device, at, f"{who.version}, type {who.kind:02X}"))
        if self._scanning:
            readings.append(TagRound(self._device, at))
        else:
            self._ask_at = at

    def _ask(self, at: float) -> bytes:
        """Ask what is to be asked now, and note until when an answer may come."""
        self._asked_at = at
        unanswered, self._inventory_asked = self._inventory_asked, False
        if not self._up or unanswered:
            self._ask_at = at + ANSWER_S
            return request(INFO)
        if self._scanning and at - self._tried_at < SCANNING_S:
            self._ask_at = at + SCANNING_ROUND_S
            return request(INFO)
        self._inventory_asked, self._tried_at = True, at
        self._ask_at = at + self._scan_s + ANSWER_S
        return request(INVENTORY)
