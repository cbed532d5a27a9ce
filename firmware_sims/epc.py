"""EPCs of products: a GTIN and a serial number as SGTIN-96 (GS1 EPC Tag Data Standard 1.13, 14.6.1, table 14-2)."""

from __future__ import annotations

HEADER = 0x30
# Partition: digits of the company prefix -> (partition, bits of the prefix); 44 bits hold prefix and item together.
PARTITIONS = {12: (0, 40), 11: (1, 37), 10: (2, 34), 9: (3, 30), 8: (4, 27), 7: (5, 24), 6: (6, 20)}


def sgtin96(gtin: str, serial: int, *, prefix_digits: int = 7, point_of_sale: int = 1) -> bytes:
    """The 12 bytes of an EPC. ``gtin`` has 14 digits; the item reference takes the indicator digit as its first.

    Raises ValueError where the number, the prefix's length or the serial number (38 bits) is impossible.
    """
    if len(gtin) != 14 or not gtin.isdigit() or prefix_digits not in PARTITIONS or not 0 <= serial < 1 << 38:
        raise ValueError(f"no SGTIN-96 for {gtin!r} with a prefix of {prefix_digits} digits and serial {serial}")
    partition, prefix_bits = PARTITIONS[prefix_digits]
    prefix, item = gtin[1 : 1 + prefix_digits], gtin[0] + gtin[1 + prefix_digits : 13]
    number = HEADER
    for value, bits in ((point_of_sale, 3), (partition, 3), (int(prefix), prefix_bits), (int(item), 44 - prefix_bits), (serial, 38)):
        number = number << bits | value
    return number.to_bytes(12, "big")
