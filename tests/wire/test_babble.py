"""A device that talks without end, at the full rate of its line: what it costs, and that it piles up nowhere.

The cost is counted in lines of Python run a byte, which is the same on every machine: at 115 200 baud 11 520 bytes come in a second, and a
small computer runs some millions of lines in one.
"""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Callable, Iterator
from random import Random
from types import FrameType
from typing import Any

import pytest

from device.wire.modbus import crc16, rtu_answer, tcp_answer
from tests.wire.codecs import CODECS, Spoken

EVERY_CODEC = pytest.mark.parametrize("name", CODECS)
PIECE = 16
"""What a driver reads at once from a line that is never idle: what has come since the loop was last round."""
BABBLE = 800
LINES_A_BYTE = 40
MODBUS_LINES_A_BYTE = 80
"""Where the unit's number is also the number of bytes asked for, a stuck line is all beginnings of answers, and each has to be summed."""


def babbles(spoken: Spoken) -> Iterator[bytes]:
    """A stuck line (one byte for ever), noise, and beginnings of messages that are never ended."""
    yield from (bytes((byte,)) * BABBLE for byte in range(256))
    yield Random("babble").randbytes(BABBLE)
    for example in set(spoken.examples):
        yield from ((example[:length] * BABBLE)[:BABBLE] for length in range(2, min(len(example), 16)))


def lines_run(call: Callable[[], object]) -> int:
    """How many lines of Python a call takes."""
    count = 0

    def line(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        count += event == "line"
        return line

    before = sys.gettrace()
    sys.settrace(line)
    try:
        call()
    finally:
        sys.settrace(before)
    return count


def fed(spoken: Spoken, babble: bytes) -> Callable[[], None]:
    codec = spoken.begin()

    def feed() -> None:
        for place in range(0, len(babble), PIECE):
            codec.feed(babble[place : place + PIECE])

    return feed


@EVERY_CODEC
def test_no_babble_costs_more_than_some_lines_a_byte(name: str) -> None:
    spoken = CODECS[name]
    costs = {babble[:16]: lines_run(fed(spoken, babble)) for babble in babbles(spoken)}
    worst = max(costs, key=lambda beginning: costs[beginning])
    assert costs[worst] <= LINES_A_BYTE * BABBLE, f"{costs[worst] / BABBLE:.0f} lines a byte for {worst.hex(' ')} …"


@pytest.mark.parametrize("function", [1, 2, 3, 4, 5])
def test_no_babble_on_a_modbus_line_costs_more_than_some_lines_a_byte(function: int) -> None:
    """The library keeps 256 bytes of what answers nothing, and asks again with each arrival."""
    for byte in range(256):
        asked = bytes((byte, function, 0, 0, 0, 32))
        babble = bytes((byte,)) * 128 + bytes((byte, function)) * 64
        assert lines_run(lambda: rtu_answer(asked + crc16(asked), babble)) <= MODBUS_LINES_A_BYTE * len(babble)  # noqa: B023  # called at once
        assert lines_run(lambda: tcp_answer(b"\0\7\0\0\0\6" + asked, babble)) <= MODBUS_LINES_A_BYTE * len(babble)  # noqa: B023


@EVERY_CODEC
def test_babble_without_end_is_never_held_back_beyond_the_bound(name: str) -> None:
    spoken = CODECS[name]
    for babble in [*babbles(spoken)][::5]:
        codec = spoken.begin()
        for _ in range(2 * spoken.most_held // BABBLE + 2):
            codec.feed(babble)
            assert spoken.held(codec) <= spoken.most_held


@pytest.mark.parametrize("name", [name for name in CODECS if CODECS[name].dialogue])
def test_a_dialogue_that_hears_babble_without_end_does_not_grow(name: str) -> None:
    """Every second of the line is heard in a hundred pieces; after the fifth of them nothing is added."""
    begin = CODECS[name].dialogue
    assert begin is not None
    dialogue = begin()
    random = Random(name)
    sound = CODECS[name].examples[0]
    dialogue.opened(0.0)

    def second(number: int) -> None:
        for piece in range(100):
            at = number + piece / 100
            # Now and then something sound, or the device would be given up.
            dialogue.received(random.randbytes(115) if piece else b"\r\n" + sound, at)
            if dialogue.deadline <= at:
                dialogue.tick(at)

    tracemalloc.start()
    try:
        for number in range(5):
            second(number)
        before, _ = tracemalloc.get_traced_memory()
        for number in range(5, 20):
            second(number)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 32 * 1024
