"""A TCP proxy in front of a broker that delays, holds back, cuts, and keeps a record of the MQTT packets that pass.

It reads MQTT by itself (fixed header, packet id; MQTT 5, 2.1), so what it records does not depend on what the uplink believes.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

CONNECT, PUBLISH, PUBACK, SUBSCRIBE, PINGREQ, DISCONNECT = 1, 3, 4, 8, 12, 14


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet: its kind, who sent it, and of a PUBLISH or PUBACK the packet id; ``seq`` of an event, ``code`` of a PUBACK."""

    connection: int
    upwards: bool
    kind: int
    mid: int = 0
    topic: str = ""
    seq: int = 0
    code: int = 0


class _Splitter:
    """Cuts a byte stream into MQTT packets."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, piece: bytes) -> list[tuple[int, bytes]]:
        self._buffer += piece
        packets = []
        while (packet := self._next()) is not None:
            packets.append(packet)
        return packets

    def _next(self) -> tuple[int, bytes] | None:
        length = 0
        for at, byte in enumerate(self._buffer[1:5]):
            length |= (byte & 0x7F) << 7 * at
            if not byte & 0x80:
                end = at + 2 + length
                if len(self._buffer) < end:
                    return None
                packet = self._buffer[0], bytes(self._buffer[at + 2 : end])
                del self._buffer[:end]
                return packet
        return None


def _read(connection: int, upwards: bool, first: int, body: bytes) -> Packet:
    kind = first >> 4
    if kind == PUBACK:
        return Packet(connection, upwards, kind, mid=int.from_bytes(body[:2], "big"), code=body[2] if len(body) > 2 else 0)
    if kind == PUBLISH:
        length = int.from_bytes(body[:2], "big")
        topic = body[2 : 2 + length].decode()
        mid = int.from_bytes(body[2 + length : 4 + length], "big") if first & 0x06 else 0
        seq = re.search(rb'"seq": ?(\d+)', body) if "/event/" in topic else None
        return Packet(connection, upwards, kind, mid=mid, topic=topic, seq=int(seq[1]) if seq else 0)
    return Packet(connection, upwards, kind)


@dataclass(slots=True)
class Proxy:
    """``delay_s`` each way; ``let_down`` cleared, nothing comes from the broker any more; ``cut`` ends all connections."""

    target: int
    delay_s: float = 0.0
    port: int = 0
    packets: list[Packet] = field(default_factory=list)
    connections: int = 0
    let_up: asyncio.Event = field(default_factory=asyncio.Event)
    let_down: asyncio.Event = field(default_factory=asyncio.Event)
    in_flight: int = 0
    most_in_flight: int = 0
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    def published(self) -> list[int]:
        """The seq of every event that was published, in order, repetitions included."""
        return [packet.seq for packet in self.packets if packet.upwards and packet.seq]

    def acknowledged(self) -> set[int]:
        """The seq of every event for which the broker has sent a PUBACK that says yes."""
        ids: dict[tuple[int, int], int] = {}
        good = set()
        for packet in self.packets:
            if packet.upwards and packet.kind == PUBLISH and packet.mid:
                ids[packet.connection, packet.mid] = packet.seq
            elif not packet.upwards and packet.kind == PUBACK and packet.code < 0x80:
                good.add(ids.get((packet.connection, packet.mid), 0))
        return good - {0}

    def cut(self) -> None:
        """End all connections as a cable does that is pulled between two switches: with a reset."""
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        connection, self.in_flight = self.connections, 0
        try:
            there_reader, there = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, there}
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._forward(connection, True, reader, there, self.let_up))
                group.create_task(self._forward(connection, False, there_reader, writer, self.let_down))
        finally:
            for each in (writer, there):
                self._writers.discard(each)
                each.transport.abort()

    async def _forward(
        self, connection: int, upwards: bool, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, gate: asyncio.Event
    ) -> None:
        splitter = _Splitter()
        loop = asyncio.get_running_loop()
        pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def deliver() -> None:
            while True:
                due, piece = await pieces.get()
                await asyncio.sleep(max(0.0, due - loop.time()))
                await gate.wait()
                if not piece:
                    writer.transport.abort()
                    return
                if not upwards:
                    self._record(connection, upwards, splitter.feed(piece))
                writer.write(piece)
                await writer.drain()

        async with asyncio.TaskGroup() as group:
            group.create_task(deliver())
            with contextlib.suppress(ConnectionError):
                while piece := await reader.read(65536):
                    if upwards:
                        self._record(connection, upwards, splitter.feed(piece))
                    pieces.put_nowait((loop.time() + self.delay_s, piece))
            pieces.put_nowait((loop.time(), b""))

    def _record(self, connection: int, upwards: bool, packets: list[tuple[int, bytes]]) -> None:
        for first, body in packets:
            packet = _read(connection, upwards, first, body)
            self.packets.append(packet)
            if upwards and packet.kind == PUBLISH and packet.mid:
                self.in_flight += 1
                self.most_in_flight = max(self.most_in_flight, self.in_flight)
            elif not upwards and packet.kind == PUBACK:
                self.in_flight -= 1

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._serve(reader, writer)
        except* (ConnectionError, asyncio.CancelledError):
            writer.transport.abort()
        finally:
            self._tasks.discard(task)

    async def close(self) -> None:
        self.let_up.set()
        self.let_down.set()
        self.cut()
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(list(self._tasks))


@contextlib.asynccontextmanager
async def proxying(target: int, delay_s: float = 0.0) -> AsyncIterator[Proxy]:
    """A proxy before ``127.0.0.1:target``."""
    proxy = Proxy(target, delay_s)
    proxy.let_up.set()
    proxy.let_down.set()
    server = await asyncio.start_server(proxy.connected, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        await proxy.close()
        await server.wait_closed()
