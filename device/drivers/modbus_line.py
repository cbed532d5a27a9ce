"""What all drivers on Modbus share: finding their port by its address, and telling its noise."""

from __future__ import annotations

from device.domain.port import PortAddress, TcpAddress
from device.domain.readings import Reading
from device.drivers.dialogue import NoiseTally
from device.ports.modbus import ModbusPort, Unit, shared_port
from device.wire.modbus import rtu_answer, tcp_answer
from device.wire.noise import Noise, binary_hint


def port_of(address: PortAddress) -> ModbusPort:
    """The port of an address, in its framing; the same object for all devices on it."""
    return shared_port(address, tcp_answer if isinstance(address, TcpAddress) else rtu_answer)


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
