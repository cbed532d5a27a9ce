"""Space: the journal's budget of pages, and the reserve that is on the disk before it is needed.

A commit never makes the file longer. The file grows beforehand, a chunk at a time: its blocks are allocated, filled through the log with
ballast, and the ballast is deleted, which leaves free pages inside the file. So a disk that fills up is noticed while growing, never in
the middle of a commit, and the free pages and the log, which by then has its full length, are the reserve: ordinary commits leave
``RESERVE_PAGES`` alone, and the door and money events of a running session may use them.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Literal

from device.domain.record import record
from device.journal.schema import BUSY_MS, PAGE_BYTES, is_full, pragma, transaction

RESERVE_PAGES = 256
"""1 MiB: some thousand events of a session, each in a commit of its own."""

GROWTH_PAGES = 512
"""2 MiB at a time."""

LEAST_PAGES = 8
"""Fewer usable pages than this is full."""

NEARLY_PAGES = 1024
"""Fewer usable pages than this (or than a tenth of the budget) is nearly full."""

READER_MS = 200
"""So long is waited for somebody who reads in the log, before it is written over."""

LOG_HEADER_BYTES = 32
FRAME_BYTES = 24 + PAGE_BYTES
"""Of SQLite's write-ahead log (sqlite.org/fileformat.html, 4.1)."""

PAGES_PER_MB = 1024 * 1024 // PAGE_BYTES

Room = Literal["ok", "nearly_full", "full"]


@record
class Pressure:
    """How full the journal is. ``mb`` is what is used within the file; ``unsent`` events wait for the uplink, ``aside`` were refused."""

    mb: float
    max_mb: int
    unsent: int
    aside: int
    room: Room


@record
class Pages:
    """The file in pages: ``total`` of which ``free`` hold nothing."""

    total: int
    free: int

    @property
    def used(self) -> int:
        return self.total - self.free


class Space:
    """The pages of one open journal file. ``descriptor`` is open for writing on it, and outlives every connection to it."""

    def __init__(self, connection: sqlite3.Connection, descriptor: int, max_mb: int) -> None:
        self._connection = connection
        self._descriptor = descriptor
        self.max_pages = max_mb * PAGES_PER_MB
        self._disk_refused = False

    def measure(self) -> Pages:
        """The file as of the last commit."""
        return Pages(pragma(self._connection, "page_count"), pragma(self._connection, "freelist_count"))

    def within_budget(self, pages: Pages, wanted: int, floor: int) -> bool:
        """Whether ``wanted`` more used pages leave ``floor`` of the budget."""
        return pages.used + wanted <= self.max_pages - floor

    def grow(self) -> bool:
        """Make the file longer by a chunk of free pages; False where the budget or the disk does not allow it."""
        pages = self.measure()
        extra = min(GROWTH_PAGES, self.max_pages - pages.total)
        if extra < LEAST_PAGES:
            return False
        try:
            os.posix_fallocate(self._descriptor, pages.total * PAGE_BYTES, extra * PAGE_BYTES)
        except OSError:
            self._disk_refused = True
            return False
        try:
            self.fill_log(pages.free + extra)
        except sqlite3.OperationalError as error:
            if not is_full(error):
                raise
            self._disk_refused = True
            return False
        self._disk_refused = False
        return True

    def fill_log(self, pages: int) -> None:
        """Write that many pages through the log and free them again: the log's blocks are then allocated, and the file's written."""
        payload = (pages - 2) * (PAGE_BYTES - 4)
        with transaction(self._connection):
            self._connection.execute("INSERT INTO ballast (id, filler) VALUES (1, zeroblob(?))", (payload,))
        self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        self.drop_ballast()

    def overwrite_log(self, log: Path) -> bool:
        """Bring the log into the file and write over all of it; False where somebody reads in it, or there are no free pages to do it with.

        Its blocks stay as they are: they are part of the reserve.
        """
        self._connection.execute(f"PRAGMA busy_timeout={READER_MS}").fetchall()
        try:
            busy, *_ = self._connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()
        finally:
            self._connection.execute(f"PRAGMA busy_timeout={BUSY_MS}").fetchall()
        if busy:
            return False
        left = (log.stat().st_size - LOG_HEADER_BYTES) // FRAME_BYTES + 1
        while left > 0:
            free = self.measure().free
            if free < LEAST_PAGES:
                return False
            pages = min(free, max(left + 2, LEAST_PAGES))
            with transaction(self._connection):
                payload = (pages - 2) * (PAGE_BYTES - 4)
                self._connection.execute("INSERT INTO ballast (id, filler) VALUES (1, zeroblob(?))", (payload,))
            self.drop_ballast()
            left -= pages - 2
        self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        return True

    def drop_ballast(self) -> None:
        """Free the ballast, also that of a process that died while growing."""
        with transaction(self._connection):
            self._connection.execute("DELETE FROM ballast")

    def usable(self, pages: Pages) -> int:
        """How many pages ordinary commits may still use without anything being removed."""
        growth = 0 if self._disk_refused else min(self.max_pages - pages.total, _disk_pages(self._descriptor))
        if growth < LEAST_PAGES:
            growth = 0
        return max(0, min(pages.free + growth, self.max_pages - pages.used) - RESERVE_PAGES)

    def room(self, usable: int) -> Room:
        """In a word, where ``usable`` counts what could be removed too."""
        if usable < LEAST_PAGES:
            return "full"
        return "nearly_full" if usable < min(NEARLY_PAGES, self.max_pages // 10) else "ok"


def _disk_pages(descriptor: int) -> int:
    disk = os.fstatvfs(descriptor)
    # A chunk more than it takes, for the log and for others on the same disk.
    return max(0, disk.f_bavail * disk.f_frsize // PAGE_BYTES - GROWTH_PAGES)
