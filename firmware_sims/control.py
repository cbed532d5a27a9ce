"""The control channel of a simulated store, from the side of whoever uses it: a hand in the store.

One JSON object a line on a unix socket, one line in answer: ``{"do": "take", "slot": "A1"}`` gives ``{"ok": true, "items": [...]}`` or
``{"ok": false, "error": "..."}``. The orders are in ``orders``.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from firmware_sims.sockets import address, folder_of

LONGEST_ANSWER = 4 * 1024 * 1024
ANSWER_WITHIN_S = 10.0
LOOK_AGAIN_S = 0.05


class CannotDo(RuntimeError):
    """The store refused an order; the text says why (``locked``, for one)."""


class Hand:
    """A hand in a simulated store. One order at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._free = asyncio.Lock()

    async def do(self, order: str, **arguments: Any) -> dict[str, Any]:
        """Give an order; the answer without ``ok``.

        Raises CannotDo where it is refused, ConnectionError where the store is gone, TimeoutError where it does not answer.
        """
        async with self._free, asyncio.timeout(ANSWER_WITHIN_S):
            self._writer.write(json.dumps({"do": order, **arguments}).encode() + b"\n")
            await self._writer.drain()
            line = await self._reader.readline()
        if not line:
            raise ConnectionError("the simulated store is gone")
        answer: dict[str, Any] = json.loads(line)
        if not answer.pop("ok"):
            raise CannotDo(answer["error"])
        return answer

    async def state(self) -> dict[str, Any]:
        """What is really so in the store."""
        state: dict[str, Any] = (await self.do("state"))["state"]
        return state

    async def open(self, zone: str, within_s: float = 0.0) -> None:
        """Pull at a door, again and again for so long. Raises CannotDo where it stays locked."""
        loop = asyncio.get_running_loop()
        until = loop.time() + within_s
        while True:
            try:
                await self.do("open", zone=zone)
                return
            except CannotDo as refusal:
                if str(refusal) != "locked" or loop.time() >= until:
                    raise
            await asyncio.sleep(LOOK_AGAIN_S)


@asynccontextmanager
async def hand(control: Path | str) -> AsyncIterator[Hand]:
    """A hand in the store that listens at this socket. Raises OSError where none does."""
    reader, writer = await asyncio.open_unix_connection(sock=_connected(Path(control)), limit=LONGEST_ANSWER)
    try:
        yield Hand(reader, writer)
    finally:
        writer.close()
        try:
            await writer.wait_closed()
        except ConnectionError:
            pass


def _connected(control: Path) -> socket.socket:
    """Connecting to a unix socket does not wait. Raises OSError."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        folder = folder_of(control)
        try:
            connection.connect(address(control, folder))
        finally:
            os.close(folder)
        connection.setblocking(False)
    except BaseException:
        connection.close()
        raise
    return connection
