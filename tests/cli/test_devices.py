"""``smartstore devices``: what answers on a port, and lines that a configuration takes."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
import serial

from device.cli import devices
from device.cli.devices import command
from device.domain.layout import Layout
from device.drivers import asking
from device.ports import listing
from firmware_sims.baud import OtherBaud
from firmware_sims.faults import Faulty
from firmware_sims.gm65 import Gm65
from firmware_sims.modbus import RtuSlave
from firmware_sims.modbus_registers import LoadCellTransmitter, Thermometer
from firmware_sims.modbus_relay import RelayBoard
from firmware_sims.mt_sics import MtSicsScale
from firmware_sims.r200 import R200
from firmware_sims.rdm6300 import Rdm6300
from firmware_sims.serve import served
from firmware_sims.shelf_board import ShelfBoard
from firmware_sims.sim import Bus, Sim, Steady
from firmware_sims.stream import StreamScale
from firmware_sims.uhfreader18 import UhfReader18
from tests.cli.bench_of_scales import invoke

DEVICES: dict[str, Sim] = {
    "mt-sics": MtSicsScale(Steady(100.0)),
    "stream": StreamScale(Steady(1234.0)),
    "stream, asked": StreamScale(Steady(1234.0), "nci"),
    "r200": R200(list),
    "uhfreader18": UhfReader18(list),
    "shelf-board": ShelfBoard([Steady()] * 4),
    "gm65": Gm65(),
}


def unknown_tables(lines: str) -> dict[str, Any]:
    return tomllib.loads(lines.replace('"ZONE"', '"z"'))


async def ask(sim: Sim, folder: Path, *options: str) -> str:
    async with served(sim, folder / "port"):
        result = await invoke(command, "--probe", "--port", folder / "port", *options)
    assert result.exit_code == 0, (result.output, result.exception)
    return result.output


@pytest.mark.parametrize("device", DEVICES)
async def test_a_device_that_answers_is_named_and_its_lines_are_a_configuration(device: str, tmp_path: Path) -> None:
    told = json.loads(await ask(DEVICES[device], tmp_path, "--json"))
    (found,) = told["found"]
    assert found["driver"] == device.partition(",")[0]
    text = await ask(DEVICES[device], tmp_path)
    tables = unknown_tables("\n".join(line for line in text.splitlines() if line.startswith("    ")))
    layout = Layout.model_validate(
        {
            "store": {"id": "x", "name": "X", "timezone": "UTC", "currency": "EUR"},
            "mqtt": {"url": "mqtt://127.0.0.1"},
            "catalogue": {"file": "x.csv"},
            "zone": [{"id": "z"}],
        }
        | tables
    )
    (entry,) = layout.devices
    assert entry.driver == found["driver"]
    assert str(entry.port) == f"serial:{tmp_path}/port"  # type: ignore[union-attr]  # none of these is on a pin


async def test_the_units_of_a_modbus_line_are_told_one_by_one(tmp_path: Path) -> None:
    cells = LoadCellTransmitter([Steady()] * 4, 4, counts_per_gram=[1.0] * 4, zero_counts=[0.0] * 4)
    line = Bus([RtuSlave(RelayBoard(2)), RtuSlave(Thermometer(lambda: 7.5, 3)), RtuSlave(cells)])
    told = json.loads(await ask(line, tmp_path, "--json"))
    assert [(config["table"], config["driver"], config["unit"]) for config in told["config"]] == [
        ("lock", "modbus-relay", 2),
        ("thermometer", "modbus", 3),
        ("scale", "modbus-loadcell", 4),
    ]
    assert told["config"][2]["channels"] == 4
    assert "7.5 °C" in told["found"][1]["words"]


async def test_a_modbus_line_with_even_parity_is_found_and_its_lines_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pseudo-terminal has no parity: that the port was set to it is seen in what is told, and in the port's own settings elsewhere."""
    monkeypatch.setattr(asking, "MODBUS_LINES", ((19_200, "E"),))
    text = await ask(RtuSlave(Thermometer(lambda: 6.5, 3)), tmp_path)
    assert "modbus at 19200 baud with even parity, unit 3: reads 6.5" in text
    assert f'port = "serial:{tmp_path}/port?baud=19200&parity=E"' in text


async def test_what_talks_unasked_at_another_speed_is_told_by_what_its_bytes_look_like(tmp_path: Path) -> None:
    scale = Faulty(StreamScale(Steady(1234.0)))
    scale.add("baud", OtherBaud(2400, 9600))
    text = await ask(scale, tmp_path)
    assert "talks unasked: looks like another baud rate: the device is about 4 times slower than its port" in text
    assert "[[" not in text


async def test_the_chip_of_the_header_has_lines_to_paste(monkeypatch: pytest.MonkeyPatch) -> None:
    chips = [
        listing.ChipSeen("/dev/gpiochip0", "gpiochip0", "pinctrl-bcm2711", 58),
        listing.ChipSeen("/dev/gpiochip1", "gpiochip1", "expander", 8),
    ]
    monkeypatch.setattr(devices, "gpio_chips", lambda: chips)
    monkeypatch.setattr(devices, "serial_ports", list)
    text = (await invoke(command)).output
    table = tomllib.loads("\n".join(line for line in text.splitlines() if line.startswith("    ")))["input"][0]
    assert (table["driver"], table["pin"], table["zones"]) == ("gpio", 17, ["ZONE"])
    assert "/dev/gpiochip1: expander, 8 lines" in text


async def test_what_only_speaks_cannot_be_asked_and_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "UNITS", range(1, 3))
    said = await ask(Rdm6300(), tmp_path)
    assert "nothing known answers; readers of cards and codes that only speak" in said


async def test_a_port_of_another_program_is_left_alone_and_a_missing_one_told(tmp_path: Path) -> None:
    async with served(MtSicsScale(Steady()), tmp_path / "port"):
        with serial.Serial(str(tmp_path / "port"), 9600, timeout=0, exclusive=True):
            result = await invoke(command, "--probe", "--port", tmp_path / "port")
    assert "is open in another program" in result.output
    result = await invoke(command, "--probe", "--port", tmp_path / "nowhere")
    assert "no such port" in result.output


async def test_without_probe_nothing_is_opened(tmp_path: Path) -> None:
    scale = MtSicsScale(Steady())
    async with served(scale, tmp_path / "port"):
        with serial.Serial(str(tmp_path / "port"), 9600, timeout=0, exclusive=True):
            result = await invoke(command, "--port", tmp_path / "port")
    assert result.output == f'{tmp_path}/port\n    port = "serial:{tmp_path}/port"\n\n'


def make_links(dev: Path, folder: str, *names: str) -> None:
    (dev / "serial" / folder).mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names):
        (dev / f"ttyUSB{number}").touch()
        (dev / "serial" / folder / name).symlink_to(dev / f"ttyUSB{number}")


def test_a_port_is_named_by_its_adapter_and_a_clone_by_its_socket(tmp_path: Path) -> None:
    make_links(tmp_path, "by-id", "usb-maker-1", "usb-clone")
    make_links(tmp_path, "by-path", "pci-1", "pci-2")
    assert listing.name_of(str(tmp_path / "ttyUSB0"), False, tmp_path) == (f"{tmp_path}/serial/by-id/usb-maker-1", "")
    name, why = listing.name_of(str(tmp_path / "ttyUSB1"), True, tmp_path)
    assert name == f"{tmp_path}/serial/by-path/pci-2"
    assert "socket" in why
    assert listing.name_of("/dev/ttyUSB7", False, tmp_path)[1].startswith("it has no lasting name")
    assert listing.name_of("/dev/ttyAMA0", False, tmp_path) == ("/dev/ttyAMA0", "")


def test_probes_are_the_folders_of_the_bus_and_no_bus_has_none(tmp_path: Path) -> None:
    for name in ("28-000000000002", "28-000000000001", "w1_bus_master1"):
        (tmp_path / name).mkdir()
    assert listing.one_wire_probes(tmp_path) == ["28-000000000001", "28-000000000002"]
    assert listing.one_wire_probes(tmp_path / "nowhere") == []


def test_a_chip_that_is_none_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "gpiochip0").touch()
    (chip,) = listing.gpio_chips(tmp_path)
    assert chip.problem.startswith("is no GPIO chip")
