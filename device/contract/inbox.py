"""Where a driver under test puts its readings, and how a test waits for one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

from device.domain.readings import Reading
from device.drivers.driver import Driver

LIMIT_S = 30.0

_R = TypeVar("_R", bound=Reading)


class Inbox:
    """A ``Sink`` that keeps everything. ``close_door`` makes it full until ``open_door``."""

    def __init__(self) -> None:
        self.readings: list[Reading] = []
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    @property
    def full(self) -> bool:
        return not self._room.is_set()

    def put(self, readings: Sequence[Reading]) -> None:
        self.readings += readings
        self._news.set()

    async def room(self) -> None:
        await self._room.wait()

    def close_door(self) -> None:
        self._room.clear()

    def open_door(self) -> None:
        self._room.set()

    def of(self, kind: type[_R], device: str | None = None) -> list[_R]:
        return [reading for reading in self.readings if isinstance(reading, kind) and device in (None, reading.device)]

    async def until(self, condition: Callable[[], bool], limit_s: float = LIMIT_S) -> None:
        """Return once ``condition`` holds after some reading."""
        async with asyncio.timeout(limit_s):
            while not condition():
                self._news.clear()
                await self._news.wait()

    async def next(self, kind: type[_R], fits: Callable[[_R], bool] = lambda _: True, device: str | None = None) -> _R:
        """The first reading of a kind that fits among those still to come."""
        seen = len(self.readings)

        def found() -> list[_R]:
            return [r for r in self.readings[seen:] if isinstance(r, kind) and device in (None, r.device) and fits(r)]

        await self.until(lambda: bool(found()))
        return found()[0]


@asynccontextmanager
async def running(inbox: Inbox, *drivers: Driver) -> AsyncIterator[list[asyncio.Task[None]]]:
    """Run drivers until the block ends; then cancel them, which must end them soon."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(driver.run(inbox), name=driver.id) for driver in drivers]
        yield tasks
        for task in tasks:
            task.cancel()
        async with asyncio.timeout(LIMIT_S):
            await asyncio.wait(tasks)
