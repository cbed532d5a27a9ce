"""The table of a cabinet: whole, reachable, and drawn."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import get_args

from device.store.memory.state import Phase
from device.store.visits import niches, rooms
from device.store.visits.cabinet import TABLE, Action, Trigger
from device.store.visits.sessions import _ACTIONS

DOCS = Path(__file__).parents[2] / "docs"


def test_the_pictures_in_the_docs_are_those_of_the_tables() -> None:
    spec = importlib.util.spec_from_file_location("draw_cabinet", DOCS / "draw_cabinet.py")
    assert spec is not None
    assert spec.loader is not None
    drawing = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(drawing)
    for path, text in drawing.pages().items():
        assert path.read_text() == text


def test_every_phase_can_be_reached_and_every_trigger_means_something() -> None:
    reached = {"shut"} | {row.phase for row in TABLE.values()}
    assert reached == set(get_args(Phase))
    assert {trigger for _, trigger in TABLE} == set(get_args(Trigger))


def test_every_action_is_used_and_can_be_done() -> None:
    used = {action for row in TABLE.values() for action in row.actions}
    assert used == set(get_args(Action)) == set(_ACTIONS)


def test_a_door_that_moves_means_something_in_every_phase() -> None:
    for phase in get_args(Phase):
        for trigger in ("opened", "closed"):
            assert (phase, trigger) in TABLE


def test_only_a_grant_to_a_shut_cabinet_unlocks() -> None:
    assert [pair for pair, row in TABLE.items() if "unlock" in row.actions] == [("shut", "granted")]


def test_a_lock_goes_back_whenever_the_door_has_closed_behind_an_opening() -> None:
    for phase in ("open", "forced", "overstayed"):
        assert "lock" in TABLE[phase, "closed"].actions


def test_a_door_of_a_room_or_in_one_means_something_whenever_it_moves() -> None:
    for phase in {row.phase for row in rooms.ROOM.values()}:
        for trigger in ("opened", "left_by", "closed"):
            assert (phase, trigger) in rooms.ROOM or (phase, trigger) == ("open", "opened")
    for phase in {row.phase for row in niches.NICHE.values()}:
        for inner in get_args(niches.NicheTrigger):
            assert (phase, inner) in niches.NICHE


def test_every_action_of_a_room_is_used_and_can_be_done() -> None:
    used = {action for row in rooms.ROOM.values() for action in row.actions}
    assert used == set(get_args(rooms.RoomAction)) == set(rooms._ROOM_ACTIONS)
    used_inside = {action for row in niches.NICHE.values() for action in row.actions}
    assert used_inside == set(get_args(niches.NicheAction)) == set(niches._ACTIONS)
