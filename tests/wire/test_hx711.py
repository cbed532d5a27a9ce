"""The converter's own 24 bits, as a board hands them on: which are weights and which are its ends."""

from __future__ import annotations

import math

import pytest

from device.domain.readings import FaultReading, WeightReading
from device.drivers.shelf_board import ShelfBoardDialogue
from device.sensing.trust import saturated
from device.wire.loadcell import numbers
from firmware_sims import shelf_board
from tests.capture import capture

GOLDEN = capture("hx711")
WEIGHTS = {"one": 1, "minus_one": -1}


def counts_of(name: str) -> int:
    return int.from_bytes(GOLDEN[name], "big", signed=True)


@pytest.mark.parametrize("name", GOLDEN)
def test_an_end_of_the_range_is_saturated_and_the_rest_is_a_weight(name: str) -> None:
    assert saturated(counts_of(name)) == (name not in WEIGHTS)


@pytest.mark.parametrize("name", GOLDEN)
@pytest.mark.parametrize("admitted", [True, False], ids=["told by the board", "not told by the board"])
def test_a_board_that_hands_on_an_end_gives_a_fault_and_no_value_whether_it_says_so_or_not(name: str, admitted: bool) -> None:
    talk = ShelfBoardDialogue("board", 1, 10)
    talk.opened(0.0)
    hello = shelf_board.frame(shelf_board.HELLO, b"SB000001" + bytes([1, 2, 1, 0, 10, 0]))
    talk.received(hello + shelf_board.frame(shelf_board.ANSWER, b"\0"), 0.1)
    at_the_end = name not in WEIGHTS
    said = shelf_board.samples(0, 100_000, {0: counts_of(name)}, fault=int(at_the_end and admitted))
    readings = talk.received(said, 0.2).readings
    faults = [reading.fault for reading in readings if isinstance(reading, FaultReading)]
    (sample,) = [reading for reading in readings if isinstance(reading, WeightReading)]
    assert faults == (["saturated"] if at_the_end else [])
    assert math.isnan(sample.values[0]) if at_the_end else sample.values == (WEIGHTS[name],)


@pytest.mark.parametrize("name", GOLDEN)
def test_a_transmitter_that_hands_on_the_converters_end_has_no_number(name: str) -> None:
    value = counts_of(name) & 0xFFFFFFFF
    (number,) = numbers([value >> 16, value & 0xFFFF], "big", signed=True)
    assert number == WEIGHTS.get(name)
