from __future__ import annotations

import pytest

from device.wire.noise import Noise
from device.wire.r200 import INFO, POWER, REGION, SINGLE, STOP, Answer, Decoder, Failed, NoTag, Tag, multi, request
from tests.capture import capture

GOLDEN = capture("r200")


@pytest.mark.parametrize(
    ("name", "tag"),
    [
        ("tag_gs1", Tag(-55, 0x3400, bytes.fromhex("30751FEB705C5904E3D50D70"))),
        ("tag_e2_short_pc", Tag(-60, 0x3000, bytes.fromhex("E200001D7315016521408FC6"))),
        ("tag_e2", Tag(-53, 0x3400, bytes.fromhex("E200471BB0006013044509D0"))),
    ],
)
def test_a_tag_of_a_published_capture_is_read(name: str, tag: Tag) -> None:
    assert Decoder().feed(GOLDEN[name]) == [tag]


def test_no_tag_is_no_failure() -> None:
    assert Decoder().feed(GOLDEN["no_tag"]) == [NoTag()]


def test_another_error_is_one() -> None:
    assert Decoder().feed(bytes.fromhex("BB 01 FF 00 01 17 18 7E")) == [Failed(0x17)]


def test_an_answer_carries_its_text() -> None:
    (answer,) = Decoder().feed(GOLDEN["good_info"])
    assert isinstance(answer, Answer)
    assert answer.text == "M100 26dBm V1.0"
    assert Decoder().feed(GOLDEN["power_done"]) == [Answer(POWER, b"\0")]


def test_the_frame_in_the_wild_with_a_wrong_checksum_is_rejected_and_the_next_one_read() -> None:
    messages = Decoder().feed(GOLDEN["bad_info"] + GOLDEN["no_tag"])
    assert [message for message in messages if not isinstance(message, Noise)] == [NoTag()]
    assert b"".join(message.data for message in messages if isinstance(message, Noise)) == GOLDEN["bad_info"]


def test_requests_are_the_manuals() -> None:
    assert request(SINGLE) == GOLDEN["single"]
    assert multi(10_000) == GOLDEN["multi_10000"]
    assert request(STOP) == GOLDEN["stop"]
    assert request(REGION, b"\1") == GOLDEN["region_1"]
    assert request(POWER, b"\x07\xd0") == GOLDEN["power_20_dbm"]
    assert request(INFO, b"\0") == GOLDEN["info_request"]


def test_an_epc_damaged_behind_a_good_checksum_is_noise() -> None:
    frame = bytearray(GOLDEN["tag_gs1"])
    frame[10] ^= 0x10
    frame[-2] = sum(frame[1:-2]) & 0xFF
    assert Decoder().feed(bytes(frame)) == [Noise(bytes(frame))]


def test_a_length_that_the_tag_denies_is_noise() -> None:
    frame = bytearray(GOLDEN["tag_gs1"])
    frame[6] = 0x2C  # five words, not six
    frame[-2] = sum(frame[1:-2]) & 0xFF
    assert Decoder().feed(bytes(frame)) == [Noise(bytes(frame))]


def test_marks_inside_the_parameters_do_not_end_a_frame() -> None:
    text = bytes((0x01, INFO, 0, 4, 0, 0x7E, 0xBB, 0x7E))
    frame = b"\xbb" + text + bytes((sum(text) & 0xFF, 0x7E))
    assert Decoder().feed(frame) == [Answer(INFO, b"\0\x7e\xbb\x7e")]


def test_an_oversize_frame_holds_nothing_up() -> None:
    assert Decoder().feed(b"\xbb\x02\x22\xff\xff" + GOLDEN["no_tag"])[-1] == NoTag()
