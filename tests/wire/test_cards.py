"""Cards: RDM6300 frames, and Wiegand bits as lines and as bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.wire import rdm6300, wiegand
from device.wire.line import Code
from device.wire.noise import Noise
from tests.capture import capture

RDM6300 = capture("rdm6300")
WIEGAND = capture("wiegand")


@pytest.mark.parametrize(("name", "number"), [("card_6547886", "0006547886"), ("card_8844356", "0008844356")])
def test_a_card_has_the_number_that_is_printed_on_it(name: str, number: str) -> None:
    assert rdm6300.Decoder().feed(RDM6300[name]) == [Code(number)]


def test_repetitions_are_all_told() -> None:
    assert rdm6300.Decoder().feed(RDM6300["card_6547886"] * 5) == [Code("0006547886")] * 5


@pytest.mark.parametrize("place", range(rdm6300.FRAME))
def test_a_flipped_bit_in_a_frame_is_noise_and_the_next_frame_is_read(place: int) -> None:
    good = RDM6300["card_6547886"]
    spoilt = good[:place] + bytes((good[place] ^ 0x01,)) + good[place + 1 :]
    heard = rdm6300.Decoder().feed(spoilt + good)
    assert heard[-1] == Code("0006547886")
    assert b"".join(message.data for message in heard if isinstance(message, Noise)) == spoilt
    assert len([message for message in heard if isinstance(message, Code)]) == 1


def test_a_frame_cut_short_is_held_until_it_is_dropped() -> None:
    decoder = rdm6300.Decoder()
    assert decoder.feed(RDM6300["card_6547886"][:9]) == []
    assert decoder.pending
    assert decoder.drop() == [Noise(RDM6300["card_6547886"][:9])]
    assert not decoder.pending


@pytest.mark.parametrize(("name", "text"), [("card_7041", "212:07041"), ("card_4095", "101:04095")])
def test_a_published_card_has_its_facility_and_number(name: str, text: str) -> None:
    assert wiegand.Decoder().feed(WIEGAND[name]) == [Code(text)]


def bits(text: str) -> tuple[int, bytes]:
    digits = text.replace(" ", "")
    padded = digits + "0" * (-len(digits) % 8)
    return len(digits), int(padded, 2).to_bytes(len(padded) // 8, "big")


@pytest.mark.parametrize(
    ("text", "card"),
    [
        ("00110010100001111111111111", "101:04095"),
        ("1 11010100 0001101110000001 0", "212:07041"),
        ("0 0000000000000000 0000000000000000 1", "00000:00000"),
        ("0 0000000011010100 0001101110000001 1", "00212:07041"),
        ("0 0000000011010100 0001101110000001 0", None),
        ("1 0000000011010100 0001101110000001 1", None),
    ],
)
def test_bits_are_a_card_where_both_parities_are_right(text: str, card: str | None) -> None:
    assert wiegand.card_text(*bits(text)) == card


@given(st.integers(0, 255), st.integers(0, 65_535), st.integers(0, 25))
def test_any_one_wrong_bit_of_26_is_noticed(facility: int, card: int, place: int) -> None:
    middle = f"{facility:08b}{card:016b}"
    sound = f"{middle[:12].count('1') % 2}{middle}{1 - middle[12:].count('1') % 2}"
    assert wiegand.card_text(*bits(sound)) == f"{facility:03d}:{card:05d}"
    wrong = sound[:place] + ("0" if sound[place] == "1" else "1") + sound[place + 1 :]
    assert wiegand.card_text(*bits(wrong)) is None


def test_a_format_that_is_not_known_is_taken_as_it_is() -> None:
    assert wiegand.Decoder().feed(b"W37:0123456788\r\n") == [Code("W37:0123456788")]
    assert wiegand.Decoder().feed(b"W64:0123456789ABCDEF\n") == [Code("W64:0123456789ABCDEF")]


def test_keys_of_a_keypad_are_no_cards_and_no_noise() -> None:
    assert wiegand.Decoder().feed(b"W4:50\r\nW8:E1\r\n") == []


@pytest.mark.parametrize(
    "line",
    [
        b"W26:EA0DC081",  # a bit where none can be
        b"W26:EA0DC000",  # odd parity
        b"W26:6A0DC080",  # even parity
        b"W26:EA0DC0",  # a byte short
        b"W26:EA0DC08000",
        b"W26:ea0dc080",
        b"W3:E0",
        b"W65:0123456789ABCDEF80",
        b"W026:EA0DC080",
        b"W26:EA0DC08",
        b"W:EA",
        b"hello",
    ],
)
def test_a_line_that_is_not_exact_is_noise(line: bytes) -> None:
    heard = wiegand.Decoder().feed(line + b"\r\n")
    assert b"".join(message.data for message in heard if isinstance(message, Noise)) == line
    assert not any(isinstance(message, Code) for message in heard)


def test_a_card_behind_an_interference_is_read() -> None:
    assert wiegand.Decoder().feed(b"\x00\xffW26:EA0DC080\r\n") == [Noise(b"\x00\xff"), Code("212:07041")]


def test_bits_and_bytes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="26 bits take 4 bytes"):
        wiegand.card_text(26, b"\0\0\0")
