"""What the uplink needs of a journal: events in the order of their numbers, and a cursor up to which they are acknowledged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class OutboxRow(Protocol):
    """One numbered event. ``body`` is published as it is."""

    @property
    def seq(self) -> int: ...

    @property
    def type(self) -> str: ...

    @property
    def body(self) -> bytes: ...


class Outbox(Protocol):
    """Events from 1 to ``newest_seq``, durable. Those up to ``acknowledged`` need not be published again."""

    @property
    def newest_seq(self) -> int:
        """The number of the newest committed event, 0 without any."""
        ...

    @property
    def acknowledged(self) -> int:
        """The durable cursor: all events up to here are the broker's (or the backend's), or set aside."""
        ...

    async def events(self, after_seq: int, limit: int) -> Sequence[OutboxRow]:
        """At most ``limit`` events with a seq over ``after_seq``, in order: also those acknowledged or set aside, while kept."""
        ...

    async def acknowledge(self, upto: int) -> None:
        """Move the cursor, never back. Returns once that is durable."""
        ...

    async def set_aside(self, seq: int, reason: str) -> None:
        """Keep an event that the broker will not take, with the broker's reason. Returns once that is durable."""
        ...

    async def readmit(self, seq: int) -> None:
        """An event has been delivered: if it was set aside, it is so no longer."""
        ...
