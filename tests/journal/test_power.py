"""Power cuts and failing disks: whatever was acknowledged is there, once, in order, and the chain holds."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from pathlib import Path

import pytest

from device.errors import JournalFull, StoreError
from device.journal import Journal, Row
from tests.journal.disk import Disk, Op, Survival, needs_shim
from tests.journal.writing import event, opened, piece, private, put_files, running, stored, verdict

pytestmark = needs_shim


async def _live_a_while(journal: Journal, disk: Disk, batches: int, dice: random.Random) -> list[Row]:
    """Commit in groups and alone, with evidence, snapshots, acknowledgements and retention in between; every event that was committed."""
    events: list[Row] = []

    async def commit(rows: list[Row], number: int) -> None:
        await journal.commit(rows, evidence=[piece(number)] if number % 5 == 0 else ())
        disk.mark(max(row.seq or 0 for row in rows))

    for batch in range(batches):
        async with asyncio.TaskGroup() as group:
            for part in range(dice.choice((1, 1, 1, 2, 5))):
                seq = len(events) + 1
                rows = [event(seq, dice.choice((20, 300, 3000))), private(seq), event(seq + 1)]
                events += [rows[0], rows[2]]
                group.create_task(commit(rows, batch * 10 + part))
        if batch % 4 == 3:
            await journal.snapshot(f"state after {len(events)}".encode() * 50)
        if batch % 3 == 2:
            await journal.acknowledge(dice.randrange(len(events)))
        if batch % 7 == 6:
            await journal.trim(events[len(events) // 2].wall + 86_400)
    return events


async def _survives(files: dict[str, bytes], folder: Path, events: list[Row], acknowledged_seq: int) -> None:
    path = put_files(files, folder)
    async with running(path, keep_days=1) as journal:
        assert journal.newest_seq >= acknowledged_seq
        state, rows = journal.recover()
        published = [row for row in rows if row.seq is not None]
        first = int(state.split(b"state after ")[1]) if state else 0
        assert published == events[first : journal.newest_seq]
        kept = await journal.events(0, 10_000)
        assert kept == events[journal.newest_seq - len(kept) : journal.newest_seq]
        await journal.commit([event(journal.newest_seq + 1)])
    assert verdict(path).broken is None


async def _campaign(path: Path, tmp_path: Path, disk: Disk, cuts: int, seed: int) -> None:
    dice = random.Random(seed)
    async with running(path, keep_days=1) as journal:
        events = await _live_a_while(journal, disk, 40, dice)
    log_length = len(disk.log)
    assert sum(op.kind == "sync" for op in disk.log) > 40
    for number in range(cuts):
        at = dice.randrange(log_length + 1)
        await _survives(disk.cut(at, dice), tmp_path / f"cut-{number}", events, disk.marked_before(at))


async def test_a_power_cut_loses_nothing_that_was_acknowledged(path: Path, tmp_path: Path, disk: Disk) -> None:
    await _campaign(path, tmp_path, disk, cuts=60, seed=7)


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", range(10))
async def test_a_hundred_power_cuts_of_each_of_ten_lives_lose_nothing(path: Path, tmp_path: Path, disk: Disk, seed: int) -> None:
    await _campaign(path, tmp_path, disk, cuts=100, seed=seed)


async def test_without_its_syncs_the_same_journal_would_lose_events(path: Path, tmp_path: Path, disk: Disk) -> None:
    """The harness can fail: with the syncs taken out of the log, acknowledged events are gone after some cuts."""
    async with running(path) as journal:
        await _live_a_while(journal, disk, 10, random.Random(3))
    disk.log = [op for op in disk.log if op.kind != "sync"]
    lost = 0
    for number in range(20):
        cut = put_files(disk.cut(len(disk.log), random.Random(number)), tmp_path / f"cut-{number}")
        lost += _newest(cut) < disk.marked_before(len(disk.log))
    assert lost > 0


def _newest(path: Path) -> int:
    try:
        return max((row.seq or 0 for row in stored(path)), default=0)
    except (sqlite3.DatabaseError, StoreError):
        return 0


@pytest.mark.parametrize("survival", ["all", "none", "random"])
async def test_a_commit_whose_sync_failed_is_stored_once_when_it_is_repeated(
    path: Path, tmp_path: Path, disk: Disk, survival: Survival
) -> None:
    """An acknowledgement before it is not synced by itself: its part of the log is lost with the failed sync, and not written again."""
    disk.survival = survival
    dice = random.Random(11)
    fail_next = False

    def fault(op: Op) -> int:
        nonlocal fail_next
        if fail_next and op.kind == "sync":
            fail_next = False
            return sqlite3.SQLITE_IOERR_FSYNC
        return 0

    disk.fault = fault
    events: list[Row] = []
    privates = 0
    async with running(path) as journal:
        for seq in range(1, 40, 2):
            for rows in ([event(seq), private(seq), event(seq + 1)], [private(1000 + seq)]):
                await journal.acknowledge(max(0, journal.newest_seq - dice.randrange(3)))
                fail_next = True
                try:
                    await journal.commit(rows, evidence=[piece(seq)] if rows[0].seq else ())
                except JournalFull:
                    await journal.commit(rows, evidence=[piece(seq)] if rows[0].seq else ())
                events += [row for row in rows if row.seq is not None]
                privates += len(rows) - len([row for row in rows if row.seq is not None])
                disk.mark(seq + 1)
        files = disk.cut_now()
    await _survives(files, tmp_path / "cut", events, 40)
    there = stored(tmp_path / "cut" / "journal.db")
    assert len([row for row in there if row.seq is None]) == privates


@pytest.mark.parametrize("seed", range(6))
async def test_a_disk_that_fails_now_and_then_neither_loses_nor_doubles_a_row(path: Path, tmp_path: Path, disk: Disk, seed: int) -> None:
    await _fail_now_and_then(path, tmp_path, disk, seed, 60)


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(100, 140))
async def test_a_disk_that_fails_for_a_long_time_neither_loses_nor_doubles_a_row(path: Path, tmp_path: Path, disk: Disk, seed: int) -> None:
    await _fail_now_and_then(path, tmp_path, disk, seed, 400)


async def _fail_now_and_then(path: Path, tmp_path: Path, disk: Disk, seed: int, batches: int) -> None:
    """As the engine does it: what was refused is kept, and tried again with what has come since, without its evidence where need be."""
    dice = random.Random(seed)
    disk.dice = random.Random(seed + 1000)
    often = {"open": 0.3, "write": 0.02, "sync": 0.05, "truncate": 0.02}
    codes = {"open": (sqlite3.SQLITE_CANTOPEN,), "sync": (sqlite3.SQLITE_IOERR_FSYNC,)}
    expected: list[Row] = []
    held: list[Row] = []
    refusals = 0
    async with running(path) as journal:

        def fault(op: Op) -> int:
            return (
                dice.choice(codes.get(op.kind, (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE))) if dice.random() < often[op.kind] else 0
            )

        disk.fault = fault
        for number in range(batches):
            seq = len([row for row in expected if row.seq is not None]) + 1
            rows = dice.choice(([event(seq), private(seq), event(seq + 1)], [private(number)], [private(-number), event(seq, 5000)]))
            expected += rows
            held += rows
            try:
                await journal.acknowledge(dice.randrange(journal.newest_seq + 1))
                await journal.commit(held, evidence=[piece(number)] if number % 3 == 0 else ())
                held = []
            except JournalFull:
                refusals += 1
            if held and dice.random() < 0.5:
                try:
                    await journal.commit(held, force=True)
                    held = []
                except JournalFull:
                    refusals += 1
        disk.fault = lambda op: 0
        if held:
            await journal.commit(held)
        await journal.trim(0.0)
        assert journal.pressure.room == "ok"
        files = disk.cut_now()
    assert refusals > 0
    cut = put_files(files, tmp_path / "cut")
    await opened(cut).close()
    assert stored(cut) == expected
    assert verdict(cut).broken is None
