"""Opening the journal: one process at a time, made in one piece, looked over before it is believed, moved aside where it is damaged."""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import sqlite3
from itertools import count
from pathlib import Path

from device.errors import ConfigError, Fault, JournalDamaged, JournalFull, JournalInUse, StoreError
from device.journal.chain import GENESIS
from device.journal.reading import Book, account, book_of, newest_of, require_ours, snapshots_of, starting_point
from device.journal.schema import (
    APPLICATION_ID,
    PAGE_BYTES,
    SCHEMA,
    connect_read_only,
    is_refusal,
    shm_of,
    transaction,
    upgrade,
    wal_of,
)
from device.journal.verify import page_fault, walk

WHOLE_CHECK_BYTES = 64 * 1024 * 1024
"""Up to this size every page is looked at when the journal is opened; a memory card reads as much in about 2 s. In a larger one the rows
and snapshots that the start depends on are; ``verify`` does the rest."""

ADVICE = "for a service that is /var/lib/smartstore/journal.db"
"""Where systemd/smartstore.service has its state."""


def take_lock(path: Path) -> int:
    """Make this process the only one that writes the journal; the descriptor holds the lock until it is closed.

    Raises JournalInUse, ConfigError where ``journal.path`` is no place for us, JournalFull where the disk will not take it.
    """
    lock_path = path.with_name(path.name + ".lock")
    try:
        _require_place(path)
        descriptor = os.open(lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if _is_wrong_place(error, path):
            raise ConfigError([Fault("journal.path", f'"{path}"', _not_ours(error))]) from error
        raise JournalFull(f"{lock_path} cannot be written: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip()
        os.close(descriptor)
        if isinstance(error, BlockingIOError):
            raise JournalInUse(f"process {holder or 'unknown'} already runs on {path}") from None
        raise JournalFull(f"{lock_path} cannot be locked: {error.strerror}") from error
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    except OSError:
        # The number is for people only; a full disk must not keep the journal shut.
        pass
    return descriptor


def _require_place(path: Path) -> None:
    """Raises ConfigError where no journal can be at ``path``, OSError where we may not write there."""
    if not path.parent.is_dir():
        raise ConfigError([Fault("journal.path", f'"{path}"', f"its directory does not exist; {ADVICE}")])
    if not path.exists():
        return
    if not path.is_file():
        raise ConfigError([Fault("journal.path", f'"{path}"', "must be a file")])
    # SQLite would open a file of somebody else's for reading only, and fail at the first commit. It is not opened here to find out: closing
    # it would drop the locks that this process may have on it (fcntl(2)).
    if not os.access(path, os.R_OK | os.W_OK, effective_ids=True) and not os.statvfs(path).f_flag & os.ST_RDONLY:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def _is_wrong_place(error: OSError, path: Path) -> bool:
    """Whether another path would help. A read-only disk with a journal on it is a disk that has failed; without one, the wrong disk."""
    if error.errno == errno.EROFS:
        return not path.exists()
    return error.errno in (errno.EACCES, errno.EPERM)


def _not_ours(error: OSError) -> str:
    return f"the account {account()} cannot write there ({error.strerror}): must be a file in a directory that it may write to; {ADVICE}"


def make_or_examine(path: Path) -> bool:
    """Make the journal where there is none, look it over where there is one; True where it was made.

    Raises JournalDamaged after moving a damaged file aside, ConfigError where the file is not ours, JournalFull where it cannot be written.
    """
    try:
        if not path.exists() and not wal_of(path).exists():
            _make(path)
            return True
        settle(path)
        problem = _examine(path)
    except sqlite3.Error as error:
        if is_refusal(error):
            raise JournalFull(f"{path}: {error}") from error
        problem = str(error)
    except OSError as error:
        raise JournalFull(f"{path}: {error.strerror}") from error
    if problem is not None:
        raise JournalDamaged(f"the journal is damaged: {problem}", str(move_aside(path)))
    return False


def _make(path: Path) -> None:
    # Made under another name and renamed: a crash in between leaves no half-made journal, so an empty file is always damage.
    draft = path.with_name(path.name + ".new")
    for leftover in (draft, wal_of(draft), shm_of(draft), draft.with_name(draft.name + "-journal")):
        leftover.unlink(missing_ok=True)
    os.close(os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    connection = sqlite3.connect(draft, isolation_level=None)
    try:
        for setting in (f"page_size={PAGE_BYTES}", "auto_vacuum=NONE", "encoding='UTF-8'", "synchronous=FULL"):
            connection.execute(f"PRAGMA {setting}").fetchall()
        connection.executescript(SCHEMA)
        with transaction(connection):
            connection.execute("INSERT INTO meta (id, epoch, anchor_hash) VALUES (1, ?, ?)", (secrets.token_hex(4), GENESIS))
        upgrade(connection)
        connection.execute(f"PRAGMA application_id={APPLICATION_ID}").fetchall()
        connection.execute("PRAGMA journal_mode=WAL").fetchall()
    finally:
        connection.close()
    _sync(draft)
    draft.rename(path)
    _sync(path.parent)


def settle(path: Path) -> None:
    """Make sure that what is read from now on is on the disk; nobody has the files open. Raises OSError where it cannot be had there.

    What a killed process had written but not synced would be read back and believed, and a power cut could take it; pages whose sync has
    failed read as new from the cache. So the cache is dropped, and what it still had to write is written.
    """
    for part in (path, wal_of(path)):
        if part.exists():
            descriptor = os.open(part, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(descriptor)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _examine(path: Path) -> str | None:
    if not path.exists():
        return "the database is missing, only its write-ahead log is there"
    if path.stat().st_size == 0:
        return "the file is empty"
    # Not through a connection that writes: closing that one would change the file that is to be kept as it was found.
    connection = connect_read_only(path, immutable=not wal_of(path).exists())
    try:
        try:
            require_ours(connection, path)
        except sqlite3.Error:
            raise
        except StoreError as error:
            raise ConfigError([Fault("journal.path", f'"{path}"', str(error))]) from None
        if path.stat().st_size <= WHOLE_CHECK_BYTES and (problem := page_fault(connection)) is not None:
            return problem
        book = book_of(connection)
        _, newest_seq, _ = newest_of(connection, book)
        if book.acknowledged > newest_seq:
            return f"acknowledged up to seq {book.acknowledged}, but the newest is {newest_seq}"
        starting_point(connection, book)
        broken = walk(connection, book, _walk_start(connection, book)).broken
        return None if broken is None else f"row {broken.row}: {broken.reason}"
    finally:
        connection.close()


def _walk_start(connection: sqlite3.Connection, book: Book) -> tuple[int, int, bytes]:
    """From where the rows are walked at the start: the oldest snapshot that the state could be rebuilt from."""
    anchor = (book.anchor_row, book.anchor_seq, book.anchor_hash)
    row = min((snapshot.row for snapshot in snapshots_of(connection, book.epoch) if snapshot.state is not None), default=0)
    if row <= book.anchor_row:
        return anchor
    found = connection.execute("SELECT hash FROM record WHERE row = ?", (row,)).fetchone()
    if found is None:
        raise sqlite3.DatabaseError(f"row {row}, which a snapshot was taken after, is missing")
    seq = connection.execute("SELECT seq FROM record WHERE seq IS NOT NULL AND row <= ? ORDER BY row DESC LIMIT 1", (row,)).fetchone()
    return row, seq[0] if seq is not None else book.anchor_seq, found[0]


def move_aside(path: Path) -> Path:
    """Move a damaged journal, with its log, beside itself under a name that is free; the log keeps the name by which SQLite finds it.

    Raises JournalFull where the directory does not allow it.
    """
    for number in count(1):
        aside = path.with_name(f"{path.name}.damaged-{number}")
        if not any(taken.exists() for taken in (aside, wal_of(aside), shm_of(aside))):
            break
    try:
        # The database first: after a crash in between, a log without its database is plainly damage, while a database without its
        # log would pass for a sound one of some time ago, and numbers would be given out twice.
        for part, target in ((path, aside), (wal_of(path), wal_of(aside)), (shm_of(path), shm_of(aside))):
            if part.exists():
                part.rename(target)
        _sync(path.parent)
    except OSError as error:
        raise JournalFull(f"{path} is damaged and cannot be moved aside: {error.strerror}") from error
    return aside
