"""One exchange: a request within its limits, and the answer to it. What it answers is handed in; here is only HTTP (RFC 9110, RFC 9112)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import h11

from device.domain.record import record
from device.web.feed import Follower

REQUEST_WITHIN_S = 5.0
"""A whole request head must be there by then."""
SENT_WITHIN_S = 10.0
"""A client must take what it is sent by then, or it is dropped."""
LINGER_S = 1.0
"""After an answer, so long is read and thrown away what a client still sends: closing at once would cost it the answer."""
HEAD_BYTES = 8 * 1024
"""A browser's request head is under 2 KiB."""
BODY_BYTES = 64 * 1024
"""So much of a body that nobody wants is read before the connection is closed all the same."""

SAFE: tuple[tuple[str, str], ...] = (
    ("Content-Security-Policy", "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cache-Control", "no-store"),
)
"""On every answer: only our own files, in no frame, nothing guessed, nothing kept, nothing for other sites."""


@record
class Ask:
    """What a client wants. Header names are lower case; of a header that comes twice the last one is here, but Host comes once."""

    method: str
    path: str
    headers: Mapping[str, str]


@record
class Answer:
    """What it gets. ``stream``, where there is one, goes on for ever and comes in place of ``body``."""

    status: int
    type: str = "text/plain; charset=utf-8"
    body: bytes = b""
    more: tuple[tuple[str, str], ...] = ()
    stream: Follower | None = None


def plain(status: int, text: str, *more: tuple[str, str]) -> Answer:
    """An answer in one line."""
    return Answer(status, body=f"{text}\n".encode(), more=more)


class Exchange:
    """One request and its answer; then the connection is closed, so that no idle one takes the place of another client.

    Raises TimeoutError or OSError where the client is too slow or gone.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_BYTES)
        self._wants_body = True
        writer.transport.set_write_buffer_limits(0)  # so that drain waits for the client

    async def ask(self) -> Ask | Answer | None:
        """The request; an answer to what is none; None where the client has left without one."""
        try:
            async with asyncio.timeout(REQUEST_WITHIN_S):
                while (event := self._http.next_event()) is h11.NEED_DATA:
                    self._http.receive_data(await self._reader.read(4096))
        except h11.RemoteProtocolError as error:
            return plain(error.error_status_hint, "This is not a request that can be answered.")
        except TimeoutError:
            return plain(408, "The request took too long.")
        if not isinstance(event, h11.Request):
            return None
        self._wants_body = event.method != b"HEAD"
        return Ask(
            event.method.decode("ascii"),
            event.target.decode("ascii").partition("?")[0],
            {name.decode("ascii"): value.decode("latin-1") for name, value in event.headers},
        )

    async def answer(self, answer: Answer) -> None:
        """Send an answer. A stream ends when the client leaves."""
        headers = [("Content-Type", answer.type), *SAFE, *answer.more, ("Connection", "close")]
        if answer.stream is None:
            headers.append(("Content-Length", str(len(answer.body))))
        await self._send(h11.Response(status_code=answer.status, headers=headers))
        if not self._wants_body:
            return
        if answer.stream is None:
            await self._send(h11.Data(answer.body))
            return
        while True:
            messages = await answer.stream.next()
            if self._reader.at_eof():
                return
            await self._send(h11.Data(messages))

    async def _send(self, event: h11.Response | h11.Data) -> None:
        async with asyncio.timeout(SENT_WITHIN_S):
            self._writer.write(self._http.send(event) or b"")
            await self._writer.drain()

    async def end(self) -> None:
        """Let the client have read the answer before the connection goes."""
        self._writer.write_eof()
        left = BODY_BYTES
        async with asyncio.timeout(LINGER_S):
            while left > 0 and (thrown_away := await self._reader.read(4096)):
                left -= len(thrown_away)
