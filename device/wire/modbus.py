"""Modbus, the asking side: requests, what their answers hold, and which bytes on a line answer which request.

A line carries more than answers: echoes of reflections, the tail of an answer that came too late, another unit that talks at the same time.
An answer is a frame that names the unit and the function asked, has the length that the request calls for, echoes what a write must echo,
and whose checksum (RTU) or transaction (TCP) is right. Everything else is noise.

A PDU is what RTU and TCP have in common: a function and its data. Frames carry one PDU each. Broadcasts are not there: they get no answer.

Sources: MODBUS Application Protocol Specification V1.1b3, chapters 6 (functions) and 7 (exceptions); MODBUS over Serial Line V1.02, 2.5.1
and appendix B (CRC); MODBUS Messaging on TCP/IP Implementation Guide V1.0b, 3.1.3 (MBAP header).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import NamedTuple

READ_COILS, READ_INPUTS, READ_HOLDING, READ_INPUT_REGISTERS = 1, 2, 3, 4
WRITE_COIL, WRITE_REGISTER, WRITE_COILS, WRITE_REGISTERS = 5, 6, 15, 16

MOST = {READ_COILS: 2000, READ_INPUTS: 2000, READ_HOLDING: 125, READ_INPUT_REGISTERS: 125, WRITE_COILS: 1968, WRITE_REGISTERS: 123}
"""Bits or registers that one request may name."""

EXCEPTIONS = {
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "server device failure",
    5: "acknowledge",
    6: "server device busy",
    8: "memory parity error",
    10: "gateway path unavailable",
    11: "gateway target device failed to respond",
}
"""Why a unit will not, by the code that it answers."""

_READS_BITS = (READ_COILS, READ_INPUTS)
_READS_REGISTERS = (READ_HOLDING, READ_INPUT_REGISTERS)
_WRITES_ONE = (WRITE_COIL, WRITE_REGISTER)
_WRITES_MANY = (WRITE_COILS, WRITE_REGISTERS)
_EXCEPTION = 0x80
_ON = 0xFF00
_UNITS = range(1, 248)
_MBAP_BYTES = 7


def read(function: int, first: int, count: int) -> bytes:
    """The PDU that reads ``count`` bits or registers from ``first`` (0 to 65535) with one of the functions 1 to 4.

    Raises ValueError where the standard has no such request.
    """
    if function not in _READS_BITS + _READS_REGISTERS:
        raise ValueError(f"function {function} does not read")
    return _span(function, first, count)


def write_coil(address: int, on: bool) -> bytes:
    """The PDU that switches one coil. Raises ValueError, as all of these do, for what does not fit."""
    return _pdu(">BHH", WRITE_COIL, address, _ON if on else 0)


def write_register(address: int, value: int) -> bytes:
    """The PDU that writes one holding register, 0 to 65535."""
    return _pdu(">BHH", WRITE_REGISTER, address, value)


def write_coils(first: int, coils: Sequence[bool]) -> bytes:
    """The PDU that switches several coils, from ``first`` on."""
    number = sum(1 << place for place, on in enumerate(coils) if on)
    packed = number.to_bytes((len(coils) + 7) // 8, "little")
    return _span(WRITE_COILS, first, len(coils)) + bytes([len(packed)]) + packed


def write_registers(first: int, values: Sequence[int]) -> bytes:
    """The PDU that writes several holding registers, 0 to 65535 each, from ``first`` on."""
    return _span(WRITE_REGISTERS, first, len(values)) + _pdu(f">B{len(values)}H", 2 * len(values), *values)


def exception(pdu: bytes) -> int | None:
    """The code of an answer that is an exception, None for one that is not."""
    return pdu[1] if pdu[0] & _EXCEPTION else None


def bits(pdu: bytes, count: int) -> tuple[bool, ...]:
    """Coils or inputs of an answer to ``read``, as many as were asked for: the first is the lowest bit of the first byte."""
    number = int.from_bytes(pdu[2:], "little")
    return tuple(bool(number >> place & 1) for place in range(count))


def registers(pdu: bytes) -> tuple[int, ...]:
    """Registers of an answer to ``read``, 0 to 65535 each."""
    return struct.unpack(f">{pdu[1] // 2}H", pdu[2:])


class Framing(NamedTuple):
    """How PDUs go over one kind of line."""

    request: Callable[[int, bytes, int], bytes]
    """The frame for a unit, of a PDU; the number (1 to 65535) tells requests apart where frames have one.

    Raises ValueError for what is no unit.
    """
    answer: Callable[[bytes, bytes], bytes | None]
    """The frame that answers a request frame, in what has been received since; None while there is none."""
    pdu: Callable[[bytes], bytes]
    """What a frame carries."""


def rtu_request(unit: int, pdu: bytes, _number: int = 0) -> bytes:
    """See ``Framing.request``."""
    if unit not in _UNITS:
        raise ValueError(f"a unit is 1-247, not {unit}")
    body = bytes([unit]) + pdu
    return body + crc16(body)


def tcp_request(unit: int, pdu: bytes, number: int) -> bytes:
    """See ``Framing.request``."""
    if unit not in _UNITS:
        raise ValueError(f"a unit is 1-247, not {unit}")
    return struct.pack(">HHHB", number, 0, len(pdu) + 1, unit) + pdu


def crc16(body: bytes) -> bytes:
    """CRC of Modbus RTU as on the wire, low byte first: polynomial A001 (8005 reflected), from FFFF."""
    crc = 0xFFFF
    for byte in body:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc.to_bytes(2, "little")


def rtu_answer(request: bytes, received: bytes) -> bytes | None:
    """The frame in ``received`` that answers the RTU frame ``request``, wherever it begins; None while there is none."""
    unit, pdu = request[:1], request[1:-2]
    start = -1
    while (start := received.find(unit, start + 1)) >= 0:
        size = _answer_size(pdu, received[start + 1 : start + 2])
        frame = received[start : start + size + 3]
        # The sum last: on a babbling line every byte may be the unit's, and the sum takes longer than all the rest.
        if size and len(frame) == size + 3 and _answers(pdu, frame[1:-2]) and crc16(frame[:-2]) == frame[-2:]:
            return frame
    return None


def tcp_answer(request: bytes, received: bytes) -> bytes | None:
    """The same for Modbus TCP, where frames carry their length and the number of the request."""
    while len(received) > _MBAP_BYTES:
        length = int.from_bytes(received[4:6], "big") + 6
        frame, received = received[:length], received[length:]
        if len(frame) < length or length <= _MBAP_BYTES:
            return None
        if frame[:4] == request[:4] and frame[6] == request[6] and _answers(request[_MBAP_BYTES:], frame[_MBAP_BYTES:]):
            return frame
    return None


RTU = Framing(rtu_request, rtu_answer, lambda frame: frame[1:-2])
TCP = Framing(tcp_request, tcp_answer, lambda frame: frame[_MBAP_BYTES:])


def _span(function: int, first: int, count: int) -> bytes:
    if not 1 <= count <= MOST[function]:
        raise ValueError(f"function {function} is for 1-{MOST[function]} at a time, not {count}")
    return _pdu(">BHH", function, first, count)


def _pdu(form: str, *numbers: int) -> bytes:
    try:
        return struct.pack(form, *numbers)
    except struct.error as error:
        raise ValueError(f"not for Modbus: {numbers}") from error


def _answer_size(pdu: bytes, answer: bytes) -> int:
    """Bytes of the answer to ``pdu`` that begins with ``answer``, function included, or 0 where that is no answer to it."""
    if not answer:
        return 0
    function = pdu[0]
    if answer[0] == function | _EXCEPTION:
        return 2
    if answer[0] != function:
        return 0
    count = int.from_bytes(pdu[3:5], "big")
    if function in _READS_BITS:
        return 2 + (count + 7) // 8
    if function in _READS_REGISTERS:
        return 2 + 2 * count
    return 5 if function in _WRITES_ONE + _WRITES_MANY else 0


def _answers(pdu: bytes, answer: bytes) -> bool:
    """Whether ``answer``, whole, answers ``pdu``, were its sum right."""
    if not answer or len(answer) != _answer_size(pdu, answer):
        return False
    if answer[0] & _EXCEPTION:
        return True
    if pdu[0] in _READS_BITS + _READS_REGISTERS:
        return answer[1] == len(answer) - 2
    return answer == pdu[:5]


def _entry(index: int) -> int:
    for _ in range(8):
        index = index >> 1 ^ 0xA001 if index & 1 else index >> 1
    return index


_TABLE = tuple(_entry(index) for index in range(256))
