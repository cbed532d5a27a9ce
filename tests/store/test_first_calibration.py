"""A plate that nobody has calibrated becomes one that sells, by two commands: tare while it is empty, calibrate with a known weight."""

from __future__ import annotations

import math
from typing import Any

import pytest

from device.domain import facts
from device.domain.facts import Fact
from device.domain.layout import Layout
from device.domain.readings import DeviceUp, WeightReading
from device.engine.core import Core
from device.sensing import Sensing
from tests.store.shop import RIESLING, Shop, layout

ZERO, PER_GRAM = -81_234.0, 417.5


def board_layout(**scale: Any) -> Layout:
    plain = layout().model_dump(mode="json", by_alias=True, exclude_none=True)
    board = {"id": "a", "zone": "fridge", "driver": "shelf-board", "port": "serial:/dev/a", "channels": 2}
    plain["scale"][0] = board | scale
    for table in (*plain["lock"], *plain["scale"], *plain["reader"]):
        table["port"] = f"serial:/dev/{table['id']}" if table["id"] not in ("lock", "other-lock") else "serial:/dev/r"
    plain["thermometer"][0].pop("port")
    return Layout.model_validate(plain)


class Board:
    """A board of two plates in front of the store, sample by sample."""

    def __init__(self, per_gram: float = PER_GRAM, **scale: Any) -> None:
        self.per_gram = per_gram
        self.shop = Shop(board_layout(**scale), stocked=False)
        self.sensing = Sensing(self.shop.layout, {}, "boot")
        self.core = Core(self.sensing, self.shop.store)
        self.samples = 0
        self.feel([DeviceUp("a", self.shop.now, "")])

    def feel(self, readings: list[Any]) -> list[Fact]:
        found = self.core.sensing.facts(readings)
        for fact in found:
            self.decide(fact)
        return found

    def decide(self, what: Any) -> None:
        outcome = self.core.step(what, self.shop.moment)
        self.shop.records += outcome.records
        self.shop.effects += outcome.effects

    def weigh(self, grams: float, seconds: float = 4.0, ramp_g: float = 0.0) -> list[Fact]:
        found = []
        for number in range(round(seconds * 10)):
            self.shop._advance(self.shop.now + 0.1)
            self.samples += 1
            noise_g = 0.3 * math.sin(self.samples * 2.39996) + 0.15 * math.cos(self.samples * 7.1)
            raw = round(ZERO + (grams + ramp_g * number + noise_g) * self.per_gram)
            found += self.feel([WeightReading("a", self.shop.now, (raw, 1000 + self.samples % 7))])
        return found

    def command(self, name: str, **args: Any) -> dict[str, Any]:
        self.shop.step = self.decide  # type: ignore[method-assign]  # through the core, so that the senses hear of it
        return self.shop.command(name, **args)


def test_tare_and_calibrate_make_grams_of_the_counts_and_the_plate_is_believed() -> None:
    board = Board()
    board.weigh(0.0)
    assert board.shop.store.live.untrusted == {"A": "uncalibrated"}
    assert board.command("tare", slot="A") == {"status": "done", "reason": None, "result": {"grams_before": None, "grams": None}}
    board.weigh(2000.0)
    assert board.command("calibrate", slot="A", grams=2000)["result"] == {"grams_before": None, "grams": 2000.0}
    calibration = board.shop.state.calibrations["a/1"]
    assert calibration.per_gram == pytest.approx(PER_GRAM, rel=1e-4)
    assert calibration.zero == pytest.approx(ZERO, abs=60)
    board.weigh(2000.0)
    assert board.shop.store.live.untrusted == {}
    assert board.shop.store.slot_view("A", board.shop.moment)["grams"] == pytest.approx(2000, abs=0.5)
    assert "device.recovered" in board.shop.types()
    steps = [fact for fact in board.weigh(750.0) if isinstance(fact, facts.WeightStep)]
    assert [step.delta for step in steps] == [pytest.approx(-1250, abs=1)]
    board.shop.folds()


def test_the_zero_is_kept_over_a_restart_between_the_two() -> None:
    board = Board()
    board.weigh(0.0)
    board.command("tare", slot="A")
    assert board.shop.replayed().zeros["a/1"] == pytest.approx(ZERO, abs=60)
    board.weigh(1000.0)
    board.command("calibrate", slot="A", grams=1000)
    assert board.shop.replayed().zeros == {}


def test_a_cell_that_is_mounted_upside_down_is_calibrated_too() -> None:
    board = Board(per_gram=-PER_GRAM)
    board.weigh(0.0)
    board.command("tare", slot="A")
    board.weigh(1500.0)
    assert board.command("calibrate", slot="A", grams=1500)["status"] == "done"
    assert board.shop.state.calibrations["a/1"].per_gram == pytest.approx(-PER_GRAM, rel=1e-3)


def test_without_a_tare_or_without_a_weight_there_is_no_first_calibration() -> None:
    board = Board()
    board.weigh(0.0)
    assert board.command("calibrate", slot="A", grams=1000)["reason"] == "busy"
    board.command("tare", slot="A")
    board.weigh(0.0)
    assert board.command("calibrate", slot="A", grams=1000)["reason"] == "bad_arguments"
    assert board.shop.state.calibrations == {}


def test_a_plate_that_is_not_at_rest_or_silent_is_not_calibrated() -> None:
    board = Board()
    assert board.command("tare", slot="A")["reason"] == "busy"
    board.weigh(0.0, ramp_g=20.0)
    assert board.command("tare", slot="A")["reason"] == "busy"
    board.weigh(0.0)
    board.shop.wait(10.0)
    assert board.command("tare", slot="A")["reason"] == "busy"


def test_a_plate_is_not_calibrated_while_somebody_shops_from_it() -> None:
    board = Board()
    board.weigh(0.0)
    for lock in ("lock", "other-lock"):
        board.decide(facts.DoorMoved(lock, board.shop.now, True))
        board.decide(facts.RelayMoved(lock, board.shop.now, False))
    for scale in ("b", "c"):
        board.decide(facts.PlateQuiet(scale, 1, board.shop.now, 0.0, 0.3, True))
    board.decide(facts.CodeRead("qr", board.shop.now, board.shop.token(), False))
    assert board.shop.last("session.started").purpose == "shop"
    assert board.command("tare", slot="A")["reason"] == "busy"


def test_a_transmitter_that_shows_grams_is_calibrated_with_its_own_small_numbers() -> None:
    board = Board(per_gram=1.0, driver="modbus-loadcell")
    board.weigh(0.0)
    assert board.command("tare", slot="A")["status"] == "done"
    board.weigh(3000.0)
    assert board.command("calibrate", slot="A", grams=3000)["status"] == "done"
    assert board.shop.state.calibrations["a/1"].per_gram == pytest.approx(1.0, abs=0.002)


def test_a_new_planogram_does_not_pass_counts_for_grams() -> None:
    board = Board()
    board.weigh(0.0)
    slots = [{"id": name, "scale": name.lower(), "products": [RIESLING], "capacity": 5} for name in ("A", "B", "C")]
    assert board.command("set_planogram", slots=slots)["status"] == "done"
    assert not board.sensing.plate("a", 1).trusted
    assert board.sensing.plate("a", 1).grams is None


def test_a_calibrated_plate_is_calibrated_as_before() -> None:
    board = Board(counts_per_gram=400.0, zero_counts=ZERO)
    board.weigh(2000.0)
    assert board.command("calibrate", slot="A", grams=2000)["status"] == "done"
    new = board.shop.state.calibrations["a/1"]
    assert new.zero == ZERO
    assert new.per_gram == pytest.approx(PER_GRAM, rel=1e-3)
