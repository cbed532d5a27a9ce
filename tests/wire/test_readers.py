from __future__ import annotations

import pytest

from device.wire import gm65
from device.wire.line import Code, Decoder
from device.wire.noise import Noise
from tests.capture import capture

GOLDEN = capture("gm65")


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n"])
def test_a_code_ends_with_cr_lf_or_both(end: bytes) -> None:
    assert Decoder().feed((b"06901234567892" + end) * 2) == [Code("06901234567892")] * 2


@pytest.mark.parametrize("line", [b"abc", b"abc\x00def", b"abcd\x7f", b"abc\xc3\xa9d", b"ab\tcd"])
def test_what_is_short_or_not_printable_ascii_is_noise(line: bytes) -> None:
    assert Decoder().feed(line + b"\r\n") == [Noise(line)]


def test_a_code_may_have_4_kib_and_not_one_more() -> None:
    assert Decoder().feed(b"x" * 4096 + b"\r") == [Code("x" * 4096)]
    messages = Decoder().feed(b"x" * 4097 + b"\r" + b"next\r")
    assert messages[-1] == Code("next")
    assert all(isinstance(message, Noise) for message in messages[:-1])


def test_a_line_without_its_end_can_be_given_up() -> None:
    decoder = Decoder()
    assert decoder.feed(b"half a co") == []
    assert decoder.drop() == [Noise(b"half a co")]
    assert decoder.drop() == []
    assert decoder.feed(b"whole\r") == [Code("whole")]


def test_acknowledgements_are_taken_off_by_exact_match() -> None:
    ack = GOLDEN["acknowledged"]
    assert gm65.decoder().feed(ack + b"31ABCD\r") == [Code("31ABCD")]
    assert gm65.decoder().feed(ack + ack + b"CODE\r\n") == [Code("CODE")]
    assert gm65.decoder().feed(b"31ABCD\r") == [Code("31ABCD")], "an ack's last digits are not taken off a code"
    assert gm65.decoder().feed(ack[:-1] + b"CODE\r") == [Noise(ack[:-1] + b"CODE")]


def test_an_acknowledgement_alone_is_neither_code_nor_noise() -> None:
    decoder = gm65.decoder()
    assert decoder.feed(GOLDEN["acknowledged"]) == []
    assert decoder.drop() == []
    assert decoder.feed(b"CODE\r") == [Code("CODE")]


def test_commands_are_the_manuals() -> None:
    assert GOLDEN["trigger"] == gm65.TRIGGER
    assert gm65.request(gm65.SAVE, 0, b"\0") == GOLDEN["save"]
    assert gm65.request(gm65.WRITE, 0x2A, b"\x39\x01") == GOLDEN["set_9600"]
    assert gm65.request(gm65.READ, 0x2A, b"\x02") == GOLDEN["read_baud"]
    assert GOLDEN["acknowledged"] == gm65.ACKNOWLEDGED
