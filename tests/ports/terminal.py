"""A pseudo-terminal with a stable name, and the test at its far end."""

from __future__ import annotations

import asyncio
import os
import tty
from pathlib import Path


class Terminal:
    """Raw before anything is written to it; one slave end stays open, so that it lives while nobody else has it open."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.plug()

    def plug(self) -> None:
        self._ours, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._ours, False)
        self.path.symlink_to(os.ttyname(self._slave))

    def unplug(self) -> None:
        self.path.unlink()
        os.close(self._ours)
        os.close(self._slave)

    @property
    def slave(self) -> int:
        """The end that has the settings of the line."""
        return self._slave

    def say(self, data: bytes) -> None:
        assert os.write(self._ours, data) == len(data)

    async def hears(self) -> bytes:
        """The next bytes that come."""
        loop, arrived = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._ours, arrived.set)
        try:
            async with asyncio.timeout(30):
                await arrived.wait()
        finally:
            loop.remove_reader(self._ours)
        return self.heard()

    def heard(self) -> bytes:
        try:
            return os.read(self._ours, 4096)
        except BlockingIOError:
            return b""
