"""A UHF reader module of the R200 / YRM100 / M100 family: ``BB .. 7E`` frames at 115200 8N1.

Sources: MagicRF M100/QM100 firmware manual (frames, commands, error codes); EPCglobal Gen2 UHF air interface 6.3.2.1.5 (the tag's
CRC-16 over PC and EPC: polynomial 0x1021, initial value 0xFFFF, inverted).
"""

from __future__ import annotations

import binascii
import random
import struct
from collections.abc import Callable, Sequence

from firmware_sims.sim import Metronome

COMMAND, RESPONSE, NOTICE = 0, 1, 2
INFO, REGION, GET_REGION, SELECT, SELECT_MODE, SINGLE, MULTI, STOP = 0x03, 0x07, 0x08, 0x0C, 0x12, 0x22, 0x27, 0x28
SET_POWER, GET_POWER, ERROR = 0xB6, 0xB7, 0xFF
NO_TAG, BAD_COMMAND = 0x15, 0x17
LONGEST_PARAMETERS = 512
ROUND_S = 0.08
"""One inventory round; a few tags fit into it at the module's 50 tags a second."""
TAGS_A_ROUND = 4
VERSIONS = (b"M100 26dBm V1.0", b"V2.3.5", b"MagicRf")


def frame(kind: int, command: int, parameters: bytes = b"") -> bytes:
    """One frame; the checksum is the low byte of the sum from the type to the last parameter."""
    body = struct.pack(">BBH", kind, command, len(parameters)) + parameters
    return b"\xbb" + body + bytes([sum(body) & 0xFF]) + b"\x7e"


def tag_crc(pc_and_epc: bytes) -> bytes:
    """The CRC-16 that a Gen2 tag sends behind its PC and EPC."""
    return struct.pack(">H", binascii.crc_hqx(pc_and_epc, 0xFFFF) ^ 0xFFFF)


def notice(epc: bytes, rssi_dbm: int, pc: int | None = None) -> bytes:
    """The notice for one tag. The PC's upper five bits are the length of the EPC in words."""
    pc = len(epc) // 2 << 11 if pc is None else pc
    tag = struct.pack(">H", pc) + epc
    return frame(NOTICE, SINGLE, struct.pack(">b", rssi_dbm) + tag + tag_crc(tag))


class R200:
    """One module and its antenna. ``tags`` says which EPCs are in the field now.

    ``read_rate`` is the chance that a tag in its turn answers: bottles shadow each other.
    """

    def __init__(self, tags: Callable[[], Sequence[bytes]], *, seed: int = 0, read_rate: float = 0.9) -> None:
        self._tags = tags
        self._random = random.Random(seed)
        self._read_rate = read_rate
        self._rssi: dict[bytes, float] = {}
        self.power_cycle()

    @property
    def quantum_s(self) -> float:
        return ROUND_S

    def power_cycle(self) -> None:
        self._heard = bytearray()
        self._beat = Metronome(ROUND_S)
        self._rounds = 0
        self._waiting: list[bytes] = []
        self._region = 1
        self._power = 2000

    def tick(self, dt: float) -> bytes:
        said = []
        for _ in range(self._beat.beats(dt)):
            if self._rounds:
                self._rounds -= 1
                said.append(self._round(TAGS_A_ROUND))
        return b"".join(said)

    def receive(self, data: bytes) -> bytes:
        self._heard += data
        said = []
        while (start := self._heard.find(0xBB)) >= 0:
            del self._heard[:start]
            if len(self._heard) < 5:
                break
            kind, command, length = struct.unpack_from(">BBH", self._heard, 1)
            if kind != COMMAND or length > LONGEST_PARAMETERS:
                del self._heard[0]
                continue
            if len(self._heard) < 7 + length:
                break
            if self._heard[6 + length] != 0x7E or sum(self._heard[1 : 5 + length]) & 0xFF != self._heard[5 + length]:
                del self._heard[0]
                continue
            parameters = bytes(self._heard[5 : 5 + length])
            del self._heard[: 7 + length]
            said.append(self._obey(command, parameters))
        else:
            self._heard.clear()
        return b"".join(said)

    def _obey(self, command: int, parameters: bytes) -> bytes:
        match command:
            case 0x03 if len(parameters) == 1 and parameters[0] < len(VERSIONS):
                return frame(RESPONSE, INFO, parameters + VERSIONS[parameters[0]])
            case 0x22:
                return self._round(1)
            case 0x27 if len(parameters) == 3 and parameters[0] == 0x22:
                self._rounds = int.from_bytes(parameters[1:], "big")
                return b""
            case 0x28:
                self._rounds = 0
                return frame(RESPONSE, STOP, b"\x00")
            case 0x07 if len(parameters) == 1 and parameters[0] in (1, 2, 3, 4, 6):
                self._region = parameters[0]
                return frame(RESPONSE, REGION, b"\x00")
            case 0x08:
                return frame(RESPONSE, GET_REGION, bytes([self._region]))
            case 0x0C | 0x12:
                return frame(RESPONSE, command, b"\x00")
            case 0xB6 if len(parameters) == 2:
                self._power = int.from_bytes(parameters, "big")
                return frame(RESPONSE, SET_POWER, b"\x00")
            case 0xB7:
                return frame(RESPONSE, GET_POWER, struct.pack(">H", self._power))
            case _:
                return frame(RESPONSE, ERROR, bytes([BAD_COMMAND]))

    def _round(self, at_most: int) -> bytes:
        """The notices of one round. Tags take turns (session flags), so that each is heard before one is heard twice."""
        present = set(self._tags())
        self._waiting = [epc for epc in self._waiting if epc in present]
        if not self._waiting:
            self._waiting = sorted(present)
            self._random.shuffle(self._waiting)
        turn, self._waiting = self._waiting[:at_most], self._waiting[at_most:]
        said = [self._notice(epc) for epc in turn if self._random.random() < self._read_rate]
        return b"".join(said) or frame(RESPONSE, ERROR, bytes([NO_TAG]))

    def _notice(self, epc: bytes) -> bytes:
        strength_dbm = self._rssi.setdefault(epc, self._random.uniform(-66, -48))
        if len(self._rssi) > 4096:
            self._rssi.clear()
        return notice(epc, round(self._random.gauss(strength_dbm, 1.5)))
