"""Which bytes on a Modbus line answer which request.

A line carries more than answers: echoes of reflections, the tail of an answer that came too late, another unit that talks at the same time.
An answer is a frame that names the unit and the function asked, has the length that the request calls for, echoes what a write must echo,
and whose checksum (RTU) or transaction (TCP) is right. Everything else is noise. This is asked before the Modbus library sees anything,
because the library takes any well-formed frame of the unit for the answer, whatever its function, and raises on some that are not.

Sources: MODBUS Application Protocol Specification V1.1b3, chapter 6; MODBUS over Serial Line V1.02, 2.5.1 and appendix B (CRC);
MODBUS Messaging on TCP/IP Implementation Guide V1.0b, 3.1.3 (MBAP header).
"""

from __future__ import annotations

_READS_BITS = (1, 2)
_READS_REGISTERS = (3, 4)
_WRITES_ONE = (5, 6)
_WRITES_MANY = (15, 16)
_EXCEPTION = 0x80
_MBAP_BYTES = 7


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
