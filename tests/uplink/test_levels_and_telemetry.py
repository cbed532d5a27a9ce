"""Retained topics, the status, telemetry and replies over a real Mosquitto."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import aiomqtt
import pytest

from device.uplink import Uplink
from device.uplink.link import Publication
from device.uplink.queues import Replies, Telemetry
from tests.mosquitto import Mosquitto
from tests.uplink.memory import EPOCH, ROOT, Inbox, MemoryOutbox, listening, plain_status, running, settings_for, until
from tests.uplink.proxy import proxying


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[Mosquitto]:
    async with Mosquitto(tmp_path) as broker:
        yield broker


def make(url: str, outbox: MemoryOutbox | None = None, **more: object) -> Uplink:
    return Uplink(settings_for(url, **more), "test-01", EPOCH, outbox or MemoryOutbox(), Inbox().take, plain_status, random=lambda: 0.0)


async def retain(port: int, topic: str, payload: bytes) -> None:
    async with aiomqtt.Client("127.0.0.1", port) as client:
        await client.publish(topic, payload, qos=1, retain=True)


async def retained(port: int, topic: str = "#") -> dict[str, bytes]:
    """What a newcomer is told. Retained messages come before what is published after the subscription."""
    found: dict[str, bytes] = {}
    async with aiomqtt.Client("127.0.0.1", port) as client:
        await client.subscribe(topic, qos=1)
        await client.publish(f"{ROOT}/telemetry/end", b"end", qos=1)
        async for message in client.messages:
            if not message.retain:
                return found
            assert isinstance(message.payload, bytes)
            found[str(message.topic)] = message.payload
    return found


async def test_only_changes_of_a_level_are_published_and_a_newcomer_is_told_the_latest(broker: Mosquitto) -> None:
    uplink = make(broker.url)
    async with listening(broker.port) as listener, running(uplink):
        for door in ("closed", "closed", "open", "open"):
            uplink.state("zone/fridge-1", {"door": door, "name": "Wein & Käse"})
            await until(lambda: listener.payloads(f"{ROOT}/zone/fridge-1"))
        uplink.state("slot/A1", {"count": 3})
        await until(lambda: listener.on(f"{ROOT}/slot/A1"))
        assert [json.loads(payload)["door"] for payload in listener.payloads(f"{ROOT}/zone/fridge-1")] == ["closed", "open"]
        assert json.loads((await retained(broker.port))[f"{ROOT}/zone/fridge-1"]) == {"door": "open", "name": "Wein & Käse"}


async def test_a_level_set_to_nothing_is_cleared_at_the_broker(broker: Mosquitto) -> None:
    uplink = make(broker.url)
    async with listening(broker.port) as listener, running(uplink):
        uplink.state("slot/A1", {"count": 3})
        await until(lambda: listener.on(f"{ROOT}/slot/A1"))
        uplink.state("slot/A1", None)
        await until(lambda: listener.payloads(f"{ROOT}/slot/A1")[-1] == b"")
        assert f"{ROOT}/slot/A1" not in await retained(broker.port)


async def test_everything_retained_is_published_again_to_a_broker_that_has_forgotten_it(broker: Mosquitto) -> None:
    uplink = make(broker.url)
    uplink.state("zone/fridge-1", {"door": "open"})
    async with running(uplink):
        await until(lambda: uplink.health.published >= 2)
        await broker.kill()
        await broker.start()
        await until(lambda: uplink.health.reconnects == 1 and uplink.health.connected)
        async with listening(broker.port) as listener:
            await until(lambda: listener.on(f"{ROOT}/zone/fridge-1") and "online" in listener.states())


async def test_retained_topics_of_what_has_left_the_configuration_are_cleared_and_no_others(broker: Mosquitto) -> None:
    await retain(broker.port, f"{ROOT}/zone/old", b'{"door":"open"}')
    await retain(broker.port, f"{ROOT}/device/shelf-z", b"{}")
    await retain(broker.port, f"{ROOT}/slot/A1", b'{"count":9}')
    await retain(broker.port, "smartstore/another/zone/old", b'{"door":"open"}')
    await retain(broker.port, "homeassistant/device/test-01/config", b"{}")
    await retain(broker.port, "homeassistant/device/another/config", b"{}")
    uplink = make(broker.url)
    uplink.state("slot/A1", {"count": 3})
    async with listening(broker.port, "#") as listener, running(uplink):
        gone = (f"{ROOT}/zone/old", f"{ROOT}/device/shelf-z", "homeassistant/device/test-01/config")
        await until(lambda: all(b"" in listener.payloads(topic) for topic in gone))
        found = await retained(broker.port)
    assert found.keys() == {f"{ROOT}/slot/A1", f"{ROOT}/status", "smartstore/another/zone/old", "homeassistant/device/another/config"}
    assert found[f"{ROOT}/slot/A1"] == b'{"count":3}'


async def test_a_discovery_payload_is_retained_while_it_is_switched_on(broker: Mosquitto) -> None:
    settings = settings_for(broker.url, homeassistant=True)
    uplink = Uplink(settings, "test-01", EPOCH, MemoryOutbox(), Inbox().take, plain_status, discovery={"device": {"name": "one"}})
    async with listening(broker.port, "homeassistant/#") as listener, running(uplink):
        await until(lambda: listener.messages)
        uplink.announce({"device": {"name": "two"}})
        await until(lambda: len(listener.messages) == 2)
        assert (await retained(broker.port))["homeassistant/device/test-01/config"] == b'{"device":{"name":"two"}}'


async def test_levels_of_a_slow_link_skip_values_and_end_with_the_latest(broker: Mosquitto) -> None:
    async with proxying(broker.port) as proxy:
        uplink = make(proxy.url)
        async with listening(broker.port) as listener, running(uplink):
            await until(lambda: "online" in listener.states())
            proxy.let_down.clear()
            uplink.state("slot/A1", {"count": 0})
            await until(lambda: listener.on(f"{ROOT}/slot/A1"))
            for count in range(1, 200):
                uplink.state("slot/A1", {"count": count})
                await asyncio.sleep(0)
            proxy.let_down.set()
            await until(lambda: b'{"count":199}' in listener.payloads(f"{ROOT}/slot/A1"))
            assert listener.payloads(f"{ROOT}/slot/A1") == [b'{"count":0}', b'{"count":199}']


async def test_the_status_is_published_when_it_changes(broker: Mosquitto) -> None:
    challenge = ["one"]
    uplink = Uplink(
        settings_for(broker.url), "test-01", EPOCH, MemoryOutbox(), Inbox().take, lambda state: {"state": state, "challenge": challenge[0]}
    )
    async with listening(broker.port) as listener, running(uplink):
        await until(lambda: listener.states() == ["online"])
        uplink.publish_status()
        challenge[0] = "two"
        uplink.publish_status()
        await until(lambda: len(listener.states()) == 2)
        assert [json.loads(each)["challenge"] for each in listener.payloads(f"{ROOT}/status")] == ["one", "two"]


async def test_telemetry_is_at_most_one_a_second_and_device_and_the_latest_is_sent(broker: Mosquitto) -> None:
    uplink = make(broker.url)
    async with listening(broker.port) as listener, running(uplink):
        await until(lambda: "online" in listener.states())
        uplink.telemetry("shelf-a", {"grams": 0})
        await until(lambda: listener.on(f"{ROOT}/telemetry/shelf-a"))
        for grams in range(1, 50):
            uplink.telemetry("shelf-a", {"grams": grams})
        uplink.telemetry("shelf-b", {"grams": 7})
        await until(lambda: len(listener.on(f"{ROOT}/telemetry/+")) == 3)
        assert [json.loads(payload)["grams"] for payload in listener.payloads(f"{ROOT}/telemetry/+")] == [0, 7, 49]
        assert listener.on(f"{ROOT}/telemetry/shelf-a")[0].qos == 0


def test_telemetry_waits_a_second_from_one_to_the_next_and_while_the_last_one_is_not_written() -> None:
    telemetry = Telemetry()
    assert telemetry.put("a", b"1", 10.0)
    assert list(telemetry.due(10.0)) == [("a", b"1")]
    assert not telemetry.put("a", b"2", 10.5)
    assert list(telemetry.due(11.5)) == [], "the first is not written yet"
    telemetry.written("a")
    telemetry.put("a", b"3", 11.6)
    assert list(telemetry.due(11.6)) == [("a", b"3")]
    telemetry.put("a", b"4", 12.0)
    telemetry.clear()
    assert list(telemetry.due(99.0)) == []


async def test_telemetry_without_a_broker_is_dropped_and_counted() -> None:
    uplink = make("mqtt://127.0.0.1:1")
    uplink.telemetry("shelf-a", {"grams": 1.0})
    assert uplink.health.dropped_telemetry == 1


@pytest.mark.parametrize("protocol", [5, 4])
async def test_a_reply_goes_to_its_topic_with_its_correlation(broker: Mosquitto, protocol: int) -> None:
    uplink = make(broker.url, protocol=protocol)
    async with listening(broker.port, "#") as listener, running(uplink):
        uplink.reply("id-1", {"id": "id-1", "status": "done"})
        uplink.reply("id-2", {"id": "id-2", "status": "done"}, "backend/answers", b"\x00\xff")
        await until(lambda: listener.on("backend/answers"))
        assert listener.payloads(f"{ROOT}/reply/id-1") == [b'{"id":"id-1","status":"done"}']
        correlation = getattr(listener.on("backend/answers")[0].properties, "CorrelationData", None)
        assert correlation == (b"\x00\xff" if protocol == 5 else None)


@pytest.mark.parametrize("topic", [f"{ROOT}/status", f"{ROOT}/event/session/ended", ROOT, "$SYS/x", "a/+", "#", "", "nul\0"])
async def test_nobody_can_make_a_store_speak_in_its_own_name_by_a_response_topic(broker: Mosquitto, topic: str) -> None:
    uplink = make(broker.url)
    async with listening(broker.port, "#") as listener, running(uplink):
        uplink.reply("id-1", {"status": "refused"}, topic)
        await until(lambda: listener.on(f"{ROOT}/reply/id-1"))


async def test_a_reply_whose_id_makes_no_topic_is_dropped(broker: Mosquitto) -> None:
    uplink = make(broker.url)
    for command in ("a/#", "\ud800", "x" * 70_000):
        uplink.reply(command, {"id": command})
    assert uplink.health.dropped_replies == 3


async def test_replies_without_a_broker_wait_and_the_oldest_give_way(broker: Mosquitto) -> None:
    uplink = make(broker.url)
    for number in range(300):
        uplink.reply(f"id-{number}", {"number": number, "odd": "\ud800"})
    assert uplink.health.dropped_replies == 44
    async with listening(broker.port) as listener, running(uplink):
        await until(lambda: len(listener.on(f"{ROOT}/reply/+")) == 256)
        assert [json.loads(payload)["number"] for payload in listener.payloads(f"{ROOT}/reply/+")] == list(range(44, 300))


async def test_replies_that_a_lost_connection_has_swallowed_are_sent_again(broker: Mosquitto) -> None:
    async with proxying(broker.port) as proxy:
        uplink = make(proxy.url)
        async with listening(broker.port) as listener, running(uplink):
            await until(lambda: "online" in listener.states())
            proxy.let_up.clear()
            for number in range(5):
                uplink.reply(f"id-{number}", {"number": number})
            await until(lambda: len([packet for packet in proxy.packets if packet.topic.startswith(f"{ROOT}/reply")]) == 5)
            proxy.cut()
            proxy.let_up.set()
            await until(lambda: len({str(message.topic) for message in listener.on(f"{ROOT}/reply/+")}) == 5)


def test_a_reply_put_back_is_first_again_unless_there_is_no_room() -> None:
    replies = Replies(most=2)
    first, second, third = (Publication(f"t/{number}", b"") for number in range(3))
    replies.put(first)
    replies.put(second)
    taken = replies.take()
    assert taken is first
    replies.put_back(taken)
    assert replies.take() is first
    replies.put(third)
    replies.put_back(first)
    assert replies.dropped == 1
    assert [replies.take(), replies.take(), replies.take()] == [second, third, None]
