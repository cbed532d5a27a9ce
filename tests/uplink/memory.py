"""What the uplink's tests stand on: an outbox in memory, a running uplink, and a stranger who listens."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiomqtt

from device.domain.commands import InboundCommand
from device.domain.layout import Mqtt
from device.uplink import State, Uplink

EPOCH = "9b1f03c2"
ROOT = "smartstore/test-01"
LIMIT_S = 30.0


@dataclass(frozen=True, slots=True)
class Row:
    """One event of the memory outbox."""

    seq: int
    type: str
    body: bytes


@dataclass(slots=True)
class MemoryOutbox:
    """An outbox that keeps everything in a list. Each commit takes one turn of the loop, as a journal's would take a thread's."""

    rows: list[Row] = field(default_factory=list)
    acknowledged: int = 0
    aside: dict[int, str] = field(default_factory=dict)

    @property
    def newest_seq(self) -> int:
        return len(self.rows)

    def add(self, count: int, type_: str = "stock.changed", size: int = 0) -> None:
        for _ in range(count):
            seq = len(self.rows) + 1
            body = {
                "id": f"{EPOCH}-{seq}",
                "type": type_,
                "subject": "fridge-1",
                "epoch": EPOCH,
                "seq": seq,
                "data": {"padding": "x" * size},
            }
            self.rows.append(Row(seq, type_, json.dumps(body).encode()))

    async def events(self, after_seq: int, limit: int) -> Sequence[Row]:
        await asyncio.sleep(0)
        return self.rows[after_seq : after_seq + limit]

    async def acknowledge(self, upto: int) -> None:
        assert self.acknowledged <= upto <= self.newest_seq
        await asyncio.sleep(0)
        self.acknowledged = upto

    async def set_aside(self, seq: int, reason: str) -> None:
        await asyncio.sleep(0)
        self.aside[seq] = reason

    async def readmit(self, seq: int) -> None:
        await asyncio.sleep(0)
        self.aside.pop(seq, None)


async def until(condition: Callable[[], object], what: str = "") -> None:
    """Return once the condition holds. Looks often; gives up loudly after a generous while."""
    try:
        async with asyncio.timeout(LIMIT_S):
            while not condition():  # noqa: ASYNC110
                await asyncio.sleep(0.005)
    except TimeoutError:
        raise AssertionError(f"did not come true: {what or condition}") from None


def settings_for(url: str, **more: Any) -> Mqtt:
    return Mqtt.model_validate({"url": url, "keepalive_s": 10, **more})


@dataclass(slots=True)
class Inbox:
    """Takes commands as an engine would; ``gate`` cleared, it is still busy making them durable."""

    commands: list[InboundCommand] = field(default_factory=list)
    durable: list[InboundCommand] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self, command: InboundCommand) -> None:
        self.commands.append(command)
        await self.gate.wait()
        self.durable.append(command)


def plain_status(state: State) -> Mapping[str, object]:
    return {"state": state, "epoch": EPOCH}


@contextlib.asynccontextmanager
async def running(uplink: Uplink) -> AsyncIterator[asyncio.Task[None]]:
    """An uplink that runs, and is stopped as the program would."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(uplink.run())
        try:
            yield task
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([task])


@dataclass(slots=True)
class Listener:
    """A subscriber who is always there: every message in the order of arrival."""

    messages: list[aiomqtt.Message] = field(default_factory=list)

    def on(self, topic: str) -> list[aiomqtt.Message]:
        return [message for message in self.messages if message.topic.matches(topic)]

    def payloads(self, topic: str) -> list[bytes]:
        return [bytes(message.payload) for message in self.on(topic) if isinstance(message.payload, bytes)]

    def seqs(self) -> list[int]:
        return [json.loads(payload)["seq"] for payload in self.payloads(f"{ROOT}/event/#")]

    def states(self) -> list[str]:
        return [json.loads(payload)["state"] for payload in self.payloads(f"{ROOT}/status")]


@contextlib.asynccontextmanager
async def listening(
    port: int, topic: str = f"{ROOT}/#", protocol: aiomqtt.ProtocolVersion = aiomqtt.ProtocolVersion.V5, **more: Any
) -> AsyncIterator[Listener]:
    """A listener at a broker on loopback; the broker has its subscription when this is entered."""
    listener = Listener()

    async def listen(client: aiomqtt.Client) -> None:
        async for message in client.messages:
            listener.messages.append(message)

    async with aiomqtt.Client("127.0.0.1", port, protocol=protocol, **more) as client, asyncio.TaskGroup() as group:
        await client.subscribe(topic, qos=1)
        task = group.create_task(listen(client))
        try:
            yield listener
        finally:
            task.cancel()
