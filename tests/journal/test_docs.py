"""The verifier printed in the documentation works, and knows nothing of our code."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.journal.writing import edit, event, piece, private, running

PAGE = Path(__file__).parents[2] / "docs" / "journal.md"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "journal.db"
    asyncio.run(_filled(path))
    return path


async def _filled(path: Path) -> None:
    async with running(path, keep_days=1) as journal:
        for seq in range(1, 41):
            await journal.commit([event(seq), private(seq)], evidence=[piece(seq)] if seq % 10 == 0 else ())
            if seq % 10 == 0:
                await journal.snapshot(b"state")
        await journal.acknowledge(40)
        assert await journal.trim(2e9) > 0


def _verifier(path: Path) -> subprocess.CompletedProcess[str]:
    script = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(script) == 1
    command = [sys.executable, "-I", "-S", "-c", script[0], str(path)]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def test_the_printed_verifier_finds_a_trimmed_journal_sound(path: Path) -> None:
    assert _verifier(path).stdout.startswith("sound up to row 84: ")


def test_the_printed_verifier_finds_an_edit(path: Path) -> None:
    edit(path, "UPDATE record SET wall = wall + 1 WHERE row = 70")
    assert _verifier(path).stderr == "broken at row 70\n"
