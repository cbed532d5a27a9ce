"""OSDP frames, as far as telling them from noise: what is in them is libosdp's to say.

Frame: ``53``, address (an answer has bit 7 set), length of the whole (16 bit, low byte first), control, code, data, and a CRC (polynomial
1021, from 1D0F, low byte first) or, where bit 2 of the control byte is not set, a checksum that makes the sum of all bytes 0. ``FF`` before
a frame is a mark that wakes the line, and no noise.

Source: SIA OSDP v2.2, 5.7 to 5.9 and annexes C and E.
"""

from __future__ import annotations

import binascii

from device.wire.noise import Noise

BEGIN, MARK = 0x53, 0xFF
SHORTEST, LONGEST = 7, 1440
_ANSWER = 0x80
_HAS_CRC = 0x04


class Decoder:
    """Bytes from the devices of a line to their sound frames, as they are."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> list[bytes | Noise]:
        """The frames that ``data`` completes; at most one is held back."""
        held = self._held + data
        out: list[bytes | Noise] = []
        begin = dropped = 0
        there = len(held)
        while (begin := held.find(BEGIN, begin)) >= 0:
            length = int.from_bytes(held[begin + 2 : begin + 4], "little") if there - begin >= 4 else SHORTEST
            if (there - begin >= 2 and not held[begin + 1] & _ANSWER) or not SHORTEST <= length <= LONGEST:
                begin += 1
                continue
            if there - begin < max(length, 4):
                break
            frame = held[begin : begin + length]
            if not is_sound(frame):
                begin += 1
                continue
            _drop(held[dropped:begin], out)
            out.append(frame)
            begin = dropped = begin + length
        end = there if begin < 0 else begin
        _drop(held[dropped:end], out)
        self._held = held[end:]
        return out


def address_of(frame: bytes) -> int:
    """The address of the device that a frame is from."""
    return frame[1] & ~_ANSWER


def is_sound(frame: bytes) -> bool:
    """Whether a frame of the right length has the right checksum."""
    if frame[4] & _HAS_CRC:
        return crc16(frame[:-2]) == frame[-2:]
    return sum(frame) & 0xFF == 0


def crc16(body: bytes) -> bytes:
    """The CRC as on the wire, low byte first."""
    return binascii.crc_hqx(body, 0x1D0F).to_bytes(2, "little")


def _drop(data: bytes, out: list[bytes | Noise]) -> None:
    """Marks are nothing; anything else is noise."""
    if noise := data.replace(bytes((MARK,)), b""):
        out.append(Noise(noise))
