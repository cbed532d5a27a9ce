"""Damaged files: noticed before they are believed, moved aside whole, never deleted; and edits are found to the row."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import subprocess
import sys
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest

from device.errors import ConfigError, JournalDamaged
from device.journal import Journal
from device.journal.reading import open_archive
from device.journal.schema import PAGE_BYTES
from tests.journal.writing import edit, event, opened, piece, private, running, stored, verdict


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A closed journal with 200 events, some evidence and two snapshots."""
    path = tmp_path / "journal.db"
    asyncio.run(_filled(path))
    return path


async def _filled(path: Path) -> None:
    async with running(path) as journal:
        for seq in range(1, 201):
            await journal.commit([event(seq), private(seq)], evidence=[piece(seq)] if seq % 10 == 0 else ())
            if seq % 80 == 0:
                await journal.snapshot(b"state")


async def _started_anew(path: Path) -> None:
    async with running(path) as journal:
        assert journal.made_new
        assert journal.newest_seq == 0
        await journal.commit([event(1)])


def _is_moved_aside(path: Path, *, word: str = "") -> Path:
    parts = {part.name: part.read_bytes() for part in path.parent.iterdir() if part.name in (path.name, f"{path.name}-wal")}
    with pytest.raises(JournalDamaged, match=f"the journal is damaged.*{word}") as caught:
        opened(path)
    aside = Path(caught.value.quarantine)
    assert aside.name == "journal.db.damaged-1"
    kept = {name: (path.parent / name.replace("journal.db", aside.name)).read_bytes() for name in parts}
    assert kept == parts
    asyncio.run(_started_anew(path))
    return aside


def test_garbage_is_moved_aside(path: Path) -> None:
    path.write_bytes(random.Random(1).randbytes(200_000))
    _is_moved_aside(path)


def test_an_empty_file_is_moved_aside_with_its_log(path: Path) -> None:
    path.write_bytes(b"")
    _is_moved_aside(path, word="empty")


def test_a_truncated_file_is_moved_aside(path: Path) -> None:
    path.with_name("journal.db-wal").unlink()
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2 + 17])
    _is_moved_aside(path)


def test_a_log_without_its_database_is_moved_aside(path: Path) -> None:
    path.unlink()
    with pytest.raises(JournalDamaged, match="missing"):
        opened(path)
    assert path.with_name("journal.db.damaged-1-wal").exists()
    asyncio.run(_started_anew(path))


def test_the_second_damaged_file_does_not_replace_the_first(path: Path) -> None:
    for number in (1, 2, 3):
        path.write_bytes(b"not a database, for the %d. time" % number)
        with pytest.raises(JournalDamaged) as caught:
            opened(path)
        assert caught.value.quarantine == f"{path}.damaged-{number}"
    assert path.with_name("journal.db.damaged-1").read_bytes() == b"not a database, for the 1. time"


def test_what_was_moved_aside_can_still_be_read(path: Path) -> None:
    edit(path, "UPDATE record SET type = 'session.item_returned' WHERE row = 400")
    aside = _is_moved_aside(path, word="row 400: its content does not fit its hash")
    assert len(stored(aside)) == 400


@pytest.mark.parametrize("seed", range(25))
def test_flipped_bytes_are_noticed_or_do_no_harm(path: Path, seed: int) -> None:
    """Damage anywhere in the used part of the file: it is moved aside, or every row that the start depends on is as it was."""
    before = stored(path)
    path.with_name("journal.db-wal").unlink()
    content = bytearray(path.read_bytes())
    with closing(sqlite3.connect(f"file:{path}?immutable=1", uri=True)) as connection:
        used = connection.execute("SELECT count(*) FROM dbstat").fetchone()[0] * 4096 if _has_dbstat(connection) else len(content)
    dice = random.Random(seed)
    for _ in range(8):
        content[dice.randrange(used)] ^= 1 << dice.randrange(8)
    path.write_bytes(content)
    journal = _opened_or_set_aside(path)
    if journal is None:
        assert content in [part.read_bytes() for part in path.parent.iterdir()]
        return
    try:
        state, rows = journal.recover()
        replayed = list(rows)
        assert state in (b"state", None)
        assert replayed == before[len(before) - len(replayed) :]
    finally:
        asyncio.run(journal.close())


def _opened_or_set_aside(path: Path) -> Journal | None:
    try:
        return opened(path)
    except (JournalDamaged, ConfigError):
        return None


def _has_dbstat(connection: sqlite3.Connection) -> bool:
    try:
        connection.execute("SELECT 1 FROM dbstat LIMIT 1").fetchone()
    except sqlite3.OperationalError:
        return False
    return True


async def test_damage_met_while_running_moves_the_file_aside(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    async with running(path) as journal:
        await journal.commit([event(seq, 3000) for seq in range(1, 400)])
        await journal.snapshot(b"state")
        journal._ledger._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        _wipe_from(path, 20)
        with pytest.raises(JournalDamaged):
            await journal.events(0, 400)
        with pytest.raises(JournalDamaged):
            await journal.commit([event(400)])
        assert journal.pressure.room == "full"
    assert _names(tmp_path) == {f"journal.db{end}" for end in (".damaged-1", ".damaged-1-wal", ".damaged-1-shm", ".lock")}
    await _started_anew(path)


def _names(folder: Path) -> set[str]:
    return {part.name for part in folder.iterdir()}


def _wipe_from(path: Path, page: int) -> None:
    """Zero the pages from one on, in another process: closing the file in this one would drop the locks that are held on it."""
    start = page * PAGE_BYTES
    script = f"import os, sys; d = os.open(sys.argv[1], os.O_WRONLY); os.pwrite(d, bytes(os.fstat(d).st_size - {start}), {start})"
    subprocess.run([sys.executable, "-c", script, str(path)], check=True, timeout=30)


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    with pytest.raises(ConfigError, match="not a journal of this program"):
        opened(path)
    assert path.exists()


def test_a_journal_of_a_newer_version_is_left_alone(path: Path) -> None:
    edit(path, "UPDATE record SET type = type WHERE row = 1")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA user_version = 3")
    with pytest.raises(ConfigError, match="of version 3; this program knows 2"):
        opened(path)


@pytest.mark.parametrize(
    ("statement", "row", "reason"),
    [
        ("UPDATE record SET body = x'7b7d' WHERE row = 17", 17, "does not fit its hash"),
        ("UPDATE record SET wall = wall + 1 WHERE row = 18", 18, "does not fit its hash"),
        ("UPDATE record SET type = 'session.ended' WHERE row = 19", 19, "does not fit its hash"),
        ("UPDATE record SET hash = zeroblob(32) WHERE row = 20", 20, "does not fit its hash"),
        ("UPDATE record SET body = NULL WHERE row = 21", 21, "nothing stands for it"),
        ("DELETE FROM record WHERE row = 22", 23, "row 22 is missing"),
        ("UPDATE record SET seq = 9999 WHERE row = 200", None, ""),
        ("DELETE FROM evidence WHERE id = 'e10'", 21, "evidence e10 is missing"),
        ("UPDATE meta SET epoch = '00000000'", 1, "does not fit its hash"),
        ("UPDATE meta SET acknowledged = 5000", None, "the newest is 200"),
        ("UPDATE snapshot SET row = row + 1 WHERE row = 168", None, "not what was stored"),
    ],
)
def test_an_edit_is_found_to_the_row(path: Path, statement: str, row: int | None, reason: str) -> None:
    edit(path, statement)
    broken = verdict(path).broken
    assert broken is not None
    assert reason in broken.reason
    if row is not None:
        assert broken.row == row


async def test_an_erased_body_leaves_the_chain_whole(path: Path) -> None:
    with closing(open_archive(path)) as archive:
        body = archive.execute("SELECT body FROM record WHERE row = 17").fetchone()[0]
    edit(path, "UPDATE record SET body = NULL, digest = ? WHERE row = 17", [sha256(body).digest()])
    outcome = verdict(path)
    assert outcome.broken is None
    assert outcome.erased == 1
    async with running(path) as journal:
        await journal.commit([event(201)])
