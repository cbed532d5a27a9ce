"""What all drivers on Modbus share: finding their port by its address, asking their unit, and telling its noise.

Answers are None when none that makes sense came in time, or the unit is busy. Every question raises DeviceGone when the port is lost,
DeviceSilent when the unit has not answered for too long, DeviceRefused with the exception code when it answers that it will not.
"""

from __future__ import annotations

from device.domain.port import PortAddress, TcpAddress
from device.domain.readings import Reading
from device.drivers.dialogue import NoiseTally
from device.errors import DeviceRefused
from device.ports.modbus import ModbusPort, Unit, shared_port
from device.wire import modbus
from device.wire.noise import Noise, binary_hint

_NOT_NOW = (5, 6)


def port_of(address: PortAddress) -> ModbusPort:
    """The port of an address, in its framing; the same object for all devices on it."""
    return shared_port(address, modbus.TCP if isinstance(address, TcpAddress) else modbus.RTU)


async def inputs_of(unit: Unit, first: int, count: int = 1) -> tuple[bool, ...] | None:
    """Discrete inputs (FC02), ``count`` of them from ``first``."""
    answer = await _answer(unit, modbus.read(modbus.READ_INPUTS, first, count), "reading inputs")
    return None if answer is None else modbus.bits(answer, count)


async def coils_of(unit: Unit, first: int, count: int = 1) -> tuple[bool, ...] | None:
    """Coils as they are (FC01)."""
    answer = await _answer(unit, modbus.read(modbus.READ_COILS, first, count), "reading coils")
    return None if answer is None else modbus.bits(answer, count)


async def registers_of(unit: Unit, first: int, count: int = 1) -> tuple[int, ...] | None:
    """Holding registers (FC03), ``count`` of them from ``first``, each 0 to 65535."""
    answer = await _answer(unit, modbus.read(modbus.READ_HOLDING, first, count), "reading registers", count)
    return None if answer is None else modbus.registers(answer)


async def input_registers_of(unit: Unit, first: int, count: int = 1) -> tuple[int, ...] | None:
    """Input registers (FC04), the same way."""
    answer = await _answer(unit, modbus.read(modbus.READ_INPUT_REGISTERS, first, count), "reading input registers", count)
    return None if answer is None else modbus.registers(answer)


async def put_coil(unit: Unit, address: int, on: bool) -> bool:
    """Write one coil (FC05). True when the unit has confirmed it, which says nothing yet about the relay."""
    return await _answer(unit, modbus.write_coil(address, on), "writing a coil") is not None


async def _answer(unit: Unit, pdu: bytes, what: str, registers: int = 0) -> bytes | None:
    answer = await unit.ask(pdu, registers)
    code = None if answer is None else modbus.exception(answer)
    if code is None:
        return answer
    if code in _NOT_NOW:
        return None
    name = f" ({modbus.EXCEPTIONS[code]})" if code in modbus.EXCEPTIONS else ""
    raise DeviceRefused(unit.device, f"unit {unit.number} answers {what} with exception {code}{name}", str(code))


class UnitNoise:
    """The noise that one device's questions met in one connection."""

    def __init__(self, device: str, unit: Unit) -> None:
        self._unit = unit
        self._tally = NoiseTally(device, binary_hint)

    def report(self, at: float) -> list[Reading]:
        """What has come since the last time, at most once a second."""
        for piece in self._unit.noise:
            self._tally.add(Noise(piece))
        self._unit.noise.clear()
        return self._tally.report(at)
