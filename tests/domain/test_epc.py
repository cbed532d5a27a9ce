"""EPC to GTIN, on published tags and against epcpy, which was written by others."""

from __future__ import annotations

import random

import pytest
from epcpy.epc_schemes.sgtin import SGTIN
from epcpy.utils.common import ConvertException
from epcpy.utils.parsers import hex_to_tag_encodable

from device.domain.epc import SGTIN_96, SGTIN_198, gtin_of
from tests.capture import capture

GOLDEN = capture("epc")
PARTITIONS = ((40, 12), (37, 11), (34, 10), (30, 9), (27, 8), (24, 7), (20, 6))
SERIAL = "!\"&'()*+,-.0123456789:;=ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
ESCAPED = "%/<>?"
"""Characters of serial numbers (TDS table A-1); those in ESCAPED epcpy 0.1.8 misreads in some places, for want of their own escapes."""

TIMES = 20_000


def theirs(epc: bytes) -> str | None:
    """What epcpy makes of it: a GTIN-14, or None."""
    try:
        tag = hex_to_tag_encodable(epc.hex())
    except ConvertException:
        return None
    return str(tag.gtin()).rjust(14, "0") if isinstance(tag, SGTIN) else None


def sgtin(chance: random.Random, header: int) -> bytes:
    """A tag of any partition with numbers that fit its digits."""
    partition = chance.randrange(7)
    prefix_bits, digits = PARTITIONS[partition]
    prefix, item = chance.randrange(10**digits), chance.randrange(10 ** (13 - digits))
    bits = (header << 6 | chance.randrange(8) << 3 | partition) << 44 | prefix << (44 - prefix_bits) | item
    if header == SGTIN_96:
        return (bits << 38 | chance.randrange(1 << 38)).to_bytes(12, "big")
    text = "".join(chance.choice(SERIAL) for _ in range(chance.randint(1, 20)))
    serial = 0
    for character in text.ljust(20, "\0"):
        serial = serial << 7 | ord(character)
    return ((bits << 140 | serial) << 2).to_bytes(25, "big")


@pytest.mark.parametrize(
    ("name", "gtin"),
    [
        ("sgtin_96", "80614141123458"),
        ("sgtin_198", "70614141123451"),
        ("module", "04717276945640"),
        ("llrp", "00797015110243"),
        ("partition_0", "00846632286210"),
        ("partition_6", "03583788437796"),
        ("partition_7", None),
        ("factory", None),
    ],
)
def test_a_published_tag_has_its_published_gtin(name: str, gtin: str | None) -> None:
    assert gtin_of(GOLDEN[name]) == gtin
    assert theirs(GOLDEN[name]) == gtin


def test_every_tag_of_the_standard_gives_the_gtin_that_epcpy_gives() -> None:
    chance = random.Random("tags of the standard")
    for number in range(TIMES):
        epc = sgtin(chance, SGTIN_198 if number % 4 == 0 else SGTIN_96)
        gtin = gtin_of(epc)
        assert gtin is not None, epc.hex()
        assert gtin == theirs(epc), epc.hex()


def test_any_bytes_give_what_epcpy_gives() -> None:
    chance = random.Random("any bytes")
    found = 0
    for number in range(TIMES):
        match number % 3:
            case 0:
                epc = chance.randbytes(12)
            case 1:
                epc = bytes((SGTIN_96,)) + chance.randbytes(11)
            case _:
                epc = bytes((SGTIN_198,)) + chance.randbytes(24)
        gtin = gtin_of(epc)
        assert gtin == theirs(epc), epc.hex()
        found += gtin is not None
    assert found > TIMES // 10


def test_an_sgtin_198_on_the_air_has_whole_words() -> None:
    assert gtin_of(GOLDEN["sgtin_198"] + b"\0") == "70614141123451"


@pytest.mark.parametrize("length", [0, 1, 11, 13, 24, 27])
def test_another_length_is_no_product(length: int) -> None:
    assert gtin_of((GOLDEN["sgtin_198"] + bytes(9))[:length]) is None
    assert gtin_of((GOLDEN["sgtin_96"] + bytes(20))[:length]) is None


def test_a_serial_number_that_is_empty_or_goes_on_after_its_end_is_no_tag_of_the_standard() -> None:
    front = int.from_bytes(GOLDEN["sgtin_198"], "big") >> 142
    empty = (front << 142).to_bytes(25, "big")
    torn = (front << 142 | (0x41 << 133 | 0x41) << 2).to_bytes(25, "big")
    assert gtin_of(empty) is None
    assert gtin_of(torn) is None


def test_every_character_of_the_standard_may_stand_in_a_serial_number_and_no_other() -> None:
    front = int.from_bytes(GOLDEN["sgtin_198"], "big") >> 142
    good = {chr(code) for code in range(1, 128) if gtin_of((front << 142 | code << 135).to_bytes(25, "big"))}
    assert good == {*SERIAL, *ESCAPED}
