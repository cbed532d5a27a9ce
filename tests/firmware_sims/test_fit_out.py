"""Every driver that a configuration may name has simulated firmware."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from device.domain import layout
from firmware_sims import uhfreader18
from firmware_sims.fit_out import NotSimulated, Options, fit_out
from firmware_sims.plan import Plan, Table, read_plan
from tests.firmware_sims.store import CONFIG, write_store

EXTRA = {"osdp", "llrp"}
"""Simulated by libraries that need not be installed: tests/firmware_sims/test_peers.py."""


def drivers(models: object) -> list[str]:
    kinds = get_args(models) or (models,)
    return [name for kind in kinds for name in get_args(kind.model_fields["driver"].annotation) if name not in EXTRA]


CASES = [("lock", name) for name in drivers(layout.Lock)]
CASES += [("scale", name) for name in drivers(layout.Scale)]
CASES += [("rfid", name) for name in drivers(layout.RfidReader)]
CASES += [("thermometer", name) for name in drivers(layout.Thermometer)]
CASES += [("reader", name) for name in drivers(layout.CodeReader)]
CASES += [("input", name) for name in drivers(layout.Input)]
TABLE: Table = {"id": "one", "zone": "bar", "zones": ["bar"], "kind": "tamper", "port": "serial:/dev/one"}
TABLE |= {"relay": 1, "contact": 2, "serial": "28-000000000001", "pin": 3, "input": 4}


def only(kind: str, driver: str, folder: Path) -> Plan:
    plan = read_plan(write_store(folder))
    return Plan({"zone": plan.tables["zone"], kind: [{**TABLE, "driver": driver}]}, plan.products, folder)


@pytest.mark.parametrize(("kind", "driver"), CASES)
def test_every_driver_of_the_layout_is_simulated(kind: str, driver: str, tmp_path: Path) -> None:
    world, lines = fit_out(only(kind, driver, tmp_path), Options())
    assert world.device("one").driver == driver
    assert driver == "gpio" or [line.devices for line in lines] == [["one"]]


def test_a_driver_of_somebody_else_is_not_and_says_so(tmp_path: Path) -> None:
    with pytest.raises(NotSimulated, match="one: no simulated firmware for abacus"):
        fit_out(only("scale", "abacus", tmp_path), Options())


def test_a_uhfreader18_hears_the_tags_of_its_zone(tmp_path: Path) -> None:
    config = write_store(tmp_path)
    config.write_text(CONFIG.replace('driver = "r200"', 'driver = "uhfreader18"'), encoding="utf-8")
    world, lines = fit_out(read_plan(config), Options(seed=5))
    (line,) = [line for line in lines if line.devices == ["fridge-rfid"]]
    heard: set[bytes] = set()
    for _ in range(20):
        line.sim.receive(uhfreader18.frame(0, b"\x01"))
        said = b"".join([line.sim.tick(0.05) for _ in range(20)])
        tags = said[5:-2]
        heard |= {tags[place + 1 : place + 13] for place in range(0, len(tags), 13)}
    assert heard == set(world.tags("fridge"))
