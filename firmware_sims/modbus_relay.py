"""A Modbus relay board with opto-isolated inputs: relays are coils, inputs are discrete inputs, both from 0.

Source: Modbus Application Protocol V1.1b3, sections 6.1 (FC01), 6.2 (FC02), 6.5 (FC05), 6.11 (FC15). Relays fall off with the power.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from firmware_sims import modbus
from firmware_sims.modbus import ILLEGAL_ADDRESS, ILLEGAL_FUNCTION, ILLEGAL_VALUE, Refused


class RelayBoard:
    """One board. ``input_closed`` says of each input whether its wire is closed; ``relay_moved`` is told of each change."""

    def __init__(
        self,
        unit: int = 1,
        *,
        relays: int = 8,
        inputs: int = 8,
        input_closed: Callable[[int], bool] = lambda _: False,
        relay_moved: Callable[[int, bool], None] = lambda _, __: None,
    ) -> None:
        self.unit = unit
        self.relays = [False] * relays
        self.refuse_with: int | None = None
        """Answers every write with this exception while set."""
        self._inputs = inputs
        self._input_closed = input_closed
        self._relay_moved = relay_moved

    def has(self, *, relays: int, inputs: int) -> None:
        """Have at least so many relays and inputs."""
        self.relays += [False] * (relays - len(self.relays))
        self._inputs = max(self._inputs, inputs)

    def pass_time(self, dt: float) -> None:
        """A relay board has no time of its own."""

    def power_cycle(self) -> None:
        for relay in range(len(self.relays)):
            self._move(relay, False)

    def answer(self, function: int, data: bytes) -> bytes:
        match function:
            case modbus.READ_COILS:
                first, count = modbus.span(data, 4, 2000, len(self.relays))
                return self._bits(self.relays[first : first + count])
            case modbus.READ_INPUTS:
                first, count = modbus.span(data, 4, 2000, self._inputs)
                return self._bits([self._input_closed(number) for number in range(first, first + count)])
            case modbus.WRITE_COIL:
                self._writable()
                return self._write_one(data)
            case modbus.WRITE_COILS:
                self._writable()
                return self._write_many(data)
            case _:
                raise Refused(ILLEGAL_FUNCTION)

    def _writable(self) -> None:
        if self.refuse_with is not None:
            raise Refused(self.refuse_with)

    @staticmethod
    def _bits(bits: list[bool]) -> bytes:
        packed = modbus.pack_bits(bits)
        return bytes([len(packed)]) + packed

    def _write_one(self, data: bytes) -> bytes:
        if len(data) != 4:
            raise Refused(ILLEGAL_VALUE)
        relay, value = struct.unpack(">HH", data)
        if value not in (0xFF00, 0x0000):
            raise Refused(ILLEGAL_VALUE)
        if relay >= len(self.relays):
            raise Refused(ILLEGAL_ADDRESS)
        self._move(relay, value == 0xFF00)
        return data

    def _write_many(self, data: bytes) -> bytes:
        if len(data) < 5 or data[4] != len(data) - 5:
            raise Refused(ILLEGAL_VALUE)
        first, count = modbus.span(data[:4], 4, 1968, len(self.relays))
        if data[4] != (count + 7) // 8:
            raise Refused(ILLEGAL_VALUE)
        bits = int.from_bytes(data[5:], "little")
        for place in range(count):
            self._move(first + place, bool(bits >> place & 1))
        return data[:4]

    def _move(self, relay: int, energised: bool) -> None:
        if self.relays[relay] != energised:
            self.relays[relay] = energised
            self._relay_moved(relay, energised)
