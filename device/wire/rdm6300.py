"""RDM6300 readers of 125 kHz cards: ``02``, ten hexadecimal characters, two of checksum, ``03``, 9600 8N1.

The ten are five bytes: one that says who had the card made, and the 32-bit number that is printed on it in ten decimal digits. The checksum
is the exclusive or of the five. While a card is near its frame comes about every 65 ms; that this is one reading is not decided here.

Source: RDM6300 data sheet (ITead Studio), and readings of it by its users.
"""

from __future__ import annotations

from functools import reduce
from operator import xor

from device.wire.line import Code, Message
from device.wire.noise import Noise

BEGIN, END = 0x02, 0x03
FRAME = 14
"""Bytes from ``02`` to ``03``."""

_HEX = frozenset(b"0123456789ABCDEFabcdef")


class Decoder:
    """Bytes from a reader to cards: the number as it is printed on the card."""

    def __init__(self) -> None:
        self._held = b""

    @property
    def pending(self) -> bool:
        """Whether a frame has begun and not ended."""
        return bool(self._held)

    def feed(self, data: bytes) -> list[Message | Noise]:
        """The cards that ``data`` completes; at most one frame is held back."""
        held = self._held + data
        out: list[Message | Noise] = []
        begin = dropped = 0
        while (begin := held.find(BEGIN, begin)) >= 0:
            frame = held[begin : begin + FRAME]
            if any(byte not in _HEX for byte in frame[1 : FRAME - 1]):
                begin += 1
                continue
            if len(frame) < FRAME:
                break
            card = _card(frame)
            if card is None:
                begin += 1
                continue
            if begin > dropped:
                out.append(Noise(held[dropped:begin]))
            out.append(card)
            begin = dropped = begin + FRAME
        end = len(held) if begin < 0 else begin
        if end > dropped:
            out.append(Noise(held[dropped:end]))
        self._held = held[end:]
        return out

    def drop(self) -> list[Message | Noise]:
        """Give up the frame that has begun."""
        held, self._held = self._held, b""
        return [Noise(held)] if held else []


def _card(frame: bytes) -> Code | None:
    """The card in a frame of the right length and characters; None where its end or checksum is wrong."""
    body = bytes.fromhex(frame[1 : FRAME - 1].decode("ascii"))
    if frame[-1] != END or reduce(xor, body) != 0:
        return None
    return Code(f"{int.from_bytes(body[1:5], 'big'):010d}")
