"""Processes that die or meet: what was said to be durable is there after ``kill -9``, and two daemons do not share a journal."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from device.errors import JournalInUse
from device.journal.reading import open_archive, rows_after
from tests.journal.writing import opened, stored, verdict

WRITER = Path(__file__).with_name("writer.py")


def _start(mode: str, path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, str(WRITER), mode, str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _killed_after(process: subprocess.Popen[str], lines: int) -> list[str]:
    """Kill the writer, mid-commit as likely as not, once it has said some lines; everything it said."""
    with process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(lines)]
        process.send_signal(signal.SIGKILL)
        rest, errors = process.communicate(timeout=30)
        assert errors == ""
    # A line that the kill cut short was not said.
    return said + [line for line in rest.splitlines(keepends=True) if line.endswith("\n")]


def _kill_often(path: Path, times: int, dice: random.Random) -> None:
    durable = 0
    epoch = None
    for _ in range(times):
        said = _killed_after(_start("endlessly", path), dice.randrange(1, 40))
        durable = max(durable, *(int(line.split()[1]) for line in said))
        outcome = verdict(path)
        assert outcome.broken is None
        assert outcome.seq >= durable
        assert epoch in (None, outcome.epoch)
        epoch = outcome.epoch
    numbers = [row.seq for row in stored(path) if row.seq is not None]
    assert numbers == list(range(1, len(numbers) + 1))


def test_a_killed_process_loses_nothing_that_it_had_called_durable(tmp_path: Path) -> None:
    _kill_often(tmp_path / "journal.db", 6, random.Random(5))


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_a_hundred_kills_lose_nothing(tmp_path: Path) -> None:
    _kill_often(tmp_path / "journal.db", 100, random.Random(6))


async def test_a_second_daemon_is_told_who_has_the_journal(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    process = _start("endlessly", path)
    with process:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(JournalInUse, match=f"process {process.pid} already runs"):
            opened(path)
        process.kill()
        process.communicate(timeout=30)
    await opened(path).close()


def test_a_reader_sees_a_sound_chain_while_a_daemon_writes(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    process = _start("endlessly", path)
    with process:
        assert process.stdout is not None
        process.stdout.readline()
        seen = 0
        while seen < 200:
            with closing(open_archive(path)) as archive:
                rows = list(rows_after(archive, 0))
            assert [row.row for row in rows] == list(range(1, len(rows) + 1))
            assert verdict(path).broken is None
            seen = len(rows)
            process.stdout.readline()
        process.kill()
        process.communicate(timeout=30)


def test_the_files_of_a_killed_process_are_read_without_being_changed(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    _killed_after(_start("endlessly", path), 5)
    before = {part.name: part.read_bytes() for part in tmp_path.iterdir() if not part.name.endswith("-shm")}
    assert verdict(path).events >= 10
    assert {part.name: part.read_bytes() for part in tmp_path.iterdir() if not part.name.endswith("-shm")} == before
