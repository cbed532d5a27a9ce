"""A process that writes the journal until it is told to stop, is killed, or finds the disk full: ``python writer.py MODE PATH``.

It prints a line for each thing that is certain, so that the test can compare.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import closing
from pathlib import Path

from device.errors import JournalFull, StoreError
from device.journal import Journal, Row
from device.journal.reading import open_archive
from device.journal.verify import verify

WALL = 1_760_000_000.0
FILLER = ".filler"


def _event(seq: int, size: int) -> Row:
    return Row(seq, "session.item_taken", WALL, f'{{"seq": {seq}, "fill": "{"x" * size}"}}'.encode())


def _say(*words: object) -> None:
    sys.stdout.write(" ".join(str(word) for word in words) + "\n")
    sys.stdout.flush()


async def _endlessly(journal: Journal) -> None:
    """Commit alone and in groups, with snapshots, for ever; say what is durable."""
    seq = journal.newest_seq

    async def commit(first: int) -> None:
        await journal.commit([_event(first, 100), Row(None, "note", WALL, b"%d" % first), _event(first + 1, 2000)])
        _say("durable", first + 1)

    for turn in range(1_000_000):
        async with asyncio.TaskGroup() as group:
            for _ in range(turn % 4 + 1):
                group.create_task(commit(seq + 1))
                seq += 2
        if turn % 10 == 9:
            await journal.snapshot(b"%d" % seq)
            await journal.acknowledge(seq - 20)


async def _until_full(journal: Journal) -> None:
    """Fill the disk with the journal's own events, then with a file, then see what the reserve holds and whether room is found again."""
    seq = journal.newest_seq
    rooms = [journal.pressure.room]
    try:
        while True:
            await journal.commit([_event(seq + 1, 2000)])
            seq += 1
            if seq in (200, 300):
                await journal.snapshot(b"state")
            if journal.pressure.room != rooms[-1]:
                rooms.append(journal.pressure.room)
    except JournalFull:
        _say("refused", *rooms)
    filler = Path(f"{sys.argv[2]}{FILLER}")
    _fill(filler)
    forced = 0
    try:
        while forced < 500:
            await journal.commit([_event(seq + 1, 300)], force=True)
            seq, forced = seq + 1, forced + 1
    except JournalFull as error:
        _say("out", error)
    _say("forced", forced)
    try:
        await journal.commit([_event(seq + 1, 300)])
    except JournalFull:
        _say("still refused")
    await journal.acknowledge(290)
    await journal.commit([_event(seq + 1, 300)])
    _say("trimmed", (await journal.events(0, 1))[0].seq)
    _remove(filler)
    await journal.trim(WALL)
    _say("room", journal.pressure.room)
    await journal.commit([_event(seq + 2, 300)])
    _say("newest", journal.newest_seq)


def _fill(path: Path) -> None:
    with path.open("wb", buffering=0) as filler:
        for size in (65536, 4096, 1):
            try:
                while True:
                    filler.write(bytes(size))
            except OSError:
                continue


def _remove(path: Path) -> None:
    path.unlink()


async def _once(journal: Journal) -> None:
    await journal.commit([_event(journal.newest_seq + 1, 100)])
    _say("newest", journal.newest_seq)


async def _main(mode: str, path: Path) -> int:
    try:
        journal = Journal.open(path, max_mb=64, keep_days=400)
    except StoreError as error:
        _say(type(error).__name__, error)
        return 1
    try:
        await {"endlessly": _endlessly, "until_full": _until_full, "once": _once}[mode](journal)
    except StoreError as error:
        _say(type(error).__name__, error)
        return 1
    finally:
        await journal.close()
    return 0


def _verify(path: Path) -> int:
    with closing(open_archive(path)) as archive:
        _say("broken", verify(archive).broken)
    return 0


if __name__ == "__main__":
    if sys.argv[1] == "verify":
        sys.exit(_verify(Path(sys.argv[2])))
    sys.exit(asyncio.run(_main(sys.argv[1], Path(sys.argv[2]))))
