"""The database: its tables, its settings, and the meaning of SQLite's errors.

Settings, and why:

- ``journal_mode=WAL`` with ``synchronous=FULL``: a commit is one sequential write and one sync, and survives a power cut.
- ``auto_vacuum=NONE``: freed pages stay in the file, as the room for the next rows; a file that shrinks would give its space to others.
- ``wal_autocheckpoint=0``: the ledger brings the log into the file itself, because SQLite's own way of doing it keeps quiet about a failed
  sync, and what the log held unsynced would then be missing from its middle.
- ``secure_delete=FAST``: what is deleted is overwritten where the page is written anyway; some builds default to ON, which writes
  everything that is trimmed a second time.
- ``mmap_size=0``: a read error of a mapped page is SIGBUS; of a read page it is an error code.
- ``cell_size_check=ON``: damaged pages are noticed when they are read, before they are believed.
- ``trusted_schema=OFF``: a schema that somebody planted runs no functions.
- ``cache_size=-256``: 256 kB; the journal is hardly read, and a larger cache fills when the file grows and stays full.

Only one connection ever writes or checkpoints. Readers have a connection opened with ``mode=ro``.
"""

from __future__ import annotations

import re
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from device.domain.record import record

APPLICATION_ID = 0x534D5354
"""``SMST``: tells our files from another program's."""

VERSION = 2
"""Of the file. Files of version 1 have everybody under their own name; the tables of names are added to them when they are opened."""

PAGE_BYTES = 4096

BUSY_MS = 5000
"""So long another process's lock is waited for."""

EVIDENCE_TYPE = "journal.evidence"
"""The type of the journal's own private record that chains a piece of evidence: its body holds the id and the SHA-256 of the blob."""

TYPE_PATTERN = re.compile(r"[a-z][a-z0-9_.-]{0,99}")

SCHEMA = """
CREATE TABLE meta (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    epoch TEXT NOT NULL,
    acknowledged INTEGER NOT NULL DEFAULT 0,
    anchor_row INTEGER NOT NULL DEFAULT 0,
    anchor_seq INTEGER NOT NULL DEFAULT 0,
    anchor_hash BLOB NOT NULL
) STRICT;
CREATE TABLE record (
    row INTEGER PRIMARY KEY,
    seq INTEGER,
    type TEXT NOT NULL,
    wall REAL NOT NULL,
    body BLOB,
    digest BLOB,
    hash BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX record_seq ON record (seq) WHERE seq IS NOT NULL;
CREATE TABLE evidence (
    id TEXT PRIMARY KEY,
    seq INTEGER,
    row INTEGER NOT NULL,
    trace BLOB NOT NULL
) STRICT;
CREATE INDEX evidence_row ON evidence (row);
CREATE TABLE snapshot (
    row INTEGER PRIMARY KEY,
    hash BLOB NOT NULL,
    state BLOB NOT NULL
) STRICT;
CREATE TABLE aside (
    seq INTEGER PRIMARY KEY,
    reason TEXT NOT NULL,
    type TEXT NOT NULL,
    wall REAL NOT NULL,
    body BLOB
) STRICT;
CREATE TABLE ballast (id INTEGER PRIMARY KEY, filler BLOB NOT NULL) STRICT;
"""

NAMES_SCHEMA = (
    "ALTER TABLE meta ADD COLUMN mark_key BLOB",
    "ALTER TABLE meta ADD COLUMN scrub INTEGER NOT NULL DEFAULT 0",
    "CREATE TABLE secret (slot INTEGER PRIMARY KEY, free INTEGER NOT NULL, key BLOB NOT NULL) STRICT",
    "CREATE INDEX secret_free ON secret (slot) WHERE free = 1",
    "CREATE TABLE alias (pseudonym TEXT PRIMARY KEY, slot INTEGER, sealed BLOB, owner TEXT, until REAL, mark TEXT, row INTEGER NOT NULL)"
    " STRICT, WITHOUT ROWID",
    "CREATE INDEX alias_owner ON alias (owner) WHERE owner IS NOT NULL",
    "CREATE INDEX alias_row ON alias (row)",
    "CREATE INDEX alias_mark ON alias (until) WHERE mark IS NOT NULL",
)
"""What version 2 has more. ``meta.scrub``: keys have been destroyed of which the log still has copies."""

MARK_KEY_BYTES = 32


@record
class Row:
    """One row of the journal. ``seq`` None: a private record, kept but never published.

    ``wall`` is Unix time, a label. ``body`` of an event is its envelope, of a private record our own JSON.
    """

    seq: int | None
    type: str
    wall: float
    body: bytes


@record
class Evidence:
    """A trace to be kept, packed by ``trace.encode``. ``seq``: the event that it supports, where that is known; ``wall``: Unix time."""

    id: str
    seq: int | None
    wall: float
    blob: bytes


def wal_of(path: Path) -> Path:
    """The write-ahead log beside a database."""
    return path.with_name(path.name + "-wal")


def shm_of(path: Path) -> Path:
    """The index of the write-ahead log beside a database."""
    return path.with_name(path.name + "-shm")


def connect(path: Path) -> sqlite3.Connection:
    """The one connection that writes. The file must be there."""
    connection = _open(path, "mode=rw")
    try:
        if connection.execute("PRAGMA journal_mode=WAL").fetchone()[0] != "wal":
            raise sqlite3.OperationalError("write-ahead logging is not possible here")
        for setting in ("synchronous=FULL", "wal_autocheckpoint=0", "secure_delete=FAST"):
            connection.execute(f"PRAGMA {setting}").fetchall()
    except BaseException:
        connection.close()
        raise
    return connection


def connect_read_only(path: Path, *, immutable: bool = False) -> sqlite3.Connection:
    """A connection that cannot change the file. ``immutable``: nobody else has it open, so no log and no lock is looked for."""
    return _open(path, "immutable=1" if immutable else "mode=ro")


def _open(path: Path, options: str) -> sqlite3.Connection:
    uri = f"file:{quote(str(path.absolute()))}?{options}"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=BUSY_MS / 1000)
    try:
        for setting in ("mmap_size=0", "cell_size_check=ON", "trusted_schema=OFF", "cache_size=-256", "temp_store=MEMORY"):
            connection.execute(f"PRAGMA {setting}").fetchall()
    except UnicodeDecodeError as error:
        # SQLite quotes a damaged schema as it is, and the module cannot make text of that.
        connection.close()
        raise sqlite3.DatabaseError("its schema is damaged") from error
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Everything in the block, or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


def upgrade(connection: sqlite3.Connection) -> None:
    """Give a file of version 1 the tables of names; one that has them is let be."""
    if pragma(connection, "user_version") >= VERSION:
        return
    with transaction(connection):
        for statement in NAMES_SCHEMA:
            connection.execute(statement)
        connection.execute("UPDATE meta SET mark_key = ?", (secrets.token_bytes(MARK_KEY_BYTES),))
        connection.execute(f"PRAGMA user_version={VERSION}")


def has_names(connection: sqlite3.Connection) -> bool:
    """Whether the file has the tables of names."""
    return pragma(connection, "user_version") >= VERSION


def pragma(connection: sqlite3.Connection, name: str) -> int:
    """The value of a numeric setting."""
    value: int = connection.execute(f"PRAGMA {name}").fetchone()[0]
    return value


_PRIMARY = 0xFF
_BROKEN_READS = frozenset({sqlite3.SQLITE_IOERR_READ, sqlite3.SQLITE_IOERR_SHORT_READ, sqlite3.SQLITE_IOERR_CORRUPTFS})
_NO_ROOM = frozenset(
    {
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_NOLFS,
    }
)


def code_of(error: sqlite3.Error) -> int:
    """SQLite's extended result code; 0 where the error is not SQLite's but the module's."""
    return getattr(error, "sqlite_errorcode", 0)


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the file's content is wrong or cannot be read. A bare DatabaseError is our own word for it."""
    code = code_of(error)
    if type(error) is sqlite3.DatabaseError and code == 0:
        return True
    return code & _PRIMARY in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB) or code in _BROKEN_READS


def is_refusal(error: sqlite3.Error) -> bool:
    """Whether the disk will not take what we write: full, read-only, failing, or not ours."""
    return not is_damage(error) and code_of(error) & _PRIMARY in _NO_ROOM


def is_full(error: sqlite3.Error) -> bool:
    """Whether there was no space; the transaction is rolled back and the descriptors are sound."""
    return code_of(error) & _PRIMARY == sqlite3.SQLITE_FULL
