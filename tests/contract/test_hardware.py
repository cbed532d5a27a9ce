"""``--hardware FILE``: the suite on devices that it cannot handle. Simulated firmware on a pseudo-terminal stands for the hardware."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from firmware_sims.ds18b20 import Ds18b20
from firmware_sims.gm65 import Gm65
from firmware_sims.modbus import RtuSlave
from firmware_sims.modbus_relay import RelayBoard
from firmware_sims.mt_sics import MtSicsScale
from firmware_sims.r200 import R200
from firmware_sims.serve import Rig
from firmware_sims.sim import Steady
from tests.cli.bench_of_scales import GTIN

STORE = """
[store]
id = "bench-01"
name = "Bench"
timezone = "UTC"
currency = "EUR"
[mqtt]
url = "mqtt://127.0.0.1:1"
[catalogue]
file = "products.csv"
[[zone]]
id = "fridge"
[[lock]]
id = "lock"
zone = "fridge"
driver = "modbus-relay"
port = "serial:relay"
relay = 0
contact = 0
[[input]]
id = "fire"
zones = ["fridge"]
kind = "fire"
driver = "modbus-relay"
port = "serial:relay"
input = 1
[[scale]]
id = "balance"
zone = "fridge"
driver = "mt-sics"
port = "serial:balance"
[[rfid]]
id = "tags"
zone = "fridge"
driver = "r200"
port = "serial:tags"
[[thermometer]]
id = "air"
zone = "fridge"
driver = "ds18b20"
serial = "28-000000000001"
port = "sysfs:."
every_s = 1
[[reader]]
id = "qr"
zone = "fridge"
driver = "gm65"
port = "serial:qr"
"""
SUITE = "from device.contract.suite import *\nCASES = []\n"


async def suite(folder: Path, *options: str) -> str:
    """What pytest says of the suite, run as another package runs it."""
    (folder / "test_it.py").write_text(SUITE)
    (folder / "products.csv").write_text(f"gtin,name,grams,grams_sd,price_minor\n{GTIN},Riesling,1250,6,1290\n", encoding="utf-8")
    (folder / "store.toml").write_text(STORE)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist", "--rootdir", str(folder), "--strict-markers"]
    running = await asyncio.create_subprocess_exec(
        *command, *options, "test_it.py", cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await running.communicate()
    return said.decode()


async def test_the_suite_runs_on_every_device_of_a_file_and_passes_by_what_needs_a_hand(tmp_path: Path) -> None:
    async with Rig() as rig:
        relay = RelayBoard()
        rig.pty(RtuSlave(relay), tmp_path / "relay")
        rig.pty(MtSicsScale(Steady(1250.0)), tmp_path / "balance")
        rig.pty(R200(list), tmp_path / "tags")
        rig.pty(Gm65(), tmp_path / "qr")
        rig.folder(Ds18b20(lambda: 6.5), tmp_path, "28-000000000001")
        said = await suite(tmp_path, "--hardware", "store.toml", "-m", "hardware", "-q")
    assert "12 passed, 24 skipped" in said, said


async def test_a_device_that_does_not_do_what_it_should_fails_with_the_reason_and_the_others_pass(tmp_path: Path) -> None:
    async with Rig() as rig:
        rig.pty(MtSicsScale(Steady(1250.0)), tmp_path / "balance")
        said = await suite(tmp_path, "--hardware", "store.toml", "-k", "after_the_device_is_up and (balance or tags)", "-q")
    assert "1 failed, 1 passed" in said, said
    assert "tags: no such port" in said


async def test_a_file_that_is_no_configuration_is_told_with_its_faults(tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text("[store]\nid = 'X'\n")
    said = await suite(tmp_path, "--hardware", "other.toml")
    assert "--hardware other.toml: " in said
    assert "zone" in said
