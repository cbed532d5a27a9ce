"""Load-cell transmitters on Modbus: a number of 32 bits a channel, in two holding registers from ``register + 2 (channel - 1)``.

Vendors agree on no more than that. Which of the two words comes first, whether the number has a sign, and how many of its units are one
of what the transmitter shows, differ and are the configuration's to say; the bytes within a register are big endian by the standard.

A number at the end of its range is no weight: an amplifier that is overloaded or has lost its cell says 7FFFFFFF or 80000000 (unsigned
FFFFFFFF), and boards that hand a 24-bit converter's counts on say 7FFFFF or 800000 (HX711 datasheet, p. 4).

Sources: RW-ST01D and the 1-16 channel boards of its family (channel n at 40001 + 2(n - 1)); Laumas TLB4 and CAS CI-600D, p. 82 (weights in
two words, high word first, at most 32 registers a query); MODBUS Application Protocol V1.1b3, 4.2 (data encoding).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

CHANNELS = 16
REGISTERS = 2
"""Registers a channel."""

_RANGE = 1 << 32
_SIGN = 1 << 31
_CONVERTER_ENDS = frozenset({0x7FFFFF, -0x800000})
_ENDS = {True: frozenset({_SIGN - 1, -_SIGN}) | _CONVERTER_ENDS, False: frozenset({_RANGE - 1, 0x7FFFFF})}


def numbers(registers: Sequence[int], words: Literal["big", "little"], signed: bool) -> tuple[int | None, ...]:
    """One number a channel out of its registers (0 to 65535 each, two a channel); None where it is at the end of its range."""
    first, second = registers[0::2], registers[1::2]
    pairs = zip(first, second, strict=True) if words == "big" else zip(second, first, strict=True)
    return tuple(_number(high << 16 | low, signed) for high, low in pairs)


def _number(value: int, signed: bool) -> int | None:
    if signed and value >= _SIGN:
        value -= _RANGE
    return None if value in _ENDS[signed] else value
