from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.wire.loadcell import numbers
from device.wire.modbus import rtu_answer
from device.wire.modbus_celsius import celsius, measurable
from tests.capture import capture

GOLDEN = capture("modbus")


def registers(frame: bytes) -> tuple[int, ...]:
    """The registers in the answer to FC03 or FC04, behind unit, function and byte count."""
    return struct.unpack(f">{frame[2] // 2}H", frame[3:-2])


def test_two_channels_of_a_capture_are_read_with_the_high_word_first() -> None:
    frame = rtu_answer(GOLDEN["four_asked"], GOLDEN["four_answered"])
    assert frame is not None
    assert numbers(registers(frame), "big", signed=True) == (1000, -100)


def test_a_vendor_may_send_the_low_word_first_or_no_sign() -> None:
    assert numbers((0x03E8, 0x0000, 0xFF9C, 0xFFFF), "little", signed=True) == (1000, -100)
    assert numbers((0xFFFF, 0xFF9C), "big", signed=False) == (4_294_967_196,)


@pytest.mark.parametrize("end", [0x7FFFFFFF, -0x80000000, 0x7FFFFF, -0x800000])
def test_a_number_at_the_end_of_its_range_is_no_weight(end: int) -> None:
    words = struct.unpack(">HH", struct.pack(">i", end))
    assert numbers((*words, 0, 5), "big", signed=True) == (None, 5)


def test_an_unsigned_number_ends_elsewhere() -> None:
    assert numbers((0xFFFF, 0xFFFF), "big", signed=False) == (None,)
    assert numbers((0x7FFF, 0xFFFF), "big", signed=False) == (0x7FFFFFFF,)


@given(st.lists(st.integers(-(1 << 31) + 1, (1 << 31) - 2), min_size=1, max_size=16), st.sampled_from(["big", "little"]))
def test_every_number_comes_back_in_either_order(values: list[int], words: str) -> None:
    packed = [struct.unpack(">HH", struct.pack(">i", value)) for value in values]
    raw = [word for pair in packed for word in (pair if words == "big" else pair[::-1])]
    expected = tuple(None if value in (0x7FFFFF, -0x800000) else value for value in values)
    assert numbers(raw, words, signed=True) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "divisor", "degrees"), [("warm", 10.0, 30.5), ("cold", 10.0, -20.5), ("warm", 100.0, 3.05)])
def test_a_temperature_of_the_manual_is_read(name: str, divisor: float, degrees: float) -> None:
    frame = rtu_answer(GOLDEN["temperature_asked"], GOLDEN[f"temperature_{name}"])
    assert frame is not None
    assert celsius(registers(frame)[0], divisor) == degrees


@pytest.mark.parametrize(("register", "divisor"), [(0x7FFF, 10.0), (0x8000, 10.0), (0x7FFF, 100.0), (0x8000, 100.0)])
def test_what_a_sensor_that_came_off_says_is_no_temperature(register: int, divisor: float) -> None:
    assert not measurable(celsius(register, divisor))
