"""The uplink on the real journal: what is committed arrives, what is acknowledged is on the disk, what is refused is kept."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from device.journal import Journal, Row
from device.uplink import Outbox, Uplink
from tests.mosquitto import Mosquitto
from tests.uplink.memory import ROOT, Inbox, listening, plain_status, running, settings_for, until
from tests.uplink.proxy import proxying
from tests.uplink.scripted import ScriptedBroker, scripted

WALL = 1_760_000_000.0


def event(seq: int) -> Row:
    return Row(seq, "stock.changed", WALL + seq, f'{{"seq": {seq}}}'.encode())


def private(number: int) -> Row:
    return Row(None, "plate.baseline", WALL, f'{{"number": {number}}}'.encode())


def make(url: str, journal: Journal) -> Uplink:
    outbox = cast("Outbox", journal)
    return Uplink(settings_for(url), "test-01", journal.epoch, outbox, Inbox().take, plain_status, random=lambda: 0.0)


async def test_events_of_the_journal_survive_a_broker_and_a_restart_of_the_store(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    async with Mosquitto(tmp_path) as broker, proxying(broker.port) as proxy:
        journal = Journal.open(path, max_mb=16, keep_days=400)
        try:
            await journal.commit([row for seq in range(1, 301) for row in (event(seq), private(seq))])
            uplink = make(proxy.url, journal)
            async with running(uplink):
                await until(lambda: len(proxy.acknowledged()) > 100)
                await broker.kill()
                await journal.commit([event(seq) for seq in range(301, 401)])
                await broker.start()
                uplink.wake()
                await until(lambda: journal.acknowledged == 400)
        finally:
            await journal.close()
        assert proxy.acknowledged() == set(range(1, 401))
        journal = Journal.open(path, max_mb=16, keep_days=400)
        try:
            assert journal.acknowledged == 400
            async with listening(broker.port) as listener, running(make(broker.url, journal)):
                await journal.commit([event(401)])
                await until(lambda: listener.seqs() == [401])
                assert listener.payloads(f"{ROOT}/event/stock/changed") == [event(401).body]
        finally:
            await journal.close()


async def test_what_the_broker_refuses_is_kept_aside_in_the_journal_until_it_is_sent_again(tmp_path: Path) -> None:
    forbidden = {2}
    broker = ScriptedBroker(lambda _topic, seq: 0x87 if seq in forbidden else 0)
    journal = Journal.open(tmp_path / "journal.db", max_mb=16, keep_days=400)
    try:
        await journal.commit([event(seq) for seq in range(1, 6)])
        async with scripted(broker):
            uplink = make(broker.url, journal)
            async with running(uplink):
                await until(lambda: journal.acknowledged == 5)
                assert [row.seq for row in await journal.aside(0, 10)] == [2]
                forbidden.clear()
                uplink.resend(1)
                await until(lambda: broker.seqs == [1, 2, 3, 4, 5, 1, 2, 3, 4, 5])
                await until(lambda: not uplink._out.redelivered and not broker.unanswered)
            assert await journal.aside(0, 10) == []
    finally:
        await journal.close()
