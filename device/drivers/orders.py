"""The orders that wait for one lock."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from device.domain.readings import LockOutcome
from device.drivers.driver import Sink

WAITING = 8
"""More orders than this are refused: whoever piles them up has lost track of the lock."""


class Order(NamedTuple):
    """What ``drive`` was asked. ``number`` comes back in the outcome."""

    number: int
    unlock: bool


class Orders:
    """At most one order under way and ``WAITING`` that wait. Every order gets exactly one outcome, and none outlives a connection."""

    def __init__(self, lock: str, uptime: Callable[[], float]) -> None:
        self._lock = lock
        self._uptime = uptime
        self._waiting: deque[Order] = deque()
        self._under_way: Order | None = None
        self._sink: Sink | None = None
        self._open = False
        self._unheard: deque[Order] = deque(maxlen=WAITING)
        self.wake = asyncio.Event()
        """Set when an order comes; who waits for it clears it."""

    def put(self, order: Order) -> None:
        """Take an order, or refuse it at once."""
        if self._sink is None:
            self._unheard.append(order)
        elif not self._open:
            self._tell(order, "gone")
        elif len(self._waiting) >= WAITING:
            self._tell(order, "busy")
        else:
            self._waiting.append(order)
            self.wake.set()

    @contextmanager
    def reporting_to(self, sink: Sink) -> Iterator[None]:
        """One connection: outcomes go to ``sink``. At its end whatever was not carried out is refused, and stays so."""
        self._sink = sink
        while self._unheard:
            self._tell(self._unheard.popleft(), "gone")
        try:
            yield
        finally:
            self._open = False
            if self._under_way is not None:
                self.finish(self._under_way, "gone")
            while self._waiting:
                self._tell(self._waiting.popleft(), "gone")

    @property
    def waiting(self) -> bool:
        """Whether one is to be taken."""
        return bool(self._waiting)

    def accept(self) -> None:
        """From now on orders are taken: the device is up."""
        self._open = True

    def take(self) -> Order | None:
        """The next order, if one waits; it is under way until ``finish``."""
        if not self._waiting:
            return None
        self._under_way = self._waiting.popleft()
        return self._under_way

    def finish(self, order: Order, failure: str = "") -> None:
        """Report what came of the order under way; ``failure`` says why not, empty when it was carried out."""
        self._under_way = None
        self._tell(order, failure)

    def _tell(self, order: Order, failure: str) -> None:
        assert self._sink is not None
        self._sink.put([LockOutcome(self._lock, self._uptime(), order.number, not failure, failure)])
