"""A broker of a few lines that does what Mosquitto cannot be made to: chosen reason codes, small windows, nonsense.

MQTT 5 only, by the standard (2.1 fixed header, 3.2 CONNACK, 3.4 PUBACK, 3.9 SUBACK), sharing no code with paho.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field


def _variable_length(first: int, body: bytes) -> bytes:
    length, encoded = len(body), bytearray()
    while True:
        length, digit = length >> 7, length & 0x7F
        encoded.append(digit | (0x80 if length else 0))
        if not length:
            return bytes([first]) + bytes(encoded) + body


def publish(topic: str, payload: bytes, mid: int) -> bytes:
    """A QoS 1 PUBLISH from the broker."""
    name = topic.encode()
    return _variable_length(0x32, len(name).to_bytes(2, "big") + name + mid.to_bytes(2, "big") + b"\0" + payload)


def take_everything(_topic: str, _seq: int) -> int | None:
    return 0


@dataclass(slots=True)
class ScriptedBroker:
    """``answer(topic, seq)`` gives the reason code of a PUBACK, None for silence. ``connack`` are its reason code and properties."""

    answer: Callable[[str, int], int | None] = take_everything
    connack_code: int = 0
    connack_properties: bytes = b""
    greeting: bytes = b""
    silent: bool = False
    port: int = 0
    connections: int = 0
    cleans: list[bool] = field(default_factory=list)
    seqs: list[int] = field(default_factory=list)
    topics: list[str] = field(default_factory=list)
    acknowledged: list[int] = field(default_factory=list)
    unanswered: int = 0
    most_unanswered: int = 0
    writer: asyncio.StreamWriter | None = None
    _serving: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        self.connections += 1
        self.unanswered = 0
        self.writer = writer
        try:
            while True:
                first, body = await self._packet(reader)
                if not self.silent:
                    self._take(first, body, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._serving.discard(task)
            writer.transport.abort()

    async def _packet(self, reader: asyncio.StreamReader) -> tuple[int, bytes]:
        first, length, shift = (await reader.readexactly(1))[0], 0, 0
        while True:
            byte = (await reader.readexactly(1))[0]
            length |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                return first, await reader.readexactly(length)

    def _take(self, first: int, body: bytes, writer: asyncio.StreamWriter) -> None:
        kind = first >> 4
        if kind == 1:
            self.cleans.append(bool(body[7] & 0x02))
            answer = bytes([0, self.connack_code, len(self.connack_properties)]) + self.connack_properties
            writer.write(_variable_length(0x20, answer) + self.greeting)
        elif kind == 3 and first & 0x06:
            self._take_publish(body, writer)
        elif kind == 4:
            self.acknowledged.append(int.from_bytes(body[:2], "big"))
        elif kind == 8:
            writer.write(_variable_length(0x90, body[:2] + b"\0\1"))
        elif kind == 10:
            writer.write(_variable_length(0xB0, body[:2] + b"\0\0"))
        elif kind == 12:
            writer.write(b"\xd0\0")

    def _take_publish(self, body: bytes, writer: asyncio.StreamWriter) -> None:
        length = int.from_bytes(body[:2], "big")
        topic, mid = body[2 : 2 + length].decode(), body[2 + length : 4 + length]
        found = re.search(rb'"seq": ?(\d+)', body)
        seq = int(found[1]) if found and "/event/" in topic else 0
        self.topics.append(topic)
        if seq:
            self.seqs.append(seq)
        self.unanswered += 1
        self.most_unanswered = max(self.most_unanswered, self.unanswered)
        code = self.answer(topic, seq)
        if code is not None:
            # Not at once: a window shows only where answers take their time.
            asyncio.get_running_loop().call_later(0.005, self._puback, writer, mid, code)

    def _puback(self, writer: asyncio.StreamWriter, mid: bytes, code: int) -> None:
        if not writer.is_closing():
            self.unanswered -= 1
            writer.write(_variable_length(0x40, mid + bytes([code])))

    async def close(self) -> None:
        for task in list(self._serving):
            task.cancel()
        if self._serving:
            await asyncio.wait(list(self._serving))


@contextlib.asynccontextmanager
async def scripted(broker: ScriptedBroker) -> AsyncIterator[ScriptedBroker]:
    """The broker, listening."""
    server = await asyncio.start_server(broker.serve, "127.0.0.1", 0)
    broker.port = server.sockets[0].getsockname()[1]
    try:
        yield broker
    finally:
        server.close()
        await broker.close()
        await server.wait_closed()
