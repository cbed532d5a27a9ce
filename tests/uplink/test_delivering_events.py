"""Events over a real Mosquitto: all of them, in order, through every way in which a broker can go away."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from device.errors import UplinkDown
from device.uplink import Uplink
from device.uplink.dial import dial
from device.uplink.endpoint import endpoint_of
from device.uplink.link import Hello, Link, Publication
from device.uplink.uplink import WINDOW
from tests.mosquitto import Mosquitto
from tests.uplink.memory import EPOCH, ROOT, Inbox, MemoryOutbox, listening, plain_status, running, settings_for, until
from tests.uplink.proxy import Proxy, proxying


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[Mosquitto]:
    async with Mosquitto(tmp_path) as broker:
        yield broker


def make(url: str, outbox: MemoryOutbox, **more: object) -> Uplink:
    return Uplink(settings_for(url, **more), "test-01", EPOCH, outbox, Inbox().take, plain_status)


@pytest.mark.parametrize("protocol", [5, 4])
async def test_events_arrive_in_order_on_their_topics_as_they_were_journalled(broker: Mosquitto, protocol: int) -> None:
    outbox = MemoryOutbox()
    outbox.add(250)
    outbox.add(1, "session.item_taken")
    uplink = make(broker.url, outbox, protocol=protocol)
    async with listening(broker.port) as listener, running(uplink):
        await until(lambda: outbox.acknowledged == 251)
        outbox.add(3)
        uplink.wake()
        await until(lambda: len(listener.seqs()) == 254)
    assert listener.seqs() == list(range(1, 255))
    assert listener.payloads(f"{ROOT}/event/session/item_taken") == [outbox.rows[250].body]
    assert outbox.acknowledged == 254
    kind = getattr(listener.on(f"{ROOT}/event/#")[0].properties, "ContentType", None)
    assert kind == ("application/cloudevents+json" if protocol == 5 else None)
    assert uplink.health.acknowledged == 254


async def test_the_status_goes_online_and_at_a_clean_stop_says_stopping_then_offline(broker: Mosquitto) -> None:
    outbox = MemoryOutbox()
    async with listening(broker.port) as listener:
        async with running(make(broker.url, outbox)):
            await until(lambda: listener.states() == ["online"])
            outbox.add(500)
        await until(lambda: len(listener.states()) == 3)
        assert listener.states() == ["online", "stopping", "offline"]
        assert listener.seqs() == list(range(1, 501)), "what was committed before the stop is sent before the end"
        topics = [str(message.topic) for message in listener.messages]
        assert topics[-1] == f"{ROOT}/status"
        assert outbox.acknowledged == 500
    async with listening(broker.port) as late:
        await until(lambda: late.states() == ["offline"])
        assert late.messages[0].retain


async def test_a_store_that_dies_is_told_by_its_will(broker: Mosquitto) -> None:
    uplink = make(broker.url, MemoryOutbox())
    async with listening(broker.port) as listener, running(uplink):
        await until(lambda: listener.states() == ["online"])
        assert uplink._link is not None
        uplink._link.abort("as if the power had gone")
        await until(lambda: listener.states() == ["online", "offline", "online"])
        assert listener.payloads(f"{ROOT}/status")[1] == b'{"state":"offline"}'


async def test_a_broker_that_is_killed_and_started_under_load_loses_nothing_and_gets_few_twice(tmp_path: Path) -> None:
    outbox = MemoryOutbox()
    async with Mosquitto(tmp_path) as broker, proxying(broker.port, delay_s=0.002) as proxy:
        uplink = make(proxy.url, outbox)
        async with running(uplink):
            for death in range(1, 4):
                outbox.add(1000)
                uplink.wake()
                await until(lambda: len(proxy.acknowledged()) > outbox.newest_seq - 400, f"events before death {death}")
                await broker.kill()
                await broker.start()
            await until(lambda: outbox.acknowledged == outbox.newest_seq)
    assert proxy.acknowledged() == set(range(1, 3001)), "nothing is taken off the outbox that no broker has acknowledged"
    assert_order_and_few_repetitions(proxy, disconnections=3)
    assert uplink.health.reconnects >= 3


class Backend:
    """Stores what comes without a gap, and says so. What it missed while it was away comes again, because it gave no receipt.

    On our own link and not on aiomqtt, whose publish waits for ten seconds on a connection that has just been lost.
    """

    def __init__(self, url: str) -> None:
        self._endpoint = endpoint_of(url)
        self.stored = 0

    async def run(self) -> None:
        while True:
            with contextlib.suppress(UplinkDown):
                await self._listen()
            await asyncio.sleep(0.05)

    async def _listen(self) -> None:
        changed = asyncio.Event()
        link = Link(Hello("backend", 5, 10, None, None, "backend/gone", b"gone", 10, clean=True), changed)
        await link.open(await dial(self._endpoint, None))
        try:
            link.subscribe(f"{ROOT}/event/#")
            while True:
                changed.clear()
                link.check()
                while (message := link.next_message()) is not None:
                    if json.loads(message.payload)["seq"] == self.stored + 1:
                        self.stored += 1
                    link.acknowledge(message)
                    link.publish(Publication(f"{ROOT}/receipt", json.dumps({"epoch": EPOCH, "upto": self.stored}).encode(), qos=0))
                await changed.wait()
        finally:
            link.abort("left")


async def test_a_backend_that_gives_receipts_misses_nothing_though_the_broker_keeps_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("device.uplink.uplink.RECEIPT_WITHIN_S", 1.0)
    outbox = MemoryOutbox()
    async with Mosquitto(tmp_path) as broker:
        backend = Backend(broker.url)
        async with running(make(broker.url, outbox, acknowledge="backend")), asyncio.TaskGroup() as group:
            task = group.create_task(backend.run())
            for death in range(1, 4):
                outbox.add(100)
                await until(lambda: backend.stored >= death * 100 - 50, f"events before death {death}")  # noqa: B023
                await broker.kill()
                assert outbox.acknowledged <= backend.stored
                await broker.start()
            await until(lambda: outbox.acknowledged == 300)
            task.cancel()
    assert backend.stored == 300


def assert_order_and_few_repetitions(proxy: Proxy, disconnections: int) -> None:
    """First copies are in order, each connection goes on in order, and at most a window is repeated at a disconnection."""
    published = proxy.published()
    assert list(dict.fromkeys(published)) == sorted(set(published))
    for connection in range(1, proxy.connections + 1):
        here = [packet.seq for packet in proxy.packets if packet.upwards and packet.seq and packet.connection == connection]
        assert here == list(range(here[0], here[0] + len(here))) if here else True
    assert len(published) - len(set(published)) <= disconnections * WINDOW
