from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.wire.w1_slave import Celsius, Fault, crc8, parse_w1_slave
from tests.capture import capture

GOLDEN = capture("ds18b20")


@pytest.mark.parametrize(("name", "celsius"), [("warm", 23.125), ("cool", 22.9375), ("cold", -26.125), ("hot", 85.0)])
def test_a_temperature_is_read(name: str, celsius: float) -> None:
    assert parse_w1_slave(GOLDEN[name]) == Celsius(celsius)


@pytest.mark.parametrize(
    ("name", "fault", "answered"),
    [
        ("power_up", "power_up", True),
        ("under_power", "out_of_range", True),
        ("below_range", "out_of_range", True),
        ("all_zero", "no_answer", False),
        ("all_ones", "bad_crc", False),
        ("stale", "bad_crc", False),
        ("false_yes", "bad_crc", False),
        ("empty", "no_answer", False),
        ("cut_short", "no_answer", False),
        ("not_hex", "no_answer", False),
        ("minus", "no_answer", False),
        ("plus", "no_answer", False),
    ],
)
def test_what_is_no_temperature_is_a_fault(name: str, fault: str, answered: bool) -> None:
    parsed = parse_w1_slave(GOLDEN[name])
    assert isinstance(parsed, Fault)
    assert (parsed.kind, parsed.answered) == (fault, answered)


def test_nine_zeros_have_the_right_sum_and_are_no_temperature_all_the_same() -> None:
    assert crc8(bytes(8)) == 0
    assert isinstance(parse_w1_slave(GOLDEN["all_zero"]), Fault)


def test_a_no_of_the_kernel_is_believed_although_the_sum_is_right() -> None:
    assert parse_w1_slave(GOLDEN["warm"].replace(b"YES", b"NO")) == Fault("bad_crc", "the kernel says NO", answered=False)


@given(st.binary(max_size=400))
def test_no_content_raises(content: bytes) -> None:
    assert isinstance(parse_w1_slave(content), Celsius | Fault)


@given(st.integers(-55 * 16, 125 * 16), st.sampled_from([0x1F, 0x3F, 0x5F, 0x7F]))
def test_every_temperature_of_the_range_is_read_to_a_sixteenth(sixteenths: int, configuration: int) -> None:
    body = sixteenths.to_bytes(2, "little", signed=True) + bytes([0x4B, 0x46, configuration, 0xFF, 0x01, 0x10])
    shown = (body + bytes([crc8(body)])).hex(" ")
    assert parse_w1_slave(f"{shown} : crc={crc8(body):02x} YES\n{shown} t={sixteenths * 1000 // 16}\n".encode()) == Celsius(sixteenths / 16)


@given(st.integers(0, 71), st.sampled_from(["warm", "cool", "cold", "power_up"]))
def test_no_flipped_bit_passes_for_a_temperature(bit: int, name: str) -> None:
    scratchpad = bytearray(bytes.fromhex(GOLDEN[name].split(b" :")[0].decode()))
    scratchpad[bit // 8] ^= 1 << bit % 8
    parsed = parse_w1_slave(scratchpad.hex(" ").encode() + b" : crc=00 YES\n")
    assert isinstance(parsed, Fault)
    assert parsed.kind == "bad_crc"
