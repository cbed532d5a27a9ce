"""The window over a link with a delay, and a broker that is not Mosquitto."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import aiomqtt
import pytest
from amqtt.broker import Broker

from device.ports.loopback import free_port
from device.uplink import Uplink
from device.uplink.dial import BrokerSocket, dial
from device.uplink.endpoint import endpoint_of
from device.uplink.link import Hello, Link
from device.uplink.uplink import WINDOW
from tests.mosquitto import Mosquitto
from tests.uplink.memory import EPOCH, ROOT, Inbox, MemoryOutbox, listening, plain_status, running, settings_for, until
from tests.uplink.proxy import proxying


def make(url: str, outbox: MemoryOutbox, inbox: Inbox | None = None, **more: object) -> Uplink:
    return Uplink(settings_for(url, **more), "test-01", EPOCH, outbox, (inbox or Inbox()).take, plain_status, random=lambda: 0.0)


async def test_over_a_slow_link_the_whole_window_is_in_flight_and_never_more(tmp_path: Path) -> None:
    outbox = MemoryOutbox()
    outbox.add(1000)
    async with Mosquitto(tmp_path, settings=["max_inflight_messages 200"]) as broker, proxying(broker.port, delay_s=0.025) as proxy:
        uplink = make(proxy.url, outbox)
        async with running(uplink):
            await until(lambda: outbox.acknowledged == 1000)
        assert uplink.health.reconnects == 0
    assert proxy.most_in_flight == WINDOW
    assert proxy.published() == list(range(1, 1001))


async def test_the_window_is_the_brokers_where_that_is_smaller(tmp_path: Path) -> None:
    outbox = MemoryOutbox()
    outbox.add(200)
    async with Mosquitto(tmp_path, settings=["max_inflight_messages 7"]) as broker, proxying(broker.port, delay_s=0.005) as proxy:
        uplink = make(proxy.url, outbox)
        async with running(uplink):
            await until(lambda: outbox.acknowledged == 200)
        assert uplink.health.reconnects == 0
    assert proxy.most_in_flight == 7


async def test_a_link_that_is_cut_again_and_again_repeats_at_most_a_window_each_time(tmp_path: Path) -> None:
    outbox = MemoryOutbox()
    outbox.add(1500)
    async with Mosquitto(tmp_path) as broker, proxying(broker.port, delay_s=0.01) as proxy, running(make(proxy.url, outbox)):
        for cut in range(1, 4):
            await until(lambda: len(proxy.acknowledged()) > cut * 200, f"progress before cut {cut}")  # noqa: B023
            proxy.cut()
        await until(lambda: outbox.acknowledged == 1500)
    published = proxy.published()
    assert list(dict.fromkeys(published)) == list(range(1, 1501))
    assert proxy.acknowledged() == set(range(1, 1501))
    assert len(published) - 1500 <= 3 * WINDOW


@contextlib.asynccontextmanager
async def amqtt() -> AsyncIterator[int]:
    """A broker in pure Python that speaks MQTT 3.1.1 only."""
    port = free_port()
    broker = Broker(
        {
            "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}},
            "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
        }
    )
    await broker.start()
    try:
        yield port
    finally:
        await broker.shutdown()


async def test_a_broker_in_python_that_speaks_3_1_1_serves_the_whole_uplink() -> None:
    outbox, inbox = MemoryOutbox(), Inbox()
    inbox.gate.set()
    async with amqtt() as port:
        uplink = make(f"mqtt://127.0.0.1:{port}", outbox, inbox, protocol=4)
        uplink.state("zone/fridge-1", {"door": "closed"})
        async with listening(port, protocol=aiomqtt.ProtocolVersion.V311) as listener:
            async with running(uplink):
                await until(lambda: listener.states() == ["online"])
                outbox.add(150)
                uplink.wake()
                await until(lambda: outbox.acknowledged == 150 and len(listener.seqs()) == 150)
                async with aiomqtt.Client("127.0.0.1", port) as client:
                    await client.publish(f"{ROOT}/command/unlock", b"{}", qos=1)
                await until(lambda: inbox.durable)
                uplink.reply("id-1", {"status": "done"})
                await until(lambda: listener.on(f"{ROOT}/reply/id-1"))
            await until(lambda: listener.states() == ["online", "stopping", "offline"])
    assert listener.seqs() == list(range(1, 151))


async def test_a_broker_that_knows_no_mqtt_5_is_told_of(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("device.uplink.uplink.ATTEMPT_S", 1.0)
    async with amqtt() as port, running(make(f"mqtt://127.0.0.1:{port}", MemoryOutbox())):
        await until(lambda: "protocol = 4" in caplog.text)


async def test_paho_takes_the_socket_that_is_already_connected(tmp_path: Path) -> None:
    """The one thing for which paho has no public hook. Should this fail, paho would connect by itself and block the loop."""
    async with Mosquitto(tmp_path) as broker:
        sock = await dial(endpoint_of(broker.url), None)
        hello = Hello("test", 5, 10, None, None, "will", b"{}", 10, clean=True)
        link = Link(hello, asyncio.Event())
        await link.open(sock)
        try:
            ours = link._client.socket()
            assert isinstance(ours, BrokerSocket)
            assert ours.fileno() == sock.fileno()
        finally:
            await link.close(5)
        assert sock.fileno() == -1
