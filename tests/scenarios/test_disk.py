"""Disks that are full, take no writes, or have rotted: the store stops selling where it must, says so, and loses nothing."""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path

import pytest

from tests.scenarios.rig import COLA, RIESLING, Rig, cart, rig

ROOM_MB = 12
BURST = 50
IN_FOLDER = 'path = "disk/journal.db"'

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounting takes root")


@contextmanager
def mounted(folder: Path, *options: str) -> Iterator[Path]:
    """A file system of its own, in ``folder``/disk."""
    disk = folder / "disk"
    disk.mkdir()
    outcome = subprocess.run(["mount", *options, str(disk)], check=False, capture_output=True, text=True)
    if outcome.returncode:
        pytest.skip(f"nothing may be mounted here: {outcome.stderr.strip()}")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def fill(disk: Path) -> None:
    """Leave no byte on a disk."""
    with (disk / "others.log").open("ab", buffering=0) as others:
        piece = bytes(65536)
        while piece:
            try:
                others.write(piece)
            except OSError:
                piece = piece[: len(piece) // 2]


def let_write(store: Rig, size: int) -> None:
    """Let no file of the daemon grow beyond this; as for a full disk, what is there already may be written again."""
    assert store.daemon is not None
    _, most = resource.prlimit(store.daemon.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(store.daemon.pid, resource.RLIMIT_FSIZE, (most if size < 0 else size, most))


async def fill_journal(store: Rig) -> None:
    """Send commands that have no effect until an alarm is raised: each is an event, and this backend never says that it has stored one."""
    for first in count(1, BURST):
        for number in range(first, first + BURST):
            store.command("acknowledge_alarm", f"k{number}", alarm="none")
        await store.stranger.reply(f"k{first + BURST - 1}", "refused")
        if store.stranger.told("alarm.raised"):
            return


async def test_a_disk_that_takes_no_writes_stops_sales_but_a_running_session_ends_and_all_is_told_later(tmp_path: Path) -> None:
    async with rig(tmp_path) as store:
        heard = store.stranger
        session = await store.enter()
        await store.take("A")
        let_write(store, 0)
        await store.hand.do("take", slot="C", count=1)
        await heard.level("zone/fridge", sales="stopped", reasons=["journal_full"])
        await store.hand.do("close", zone="fridge")
        await heard.level("zone/fridge", door="closed", lock_observed="locked", session=None)
        assert (await store.hand.state())["zones"]["fridge"]["locks"]["lock"]["bolt"] == "locked"
        await store.show()
        # What is not written down is not told: nobody hears of the bill before the disk takes it.
        assert heard.told("session.ended", "alarm.raised") == []
        let_write(store, -1)
        ended = (await heard.event("session.ended", session=session))["data"]
        assert cart(ended) == [(RIESLING, 1), (COLA, 1)]
        await heard.event("alarm.raised", kind="journal_full")
        await heard.event("access.denied", reason="sales_stopped")
        await heard.event("alarm.cleared", kind="journal_full")
        await heard.event("sales.resumed")
        assert cart(await store.buy("A")) == [(RIESLING, 1)]
        heard.gapless()


async def test_a_command_that_could_not_be_written_down_is_done_by_the_next_start(tmp_path: Path) -> None:
    async with rig(tmp_path) as store:
        heard = store.stranger
        let_write(store, 0)
        store.command("stop_sales", "c1", zone="fridge", reason="cleaning")
        await heard.level("zone/fridge", sales="stopped", reasons=["cleaning", "journal_full"])
        assert await store.stop_daemon() == 0
        assert heard.replies == []
        await store.start_daemon()
        assert (await heard.reply("c1", "done"))["result"] == {"reasons": ["cleaning"]}
        await store.ready()
        store.command("resume_sales", "c2", zone="fridge")
        await heard.reply("c2", "done")
        assert cart(await store.buy("A")) == [(RIESLING, 1)]
        heard.gapless()


@as_root
@pytest.mark.timeout(180)
async def test_a_full_disk_stops_sales_visibly_and_room_resumes_them(tmp_path: Path) -> None:
    with mounted(tmp_path, "-t", "tmpfs", "-o", f"size={ROOM_MB}m", "none") as disk:
        async with rig(tmp_path, journal=IN_FOLDER, mqtt='acknowledge = "backend"') as store:
            heard = store.stranger
            session = await store.enter()
            await store.take("A")
            fill(disk)
            await fill_journal(store)
            alarm = await heard.event("alarm.raised", kind="journal_full")
            await heard.event("sales.stopped", reasons=["journal_full"])
            await store.take("C")
            ended = await store.leave()
            assert (cart(ended), ended["session"]) == ([(RIESLING, 1), (COLA, 1)], session)
            await heard.level("zone/fridge", sales="stopped", reasons=["journal_full"])
            await store.show()
            await heard.event("access.denied", reason="sales_stopped")
            (disk / "others.log").unlink()
            await heard.event("alarm.cleared", alarm["seq"], within_s=90.0, kind="journal_full")
            await heard.event("sales.resumed")
            assert cart(await store.buy("A")) == [(RIESLING, 1)]
            heard.gapless()


@pytest.mark.timeout(180)
async def test_what_the_backend_has_not_stored_is_not_dropped_for_room_and_its_receipt_makes_room(tmp_path: Path) -> None:
    journal = 'path = "journal.db"\nmax_mb = 4'
    async with rig(tmp_path, journal=journal, mqtt='acknowledge = "backend"') as store:
        heard = store.stranger
        await fill_journal(store)
        await heard.event("alarm.raised", kind="journal_full")
        await heard.level("zone/fridge", sales="stopped", reasons=["journal_full"])
        assert store.journalled()[0]["seq"] == 1
        heard.receipt(heard.events[0]["epoch"], heard.latest)
        await heard.event("alarm.cleared", within_s=90.0, kind="journal_full")
        logged = ("nearly full: ", "full, nothing is sold; what a visit still has to tell goes into the reserve: ", "has room again: ")
        assert all(words in store.log for words in logged)
        assert cart(await store.buy("A")) == [(RIESLING, 1)]
        heard.gapless()


@as_root
async def test_a_disk_that_is_read_only_at_the_start_ends_it_with_a_word(tmp_path: Path) -> None:
    async with rig(tmp_path, journal=IN_FOLDER, start=False) as store:
        (tmp_path / "disk").mkdir()
        await store.stranger.listening()
        await store.start_daemon()
        assert await store.stop_daemon() == 0
        before = store.journal.read_bytes()
        shutil.copytree(tmp_path / "disk", tmp_path / "kept")
        shutil.rmtree(tmp_path / "disk")
        with mounted(tmp_path, "--bind", "-o", "ro", str(tmp_path / "kept")):
            await store.launch()
            assert await store.ended() == 1
            last = store.log.splitlines()[-1]
            assert "journal.db" in last
            assert "Read-only file system" in last or "readonly" in last
        assert (tmp_path / "kept" / "journal.db").read_bytes() == before


async def test_a_journal_that_has_rotted_is_kept_aside_and_a_new_epoch_begins(tmp_path: Path) -> None:
    async with rig(tmp_path) as store:
        heard = store.stranger
        await store.buy("A")
        first = heard.events[0]["epoch"]
        assert await store.stop_daemon() == 0
        rotten = bytearray(store.journal.read_bytes())
        rotten[4096 : 4096 * 6] = os.urandom(4096 * 5)
        store.journal.write_bytes(rotten)
        await store.start_daemon()
        await store.ready()
        second = heard.events[-1]["epoch"]
        assert second != first
        assert store.journal.with_name("journal.db.damaged-1").read_bytes() == bytes(rotten)
        assert "the journal is damaged" in store.log
        assert "journal.db.damaged-1" in store.log
        started = next(event for event in heard.events if event["epoch"] == second)
        assert (started["type"], started["seq"], started["data"]["reason"]) == ("store.started", 1, "first_start")
        assert cart(await store.buy("A")) == [(RIESLING, 1)]
        heard.gapless()


async def test_a_database_of_another_program_is_not_touched(tmp_path: Path) -> None:
    async with rig(tmp_path, start=False) as store:
        with closing(sqlite3.connect(store.journal)) as other:
            other.execute("CREATE TABLE photos (name)")
        before = store.journal.read_bytes()
        await store.launch()
        assert await store.ended() == 78
        assert "journal.path" in store.log
        assert store.journal.read_bytes() == before
