"""Brokers that refuse, stall, lie or talk nonsense: nothing is taken off the outbox too early, and the uplink comes back."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from device.errors import JournalFull
from device.uplink import Uplink
from tests.mosquitto import Mosquitto
from tests.uplink.memory import EPOCH, ROOT, Inbox, MemoryOutbox, listening, plain_status, running, settings_for, until
from tests.uplink.scripted import ScriptedBroker, publish, scripted

RECEIVE_MAXIMUM = 0x21
MAXIMUM_QOS = 0x24
RETAIN_AVAILABLE = 0x25
MAXIMUM_PACKET_SIZE = 0x27


def make(url: str, outbox: MemoryOutbox, inbox: Inbox | None = None, **more: object) -> Uplink:
    return Uplink(settings_for(url, **more), "test-01", EPOCH, outbox, (inbox or Inbox()).take, plain_status, random=lambda: 0.0)


async def test_an_event_that_the_acl_forbids_is_set_aside_with_its_reason_and_never_counted_as_delivered(tmp_path: Path) -> None:
    acl = (
        f"user store\ntopic readwrite {ROOT}/status\ntopic write {ROOT}/event/stock/#\ntopic read {ROOT}/command/+\nuser watcher\ntopic #\n"
    )
    outbox = MemoryOutbox()
    outbox.add(2)
    outbox.add(1, "session.ended")
    outbox.add(2)
    told: list[tuple[int, str, str]] = []
    async with Mosquitto(tmp_path, users={"store": "secret", "watcher": "other"}, acl=acl) as broker:
        password = tmp_path / "password"
        password.write_text("secret\n")
        settings = settings_for(broker.url, username="store", password_file=password)
        uplink = Uplink(settings, "test-01", EPOCH, outbox, Inbox().take, plain_status, refused=lambda *what: told.append(what))
        async with listening(broker.port, username="watcher", password="other") as listener, running(uplink):
            await until(lambda: outbox.acknowledged == 5)
            assert outbox.aside == {3: "not authorized"}
            assert told == [(3, "session.ended", "not authorized")]
            await until(lambda: listener.seqs() == [1, 2, 4, 5])
            assert uplink.health.set_aside == 1
            assert uplink.health.acknowledged == 4
            broker.set_acl(acl.replace("event/stock/#", "event/#"))
            broker.reload()
            await until(lambda: "Reloading config" in broker.log)
            uplink.resend(3)
            await until(lambda: listener.seqs() == [1, 2, 4, 5, 3, 4, 5])
            await until(lambda: outbox.aside == {})


@pytest.mark.parametrize("code", [0x87, 0x90, 0x99])
async def test_an_event_refused_for_good_is_tried_once(code: int) -> None:
    outbox = MemoryOutbox()
    outbox.add(20)
    async with scripted(ScriptedBroker(lambda _topic, seq: code if seq == 7 else 0)) as broker, running(make(broker.url, outbox)):
        await until(lambda: outbox.acknowledged == 20)
    assert list(outbox.aside) == [7]
    assert broker.seqs == list(range(1, 21))


@pytest.mark.parametrize("code", [0x80, 0x83, 0x97])
async def test_an_event_refused_for_now_is_sent_again_after_a_wait_and_what_follows_it_comes_after_it(code: int) -> None:
    outbox = MemoryOutbox()
    outbox.add(30)
    refusals = 0

    def answer(_topic: str, seq: int) -> int:
        nonlocal refusals
        if seq == 7 and refusals < 2:
            refusals += 1
            assert outbox.acknowledged < 7
            return code
        return 0

    async with scripted(ScriptedBroker(answer)) as broker, running(make(broker.url, outbox)):
        await until(lambda: outbox.acknowledged == 30)
    assert outbox.aside == {}
    assert broker.seqs == [*range(1, 31), *range(7, 31), *range(7, 31)]
    assert broker.connections == 1


async def test_no_more_is_in_flight_than_the_broker_wants() -> None:
    outbox = MemoryOutbox()
    outbox.add(100)
    properties = bytes([RECEIVE_MAXIMUM, 0, 5])
    async with scripted(ScriptedBroker(connack_properties=properties)) as broker, running(make(broker.url, outbox)):
        await until(lambda: outbox.acknowledged == 100)
    assert broker.most_unanswered == 5


async def test_an_event_over_the_brokers_maximum_packet_size_is_set_aside_without_being_sent() -> None:
    outbox = MemoryOutbox()
    outbox.add(1)
    outbox.add(1, size=2000)
    outbox.add(1)
    properties = bytes([MAXIMUM_PACKET_SIZE, 0, 0, 4, 0])
    async with scripted(ScriptedBroker(connack_properties=properties)) as broker, running(make(broker.url, outbox)):
        await until(lambda: outbox.acknowledged == 3)
    assert broker.seqs == [1, 3]
    assert outbox.aside == {2: "over the broker's maximum packet size of 1024 bytes"}


@pytest.mark.parametrize(
    ("broker", "reason"),
    [
        (ScriptedBroker(connack_code=0x87), "Not authorized"),
        (ScriptedBroker(connack_properties=bytes([MAXIMUM_QOS, 0])), "takes no QoS 1"),
        (ScriptedBroker(connack_properties=bytes([RETAIN_AVAILABLE, 0])), "keeps no retained messages"),
    ],
    ids=["not authorised", "no QoS 1", "no retain"],
)
async def test_a_broker_that_refuses_us_is_named_once_and_tried_again(
    broker: ScriptedBroker, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    outbox = MemoryOutbox()
    outbox.add(3)
    async with scripted(broker):
        uplink = make(broker.url, outbox)
        async with running(uplink):
            await until(lambda: broker.connections >= 3)
            assert [record.message.count(reason) for record in caplog.records if record.levelno >= logging.WARNING] == [1]
            broker.connack_code, broker.connack_properties = 0, b""
            caplog.clear()
            caplog.set_level(logging.INFO)
            await until(lambda: outbox.acknowledged == 3)
            assert ["connected" in record.message for record in caplog.records] == [True]


@pytest.mark.parametrize(
    "nonsense",
    [
        b"\xf0\x00",
        b"\x40\x01\x00",
        b"\x32\x05\x00\xff",
        b"\x30\x06\x00\x02\xff\xfe\x00x",
        b"\x40\x03\x00\x01\xee",
        b"\xff" * 64,
        b"\x32\x02\0\0",
    ],
    ids=["AUTH", "short PUBACK", "short PUBLISH", "topic no UTF-8", "unknown reason", "length without end", "empty topic"],
)
async def test_nonsense_from_the_broker_costs_at_most_the_connection(nonsense: bytes) -> None:
    outbox = MemoryOutbox()
    broker = ScriptedBroker(greeting=nonsense)
    async with scripted(broker), running(make(broker.url, outbox)) as task:
        await until(lambda: broker.connections >= 1 and broker.writer is not None)
        outbox.add(1)
        broker.greeting = b""
        await until(lambda: broker.connections >= 2 or outbox.acknowledged == 1)
        assert broker.writer is not None
        broker.writer.transport.abort()
        await until(lambda: outbox.acknowledged == 1)
        assert not task.done()


async def test_a_packet_longer_than_we_take_is_not_buffered_and_does_not_come_again() -> None:
    inbox = Inbox()
    inbox.gate.set()
    greeting = publish(f"{ROOT}/command/unlock", b"x" * 70_000, 1)
    broker = ScriptedBroker(greeting=greeting)
    async with scripted(broker), running(make(broker.url, MemoryOutbox(), inbox)):
        await until(lambda: broker.connections >= 1)
        await until(lambda: len(broker.cleans) >= 2)
        broker.greeting = publish(f"{ROOT}/command/unlock", b"x" * 60_000, 1)
        await until(lambda: broker.acknowledged)
    assert broker.cleans[:2] == [False, True], "the session that holds it is given up"
    assert [len(command.payload) for command in inbox.commands] == [60_000]


async def test_a_broker_that_is_silent_from_the_start_does_not_hold_up_the_stop() -> None:
    loop = asyncio.get_running_loop()
    broker = ScriptedBroker(silent=True)
    async with scripted(broker):
        async with running(make(broker.url, MemoryOutbox())):
            await until(lambda: broker.connections == 1)
            began = loop.time()
        assert loop.time() - began < 10


async def test_a_broker_that_stops_answering_does_not_hold_up_the_stop(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    outbox = MemoryOutbox()
    async with Mosquitto(tmp_path) as broker:
        uplink = make(broker.url, outbox)
        async with running(uplink):
            await until(lambda: uplink.health.connected)
            broker.freeze()
            outbox.add(10)
            began = loop.time()
        assert loop.time() - began < 10
        assert outbox.acknowledged == 0


async def test_a_half_open_link_is_noticed_within_two_keepalives_and_nothing_is_lost(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    outbox = MemoryOutbox()
    outbox.add(10)
    async with Mosquitto(tmp_path) as broker:
        uplink = make(broker.url, outbox, keepalive_s=2)
        async with running(uplink):
            await until(lambda: outbox.acknowledged == 10)
            broker.freeze()
            began = loop.time()
            outbox.add(300)
            uplink.wake()
            await until(lambda: not uplink.health.connected)
            assert 2 <= loop.time() - began < 8, "it was a half-open link, not a closed one; and the bound is 4 s and a tick"
            assert outbox.acknowledged == 10
            broker.thaw()
            await until(lambda: outbox.acknowledged == 310)
        assert uplink.health.reconnects >= 1


async def test_nobody_listening_is_tried_again_with_growing_waits_that_end_at_ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    sleep = asyncio.sleep

    async def note(seconds: float) -> None:
        if seconds:
            waits.append(seconds)
        await sleep(0)

    monkeypatch.setattr("device.uplink.uplink.asyncio.sleep", note)
    uplink = make("mqtt://127.0.0.1:1", MemoryOutbox())
    async with running(uplink):
        await until_turns(lambda: len(waits) >= 8, sleep)
    assert waits[:8] == [0.25, 0.5, 1.0, 2.0, 4.0, 5.0, 5.0, 5.0]


async def until_turns(condition: Callable[[], bool], sleep: Callable[[float], object]) -> None:
    for _ in range(10_000):
        if condition():
            return
        await sleep(0)  # type: ignore[misc]
    raise AssertionError("did not come true")


async def test_the_receipt_of_a_backend_decides_where_it_is_asked_to() -> None:
    outbox = MemoryOutbox()
    outbox.add(10)
    broker = ScriptedBroker()
    async with scripted(broker):
        settings = settings_for(broker.url, acknowledge="backend")
        uplink = Uplink(settings, "test-01", EPOCH, outbox, Inbox().take, plain_status, receipts_after=4, random=lambda: 0.0)
        async with running(uplink):
            await until(lambda: broker.seqs == list(range(1, 11)) and not broker.unanswered)
            await until(lambda: outbox.acknowledged == 4)
            assert broker.writer is not None
            for mid, receipt in enumerate(
                [
                    {"epoch": "another", "upto": 8},
                    {"epoch": EPOCH, "upto": 11},
                    {"epoch": EPOCH, "upto": True},
                    {"epoch": EPOCH},
                    [1],
                    {"epoch": EPOCH, "upto": 7},
                ],
                start=1,
            ):
                broker.writer.write(publish(f"{ROOT}/receipt", json.dumps(receipt).encode(), mid))
            await until(lambda: broker.acknowledged == [1, 2, 3, 4, 5, 6])
            assert outbox.acknowledged == 7
            broker.writer.transport.abort()
            await until(lambda: broker.seqs == [*range(1, 11), 8, 9, 10])
            assert outbox.acknowledged == 7


async def test_what_has_no_receipt_is_sent_again_after_a_while_on_the_same_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("device.uplink.uplink.RECEIPT_WITHIN_S", 0.5)
    outbox = MemoryOutbox()
    outbox.add(6)
    async with scripted(ScriptedBroker()) as broker:
        settings = settings_for(broker.url, acknowledge="backend")
        uplink = Uplink(settings, "test-01", EPOCH, outbox, Inbox().take, plain_status, receipts_after=2)
        async with running(uplink):
            await until(lambda: len(broker.seqs) >= 10)
            assert broker.seqs[:10] == [1, 2, 3, 4, 5, 6, 3, 4, 5, 6]
            assert outbox.acknowledged == 2
            assert broker.writer is not None
            broker.writer.write(publish(f"{ROOT}/receipt", json.dumps({"epoch": EPOCH, "upto": 6}).encode(), 1))
            await until(lambda: outbox.acknowledged == 6)
    assert broker.connections == 1


async def test_a_full_journal_holds_the_cursor_up_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class FullOutbox(MemoryOutbox):
        full = True

        async def acknowledge(self, upto: int) -> None:
            if self.full:
                raise JournalFull("no room")
            await super().acknowledge(upto)

    monkeypatch.setattr("device.uplink.uplink.JOURNAL_RETRY_S", 0.05)
    outbox = FullOutbox()
    outbox.add(300)
    async with scripted(ScriptedBroker()) as broker, running(make(broker.url, outbox)):
        await until(lambda: len(broker.seqs) == 300 and "no room" in caplog.text)
        assert outbox.acknowledged == 0
        outbox.full = False
        await until(lambda: outbox.acknowledged == 300)
    assert broker.seqs == list(range(1, 301))
