from __future__ import annotations

from pathlib import Path

import pytest

from device.wire.noise import Noise
from device.wire.shelf_board import Answer, Decoder, Hello, Samples, Status, configure, hello_request
from firmware_sims import shelf_board as firmware
from tests.capture import capture

GOLDEN = capture("shelf_board")
SAMPLES = Samples(7, 1_000_000, 0b11, 0, (84213, -1))


def test_the_golden_samples_are_read() -> None:
    assert Decoder().feed(GOLDEN["samples"]) == [SAMPLES]


def test_requests_are_the_documents() -> None:
    assert hello_request() == GOLDEN["hello_request"]
    assert configure(80, 0b11) == GOLDEN["configure"]


def test_the_document_for_firmware_authors_has_the_golden_bytes() -> None:
    document = (Path(__file__).parents[2] / "docs" / "shelf-board.md").read_text(encoding="utf-8")
    assert all(f"`{vector.hex(' ').upper()}`" in document for vector in GOLDEN.values())


def test_hello_answer_and_status_are_read() -> None:
    hello = firmware.frame(1, b"SB000001" + bytes((1, 2, 16, 0)) + (80).to_bytes(2, "little"))
    status = firmware.frame(5, bytes.fromhex("38FF 9C13 0300 07000000"))
    assert Decoder().feed(hello + firmware.frame(4, b"\2") + status) == [
        Hello(b"SB000001", 1, 2, 16, 80),
        Answer(2),
        Status(-2.0, 5020, 3, 7),
    ]


@pytest.mark.parametrize(("raw", "count"), [(0x7FFFFF, 8388607), (-0x800000, -8388608), (-1, -1), (1, 1)])
def test_raw_counts_keep_their_sign(raw: int, count: int) -> None:
    (samples,) = Decoder().feed(firmware.samples(0, 0, {0: raw}))
    assert isinstance(samples, Samples)
    assert samples.counts == (count,)


def test_all_sixteen_channels_fit() -> None:
    (samples,) = Decoder().feed(firmware.samples(65535, 2**32 - 1, {channel: channel * 1000 for channel in range(16)}, fault=0x8000))
    assert samples == Samples(65535, 2**32 - 1, 0xFFFF, 0x8000, tuple(channel * 1000 for channel in range(16)))


def test_any_single_flipped_bit_is_noise() -> None:
    for bit in range(len(GOLDEN["samples"]) * 8):
        frame = bytearray(GOLDEN["samples"])
        frame[bit // 8] ^= 1 << bit % 8
        messages = Decoder().feed(bytes(frame) + GOLDEN["samples"] * 12)
        assert messages.count(SAMPLES) >= 11
        assert all(message == SAMPLES or isinstance(message, Noise) for message in messages)


def test_a_type_of_a_later_version_is_passed_over() -> None:
    assert Decoder().feed(firmware.frame(99, b"news") + GOLDEN["samples"]) == [SAMPLES]


@pytest.mark.parametrize("payload", [b"", b"\0" * 9, b"\0\0" + b"\0" * 4 + b"\1\0\0\0"])
def test_samples_of_a_wrong_length_are_noise(payload: bytes) -> None:
    frame = firmware.frame(2, payload)
    assert Decoder().feed(frame) == [Noise(frame)]


def test_another_version_and_an_oversize_payload_are_noise() -> None:
    other = bytearray(GOLDEN["samples"])
    other[2] = 2
    oversize = b"\xa5\x5a\x01\x02\x01\x01"
    assert Decoder().feed(bytes(other) + GOLDEN["samples"]) == [Noise(bytes(other)), SAMPLES]
    assert Decoder().feed(oversize + GOLDEN["samples"]) == [Noise(oversize), SAMPLES]
