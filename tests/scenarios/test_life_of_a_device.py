"""What may become of a device while the store runs: each loss is one event, each return one, and both say what a person needs to know."""

from __future__ import annotations

import fcntl
import grp
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from device.drivers import dialogue
from firmware_sims.baud import OtherBaud
from firmware_sims.faults import Faulty
from firmware_sims.mt_sics import MtSicsScale
from firmware_sims.r200 import R200
from firmware_sims.serve import Rig
from firmware_sims.shelf_board import ShelfBoard
from firmware_sims.sim import Sim
from tests.cli.bench_of_scales import Trembling
from tests.ports.terminal import Terminal
from tests.scenarios.inside import GTIN, inside

BOARD = """
[[scale]]
id = "{id}"
zone = "fridge"
driver = "shelf-board"
port = "serial:{folder}/{id}"
counts_per_gram = 420
zero_counts = 8388
[[slot]]
id = "slot-{id}"
scale = "{id}"
products = ["{gtin}"]
"""
BALANCE = BOARD.replace("shelf-board", "mt-sics").replace("counts_per_gram = 420\nzero_counts = 8388\n", "")
TAGS = '[[rfid]]\nid = "{id}"\nzone = "fridge"\ndriver = "r200"\nport = "serial:{folder}/{id}"\n'


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialogue, "SILENT_S", 2.5)


def written(table: str, folder: Path, name: str = "it") -> str:
    return table.format(id=name, folder=folder, gtin=GTIN)


def board() -> ShelfBoard:
    return ShelfBoard([Trembling(1250.0)])


def balance() -> MtSicsScale:
    return MtSicsScale(Trembling(1250.0))


@pytest.mark.parametrize(("table", "sim"), [(BOARD, board), (BALANCE, balance), (TAGS, lambda: R200(list))])
async def test_a_cable_pulled_and_back_under_the_same_name_is_one_event_each(table: str, sim: Callable[[], Sim], tmp_path: Path) -> None:
    async with Rig() as rig:
        link = rig.pty(sim(), tmp_path / "it")
        async with inside(tmp_path, written(table, tmp_path)) as store:
            await store.well("it")
            ready = store.latest
            link.unplug()
            lost = await store.event("device.lost", "it", ready)
            assert "hung up" in lost["data"]["reason"]
            tried = store.tried["it"]
            await store.until(lambda: store.tried["it"] >= tried + 3, "three attempts")
            link.plug()
            back = await store.event("device.recovered", "it", ready)
            assert back["data"]["out_for_s"] > 0
            await store.well("it")
            kinds = [event["type"] for event in store.told("it", after=ready)]
            assert kinds == ["device.lost", "device.recovered"]


async def test_the_other_devices_hear_nothing_of_it(tmp_path: Path) -> None:
    async with Rig() as rig:
        link = rig.pty(board(), tmp_path / "it")
        rig.pty(board(), tmp_path / "other")
        async with inside(tmp_path, written(BOARD, tmp_path) + written(BOARD, tmp_path, "other")) as store:
            await store.well("it")
            await store.well("other")
            ready, samples = store.latest, store.core.sensing.device("other").samples
            link.unplug()
            await store.event("device.lost", "it", ready)
            await store.until(lambda: store.tried["it"] >= 3, "attempts")
            assert store.told("other", after=ready) == []
            view = store.core.sensing.device("other")
            assert view.samples > samples
            assert view.dropped == 0


@pytest.mark.parametrize(("table", "sim"), [(BOARD, board), (BALANCE, balance)])
async def test_a_power_cycle_in_mid_frame_is_a_reboot_and_no_loss(table: str, sim: Callable[[], Sim], tmp_path: Path) -> None:
    faulty = Faulty(sim())
    async with Rig() as rig:
        rig.pty(faulty, tmp_path / "it")
        async with inside(tmp_path, written(table, tmp_path)) as store:
            await store.well("it")
            ready = store.latest
            faulty.reboot_in_mid_frame()
            degraded = await store.event("device.degraded", "it", ready)
            assert (degraded["data"]["reason"], degraded["data"]["channel"]) == ("rebooted", 1)
            await store.event("device.recovered", "it", ready)
            await store.well("it")
            assert [event["type"] for event in store.told("it", after=ready)] == ["device.degraded", "device.recovered"]
            assert store.core.sensing.device("it").resets == 1
            assert store.tried["it"] == 1


@pytest.mark.parametrize(
    ("table", "sim", "speeds", "hint"),
    [
        (BOARD, board, (57_600, 115_200), "the device is about 2 times slower than its port"),
        (BOARD, board, (9600, 115_200), "another baud rate, a much lower one"),
        (BALANCE, balance, (2400, 9600), "the device is about 4 times slower than its port"),
        (BALANCE, balance, (19_200, 9600), "another baud rate"),
    ],
)
async def test_a_wrong_baud_rate_is_hinted_at_in_the_event_and_forgotten_once_it_is_right(
    table: str, sim: Callable[[], Any], speeds: tuple[int, int], hint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("device.sensing.health.WELL_AFTER_S", 2.0)
    device = sim()
    if isinstance(device, MtSicsScale):
        device.receive(b"SIR\r\n")  # it streams already, as many are set to do at power-up
    faulty = Faulty(device)
    faulty.add("baud", OtherBaud(*speeds))
    async with Rig() as rig:
        rig.pty(faulty, tmp_path / "it")
        async with inside(tmp_path, written(table, tmp_path)) as store:
            lost = await store.event("device.lost", "it")
            assert hint in lost["data"]["reason"]
            degraded = await store.event("device.degraded", "it")
            assert hint in degraded["data"]["reason"]
            faulty.clear()
            await store.well("it")
            assert len(store.told("it", "device.lost")) == 1


async def test_a_device_that_says_nothing_at_a_wrong_speed_is_silent_without_a_byte(tmp_path: Path) -> None:
    faulty = Faulty(R200(list))
    faulty.add("baud", OtherBaud(9600, 115_200))
    async with Rig() as rig:
        rig.pty(faulty, tmp_path / "it")
        async with inside(tmp_path, written(TAGS, tmp_path)) as store:
            lost = await store.event("device.lost", "it")
            assert "not one byte has come since the port was opened" in lost["data"]["reason"]


async def test_a_port_that_another_program_has_is_told_and_taken_when_it_is_free(tmp_path: Path) -> None:
    async with Rig() as rig:
        rig.pty(board(), tmp_path / "it")
        other = os.open(tmp_path / "it", os.O_RDWR | os.O_NOCTTY)
        fcntl.flock(other, fcntl.LOCK_EX)
        try:
            async with inside(tmp_path, written(BOARD, tmp_path)) as store:
                lost = await store.event("device.lost", "it")
                assert "is open in another program" in lost["data"]["reason"]
                assert "is open in another program" in (await store.level("it", state="lost"))["reason"]
                fcntl.flock(other, fcntl.LOCK_UN)
                await store.event("device.recovered", "it")
                await store.well("it")
        finally:
            os.close(other)


def test_a_port_without_permission_says_so_to_a_program_that_really_has_none(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path / "tty")
    node = os.ttyname(terminal.slave)
    group = Path(node).stat().st_gid
    Path(node).chmod(0o060)
    open_it = f"""
import os
from device.domain.port import SerialAddress
from device.errors import DeviceGone
from device.ports.serial import SerialPort
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    SerialPort("it", SerialAddress({node!r}), 9600)
except DeviceGone as gone:
    print(gone.reason)
"""
    try:
        said = subprocess.run([sys.executable, "-c", open_it], capture_output=True, text=True, check=False)
    finally:
        terminal.unplug()
    assert said.returncode == 0, said.stderr
    assert said.stdout.strip() == f"permission denied: {node} is open to group {grp.getgrgid(group).gr_name}; add this program's user to it"
