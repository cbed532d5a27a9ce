"""A UHF reader of the UHFReader18 family: frames that begin with their length, at 57600 8N1, asked or speaking by itself.

Source: UHFReader18 user's manual V2.0, sections 2-4 (frames, 15 ms between bytes), 5 (status), 8.2.1 and 8.2.15 (inventory, single),
8.4 (reader's own commands, 8.4.9 and 8.4.10 work mode) and its CRC routine: polynomial 0x8408, initial value 0xFFFF, low byte first
(CRC-16/MCRF4XX). The report of scan mode is as captured on a line: command EE, status 0, and the EPC with nothing before it.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Sequence

from firmware_sims.sim import Metronome

INVENTORY, SINGLE, INFO, REGION, ADDRESS, SCAN_TIME, BAUD, POWER, SET_MODE, GET_MODE, REPORT = (
    0x01,
    0x0F,
    0x21,
    0x22,
    0x24,
    0x25,
    0x28,
    0x2F,
    0x35,
    0x36,
    0xEE,
)
DONE, FINISHED, TIME_IS_UP, MORE = 0x00, 0x01, 0x02, 0x03
NO_TAG, BAD_LENGTH, BAD_COMMAND, BAD_PARAMETER = 0xFB, 0xFD, 0xFE, 0xFF
ANYBODY = 0xFF
"""Every reader takes a command with this address, and answers with its own."""
ANSWERING, SCANNING = 0, 1
"""Read modes: asked, or by itself. Modes 2 and 3 wait for a trigger's level, which nobody gives here."""
QUANTUM_S = 0.05
ROUND_S = 0.1
"""How long the air is listened to where there is nothing to hear."""
TAG_S = 0.015
LONGEST_TAGS = 230
"""Bytes of tags in one frame of an answer; the rest comes in further ones."""
TYPE, PROTOCOLS = 0x09, 0x02


def crc(data: bytes) -> bytes:
    """The checksum of a frame, over all before it."""
    value = 0xFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ 0x8408 if value & 1 else value >> 1
    return struct.pack("<H", value)


def frame(address: int, body: bytes) -> bytes:
    """A frame: its length (of what follows it), the reader's address, then command and data, or command, status and data."""
    front = bytes([len(body) + 3, address]) + body
    return front + crc(front)


class UhfReader18:
    """One reader. ``tags`` says which EPCs are in the field now; ``read_rate`` is the chance that one is read in a round."""

    quantum_s = QUANTUM_S

    def __init__(self, tags: Callable[[], Sequence[bytes]], *, seed: int = 0, read_rate: float = 0.9, scanning: bool = False) -> None:
        self._tags = tags
        self._random = random.Random(f"uhfreader18 {seed}")
        self._read_rate = read_rate
        # What the manual says is kept without power.
        self.address = 0
        self.power_dbm = 30
        self._scan_time = 10
        self._region = 0x4E, 0x00
        self._mode = bytes([SCANNING if scanning else ANSWERING, 0, 1, 0, 1, 1])
        self.power_cycle()

    def power_cycle(self) -> None:
        self._heard = bytearray()
        self._quiet = False
        self._busy_s = 0.0
        self._answer = b""
        self._round = Metronome(ROUND_S)

    def receive(self, data: bytes) -> bytes:
        """A command is answered at once, or after its inventory; what comes while that runs is lost (section 2)."""
        if self._busy_s > 0:
            return b""
        self._heard += data
        self._quiet = False
        said = []
        while self._heard and not self._busy_s:
            length = self._heard[0] + 1
            if length < 5:
                self._heard.clear()
            elif len(self._heard) < length:
                break
            else:
                command = bytes(self._heard[:length])
                del self._heard[:length]
                said.append(self._take(command))
        return b"".join(said)

    def tick(self, dt: float) -> bytes:
        if self._quiet:
            self._heard.clear()  # a pause of 15 ms ends a frame, whole or not
        self._quiet = bool(self._heard)
        if self._busy_s > 0:
            self._busy_s = max(0.0, self._busy_s - dt)
            if self._busy_s > 1e-9:
                return b""
            self._busy_s = 0.0
            answer, self._answer = self._answer, b""
            return answer
        if self._mode[0] != SCANNING:
            return b""
        return b"".join([self._reports() for _ in range(self._round.beats(dt))])

    def _take(self, command: bytes) -> bytes:
        if crc(command[:-2]) != command[-2:]:
            self._heard.clear()
            return b""
        if command[1] not in (self.address, ANYBODY):
            return b""
        name, data = command[2], command[3:-2]
        if name in (INVENTORY, SINGLE):
            return self._inventory(name, data)
        status, answer = self._obey(name, data)
        return self._says(name, status, answer)

    def _says(self, command: int, status: int, data: bytes = b"") -> bytes:
        return frame(self.address, bytes([command, status]) + data)

    def _obey(self, name: int, data: bytes) -> tuple[int, bytes]:
        match name, len(data):
            case (0x21, 0):
                highest, lowest = self._region
                return DONE, bytes([2, 14, TYPE, PROTOCOLS, highest, lowest, self.power_dbm, self._scan_time])
            case (0x22, 2):
                self._region = data[0], data[1]
                return DONE, b""
            case (0x24, 1) if data[0] != ANYBODY:
                self.address = data[0]
                return DONE, b""
            case (0x25, 1) if data[0] >= 3:
                self._scan_time = data[0]
                return DONE, b""
            case (0x28, 1) if data[0] in (0, 1, 2, 5, 6):
                return DONE, b""
            case (0x2F, 1) if data[0] <= 30:
                self.power_dbm = data[0]
                return DONE, b""
            case (0x35, 6) if data[0] <= 3:
                self._mode = data
                self._round.reset()
                return DONE, b""
            case (0x36, 0):
                return DONE, bytes([0, 30, 10, 15]) + self._mode + bytes([8, 0])
            case (0x24 | 0x25 | 0x28 | 0x2F, 1) | (0x35, 6):
                return BAD_PARAMETER, b""
            case (0x21 | 0x22 | 0x24 | 0x25 | 0x28 | 0x2F | 0x35 | 0x36, _):
                return BAD_LENGTH, b""
            case _:
                return BAD_COMMAND, b""

    def _inventory(self, name: int, data: bytes) -> bytes:
        """Begin to listen; the answer is said when it is over. With two parameters words of the TID are asked for: none here."""
        if len(data) not in ((0, 2) if name == INVENTORY else (0,)):
            return self._says(name, BAD_LENGTH)
        read = self._read(1 if name == SINGLE else None)
        if data and data[1]:
            read = []
        limit_s = self._scan_time * 0.1
        wanted_s = ROUND_S + TAG_S * len(read)
        in_time = read[: max(1, int((limit_s - ROUND_S) / TAG_S))]
        self._busy_s = min(limit_s, wanted_s)
        self._answer = self._tell(name, in_time, FINISHED if wanted_s <= limit_s else TIME_IS_UP)
        return b""

    def _tell(self, name: int, epcs: Sequence[bytes], status: int) -> bytes:
        """The answer's frames: all but the last have status 3."""
        if not epcs:
            return self._says(name, NO_TAG)
        groups: list[list[bytes]] = [[]]
        for epc in epcs:
            if sum(len(other) + 1 for other in groups[-1]) + len(epc) + 1 > LONGEST_TAGS:
                groups.append([])
            groups[-1].append(epc)
        said = []
        for number, group in enumerate(groups, 1):
            tags = b"".join([bytes([len(epc)]) + epc for epc in group])
            said.append(self._says(name, status if number == len(groups) else MORE, bytes([len(group)]) + tags))
        return b"".join(said)

    def _reports(self) -> bytes:
        return b"".join([self._says(REPORT, DONE, epc) for epc in self._read(None)])

    def _read(self, at_most: int | None) -> list[bytes]:
        present = sorted(set(self._tags()))
        self._random.shuffle(present)
        return [epc for epc in present if self._random.random() < self._read_rate][:at_most]
