from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.wire.noise import Noise
from device.wire.uhfreader18 import (
    INFO,
    INVENTORY,
    LONGEST,
    MORE,
    REPORT,
    SINGLE,
    Decoder,
    Done,
    Failed,
    Identity,
    Report,
    Tags,
    crc16,
    request,
)
from tests.capture import capture

GOLDEN = capture("uhfreader18")
EPC = bytes.fromhex("E284361100001000094944AA")


def answer(command: int, status: int, data: bytes = b"") -> bytes:
    frame = bytes((len(data) + 5, 0, command, status)) + data
    return frame + crc16(frame)


@pytest.mark.parametrize("name", GOLDEN)
def test_the_checksum_of_every_published_frame_is_ours(name: str) -> None:
    frame = GOLDEN[name]
    assert frame[0] == len(frame) - 1
    assert crc16(frame[:-2]) == frame[-2:]


def test_requests_are_the_published_ones() -> None:
    assert request(INVENTORY, address=0) == GOLDEN["ask_inventory"]
    assert request(INVENTORY, b"\2\0", address=0) == GOLDEN["ask_inventory_q2"]
    assert request(INFO, address=0) == GOLDEN["ask_info"]


def test_published_answers_are_read() -> None:
    assert Decoder().feed(GOLDEN["no_tag"]) == [Tags((), over=True)]
    assert Decoder().feed(GOLDEN["single_tag"]) == [Tags((EPC,), over=True)]
    assert Decoder().feed(GOLDEN["report"]) == [Report(bytes.fromhex("2000708C2B380B2D00000000"))]


def test_an_answer_in_several_frames_is_over_with_the_last() -> None:
    one = b"\x01\x0c" + EPC
    assert Decoder().feed(answer(INVENTORY, MORE, one) + answer(INVENTORY, 1, one)) == [Tags((EPC,), over=False), Tags((EPC,), over=True)]


def test_tags_of_different_lengths_stand_in_one_frame() -> None:
    epcs = (EPC, bytes(range(26)), b"\xab\xcd")
    data = bytes((3,)) + b"".join(bytes((len(epc),)) + epc for epc in epcs)
    assert Decoder().feed(answer(INVENTORY, 2, data)) == [Tags(epcs, over=True)]


@pytest.mark.parametrize(
    "data",
    [b"", b"\x01", b"\x02\x0c" + EPC, b"\x01\x0d" + EPC, b"\x01\x0b" + EPC[:11], b"\x01\x00", b"\x01\x40" + bytes(64), b"\x00\x02ab"],
    ids=["nothing", "a count alone", "one of two", "cut", "odd", "empty", "too long", "one of none"],
)
def test_a_sound_frame_whose_tags_do_not_fit_is_noise(data: bytes) -> None:
    assert Decoder().feed(answer(INVENTORY, 1, data)) == [Noise(answer(INVENTORY, 1, data))]


def test_who_the_reader_is() -> None:
    data = bytes((2, 14, 0x09, 0x02, 0x4E, 0x00, 30, 10))
    assert Decoder().feed(answer(INFO, 0, data)) == [Identity("2.14", 0x09, 1.0)]
    assert Decoder().feed(answer(INFO, 0, data[:7])) == [Noise(answer(INFO, 0, data[:7]))]


def test_a_report_may_have_antenna_length_and_strength_around_its_tag() -> None:
    assert Decoder().feed(answer(REPORT, 0, b"\x01\x0c" + EPC + b"\x55")) == [Report(EPC)]
    assert isinstance(Decoder().feed(answer(REPORT, 0, b"\x01\x0e" + EPC + b"\x55"))[0], Noise)
    assert Decoder().feed(answer(REPORT, 0x28, bytes(16))) == [Report(None)]


def test_a_no_is_told_with_its_command() -> None:
    assert Decoder().feed(answer(INVENTORY, 0xFE)) == [Failed(INVENTORY, 0xFE)]
    assert Decoder().feed(answer(SINGLE, 0xFE)) == [Failed(SINGLE, 0xFE)]
    assert Decoder().feed(answer(0x2F, 0)) == [Done(0x2F)]


@pytest.mark.parametrize("place", range(20))
def test_a_flipped_bit_anywhere_is_noise(place: int) -> None:
    frame = bytearray(GOLDEN["single_tag"])
    frame[place] ^= 0x10
    decoder = Decoder()
    heard = decoder.feed(bytes(frame)) + decoder.drop()
    assert all(isinstance(message, Noise) for message in heard)
    assert b"".join(message.data for message in heard if isinstance(message, Noise)) == bytes(frame)


@pytest.mark.parametrize("size", [6, 7, LONGEST - 1, LONGEST])
def test_frames_of_every_length_limit_are_read(size: int) -> None:
    frame = answer(0x2F, 0, bytes(size - 6))
    assert len(frame) == size
    assert Decoder().feed(frame) == [Done(0x2F)]


@pytest.mark.parametrize("length", range(5))
def test_a_length_that_no_answer_has_is_noise_at_once(length: int) -> None:
    decoder = Decoder()
    assert decoder.feed(bytes((length,))) == [Noise(bytes((length,)))]
    assert not decoder.pending


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_a_pause_gives_up_what_only_looked_like_a_beginning_and_finds_what_is_in_it(before: bytes, after: bytes) -> None:
    decoder = Decoder()
    heard = decoder.feed(b"\xff" + before + GOLDEN["no_tag"] + after) + decoder.drop()
    assert not decoder.pending
    assert Tags((), over=True) in heard or any(isinstance(message, Done | Failed | Report) for message in heard)
