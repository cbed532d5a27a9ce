"""Cards of Wiegand readers, as bits, and as the lines in which a bridge sends them (``docs/wiegand-bridge.md``): ``W26:EA0DC080``.

- 26 bits, H10301: even parity over the next 12, facility of 8, card of 16, odd parity over the 12 before it: ``212:07041``.
- 34 bits, H10306: even parity over the next 16, facility of 16, card of 16, odd parity over the 16 before it: ``00212:07041``.
- 4 or 8 bits: a key of a keypad. No card, and passed over.
- Others have a parity of their issuer's own, and are taken as they are, in the form of the line: ``W37:0123456788``.

Sources: HID, Understanding card data formats (H10301, H10306, H10304); Civintec CN56 manual, p. 25; Allegion knowledge centre.
"""

from __future__ import annotations

import re

from device.wire.line import Code, Message
from device.wire.lines import Lines
from device.wire.noise import Noise

LONGEST_LINE = 32
"""64 bits take 20 characters."""

_LINE = re.compile(rb"W([1-9][0-9]?):([0-9A-F]{2,16})")
_BEGINNING = re.compile(rb"W[0-9]")
_FORMATS = {26: (8, 3), 34: (16, 5)}
"""Bits of the facility, and its decimal digits, by the bits of the card."""

_KEYS = (4, 8)
_MOST_BITS = 64


class Decoder:
    """Bytes from a bridge to cards."""

    def __init__(self) -> None:
        self._lines = Lines(LONGEST_LINE)

    @property
    def pending(self) -> bool:
        """Whether a line has begun and not ended."""
        return self._lines.pending

    def feed(self, data: bytes) -> list[Message | Noise]:
        """The cards whose lines ended in ``data``."""
        out: list[Message | Noise] = []
        for line in self._lines.feed(data):
            out += [line] if isinstance(line, Noise) else _heard(line)
        return out

    def drop(self) -> list[Message | Noise]:
        """Give up the line that has begun."""
        return [each for each in self._lines.drop() if isinstance(each, Noise)]


def card_text(count: int, data: bytes) -> str | None:
    """The number of a card of ``count`` bits, the first one the highest of ``data``; empty for a key; None where its parity is wrong.

    ``data`` holds the bits and no more than seven others behind them. Raises ValueError where it does not.
    """
    if len(data) != (count + 7) // 8:
        raise ValueError(f"{count} bits take {(count + 7) // 8} bytes, not {len(data)}")
    if count in _KEYS:
        return ""
    if count not in _FORMATS:
        return f"W{count}:{data.hex().upper()}"
    bits = int.from_bytes(data, "big") >> (8 * len(data) - count)
    half = count // 2
    if (bits >> half).bit_count() % 2 != 0 or (bits & (1 << half) - 1).bit_count() % 2 != 1:
        return None
    facility_bits, digits = _FORMATS[count]
    number = bits >> 1 & 0xFFFF
    facility = bits >> 17 & (1 << facility_bits) - 1
    return f"{facility:0{digits}d}:{number:05d}"


def _heard(line: bytes) -> list[Message | Noise]:
    message = _message(line)
    if isinstance(message, Noise) and (begin := _BEGINNING.search(line, 1)) is not None:
        # A line that began after an interference.
        behind = _message(line[begin.start() :])
        if not isinstance(behind, Noise):
            return [Noise(line[: begin.start()]), behind] if behind else [Noise(line[: begin.start()])]
    return [message] if message else []


def _message(line: bytes) -> Message | Noise | None:
    """A card, None for a key, or noise."""
    match = _LINE.fullmatch(line)
    if match is None or len(match[2]) % 2:
        return Noise(line)
    count, data = int(match[1]), bytes.fromhex(match[2].decode("ascii"))
    spare = 8 * len(data) - count
    if not 0 <= spare < 8 or not _KEYS[0] <= count <= _MOST_BITS or data[-1] & (1 << spare) - 1:
        return Noise(line)
    text = card_text(count, data)
    if text is None:
        return Noise(line)
    return Code(text) if text else None
