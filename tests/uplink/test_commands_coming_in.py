"""Commands on their way in: handed on in order, acknowledged only once they are durable, never twice lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiomqtt
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from device.domain.commands import InboundCommand
from device.uplink import Uplink
from tests.mosquitto import Mosquitto
from tests.uplink.memory import EPOCH, ROOT, Inbox, MemoryOutbox, plain_status, running, settings_for, until
from tests.uplink.proxy import PUBACK, proxying
from tests.uplink.scripted import ScriptedBroker, publish, scripted

V5 = aiomqtt.ProtocolVersion.V5


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[Mosquitto]:
    async with Mosquitto(tmp_path) as broker:
        yield broker


def make(url: str, inbox: Inbox, **more: object) -> Uplink:
    return Uplink(settings_for(url, **more), "test-01", EPOCH, MemoryOutbox(), inbox.take, plain_status, random=lambda: 0.0)


async def send(port: int, name: str, payload: bytes, retain: bool = False, qos: int = 1, properties: Properties | None = None) -> None:
    async with aiomqtt.Client("127.0.0.1", port, protocol=V5) as client:
        await client.publish(f"{ROOT}/command/{name}", payload, qos=qos, retain=retain, properties=properties)


async def subscribed(broker: Mosquitto) -> None:
    """Return once the store's subscription is the broker's."""
    await until(lambda: f"{ROOT}/command/+" in broker.log)


async def test_a_command_comes_in_with_its_name_response_topic_and_correlation(broker: Mosquitto) -> None:
    inbox = Inbox()
    inbox.gate.set()
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    properties.ResponseTopic = "backend/answers"
    properties.CorrelationData = b"\x01\x02"
    async with running(make(broker.url, inbox)):
        await subscribed(broker)
        await send(broker.port, "unlock", b"first", properties=properties)
        await send(broker.port, "tare", b"second", qos=0)
        await until(lambda: len(inbox.durable) == 2)
    assert inbox.durable == [
        InboundCommand("unlock", b"first", False, "backend/answers", b"\x01\x02"),
        InboundCommand("tare", b"second"),
    ]


@pytest.mark.parametrize("protocol", [5, 4])
async def test_commands_come_in_order_and_one_after_another(broker: Mosquitto, protocol: int) -> None:
    inbox = Inbox()
    async with running(make(broker.url, inbox, protocol=protocol)):
        await subscribed(broker)
        async with aiomqtt.Client("127.0.0.1", broker.port) as client:
            for number in range(60):
                await client.publish(f"{ROOT}/command/count", str(number).encode(), qos=1)
        await until(lambda: inbox.commands)
        assert len(inbox.commands) == 1, "the second is not looked at before the first is durable"
        inbox.gate.set()
        await until(lambda: len(inbox.durable) == 60)
    assert [command.payload for command in inbox.durable] == [str(number).encode() for number in range(60)]


async def test_a_command_kept_by_the_broker_is_flagged_as_retained(broker: Mosquitto) -> None:
    inbox = Inbox()
    inbox.gate.set()
    await send(broker.port, "unlock", b"old", retain=True)
    async with running(make(broker.url, inbox)):
        await until(lambda: inbox.durable)
        await send(broker.port, "lock", b"live, but published with retain", retain=True)
        await send(broker.port, "tare", b"live")
        await until(lambda: len(inbox.durable) == 3)
    assert [(command.name, command.retained) for command in inbox.durable] == [("unlock", True), ("lock", True), ("tare", False)]


async def test_a_kept_command_is_flagged_with_mqtt_3_too(broker: Mosquitto) -> None:
    inbox = Inbox()
    inbox.gate.set()
    await send(broker.port, "unlock", b"old", retain=True)
    async with running(make(broker.url, inbox, protocol=4)):
        await until(lambda: inbox.durable)
    assert inbox.durable == [InboundCommand("unlock", b"old", True)]


@pytest.mark.parametrize("protocol", [5, 4])
async def test_a_command_is_acknowledged_after_it_is_durable_and_comes_again_if_the_link_is_lost_before(
    broker: Mosquitto, protocol: int
) -> None:
    inbox = Inbox()
    async with proxying(broker.port) as proxy, running(make(proxy.url, inbox, protocol=protocol)):
        await subscribed(broker)
        await send(broker.port, "unlock", b"once")
        await until(lambda: len(inbox.commands) == 1)
        assert not [packet for packet in proxy.packets if packet.upwards and packet.kind == PUBACK]
        proxy.cut()
        await until(lambda: proxy.connections == 2)
        inbox.gate.set()
        await until(lambda: len(inbox.commands) == 2)
        await until(lambda: [packet.connection for packet in proxy.packets if packet.upwards and packet.kind == PUBACK] == [2])
    assert [command.payload for command in inbox.durable] == [b"once", b"once"]


async def test_a_command_sent_while_the_store_was_away_waits_at_the_broker(broker: Mosquitto) -> None:
    inbox = Inbox()
    inbox.gate.set()
    async with running(make(broker.url, inbox)):
        await subscribed(broker)
    await send(broker.port, "stop_sales", b"meanwhile")
    async with running(make(broker.url, inbox)):
        await until(lambda: inbox.durable)
    assert inbox.durable == [InboundCommand("stop_sales", b"meanwhile")]


async def test_a_command_too_long_to_be_one_is_still_handed_on_to_be_refused(broker: Mosquitto) -> None:
    inbox = Inbox()
    inbox.gate.set()
    async with running(make(broker.url, inbox)):
        await subscribed(broker)
        await send(broker.port, "unlock", b"x" * 60_000)
        await send(broker.port, "unlock", b"x" * 100_000)
        await send(broker.port, "tare", b"fits")
        await until(lambda: len(inbox.durable) == 2)
    assert [len(command.payload) for command in inbox.durable] == [60_000, 4], "the broker keeps back what is over our maximum"


async def test_a_flood_of_commands_is_held_back_at_the_broker_and_none_is_lost(tmp_path: Path) -> None:
    inbox = Inbox()
    outbox = MemoryOutbox()
    async with Mosquitto(tmp_path, settings=["max_queued_messages 5000"]) as broker:
        uplink = Uplink(settings_for(broker.url), "test-01", EPOCH, outbox, inbox.take, plain_status)
        async with running(uplink):
            await subscribed(broker)
            async with aiomqtt.Client("127.0.0.1", broker.port) as client:
                for number in range(2000):
                    await client.publish(f"{ROOT}/command/count", str(number).encode(), qos=1)
            outbox.add(50)
            uplink.wake()
            inbox.gate.set()
            await until(lambda: len(inbox.durable) == 2000 and outbox.acknowledged == 50)
    assert [command.payload for command in inbox.durable] == [str(number).encode() for number in range(2000)]


async def test_a_store_that_is_stuck_keeps_few_commands_in_memory_whatever_the_broker_sends() -> None:
    inbox = Inbox()
    flood = b"".join(publish(f"{ROOT}/command/count", str(number).encode().ljust(1000), number) for number in range(1, 3001))
    async with scripted(ScriptedBroker(greeting=flood)) as broker:
        uplink = make(broker.url, inbox)
        async with running(uplink):
            await until(lambda: uplink._link is not None and uplink._link._paused and not uplink._inbound.room)
            assert uplink._link is not None
            assert len(uplink._link._messages) + uplink._inbound._waiting.qsize() < 64
            inbox.gate.set()
            await until(lambda: len(inbox.durable) == 3000)
            await until(lambda: broker.acknowledged == list(range(1, 3001)))


async def test_a_fault_in_dealing_with_a_command_is_a_bug_and_ends_the_uplink(broker: Mosquitto) -> None:
    async def fail(_command: InboundCommand) -> None:
        raise ZeroDivisionError

    uplink = Uplink(settings_for(broker.url), "test-01", EPOCH, MemoryOutbox(), fail, plain_status)

    async def send_one() -> None:
        await subscribed(broker)
        await send(broker.port, "unlock", b"{}")

    async def both() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(uplink.run())
            group.create_task(send_one())

    with pytest.raises(ExceptionGroup) as caught:
        await both()
    assert caught.group_contains(ZeroDivisionError)
