"""A client that says exactly what a test wants, byte by byte."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Self

WITHIN_S = 15.0


async def seen(look: Callable[[], bool]) -> None:
    """Look again and again until something that tells nobody is so."""
    async with asyncio.timeout(WITHIN_S):
        while not look():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@dataclass(frozen=True)
class Got:
    """An answer; header names are lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


def get(path: str = "/", method: str = "GET", host: str = "localhost", *more: str) -> bytes:
    """A plain request."""
    return "\r\n".join([f"{method} {path} HTTP/1.1", f"Host: {host}", *more, "", ""]).encode()


async def ask(port: int, request: bytes, address: str = "127.0.0.1") -> Got:
    """Send bytes, and read until the other side closes."""
    async with asyncio.timeout(WITHIN_S):
        reader, writer = await asyncio.open_connection(address, port)
        try:
            writer.write(request)
            with contextlib.suppress(ConnectionError):
                await writer.drain()
            return parse(await reader.read())
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


def parse(answer: bytes) -> Got:
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    return Got(int(first.split()[1]), {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}, body)


class Watcher:
    """Follows the feed, and has the state that a page would have."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, topics: dict[str, Any]) -> None:
        self._reader = reader
        self.writer = writer
        self.topics = topics
        self.events: list[dict[str, Any]] = []
        self.last_id = ""
        self.kinds: list[str] = []

    @classmethod
    @contextlib.asynccontextmanager
    async def following(cls, port: int, last_id: str = "", topics: dict[str, Any] | None = None) -> AsyncIterator[Self]:
        """Connect, and be told from after ``last_id``; ``topics`` is what is known by then."""
        async with asyncio.timeout(WITHIN_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(get("/events", "GET", "localhost", *([f"Last-Event-ID: {last_id}"] if last_id else [])))
            assert b" 200 " in await reader.readline()
            while await reader.readline() != b"\r\n":
                pass
        try:
            yield cls(reader, writer, dict(topics or {}))
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def next(self) -> str:
        """Take one message; its kind."""
        async with asyncio.timeout(WITHIN_S):
            fields: dict[str, str] = {}
            while not fields:
                for line in (await self._chunked_message()).splitlines():
                    name, _, value = line.partition(": ")
                    fields[name] = value
        told = json.loads(fields["data"])
        self.last_id = fields["id"]
        self.kinds.append(fields["event"])
        if fields["event"] == "state":
            self.topics, self.events = told["topics"], told["events"]
        else:
            for topic, value in told["topics"].items():
                if value is None:
                    self.topics.pop(topic, None)
                else:
                    self.topics[topic] = value
            known = {event["seq"] for event in self.events}
            self.events += [event for event in told["events"] if event["seq"] not in known]
        return fields["event"]

    async def until(self, topic: str, value: Any) -> None:
        """Take messages until a topic has a value."""
        while self.topics.get(topic) != value:
            await self.next()

    async def closed(self) -> None:
        """Until the other side has ended."""
        async with asyncio.timeout(WITHIN_S):
            with contextlib.suppress(ConnectionError):
                await self._reader.read()

    async def _chunked_message(self) -> str:
        """Lines up to an empty one. The sizes of chunks are numbers on lines of their own, which no field of ours looks like."""
        lines: list[str] = []
        while True:
            line = (await self._reader.readline()).decode()
            assert line, "the connection was closed"
            if line == "\n":
                return "".join(lines)
            if line.startswith(("id:", "event:", "data:", "retry:")):
                lines.append(line)
