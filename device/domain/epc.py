"""EPC to GTIN: the Serialised Global Trade Item Number of GS1's EPC Tag Data Standard (section 14.6.1, tables 14-2 and 14-3, table A-1)."""

from __future__ import annotations

from device.domain.products import normalise_gtin

SGTIN_96 = 0x30
SGTIN_198 = 0x36

_LENGTHS = {SGTIN_96: (12,), SGTIN_198: (25, 26)}
"""Bytes; an SGTIN-198 is padded to whole bytes in writing, to whole 16-bit words on the air."""

_PARTITIONS = ((40, 12), (37, 11), (34, 10), (30, 9), (27, 8), (24, 7), (20, 6))
"""Bits and digits of the company prefix by partition value; item reference and indicator take the rest of 44 bits and 13 digits."""


_SERIAL_CHARACTERS = frozenset(b"!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz")
_SERIAL_BITS, _CHARACTER_BITS = 140, 7
"""Of an SGTIN-198; the serial number of an SGTIN-96 is a number, and any is good."""


def gtin_of(epc: bytes) -> str | None:
    """The GTIN-14 in an EPC; None where it is no SGTIN, or one that breaks the standard.

    It does with partition 7, a number too long for its digits, or a serial number of an SGTIN-198 that is empty or no text.
    """
    if not epc or len(epc) not in _LENGTHS.get(epc[0], ()):
        return None
    bits = int.from_bytes(epc, "big")
    total = len(epc) * 8
    partition = bits >> (total - 14) & 0b111
    if partition >= len(_PARTITIONS) or (epc[0] == SGTIN_198 and not _is_serial(bits >> (total - 58 - _SERIAL_BITS))):
        return None
    prefix_bits, prefix_digits = _PARTITIONS[partition]
    numbers = bits >> (total - 58) & (1 << 44) - 1
    prefix, reference = numbers >> (44 - prefix_bits), numbers & (1 << (44 - prefix_bits)) - 1
    item_digits = 13 - prefix_digits
    if prefix >= 10**prefix_digits or reference >= 10**item_digits:
        return None
    item = f"{reference:0{item_digits}d}"
    body = f"{item[0]}{prefix:0{prefix_digits}d}{item[1:]}"
    return _with_check_digit(body)


def _is_serial(bits: int) -> bool:
    """Whether the lowest 140 bits are 1 to 20 characters of 7 bits, filled up with zeros."""
    places = range(_SERIAL_BITS - _CHARACTER_BITS, -1, -_CHARACTER_BITS)
    text = bytes(bits >> place & 0x7F for place in places).rstrip(b"\0")
    return bool(text) and _SERIAL_CHARACTERS.issuperset(text)


def _with_check_digit(body: str) -> str:
    total = sum(int(digit) * (3, 1)[place % 2] for place, digit in enumerate(reversed(body)))
    return normalise_gtin(f"{body}{-total % 10}")
