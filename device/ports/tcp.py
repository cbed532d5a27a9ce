"""Byte streams over TCP: serial port servers, and devices with an Ethernet socket."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from typing import Any

from device.domain.port import TcpAddress
from device.errors import DeviceGone
from device.ports.stream import CHUNK

CONNECT_S = 5.0
"""A device on a store's own network answers in milliseconds, a port server that boots in seconds: those are tried again anyway."""

IDLE_S, INTERVAL_S, PROBES = 3, 2, 2
"""Keep-alive: a peer without power is noticed after ``IDLE_S + INTERVAL_S * PROBES`` = 7 s; a pulled cable may take 10."""


class TcpPort:
    """A connected socket. A ``BytePort``."""

    def __init__(self, device: str, address: TcpAddress, connected: socket.socket) -> None:
        self._device = device
        self._address = address
        self._socket = connected

    def fileno(self) -> int:
        return self._socket.fileno()

    def read(self) -> bytes:
        try:
            data = self._socket.recv(CHUNK)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise DeviceGone(self._device, f"{self._address}: {error.strerror}") from error
        if not data:
            raise DeviceGone(self._device, f"{self._address} closed the connection")
        return data

    def write(self, data: bytes) -> None:
        try:
            written = self._socket.send(data)
        except BlockingIOError:
            written = 0
        except OSError as error:
            raise DeviceGone(self._device, f"{self._address}: {error.strerror}") from error
        if written < len(data):
            raise DeviceGone(self._device, f"{self._address} takes no more bytes: nothing reads at the other end")

    def close(self) -> None:
        self._socket.close()


async def connect(device: str, address: TcpAddress) -> TcpPort:
    """Connect within ``CONNECT_S``, to the first of the host's addresses that answers.

    Raises DeviceGone.
    """
    reason = "no such host"
    try:
        async with asyncio.timeout(CONNECT_S):
            for family, where in await _resolve(address):
                try:
                    return TcpPort(device, address, await _connected(family, where))
                except OSError as error:
                    reason = os.strerror(error.errno) if error.errno else str(error)
    except TimeoutError as error:
        raise DeviceGone(device, f"{address} does not answer") from error
    except socket.gaierror as error:
        raise DeviceGone(device, f"{address}: {error.strerror}") from error
    raise DeviceGone(device, f"no connection to {address}: {reason}")


async def _resolve(address: TcpAddress) -> list[tuple[int, Any]]:
    try:  # in bytes: a str goes through the codec for names in all languages, which takes memory and is for names only
        found = socket.getaddrinfo(address.host.encode(), address.port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:  # a name: only then is a resolver, and with it the loop's thread pool, needed
        found = await asyncio.get_running_loop().getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    return [(family, where) for family, _, _, _, where in found]


async def _connected(family: int, where: Any) -> socket.socket:
    with contextlib.ExitStack() as undo:
        sock = undo.enter_context(socket.socket(family, socket.SOCK_STREAM))
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, IDLE_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, INTERVAL_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, PROBES)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 1000 * (IDLE_S + INTERVAL_S * PROBES))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(sock, where)
        undo.pop_all()
    return sock
