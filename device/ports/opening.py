"""An address becomes an open port."""

from __future__ import annotations

from device.domain.port import PortAddress, SerialAddress, TcpAddress
from device.errors import DeviceGone
from device.ports.stream import BytePort
from device.ports.tcp import connect


async def open_port(device: str, address: PortAddress, baud: int) -> BytePort:
    """Open a port for ``device``; ``baud`` is the speed where the address names none.

    Raises DeviceGone with a reason that says what to do about it.
    """
    match address:
        case SerialAddress():
            from device.ports.serial import SerialPort  # pyserial is loaded only where there is a serial port

            return SerialPort(device, address, baud)
        case TcpAddress():
            return await connect(device, address)
        case _:
            raise DeviceGone(device, f"{address} carries no bytes: serial: or tcp: is needed")
