"""Rounds: what arrives on many descriptors is read together, and nothing is left behind."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import ExitStack
from functools import partial

import pytest

from device.ports import rounds
from device.ports.clock import uptime
from device.ports.rounds import ROUND_S, Rounds


class Line:
    """A pipe that is read in rounds. ``heard`` holds one entry a read."""

    def __init__(self) -> None:
        self.far, self.near = -1, -1
        self.near, self.far = os.pipe()
        self.heard: list[bytes] = []
        self.began = uptime()
        self.changed = asyncio.Event()

    def join(self) -> None:
        Rounds.of(asyncio.get_running_loop()).join(self.near, self.readable)

    def leave(self) -> None:
        Rounds.of(asyncio.get_running_loop()).leave(self.near)

    def readable(self, at: float) -> None:
        assert self.began <= at <= uptime()
        self.heard.append(os.read(self.near, 4096))
        self.changed.set()

    async def until(self, data: bytes) -> None:
        async with asyncio.timeout(20):
            while b"".join(self.heard) != data:
                self.changed.clear()
                await self.changed.wait()

    def say(self, data: bytes) -> None:
        os.write(self.far, data)

    def close(self) -> None:
        os.close(self.near)
        os.close(self.far)


@pytest.fixture
async def lines() -> AsyncIterator[list[Line]]:
    with ExitStack() as stack:
        made = [Line() for _ in range(3)]
        for line in made:
            stack.callback(line.close)
            line.join()
        yield made


async def test_every_port_that_has_something_is_read(lines: list[Line]) -> None:
    for number, line in enumerate(lines):
        line.say(b"%d" % number)
    for number, line in enumerate(lines):
        await line.until(b"%d" % number)
        line.leave()


async def test_what_comes_within_a_round_is_read_at_once(lines: list[Line]) -> None:
    line = lines[0]
    line.say(b"first ")
    await line.until(b"first ")
    # The next round is ROUND_S away; nothing else runs before it.
    line.say(b"second ")
    line.say(b"third")
    await line.until(b"first second third")
    assert line.heard == [b"first ", b"second third"]
    for each in lines:
        each.leave()


async def test_after_a_silence_the_next_bytes_are_heard(lines: list[Line]) -> None:
    line = lines[0]
    line.say(b"a")
    await line.until(b"a")
    await asyncio.sleep(3 * ROUND_S)  # more than one round without anything: they have stopped
    line.say(b"b")
    await line.until(b"ab")
    for each in lines:
        each.leave()


async def test_a_port_that_another_one_ends_is_not_read(lines: list[Line]) -> None:
    for line in lines:
        line.leave()
    told: list[Line] = []
    over = asyncio.Event()

    def end_the_others(line: Line, _at: float) -> None:
        told.append(line)
        for other in lines:
            if other is not line:
                other.leave()
        over.set()

    for line in lines:
        Rounds.of(asyncio.get_running_loop()).join(line.near, partial(end_the_others, line))
        line.say(b"all of them at once")
    async with asyncio.timeout(20):
        await over.wait()
    assert len(told) == 1
    told[0].leave()


async def test_the_end_of_the_other_side_is_told(lines: list[Line]) -> None:
    line = lines[0]
    os.close(line.far)
    line.far = os.open(os.devnull, os.O_WRONLY)
    async with asyncio.timeout(20):
        await line.changed.wait()
    assert line.heard[0] == b""
    for each in lines:
        each.leave()


async def test_with_the_last_port_nothing_remains(lines: list[Line]) -> None:
    before = Rounds.of(asyncio.get_running_loop())
    lines[0].say(b"a")
    await lines[0].until(b"a")  # in the midst of the rounds
    for line in lines:
        line.leave()
    assert not rounds._rounds
    lines[0].join()
    assert Rounds.of(asyncio.get_running_loop()) is not before
    lines[0].say(b"b")
    await lines[0].until(b"ab")
    lines[0].leave()
