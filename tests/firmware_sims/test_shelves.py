"""The goods of a simulated store from one life of its process to the next."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from firmware_sims.fit_out import Options, fit_out
from firmware_sims.orders import obey
from firmware_sims.plan import read_plan
from firmware_sims.shelves import Shelves
from firmware_sims.world import World
from tests.firmware_sims.store import CONFIG, PRODUCTS, ROSSO, write_store


def life(config: Path, file: Path, seed: int = 1) -> tuple[World, Shelves, bool]:
    world, _ = fit_out(read_plan(config), Options(seed=seed))
    shelves = Shelves(world, file)
    return world, shelves, shelves.recall()


def do(world: World, order: str, **arguments: Any) -> dict[str, Any]:
    answer = obey(world, {"do": order, **arguments})
    assert answer["ok"], answer
    return answer


def test_the_shelves_are_as_the_last_life_left_them(tmp_path: Path) -> None:
    config, file = write_store(tmp_path), tmp_path / "shelves"
    world, shelves, recalled = life(config, file)
    assert not recalled
    do(world, "take", slot="A1", count=2, anyway=True)
    do(world, "put", slot="B1", count=1, anyway=True, who="somebody else")
    do(world, "leave")
    shelves.keep()
    before = world.truth()["slots"]
    assert before["A1"]["count"] == 4
    again, _, recalled = life(config, file, seed=2)
    assert recalled
    assert again.truth()["slots"] == before
    assert {name: place.plate.grams for name, place in again.places.items()} == {
        name: pytest.approx(place.plate.grams) for name, place in world.places.items()
    }


def test_what_is_brought_later_is_no_tag_again(tmp_path: Path) -> None:
    config, file = write_store(tmp_path), tmp_path / "shelves"
    world, shelves, _ = life(config, file)
    shelves.keep()
    first = {item.epc for place in world.places.values() for item in place.items if item.epc}
    again, _, _ = life(config, file)
    brought = [item["epc"] for item in do(again, "take", slot="A1", count=6, anyway=True)["items"]]
    assert set(brought) <= first
    do(again, "leave")
    do(again, "put", slot="A1", gtin=ROSSO, count=6, anyway=True)
    assert not first & {item.epc for item in again.places["A1"].items}


def test_only_what_changes_is_written(tmp_path: Path) -> None:
    config, file = write_store(tmp_path), tmp_path / "shelves"
    world, shelves, _ = life(config, file)
    shelves.keep()
    file.unlink()
    do(world, "state")
    shelves.keep()
    assert not file.exists()
    do(world, "take", slot="A1", anyway=True)
    shelves.keep()
    assert file.exists()


def test_a_slot_of_products_that_are_no_longer_sold_begins_full(tmp_path: Path) -> None:
    config, file = write_store(tmp_path), tmp_path / "shelves"
    world, shelves, _ = life(config, file)
    do(world, "take", slot="A1", anyway=True)
    do(world, "take", slot="B1", anyway=True)
    shelves.keep()
    (tmp_path / "products.csv").write_text(PRODUCTS.replace("6901234567892", "4006381333931"), encoding="utf-8")
    config.write_text(CONFIG.replace("6901234567892", "4006381333931"), encoding="utf-8")
    again, _, _ = life(config, file)
    counts = {name: slot["count"] for name, slot in again.truth()["slots"].items()}
    assert (counts["A1"], counts["B1"]) == (6, 2)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"brought": 1, "slots": {"A1": [{"gtin": "x"}]}}', '{"brought": "x", "slots": {}}'])
def test_a_file_that_makes_no_sense_is_said_to_be_so(tmp_path: Path, text: str) -> None:
    config, file = write_store(tmp_path), tmp_path / "shelves"
    file.write_text(text)
    with pytest.raises(ValueError, match="remove it to begin with full ones"):
        life(config, file)
