from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.framer import FramerRTU, FramerSocket
from pymodbus.pdu import DecodePDU, ExceptionResponse, ModbusPDU, bit_message, register_message

from device.wire import modbus
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


@pytest.mark.parametrize(
    ("name", "pdu"),
    [
        *((f"channel_{channel}", modbus.read(modbus.READ_HOLDING, 2 * (channel - 1), 2)) for channel in range(1, 6)),
        ("one_asked", modbus.read(modbus.READ_HOLDING, 0x3003, 1)),
        ("write_asked", modbus.write_registers(0x3003, [1])),
        ("temperature_asked", modbus.read(modbus.READ_INPUT_REGISTERS, 1, 1)),
        ("pair_asked", modbus.read(modbus.READ_INPUT_REGISTERS, 1, 2)),
        ("four_asked", modbus.read(modbus.READ_HOLDING, 0, 4)),
        ("illegal_asked", modbus.read(modbus.READ_HOLDING, 500, 1)),
    ],
)
def test_a_published_request_is_made_as_it_is(name: str, pdu: bytes) -> None:
    assert modbus.rtu_request(1, pdu) == GOLDEN[name]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("one_answered", (1,)),
        ("temperature_warm", (0x0131,)),
        ("temperature_cold", (0xFF33,)),
        ("pair_answered", (0x0131, 0x0222)),
        ("four_answered", (0, 1000, 0xFFFF, 0xFF9C)),
    ],
)
def test_a_published_answer_holds_its_registers(name: str, values: tuple[int, ...]) -> None:
    assert modbus.registers(modbus.RTU.pdu(GOLDEN[name])) == values
    assert modbus.exception(modbus.RTU.pdu(GOLDEN[name])) is None


def test_a_published_refusal_has_its_code() -> None:
    code = modbus.exception(modbus.RTU.pdu(GOLDEN["illegal_answered"]))
    assert code == 2
    assert modbus.EXCEPTIONS[code] == "illegal data address"


def test_the_examples_of_the_standard_are_made_as_they_are() -> None:
    """MODBUS Application Protocol V1.1b3, 6.1 to 6.6, 6.11 and 6.12."""
    assert modbus.read(modbus.READ_COILS, 0x13, 0x13).hex() == "0100130013"
    assert modbus.bits(bytes.fromhex("01 03 CD 6B 05"), 19) == tuple(bit == "1" for bit in "1011001111010110101")
    assert modbus.read(modbus.READ_INPUTS, 0xC4, 0x16).hex() == "0200c40016"
    assert modbus.read(modbus.READ_HOLDING, 0x6B, 3).hex() == "03006b0003"
    assert modbus.registers(bytes.fromhex("03 06 02 2B 00 00 00 64")) == (555, 0, 100)
    assert modbus.read(modbus.READ_INPUT_REGISTERS, 8, 1).hex() == "0400080001"
    assert modbus.write_coil(0xAC, True).hex() == "0500acff00"
    assert modbus.write_register(1, 3).hex() == "0600010003"
    assert modbus.write_coils(0x13, [bit == "1" for bit in "1011001110"]).hex() == "0f0013000a02cd01"
    assert modbus.write_registers(1, [10, 258]).hex() == "100001000204000a0102"


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: modbus.read(modbus.WRITE_COIL, 0, 1),
        lambda: modbus.read(modbus.READ_COILS, 0, 0),
        lambda: modbus.read(modbus.READ_COILS, 0, 2001),
        lambda: modbus.read(modbus.READ_HOLDING, 0, 126),
        lambda: modbus.read(modbus.READ_HOLDING, 65536, 1),
        lambda: modbus.read(modbus.READ_HOLDING, -1, 1),
        lambda: modbus.write_coil(65536, True),
        lambda: modbus.write_register(0, 65536),
        lambda: modbus.write_coils(0, []),
        lambda: modbus.write_coils(0, [True] * 1969),
        lambda: modbus.write_registers(0, []),
        lambda: modbus.write_registers(0, [0] * 124),
        lambda: modbus.write_registers(0, [-1]),
        lambda: modbus.rtu_request(0, modbus.write_coil(0, True)),
        lambda: modbus.rtu_request(248, modbus.write_coil(0, True)),
        lambda: modbus.tcp_request(0, modbus.write_coil(0, True), 1),
        lambda: modbus.tcp_request(248, modbus.write_coil(0, True), 1),
    ],
)
def test_what_the_standard_does_not_know_is_not_made_and_nor_is_a_broadcast(wrong: Callable[[], bytes]) -> None:
    with pytest.raises(ValueError, match="not"):
        wrong()


UNITS, NUMBERS, ADDRESSES, WORDS = st.integers(1, 247), st.integers(1, 0xFFFF), st.integers(0, 0xFFFF), st.integers(0, 0xFFFF)
RTU_PEER = FramerRTU(DecodePDU(is_server=True))
TCP_PEER = FramerSocket(DecodePDU(is_server=True))
ANSWERS_IN_BITS = {1: bit_message.ReadCoilsResponse, 2: bit_message.ReadDiscreteInputsResponse}
ANSWERS_IN_REGISTERS = {3: register_message.ReadHoldingRegistersResponse, 4: register_message.ReadInputRegistersResponse}


def understood(unit: int, pdu: bytes, number: int) -> ModbusPDU:
    """What pymodbus's server makes of our frames, RTU and TCP."""
    used, by_rtu = RTU_PEER.handleFrame(rtu := modbus.rtu_request(unit, pdu), unit, 0)
    assert used == len(rtu)
    used, by_tcp = TCP_PEER.handleFrame(tcp := modbus.tcp_request(unit, pdu, number), unit, number)
    assert used == len(tcp)
    assert by_rtu is not None
    assert by_tcp is not None
    assert by_rtu.encode() == by_tcp.encode() == pdu[1:]
    assert by_rtu.function_code == by_tcp.function_code == pdu[0]
    return by_tcp


@given(UNITS, NUMBERS, st.integers(1, 4), ADDRESSES, st.data())
def test_a_question_is_understood_by_pymodbus(unit: int, number: int, function: int, first: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(1, min(modbus.MOST[function], 65536 - first)))
    told = understood(unit, modbus.read(function, first, count), number)
    assert (told.address, told.count) == (first, count)


@given(UNITS, NUMBERS, st.integers(0, 65000), st.lists(st.booleans(), min_size=1, max_size=200), st.lists(WORDS, min_size=1, max_size=123))
def test_a_write_is_understood_by_pymodbus(unit: int, number: int, first: int, coils: list[bool], values: list[int]) -> None:
    one = understood(unit, modbus.write_coil(first, coils[0]), number)
    assert (one.address, one.bits[0]) == (first, coils[0])
    several = understood(unit, modbus.write_coils(first, coils), number)
    assert (several.address, several.bits[: len(coils)]) == (first, coils)
    register = understood(unit, modbus.write_register(first, values[0]), number)
    assert (register.address, register.registers) == (first, values[:1])
    registers = understood(unit, modbus.write_registers(first, values), number)
    assert (registers.address, registers.registers) == (first, values)


def answered(answer: ModbusPDU, unit: int, number: int) -> tuple[bytes, bytes]:
    """pymodbus's frames of an answer, RTU and TCP."""
    answer.dev_id, answer.transaction_id = unit, number
    return RTU_PEER.buildFrame(answer), TCP_PEER.buildFrame(answer)


NOISE = st.binary(max_size=60)


@given(UNITS, NUMBERS, st.sampled_from([3, 4]), ADDRESSES, st.lists(WORDS, min_size=1, max_size=125), NOISE, NOISE)
def test_registers_that_pymodbus_answers_are_read_from_among_noise(
    unit: int, number: int, function: int, first: int, values: list[int], before: bytes, after: bytes
) -> None:
    pdu = modbus.read(function, first, len(values))
    rtu, tcp = answered(ANSWERS_IN_REGISTERS[function](registers=values), unit, number)
    frame = rtu_answer(modbus.rtu_request(unit, pdu), before + rtu + after)
    assert frame is not None
    assert modbus.registers(modbus.RTU.pdu(frame)) == tuple(values)
    frame = tcp_answer(modbus.tcp_request(unit, pdu, number), tcp + after)
    assert frame is not None
    assert modbus.registers(modbus.TCP.pdu(frame)) == tuple(values)


@given(UNITS, NUMBERS, st.sampled_from([1, 2]), ADDRESSES, st.lists(st.booleans(), min_size=1, max_size=2000), NOISE, NOISE)
def test_bits_that_pymodbus_answers_are_read_from_among_noise(
    unit: int, number: int, function: int, first: int, values: list[bool], before: bytes, after: bytes
) -> None:
    pdu = modbus.read(function, first, len(values))
    rtu, tcp = answered(ANSWERS_IN_BITS[function](bits=values), unit, number)
    frame = rtu_answer(modbus.rtu_request(unit, pdu), before + rtu + after)
    assert frame is not None
    assert modbus.bits(modbus.RTU.pdu(frame), len(values)) == tuple(values)
    frame = tcp_answer(modbus.tcp_request(unit, pdu, number), tcp + after)
    assert frame is not None
    assert modbus.bits(modbus.TCP.pdu(frame), len(values)) == tuple(values)


@given(UNITS, NUMBERS, st.integers(1, 11), NOISE)
def test_an_exception_of_pymodbus_is_read_from_among_noise(unit: int, number: int, code: int, before: bytes) -> None:
    pdu = modbus.read(modbus.READ_HOLDING, 0, 2)
    rtu, tcp = answered(ExceptionResponse(modbus.READ_HOLDING, code), unit, number)
    frame = rtu_answer(modbus.rtu_request(unit, pdu), before + rtu)
    assert frame is not None
    assert modbus.exception(modbus.RTU.pdu(frame)) == code
    frame = tcp_answer(modbus.tcp_request(unit, pdu, number), tcp)
    assert frame is not None
    assert modbus.exception(modbus.TCP.pdu(frame)) == code
