"""A fixed UHF reader on LLRP (EPCglobal LLRP 1.1): llrpkit's emulator (the extra ``llrp``), with the store's tags in its field.

Unlike the other simulated devices it is not ours, is a server by itself rather than bytes in and out, and times its reports by the
machine's clock. It plays an Impinj reader; it refuses ENABLE_EVENTS_AND_REPORTS.
"""

from __future__ import annotations

import asyncio
import importlib
import socket
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

from firmware_sims.sim import NotInstalled

MISSING = "LLRP readers are simulated by llrpkit, which is not installed: pip install 'smartstore[llrp]'"
READS_A_SECOND = 100.0
RSSI_DBM = -55.0


class LlrpReader:
    """One reader and what is in its field. Raises NotInstalled."""

    quantum_s = 0.1

    def __init__(self, tags: Callable[[], Sequence[bytes]], *, seed: int = 0) -> None:
        try:
            self._library: Any = importlib.import_module("llrpkit.emulator")
        except ImportError:
            raise NotInstalled(MISSING) from None
        self._tags = tags
        self._seed = seed
        self._emulator: Any = None

    def begin(self, number: int) -> Any:
        """The emulator that is to listen on a port number of loopback; an async context manager."""
        self._emulator = self._library.LLRPEmulator(port=number, tags=[], reads_per_sec=READS_A_SECOND, antenna_count=1, seed=self._seed)
        self.tick(0.0)
        return self._emulator

    def receive(self, data: bytes) -> bytes:
        """It hears through its own socket."""
        return b""

    def tick(self, dt: float) -> bytes:
        """Bring its field up to date; it speaks through its own socket."""
        if self._emulator is not None:
            tag = self._library.EmulatedTag
            self._emulator.tags = [tag(epc, (1,), RSSI_DBM) for epc in sorted(set(self._tags()))]
        return b""

    def power_cycle(self) -> None:
        """Its link does that: a reader that starts anew drops whoever is connected."""


class LlrpLink:
    """An LLRP reader on its own socket. ``run`` serves it for ever; the number of its port stays the same when it is plugged again."""

    def __init__(self, sim: LlrpReader) -> None:
        self.sim = sim
        with closing(socket.create_server(("127.0.0.1", 0))) as listening:
            self.number: int = listening.getsockname()[1]
        self._plugged = asyncio.Event()
        self._unplugged = asyncio.Event()

    @property
    def port(self) -> str:
        return f"tcp:127.0.0.1:{self.number}"

    @property
    def plugged(self) -> bool:
        return self._plugged.is_set()

    def plug(self) -> None:
        """Listen, soon."""
        self._unplugged.clear()
        self._plugged.set()

    def unplug(self) -> None:
        """Stop listening and drop whoever is connected, soon."""
        self._plugged.clear()
        self._unplugged.set()

    def tick(self, dt: float) -> None:
        self.sim.tick(dt)

    async def run(self) -> None:
        """Be there while plugged."""
        while True:
            await self._plugged.wait()
            async with self.sim.begin(self.number):
                await self._unplugged.wait()
