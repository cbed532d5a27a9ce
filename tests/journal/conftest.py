"""What the campaigns of power cuts stand on: a journal on a disk that is watched."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.journal.disk import Disk, watched_disk
from tests.journal.writing import opened


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "store").mkdir()
    return tmp_path / "store" / "journal.db"


@pytest.fixture
async def disk(path: Path) -> AsyncIterator[Disk]:
    """A disk on which a journal lies already, closed."""
    await opened(path).close()
    with watched_disk(path.parent) as disk:
        yield disk
