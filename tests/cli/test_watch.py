"""``watch`` over a real broker, and its words for anything that may come."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import aiomqtt
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from device.cli import smartstore
from device.cli.watch import SENTENCES, Watcher, _watch, clock_time, sentence, words
from device.domain.envelope import EVENTS
from device.domain.jws import SigningKey, sign
from tests.mosquitto import BrokerTls, Mosquitto
from tests.uplink.certificates import Authority

NOW = datetime(2026, 11, 22, 12, 0, 3, tzinfo=UTC)
ROOT = "smartstore/chengdu-01"


def event(seq: int, type_: str, epoch: str = "e1", **data: object) -> bytes:
    return json.dumps(
        {"type": type_, "seq": seq, "subject": "chengdu-01", "epoch": epoch, "time": "2026-11-22T12:00:03.214+08:00", "data": data}
    ).encode()


@contextlib.asynccontextmanager
async def watching(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """``smartstore watch`` as a process; ended with Ctrl-C, and held to its exit status."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "device", "watch", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 0
        assert process.stderr is not None
        assert b"Traceback" not in await process.stderr.read()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def says(process: asyncio.subprocess.Process, expected: str) -> None:
    """Read what it says about its connection until that is said."""
    assert process.stderr is not None
    async with asyncio.timeout(30):
        while expected not in (line := (await process.stderr.readline()).decode()):
            assert line, f"ended without saying {expected!r}"
            assert "Traceback" not in line
            assert "never retrieved" not in line


async def lines(process: asyncio.subprocess.Process, count: int) -> list[str]:
    assert process.stdout is not None
    async with asyncio.timeout(30):
        return [(await process.stdout.readline()).decode().rstrip("\n") for _ in range(count)]


async def publish(port: int, messages: Sequence[tuple[str, bytes]], **more: str) -> None:
    async with aiomqtt.Client("127.0.0.1", port, **more) as client:  # type: ignore[arg-type]
        for topic, payload in messages:
            await client.publish(f"{ROOT}/{topic}", payload, qos=1)


async def test_events_and_changes_are_told_in_words(tmp_path: Path) -> None:
    taken = event(7, "session.item_taken", quantity=2, gtin="06901234567892", slot="A1", grams=2401.2, grams_sd=1.53, confidence=0.9991)
    async with Mosquitto(tmp_path) as broker, watching("--url", broker.url) as process:
        await says(process, f"watching smartstore/+ at {broker.url}; times are those of this machine, ")
        await publish(
            broker.port,
            [
                ("zone/fridge-1", b'{"door":"open","celsius":7.1,"sales":"open"}'),
                ("zone/fridge-1", b'{"door":"open","celsius":7.2,"sales":"open"}'),
                ("telemetry/shelf-a", b'{"grams":1}'),
                ("event/session/item_taken", taken),
                ("event/door/closed", event(8, "door.closed", zone="fridge-1", open_for_s=12.5)),
            ],
        )
        first, second, third = await lines(process, 3)
    assert first.endswith("smartstore/chengdu-01  zone/fridge-1: door open, sales open")
    local = clock_time("2026-11-22T12:00:03.214+08:00", datetime.now().astimezone())
    assert second == (
        f"{local}  smartstore/chengdu-01  7  session.item_taken: 2 x 06901234567892 taken from A1: 2401 g ± 1.53 g, 99.91% sure"
    )
    assert third == f"{local}  smartstore/chengdu-01  8  door.closed: the door of fridge-1 is closed after 12.5 s"


async def test_an_end_that_comes_together_with_the_brokers_answer_is_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    subscribe = aiomqtt.Client.subscribe

    async def ended_with_the_answer(client: aiomqtt.Client, *arguments: Any, **more: Any) -> Any:
        """What ``asyncio.wait_for`` does below Python 3.12: the answer is returned, and the cancellation is gone."""
        granted = await subscribe(client, *arguments, **more)
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(0)
        return granted

    monkeypatch.setattr(aiomqtt.Client, "subscribe", ended_with_the_answer)
    files = dict.fromkeys(("username", "password_file", "ca_file", "cert_file", "key_file"))
    async with Mosquitto(tmp_path) as broker, asyncio.TaskGroup() as group:
        task = group.create_task(_watch(broker.url, "smartstore/+", False, files))
        async with asyncio.timeout(30):
            await asyncio.wait([task])
    assert task.done()


async def test_with_json_every_message_is_a_line(tmp_path: Path) -> None:
    async with Mosquitto(tmp_path) as broker, watching("--url", broker.url, "--json") as process:
        await says(process, "watching")
        await publish(broker.port, [("status", b'{"state":"online"}'), ("zone/x", b""), ("zone/y", b"\xff{")])
        found = [json.loads(line) for line in await lines(process, 3)]
    assert found[0] == {"topic": f"{ROOT}/status", "retained": False, "payload": {"state": "online"}}
    assert [each["payload"] for each in found[1:]] == [None, "\ufffd{"]


async def test_it_waits_for_a_broker_and_comes_back_to_one(tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path)
    async with watching("--url", broker.url) as process:
        await says(process, "no connection")
        async with broker:
            await says(process, "watching")
            await broker.kill()
            await says(process, "no connection")
            await broker.start()
            await says(process, "watching")
            await publish(broker.port, [("status", b'{"state":"online"}')])
            assert (await lines(process, 1))[0].endswith("status: state online")


async def test_it_logs_in_with_a_password_over_tls(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    server = authority.issue("broker", server=True)
    tls = BrokerTls(authority.ca_file, server.cert_file, server.key_file)
    password = tmp_path / "password"
    password.write_text("secret")
    options = ["--username", "me", "--password-file", str(password), "--ca-file", str(authority.ca_file)]
    async with Mosquitto(tmp_path, tls=tls, users={"me": "secret"}) as broker, watching("--url", broker.url, *options) as process:
        await says(process, "watching")


async def test_a_file_that_is_not_there_is_an_error_and_no_traceback(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "device", "watch", "--url", "mqtts://127.0.0.1:1", "--ca-file", str(tmp_path / "absent.pem")),
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate()
    assert process.returncode == 1
    assert b"absent.pem" in said
    assert b"Traceback" not in said


def test_a_url_of_another_kind_is_a_usage_error() -> None:
    result = CliRunner().invoke(smartstore, ["watch", "--url", "http://127.0.0.1"])
    assert result.exit_code == 2
    assert "mqtt://HOST:PORT" in result.output


def test_every_event_has_a_sentence_of_its_own_fields() -> None:
    assert SENTENCES.keys() == EVENTS.keys()
    for type_, form in SENTENCES.items():
        named = set(re.findall(r"{(\w+)}", form)) - {"items", "place", "sure", "total"}
        assert named <= {each.name for each in fields(EVENTS[type_])}, type_


def test_gaps_repetitions_and_a_new_journal_are_told() -> None:
    watcher = Watcher()
    remarks = []
    for seq, epoch in ((5, "e1"), (6, "e1"), (9, "e1"), (6, "e1"), (10, "e1"), (1, "e2")):
        line = watcher.line(f"{ROOT}/event/stock/out", event(seq, "stock.out", epoch, slot="A1", gtin="1"), NOW)
        remarks.append((line or "").partition("is empty: 1")[2].strip())
    assert remarks == ["", "", "(2 missed before)", "(again)", "", "(a new journal)"]


def test_all_times_are_in_one_zone_which_is_named_once(tmp_path: Path) -> None:
    rome = NOW.astimezone(ZoneInfo("Europe/Rome"))
    watcher = Watcher()
    line = watcher.line(f"{ROOT}/event/stock/out", event(1, "stock.out", slot="A1", gtin="1"), rome)
    assert line == f"05:00:03  {ROOT}  1  stock.out: A1 is empty: 1", "noon in Chengdu"
    assert watcher.line(f"{ROOT}/slot/A1", b'{"count":0}', rome) == f"13:00:03  {ROOT}  slot/A1: count 0"
    assert clock_time("2026-11-22T12:00:03+08:00", NOW.astimezone(ZoneInfo("America/Los_Angeles"))) == "2026-11-21 20:00:03"
    assert clock_time("0001-01-01T00:00:00+14:00", NOW) == clock_time(None, NOW) == "--:--:--"


def test_an_alarm_is_told_with_its_place_and_who_cleared_it() -> None:
    watcher = Watcher()

    def told(type_: str, **data: object) -> str:
        line = watcher.line(f"{ROOT}/event/{type_.replace('.', '/')}", event(1, type_, "e1", **data), NOW) or ""
        return line.partition(f"{type_}: ")[2].removesuffix("  (again)")

    details = {"slot": "A1", "grams": 750.0}
    assert told("alarm.raised", alarm="e1-a7", kind="unexplained_removal", zone="fridge-1", details=details) == (
        "ALARM unexplained_removal at fridge-1: slot A1, grams 750 [e1-a7]"
    )
    assert told("alarm.cleared", alarm="e1-a7", kind="tamper", zone="fridge-1", details={}, by="anna") == (
        "alarm tamper at fridge-1 is over, cleared by anna [e1-a7]"
    )
    assert told("alarm.cleared", alarm="e1-a8", kind="clock_untrusted", zone=None, details={}, by=None) == (
        "alarm clock_untrusted at chengdu-01 is over [e1-a8]"
    )
    alarms = b'{"alarms":[{"alarm":"e1-a7","kind":"door_held"},{"alarm":"e1-a9","kind":"fire"}]}'
    assert watcher.line(f"{ROOT}/zone/fridge-1", alarms, NOW) == f"12:00:03  {ROOT}  zone/fridge-1: alarms door_held, fire"


def sentence_of(type_: str, **data: object) -> str:
    return sentence({"type": type_, "subject": "chengdu-01", "data": data})


def test_a_cart_is_told_as_people_write_it_and_how_sure_a_line_is_in_words() -> None:
    cart = {"session": "s1", "subject": "anna", "reason": "door_closed", "review_reasons": []}
    line = {"quantity": 1}
    one = sentence_of("session.ended", **cart, cart=[line], total_minor=1450, currency="EUR")
    assert one == "session s1 of anna ends, door_closed: 1 item, 14.50 EUR; review: -"
    assert "2 items, 1450 JPY;" in sentence_of("session.ended", **cart, cart=[line, line], total_minor=1450, currency="JPY")
    assert "0 items, -0.05 EUR;" in sentence_of("session.ended", **cart, cart=[], total_minor=-5, currency="EUR")
    assert "1 item, 1.450 KWD;" in sentence_of("session.ended", **cart, cart=[line], total_minor=1450, currency="KWD")
    assert sentence_of("session.item_taken", confidence=1.0).endswith(", over 99.99% sure")


@pytest.mark.parametrize("number", [10**4000, -(10**4000), True, "1", None, float("nan"), float("inf")])
def test_numbers_that_are_none_of_a_store_are_repeated_and_no_more(number: object) -> None:
    ended = sentence_of("session.ended", cart=[{"quantity": number}], total_minor=number, currency="EUR")
    assert f"0 items, {words(number)} EUR;" in ended
    assert sentence_of("session.item_taken", confidence=number).endswith(f", confidence {words(number)}")


def test_what_a_store_that_is_away_has_left_at_the_broker_is_not_told_as_new() -> None:
    watcher = Watcher()

    def told(topic: str, payload: bytes) -> str:
        return (watcher.line(f"{ROOT}/{topic}", payload, NOW) or "").partition(f"{ROOT}  ")[2]

    assert told("status", b'{"state":"offline"}') == "status: state offline"
    assert told("device/shelf-a", b'{"state":"online"}') == "device/shelf-a: state online (as last told)"
    assert told("device/shelf-a", b'{"state":"online"}') == ""
    assert told("status", b'{"state":"online"}') == "status: state online"
    assert told("device/shelf-a", b'{"state":"lost"}') == "device/shelf-a: state lost"


def test_a_device_that_has_not_spoken_yet_is_starting() -> None:
    watcher, topic = Watcher(), f"{ROOT}/device/shelf-a"
    assert watcher.line(topic, b'{"state":"lost","reason":"starting"}', NOW) == f"12:00:03  {ROOT}  device/shelf-a: starting"
    assert watcher.line(topic, b'{"state":"lost","reason":"starting"}', NOW) is None
    silent = watcher.line(topic, b'{"state":"lost","reason":"silent"}', NOW)
    assert silent == f"12:00:03  {ROOT}  device/shelf-a: reason silent"


def test_the_numbers_of_two_stores_are_not_mixed_up() -> None:
    watcher = Watcher()
    for root, seq in (("smartstore/a", 5), ("smartstore/b", 900), ("smartstore/a", 6)):
        line = watcher.line(f"{root}/event/stock/out", event(seq, "stock.out", slot="A1", gtin="1"), NOW)
        assert line is not None
        assert line.endswith("is empty: 1")


def test_a_topic_that_is_cleared_is_told_once() -> None:
    watcher = Watcher()
    assert watcher.line(f"{ROOT}/slot/A1", b'{"count":3}', NOW) == f"12:00:03  {ROOT}  slot/A1: count 3"
    assert watcher.line(f"{ROOT}/slot/A1", b"", NOW) == f"12:00:03  {ROOT}  slot/A1 is gone"
    assert watcher.line(f"{ROOT}/slot/A1", b"", NOW) is None


@pytest.mark.parametrize("payload", [b"{", b"\xff", b"[]", b"3", b"[" * 100_000])
def test_what_is_no_message_of_a_store_is_not_understood(payload: bytes) -> None:
    assert Watcher().line(f"{ROOT}/status", payload, NOW) == f"12:00:03  {ROOT}/status: not understood"


def test_a_signed_command_that_passes_by_is_named_and_not_believed() -> None:
    signed = sign({"id": "c1", "name": "lock", "sub": "operator"}, SigningKey.generate()).encode()
    line = Watcher().line(f"{ROOT}/command/lock", signed, NOW)
    assert line == f"12:00:03  {ROOT}  command lock is sent, by its own word from operator"
    for rubbish in (b"{}", b"\xff", b"a.b.c"):
        assert Watcher().line(f"{ROOT}/command/lock", rubbish, NOW) == f"12:00:03  {ROOT}  command lock is sent"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
topics = st.sampled_from([f"{ROOT}/event/session/ended", f"{ROOT}/zone/a", f"{ROOT}/status", f"{ROOT}/reply/x", "x", "a/\x1b[2J/status"])
envelopes = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(("seq", "epoch", "time", "data", "door", "state", "id"), json_values) | {"type": st.sampled_from([*EVENTS])},
)


@given(st.lists(st.tuples(topics, envelopes | json_values), max_size=4))
def test_nothing_that_comes_can_break_it_or_steer_the_terminal(messages: list[tuple[str, object]]) -> None:
    watcher = Watcher()
    for topic, message in messages:
        line = watcher.line(topic, json.dumps(message).encode(), NOW)
        assert line is None or line.isprintable()


def test_values_in_words() -> None:
    assert words([{"alarm": "a1", "kind": "too_warm"}, "x\x1b[31m"]) == "alarm a1, kind too_warm, x\ufffd[31m"
    values: list[object] = [None, [], {}, True, 2, 2401.23, ""]
    assert [words(each) for each in values] == ["-", "-", "-", "yes", "2", "2401", ""]
