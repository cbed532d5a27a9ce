"""A port that carries bytes: what drivers see of a serial line or a TCP connection.

Non-blocking by nature: a driver waits for the descriptor to become readable in its event loop, then reads what is there.
"""

from __future__ import annotations

from typing import Protocol

from device.domain.port import PortAddress, SerialAddress, TcpAddress
from device.errors import DeviceGone

CHUNK = 4096
"""The most that one read takes, so that a babbling device cannot keep the others waiting."""


class BytePort(Protocol):
    """An open port. Every method but ``close`` raises DeviceGone when the other end is no longer there."""

    def fileno(self) -> int:
        """The descriptor to wait on."""
        ...

    def read(self) -> bytes:
        """What has arrived, at most ``CHUNK`` bytes; empty where nothing has."""
        ...

    def write(self, data: bytes) -> None:
        """Send all of ``data`` at once. A device that has left kilobytes unread is gone."""
        ...

    def close(self) -> None:
        """Give the port back. Never waits for bytes that cannot be sent."""
        ...


async def open_port(device: str, address: PortAddress, baud: int) -> BytePort:
    """Open a port for ``device``; ``baud`` is the speed where the address names none.

    Raises DeviceGone with a reason that says what to do about it.
    """
    match address:
        case SerialAddress():
            from device.ports.serial import SerialPort  # pyserial is loaded only where there is a serial port

            return SerialPort(device, address, baud)
        case TcpAddress():
            from device.ports.tcp import connect

            return await connect(device, address)
        case _:
            raise DeviceGone(device, f"{address} carries no bytes: serial: or tcp: is needed")
