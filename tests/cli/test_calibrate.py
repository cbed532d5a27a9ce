"""``smartstore calibrate``: a person with weights, a board that nobody has calibrated, and what is found in the journal afterwards."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from device.cli import calibrate as calibrating
from device.cli.calibrate import command
from device.cli.hearing import state_of
from device.config import load
from device.engine.records import restore
from device.journal import Journal
from firmware_sims.mt_sics import MtSicsScale
from firmware_sims.serve import Rig
from firmware_sims.shelf_board import ShelfBoard
from tests.cli.bench_of_scales import Hands, Trembling, invoke, write_store

PER_GRAM, ZERO = 417.0, -52_000.0


class Table:
    """A board of two plates, of which the second is calibrated, and a balance."""

    def __init__(self, folder: Path) -> None:
        self.config = write_store(folder)
        self.plate, self.balance = Trembling(), Trembling(sd_g=0.1)
        self.board = ShelfBoard([Trembling(), self.plate], counts_per_gram=[400.0, PER_GRAM], zero_counts=[0.0, ZERO])

    def put(self, grams: float) -> Callable[[], None]:
        def do() -> None:
            self.plate.grams = self.balance.grams = grams

        return do


@asynccontextmanager
async def laid(folder: Path) -> AsyncIterator[Table]:
    table = Table(folder)
    async with Rig() as rig:
        rig.pty(table.board, folder / "board")
        rig.pty(MtSicsScale(table.balance), folder / "balance")
        yield table


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibrating, "MEASURE_S", 1.0)
    monkeypatch.setattr(calibrating, "SETTLE_S", 0.3)
    monkeypatch.setattr(calibrating, "DRIFT_EVERY_S", 1.0)


def nothing() -> None:
    """The hands wait."""


async def test_a_plate_is_calibrated_with_all_that_can_be_tried_and_the_next_start_finds_it(tmp_path: Path) -> None:
    async with laid(tmp_path) as table:
        steps = [
            (table.put(0.0), ""),
            (nothing, "2000"),
            (table.put(2000.0), ""),
            (nothing, "y"),
            *[(table.put(2000.0 + error), "") for error in (3.0, -4.0, 2.0, 1.0)],
            (nothing, "500"),
            (table.put(498.5), ""),
            (table.put(0.2), ""),
        ]
        result = await invoke(command, table.config, "A", "--drift", 2, hands=Hands(steps))
    assert result.exit_code == 0, (result.output, result.exception)
    said = result.output
    assert "daemon stopped" in said
    assert "TOO COARSE" not in said
    assert "well enough" in said
    state = state_of(tmp_path / "journal.db")
    found = state.calibrations["board/2"]
    assert found.per_gram == pytest.approx(PER_GRAM, rel=1e-3)
    assert found.zero == pytest.approx(ZERO, abs=200)
    assert state.slots["A"].grams == pytest.approx(0.2, abs=0.5)
    assert state.boot == "", "the store has not been started by that"


async def test_as_json_the_result_is_one_object_and_the_errors_are_those_of_the_plate(tmp_path: Path) -> None:
    async with laid(tmp_path) as table:
        steps = [(table.put(0.0), ""), (table.put(1000.0), ""), (table.put(490.0), ""), (table.put(0.0), "")]
        options = ("--grams", 1000, "--second", 500, "--no-corners", "--drift", 0, "--json")
        result = await invoke(command, table.config, "A", *options, hands=Hands(steps))
    assert result.exit_code == 0, (result.output, result.exception)
    told: dict[str, Any] = json.loads(result.stdout)
    assert told["linearity_g"] == pytest.approx(-10, abs=0.6)
    assert told["corner_g"] is told["drift_g"] is None
    assert told["noise_g"] == pytest.approx(0.4, abs=0.25)
    assert told["good_to_g"] == pytest.approx(10.6, abs=1.0)
    assert told["fits"] is True
    assert (told["lightest_g"], told["channel"]) == (1250.0, 2)


async def test_a_balance_learns_its_factor_too_and_the_journal_of_a_store_goes_on_where_it_was(tmp_path: Path) -> None:
    settings = load(write_store(tmp_path)).layout.journal
    journal = Journal.open(settings.path, max_mb=settings.max_mb, keep_days=settings.keep_days)
    await journal.close()
    async with laid(tmp_path) as table:
        steps = [(table.put(0.0), ""), (table.put(1010.0), ""), (table.put(0.0), "")]
        result = await invoke(command, table.config, "B", "--grams", 1000, "--second", 0, "--no-corners", "--drift", 0, hands=Hands(steps))
    assert result.exit_code == 0, (result.output, result.exception)
    assert state_of(settings.path).calibrations["balance/1"].per_gram == pytest.approx(1.01, abs=0.001)
    again = Journal.open(settings.path, max_mb=settings.max_mb, keep_days=settings.keep_days)
    assert restore(*again.recover()) == state_of(settings.path)
    await again.close()


async def test_where_nothing_is_put_on_the_plate_nothing_is_kept(tmp_path: Path) -> None:
    async with laid(tmp_path) as table:
        steps = [(table.put(0.0), ""), (table.put(0.0), "")]
        result = await invoke(command, table.config, "A", "--grams", 1000, hands=Hands(steps))
    assert "nothing has changed on the plate" in str(result.exception)
    assert state_of(tmp_path / "journal.db").calibrations == {}


async def test_a_plate_that_is_still_full_is_not_made_the_new_zero_unasked(tmp_path: Path) -> None:
    options = ("--grams", 1000, "--second", 0, "--no-corners", "--drift", 0)
    async with laid(tmp_path) as table:
        refused = await invoke(command, table.config, "B", *options, hands=Hands([(table.put(9678.0), ""), (nothing, "")]))
        assert "9678 g stand on it" in refused.output
        assert "nothing has been changed" in str(refused.exception)
        assert state_of(tmp_path / "journal.db").calibrations == {}
        steps = [(table.put(9678.0), ""), (nothing, "y"), (table.put(10_678.0), ""), (table.put(9678.0), "")]
        agreed = await invoke(command, table.config, "B", *options, hands=Hands(steps))
    assert agreed.exit_code == 0, (agreed.output, agreed.exception)


async def test_a_plate_that_never_rests_and_a_scale_that_is_not_there_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibrating, "PATIENCE_S", 2.0)
    async with laid(tmp_path) as table:

        class Restless(Trembling):
            def sample(self, dt: float) -> float:
                self.grams += 50.0
                return self.grams

        table.board._loads = (table.plate, Restless())
        result = await invoke(command, table.config, "A", hands=Hands([(nothing, "")]))
        assert "does not come to rest" in str(result.exception)
    result = await invoke(command, table.config, "A", hands=Hands([(nothing, "")]))
    assert "no such port" in str(result.exception)
    assert "Empty the plate" not in result.output, "nobody is sent about for a scale that is not there"


async def test_a_slot_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    result = await invoke(command, write_store(tmp_path), "Z")
    assert "no slot Z; there are A, B" in str(result.exception)
