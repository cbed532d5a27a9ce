"""What somebody has set up wrongly: two stores of one name, a broker that takes less than we say, an access list that forbids a topic."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from device.uplink import Uplink
from device.uplink.backoff import Backoff
from tests.mosquitto import Mosquitto
from tests.uplink.memory import EPOCH, ROOT, Inbox, MemoryOutbox, listening, plain_status, running, settings_for, until
from tests.uplink.scripted import ScriptedBroker, scripted


def make(url: str, outbox: MemoryOutbox, **more: object) -> Uplink:
    return Uplink(settings_for(url, **more), "test-01", EPOCH, outbox, Inbox().take, plain_status, random=lambda: 0.0)


def said(caplog: pytest.LogCaptureFixture, text: str, level: int) -> int:
    return sum(text in record.message and record.levelno == level for record in caplog.records)


TAKEN_OVER = b"\xe0\x01\x8e"
"""DISCONNECT, reason code 0x8E (MQTT 5, 3.14.2.1)."""


async def test_a_store_whose_client_id_is_taken_says_so_and_leaves_the_other_alone_for_longer_each_time(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    sleep = asyncio.sleep

    async def note(seconds: float) -> None:
        if seconds:
            waits.append(seconds)
        await sleep(0)

    monkeypatch.setattr("device.uplink.uplink.asyncio.sleep", note)
    outbox = MemoryOutbox()
    broker = ScriptedBroker(greeting=TAKEN_OVER)
    async with scripted(broker), running(make(broker.url, outbox)):
        async with asyncio.timeout(30):
            while len(waits) < 7:
                await sleep(0.005)
        told = (
            f"no connection to {broker.url}: another client has connected as 'smartstore-test-01', and a broker keeps one of a name"
            " (session taken over): two stores must not share a store.id or mqtt.client_id"
        )
        assert said(caplog, told, logging.ERROR) >= 1
        assert waits[:7] == [7.5, 15.0, 30.0, 60.0, 120.0, 150.0, 150.0]
        broker.greeting = b""
        outbox.add(3)
        async with asyncio.timeout(30):
            while outbox.acknowledged < 3:
                await sleep(0.005)


async def test_with_mqtt_3_1_1_connections_that_end_soon_again_and_again_get_a_hint_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("device.uplink.uplink.Backoff", lambda random, *_waits: Backoff(random, 0.02, 0.1))
    async with Mosquitto(tmp_path) as broker:
        one, other = make(broker.url, MemoryOutbox(), protocol=4), make(broker.url, MemoryOutbox(), protocol=4)
        async with running(one), running(other):
            await until(lambda: one.health.reconnects >= 4 and other.health.reconnects >= 4)
    hint = "has ended 3 connections in a row within 30 s: does another client connect as 'smartstore-test-01'?"
    assert said(caplog, hint, logging.ERROR) == 2
    assert said(caplog, "no connection", logging.WARNING) == 6, "and then no more is said of each"


async def test_an_event_over_mosquittos_message_size_limit_is_set_aside_with_its_reason_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    outbox = MemoryOutbox()
    outbox.add(2)
    outbox.add(1, "session.ended", size=3000)
    outbox.add(2)
    async with Mosquitto(tmp_path, settings=["message_size_limit 1000"]) as broker, listening(broker.port) as listener:
        uplink = make(broker.url, outbox)
        async with running(uplink):
            await until(lambda: outbox.acknowledged == 5)
            await until(lambda: listener.seqs() == [1, 2, 4, 5])
            assert uplink.health.reconnects == 0
    assert outbox.aside == {3: "packet too large"}
    assert said(caplog, "the broker will not take event 3 (session.ended): packet too large; it is kept aside", logging.ERROR) == 1


async def test_an_answer_that_mqtt_does_not_know_does_not_cost_the_connection() -> None:
    outbox = MemoryOutbox()
    outbox.add(5)
    refused: list[int] = []

    def answer(_topic: str, seq: int) -> int:
        if seq == 3 and not refused:
            refused.append(seq)
            return 0xEE
        return 0

    async with scripted(ScriptedBroker(answer)) as broker, running(make(broker.url, outbox)):
        await until(lambda: outbox.acknowledged == 5)
    assert broker.connections == 1
    assert outbox.aside == {}


async def test_a_level_that_was_forbidden_is_published_once_the_access_list_is_mended(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("device.uplink.pump.ASK_AGAIN_S", 0.2)
    caplog.set_level(logging.INFO)
    acl = f"user store\ntopic readwrite {ROOT}/status\nuser watcher\ntopic #\n"
    password = tmp_path / "password"
    password.write_text("secret\n")
    async with Mosquitto(tmp_path, users={"store": "secret", "watcher": "other"}, acl=acl) as broker:
        uplink = make(broker.url, MemoryOutbox(), username="store", password_file=password)
        async with listening(broker.port, username="watcher", password="other") as listener, running(uplink):
            uplink.state("slot/A1", {"count": 7})
            await until(lambda: uplink.health.refused >= 2)
            assert said(caplog, f"the broker refuses {ROOT}/slot/A1: not authorized", logging.WARNING) == 1
            broker.set_acl(acl.replace("user watcher", f"topic write {ROOT}/slot/+\nuser watcher"))
            broker.reload()
            await until(lambda: listener.payloads(f"{ROOT}/slot/A1") == [b'{"count":7}'])
            await until(lambda: said(caplog, f"the broker takes {ROOT}/slot/A1 again", logging.INFO) == 1)
            assert uplink.health.reconnects == 0


async def test_a_broker_that_is_not_there_is_named_once_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async with running(make("mqtt://127.0.0.1:1", MemoryOutbox())):
        await until(lambda: caplog.records)
    assert caplog.records[0].message == "no connection to mqtt://127.0.0.1:1: Connection refused"
    assert caplog.records[0].name == "smartstore.uplink"
