"""Journals that an earlier version has begun are read: what it noted and nobody uses any more is passed over."""

from __future__ import annotations

import json

import pytest

from device.domain.moment import Moment
from device.engine.records import dump_state, restore
from device.journal import Row
from device.store.memory.notes import RETIRED
from device.store.memory.state import State

MOMENT = Moment(10.0, 1_795_348_800.0, True, "b1")


def row(kind: str, **data: object) -> Row:
    note = {"uptime": MOMENT.uptime, "wall": MOMENT.wall, "trusted": True, "boot": MOMENT.boot, "data": data}
    return Row(None, kind, MOMENT.wall, json.dumps(note).encode())


@pytest.mark.parametrize("kind", sorted(RETIRED))
def test_a_note_that_is_not_written_any_more_is_passed_over(kind: str) -> None:
    before = restore(None, [])
    assert dump_state(restore(None, [row(kind, slot="A", gtin="04006381333931", grams=1250.0, sd=0.5)])) == dump_state(before)


def test_a_note_that_nobody_ever_wrote_is_refused() -> None:
    with pytest.raises(ValueError, match=r"note\.nonsense"):
        restore(None, [row("note.nonsense")])


def test_a_snapshot_of_an_earlier_version_is_read() -> None:
    snapshot = json.loads(dump_state(State()))
    filling = {"steps": [[2492.0, 0.5]], "before": {"04006381333931": 3}, "counted": ["04006381333931"]}
    snapshot["slots"] = {
        "A": {"grams": 3750.0, "batches": {"04006381333931": {"grams": 1251.0, "sd": 1.0}}, "count_doubts": {}, "filling": filling}
    }
    slot = restore(json.dumps(snapshot).encode(), []).slots["A"]
    assert slot.grams == 3750.0
    assert slot.looks == ()
    assert slot.filling is not None
    assert slot.filling.said == ()
