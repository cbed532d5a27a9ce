from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.wire.modbus import crc16, rtu_answer, tcp_answer
from tests.capture import capture

GOLDEN = capture("modbus")
PAIRS = [
    ("one_asked", "one_answered"),
    ("write_asked", "write_answered"),
    ("temperature_asked", "temperature_warm"),
    ("temperature_asked", "temperature_cold"),
    ("pair_asked", "pair_answered"),
    ("four_asked", "four_answered"),
    ("illegal_asked", "illegal_answered"),
]
INPUTS_0_TO_7 = bytes.fromhex("01 02 00 00 00 08")
SWITCH_ON_3 = bytes.fromhex("01 05 00 03 FF 00")


def framed(body: bytes) -> bytes:
    return body + crc16(body)


def over_tcp(frame: bytes, transaction: int) -> bytes:
    return transaction.to_bytes(2, "big") + b"\0\0" + (len(frame) - 2).to_bytes(2, "big") + frame[:-2]


@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_the_sum_of_a_published_frame_is_right(name: str) -> None:
    assert crc16(GOLDEN[name][:-2]) == GOLDEN[name][-2:]


@pytest.mark.parametrize(("asked", "answered"), PAIRS)
def test_a_published_answer_is_taken_for_its_request(asked: str, answered: str) -> None:
    assert rtu_answer(GOLDEN[asked], GOLDEN[answered]) == GOLDEN[answered]


@pytest.mark.parametrize(("asked", "answered"), PAIRS)
def test_no_part_of_an_answer_is_one(asked: str, answered: str) -> None:
    for end in range(len(GOLDEN[answered])):
        assert rtu_answer(GOLDEN[asked], GOLDEN[answered][:end]) is None


@pytest.mark.parametrize(("asked", "answered"), PAIRS)
def test_no_flipped_bit_makes_an_answer(asked: str, answered: str) -> None:
    for bit in range(8 * len(GOLDEN[answered])):
        received = bytearray(GOLDEN[answered])
        received[bit // 8] ^= 1 << bit % 8
        assert rtu_answer(GOLDEN[asked], bytes(received)) is None


@given(st.binary(max_size=40), st.binary(max_size=40), st.sampled_from(PAIRS))
def test_an_answer_is_found_among_noise(before: bytes, after: bytes, pair: tuple[str, str]) -> None:
    asked, answered = (GOLDEN[name] for name in pair)
    assert rtu_answer(asked, before + answered + after) == answered


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(bytes.fromhex("02 02 01 05"), id="another unit"),
        pytest.param(bytes.fromhex("01 01 01 05"), id="another function: a late answer about coils"),
        pytest.param(bytes.fromhex("01 02 02 05 00"), id="more than was asked for"),
        pytest.param(bytes.fromhex("01 82"), id="an exception without its code"),
    ],
)
def test_what_was_not_asked_is_no_answer(frame: bytes) -> None:
    assert rtu_answer(framed(INPUTS_0_TO_7), framed(frame)) is None


@pytest.mark.parametrize("echo", ["01 05 00 03 00 00", "01 05 00 02 FF 00"])
def test_the_confirmation_of_another_write_is_no_answer(echo: str) -> None:
    assert rtu_answer(framed(SWITCH_ON_3), framed(SWITCH_ON_3)) == framed(SWITCH_ON_3)
    assert rtu_answer(framed(SWITCH_ON_3), framed(bytes.fromhex(echo))) is None


@pytest.mark.parametrize(("asked", "answered"), PAIRS)
def test_over_tcp_the_transaction_decides(asked: str, answered: str) -> None:
    request, right, late = over_tcp(GOLDEN[asked], 7), over_tcp(GOLDEN[answered], 7), over_tcp(GOLDEN[answered], 6)
    assert tcp_answer(request, late) is None
    assert tcp_answer(request, late + right) == right
    assert tcp_answer(request, right[:-1]) is None


@given(st.binary(max_size=300), st.sampled_from(PAIRS))
def test_no_bytes_raise(received: bytes, pair: tuple[str, str]) -> None:
    asked = GOLDEN[pair[0]]
    assert rtu_answer(asked, received) in (None, GOLDEN[pair[1]])
    tcp_answer(over_tcp(asked, 1), received)
