from __future__ import annotations

import pytest

from device.wire.noise import Noise
from device.wire.stream import WEIGH, Decoder, Message, NotGross
from device.wire.weighing import OutOfRange, Refused, Weight
from tests.capture import capture

GOLDEN = capture("stream")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ad_stable", Weight(1234.5, "g", True)),
        ("ad_count", Weight(12345.0, "PC", None)),
        ("ad_over", OutOfRange(over=True)),
        ("ad_kilograms", Weight(1.234, "kg", True)),
        ("ad_net", Weight(12.34, "kg", True)),
        ("ad_gross", Weight(12345.0, "kg", True)),
        ("ad_net_whole", Weight(10000.0, "kg", True)),
        ("ad_tare", NotGross("TR")),
        ("ad_unstable", Weight(123.45, "kg", False)),
        ("ad_gross_over", OutOfRange(over=True)),
        ("cas_stable", Weight(1.234, "kg", True)),
        ("cas_negative", Weight(-0.12, "kg", False)),
        ("nci_weight", Weight(12.34, "lb", True)),
        ("nci_over", OutOfRange(over=True)),
        ("nci_bad_command", Refused("W", "?")),
    ],
)
def test_every_line_of_the_manuals_is_understood(name: str, message: Message) -> None:
    assert Decoder().feed(GOLDEN[name]) == [message]


def test_a_count_of_pieces_is_no_weight() -> None:
    (message,) = Decoder().feed(GOLDEN["ad_count"])
    assert isinstance(message, Weight)
    assert message.grams is None


def test_the_cas_example_has_its_22_bytes() -> None:
    assert {len(GOLDEN["cas_stable"]), len(GOLDEN["cas_negative"])} == {22}


def test_the_request_is_the_manuals() -> None:
    assert GOLDEN["nci_request"] == WEIGH


@pytest.mark.parametrize(("bit", "stable"), [(1, True), (0, False)])
def test_the_bit_that_means_stable_is_the_vendors_choice(bit: int, stable: bool) -> None:
    assert Decoder(stable_bit=bit).feed(GOLDEN["nci_weight"]) == [Weight(12.34, "lb", stable)]


def test_an_nci_weight_whose_status_got_lost_is_noise() -> None:
    decoder = Decoder()
    assert decoder.feed(b"\n0012.34LB\r\n" + GOLDEN["ad_stable"]) == [Noise(b"0012.34LB"), Weight(1234.5, "g", True)]


def test_a_decoder_knows_whether_its_scale_has_to_be_asked() -> None:
    decoder = Decoder()
    decoder.feed(GOLDEN["ad_stable"])
    assert not decoder.polled
    decoder.feed(GOLDEN["nci_weight"])
    assert decoder.polled


@pytest.mark.parametrize("name", ["ad_stable", "ad_net", "cas_stable"])
def test_a_line_behind_an_interference_is_read(name: str) -> None:
    (message,) = Decoder().feed(GOLDEN[name])
    assert Decoder().feed(b"\xf3ST,+00" + GOLDEN[name]) == [Noise(b"\xf3ST,+00"), message]


@pytest.mark.parametrize(
    "line",
    [
        b"ST,+00124.5  g",
        b"ST,+001x34.5  g",
        b"ST,001234.5  g",
        b"XX,+001234.5  g",
        b"ST,GS,+001234kg",
        b"ST,+0012.4.5  g",
        b"ST,GS,1\x44,   1.234 kg",
    ],
)
def test_a_damaged_line_is_noise_and_not_another_weight(line: bytes) -> None:
    assert Decoder().feed(line + b"\r\n") == [Noise(line)]
