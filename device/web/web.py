"""The page's server: who may connect, and what there is to get. GET and HEAD only; there is nothing that changes anything.

Names are checked (DNS rebinding: a page of another site could otherwise make a browser read ours under its own name), and requests that
another site has caused get nothing but the page itself.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import logging
import secrets
import socket
from collections.abc import Iterable
from pathlib import Path

from device.web.exchange import SENT_WITHIN_S, Answer, Ask, Exchange, plain
from device.web.feed import Feed
from device.web.picture import Picture

log = logging.getLogger("smartstore.web")

MOST_CONNECTIONS = 16
"""At a time: a page holds one. The next one is told to come back later."""
GAP_S = 0.1
"""Between two messages of the feed; what changes in between goes out together."""
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 30.0
SEND_BUFFER = 64 * 1024
"""Bytes that the kernel may hold for one client. With its default a client that reads nothing is noticed after megabytes."""

FULL = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

PAGE = Path(__file__).parent / "page"
FILES = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
    "/favicon.ico": ("icon.svg", "image/svg+xml"),
}


class Web:
    """The page of one store. ``listen``: HOST:PORT. Fed through ``picture`` and ``events``; served by ``run``."""

    def __init__(self, listen: str, picture: Picture) -> None:
        self._host, self._wanted_port = split(listen)
        self.picture = picture
        self.port: int | None = None
        """Where it listens; None while it does not."""
        self._feed = Feed(secrets.token_hex(4), picture.whole)
        self._files = {path: Answer(200, kind, (PAGE / name).read_bytes()) for path, (name, kind) in FILES.items()}
        self._connections: set[asyncio.Task[None]] = set()
        self._closing = False

    @property
    def connections(self) -> int:
        """How many there are now."""
        return len(self._connections)

    def events(self, bodies: Iterable[bytes]) -> None:
        """Events that are in the journal now, as they were written there."""
        for body in bodies:
            self.picture.event(body)

    async def run(self) -> None:
        """Serve until cancelled. A port that cannot be had is tried again and again; the store goes on meanwhile."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._tell(), name="web-feed")
            server = await self._listen(group)
            try:
                await asyncio.Event().wait()
            finally:
                # The group ends the connections, which Server.wait_closed would wait for.
                self._closing = True
                server.close()
                self.port = None

    async def _tell(self) -> None:
        while True:
            changes = self.picture.changes()
            if changes is not None:
                self._feed.tell(changes)
            await asyncio.sleep(GAP_S)

    async def _listen(self, group: asyncio.TaskGroup) -> asyncio.Server:
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                server = await asyncio.start_server(
                    lambda reader, writer: self._connected(group, reader, writer), self._host, self._wanted_port, limit=4096
                )
            except OSError as error:
                if pause_s == FIRST_PAUSE_S:
                    log.warning("no page on %s:%d, which is tried again: %s", self._host, self._wanted_port, error.strerror or error)
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
                continue
            self.port = server.sockets[0].getsockname()[1]
            log.info("the page: http://%s:%d/", f"[{self._host}]" if ":" in self._host else self._host, self.port)
            return server

    def _connected(self, group: asyncio.TaskGroup, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._closing:
            writer.transport.abort()
        elif len(self._connections) >= MOST_CONNECTIONS:
            writer.write(FULL)
            writer.close()
        else:
            task = group.create_task(self._serve(reader, writer), name="web-connection")
            self._connections.add(task)
            # Not at the end of the task itself: one that is cancelled before its first step has no end.
            task.add_done_callback(lambda _: writer.transport.abort())
            task.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            _limit(writer)
            exchange = Exchange(reader, writer)
            asked = await exchange.ask()
            if asked is None:
                return
            arrived_at, *_ = writer.get_extra_info("sockname") or ("",)
            answer = self._answer(asked, arrived_at) if isinstance(asked, Ask) else asked
            try:
                await exchange.answer(answer)
            finally:
                if answer.stream is not None:
                    self._feed.leave(answer.stream)
            await exchange.end()
        except OSError as gone:
            log.debug("a client is gone: %s", gone)

    def _answer(self, asked: Ask, arrived_at: str) -> Answer:
        if not self._is_ours(asked.headers.get("host", ""), arrived_at):
            return plain(421, "There is no store of that name here.")
        if asked.path not in self._files and asked.path not in ("/state.json", "/events"):
            return plain(404, "There is nothing here.")
        if asked.method not in ("GET", "HEAD"):
            return plain(405, "This page can only be read.", ("Allow", "GET, HEAD"))
        if asked.path != "/" and asked.headers.get("sec-fetch-site") in ("cross-site", "same-site"):
            return plain(403, "This is not for other sites.")
        if asked.path == "/events":
            return Answer(200, "text/event-stream; charset=utf-8", stream=self._feed.follow(asked.headers.get("last-event-id", "")))
        if asked.path == "/state.json":
            return Answer(200, "application/json", json.dumps(self.picture.whole(), indent=1).encode())
        return self._files[asked.path]

    def _is_ours(self, host: str, arrived_at: str) -> bool:
        """Whether ``host`` names the configured host, this machine, or, by its number, the address at which the request arrived."""
        try:
            name, _ = split(host if _has_port(host) else f"{host}:80")
        except ValueError:
            return False
        return name.lower() in LOOPBACK | {self._host.lower(), _bare(arrived_at)}


def split(listen: str) -> tuple[str, int]:
    """Host and port of ``HOST:PORT``, of ``[::1]:8080`` without the brackets. Raises ValueError."""
    host, _, port = listen.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        return str(ipaddress.IPv6Address(host[1:-1])), int(port)
    if not host or ":" in host:
        raise ValueError(f"{listen!r} is not HOST:PORT")
    return host, int(port)


def _has_port(host: str) -> bool:
    return not host.endswith("]") and ":" in host


def _bare(address: str) -> str:
    """An address of a socket as it is written in a Host header: an IPv4 address that came in over IPv6 is itself."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return str(mapped or found)


def _limit(writer: asyncio.StreamWriter) -> None:
    """Have the kernel hold little for a client, and give up one that has vanished (tcp(7), TCP_USER_TIMEOUT)."""
    channel = writer.get_extra_info("socket")
    channel.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    channel.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(SENT_WITHIN_S * 1000))
