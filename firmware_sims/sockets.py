"""JSON lines on a unix socket, for the control channel and the pins."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import socket
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

LONGEST_LINE = 64 * 1024
"""A line longer than this ends the conversation; the longest honest one is under 2 KB."""
MOST_UNREAD = 1024 * 1024
"""A client with more than this unread is not reading, and is dropped."""

Message = dict[str, Any]


def address(path: Path, folder: int) -> str:
    """A socket's name that is short however long its folder's is (unix(7): 108 bytes); ``folder`` is a descriptor of that."""
    return f"/proc/self/fd/{folder}/{path.name}"


def folder_of(path: Path) -> int:
    """The descriptor for ``address``, to be closed. Raises OSError."""
    return os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)


def _answers(name: str) -> bool:
    """Whether somebody listens at this socket, however busy."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(name)
        except BlockingIOError:  # its queue is full
            return True
        except OSError:
            return False
    return True


class LineServer:
    """Serves any number of clients: ``greet`` gives what a new client is told, ``answer`` what is said to a line (None: nothing)."""

    def __init__(self, path: Path, answer: Callable[[Message], Message | None], greet: Callable[[], Iterable[Message]] = tuple) -> None:
        self.path = path
        self.answer = answer
        self.greet = greet
        self._clients: set[_Client] = set()
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Listen, in the place of what an earlier life left there; only its owner may connect.

        Raises OSError, EADDRINUSE where somebody listens there: that one keeps its place.
        """
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            folder = folder_of(self.path)
            try:
                if _answers(address(self.path, folder)):
                    raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
                self.path.unlink(missing_ok=True)
                listening.bind(address(self.path, folder))
            finally:
                os.close(folder)
            self.path.chmod(0o600)
            loop = asyncio.get_running_loop()
            self._server = await loop.create_unix_server(lambda: _Client(self), sock=listening)
        except BaseException:
            listening.close()
            raise

    async def close(self) -> None:
        if self._server is None:
            return
        # Before it is shut: as long as it listens nobody else takes the place, and what stands there is its own.
        self.path.unlink(missing_ok=True)
        self._server.close()
        for client in tuple(self._clients):
            client.drop()
        await self._server.wait_closed()

    def broadcast(self, message: Message) -> None:
        """Tell every client."""
        for client in tuple(self._clients):
            client.say(message)

    def joined(self, client: _Client) -> None:
        self._clients.add(client)
        for message in self.greet():
            client.say(message)

    def left(self, client: _Client) -> None:
        self._clients.discard(client)


class _Client(asyncio.Protocol):
    def __init__(self, server: LineServer) -> None:
        self._server = server
        self._heard = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._server.joined(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.left(self)

    def data_received(self, data: bytes) -> None:
        *lines, self._heard = (self._heard + data).split(b"\n")
        for line in lines:
            if line.strip():
                self._obey(line)
        if len(self._heard) > LONGEST_LINE:
            self.drop()

    def _obey(self, line: bytes) -> None:
        try:
            message = json.loads(line)
        except ValueError:
            message = None
        if not isinstance(message, dict):
            self.say({"ok": False, "error": "a request is one JSON object a line"})
            return
        answer = self._server.answer(message)
        if answer is not None:
            self.say(answer)

    def say(self, message: Message) -> None:
        if self._transport.is_closing():
            return
        self._transport.write(json.dumps(message).encode() + b"\n")
        if self._transport.get_write_buffer_size() > MOST_UNREAD:
            self.drop()

    def drop(self) -> None:
        self._transport.abort()
