"""Files that the account of the store may not read or write: a fault of the configuration, told with its place, exit status 78."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.config.sample import written

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="becoming somebody else takes root")

NOBODY = 65534

PROGRAM = f"""
import os, sys
from pathlib import Path
import device.app
from device.config import load
from device.cli import COMMANDS, main, smartstore
for name in COMMANDS:
    smartstore.get_command(None, name)
load(Path(sys.argv[2]))
os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})
main()
"""
"""Everything is loaded first: Python and the checkout may lie where only root may look."""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that everybody may enter."""
    with tempfile.TemporaryDirectory(prefix="smartstore-test-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def as_nobody(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", PROGRAM, *words], capture_output=True, text=True, check=False, timeout=60)


def last_word(run: subprocess.CompletedProcess[str]) -> str:
    """The last line of a log for programs, of which every line is an object."""
    lines = [json.loads(line) for line in run.stderr.splitlines()]
    assert lines[-1]["level"] == "critical"
    return str(lines[-1]["message"])


@pytest.mark.parametrize("words", [("check",), ("run",), ("run", "--simulate"), ("journal",)])
def test_a_configuration_that_cannot_be_read_is_told_as_such(folder: Path, words: tuple[str, ...]) -> None:
    config = written(folder)
    config.chmod(0o600)
    run = as_nobody(words[0], str(config), *words[1:], *(["show"] if words == ("journal",) else []))
    assert run.returncode == 78, run.stderr
    told = f'configuration: "{config}": cannot be read: Permission denied; must be readable for the account that the store runs as'
    assert (last_word(run) if words[0] == "run" else run.stderr.splitlines()[-1]) == told


@pytest.mark.parametrize("what", ["directory", "file", "way there"])
def test_a_journal_that_cannot_be_written_is_told_with_its_place_and_a_better_one(folder: Path, what: str) -> None:
    config = written(folder, ("[access]", '[journal]\npath = "place/journal.db"\n\n[access]'))
    place = folder / "place"
    place.mkdir()
    if what == "file":
        (place / "journal.db").write_bytes(b"of root")
    place.chmod({"file": 0o777, "directory": 0o755, "way there": 0o700}[what])
    run = as_nobody("run", str(config))
    assert run.returncode == 78, run.stderr
    told = last_word(run)
    assert told.startswith(f'journal.path: "{place}/journal.db": the account nobody cannot write there (Permission denied): must be ')
    assert told.endswith("; for a service that is /var/lib/smartstore/journal.db")


def test_a_journal_that_cannot_be_read_says_who_may(folder: Path) -> None:
    config = written(folder)
    (folder / "journal.db").write_bytes(b"SQLite format 3\0")
    (folder / "journal.db").chmod(0o600)
    run = as_nobody("journal", str(config), "show")
    assert run.returncode == 1
    assert run.stderr == (
        f"{folder}/journal.db may not be read by the account nobody: read it as the account of the store,"
        " such as with sudo -u smartstore, or as root\n"
    )
