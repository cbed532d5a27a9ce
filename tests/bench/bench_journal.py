"""How many durable commits the journal makes a second, by the number that wait at a time: ``python tests/bench/bench_journal.py [FOLDER]``.

The figure depends on the disk under FOLDER (by default the system's temporary folder): on tmpfs a sync costs nothing.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from device.journal import Journal, Row

BODY = b"x" * 280
EVENTS = 4000


@dataclass(frozen=True, slots=True)
class Measured:
    """Commits of one event of 280 bytes, ``together`` at a time."""

    together: int
    per_second: float
    disk_bytes_per_event: float


async def measure(folder: Path, together: int, events: int = EVENTS) -> Measured:
    """Commit that many events; those that wait together share transactions."""
    journal = Journal.open(folder / f"journal-{together}.db", max_mb=64, keep_days=1)
    before, began = _written(), time.perf_counter()
    try:
        for first in range(1, events + 1, together):
            async with asyncio.TaskGroup() as group:
                for seq in range(first, min(first + together, events + 1)):
                    group.create_task(journal.commit([Row(seq, "bench.event", 1.76e9, BODY)]))
        took = time.perf_counter() - began
    finally:
        await journal.close()
    return Measured(together, events / took, (_written() - before) / events)


def _written() -> int:
    """Bytes that this process has had written to a disk, from ``/proc/self/io`` (proc(5))."""
    fields = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(fields["write_bytes"])


def main(folder: Path) -> None:
    """Print a line for each group size."""
    for together in (1, 2, 8, 64):
        found = asyncio.run(measure(folder, together))
        sys.stdout.write(
            f"{together:3} together: {found.per_second:8.0f} events/s, {found.disk_bytes_per_event / 1024:6.1f} KiB an event\n"
        )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as temporary:
        main(Path(temporary))
