"""What a channel may say that is not to be believed, from the wire to what the store tells: the device's level, and one event each way."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from device.drivers import dialogue
from device.sensing import temperature
from firmware_sims.ds18b20 import Ds18b20
from firmware_sims.faults import Drop, Faulty, Freeze
from firmware_sims.modbus import RtuSlave
from firmware_sims.modbus_registers import LoadCellTransmitter, Thermometer
from firmware_sims.mt_sics import MtSicsScale
from firmware_sims.r200 import R200
from firmware_sims.serve import Rig
from firmware_sims.shelf_board import ShelfBoard
from tests.cli.bench_of_scales import Trembling
from tests.scenarios.inside import GTIN, inside

PLATE = '[[slot]]\nid = "slot"\nscale = "it"\nproducts = ["{gtin}"]\n'
SCALE = '[[scale]]\nid = "it"\nzone = "fridge"\nport = "serial:{folder}/it"\ncapacity_g = 15000\n'
BOARD = SCALE + 'driver = "shelf-board"\ncounts_per_gram = 420\nzero_counts = 8388\n' + PLATE
BALANCE = SCALE + 'driver = "mt-sics"\n' + PLATE
TRANSMITTER = SCALE + 'driver = "modbus-loadcell"\ncounts_per_gram = 1\ndivisor = 10\n' + PLATE
PROBE = (
    '[[thermometer]]\nid = "{id}"\nzone = "fridge"\ndriver = "ds18b20"\nserial = "28-{number:012x}"\nport = "sysfs:{folder}"\nevery_s = 1\n'
)


class Cell(Trembling):
    """A load that can be made to misbehave."""

    def __init__(self) -> None:
        super().__init__(1250.0)
        self.wild = False
        self._chance = random.Random(11)

    def sample(self, dt: float) -> float:
        grams = super().sample(dt)
        return grams + self._chance.uniform(100.0, 9000.0) if self.wild and self._chance.random() < 0.3 else grams


class Plates:
    """One scale of each kind, with its load and its wire."""

    def __init__(self, make: Callable[[Cell], Any]) -> None:
        self.load = Cell()
        self.device = make(self.load)
        self.wire = Faulty(self.device)


def a_board(load: Cell) -> ShelfBoard:
    return ShelfBoard([load])


def a_transmitter(load: Cell) -> RtuSlave:
    return RtuSlave(LoadCellTransmitter([load], counts_per_gram=[10.0], zero_counts=[0.0]))


@dataclass(frozen=True)
class Story:
    """How a channel loses its trust, and by what it has it again."""

    name: str
    table: str
    make: Callable[[Cell], Any]
    trouble: Callable[[Plates], object]
    reason: str
    cure: Callable[[Plates], object]


def stuck(code: int | None) -> Callable[[Plates], object]:
    return lambda plates: plates.device.stuck_channels.update({0: code}) if code is not None else plates.device.stuck_channels.clear()


def weighs(grams: float) -> Callable[[Plates], object]:
    return lambda plates: setattr(plates.load, "grams", grams)


def freezes(plates: Plates) -> None:
    plates.wire.add("frozen", Freeze(), for_s=3.5)


def nothing(_plates: Plates) -> None: ...


STORIES = [
    Story("glitches", BOARD, a_board, lambda p: setattr(p.load, "wild", True), "glitching", lambda p: setattr(p.load, "wild", False)),
    Story("flatline", BOARD, a_board, stuck(533_388), "flatline", stuck(None)),
    Story("the upper end, 7FFFFF", BOARD, a_board, stuck(0x7FFFFF), "saturated", stuck(None)),
    Story("the lower end, 800000", BOARD, a_board, stuck(-0x800000), "saturated", stuck(None)),
    Story("a converter that does not answer", BOARD, a_board, lambda p: p.device.silent_channels.add(0), "no_answer",
          lambda p: p.device.silent_channels.clear()),
    Story("no sample for a while", BOARD, a_board, freezes, "stale", nothing),
    Story("over its capacity", BOARD, a_board, weighs(16_500.0), "out_of_range", weighs(1250.0)),
    Story("under zero", BOARD, a_board, weighs(-1500.0), "out_of_range", weighs(1250.0)),
    Story("started anew", BOARD, a_board, lambda p: p.device.power_cycle(), "rebooted", nothing),
    Story("overload of a balance", BALANCE, MtSicsScale, weighs(40_000.0), "overload", weighs(1250.0)),
    Story("underload of a balance", BALANCE, MtSicsScale, weighs(-9_000.0), "underload", weighs(1250.0)),
    Story("a register at its end", TRANSMITTER, a_transmitter, weighs(1e9), "saturated", weighs(1250.0)),
]  # fmt: skip


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(temperature, "FAILED_AFTER_S", 6.0)


@pytest.mark.parametrize("story", STORIES, ids=[story.name for story in STORIES])
async def test_a_plate_that_is_not_to_be_believed_is_degraded_with_its_reason_and_well_again(story: Story, tmp_path: Path) -> None:
    plates = Plates(story.make)
    async with Rig() as rig:
        rig.pty(plates.wire, tmp_path / "it")
        async with inside(tmp_path, story.table.format(folder=tmp_path, gtin=GTIN)) as store:
            await store.well("it")
            ready = store.latest
            story.trouble(plates)
            degraded = await store.event("device.degraded", "it", ready)
            assert (degraded["data"]["reason"], degraded["data"]["channel"]) == (story.reason, 1)
            assert store.levels_of["it"]["reason"] in (f"channel 1: {story.reason}", None)
            if story.cure is not nothing:
                await store.level("it", state="degraded", reason=f"channel 1: {story.reason}")
            story.cure(plates)
            recovered = await store.event("device.recovered", "it", ready)
            assert recovered["data"]["channel"] == 1
            await store.well("it")
            assert [event["type"] for event in store.told("it", after=ready)] == ["device.degraded", "device.recovered"]
            assert store.core.sensing.plate("it", 1).grams == pytest.approx(1250.0, abs=3.0)


async def test_lost_samples_are_counted_in_the_devices_level(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("device.engine.board.DEVICE_EVERY_S", 0.5)
    plates = Plates(a_board)
    async with Rig() as rig:
        rig.pty(plates.wire, tmp_path / "it")
        async with inside(tmp_path, BOARD.format(folder=tmp_path, gtin=GTIN)) as store:
            await store.well("it")
            plates.wire.add("drop", Drop(0.02, seed=3))
            await store.until(lambda: store.levels_of["it"]["dropped"] >= 3 and store.levels_of["it"]["noise"] >= 3, "lost samples")


TROUBLES = {"power_up": "power_up", "wrong_value": "out_of_range"}
GONE = {"zeros": "all bytes zero", "crc": "crc "}


async def test_a_probe_that_lies_is_degraded_one_that_does_not_answer_is_lost_and_neither_is_a_temperature(tmp_path: Path) -> None:
    probes = {name: Ds18b20(lambda: 6.5) for name in (*TROUBLES, *GONE)}
    tables = "".join(PROBE.format(id=name, number=number, folder=tmp_path) for number, name in enumerate(probes, 1))
    async with Rig() as rig:
        for number, probe in enumerate(probes.values(), 1):
            rig.folder(probe, tmp_path, f"28-{number:012x}")
        async with inside(tmp_path, tables) as store:
            for name in probes:
                await store.well(name)
                await store.until(lambda name=name: store.core.store.cold.celsius.get(name) == 6.5, f"a temperature of {name}")  # type: ignore[misc]
            ready = store.latest
            for name, probe in probes.items():
                probe.trouble = name  # type: ignore[assignment]
            for name, reason in TROUBLES.items():
                assert (await store.event("device.degraded", name, ready))["data"]["reason"] == reason
                await store.level(name, state="degraded", reason=reason)
            for name, reason in GONE.items():
                assert reason in (await store.event("device.lost", name, ready))["data"]["reason"]
                await store.level(name, state="lost")
            assert set(store.core.store.cold.celsius.values()) <= {6.5}
            for name in TROUBLES:
                assert name not in store.core.store.cold.celsius, "not believed, and not shown any more"
            for probe in probes.values():
                probe.trouble = None
            for name in probes:
                await store.event("device.recovered", name, ready)
                await store.well(name)
            for name in probes:
                first = "device.degraded" if name in TROUBLES else "device.lost"
                assert [event["type"] for event in store.told(name, after=ready)] == [first, "device.recovered"]


async def test_a_probe_that_comes_back_from_a_loss_of_power_without_a_temperature_is_degraded(tmp_path: Path) -> None:
    probe = Ds18b20(lambda: 6.5)
    async with Rig() as rig:
        link = rig.folder(probe, tmp_path, "28-000000000001")
        async with inside(tmp_path, PROBE.format(id="it", number=1, folder=tmp_path)) as store:
            await store.well("it")
            ready = store.latest
            link.unplug()
            await store.event("device.lost", "it", ready)
            await store.until(lambda: "it" not in store.core.store.cold.celsius, "the end of its temperature")
            probe.trouble = "power_up"
            link.plug()
            await store.level("it", state="degraded", reason="power_up")
            probe.trouble = None
            await store.well("it")
            kinds = [event["type"] for event in store.told("it", after=ready)]
            assert kinds == ["device.lost", "device.recovered", "device.degraded", "device.recovered"]


async def test_a_modbus_thermometer_whose_sensor_came_off_is_degraded_and_not_forty_degrees_too_cold(tmp_path: Path) -> None:
    celsius = [6.5]
    table = f'[[thermometer]]\nid = "it"\nzone = "fridge"\ndriver = "modbus"\nport = "serial:{tmp_path}/it"\nevery_s = 1\n'
    async with Rig() as rig:
        rig.pty(RtuSlave(Thermometer(lambda: celsius[0])), tmp_path / "it")
        async with inside(tmp_path, table) as store:
            await store.well("it")
            ready = store.latest
            celsius[0] = -3276.8
            degraded = await store.event("device.degraded", "it", ready)
            assert degraded["data"]["reason"] == "out_of_range"
            celsius[0] = 6.5
            await store.event("device.recovered", "it", ready)
            await store.level("it", state="online", reason=None)


async def test_a_reader_of_tags_that_refuses_to_read_is_degraded_until_it_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialogue, "SILENT_S", 5.0)
    refusing = bytes.fromhex("BB 01 FF 00 01 11 12 7E")

    class Moody(R200):
        refuses = False

        def tick(self, dt: float) -> bytes:
            said = super().tick(dt)
            return refusing if self.refuses and said else said

    module = Moody(list)
    table = f'[[rfid]]\nid = "it"\nzone = "fridge"\ndriver = "r200"\nport = "serial:{tmp_path}/it"\n'
    async with Rig() as rig:
        rig.pty(module, tmp_path / "it")
        async with inside(tmp_path, table) as store:
            await store.well("it")
            ready = store.latest
            module.refuses = True
            assert (await store.event("device.degraded", "it", ready))["data"]["reason"] == "not_executable"
            await store.level("it", state="degraded", reason="not_executable")
            module.refuses = False
            await store.event("device.recovered", "it", ready)
            await store.well("it")
