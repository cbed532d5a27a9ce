"""Reading the journal: what the daemon needs at its start, and what people ask for. Nothing here changes the file.

Rows are read in pages of their own, so that no reader holds the write-ahead log for longer than a moment.
"""

from __future__ import annotations

import fcntl
import os
import pwd
import sqlite3
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from device.domain.record import record
from device.errors import StoreError
from device.journal.aliases import revealed
from device.journal.chain import seal
from device.journal.schema import APPLICATION_ID, VERSION, Row, connect_read_only, has_names, pragma, wal_of

PAGE_ROWS = 500


@record
class Book:
    """The journal's own page. The anchor is the last row that retention has removed: where the chain now starts."""

    epoch: str
    acknowledged: int
    anchor_row: int
    anchor_seq: int
    anchor_hash: bytes


@record
class Stored:
    """A row as it lies in the file. ``body`` None: erased, then ``digest`` stands for it in the chain."""

    row: int
    seq: int | None
    type: str
    wall: float
    body: bytes | None
    digest: bytes | None
    hash: bytes

    @property
    def content(self) -> Row:
        """The row as it was committed; an erased body is empty."""
        return Row(self.seq, self.type, self.wall, self.body or b"")


@record
class Snapshot:
    """A state after ``row``. ``state`` None: damaged."""

    row: int
    state: bytes | None


def holder(journal: Path) -> str | None:
    """The process that keeps this journal, None where there is none."""
    try:
        descriptor = os.open(journal.with_name(journal.name + ".lock"), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
    finally:
        os.close(descriptor)
    return None


def open_archive(path: Path) -> sqlite3.Connection:
    """Open a journal for reading, whether a daemon has it or not; creates nothing. Raises StoreError where there is none, or not ours."""
    try:
        if not path.is_file():
            raise StoreError(f"there is no journal at {path}")
        forbidden = not os.access(path, os.R_OK, effective_ids=True)
    except PermissionError:
        forbidden = True
    if forbidden:
        raise StoreError(
            f"{path} may not be read by the account {account()}: read it as the account of the store,"
            " such as with sudo -u smartstore, or as root"
        )
    # Without a log beside it no process has the file open, and opening it in the ordinary way would create one.
    try:
        connection = connect_read_only(path, immutable=not wal_of(path).exists())
    except sqlite3.Error as error:
        raise StoreError(f"{path}: {error}") from error
    try:
        require_ours(connection, path)
    except BaseException as error:
        connection.close()
        if isinstance(error, sqlite3.Error):
            raise StoreError(f"{path}: {error}") from error
        raise
    return connection


def account() -> str:
    """Who we are, for people."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return f"number {os.geteuid()}"


def require_ours(connection: sqlite3.Connection, path: Path) -> None:
    """Raises StoreError where the file is another program's database, or of a newer version of this one."""
    if pragma(connection, "application_id") != APPLICATION_ID:
        raise StoreError(f"{path} is a database, but not a journal of this program")
    if not 1 <= (version := pragma(connection, "user_version")) <= VERSION:
        raise StoreError(f"{path} is a journal of version {version}; this program knows {VERSION}")


def book_of(connection: sqlite3.Connection) -> Book:
    """The journal's own page. Raises sqlite3.DatabaseError where it is missing."""
    found = connection.execute("SELECT epoch, acknowledged, anchor_row, anchor_seq, anchor_hash FROM meta").fetchone()
    if found is None:
        raise sqlite3.DatabaseError("the journal has no epoch")
    return Book(*found)


def newest_of(connection: sqlite3.Connection, book: Book) -> tuple[int, int, bytes]:
    """The newest row, the newest seq and the hash of the newest row; those of the anchor where no row is left."""
    row, chained = connection.execute("SELECT row, hash FROM record ORDER BY row DESC LIMIT 1").fetchone() or (
        book.anchor_row,
        book.anchor_hash,
    )
    seq = connection.execute("SELECT max(seq) FROM record").fetchone()[0]
    return row, seq if seq is not None else book.anchor_seq, chained


def rows_after(connection: sqlite3.Connection, row: int) -> Iterator[Stored]:
    """Every row after ``row``, oldest first."""
    query = "SELECT row, seq, type, wall, body, digest, hash FROM record WHERE row > ? ORDER BY row LIMIT ?"
    while page := _page(connection.execute(query, (row, PAGE_ROWS))):
        for fields in page:
            yield Stored(*fields)
        row = page[-1][0]


def rows_backwards(connection: sqlite3.Connection) -> Iterator[Stored]:
    """Every row, newest first."""
    query = "SELECT row, seq, type, wall, body, digest, hash FROM record WHERE row < ? ORDER BY row DESC LIMIT ?"
    row = 2**63 - 1
    while page := _page(connection.execute(query, (row, PAGE_ROWS))):
        for fields in page:
            yield Stored(*fields)
        row = page[-1][0]


def _page(cursor: sqlite3.Cursor) -> list[Any]:
    page: list[Any] = []
    try:
        page.extend(cursor)
    except sqlite3.DatabaseError:
        # The sound rows before a damaged one first; the error comes again where the next page starts with it.
        if not page:
            raise
    return page


def named(connection: sqlite3.Connection, stored: Stored) -> Stored:
    """A row as it is published: with names in the place of pseudonyms, as far as they are known."""
    if stored.seq is None or stored.body is None or not has_names(connection):
        return stored
    return replace(stored, body=revealed(connection, stored.body))


def newest_event(connection: sqlite3.Connection) -> bytes | None:
    """The envelope of the newest event whose body is still there; None where there is none."""
    query = "SELECT body FROM record WHERE seq IS NOT NULL AND body IS NOT NULL ORDER BY seq DESC LIMIT 1"
    found = connection.execute(query).fetchone()
    return None if found is None else found[0]


def snapshots_of(connection: sqlite3.Connection, epoch: str) -> Iterator[Snapshot]:
    """The snapshots, newest first."""
    for row, sealed, packed in connection.execute("SELECT row, hash, state FROM snapshot ORDER BY row DESC").fetchall():
        try:
            state = zlib.decompress(packed)
        except zlib.error:
            yield Snapshot(row, None)
            continue
        yield Snapshot(row, state if seal(epoch, row, state) == sealed else None)


def starting_point(connection: sqlite3.Connection, book: Book) -> Snapshot | None:
    """The newest sound snapshot that the rows go on from. None: the state is the fold of all rows.

    Raises sqlite3.DatabaseError where neither a snapshot nor all rows are there.
    """
    for snapshot in snapshots_of(connection, book.epoch):
        if snapshot.state is not None and snapshot.row >= book.anchor_row:
            return snapshot
    if book.anchor_row > 0:
        raise sqlite3.DatabaseError("no snapshot is sound, and the rows before them are gone")
    return None


def evidence_of(connection: sqlite3.Connection, id_: str) -> bytes | None:
    """The blob of a piece of evidence."""
    found = connection.execute("SELECT trace FROM evidence WHERE id = ?", (id_,)).fetchone()
    return None if found is None else found[0]
