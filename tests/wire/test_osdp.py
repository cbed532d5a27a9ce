from __future__ import annotations

import pytest

from device.wire.noise import Noise
from device.wire.osdp import LONGEST, SHORTEST, Decoder, address_of, crc16, is_sound
from tests.capture import capture

GOLDEN = capture("osdp")


def answer(size: int, *, checked: bool = True) -> bytes:
    body = bytes((0x53, 0xE5)) + size.to_bytes(2, "little") + bytes((0x04 if checked else 0x00, 0x40))
    body += bytes(size - len(body) - (2 if checked else 1))
    return body + (crc16(body) if checked else bytes((-sum(body) & 0xFF,)))


@pytest.mark.parametrize("name", GOLDEN)
def test_the_checksum_of_every_published_frame_is_right(name: str) -> None:
    assert is_sound(GOLDEN[name])


def test_an_answer_is_found_with_its_address_and_a_command_is_not_one() -> None:
    (frame,) = Decoder().feed(GOLDEN["pdid"])
    assert frame == GOLDEN["pdid"]
    assert address_of(GOLDEN["pdid"]) == 0x65
    assert not any(isinstance(found, bytes) for found in Decoder().feed(GOLDEN["poll_crc"] + GOLDEN["id"]))


def test_marks_before_a_frame_are_no_noise() -> None:
    assert Decoder().feed(b"\xff\xff" + GOLDEN["pdid"] + b"\xff") == [GOLDEN["pdid"]]


@pytest.mark.parametrize("place", range(20))
def test_a_flipped_bit_anywhere_is_noise(place: int) -> None:
    frame = bytearray(GOLDEN["pdid"])
    frame[place] ^= 0x10
    heard = Decoder().feed(bytes(frame) + answer(LONGEST))
    assert [found for found in heard if isinstance(found, bytes)] == [answer(LONGEST)]
    assert any(isinstance(found, Noise) for found in heard)


@pytest.mark.parametrize("size", [SHORTEST, SHORTEST + 1, LONGEST - 1, LONGEST])
@pytest.mark.parametrize("checked", [True, False])
def test_frames_of_every_length_limit_are_read(size: int, checked: bool) -> None:
    if checked and size == SHORTEST:
        size += 1
    assert Decoder().feed(answer(size, checked=checked)) == [answer(size, checked=checked)]


def test_a_length_over_the_limit_holds_nothing_up() -> None:
    assert Decoder().feed(b"\x53\xe5\xa1\x05" + GOLDEN["pdid"])[-1] == GOLDEN["pdid"]
