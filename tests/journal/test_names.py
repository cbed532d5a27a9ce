"""Who the pseudonyms are is known until it is forgotten, and then nowhere in the files; the chain does not notice."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from device.errors import JournalFull
from device.journal import Journal, Row
from device.journal.aliases import Names, reveal
from device.journal.reading import named, open_archive, rows_after
from device.journal.schema import wal_of
from tests.journal.writing import WALL, edit, event, opened, running, until_refused, verdict

DAY_S = 86_400.0
ANNA, BRUNO = "Anna Abendstern 4711", "Bruno"
JTI = "0192f3c2-annas-code"
EXPIRES = WALL + 300.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def granted(journal: Journal, seq: int, name: str, jti: str, wall: float = WALL) -> Row:
    """An event that tells of a person, by the pseudonyms that the journal has for them."""
    subject = journal.names.subject(name)
    code = journal.names.code(jti, subject, EXPIRES)
    data = {"zone": "fridge", "subject": subject, "jti": code}
    return Row(seq, "access.granted", wall, json.dumps({"seq": seq, "subject": "fridge", "data": data}, separators=(",", ":")).encode())


def told(body: bytes) -> tuple[str, str]:
    data = json.loads(body)["data"]
    return data["subject"], data["jti"]


def files_of(path: Path) -> bytes:
    return b"".join(part.read_bytes() for part in sorted(path.parent.iterdir()) if part.name.startswith(path.name))


def keys_of(path: Path) -> list[bytes]:
    with closing(open_archive(path)) as archive:
        return [key for (key,) in archive.execute("SELECT key FROM secret WHERE free = 0 ORDER BY slot")]


async def test_an_event_is_stored_with_pseudonyms_and_published_with_names(path: Path) -> None:
    async with running(path) as journal:
        await journal.commit([granted(journal, 1, ANNA, JTI)])
        (stored,) = await journal.events_unnamed(0, 10)
        (published,) = await journal.events(0, 10)
        assert told(stored.body) == (journal.names.subject_of(ANNA), journal.names.code_of(JTI))
        assert told(published.body) == (ANNA, JTI)
        assert published.body == stored.body.replace(told(stored.body)[0].encode(), ANNA.encode()).replace(
            told(stored.body)[1].encode(), JTI.encode()
        )
        assert ANNA.encode() not in files_of(path)
        assert JTI.encode() not in files_of(path)


async def test_one_person_has_one_pseudonym_also_after_a_restart(path: Path) -> None:
    async with running(path) as journal:
        await journal.commit([granted(journal, 1, ANNA, JTI), granted(journal, 2, ANNA, "second"), granted(journal, 3, BRUNO, "third")])
        subjects = [told(row.body)[0] for row in await journal.events_unnamed(0, 10)]
        assert subjects[0] == subjects[1] != subjects[2]
        codes = [told(row.body)[1] for row in await journal.events_unnamed(0, 10)]
    async with running(path) as journal:
        journal.recall_codes(codes[:1])
        assert journal.names.subject(ANNA) == subjects[0]
        assert (journal.names.code_of(JTI), journal.names.code_of("second")) == (codes[0], None)
        assert journal.names.pending == ()


async def test_who_is_forgotten_is_nowhere_in_the_files_and_the_chain_holds(path: Path) -> None:
    async with running(path) as journal:
        await journal.commit([granted(journal, 1, ANNA, JTI), granted(journal, 2, BRUNO, "b1")])
        before = verdict(path)
        annas, brunos = keys_of(path)[:2], keys_of(path)[2:]
        assert all(key in files_of(path) for key in (*annas, *brunos))
        assert await journal.forget(ANNA)
        after = files_of(path)
        assert not any(key in after for key in annas)
        assert all(key in after for key in brunos)
        assert [told(row.body)[0] for row in await journal.events(0, 10)] == [told((await journal.events_unnamed(0, 1))[0].body)[0], BRUNO]
        assert verdict(path).broken is None
        assert verdict(path).head == before.head
        assert not await journal.forget(ANNA)
    assert not any(key in files_of(path) for key in annas)


async def test_who_comes_back_after_being_forgotten_is_somebody_else(path: Path) -> None:
    async with running(path) as journal:
        await journal.commit([granted(journal, 1, ANNA, JTI)])
        first = journal.names.subject(ANNA)
        await journal.forget(ANNA)
        await journal.commit([granted(journal, 2, ANNA, "new")])
        assert [told(row.body) for row in await journal.events(0, 10)] == [(first, journal.names.code_of(JTI)), (ANNA, "new")]


async def test_a_used_code_of_a_forgotten_person_is_still_recognised(path: Path) -> None:
    async with running(path) as journal:
        await journal.commit([granted(journal, 1, ANNA, JTI)])
        used = journal.names.code_of(JTI)
        await journal.forget(ANNA)
        assert journal.names.code_of(JTI) == used
    async with running(path) as journal:
        assert journal.names.code_of(JTI) == used
        await journal.let_go(EXPIRES + 2 * DAY_S, ())
        assert journal.names.code_of(JTI) is None


async def test_what_was_forgotten_before_it_could_be_stored_never_is(path: Path) -> None:
    async with running(path) as journal:
        row = granted(journal, 1, ANNA, JTI)
        used = journal.names.code_of(JTI)
        secrets = [alias.key for alias in journal.names.pending]
        await journal.forget(ANNA)
        await journal.commit([row])
        assert told((await journal.events(0, 1))[0].body) == told(row.body)
        assert not any(key in files_of(path) for key in secrets)
    async with running(path) as journal:
        assert journal.names.code_of(JTI) == used


async def test_a_restart_clears_a_log_that_could_not_be_cleared(path: Path) -> None:
    journal = opened(path)
    await journal.commit([granted(journal, 1, ANNA, JTI)])
    key = keys_of(path)[0]
    with closing(open_archive(path)) as reader:
        # Somebody reads in the log, which can then not be begun anew.
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM record").fetchall()
        await journal.forget(ANNA)
        assert key in wal_of(path).read_bytes()
    await journal.close()
    assert key in files_of(path)
    async with running(path):
        assert key not in files_of(path)


async def test_the_next_minute_clears_a_log_that_somebody_was_reading(path: Path) -> None:
    async with running(path) as journal:
        await journal.commit([granted(journal, 1, ANNA, JTI)])
        key = keys_of(path)[0]
        with closing(open_archive(path)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM record").fetchall()
            await journal.forget(ANNA)
        await journal.trim(WALL)
        assert key not in files_of(path)


async def test_the_names_of_rows_that_retention_has_removed_go_with_them(path: Path) -> None:
    async with running(path, keep_days=1) as journal:
        await journal.commit([granted(journal, 1, ANNA, JTI), granted(journal, 2, BRUNO, "b1"), event(3)])
        bruno = journal.names.subject(BRUNO)
        for _ in range(2):
            await journal.snapshot(b"state")
            await journal.commit([event(journal.newest_seq + 1, wall=WALL + 5 * DAY_S)])
        await journal.acknowledge(journal.newest_seq)
        anna = keys_of(path)[0]
        later = WALL + 5 * DAY_S
        assert await journal.trim(later) == 3
        await journal.let_go(later, {bruno})
        assert (journal.names.subject_of(ANNA), journal.names.subject_of(BRUNO)) == (None, bruno)
        await journal.forget("nobody")
        assert anna not in keys_of(path)
        assert len(keys_of(path)) == 1
        await journal.let_go(later, ())
        assert keys_of(path) == []
        assert verdict(path).broken is None


async def test_who_was_told_of_again_is_kept_when_the_older_rows_go(path: Path) -> None:
    async with running(path, keep_days=1) as journal:
        await journal.commit([granted(journal, 1, ANNA, JTI), event(2)])
        await journal.snapshot(b"state")
        await journal.commit([granted(journal, 3, ANNA, "again", WALL + 5 * DAY_S)])
        await journal.snapshot(b"state")
        await journal.acknowledge(3)
        await journal.trim(WALL + 5 * DAY_S)
        await journal.let_go(WALL + 5 * DAY_S, ())
        assert told((await journal.events(0, 10))[-1].body) == (ANNA, "again")


async def test_an_event_that_was_set_aside_keeps_its_names(path: Path) -> None:
    async with running(path, keep_days=1) as journal:
        await journal.commit([granted(journal, 1, ANNA, JTI), event(2)])
        await journal.set_aside(1, "not authorized")
        for _ in range(2):
            await journal.snapshot(b"state")
            await journal.commit([event(journal.newest_seq + 1, wall=WALL + 5 * DAY_S)])
        await journal.acknowledge(journal.newest_seq)
        await journal.trim(WALL + 5 * DAY_S)
        await journal.let_go(WALL + 5 * DAY_S, ())
        assert told((await journal.aside(0, 10))[0].body) == (ANNA, JTI)


async def test_keys_do_not_move_however_many_come_and_go(path: Path) -> None:
    async with running(path) as journal:
        keys: set[bytes] = set()
        for number in range(1, 301):
            row = granted(journal, number, f"person {number}", f"code {number}")
            keys |= {alias.key for alias in journal.names.pending}
            await journal.commit([row])
            if number % 7 == 0:
                await journal.forget(f"person {number}")
            if number % 5 == 0:
                await journal.forget(f"person {number // 2}")
        content = files_of(path)
        kept = keys_of(path)
        assert len(keys) == 600
        assert 250 < len(kept) < 500
        assert [key for key in keys - set(kept) if key in content] == []
        with closing(open_archive(path)) as archive:
            slots = archive.execute("SELECT count(*), sum(free) FROM secret").fetchone()
            names = [named(archive, stored) for stored in rows_after(archive, 0)]
        assert slots[0] - slots[1] == len(kept)
        known = [told(stored.body)[0] for stored in names if stored.body is not None]
        assert "person 299" in known
        assert "person 294" not in known


async def test_a_full_journal_stores_neither_the_event_nor_the_name(path: Path) -> None:
    async with running(path, max_mb=4) as journal:
        for size in (50_000, 5_000, 10):
            await until_refused(journal, size)
        row = granted(journal, journal.newest_seq + 1, ANNA, JTI)
        with pytest.raises(JournalFull):
            await journal.commit([row])
        assert keys_of(path) == []
        await journal.commit([row], force=True)
        assert len(keys_of(path)) == 2
        assert told((await journal.events(journal.newest_seq - 1, 1))[0].body) == (ANNA, JTI)


async def test_a_journal_of_the_first_version_goes_on(path: Path) -> None:
    plain = json.dumps({"data": {"subject": "carla", "jti": "j1"}}, separators=(",", ":")).encode()
    async with running(path) as journal:
        await journal.commit([Row(1, "access.granted", WALL, plain)])
    _as_version_1(path)
    with closing(open_archive(path)) as archive:
        assert [named(archive, stored).body for stored in rows_after(archive, 0)] == [plain]
    async with running(path) as journal:
        await journal.commit([granted(journal, 2, ANNA, JTI)])
        assert [told(row.body) for row in await journal.events(0, 10)] == [("carla", "j1"), (ANNA, JTI)]
    assert verdict(path).broken is None


def _as_version_1(path: Path) -> None:
    for index in ("alias_mark", "alias_row", "alias_owner", "secret_free"):
        edit(path, f"DROP INDEX {index}")
    for table in ("alias", "secret"):
        edit(path, f"DROP TABLE {table}")
    for column in ("scrub", "mark_key"):
        edit(path, f"ALTER TABLE meta DROP COLUMN {column}")
    edit(path, "PRAGMA user_version=1")
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_schema WHERE name IN ('alias', 'secret')").fetchone() == (0,)


def test_a_mark_is_the_same_for_the_same_and_tells_sorts_apart() -> None:
    names = Names(bytes(32))
    assert names.mark("jti", "x") == names.mark("jti", "x")
    assert len({names.mark("jti", "x"), names.mark("subject", "x"), Names(b"\1" * 32).mark("jti", "x")}) == 3


def test_only_a_field_is_revealed_not_a_text_that_looks_like_one() -> None:
    pseudonym = "p-" + "0a" * 12
    quoted = json.dumps({"note": f'"subject":"{pseudonym}"', "subject": pseudonym}, separators=(",", ":")).encode()
    assert json.loads(reveal(quoted, lambda _: 'Ann "A" é')) == {"note": f'"subject":"{pseudonym}"', "subject": 'Ann "A" é'}
    assert reveal(quoted, lambda _: None) == quoted
