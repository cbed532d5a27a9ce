"""Golden vectors of devices that no driver here speaks to: they are kept, with what they say, for whoever writes one (``docs/drivers.md``).

What is published about them is held against them here, so that they are right when they are needed.
"""

from __future__ import annotations

import struct

import pytest

from tests.capture import capture

PN532 = capture("pn532")
BLE = capture("ble")
HOST, READER = 0xD4, 0xD5
BTHOME_FORMS = {0x02: ("<h", 100), 0x03: ("<H", 100)}


@pytest.mark.parametrize("name", sorted(PN532.keys() - {"acknowledged"}))
def test_length_and_data_of_a_pn532_frame_each_sum_to_nothing(name: str) -> None:
    frame = PN532[name]
    assert frame.startswith(b"\0\0\xff")
    length, check = frame[3], frame[4]
    assert (length + check) & 0xFF == 0
    assert sum(frame[5 : 5 + length + 1]) & 0xFF == 0
    assert frame[5 + length + 1 :] == b"\0"


def test_a_pn532_acknowledges_with_a_frame_whose_length_is_none() -> None:
    assert PN532["acknowledged"] == b"\0\0\xff" + b"\0\xff" + b"\0"


def test_a_pn532_says_what_it_is() -> None:
    kind, answer, chip, version, revision, supports = PN532["version_reply"][5:11]
    assert (kind, answer - 1, chip) == (READER, PN532["ask_version"][6], 0x32)
    assert PN532["ask_version"][5] == HOST
    assert (version, revision, supports) == (1, 6, 7)


def test_a_ruuvi_tag_says_temperature_humidity_and_pressure() -> None:
    data = BLE["ruuvi_5"]
    form, celsius, humid, pascal, *_ = struct.unpack_from(">BhHHhhhHBH", data)
    power, moves, count = struct.unpack_from(">HBH", data, 13)
    assert (form, celsius * 0.005, humid * 0.0025, pascal + 50_000) == (5, 24.3, 53.49, 100_044)
    assert ((power >> 5) + 1600, (power & 31) * 2 - 40, moves, count) == (2977, 4, 66, 205)
    assert data[18:].hex(":").upper() == "CB:B8:33:4C:88:4F"


def test_a_bthome_thermometer_says_temperature_and_humidity() -> None:
    data, told = BLE["bthome_2"][1:], {}
    assert BLE["bthome_2"][0] == 0x40, "version 2, not encrypted"
    while data:
        form, divisor = BTHOME_FORMS[data[0]]
        told[data[0]] = struct.unpack_from(form, data, 1)[0] / divisor
        data = data[1 + struct.calcsize(form) :]
    assert told == {0x02: 25.06, 0x03: 50.55}
