"""R200, M100, QM100, YRM100, JRD-4035: UHF modules that speak ``BB … 7E``.

Frame: ``BB``, type (00 command, 01 response, 02 notice), command, length of the parameters (16 bit, big endian), parameters, checksum
(sum from the type to the last parameter, modulo 256), ``7E``. Both marks occur inside parameters too, so frames are found by length
and checksum. A tag notice is RSSI (signed, dBm), PC, EPC, and the tag's own Gen2 CRC-16 over PC and EPC: a second check, from the
air interface. A response FF with code 15 says that a round found no tag: it is a heartbeat, not a fault.
Sources: Magicrf M100 firmware manual; electron.id EL-UHF-RMT01 protocol; EPC Gen2 annex F for the CRC.
"""

from __future__ import annotations

import binascii

from device.domain.record import record
from device.wire.noise import Noise

MARK = 0xBB
END = 0x7E
COMMAND, RESPONSE, NOTICE = 0x00, 0x01, 0x02
INFO, SINGLE, MULTI, STOP, REGION, POWER, ERROR = 0x03, 0x22, 0x27, 0x28, 0x07, 0xB6, 0xFF
NO_TAG = 0x15

LONGEST = 256
"""Parameters longer than this are no frame: an EPC has at most 62 bytes, and the longest text about 40."""


@record
class Tag:
    """One tag seen. ``pc`` is the protocol control word, ``epc`` as on the air."""

    rssi_dbm: int
    pc: int
    epc: bytes


@record
class NoTag:
    """A round ended and no tag was read."""


@record
class Failed:
    """The module's no."""

    code: int


@record
class Answer:
    """A response to ``command``."""

    command: int
    parameters: bytes

    @property
    def text(self) -> str:
        """Of an answer to ``INFO``: the words after the byte that says which were asked for."""
        return self.parameters[1:].decode("ascii", "replace")


Message = Tag | NoTag | Failed | Answer


class Decoder:
    """Bytes from a module to messages."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> list[Message | Noise]:
        """What ``data`` completes; at most one frame is held back."""
        held = self._held + data
        out: list[Message | Noise] = []
        begin = dropped = 0
        while (begin := held.find(MARK, begin)) >= 0:
            length = _frame_length(held, begin)
            if length is None:
                break
            message = _message(held[begin : begin + length])
            if message is None:
                begin += 1
                continue
            if begin > dropped:
                out.append(Noise(held[dropped:begin]))
            out.append(message)
            begin = dropped = begin + length
        end = len(held) if begin < 0 else begin
        if end > dropped:
            out.append(Noise(held[dropped:end]))
        self._held = held[end:]
        return out


def request(command: int, parameters: bytes = b"") -> bytes:
    """A command frame."""
    body = bytes((COMMAND, command)) + len(parameters).to_bytes(2, "big") + parameters
    return bytes((MARK,)) + body + bytes((sum(body) & 0xFF, END))


def multi(rounds: int) -> bytes:
    """Ask for a number of inventory rounds in a row."""
    return request(MULTI, b"\x22" + rounds.to_bytes(2, "big"))


def _frame_length(held: bytes, begin: int) -> int | None:
    """How many bytes from ``begin`` have to be looked at; None: not all of them are there yet."""
    there = len(held) - begin
    if there >= 2 and held[begin + 1] not in (RESPONSE, NOTICE):
        return 1
    if there < 5:
        return None
    parameters = int.from_bytes(held[begin + 3 : begin + 5], "big")
    if parameters > LONGEST:
        return 1
    return parameters + 7 if there >= parameters + 7 else None


def _message(frame: bytes) -> Message | Noise | None:
    """The message in a frame that has its whole length; Noise: a sound frame with a tag that its own CRC denies; None: no frame."""
    if len(frame) < 7 or frame[-1] != END or sum(frame[1:-2]) & 0xFF != frame[-2]:
        return None
    kind, command, parameters = frame[1], frame[2], frame[5:-2]
    if kind == NOTICE and command in (SINGLE, MULTI):
        return _tag(parameters) or Noise(frame)
    if command == ERROR and parameters:
        return NoTag() if parameters[0] == NO_TAG else Failed(parameters[0])
    return Answer(command, parameters)


def _tag(parameters: bytes) -> Tag | None:
    if len(parameters) < 5:
        return None
    rssi = int.from_bytes(parameters[:1], "big", signed=True)
    pc, epc = int.from_bytes(parameters[1:3], "big"), parameters[3:-2]
    if len(epc) != 2 * (pc >> 11) or tag_crc(parameters[1:-2]) != int.from_bytes(parameters[-2:], "big"):
        return None
    return Tag(rssi, pc, epc)


def tag_crc(pc_and_epc: bytes) -> int:
    """The CRC-16 that a Gen2 tag sends: poly 0x1021, init FFFF, complemented."""
    return binascii.crc_hqx(pc_and_epc, 0xFFFF) ^ 0xFFFF
