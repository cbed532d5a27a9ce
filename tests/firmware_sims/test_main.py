"""``python -m firmware_sims`` as the daemon and its tests use it: a process with real ports."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import serial
from pymodbus.client import AsyncModbusSerialClient

from firmware_sims.control import CannotDo, Hand, hand
from firmware_sims.shopper import Visit, play
from tests.firmware_sims.store import ROSSO, write_store

LIMIT_S = 20.0


class Sims:
    """The running process and what it said when it was ready."""

    def __init__(self, process: asyncio.subprocess.Process, ready: dict[str, Any]) -> None:
        self.process = process
        self.ports: dict[str, str] = ready["ports"]
        self.control = Path(ready["control"])
        self.pins = Path(ready["pins"])

    def exists(self, device: str) -> bool:
        return Path(self.path(device)).exists()

    def path(self, device: str) -> str:
        return self.ports[device].removeprefix("serial:").partition("?")[0]


@asynccontextmanager
async def simulated(config: Path, *arguments: str) -> AsyncIterator[Sims]:
    pipe = asyncio.subprocess.PIPE
    command = (sys.executable, "-m", "firmware_sims", str(config), "--dir", str(config.parent / "run"), *arguments)
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, cwd=Path(__file__).parents[2])
    assert process.stdout is not None
    try:
        async with asyncio.timeout(LIMIT_S):
            yield Sims(process, json.loads(await process.stdout.readline()))
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(LIMIT_S):
            await process.communicate()


@pytest.fixture
async def sims(tmp_path: Path) -> AsyncIterator[Sims]:
    async with simulated(write_store(tmp_path), "--no-glitches", "--no-noise", "--seed", "3") as running:
        yield running


@pytest.fixture
async def shopper(sims: Sims) -> AsyncIterator[Hand]:
    async with hand(sims.control) as one:
        yield one


async def test_every_device_has_the_port_that_the_daemon_needs(sims: Sims, tmp_path: Path) -> None:
    directory = tmp_path / "run"
    bus = f"serial:{directory}/cells?baud=19200&parity=E"
    stream = sims.ports.pop("stream")
    assert stream.startswith("tcp:127.0.0.1:")
    assert sims.ports == {
        "board": f"serial:{directory}/board",
        "sics": f"serial:{directory}/sics?baud=9600",
        "cells": bus,
        "fridge-lock": bus,
        "fire": bus,
        "bar-air": bus,
        "fridge-rfid": f"serial:{directory}/fridge-rfid",
        "fridge-air": f"sysfs:{directory}/w1",
        "fridge-qr": f"serial:{directory}/fridge-qr",
    }


async def test_a_stranger_modbus_master_reads_and_drives_the_shared_line(sims: Sims, shopper: Hand) -> None:
    client = AsyncModbusSerialClient(sims.path("cells"), baudrate=19200, timeout=2, retries=1)
    assert await client.connect()
    try:
        with pytest.raises(CannotDo, match="locked"):
            await shopper.open("fridge")
        assert not (await client.write_coil(3, True, device_id=2)).isError()
        assert (await client.read_coils(0, count=8, device_id=2)).bits == [False, False, False, True, False, False, False, False]
        await shopper.open("fridge", within_s=5)
        inputs = await client.read_discrete_inputs(0, count=10, device_id=2)
        assert inputs.bits[0] is False
        grams = await client.read_holding_registers(0, count=4, device_id=3)
        assert client.convert_from_registers(grams.registers[:2], client.DATATYPE.INT32) == pytest.approx(0, abs=1)
        air = await client.read_input_registers(1, count=1, device_id=4)
        assert air.registers == [210]
        assert (await client.read_coils(100, count=1, device_id=2)).exception_code == 2
        assert (await client.read_holding_registers(0, count=1, device_id=2)).exception_code == 1
        assert not (await client.write_coils(0, [True, False, True], device_id=2)).isError()
        assert (await client.read_coils(0, count=4, device_id=2)).bits[:4] == [True, False, True, True]
    finally:
        client.close()


async def test_a_bottle_taken_by_hand_is_felt_on_the_wire(sims: Sims, shopper: Hand) -> None:
    with serial.Serial(sims.path("sics"), 9600, timeout=0, exclusive=True) as port:

        async def ask(command: bytes) -> float:
            port.reset_input_buffer()
            port.write(command + b"\r\n")
            heard = b""
            while not heard.endswith(b" g\r\n"):
                heard += port.read(64)
                await asyncio.sleep(0.01)
            return float(heard.splitlines()[-1][4:14])

        before = await ask(b"S")
        await shopper.do("force", zone="bar")
        (bottle,) = (await shopper.do("take", slot="B1"))["items"]
        after = before
        while after > before - 500:
            after = await ask(b"S")
        assert before - after == pytest.approx(bottle["grams"], abs=4)


async def test_an_unplugged_probe_is_gone_and_comes_back_by_itself(sims: Sims, shopper: Hand) -> None:
    probe = Path(sims.ports["fridge-air"].removeprefix("sysfs:")) / "28-0000075c1b2a" / "w1_slave"
    assert b"YES" in probe.read_bytes()
    await shopper.do("unplug", device="fridge-air", for_s=0.3)
    assert not probe.exists()
    assert not (await shopper.state())["devices"]["fridge-air"]["plugged"]
    while not probe.exists():  # noqa: ASYNC110  # a folder tells nobody
        await asyncio.sleep(0.01)


async def test_a_pulled_cable_takes_all_devices_of_its_line(sims: Sims, shopper: Hand) -> None:
    await shopper.do("unplug", device="fire")
    devices = (await shopper.state())["devices"]
    assert [name for name, device in devices.items() if not device["plugged"]] == ["cells", "fridge-lock", "fire", "bar-air"]
    assert not sims.exists("cells")
    await shopper.do("plug", device="cells")
    assert sims.exists("cells")


async def test_what_is_no_order_is_answered_and_ends_nothing(sims: Sims) -> None:
    reader, writer = await asyncio.open_unix_connection(str(sims.control))
    writer.write(b'nonsense\n[1]\n\n{"do": "state"}\n')
    answers = [json.loads(await reader.readline()) for _ in range(3)]
    assert [answer["ok"] for answer in answers] == [False, False, True]
    writer.close()
    await writer.wait_closed()


async def play_shopper(sims: Sims, *arguments: str) -> tuple[int | None, list[dict[str, Any]]]:
    command = (sys.executable, "-m", "firmware_sims.shopper", "--control", str(sims.control), "--code", "CODE", *arguments)
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[2])
    said, _ = await process.communicate()
    return process.returncode, [json.loads(line) for line in said.splitlines()]


async def test_a_shopper_shops_and_says_the_truth_about_the_basket(sims: Sims, shopper: Hand) -> None:
    client = AsyncModbusSerialClient(sims.path("cells"), baudrate=19200, timeout=2, retries=1)
    assert await client.connect()
    await client.write_coil(3, True, device_id=2)
    client.close()
    before = (await shopper.state())["slots"]
    with serial.Serial(sims.path("fridge-qr"), 9600, timeout=0) as port:
        async with asyncio.TaskGroup() as group:
            visit = group.create_task(play_shopper(sims, "--takes", "2", "--returns", "1", "--pace", "0.05"))
            heard = b""
            while b"CODE\r" not in heard:
                heard += port.read(4096)
                await asyncio.sleep(0.01)
        status, lines = visit.result()
    assert status == 0
    assert [line["says"].split()[0] for line in (lines[0], lines[1], lines[-2], lines[-1])] == ["shows", "opens", "closes", "leaves"]
    after = (await shopper.state())["slots"]
    gone = sum(before[slot]["count"] - after[slot]["count"] for slot in ("A1", "A2"))
    assert gone == sum(lines[-1]["cart"].values()) == 1
    status, lines = await play_shopper(sims, "--restock", "--pace", "0.05")
    assert (status, lines[-1]["says"]) == (0, "leaves")
    assert [(await shopper.state())["slots"][slot]["count"] for slot in ("A1", "A2")] == [6, 4]
    assert ROSSO in (await shopper.do("layout"))["products"]


async def test_a_shopper_does_what_is_asked_in_order(sims: Sims, shopper: Hand) -> None:
    await shopper.do("force", zone="fridge")
    status, lines = await play_shopper(sims, "--pace", "0.05", "take=A1:2", "lean=A2", "put=A1", "put=A2")
    assert status == 0
    assert [line["says"] for line in lines[2:-2]] == [
        "takes two Rosso from A1",
        "leans on A2",
        "puts the Rosso back on A1",
        "puts the Rosso on A2",
    ]
    assert lines[-1]["cart"] == {}
    slots = (await shopper.state())["slots"]
    assert (slots["A1"]["count"], slots["A2"]["count"]) == (5, 5)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((), "the door of fridge stayed locked for 5 s after the code was shown"),
        (("take=A1:7",), "take=A1:7: there are only 6 on A1"),
        (("take=Z9",), "take=Z9: there is no slot Z9 in fridge; there are A1, A2"),
        (("steal=A1",), "steal=A1: write take=SLOT, put=SLOT or lean=SLOT, and :COUNT behind it for more than one"),
        (("--zone", "bar"), "bar is no cabinet with a reader; there are fridge"),
        (("--reader", "nobody"), "nobody is no reader of fridge; there are fridge-qr"),
    ],
)
async def test_a_shopper_who_cannot_shop_says_why(sims: Sims, arguments: tuple[str, ...], reason: str) -> None:
    status, lines = await play_shopper(sims, *arguments)
    assert (status, lines[-1]) == (1, {"error": reason})


async def test_a_shopper_who_cannot_go_on_shuts_the_door(sims: Sims, shopper: Hand) -> None:
    await shopper.do("force", zone="fridge")
    async with asyncio.TaskGroup() as group:
        visit = group.create_task(play_shopper(sims, "--pace", "1", "take=A1", "take=A2"))
        while not (await shopper.state())["hands"].get("shopper"):  # noqa: ASYNC110  # the store tells nobody
            await asyncio.sleep(0.01)
        await shopper.do("take", slot="A2", count=4, who="a thief")
    status, lines = visit.result()
    assert status == 1
    assert lines[-1]["error"].startswith("only 0 ")
    state = await shopper.state()
    assert (state["zones"]["fridge"]["door"], state["hands"].get("shopper", [])) == ("closed", [])


@pytest.mark.parametrize("arguments", [("--pace", "0"), ("--pace", "nan"), ("--pace", "slow"), ("--takes", "-1")])
async def test_a_shopper_takes_no_nonsense_for_an_option(sims: Sims, arguments: tuple[str, ...]) -> None:
    assert (await play_shopper(sims, *arguments))[0] == 2


async def test_the_hand_is_where_it_was_wanted_however_long_the_name(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 30)
    folder.mkdir()
    wanted = folder / "my hand"
    wanted.write_text("left there by an earlier life")
    async with simulated(write_store(tmp_path), "--control", str(wanted)) as running:
        assert running.control == wanted
        async with hand(wanted) as shopper:
            assert (await shopper.state())["zones"]["fridge"]["door"] == "closed"
    assert not wanted.exists()


async def test_a_hand_that_cannot_be_is_refused_with_its_name(tmp_path: Path) -> None:
    wanted = tmp_path / "nowhere" / "hand"
    command = (sys.executable, "-m", "firmware_sims", str(write_store(tmp_path)), "--control", str(wanted))
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    _, said = await process.communicate()
    assert (process.returncode, said.decode()) == (2, f"{wanted}: No such file or directory\n")


async def test_a_socket_on_which_somebody_answers_is_not_taken_away(tmp_path: Path) -> None:
    wanted = tmp_path / "hand"
    config = write_store(tmp_path)
    async with simulated(config, "--control", str(wanted)):
        command = (sys.executable, "-m", "firmware_sims", str(config), "--dir", str(tmp_path / "second"), "--control", str(wanted))
        process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
        _, said = await process.communicate()
        assert (process.returncode, said.decode()) == (2, f"{wanted}: Address already in use\n")
        async with hand(wanted) as shopper:
            assert (await shopper.state())["zones"]["fridge"]["door"] == "closed"


async def test_a_shopper_says_that_the_door_opens_before_it_has_swung_open(shopper: Hand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("firmware_sims.shopper.DOOR_SWINGS_S", 10 * LIMIT_S)
    await shopper.do("force", zone="fridge")
    async with asyncio.timeout(LIMIT_S), aclosing(play(shopper, Visit("fridge", (), {}), reader="fridge-qr", code="CODE")) as steps:
        assert [(await anext(steps))["says"] for _ in range(2)] == ["shows a code at the door", "opens the door"]


async def test_ends_cleanly_when_its_parent_is_gone(tmp_path: Path) -> None:
    async with simulated(write_store(tmp_path), "--with-parent") as running:
        assert running.process.stdin is not None
        assert (tmp_path / "run" / "board").is_symlink()
        running.process.stdin.close()
        assert await running.process.wait() == 0
    assert list((tmp_path / "run").iterdir()) == []


async def test_ends_cleanly_on_sigterm(tmp_path: Path) -> None:
    async with simulated(write_store(tmp_path)) as running:
        running.process.send_signal(signal.SIGTERM)
        assert await running.process.wait() == 0
    assert list((tmp_path / "run").iterdir()) == []


async def test_a_configuration_that_cannot_be_served_is_refused_with_its_name(tmp_path: Path) -> None:
    config = write_store(tmp_path)
    config.write_text(config.read_text(encoding="utf-8").replace('"gm65"', '"abacus"'), encoding="utf-8")
    command = (sys.executable, "-m", "firmware_sims", str(config))
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    _, said = await process.communicate()
    assert process.returncode == 2
    assert said.decode() == f"{config}: reader fridge-qr: no simulated firmware for abacus\n"
