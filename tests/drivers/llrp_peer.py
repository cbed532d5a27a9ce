"""llrpkit's emulator of a reader, and what can be done to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from llrpkit.emulator import EmulatedTag, LLRPEmulator
from llrpkit.protocol import LLRPMessage

from device.domain.port import TcpAddress

EPC = bytes.fromhex("30751FEB705C5904E3D50D70")


class Emulator(LLRPEmulator):
    """One reader. ``noise`` goes out before each of its messages; ``dumb`` it says nothing; ``asked`` are the messages that came."""

    def __init__(self, tags: Sequence[bytes] = (EPC,), **options: Any) -> None:
        self.field = [EmulatedTag(epc, (1,), -55.0) for epc in tags]
        super().__init__(tags=self.field, antenna_count=1, **options)
        self.noise = b""
        self.dumb = False
        self.asked: list[str] = []

    @property
    def address(self) -> TcpAddress:
        return TcpAddress("127.0.0.1", self.port)

    async def deserted(self) -> None:
        """Return once it has noticed that its client has gone; it leaves a task behind otherwise."""
        async with asyncio.timeout(30):
            while self._writer is not None:  # noqa: ASYNC110  # the emulator has no event for it
                await asyncio.sleep(0)

    async def _send(self, msg: LLRPMessage, *, message_id: int = 0) -> None:
        if self.dumb:
            return
        if self.noise and self._writer is not None:
            self._writer.write(self.noise)
        await super()._send(msg, message_id=message_id)

    async def _handle_message(self, msg: LLRPMessage) -> None:
        self.asked.append(type(msg).__name__)
        await super()._handle_message(msg)


@asynccontextmanager
async def emulated(**options: Any) -> AsyncIterator[Emulator]:
    emulator = Emulator(**options)
    async with emulator:
        yield emulator
        await emulator.deserted()
