"""Whose turn it is on a line that carries one conversation at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

ORDER, POLL, DOUBTFUL = range(3)
"""How urgent a turn is: an order to a lock, ordinary polling, a unit that did not answer when it was last asked."""


class Place:
    """Where one device stands in the queue. ``urgency`` may change while it waits: the choice is made when the line becomes free."""

    def __init__(self, urgency: int = POLL) -> None:
        self.urgency = urgency


class Turns:
    """Gives turns to the most urgent, and among equals to who came first.

    The queue holds at most one place a device, because a device that waits does nothing else.
    """

    def __init__(self) -> None:
        self._waiting: list[tuple[Place, asyncio.Future[None]]] = []
        self._taken = False

    @asynccontextmanager
    async def turn(self, place: Place) -> AsyncIterator[None]:
        """Hold the line within the block."""
        if self._taken:
            await self._wait(place)
        self._taken = True
        try:
            yield
        finally:
            self._pass_on()

    async def _wait(self, place: Place) -> None:
        given = asyncio.get_running_loop().create_future()
        self._waiting.append((place, given))
        try:
            await given
        except asyncio.CancelledError:
            if given.cancelled():
                self._waiting = [entry for entry in self._waiting if entry[1] is not given]
            else:
                self._pass_on()
            raise

    def _pass_on(self) -> None:
        self._waiting = [entry for entry in self._waiting if not entry[1].done()]
        if not self._waiting:
            self._taken = False
            return
        chosen = min(self._waiting, key=lambda entry: entry[0].urgency)
        self._waiting.remove(chosen)
        chosen[1].set_result(None)
