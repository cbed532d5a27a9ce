"""The inbox: what waits for the engine. Every sample goes through sensing here, in the driver's own call; only facts are queued."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from device.domain.commands import InboundCommand
from device.domain.facts import Fact
from device.domain.readings import Reading
from device.store.inputs import Happening

EDGES = 256
"""So many facts may wait, and ``EDGES_A_PLATE`` for each plate; then drivers leave their ports alone until there is room."""
EDGES_A_PLATE = 4
"""At a start all plates tell at once that they are trusted, and their weight: that is no overload, which is told from half of it on."""


class Listener(Protocol):
    """Whoever is told what comes in. Must not raise."""

    def readings(self, readings: Sequence[Reading]) -> None: ...

    def command(self, command: InboundCommand) -> None: ...


class Inbox:
    """A queue with a bound for drivers, none for commands and happenings: those come one at a time, and wait for their outcome."""

    def __init__(self, sense: Callable[[Sequence[Reading]], list[Fact]], due: Callable[[], float | None], plates: int = 0) -> None:
        self.bound = EDGES + EDGES_A_PLATE * plates
        self._sense = sense
        self._due = due
        self._sleeps_until = 0.0
        self._waiting: deque[tuple[Fact | InboundCommand | Happening, asyncio.Future[None] | None]] = deque()
        self._arrived = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self.samples = 0
        self.listener: Listener | None = None
        """Hears all readings and commands while somebody records them."""

    @property
    def full(self) -> bool:
        return len(self._waiting) >= self.bound

    def put(self, readings: Sequence[Reading]) -> None:
        self.samples += len(readings)
        if self.listener is not None:
            self.listener.readings(readings)
        facts = self._sense(readings)
        if facts:
            self._waiting.extend((fact, None) for fact in facts)
            self._arrived.set()
            if self.full:
                self._room.clear()
        else:
            due = self._due()
            if due is not None and due < self._sleeps_until:
                self._arrived.set()

    def put_facts(self, facts: Sequence[Fact]) -> None:
        """Facts that time has brought about."""
        if facts:
            self._waiting.extend((fact, None) for fact in facts)
            self._arrived.set()

    def tell(self, what: InboundCommand | Happening) -> asyncio.Future[None]:
        """Have something decided; the future is done when what came of it is durable."""
        if self.listener is not None and isinstance(what, InboundCommand):
            self.listener.command(what)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((what, done))
        self._arrived.set()
        return done

    async def room(self) -> None:
        await self._room.wait()

    async def wait(self, now: float, until: float) -> None:
        """Until something has arrived, or the senses want to be looked at, or it is ``until`` (both uptimes)."""
        if self._waiting or until <= now:
            return
        self._arrived.clear()
        self._sleeps_until = until
        try:
            async with asyncio.timeout(until - now):
                await self._arrived.wait()
        except TimeoutError:
            return
        finally:
            self._sleeps_until = 0.0

    def take(self) -> list[tuple[Fact | InboundCommand | Happening, asyncio.Future[None] | None]]:
        """All that waits, in order."""
        taken = list(self._waiting)
        self._waiting.clear()
        self._room.set()
        return taken
