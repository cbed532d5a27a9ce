"""The journal: outbox, audit log and memory of the store, in one SQLite database with a thread of its own."""

from __future__ import annotations

import asyncio
import zlib
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import TypeVar

from device.journal.aliases import Names
from device.journal.entries import Acknowledge, Commit, Entry, Forget, Readmit, SetAside, TakeSnapshot
from device.journal.ledger import Ledger
from device.journal.reading import book_of, rows_after, starting_point
from device.journal.schema import EVIDENCE_TYPE, Evidence, Row, connect_read_only
from device.journal.space import Pressure

MAX_WAITING = 256
"""Requests that may wait for the thread; whoever comes then waits for one of them."""

MAX_GROUP = 64
"""Requests in one transaction, and ..."""

MAX_GROUP_BYTES = 256 * 1024
"""... about how large it may get: a transaction must fit into the log and the reserve."""


T = TypeVar("T")


class Journal:
    """One store's journal. Made by ``open``; used from one event loop; ``close`` ends its thread.

    Requests are stored in the order in which they were made. After JournalFull a caller repeats the same rows, before anything else:
    what was stored in spite of the error is recognised. After JournalDamaged nothing can be stored; the damaged file has been moved aside.
    A call that is cancelled while it waits is not stored; once begun, it is.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._waiting: deque[Entry] = deque()
        self._slots = asyncio.Semaphore(MAX_WAITING)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal")
        self._closed = False

    @classmethod
    def open(cls, path: Path, *, max_mb: int, keep_days: int) -> Journal:
        """Open or make the journal. Blocks; called before the loop starts.

        Raises JournalDamaged after moving a damaged file aside (open again: a new file, a new epoch), JournalInUse, JournalFull where it
        cannot be written, ConfigError where the path is not a journal's.
        """
        return cls(Ledger.open(path, max_mb, keep_days))

    @property
    def epoch(self) -> str:
        """The random id made with this journal, 8 hex digits."""
        return self._ledger.epoch

    @property
    def made_new(self) -> bool:
        """Whether ``open`` made the file."""
        return self._ledger.made_new

    @property
    def newest_seq(self) -> int:
        """The number of the newest durable event; 0 before the first."""
        return self._ledger.position.seq

    @property
    def acknowledged(self) -> int:
        """The uplink's cursor: every event up to it is delivered or set aside."""
        return self._ledger.position.acknowledged

    @property
    def pressure(self) -> Pressure:
        """How full the journal is, as of the last call; ``trim`` looks anew."""
        return self._ledger.pressure

    @property
    def names(self) -> Names:
        """Who the pseudonyms are. What is made there is stored with the next commit, in its transaction."""
        return self._ledger.names

    def recall_codes(self, used: Iterable[str]) -> None:
        """Learn the numbers of the codes that count as used, by their pseudonyms. Blocks; before the first commit."""
        with closing(connect_read_only(self._ledger.path)) as reader:
            self.names.recall_codes(reader, used)

    def recover(self) -> tuple[bytes | None, Iterator[Row]]:
        """The newest sound snapshot (None: there is none) and every row after it, oldest first. Blocks; before the first commit."""
        with closing(connect_read_only(self._ledger.path)) as reader:
            snapshot = starting_point(reader, book_of(reader))
        if snapshot is None:
            return None, self._rows(0)
        return snapshot.state, self._rows(snapshot.row)

    def _rows(self, after: int) -> Iterator[Row]:
        with closing(connect_read_only(self._ledger.path)) as reader:
            for stored in rows_after(reader, after):
                if stored.type != EVIDENCE_TYPE:
                    yield stored.content

    async def commit(self, rows: Sequence[Row], *, evidence: Sequence[Evidence] = (), force: bool = False) -> None:
        """Store rows and evidence, and the pseudonyms made since; returns when they are on the disk. All or nothing.

        ``force`` may use the reserve: for what a running session must still tell. Raises JournalFull, JournalDamaged, and ValueError
        where a seq is not the next one, or is taken by other content.
        """
        aliases = self.names.pending
        if rows or evidence or aliases:
            await self._request(Commit(rows, evidence, aliases, force))
            self.names.stored(aliases)

    async def forget(self, subject: str) -> bool:
        """Destroy what leads from a person's pseudonyms back to them, in the file and in its log. False: nobody of that name was known.

        From the call on they are somebody else. Where it raises JournalFull or JournalDamaged it is to be called again.
        """
        parting = self.names.part(subject)
        if parting.pseudonyms:
            await self._request(Forget(parting))
        self.names.parted(subject)
        return bool(parting.pseudonyms)

    async def let_go(self, wall: float, in_use: Collection[str]) -> None:
        """Destroy the keys of those of whom no row is left, but for the pseudonyms ``in_use``. Called after ``trim``, with the same time.

        Nothing may be decided meanwhile: who is let go is somebody else from then on. Raises JournalFull, JournalDamaged.
        """
        while gone := await self._call(lambda: self._ledger.let_go(wall, in_use)):
            self.names.drop(gone)

    async def snapshot(self, state: bytes) -> None:
        """Keep the state after all rows committed so far; the newest two are kept. Raises JournalFull, JournalDamaged."""
        await self._request(TakeSnapshot(zlib.compress(state, 1), state))

    async def acknowledge(self, upto_seq: int) -> None:
        """Move the uplink's cursor forward; backward is ignored. Raises ValueError beyond the newest event, JournalFull, JournalDamaged."""
        await self._request(Acknowledge(upto_seq))

    async def set_aside(self, seq: int, reason: str) -> None:
        """Keep a copy of an event that the broker refuses for good; it does not hold retention up, and outlasts it.

        Raises ValueError where there is no such event, JournalFull, JournalDamaged.
        """
        await self._request(SetAside(seq, reason))

    async def readmit(self, seq: int) -> None:
        """Forget that an event was set aside: it has been delivered after all. One that was not is nothing.

        Raises JournalFull, JournalDamaged.
        """
        if self.pressure.aside:
            await self._request(Readmit(seq))

    async def events(self, after_seq: int, limit: int) -> list[Row]:
        """Up to ``limit`` events after a number, in order, also those set aside, as they are published: with names, where they are known.

        Raises JournalFull, JournalDamaged.
        """
        return await self._call(lambda: self._ledger.events(after_seq, limit, named=True))

    async def events_unnamed(self, after_seq: int, limit: int) -> list[Row]:
        """The same as they are stored: with pseudonyms."""
        return await self._call(lambda: self._ledger.events(after_seq, limit, named=False))

    async def aside(self, after_seq: int, limit: int) -> list[Row]:
        """Up to ``limit`` of the events that were set aside, in order, as they are published. Raises JournalFull, JournalDamaged."""
        return await self._call(lambda: self._ledger.aside(after_seq, limit))

    async def evidence(self, id_: str) -> bytes | None:
        """The blob of a piece of evidence; None: there is none, or no longer. Raises JournalFull, JournalDamaged."""
        return await self._call(lambda: self._ledger.evidence(id_))

    async def trim(self, wall: float) -> int:
        """Remove what retention no longer keeps; the number of rows. Called once a minute, with a trusted wall time.

        After trouble with the disk this is also what finds it well again. Raises JournalFull, JournalDamaged.
        """
        total = 0
        while removed := await self._call(lambda: self._ledger.trim(wall)):
            total += removed
        return total

    async def close(self) -> None:
        """Store what still waits, close the files, end the thread. A second call does nothing."""
        if self._closed:
            return
        self._closed = True
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._finish)
        finally:
            self._thread.shutdown()

    async def _request(self, entry: Entry) -> None:
        async with self._slots:
            self._waiting.append(entry)
            try:
                await self._call(lambda: self._write_group(entry))
            except asyncio.CancelledError:
                with suppress(ValueError):
                    self._waiting.remove(entry)
                raise
        if entry.error is not None:
            raise entry.error
        if not entry.done:
            raise RuntimeError("the journal's thread failed while it held this request")

    async def _call(self, function: Callable[[], T]) -> T:
        if self._closed:
            raise ValueError("the journal is closed")
        return await asyncio.get_running_loop().run_in_executor(self._thread, function)

    # In the thread

    def _write_group(self, entry: Entry) -> None:
        """Write ``entry`` unless an earlier group took it along; take along what waits by now."""
        while self._waiting and not entry.done:
            group: list[Entry] = []
            size = 0
            while self._waiting and len(group) < MAX_GROUP and size < MAX_GROUP_BYTES:
                group.append(self._waiting.popleft())
                size += group[-1].size
            self._ledger.write(group)

    def _finish(self) -> None:
        try:
            while self._waiting:
                self._write_group(self._waiting[0])
        finally:
            self._ledger.close()
