from __future__ import annotations

import pytest

from device.wire.mt_sics import LONGEST_LINE, REMEMBERED, Decoder, Message, request
from device.wire.noise import Noise
from device.wire.weighing import OutOfRange, Refused, Told, Weight
from tests.capture import capture

GOLDEN = capture("mt_sics")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("stable", Weight(100.0, "g", True)),
        ("dynamic", Weight(129.07, "g", False)),
        ("negative", Weight(-100.0, "g", True)),
        ("busy", Refused("S", "I")),
        ("overload", OutOfRange(over=True)),
        ("underload", OutOfRange(over=False)),
        ("syntax", Refused("", "ES")),
        ("transmission", Refused("", "ET")),
        ("logical", Refused("", "EL")),
        ("zeroed", Told("Z", "")),
        ("tare_cleared", Told("TAC", "")),
    ],
)
def test_every_line_of_the_manuals_is_understood(name: str, message: Message) -> None:
    assert Decoder().feed(GOLDEN[name]) == [message]


def test_words_are_told_with_the_command_that_they_answer() -> None:
    assert Decoder().feed(b'I4 A "B021002593"\r\nI3 A "2.10 10.28.0.493.142"\r\n') == [
        Told("I4", "B021002593"),
        Told("I3", "2.10 10.28.0.493.142"),
    ]


@pytest.mark.parametrize(
    "line",
    [
        # one character of the field has got lost
        b"S S     10.00 g",
        b"S S     1x0.00 g",
        b"S S    100.00  g",
        b"S S              g",
        b"S X     100.00 g",
        b"s s     100.00 g",
        b"S S     100.00",
        b"S S     100.00 \xe7",
        b"hello",
    ],
)
def test_a_damaged_line_is_noise_and_not_another_weight(line: bytes) -> None:
    assert Decoder().feed(line + b"\r\n") == [Noise(line)]


def test_a_weight_behind_an_interference_and_a_greeting_behind_a_broken_line_are_read() -> None:
    assert Decoder().feed(b"\xf3?S S" + GOLDEN["stable"]) == [Noise(b"\xf3?S S"), Weight(100.0, "g", True)]
    assert Decoder().feed(b'S S     10I4 A "B021"\r\n') == [Noise(b"S S     10"), Told("I4", "B021")]
    assert Decoder().feed(b"xxS I\r\n") == [Noise(b"xxS I")], "too short to be believed"


def test_a_line_without_end_is_dropped_whole_and_the_next_one_is_read() -> None:
    decoder = Decoder()
    for _ in range(100):
        assert all(isinstance(message, Noise) for message in decoder.feed(b"x" * LONGEST_LINE))
    assert decoder.feed(b"S S     100.00 g\r\n" + GOLDEN["dynamic"])[-1] == Weight(129.07, "g", False)


@pytest.mark.parametrize(("unit", "grams"), [("g", 2.5), ("kg", 2500.0), ("mg", 0.0025), ("lb", 1133.980925), ("oz", 70.8738078125)])
def test_units_become_grams(unit: str, grams: float) -> None:
    assert Weight(2.5, unit, True).grams == pytest.approx(grams, rel=1e-12)


def test_pieces_are_no_weight() -> None:
    assert Weight(12.0, "PCS", True).grams is None


def test_a_request_ends_in_cr_lf() -> None:
    assert request("SIR") == b"SIR\r\n"


def test_what_is_said_again_is_understood_again_wherever_a_line_is_cut() -> None:
    line, other = GOLDEN["stable"], GOLDEN["dynamic"]
    decoder = Decoder()
    heard: list[Message | Noise] = []
    for piece in (line, line, line[:5], line[5:], line, line[:-1], b"\n", other + line, other + line, b"S S" + line, line):
        heard += decoder.feed(piece)
    rest, dynamic = Weight(100.0, "g", True), Weight(129.07, "g", False)
    assert heard == [rest] * 5 + [dynamic, rest] * 2 + [Noise(b"S S"), rest, rest]


def test_more_than_it_remembers_is_understood_as_well() -> None:
    decoder = Decoder()
    for _ in range(2):
        for grams in range(3 * REMEMBERED):
            assert decoder.feed(b"S S %10d g\r\n" % grams) == [Weight(float(grams), "g", True)]
