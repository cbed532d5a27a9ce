"""The daemon's tap: a unix socket beside its journal, where whoever may read the journal can hear what the devices say.

While nobody listens and nothing is to be kept it costs one comparison a reading. What is heard is collected and encoded once a second. A
listener that does not keep up with it is dropped, and its file ends there.

A listener says one JSON line, ``{"last_s": 0, "stream": true}``, ``{"keep_minutes": 10}`` or ``{"forget": "SUBJECT"}`` (no recording, but
there is one socket for those who may read the journal); the answer is one JSON line, ``{"ok": true}`` or ``{"error": "…"}``, and then the
bytes of a recording. When it has heard enough it shuts its own side, and is sent the rest.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from device.domain.commands import InboundCommand
from device.domain.readings import CodeReading, Reading
from device.recording.ring import MOST_BYTES, MOST_MINUTES, Ring
from device.recording.trace import Entry, Header, Keyframe, Taken, encode, encode_header

MOST_LISTENERS = 2
MOST_UNREAD = MOST_BYTES + 4 * 1024 * 1024
"""What a listener may leave unread: all of the past, and an hour or so of a busy store."""
CLOSES_WITHIN_S = 1.0
MOST_WAITING = 20_000
"""Readings that may wait for the second to end; then they are encoded at once."""
LONGEST_REQUEST = 1024

Forget = Callable[[str, Callable[[str | None], None]], None]
"""Begins to forget a person. What it is given is told at the end why they are not forgotten, None: they are."""


class Veiling(Protocol):
    """What stands between the devices and a recording: nothing is written down that names a person."""

    def begin(self) -> None:
        """A keyframe is written."""
        ...

    def reading(self, reading: Reading) -> Reading: ...

    def command(self, command: InboundCommand) -> InboundCommand: ...


Attach = Callable[[bool], None]
"""Asks for readings and commands to be handed over from now on, or no longer."""


def socket_of(journal: Path) -> Path:
    """Where the tap of a daemon is that keeps this journal."""
    return journal.with_name(journal.name + ".tap")


def _address(path: Path, folder: int) -> str:
    """A socket's name that is short however long its folder's is (unix(7): 108 bytes)."""
    return f"/proc/self/fd/{folder}/{path.name}"


class Tap:
    """The listening side. ``describe`` makes a header, ``keyframe`` what a replay starts from; ``now`` is the uptime."""

    def __init__(
        self,
        path: Path,
        describe: Callable[[], Header],
        keyframe: Callable[[], Keyframe],
        attach: Attach,
        now: Callable[[], float],
        forget: Forget,
        veil: Callable[[], Veiling],
    ) -> None:
        self._path = path
        self._describe = describe
        self._keyframe = keyframe
        self._attach = attach
        self._now = now
        self._forget = forget
        self._veil = veil
        self._server: asyncio.Server | None = None
        self._connected: set[_Listener] = set()
        self._listeners: set[_Listener] = set()
        self._ring: Ring | None = None
        self._waiting: list[Entry] = []
        self._devices: tuple[str, ...] = ()
        self._attached = False

    async def open(self) -> None:
        """Listen. Raises OSError where the socket cannot be made."""
        folder = os.open(self._path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            with suppress(FileNotFoundError):
                self._path.unlink()
            listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                listening.bind(_address(self._path, folder))
                # Before it listens nobody can connect, so nobody is let in by wider permissions.
                self._path.chmod(0o600)
                loop = asyncio.get_running_loop()
                self._server = await loop.create_unix_server(lambda: _Listener(self), sock=listening)
            except BaseException:
                listening.close()
                raise
        finally:
            os.close(folder)

    async def close(self) -> None:
        """Hand over what waits and let everybody go."""
        self.flush()
        if self._server is None:
            return
        self._server.close()
        for listener in tuple(self._connected):
            listener.end()
        try:
            async with asyncio.timeout(CLOSES_WITHIN_S):
                await self._server.wait_closed()
        except TimeoutError:
            for listener in tuple(self._connected):
                listener.drop()
        self._server = None
        self._path.unlink(missing_ok=True)

    def keep(self, minutes: float) -> None:
        """Keep the newest minutes in memory from now on; 0: none."""
        self.flush()
        self._ring = Ring(60 * minutes) if minutes else None
        self._see_to_it()
        self._begin_segment()

    def drop_past(self) -> None:
        """Keep nothing of what has been kept so far."""
        if self._ring is not None:
            self.keep(self._ring.keep_s / 60)

    # What the daemon hands over

    def readings(self, readings: Sequence[Reading]) -> None:
        """Readings, as they are put into the inbox."""
        veil = self._veil()
        self._waiting.extend([veil.reading(reading) if type(reading) is CodeReading else reading for reading in readings])
        if len(self._waiting) > MOST_WAITING:
            self.flush()

    def command(self, command: InboundCommand) -> None:
        """A command, as it is put into the inbox."""
        self._waiting.append(Taken(self._now(), self._veil().command(command)))

    def flush(self) -> None:
        """Encode what waits; once a second."""
        if not self._attached or not self._waiting:
            return
        at = self._waiting[-1].at
        member = encode(self._waiting, self._devices)
        self._waiting.clear()
        for listener in tuple(self._listeners):
            listener.tell(member)
        if self._ring is not None:
            self._ring.put(member, at, keyframe=False)
            if self._ring.wants_keyframe(at):
                self._begin_segment()

    def _begin_segment(self) -> None:
        if self._ring is not None:
            keyframe = self._new_keyframe()
            self._ring.put(encode([keyframe], self._devices), keyframe.at, keyframe=True)

    def _new_keyframe(self) -> Keyframe:
        self._veil().begin()
        return self._keyframe()

    # What listeners ask for

    def asked(self, listener: _Listener, request: dict[str, Any]) -> str | None:
        """Serve a request. Returns what is wrong with it, None where nothing is."""
        keep, last_s = request.get("keep_minutes"), request.get("last_s", 0)
        if "forget" in request:
            return self._asked_to_forget(listener, request["forget"])
        if keep is not None:
            if not isinstance(keep, int | float) or not 0 <= keep <= MOST_MINUTES:
                return f"keep_minutes is 0-{MOST_MINUTES}"
            self.keep(keep)
            return None
        if not isinstance(last_s, int | float) or last_s < 0:
            return "last_s is a number of seconds"
        if last_s and self._ring is None:
            return "the daemon keeps nothing of the past; ask it to with --keep MINUTES"
        if len(self._listeners) >= MOST_LISTENERS:
            return f"{MOST_LISTENERS} are listening already"
        self.flush()
        listener.tell(b'{"ok": true}\n' + encode_header(self._describe()))
        self._devices = self._names()
        if last_s and self._ring is not None:
            keyframe = self._new_keyframe()
            for member in self._ring.since(keyframe.at - last_s):
                listener.tell(member)
        else:
            listener.tell(encode([self._new_keyframe()], self._devices))
        if request.get("stream"):
            self._listeners.add(listener)
            self._see_to_it()
        else:
            listener.end()
        return None

    def _asked_to_forget(self, listener: _Listener, subject: object) -> str | None:
        if not isinstance(subject, str) or not subject:
            return "forget names a subject"
        self._forget(subject, listener.answer)
        return None

    def joined(self, listener: _Listener) -> None:
        self._connected.add(listener)

    def left(self, listener: _Listener) -> None:
        """A listener is gone, or has heard enough."""
        self._listeners.discard(listener)
        self._see_to_it()

    def lost(self, listener: _Listener) -> None:
        self._connected.discard(listener)
        self.left(listener)

    def _names(self) -> tuple[str, ...]:
        return tuple(device.id for device in self._describe().layout.devices)

    def _see_to_it(self) -> None:
        """Be handed readings exactly while somebody wants them."""
        wanted = bool(self._listeners) or self._ring is not None
        if wanted == self._attached:
            return
        self._attached = wanted
        self._waiting.clear()
        if wanted:
            self._devices = self._names()
        self._attach(wanted)


class _Listener(asyncio.Protocol):
    """One connection."""

    def __init__(self, tap: Tap) -> None:
        self._tap = tap
        self._heard = b""
        self._served = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._tap.joined(self)

    def data_received(self, data: bytes) -> None:
        if self._served:
            return
        self._heard += data
        line, end, _ = self._heard.partition(b"\n")
        if not end and len(self._heard) <= LONGEST_REQUEST:
            return
        self._served = True
        problem = self._ask(line)
        if problem is not None:
            self.answer(problem)

    def _ask(self, line: bytes) -> str | None:
        try:
            request = json.loads(line)
        except (ValueError, RecursionError):
            request = None
        if not isinstance(request, dict):
            return "a request is one JSON object in one line"
        problem = self._tap.asked(self, request)
        if problem is None and "keep_minutes" in request:
            self.answer(None)
        return problem

    def answer(self, problem: str | None) -> None:
        """Say whether it is done, and that is all."""
        if not self._transport.is_closing():
            self._transport.write((json.dumps({"ok": True}) if problem is None else json.dumps({"error": problem})).encode() + b"\n")
            self._transport.close()

    def eof_received(self) -> bool:
        self._tap.flush()
        self._tap.left(self)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._tap.lost(self)

    def tell(self, data: bytes) -> None:
        if self._transport.is_closing():
            return
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > MOST_UNREAD:
            self._transport.abort()

    def drop(self) -> None:
        """Whatever is unread is lost."""
        self._transport.abort()

    def end(self) -> None:
        """All is said; what is unread is still sent."""
        if not self._transport.is_closing():
            self._transport.close()
