"""What waits for the writer: one object a request, which carries its own outcome.

A request is all or nothing. Several that wait are written in one transaction, in the order in which they were made.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from device.errors import StoreError
from device.journal.aliases import Alias, Parting
from device.journal.schema import PAGE_BYTES, TYPE_PATTERN, Evidence, Row
from device.journal.space import RESERVE_PAGES

_ROW_OVERHEAD = 160
"""Bytes that a row takes beside its body: numbers, type, hash, index."""

_ALIAS_PAGES = 6
"""Pages that an alias may take at most: one of each of its tables and indices, and one for what is above them."""


class Entry:
    """A request, and what became of it: ``done``, and ``error`` where it was refused."""

    floor = RESERVE_PAGES
    """How many free pages it must leave for more important ones."""

    durable = True
    """Whether it must be on the disk before it is answered."""

    def __init__(self) -> None:
        self.done = False
        self.error: StoreError | ValueError | None = None

    @property
    def size(self) -> int:
        """About how many bytes it adds."""
        return _ROW_OVERHEAD

    @property
    def pages(self) -> int:
        """How many pages it may take at most; twice its size, for half-full pages, and some for the tables' inner pages."""
        return 6 + 2 * self.size // PAGE_BYTES

    def succeed(self) -> None:
        self.done = True

    def fail(self, error: StoreError | ValueError) -> None:
        self.done = True
        self.error = error


class Commit(Entry):
    """Rows, evidence and aliases to be added. Raises ValueError where a row can never be stored."""

    def __init__(self, rows: Sequence[Row], evidence: Sequence[Evidence], aliases: Sequence[Alias], force: bool) -> None:
        super().__init__()
        for row in rows:
            if not TYPE_PATTERN.fullmatch(row.type) or row.type.startswith("journal."):
                raise ValueError(f"not a type: {row.type!r}")
        for wall in [*(row.wall for row in rows), *(piece.wall for piece in evidence)]:
            if not math.isfinite(wall):
                raise ValueError(f"not a time: {wall}")
        self.rows = tuple(rows)
        self.evidence = tuple(evidence)
        self.aliases = tuple(aliases)
        if force:
            self.floor = 0

    @property
    def size(self) -> int:
        rows = sum(len(row.body) + _ROW_OVERHEAD for row in self.rows)
        return rows + sum(len(piece.blob) + 3 * _ROW_OVERHEAD for piece in self.evidence)

    @property
    def pages(self) -> int:
        return super().pages + _ALIAS_PAGES * len(self.aliases)


class TakeSnapshot(Entry):
    """A state to be kept. It may use half of the reserve, because without snapshots nothing can be trimmed."""

    floor = RESERVE_PAGES // 2

    def __init__(self, packed: bytes, state: bytes) -> None:
        super().__init__()
        self.packed = packed
        self.state = state

    @property
    def size(self) -> int:
        return len(self.packed) + _ROW_OVERHEAD


class Acknowledge(Entry):
    """The cursor to be moved. Not synced by itself: after a power cut the last events are sent again, and the receiver knows their ids."""

    floor = 0
    durable = False

    def __init__(self, upto: int) -> None:
        super().__init__()
        self.upto = upto


class SetAside(Entry):
    """An event that the broker refuses for good: a copy is kept apart, so that it outlives its row."""

    floor = RESERVE_PAGES // 2

    def __init__(self, seq: int, reason: str, size: int = 4 * PAGE_BYTES) -> None:
        super().__init__()
        self.seq = seq
        self.reason = reason
        self._size = size

    @property
    def size(self) -> int:
        return self._size


class Readmit(Entry):
    """An event that was set aside and has been delivered after all."""

    floor = 0

    def __init__(self, seq: int) -> None:
        super().__init__()
        self.seq = seq


class Forget(Entry):
    """The keys of a person's pseudonyms, to be destroyed. It makes room rather than takes it."""

    floor = 0

    def __init__(self, parting: Parting) -> None:
        super().__init__()
        self.parting = parting
