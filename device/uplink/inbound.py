"""What comes in: commands, which are handed on one after another, and the backend's receipts.

A message is acknowledged to the broker only after it has been dealt with, which for a command means after it is durable. If the connection
ends before, it is not acknowledged at all, and the broker sends it again on the next one (a session of ours is kept there for a day).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

from device.domain.commands import InboundCommand
from device.uplink.link import Link, Message
from device.uplink.topics import Topics

ROOM = 32
"""Messages that wait to be dealt with. With more, the link is not read (see ``link``)."""


def read_receipt(payload: bytes, epoch: str, newest_seq: int) -> int | None:
    """The seq up to which the backend has stored everything; None where this is not a receipt for numbers that we have given out."""
    try:
        receipt = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    if not isinstance(receipt, dict) or receipt.get("epoch") != epoch:
        return None
    upto = receipt.get("upto")
    return upto if type(upto) is int and 0 < upto <= newest_seq else None


class Inbound:
    """The way in. ``command`` returns once a command is durable, ``receipt`` once a receipt is."""

    def __init__(
        self,
        topics: Topics,
        command: Callable[[InboundCommand], Awaitable[None]],
        receipt: Callable[[bytes], Awaitable[None]],
        wake: asyncio.Event,
    ) -> None:
        self._topics = topics
        self._command = command
        self._receipt = receipt
        self._wake = wake
        self._waiting: asyncio.Queue[tuple[Link, Message]] = asyncio.Queue(ROOM)

    @property
    def room(self) -> bool:
        """Whether ``put`` may be called. ``wake`` is set when there is room again."""
        return not self._waiting.full()

    def put(self, link: Link, message: Message) -> None:
        """Take a message. Never blocks."""
        self._waiting.put_nowait((link, message))

    async def run(self) -> None:
        """Deal with messages, one at a time, in order, for ever."""
        while True:
            link, message = await self._waiting.get()
            self._wake.set()
            if link.alive or message.qos == 0:
                await self._deal(message)
                link.acknowledge(message)

    async def _deal(self, message: Message) -> None:
        name = self._topics.command(message.topic)
        if name is not None:
            await self._command(InboundCommand(name, message.payload, message.retained, message.response_topic, message.correlation))
        elif message.topic == self._topics.receipt:
            await self._receipt(message.payload)
