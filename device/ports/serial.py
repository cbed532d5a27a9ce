"""Serial ports, through pyserial for the speeds and the termios, and by ``os.read`` and ``os.write`` for the bytes.

Not responsible for waiting: the descriptor is non-blocking and goes into the driver's event loop.
"""

from __future__ import annotations

import contextlib
import errno
import os
import termios

import serial

from device.domain.port import SerialAddress
from device.errors import DeviceGone
from device.ports.refusal import why_not
from device.ports.stream import CHUNK


class SerialPort:
    """An open serial port, locked against other programs (flock). A ``BytePort``."""

    def __init__(self, device: str, address: SerialAddress, baud: int) -> None:
        self._device = device
        self._path = address.path
        try:
            self._serial = serial.Serial(
                port=address.path,
                baudrate=address.baud or baud,
                bytesize=address.bytesize,
                parity=address.parity,
                stopbits=address.stopbits,
                timeout=0,
                inter_byte_timeout=0.0,  # sets VMIN to 1: an empty line then reads as EAGAIN, and only a hang-up as end of file
                exclusive=True,
            )
        except (OSError, ValueError, termios.error) as error:
            raise DeviceGone(device, why_not(address.path, error)) from error
        self._fd = self._serial.fileno()

    def fileno(self) -> int:
        return self._fd

    def read(self) -> bytes:
        try:
            data = os.read(self._fd, CHUNK)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise self._gone(error) from error
        if not data:
            raise DeviceGone(self._device, f"{self._path} hung up: unplugged, or without power")
        return data

    def write(self, data: bytes) -> None:
        try:
            written = os.write(self._fd, data)
        except BlockingIOError:
            written = 0
        except OSError as error:
            raise self._gone(error) from error
        if written < len(data):
            raise DeviceGone(self._device, f"{self._path} takes no more bytes: nothing reads at the other end")

    def close(self) -> None:
        # Closing a port waits until its output has drained, half a minute on some adapters, unless the output is thrown away first.
        with contextlib.suppress(OSError, termios.error):
            termios.tcflush(self._fd, termios.TCIOFLUSH)
        self._serial.close()

    def _gone(self, error: OSError) -> DeviceGone:
        if error.errno in (errno.EIO, errno.ENXIO, errno.ENODEV):
            return DeviceGone(self._device, f"{self._path} hung up: unplugged, or without power")
        return DeviceGone(self._device, f"{self._path}: {error.strerror}")
