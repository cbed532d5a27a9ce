"""The shelf board protocol, version 1: up to 16 load cells behind one microcontroller.

Frame: ``A5 5A``, version, type, payload length (16 bit), payload, CRC-16 (poly 0x1021, init FFFF) over version to payload; all little
endian. Binary and parsed with ``struct``, so that a small computer decodes many boards cheaply. Specified in ``docs/shelf-board.md``.
"""

from __future__ import annotations

import struct
from binascii import crc_hqx
from typing import NamedTuple

from device.domain.record import record
from device.wire.noise import Noise

SYNC = b"\xa5\x5a"
VERSION = 1
HELLO, SAMPLES, CONFIGURE, ANSWER, STATUS = 1, 2, 3, 4, 5
DONE, BAD_VALUE, BUSY = 0, 1, 2
CHANNELS = 16
LONGEST = 256
"""The longest payload."""

POSITIVE_FULL_SCALE = 0x7FFFFF
NEGATIVE_FULL_SCALE = -0x800000
"""What an HX711 says when its input is out of range (datasheet p. 4): a fault, not a weight."""

_HEAD = struct.Struct("<BBH")
_HELLO = struct.Struct("<8sBBBxH")
_SAMPLES = struct.Struct("<HIHH")
_CONFIGURE = struct.Struct("<HH")
_STATUS = struct.Struct("<hHHI")
_COUNTS = tuple(struct.Struct(f"<{channels}i") for channels in range(CHANNELS + 1))


@record
class Hello:
    """Who the board is: sent at power-up and when asked."""

    serial: bytes
    major: int
    minor: int
    channels: int
    rate_hz: int


class Samples(NamedTuple):
    """One sample of the channels whose bit is in ``present``, lowest first. ``time_us`` and ``seq`` begin at power-up and wrap."""

    seq: int
    time_us: int
    present: int
    fault: int
    counts: tuple[int, ...]


@record
class Answer:
    """To ``configure``: ``DONE``, ``BAD_VALUE`` or ``BUSY``."""

    code: int


@record
class Status:
    """Every 10 s: how the board itself is doing."""

    celsius: float
    supply_mv: int
    resets: int
    dropped: int


Message = Hello | Samples | Answer | Status


class Decoder:
    """Bytes from a board to messages. A sound frame of a type that version 1 does not know is passed over in silence."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> list[Message | Noise]:
        """What ``data`` completes; at most one frame is held back."""
        held = self._held + data if self._held else data
        out: list[Message | Noise] = []
        begin = dropped = 0
        there = len(held)
        while True:
            begin = held.find(SYNC, begin)
            if begin < 0:
                begin = there - 1 if held.endswith(SYNC[:1], dropped) else there
                break
            if there - begin < 6:
                break
            version, kind, length = _HEAD.unpack_from(held, begin + 2)
            if version != VERSION or length > LONGEST:
                begin += 1
                continue
            payload, end = begin + 6, begin + 8 + length
            if end > there:
                break
            if crc_hqx(held[begin + 2 : end - 2], 0xFFFF) != held[end - 2] | held[end - 1] << 8:
                begin += 1
                continue
            if begin > dropped:
                out.append(Noise(held[dropped:begin]))
            message = _message(kind, held, payload, length)
            if message is not None:
                out.append(message)
            begin = dropped = end
        if begin > dropped:
            out.append(Noise(held[dropped:begin]))
        self._held = held[begin:]
        return out


def hello_request() -> bytes:
    """Ask the board who it is."""
    return _frame(HELLO, b"")


def configure(rate_hz: int, enabled: int) -> bytes:
    """Set the rate (10 or 80 Hz) and the channels (a bit each)."""
    return _frame(CONFIGURE, _CONFIGURE.pack(rate_hz, enabled))


def _frame(kind: int, payload: bytes) -> bytes:
    body = _HEAD.pack(VERSION, kind, len(payload)) + payload
    return SYNC + body + crc_hqx(body, 0xFFFF).to_bytes(2, "little")


def _message(kind: int, held: bytes, payload: int, length: int) -> Message | Noise | None:
    if kind == SAMPLES and length >= _SAMPLES.size:
        seq, time_us, present, fault = _SAMPLES.unpack_from(held, payload)
        channels = present.bit_count()
        if length == _SAMPLES.size + 4 * channels:
            return Samples(seq, time_us, present, fault, _COUNTS[channels].unpack_from(held, payload + _SAMPLES.size))
    elif kind == HELLO and length == _HELLO.size:
        return Hello(*_HELLO.unpack_from(held, payload))
    elif kind == ANSWER and length == 1:
        return Answer(held[payload])
    elif kind == STATUS and length == _STATUS.size:
        celsius, supply, resets, dropped = _STATUS.unpack_from(held, payload)
        return Status(celsius / 100, supply, resets, dropped)
    elif kind not in (HELLO, SAMPLES, ANSWER, STATUS):
        return None
    return Noise(held[payload - 6 : payload + length + 2])
