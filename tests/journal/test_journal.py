"""The journal in good times: what is committed is there, numbered, chained, grouped, and found again."""

from __future__ import annotations

import asyncio
import os
import stat
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device.errors import ConfigError, JournalInUse
from device.journal import Evidence, Journal, Row
from device.journal.entries import Entry
from device.journal.retention import CLOCKLESS_BEFORE
from device.journal.schema import wal_of
from tests.journal.writing import WALL, edit, event, opened, piece, private, running, stored, verdict

DAY_S = 86_400.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


async def test_a_new_journal_is_empty_and_says_so(path: Path) -> None:
    async with running(path) as journal:
        assert journal.made_new
        assert len(journal.epoch) == 8
        assert int(journal.epoch, 16) >= 0
        assert (journal.newest_seq, journal.acknowledged) == (0, 0)
        state, rows = journal.recover()
        assert state is None
        assert list(rows) == []
        assert journal.pressure.room == "ok"


async def test_what_was_committed_is_found_again_under_the_same_epoch(path: Path) -> None:
    rows = [event(1), private(1), event(2)]
    async with running(path) as journal:
        epoch = journal.epoch
        await journal.commit(rows)
        assert journal.newest_seq == 2
    async with running(path) as journal:
        assert journal.epoch == epoch
        assert not journal.made_new
        assert journal.newest_seq == 2
        assert list(journal.recover()[1]) == rows


async def test_the_files_are_for_their_owner_only(path: Path) -> None:
    async with running(path) as journal:
        await journal.commit([event(1)])
        assert {stat.S_IMODE(part.stat().st_mode) for part in path.parent.iterdir()} == {0o600}


async def test_a_new_journal_is_in_its_directory_for_good(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    fsync = os.fsync

    def noting(descriptor: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noting)
    await opened(path).close()
    assert str(path.parent) in synced


async def test_numbers_leave_no_gap(path: Path) -> None:
    async with running(path) as journal:
        await journal.commit([event(1)])
        with pytest.raises(ValueError, match="the next seq is 2, not 3"):
            await journal.commit([event(3)])
        with pytest.raises(ValueError, match="the next seq is 3, not 4"):
            await journal.commit([event(2), event(4)])
        assert journal.newest_seq == 1
        await journal.commit([event(2)])
    assert stored(path) == [event(1), event(2)]


async def test_a_number_is_never_given_to_other_content(path: Path) -> None:
    async with running(path) as journal:
        await journal.commit([event(1), event(2)])
        with pytest.raises(ValueError, match="seq 2 is taken by other content"):
            await journal.commit([event(2, size=9)])
        with pytest.raises(ValueError, match="seq 1 is taken by other content"):
            await journal.commit([private(1), event(1), event(2)])
    assert stored(path) == [event(1), event(2)]


async def test_a_commit_that_is_repeated_is_stored_once(path: Path) -> None:
    rows = [private(1), event(1), private(2), event(2)]
    async with running(path) as journal:
        await journal.commit(rows, evidence=[piece(1)])
        await journal.commit(rows, evidence=[piece(1)])
        await journal.commit([], evidence=[piece(1)])
    assert stored(path) == rows
    assert verdict(path).rows == 5


@pytest.mark.parametrize("row", [Row(1, "Not a type", WALL, b""), Row(1, "journal.evidence", WALL, b""), Row(1, "a.b", float("nan"), b"")])
async def test_a_row_that_could_not_be_verified_later_is_refused(path: Path, row: Row) -> None:
    async with running(path) as journal:
        with pytest.raises(ValueError, match="not a t"):
            await journal.commit([row])


async def test_commits_that_wait_share_a_transaction(path: Path) -> None:
    async with running(path) as journal:
        groups = _watch_groups(journal)
        async with asyncio.TaskGroup() as group:
            for seq in range(1, 201):
                group.create_task(journal.commit([event(seq)]))
        assert journal.newest_seq == 200
    assert sum(groups) == 200
    assert len(groups) < 50
    assert stored(path) == [event(seq) for seq in range(1, 201)]


def _watch_groups(journal: Journal) -> list[int]:
    ledger, sizes = journal._ledger, list[int]()
    write = ledger.write

    def counting(entries: Sequence[Entry]) -> None:
        sizes.append(len(entries))
        write(entries)

    ledger.write = counting  # type: ignore[method-assign]
    return sizes


async def test_more_commits_than_may_wait_are_stored_in_their_order(path: Path) -> None:
    async with running(path) as journal, asyncio.TaskGroup() as group:
        for seq in range(1, 1001):
            group.create_task(journal.commit([event(seq, size=10)]))
    assert [row.seq for row in stored(path)] == list(range(1, 1001))


async def test_one_bad_commit_does_not_spoil_its_group(path: Path) -> None:
    async with running(path) as journal:
        async with asyncio.TaskGroup() as group:
            good = [group.create_task(journal.commit([event(1)])), group.create_task(journal.commit([event(2)]))]
            with pytest.raises(ValueError, match="next seq"):
                await journal.commit([event(9)])
            good.append(group.create_task(journal.commit([event(3)])))
        assert all(task.exception() is None for task in good)
    assert stored(path) == [event(1), event(2), event(3)]


async def test_a_snapshot_stands_for_the_rows_before_it(path: Path) -> None:
    async with running(path) as journal:
        await journal.commit([event(1), private(1)])
        await journal.snapshot(b"after two rows")
        await journal.commit([private(2), event(2)], evidence=[piece(1)])
    async with running(path) as journal:
        state, rows = journal.recover()
        assert state == b"after two rows"
        assert list(rows) == [private(2), event(2)]


async def test_a_damaged_snapshot_is_noticed_and_the_one_before_it_used(path: Path) -> None:
    async with running(path) as journal:
        for seq in (1, 2, 3):
            await journal.commit([event(seq)])
            await journal.snapshot(f"after {seq}".encode())
    edit(path, "UPDATE snapshot SET state = (SELECT state FROM snapshot WHERE row = 2) WHERE row = 3")
    async with running(path) as journal:
        state, rows = journal.recover()
        assert state == b"after 2"
        assert list(rows) == [event(3)]
    assert verdict(path).broken is not None


async def test_without_a_sound_snapshot_all_rows_are_replayed(path: Path) -> None:
    async with running(path) as journal:
        await journal.commit([event(1)])
        await journal.snapshot(b"one")
        await journal.commit([event(2)])
    edit(path, "UPDATE snapshot SET hash = zeroblob(32)")
    async with running(path) as journal:
        state, rows = journal.recover()
        assert state is None
        assert list(rows) == [event(1), event(2)]


async def test_only_two_snapshots_are_kept(path: Path) -> None:
    async with running(path) as journal:
        for seq in range(1, 20):
            await journal.commit([event(seq)])
            await journal.snapshot(b"x" * 100_000)
        assert journal.pressure.mb < 1


async def test_the_uplink_reads_events_in_order_and_moves_its_cursor(path: Path) -> None:
    async with running(path) as journal:
        await journal.commit([event(1), private(1), event(2), event(3)])
        assert await journal.events(0, 2) == [event(1), event(2)]
        assert await journal.events(2, 10) == [event(3)]
        await journal.acknowledge(2)
        await journal.acknowledge(1)
        assert journal.acknowledged == 2
        assert journal.pressure.unsent == 1
        with pytest.raises(ValueError, match="cannot be acknowledged"):
            await journal.acknowledge(4)
    async with running(path) as journal:
        assert journal.acknowledged == 2


async def test_an_event_set_aside_is_kept_and_counted_until_it_is_delivered_after_all(path: Path) -> None:
    async with running(path) as journal:
        await journal.commit([event(1), event(2), event(3)])
        await journal.set_aside(2, "not authorised")
        await journal.set_aside(2, "not authorised")
        assert await journal.events(0, 10) == [event(1), event(2), event(3)]
        assert await journal.aside(0, 10) == [event(2)]
        assert journal.pressure.aside == 1
        with pytest.raises(ValueError, match="no seq 4"):
            await journal.set_aside(4, "x")
        await journal.readmit(2)
        assert await journal.aside(0, 10) == []
        assert journal.pressure.aside == 0
        assert await journal.events(0, 10) == [event(1), event(2), event(3)]


async def test_evidence_is_kept_and_chained(path: Path) -> None:
    async with running(path) as journal:
        await journal.commit([event(1)], evidence=[piece(1)])
        await journal.commit([], evidence=[piece(2)])
        assert await journal.evidence("e1") == piece(1).blob
        assert await journal.evidence("e2") == piece(2).blob
        assert await journal.evidence("e3") is None
        with pytest.raises(ValueError, match="other content"):
            await journal.commit([], evidence=[Evidence("e1", None, WALL, b"else")])
        assert list(journal.recover()[1]) == [event(1)]
    assert verdict(path).evidence == 2
    edit(path, "UPDATE evidence SET trace = x'00' WHERE id = 'e2'")
    broken = verdict(path).broken
    assert broken is not None
    assert broken.row == 3
    assert "e2 is not what was stored" in broken.reason


async def _three_months(journal: Journal) -> None:
    """A row a day for 90 days, every tenth without a clock, a snapshot each 30 days, all acknowledged but the last 5."""
    for day in range(1, 91):
        wall = 3600.0 if day % 10 == 0 else WALL + day * DAY_S
        await journal.commit([event(day, wall=wall)], evidence=[piece(day)])
        if day % 30 == 0:
            await journal.snapshot(f"day {day}".encode())
    await journal.acknowledge(85)


async def test_retention_removes_the_old_and_the_chain_still_holds(path: Path) -> None:
    async with running(path, keep_days=60) as journal:
        await _three_months(journal)
        assert await journal.trim(WALL + 91 * DAY_S) == 60
        assert (await journal.events(0, 1))[0].seq == 31
        assert await journal.evidence("e30") is None
        assert await journal.evidence("e31") is not None
        assert await journal.trim(WALL + 91 * DAY_S) == 0
        await journal.commit([event(91)])
    outcome = verdict(path)
    assert outcome.broken is None
    assert outcome.start_row == 60
    async with running(path) as journal:
        assert journal.recover()[0] == b"day 90"


async def test_retention_keeps_what_a_recovery_would_need(path: Path) -> None:
    async with running(path, keep_days=1) as journal:
        await _three_months(journal)
        await journal.trim(WALL + 400 * DAY_S)
        assert (await journal.events(0, 1))[0].seq == 61
    edit(path, "UPDATE snapshot SET hash = zeroblob(32) WHERE row = 180")
    async with running(path) as journal:
        state, rows = journal.recover()
        assert state == b"day 60"
        assert [row.seq for row in rows] == list(range(61, 91))


async def test_retention_never_removes_what_is_not_acknowledged(path: Path) -> None:
    async with running(path, keep_days=1) as journal:
        await _three_months(journal)
        for seq in range(91, 94):
            await journal.commit([event(seq)])
            await journal.snapshot(b"later")
        await journal.trim(WALL + 400 * DAY_S)
        assert (await journal.events(0, 1))[0].seq == 86


async def test_what_was_set_aside_is_still_there_when_its_row_is_not(path: Path) -> None:
    async with running(path, keep_days=60) as journal:
        await _three_months(journal)
        for seq in (3, 7, 40):
            await journal.set_aside(seq, "not authorised")
        await journal.trim(WALL + 91 * DAY_S)
        assert [row.seq for row in await journal.events(0, 4)] == [3, 7, 31, 32]
        assert [row.seq for row in await journal.events(38, 3)] == [39, 40, 41]


async def test_removing_much_does_not_make_the_log_long(path: Path) -> None:
    async with running(path, keep_days=1) as journal:
        for first in range(1, 20_001, 500):
            await journal.commit([event(seq) for seq in range(first, first + 500)])
        await journal.acknowledge(20_000)
        for number in (1, 2):
            await journal.commit([private(number)])
            await journal.snapshot(b"state")
        assert await journal.trim(WALL + 400 * DAY_S) == 20_001
        assert wal_of(path).stat().st_size <= 6 * 1024 * 1024
    assert verdict(path).broken is None


async def test_a_journal_of_which_every_event_was_removed_goes_on_counting(path: Path) -> None:
    async with running(path, keep_days=1) as journal:
        await journal.commit([event(1), event(2)])
        await journal.snapshot(b"one")
        await journal.commit([event(3)])
        await journal.snapshot(b"two")
        await journal.acknowledge(3)
        await journal.trim(WALL + 400 * DAY_S)
        await journal.snapshot(b"three")
        await journal.commit([event(4)])
        await journal.snapshot(b"four")
        await journal.commit([private(1)])
        await journal.snapshot(b"five")
        await journal.acknowledge(4)
        assert await journal.trim(WALL + 400 * DAY_S) == 2
        assert await journal.events(0, 10) == []
    async with running(path) as journal:
        assert journal.newest_seq == 4
        await journal.commit([event(5)])
    assert verdict(path).broken is None


async def test_rows_without_a_clock_are_not_taken_for_old(path: Path) -> None:
    async with running(path, keep_days=30) as journal:
        await journal.commit([event(1, wall=5.0), event(2, wall=CLOCKLESS_BEFORE - 1), event(3, wall=WALL)])
        for state in (b"a", b"b"):
            await journal.commit([private(1)])
            await journal.snapshot(state)
        await journal.acknowledge(3)
        assert await journal.trim(WALL + DAY_S) == 0
        assert await journal.trim(WALL + 31 * DAY_S) == 4


async def test_one_process_at_a_time(path: Path) -> None:
    async with running(path):
        with pytest.raises(JournalInUse, match=f"process {os.getpid()} already runs"):
            opened(path)
    await opened(path).close()


def test_a_directory_that_is_not_there_is_a_fault_of_the_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="its directory does not exist"):
        opened(tmp_path / "nowhere" / "journal.db")
    with pytest.raises(ConfigError, match="must be a file"):
        opened(tmp_path)


async def test_closing_twice_is_harmless_and_later_calls_are_refused(path: Path) -> None:
    journal = opened(path)
    await journal.close()
    await journal.close()
    with pytest.raises(ValueError, match="closed"):
        await journal.commit([event(1)])


async def test_a_commit_that_is_cancelled_while_it_waits_is_stored_whole_or_not_at_all(path: Path) -> None:
    async with running(path) as journal:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(journal.commit([private(n), private(-n)])) for n in range(100)]
            await asyncio.sleep(0)  # let them begin
            for task in tasks[::2]:
                task.cancel()
        await journal.commit([event(1)])
    rows = stored(path)
    kept = {task.cancelled() for task in tasks[1::2]}
    assert kept == {False}
    assert rows[-1] == event(1)
    assert all(rows[n + 1].body == private(-_number(rows[n])).body for n in range(0, len(rows) - 1, 2))


def _number(row: Row) -> int:
    return int(row.body.split(b'"number": ')[1].split(b",")[0])


_rows = st.lists(
    st.builds(
        lambda numbered, kind, wall, body: (numbered, kind, wall, body),
        st.booleans(),
        st.from_regex(r"[a-z][a-z0-9_.-]{0,20}", fullmatch=True).filter(lambda kind: not kind.startswith("journal.")),
        st.floats(allow_nan=False, allow_infinity=False),
        st.binary(max_size=9000),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=25, deadline=None)
@given(st.lists(_rows, min_size=1, max_size=6))
def test_any_rows_come_back_as_they_were(batches: list[list[tuple[bool, str, float, bytes]]]) -> None:
    seq = 0
    everything: list[Row] = []

    async def write(path: Path) -> None:
        nonlocal seq
        async with running(path) as journal:
            for batch in batches:
                rows = []
                for numbered, kind, wall, body in batch:
                    seq += numbered
                    rows.append(Row(seq if numbered else None, kind, wall, body))
                everything.extend(rows)
                await journal.commit(rows)

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal.db"
        asyncio.run(write(path))
        assert stored(path) == everything
        assert verdict(path).broken is None
