"""What the tests of the journal share: rows to write, and ways to look at what was written."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path

from device.errors import JournalFull
from device.journal import Journal, Row
from device.journal.reading import open_archive, rows_after
from device.journal.schema import EVIDENCE_TYPE, Evidence
from device.journal.trace import Trace, encode
from device.journal.verify import Verdict, verify

WALL = 1_760_000_000.0


def event(seq: int, size: int = 200, wall: float | None = None) -> Row:
    """An event of about ``size`` bytes."""
    return Row(seq, "session.item_taken", WALL + seq if wall is None else wall, json.dumps({"seq": seq, "fill": "x" * size}).encode())


def private(number: int, size: int = 50) -> Row:
    """A private record."""
    return Row(None, "plate.baseline", WALL + number / 7, json.dumps({"number": number, "fill": "p" * size}).encode())


def piece(number: int, samples: int = 60) -> Evidence:
    """A piece of evidence."""
    trace = Trace(WALL, tuple((n / 10, 1000.0 + (number * n) % 7 / 10) for n in range(samples)), -750.0, 0.4)
    return Evidence(f"e{number}", number, WALL, encode(trace))


def opened(path: Path, max_mb: int = 16, keep_days: int = 400) -> Journal:
    """The journal at a path."""
    return Journal.open(path, max_mb=max_mb, keep_days=keep_days)


@asynccontextmanager
async def running(path: Path, max_mb: int = 16, keep_days: int = 400) -> AsyncIterator[Journal]:
    """A journal for a while."""
    journal = opened(path, max_mb, keep_days)
    try:
        yield journal
    finally:
        await journal.close()


async def until_refused(journal: Journal, size: int, *, force: bool = False, snapshots: Sequence[int] = ()) -> int:
    """Commit events of a size, one a commit, until the journal refuses; the newest seq. Snapshots are taken after the numbers given."""
    while True:
        try:
            await journal.commit([event(journal.newest_seq + 1, size)], force=force)
        except JournalFull:
            return journal.newest_seq
        if journal.newest_seq in snapshots:
            await journal.snapshot(b"state")


def put_files(files: Mapping[str, bytes], folder: Path) -> Path:
    """Lay files into a new folder; where the journal among them is."""
    folder.mkdir()
    for name, content in files.items():
        (folder / Path(name).name).write_bytes(content)
    return folder / "journal.db"


def stored(path: Path) -> list[Row]:
    """Every row in the file that was committed by a caller."""
    with closing(open_archive(path)) as archive:
        return [row.content for row in rows_after(archive, 0) if row.type != EVIDENCE_TYPE]


def verdict(path: Path) -> Verdict:
    """What verification says of the file."""
    with closing(open_archive(path)) as archive:
        return verify(archive)


def edit(path: Path, statement: str, values: Iterable[object] = ()) -> None:
    """Change the file behind the journal's back."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        assert connection.execute(statement, tuple(values)).rowcount != 0
        connection.execute("PRAGMA wal_checkpoint(FULL)").fetchall()
