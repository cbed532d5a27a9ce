"""The inbox: how much may wait, and what happens at the bound."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from device.domain.facts import Fact, PlateQuiet, PlateTrusted
from device.domain.readings import Reading, WeightReading
from device.engine.inbox import EDGES, Inbox

PLATES = 128


def at_rest(readings: Sequence[Reading]) -> list[Fact]:
    """What the first quiet second of as many plates says."""
    facts: list[Fact] = []
    for reading in readings:
        facts += [PlateTrusted("s", 1, reading.at), PlateQuiet("s", 1, reading.at, 0.0, 0.1, True)]
    return facts


def sample() -> WeightReading:
    return WeightReading("s", 1.0, (0.0,))


async def test_a_start_at_which_all_plates_speak_at_once_is_no_overload() -> None:
    inbox = Inbox(at_rest, lambda: None, PLATES)
    inbox.put([sample()] * PLATES)
    assert not inbox.full
    assert len(inbox.take()) < inbox.bound // 2


async def test_at_the_bound_drivers_wait_until_the_engine_has_taken() -> None:
    inbox = Inbox(at_rest, lambda: None)
    inbox.put([sample()] * (EDGES // 2 - 1))
    before = inbox.full
    inbox.put([sample()])
    assert (before, inbox.full) == (False, True)
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(inbox.room())
        await asyncio.sleep(0)
        assert not waiting.done()
        assert len(inbox.take()) == EDGES
    assert not inbox.full
