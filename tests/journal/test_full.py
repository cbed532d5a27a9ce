"""A full disk, a used-up budget, a disk that takes no writes: refused in time, with room left for what must still be told."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from device.errors import JournalFull
from device.journal.schema import wal_of
from tests.journal.writing import WALL, event, private, running, stored, until_refused, verdict

WRITER = Path(__file__).with_name("writer.py")


def _in_own_mounts(script: str) -> subprocess.CompletedProcess[str]:
    """Run a shell script where it may mount what it likes, unprivileged."""
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-euc", script]
    return subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)


@pytest.fixture
def mounts() -> None:
    if _in_own_mounts("true").returncode != 0:
        pytest.skip("this machine allows no user namespaces, so no small disk can be mounted")


@pytest.mark.usefixtures("mounts")
@pytest.mark.parametrize("disk_kib", [9_000, 14_321, 20_480])
def test_on_a_full_disk_a_session_is_still_told_to_its_end(tmp_path: Path, disk_kib: int) -> None:
    path = tmp_path / "journal.db"
    done = _in_own_mounts(
        f"mount -t tmpfs -o size={disk_kib}k none {tmp_path};"
        f" {sys.executable} {WRITER} until_full {path}; {sys.executable} {WRITER} verify {path}"
    )
    assert done.stderr == ""
    said = done.stdout.splitlines()
    assert said[0].split()[-2:] == ["nearly_full", "full"]
    assert said[1:3] == ["forced 500", "still refused"]
    assert int(said[3].removeprefix("trimmed ")) > 1
    assert said[4] in ("room ok", "room nearly_full")
    assert said[-1] == "broken None"


@pytest.mark.usefixtures("mounts")
def test_a_disk_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    done = _in_own_mounts(
        f"mount -t tmpfs none {tmp_path}; {sys.executable} {WRITER} once {path}; mount -o remount,ro {tmp_path};"
        f" {sys.executable} {WRITER} once {path} || true; ls {tmp_path}"
    )
    said = done.stdout.splitlines()
    assert said[0] == "newest 1"
    assert said[1] == f"JournalFull {path}.lock cannot be written: Read-only file system"
    assert not any("damaged" in name for name in said[2:])


@pytest.mark.usefixtures("mounts")
def test_no_journal_is_made_on_a_disk_without_room(tmp_path: Path) -> None:
    done = _in_own_mounts(f"mount -t tmpfs -o size=20k none {tmp_path}; {sys.executable} {WRITER} once {tmp_path}/journal.db || true")
    assert done.stdout.startswith("JournalFull ")


async def test_a_used_up_budget_stops_ordinary_commits_but_not_forced_ones(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    async with running(path, max_mb=4) as journal:
        seq = await until_refused(journal, 2000)
        assert seq > 700
        assert journal.pressure.room == "full"
        assert journal.pressure.unsent == seq
        with pytest.raises(JournalFull):
            await journal.commit([event(seq + 1, 2000)])
        for _ in range(200):
            await journal.commit([event(seq + 1)], force=True)
            seq += 1
        assert path.stat().st_size <= 4 * 1024 * 1024
    assert len(stored(path)) == seq
    assert verdict(path).broken is None


async def test_the_reserve_ends_too(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    async with running(path, max_mb=4) as journal:
        seq = await until_refused(journal, 3000, force=True)
        assert path.stat().st_size <= 4 * 1024 * 1024
    assert verdict(path).seq == seq


async def test_at_the_budget_acknowledged_history_makes_room(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    async with running(path, max_mb=4) as journal:
        for seq in range(1, 4001):
            await journal.commit([event(seq, 2000)])
            if seq % 100 == 0:
                await journal.snapshot(b"state")
                await journal.acknowledge(seq)
                assert journal.pressure.room == "ok"
        assert path.stat().st_size <= 4 * 1024 * 1024
        assert wal_of(path).stat().st_size <= 5 * 1024 * 1024
        oldest = (await journal.events(0, 1))[0].seq or 0
        assert 2000 < oldest < 3900
    assert verdict(path).broken is None


async def test_what_is_not_acknowledged_is_not_trimmed_for_room(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    async with running(path, max_mb=4) as journal:
        await journal.commit([event(seq) for seq in range(1, 11)])
        await journal.acknowledge(10)
        seq = await until_refused(journal, 2000, snapshots=(300, 600))
        assert (await journal.events(0, 1))[0].seq == 11
        await journal.acknowledge(200)
        await journal.commit([event(seq + 1)])
        assert journal.pressure.room in ("ok", "nearly_full")


async def test_when_one_commit_finds_no_room_nothing_overtakes_it(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    async with running(path, max_mb=4) as journal:
        seq = await until_refused(journal, 2000)
        with pytest.raises(JournalFull):
            await journal.commit([private(1, 400_000)])
        await journal.commit([event(seq + 1)], force=True)
    assert stored(path)[-1] == event(seq + 1)


async def test_a_budget_that_was_lowered_is_reached_by_trimming(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    async with running(path, max_mb=16) as journal:
        for seq in range(1, 3001):
            await journal.commit([event(seq, 2000)], force=True)
            if seq % 500 == 0:
                await journal.snapshot(b"state")
        await journal.acknowledge(2900)
    async with running(path, max_mb=4, keep_days=400) as journal:
        await journal.trim(WALL)
        assert journal.pressure.mb < 4
        assert journal.pressure.room == "ok"
        await journal.commit([event(3001)])
    assert verdict(path).broken is None
