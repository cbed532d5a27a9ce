"""Modbus slaves, framed as RTU on a serial line or as TCP.

Sources: Modbus Application Protocol V1.1b3 (functions, exceptions); Modbus over Serial Line V1.02 (RTU, CRC); Modbus Messaging on
TCP/IP V1.0b (MBAP). RTU frames are told apart by their function's length, because a pseudo-terminal has no bit times; what stays
incomplete for a tenth of a second is forgotten.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Protocol

READ_COILS, READ_INPUTS, READ_HOLDING, READ_INPUT_REGISTERS, WRITE_COIL, WRITE_REGISTER, WRITE_COILS, WRITE_REGISTERS = (
    1,
    2,
    3,
    4,
    5,
    6,
    15,
    16,
)
ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE, DEVICE_FAILURE = 1, 2, 3, 4
LONGEST_RTU = 256


class Refused(ValueError):
    """A request that gets a Modbus exception."""

    def __init__(self, code: int) -> None:
        super().__init__(f"Modbus exception {code}")
        self.code = code


class Unit(Protocol):
    """One slave: it answers protocol data units (function and data, no address, no checksum)."""

    unit: int

    def answer(self, function: int, data: bytes) -> bytes:
        """The data of the reply to ``function``. Raises Refused."""

    def pass_time(self, dt: float) -> None:
        """``dt`` seconds pass."""

    def power_cycle(self) -> None: ...


def crc(data: bytes) -> bytes:
    """CRC-16/MODBUS, low byte first."""
    value = 0xFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ 0xA001 if value & 1 else value >> 1
    return struct.pack("<H", value)


def pack_bits(bits: Sequence[bool]) -> bytes:
    """Coils or inputs, the first in the lowest bit of the first byte."""
    number = sum(1 << place for place, bit in enumerate(bits) if bit)
    return number.to_bytes((len(bits) + 7) // 8, "little")


def span(data: bytes, count: int, at_most: int, size: int) -> tuple[int, int]:
    """Address and quantity of a request. Raises Refused: quantity outside 1-``at_most``, or the span outside ``size``."""
    if len(data) < 4 or len(data) != count:
        raise Refused(ILLEGAL_VALUE)
    address, quantity = struct.unpack_from(">HH", data)
    if not 1 <= quantity <= at_most:
        raise Refused(ILLEGAL_VALUE)
    if address + quantity > size:
        raise Refused(ILLEGAL_ADDRESS)
    return address, quantity


def reply(unit: Unit, pdu: bytes) -> bytes:
    """The protocol data unit that answers ``pdu``."""
    function = pdu[0]
    try:
        return bytes([function]) + unit.answer(function, pdu[1:])
    except Refused as refusal:
        return bytes([function | 0x80, refusal.code])


class RtuSlave:
    """One unit on a serial line. Frames for other units, wrong checksums and noise get silence."""

    quantum_s = 0.1

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self._heard = bytearray()
        self._quiet = False

    def power_cycle(self) -> None:
        self._heard.clear()
        self.unit.power_cycle()

    def tick(self, dt: float) -> bytes:
        self.unit.pass_time(dt)
        if self._quiet:
            self._heard.clear()
        self._quiet = bool(self._heard)
        return b""

    def receive(self, data: bytes) -> bytes:
        self._heard += data
        self._quiet = False
        said = []
        while len(self._heard) >= 4:
            length = self._length()
            if length is not None and len(self._heard) < length:
                break
            if length is None or crc(bytes(self._heard[: length - 2])) != bytes(self._heard[length - 2 : length]):
                del self._heard[0]
                continue
            address, pdu = self._heard[0], bytes(self._heard[1 : length - 2])
            del self._heard[:length]
            if address == self.unit.unit:
                answer = bytes([address]) + reply(self.unit, pdu)
                said.append(answer + crc(answer))
            elif address == 0:
                reply(self.unit, pdu)
        return b"".join(said)

    def _length(self) -> int | None:
        """How long the frame at the front is; None where it cannot be one."""
        function = self._heard[1]
        if self._heard[0] > 247 or not 1 <= function <= 127:
            return None
        if function in (WRITE_COILS, WRITE_REGISTERS):
            return 9 + self._heard[6] if len(self._heard) > 6 else 9
        return 8


class TcpSlaves:
    """Units behind one socket; an unknown unit gets silence, as behind a transparent gateway."""

    quantum_s = 0.1

    def __init__(self, units: Sequence[Unit]) -> None:
        self._units = {unit.unit: unit for unit in units}
        self._heard = bytearray()

    def power_cycle(self) -> None:
        self._heard.clear()
        for unit in self._units.values():
            unit.power_cycle()

    def tick(self, dt: float) -> bytes:
        for unit in self._units.values():
            unit.pass_time(dt)
        return b""

    def receive(self, data: bytes) -> bytes:
        self._heard += data
        said = []
        while len(self._heard) >= 8:
            transaction, protocol, length, address = struct.unpack_from(">HHHB", self._heard)
            if protocol != 0 or not 2 <= length <= LONGEST_RTU:
                self._heard.clear()
                break
            if len(self._heard) < 6 + length:
                break
            pdu = bytes(self._heard[7 : 6 + length])
            del self._heard[: 6 + length]
            if (unit := self._units.get(address)) is not None:
                answer = reply(unit, pdu)
                said.append(struct.pack(">HHHB", transaction, 0, len(answer) + 1, address) + answer)
        return b"".join(said)
