"""The other side of the daemon's tap (``device.recording.tap``): what the commands that listen to a running store share."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from device.errors import StoreError
from device.recording.tap import LONGEST_REQUEST, socket_of

ANSWERS_WITHIN_S = 5.0


class NotRunning(StoreError):
    """No daemon of this store is there to be listened to."""


class Listening:
    """A connection on which a recording arrives."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def fileno(self) -> int:
        return self._connection.fileno()

    def read(self, most: int) -> bytes:
        """What has come, at least a byte; empty at the end."""
        return self._connection.recv(most)

    def into(self, buffer: memoryview) -> int:
        """The same into a buffer; how much."""
        return self._connection.recv_into(buffer)

    def enough(self) -> None:
        """Ask for no more; what has been collected so far still comes, and then the end."""
        self._connection.shutdown(socket.SHUT_WR)


@contextmanager
def listen(journal: Path, **request: Any) -> Iterator[Listening]:
    """Ask the daemon that keeps this journal. Raises NotRunning, and StoreError where it refuses."""
    path = socket_of(journal)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(ANSWERS_WITHIN_S)
        try:
            _connect(connection, path)
            connection.sendall(json.dumps(request).encode() + b"\n")
            answer = _answer(connection)
        except (FileNotFoundError, ConnectionError):
            raise NotRunning(f"no daemon is running on {journal}") from None
        except PermissionError:
            raise StoreError(f"{path} may not be read: be the user of the daemon, or root") from None
        except TimeoutError:
            raise StoreError(f"the daemon on {journal} does not answer") from None
        if "error" in answer:
            raise StoreError(str(answer["error"]))
        connection.settimeout(None)
        yield Listening(connection)


def _connect(connection: socket.socket, path: Path) -> None:
    """By way of the folder's descriptor: a socket's name may have 108 bytes, a folder's more (unix(7))."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        connection.connect(f"/proc/self/fd/{folder}/{path.name}")
    finally:
        os.close(folder)


def _answer(connection: socket.socket) -> dict[str, Any]:
    """The first line, byte by byte: what follows it belongs to the recording."""
    line = b""
    while not line.endswith(b"\n") and len(line) < LONGEST_REQUEST:
        byte = connection.recv(1)
        if not byte:
            raise ConnectionError("the daemon hung up")
        line += byte
    answer = json.loads(line)
    return answer if isinstance(answer, dict) else {}
