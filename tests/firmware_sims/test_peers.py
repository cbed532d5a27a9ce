"""Simulated devices and the other ends that others have written: libosdp's panel and llrpkit's client."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from firmware_sims import osdp
from firmware_sims.__main__ import plug_in
from firmware_sims.faults import Faulty
from firmware_sims.fit_out import Line, Options, fit_out
from firmware_sims.llrp import LlrpReader
from firmware_sims.osdp import OsdpDevice
from firmware_sims.plan import read_plan
from firmware_sims.serve import Rig
from firmware_sims.sim import NotInstalled
from tests.firmware_sims.store import CONFIG, PRODUCTS

osdp_sys = pytest.importorskip("osdp_sys")
llrpkit = pytest.importorskip("llrpkit")

KEY = bytes.fromhex("0F1E2D3C4B5A69788796A5B4C3D2E1F0")
EPC = bytes.fromhex("30751FEB705C5904E3D50D70")
OSDP_AND_LLRP = """
[[lock]]
id = "osdp-lock"
zone = "bar"
driver = "osdp"
port = "serial:/dev/osdp"
address = 3
key_file = "osdp.key"
relay = 1
contact = 2
[[reader]]
id = "osdp-reader"
zone = "bar"
driver = "osdp"
port = "serial:/dev/osdp"
address = 3
key_file = "osdp.key"
[[input]]
id = "osdp-fire"
zones = ["bar"]
kind = "fire"
driver = "osdp"
port = "serial:/dev/osdp"
address = 3
key_file = "osdp.key"
input = 4
normally = "closed"
[[rfid]]
id = "fixed"
zone = "fridge"
driver = "llrp"
port = "tcp:192.0.2.10:5084"
"""


class Panel:
    """libosdp's control panel at the other end of a simulated device's wire."""

    def __init__(self, device: Any, address: int, key: bytes = KEY) -> None:
        self._device = device
        self._wire = osdp._Wire()
        info = {"name": "PD", "address": address, "flags": osdp_sys.FLAG_ENFORCE_SECURE, "scbk": key, "channel": self._wire}
        info |= dict.fromkeys(("version", "model", "vendor_code", "serial_number", "firmware_version"), 0)
        self.panel = osdp_sys.ControlPanel([info])
        self.events: list[dict[str, Any]] = []
        self.panel.set_event_callback(self._event)

    def _event(self, number: int, event: dict[str, Any]) -> int:
        self.events.append(event)
        return 0

    async def drive(self, output: int, on: bool) -> None:
        """Order an output, as soon as the panel takes orders: it is online a little later than the device."""
        order = {"command": osdp.OUTPUT_COMMAND, "output_no": output, "control_code": 2 if on else 1, "timer_count": 0}
        await self.until(lambda: self.panel.sc_status() and self.panel.submit_command(0, order))

    async def until(self, condition: Callable[[], object]) -> None:
        """Let both ends talk until something holds. libosdp's clock is the machine's."""
        async with asyncio.timeout(30):
            while not condition():
                self.panel.refresh()
                self._wire.heard += self._device.receive(bytes(self._wire.said))
                self._wire.said.clear()
                self._wire.heard += self._device.tick(0.02)
                await asyncio.sleep(0.005)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    (tmp_path / "products.csv").write_text(PRODUCTS, encoding="utf-8")
    (tmp_path / "osdp.key").write_text(KEY.hex() + "\n", encoding="utf-8")
    config = tmp_path / "store.toml"
    config.write_text(CONFIG + OSDP_AND_LLRP, encoding="utf-8")
    return config


async def test_an_osdp_lock_reader_and_input_are_one_device_behind_a_secure_channel(store: Path) -> None:
    world, lines = fit_out(read_plan(store), Options())
    line = next(line for line in lines if line.port == "serial:/dev/osdp")
    assert line.devices == ["osdp-lock", "osdp-fire", "osdp-reader"]
    device = world.device("osdp-reader").firmware
    panel = Panel(line.sim, 3)
    await panel.until(lambda: device.secure)
    door = world.lock("osdp-lock")
    await panel.drive(1, True)
    await panel.until(lambda: door.energised)
    door.tick(1.0)
    device.show("212:7041")
    await panel.until(lambda: [event for event in panel.events if event["event"] == osdp.CARD_READ])
    (card,) = [event for event in panel.events if event["event"] == osdp.CARD_READ]
    assert (card["length"], card["data"]) == (26, bytes.fromhex("EA0DC080"))

    def closed(number: int) -> int | None:
        told = [event["report"] for event in panel.events if event["event"] == osdp.STATUS]
        return told[-1][number] if told else None

    await panel.until(lambda: closed(2) == closed(4) == 1)
    assert door.pull()
    await panel.until(lambda: closed(2) == 0)
    world.set_input("osdp-fire", True)
    await panel.until(lambda: closed(4) == 0)
    assert not door.powered
    await panel.drive(1, False)
    await panel.until(lambda: not door.energised)


async def test_a_panel_with_another_key_gets_no_secure_channel() -> None:
    device = OsdpDevice(0, KEY)
    panel = Panel(Faulty(device), 0, key=bytes(16))
    loop = asyncio.get_running_loop()
    began = loop.time()
    await panel.until(lambda: loop.time() - began > 1.0)
    assert not device.secure


async def test_an_llrp_reader_reports_the_tags_of_its_field_and_is_there_again_after_its_cable(store: Path, tmp_path: Path) -> None:
    world, lines = fit_out(read_plan(store), Options(stock={"A1": 0, "A2": 0}))
    world.zone("fridge").loose_tags.add(EPC.hex())
    (line,) = [line for line in lines if line.devices == ["fixed"]]
    async with Rig() as rig:
        ports = plug_in(rig, world, [line], tmp_path)
        number = int(ports["fixed"].rpartition(":")[2])
        link = world.device("fixed").link
        assert link is not None
        assert await first_tag(number) == EPC
        link.unplug()
        await until_refused(number)
        link.plug()
        assert await first_tag(number) == EPC
    await until_refused(number)


async def first_tag(number: int) -> bytes:
    async with asyncio.timeout(30):
        while True:
            try:
                async with llrpkit.Reader("127.0.0.1", number) as reader, aclosing(reader.inventory()) as tags:
                    async for tag in tags:
                        epc: bytes = tag.epc
                        return epc
            except (OSError, llrpkit.LLRPError):
                await asyncio.sleep(0.05)


async def until_refused(number: int) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", number)
            except ConnectionError:
                return
            writer.close()
            await asyncio.sleep(0.05)


def test_without_its_library_a_device_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "osdp_sys", None)
    with pytest.raises(NotInstalled, match="pip install 'smartstore"):
        OsdpDevice(0, KEY)


def test_a_line_of_an_llrp_reader_is_its_own(store: Path) -> None:
    _, lines = fit_out(read_plan(store), Options())
    (line,) = [line for line in lines if line.devices == ["fixed"]]
    assert isinstance(line, Line)
    assert isinstance(line.session, LlrpReader)
