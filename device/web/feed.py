"""The feed: numbered messages for all who watch. Who reads too slowly, or was away for too long, gets the whole state again."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable
from typing import Any

KEPT = 128
"""Messages that can be caught up on: with one a second at least and ten at most, 12 s to two minutes of a lost connection."""

RETRY_MS = 1000
"""A browser that has lost the connection tries again after this."""

WAITING = 32
"""Messages that may wait for one client. The next one throws all of them away: it will be sent the whole state instead."""


class Feed:
    """Messages are the lines of Server-Sent Events (WHATWG HTML, 9.2).

    ``run`` names this run of the program: ids of another mean nothing. ``whole`` gives the state as it is now.
    """

    def __init__(self, run: str, whole: Callable[[], dict[str, Any]]) -> None:
        self._run = run
        self._whole = whole
        self._number = 0
        self._kept: deque[bytes] = deque(maxlen=KEPT)
        self._followers: set[Follower] = set()

    def tell(self, changes: dict[str, Any]) -> None:
        """One more message for everybody."""
        self._number += 1
        message = self._message("changes", changes)
        self._kept.append(message)
        for follower in self._followers:
            follower.put(message)

    def whole(self) -> bytes:
        """The state as it is now, as a message. It stands for all messages so far."""
        return self._message("state", self._whole())

    def follow(self, last_id: str) -> Follower:
        """Start to follow after the message ``last_id``; an id that is too old, strange or empty gives the whole state first."""
        run, _, number = last_id.rpartition("-")
        missed = self._number - int(number) if run == self._run and number.isascii() and number.isdigit() and len(number) < 16 else -1
        follower = Follower(self)
        if not 0 <= missed <= min(len(self._kept), WAITING):
            follower.begin_again()
        else:
            for message in list(self._kept)[len(self._kept) - missed :]:
                follower.put(message)
        self._followers.add(follower)
        return follower

    def leave(self, follower: Follower) -> None:
        self._followers.discard(follower)

    def _message(self, kind: str, content: dict[str, Any]) -> bytes:
        # json leaves no line break in its output, so one data line is enough
        data = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        return f"id: {self._run}-{self._number}\nretry: {RETRY_MS}\nevent: {kind}\ndata: {data}\n\n".encode("utf-8", "backslashreplace")


class Follower:
    """What one client has still to be sent."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._waiting: deque[bytes] = deque()
        self._behind = False
        self._arrived = asyncio.Event()

    def put(self, message: bytes) -> None:
        if self._behind:
            return
        self._waiting.append(message)
        self._arrived.set()
        if len(self._waiting) > WAITING:
            self.begin_again()

    def begin_again(self) -> None:
        """Forget what waits: the whole state comes next."""
        self._waiting.clear()
        self._behind = True
        self._arrived.set()

    async def next(self) -> bytes:
        """All that waits, in order."""
        await self._arrived.wait()
        self._arrived.clear()
        if self._behind:
            self._behind = False
            return self._feed.whole()
        messages = b"".join(self._waiting)
        self._waiting.clear()
        return messages
