"""The supervisor in virtual time: the driver, the pauses and the clock share one number."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Sequence

import pytest

from device.domain.readings import DeviceDown, DeviceUp, InputReading, Reading
from device.drivers.driver import Sink
from device.errors import DeviceError, DeviceGone, DeviceSilent
from device.supervise import FIRST_PAUSE_S, LONGEST_PAUSE_S, supervise

Run = tuple[float | None, DeviceError | Exception | type[BaseException]]
"""How long a run is up, None where it never is; and how it ends."""


class World:
    """A driver with a script, the sink, and time. When the script is over the driver is cancelled."""

    id = "lock"

    def __init__(self, *runs: Run) -> None:
        self.runs = list(runs)
        self.now = 1000.0
        self.pauses: list[float] = []
        self.readings: list[Reading] = []
        self.rooms = 0
        self.full = False

    def put(self, readings: Sequence[Reading]) -> None:
        self.readings += readings

    async def room(self) -> None:
        self.rooms += 1

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    async def run(self, sink: Sink) -> None:
        if not self.runs:
            raise asyncio.CancelledError
        up_for_s, end = self.runs.pop(0)
        if up_for_s is not None:
            await sink.room()
            assert sink.full is self.full
            sink.put([DeviceUp(self.id, self.now), InputReading(self.id, self.now, active=False)])
            self.now += up_for_s
        raise end

    async def play(self, chance: random.Random | None = None) -> None:
        with pytest.raises(asyncio.CancelledError):
            await supervise(self, self, now=lambda: self.now, sleep=self.sleep, chance=chance or Longest())


class Longest(random.Random):
    """Chance that never shortens a pause."""

    def uniform(self, a: float, b: float) -> float:
        return max(a, b)


def gone(reason: str = "cable pulled") -> DeviceGone:
    return DeviceGone("lock", reason)


async def test_a_device_that_is_not_there_is_told_once_however_often_it_is_tried() -> None:
    world = World(*[(None, gone())] * 5)
    await world.play()
    assert world.readings == [DeviceDown("lock", 1000.0, "cable pulled")]


async def test_a_loss_is_told_after_what_came_before_it_with_its_time_and_reason() -> None:
    world = World((10.0, DeviceSilent("lock", "no answer")))
    await world.play()
    assert world.readings == [DeviceUp("lock", 1000.0), InputReading("lock", 1000.0, active=False), DeviceDown("lock", 1010.0, "no answer")]


async def test_a_device_that_was_back_is_told_again_when_it_is_lost_again() -> None:
    world = World((5.0, gone("first")), (None, gone("still")), (5.0, gone("second")))
    await world.play()
    assert [r.reason for r in world.readings if isinstance(r, DeviceDown)] == ["first", "second"]
    assert sum(isinstance(r, DeviceUp) for r in world.readings) == 2


async def test_pauses_grow_to_their_limit() -> None:
    world = World(*[(None, gone())] * 7)
    await world.play()
    assert world.pauses == [0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0]


async def test_the_longest_pause_leaves_time_to_be_back_within_fifteen_seconds() -> None:
    assert LONGEST_PAUSE_S + 5.0 < 15.0


async def test_a_device_that_comes_and_goes_keeps_its_long_pauses() -> None:
    world = World((None, gone()), (None, gone()), (29.0, gone()), (29.0, gone()))
    await world.play()
    assert world.pauses == [0.5, 1.0, 2.0, 4.0]


async def test_after_half_a_minute_of_health_the_first_pause_is_short_again() -> None:
    world = World((None, gone()), (None, gone()), (30.0, gone()), (None, gone()))
    await world.play()
    assert world.pauses == [0.5, 1.0, FIRST_PAUSE_S, 2 * FIRST_PAUSE_S]


async def test_time_without_being_up_is_no_health() -> None:
    class Slow(World):
        async def run(self, sink: Sink) -> None:
            self.now += 60.0
            await super().run(sink)

    world = Slow((None, gone()), (None, gone()), (None, gone()))
    await world.play()
    assert world.pauses == [0.5, 1.0, 2.0]


async def test_pauses_are_shortened_at_random_by_up_to_half_and_no_two_devices_alike() -> None:
    pauses = []
    for seed in range(20):
        world = World(*[(None, gone())] * 4)
        await world.play(random.Random(seed))
        assert all(full / 2 <= pause <= full for pause, full in zip(world.pauses, [0.5, 1.0, 2.0, 4.0], strict=True))
        pauses.append(tuple(world.pauses))
    assert len(set(pauses)) == 20


@pytest.mark.parametrize("bug", [ValueError("ours"), OSError("not of the device"), TimeoutError()])
async def test_a_bug_passes(bug: Exception) -> None:
    world = World((1.0, bug))
    with pytest.raises(type(bug)):
        await supervise(world, world, now=lambda: world.now, sleep=world.sleep)
    assert not any(isinstance(r, DeviceDown) for r in world.readings)


async def test_a_cancellation_during_a_pause_passes() -> None:
    async def interrupted(_seconds: float) -> None:
        raise asyncio.CancelledError

    world = World((None, gone()), (None, gone()))
    with pytest.raises(asyncio.CancelledError):
        await supervise(world, world, now=lambda: world.now, sleep=interrupted)
    assert len(world.runs) == 1


async def test_the_drivers_sink_is_as_full_as_the_real_one() -> None:
    world = World((1.0, gone()))
    world.full = True
    await world.play()
    assert world.rooms == 1


async def test_the_log_has_one_line_when_it_is_lost_and_one_when_it_is_back(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="smartstore")
    await World((None, gone()), (None, gone()), (40.0, gone("pulled again")), (None, gone())).play()
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", "lock is lost: cable pulled"),
        ("INFO", "lock is back after 2 s"),
        ("WARNING", "lock is lost: pulled again"),
    ]
