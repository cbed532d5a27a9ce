"""Reaching the broker: name, TCP, TLS, without blocking the loop.

paho opens its socket by blocking calls. Its public ``connect`` in a thread would do, but such a thread cannot be cancelled: with a broker
that swallows packets, a stop would wait for it or leave it behind. So the socket is made here, on the loop, where every step can be
cancelled, and given to paho (see ``link``). Only looking up a name needs a thread, since the C library has no other way; IP addresses need
none. That thread is a daemon of its own and not of the loop's pool, so a resolver that hangs does not hold up the end of the process.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import socket
import ssl
import threading

from device.errors import UplinkDown
from device.uplink.endpoint import Endpoint

_Address = tuple[socket.AddressFamily, tuple[object, ...]]
EACH_ADDRESS_S = 5.0

CLOSED = "the broker closed the connection"


class BrokerSocket:
    """A connected, non-blocking socket for paho, which reads in large pieces and refuses packets that are too long.

    paho asks for the one or two bytes of a header and then for all that remains of the packet, so what it asks for is the packet's length:
    more than ``longest`` bytes are refused before anything is buffered. ``fault`` then says why the connection is over.
    """

    def __init__(self, sock: socket.socket, longest: int) -> None:
        self._sock = sock
        self._longest = longest
        self._piece = b""
        self._at = 0
        self.fault: str | None = None
        self.oversize = False

    @property
    def pending(self) -> bool:
        """Whether bytes have been read that paho has not asked for yet: the loop will not tell of those."""
        return self._at < len(self._piece)

    def condemn(self, reason: str) -> None:
        """From now on reading fails, so that paho gives the connection up without saying goodbye: the broker publishes the will."""
        self.fault = self.fault or reason
        self._piece, self._at = b"", 0

    def recv(self, size: int) -> bytes:
        if self.fault is not None:
            raise ConnectionAbortedError(self.fault)
        if size > self._longest:
            self.oversize = True
            self.condemn(f"a packet of {size} bytes, over {self._longest}")
            raise ConnectionAbortedError(self.fault)
        if not self.pending:
            try:
                self._piece, self._at = self._sock.recv(65536), 0
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                raise
            except OSError as error:
                self.condemn(str(error))
                raise
            if not self._piece:
                self.condemn(CLOSED)
                return b""
        part = self._piece[self._at : self._at + size]
        self._at += len(part)
        return part

    def send(self, buffer: bytes | bytearray) -> int:
        try:
            return self._sock.send(buffer)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except OSError as error:
            self.condemn(str(error))
            raise

    def close(self) -> None:
        self._sock.close()

    def fileno(self) -> int:
        return self._sock.fileno()

    def setblocking(self, flag: bool) -> None:
        self._sock.setblocking(flag)


async def dial(endpoint: Endpoint, context: ssl.SSLContext | None) -> socket.socket:
    """A connected, non-blocking socket; with ``context`` its TLS handshake is done. Raises UplinkDown."""
    failure = "no address"
    for family, address in await _resolve(endpoint.host, endpoint.port):
        sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            async with asyncio.timeout(EACH_ADDRESS_S):
                await asyncio.get_running_loop().sock_connect(sock, address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return sock if context is None else await _secure(sock, endpoint.host, context)
        except TimeoutError:
            failure = "no answer"
            sock.close()
        except (OSError, ValueError) as error:
            failure = _reason(error)
            sock.close()
        except BaseException:
            sock.close()
            raise
    raise UplinkDown(failure)


async def _secure(sock: socket.socket, host: str, context: ssl.SSLContext) -> ssl.SSLSocket:
    loop = asyncio.get_running_loop()
    secured = context.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
    try:
        while True:
            try:
                secured.do_handshake()
                return secured
            except ssl.SSLWantReadError:
                ready = asyncio.Event()
                loop.add_reader(secured.fileno(), ready.set)
                try:
                    await ready.wait()
                finally:
                    loop.remove_reader(secured.fileno())
            except ssl.SSLWantWriteError:
                ready = asyncio.Event()
                loop.add_writer(secured.fileno(), ready.set)
                try:
                    await ready.wait()
                finally:
                    loop.remove_writer(secured.fileno())
    except BaseException:
        secured.close()
        raise


async def _resolve(host: str, port: int) -> list[_Address]:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return await _resolve_in_thread(host, port)
    # In bytes: a str goes through the codec for names in all languages, which takes memory and is for names only.
    return _look_up(host.encode(), port, socket.AI_NUMERICHOST)


def _look_up(host: str | bytes, port: int, flags: int = 0) -> list[_Address]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    return [(family, address) for family, _, _, _, address in found]


async def _resolve_in_thread(host: str, port: int) -> list[_Address]:
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[_Address] | str] = loop.create_future()

    def deliver(result: list[_Address] | str) -> None:
        if not answer.done():
            answer.set_result(result)

    def ask() -> None:
        try:
            result: list[_Address] | str = _look_up(host, port)
        except (OSError, UnicodeError) as error:
            result = _reason(error)
        try:
            loop.call_soon_threadsafe(deliver, result)
        except RuntimeError:
            return  # the loop has ended while the resolver was thinking

    threading.Thread(target=ask, name="uplink-resolve", daemon=True).start()
    result = await answer
    if isinstance(result, str):
        raise UplinkDown(result)
    return result


def _reason(error: OSError | ValueError) -> str:
    """Why, without the address: whoever logs it has named the broker. Python's own text repeats it, and TLS has a number for an errno."""
    if isinstance(error, ssl.SSLError) or not isinstance(error, OSError):
        return str(error)
    if isinstance(error, socket.gaierror) or not error.errno:
        return error.strerror or str(error)
    return os.strerror(error.errno)
