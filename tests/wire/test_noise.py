"""What a person is told of bytes that make no sense: every pair of usual speeds, on the bits of real frames."""

from __future__ import annotations

import random

import pytest

from device.wire.noise import ENOUGH, binary_hint, text_hint
from firmware_sims.baud import resampled
from tests.capture import capture

SPEEDS = (2400, 4800, 9600, 19_200, 38_400, 57_600, 115_200)
REMEMBERED = 64
BINARY = {
    "r200": (115_200, ("tag_gs1", "no_tag", "tag_e2", "good_info")),
    "shelf_board": (115_200, ("samples", "configure", "samples", "hello_request")),
    "uhfreader18": (57_600, ("single_tag", "no_tag", "report", "single_tag")),
    "rdm6300": (9600, ("card_6547886", "card_8844356", "card_6547886")),
    "modbus": (9600, ("four_answered", "temperature_warm", "pair_answered", "four_answered")),
}
TEXT = {"mt_sics": ("dynamic", "stable", "negative"), "stream": ("ad_stable", "ad_kilograms", "ad_unstable")}
SLOWER = [(name, sent) for name, (port, _) in BINARY.items() for sent in SPEEDS if port % sent == 0 and port > sent]


def frames(file: str, names: tuple[str, ...], times: int = 6) -> bytes:
    golden = capture(file)
    return b"".join(golden[name] for name in names) * times


@pytest.mark.parametrize(("name", "sent"), SLOWER)
def test_of_a_device_slower_than_its_port_its_bytes_say_so_and_by_how_much(name: str, sent: int) -> None:
    port, names = BINARY[name]
    hint = binary_hint(resampled(frames(name, names), sent, port)[-REMEMBERED:])
    assert hint.startswith("looks like another baud rate")
    factor = port // sent
    assert f"about {factor} times slower" in hint if factor <= 6 else "nothing but zeros" in hint or "6 times slower" in hint


@pytest.mark.parametrize("name", TEXT)
@pytest.mark.parametrize("sent", [2400, 4800, 19_200, 38_400])
def test_text_at_another_speed_is_told_from_either_side(name: str, sent: int) -> None:
    hint = text_hint(resampled(frames(name, TEXT[name]), sent, 9600)[-REMEMBERED:])
    assert hint.startswith("looks like another baud rate")
    assert ("slower" in hint) == (sent < 9600)


@pytest.mark.parametrize("name", BINARY)
def test_frames_at_the_right_speed_that_are_damaged_are_not_said_to_be_at_another(name: str) -> None:
    _, names = BINARY[name]
    said = frames(name, names)
    for end in range(ENOUGH, len(said)):
        assert "slower" not in binary_hint(said[:end][-REMEMBERED:])


def test_bytes_of_chance_say_nothing_of_speed() -> None:
    chance = random.Random(7)
    for _ in range(2000):
        assert binary_hint(chance.randbytes(ENOUGH)) in ("", "readable text: another kind of device, or a boot loader")


def test_one_byte_that_was_cut_does_not_hide_the_speed() -> None:
    port, names = BINARY["r200"]
    heard = bytearray(resampled(frames("r200", names), 57_600, port)[-REMEMBERED:])
    heard[0] = 0x55
    assert "about 2 times slower" in binary_hint(bytes(heard))


def test_too_few_bytes_are_not_judged() -> None:
    assert binary_hint(bytes(ENOUGH - 1)) == text_hint(bytes(ENOUGH - 1)) == ""


def test_at_the_right_speed_a_line_is_heard_as_it_was_said() -> None:
    said = frames("r200", BINARY["r200"][1])
    assert resampled(said, 115_200, 115_200) == said
    assert resampled(said, 115_200, 112_000) == said, "a clock that is 3 % off"
