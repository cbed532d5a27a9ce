"""One suite that every driver passes, on the real wire of each: see ``device.contract.case``. Run by ``device.contract.plugin``."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from device.contract.case import Peer
from device.contract.inbox import Inbox, running
from device.domain.readings import DeviceUp, LockOutcome, NoiseReading
from device.drivers.driver import Driver, LockDriver
from device.errors import DeviceError, DeviceGone, DeviceRefused, DeviceSilent

__all__ = [
    "test_a_cancelled_driver_leaves_its_port_free_and_nothing_open",
    "test_a_device_that_refuses_is_reported_as_refusing",
    "test_a_device_that_says_nothing_more_is_silent",
    "test_a_port_that_vanishes_is_noticed_in_time_and_one_that_is_back_serves_again",
    "test_noise_is_counted_and_not_raised_and_readings_go_on",
    "test_readings_arrive_after_the_device_is_up",
]

LOST_WITHIN_S = 10.0
"""From a pulled cable to ``device.lost`` (the contract's times); a driver has no more."""


def only_with(has: object) -> None:
    if has is None:
        pytest.skip("there is no such thing in this kind of device")


async def shown(peer: Peer, inbox: Inbox, count: int = 1) -> None:
    """So many more readings that say that all is well; a provoked one is provoked until it comes through."""
    if peer.shows is DeviceUp:
        return
    for _ in range(count):
        before = len(inbox.of(peer.shows))
        while len(inbox.of(peer.shows)) == before:
            if peer.provoke is None:
                await inbox.until(lambda before=before: len(inbox.of(peer.shows)) > before)  # type: ignore[misc]
                continue
            await peer.provoke()
            try:
                await inbox.until(lambda before=before: len(inbox.of(peer.shows)) > before, limit_s=1.0)  # type: ignore[misc]
            except TimeoutError:
                continue


async def failing(driver: Driver, inbox: Inbox) -> DeviceError:
    with pytest.raises(DeviceError) as raised:
        await driver.run(inbox)
    return raised.value


@pytest.mark.asyncio
async def test_readings_arrive_after_the_device_is_up(peer: Peer) -> None:
    inbox = Inbox()
    async with running(inbox, peer.driver):
        await inbox.until(lambda: bool(inbox.of(DeviceUp)))
        await shown(peer, inbox, 3)
    assert {reading.device for reading in inbox.readings} == {peer.driver.id}
    up = next(index for index, reading in enumerate(inbox.readings) if isinstance(reading, DeviceUp))
    assert not any(isinstance(reading, peer.shows) for reading in inbox.readings[:up])
    assert len(inbox.of(DeviceUp)) == 1
    times = [reading.at for reading in inbox.readings]
    assert times == sorted(times)


@pytest.mark.asyncio
async def test_noise_is_counted_and_not_raised_and_readings_go_on(peer: Peer) -> None:
    only_with(peer.noise)
    assert peer.noise is not None
    assert peer.quiet is not None
    inbox = Inbox()
    async with running(inbox, peer.driver) as (task,):
        await inbox.until(lambda: bool(inbox.of(DeviceUp)))
        await peer.noise()
        await inbox.until(lambda: len(inbox.of(NoiseReading)) >= 2)
        await peer.quiet()
        await shown(peer, inbox, 2)
        assert not task.done()
    first, second, *_ = inbox.of(NoiseReading)
    assert first.pieces >= 1
    assert second.pieces >= 1
    assert second.at - first.at >= 1.0


@pytest.mark.asyncio
async def test_a_port_that_vanishes_is_noticed_in_time_and_one_that_is_back_serves_again(peer: Peer) -> None:
    only_with(peer.unplug)
    assert peer.unplug is not None
    assert peer.plug is not None
    inbox = Inbox()
    for _ in range(2):
        async with asyncio.TaskGroup() as group:
            task = group.create_task(failing(peer.driver, inbox))
            ups = len(inbox.of(DeviceUp))
            await inbox.until(lambda ups=ups: len(inbox.of(DeviceUp)) > ups)  # type: ignore[misc]
            await shown(peer, inbox)
            await peer.unplug()
            async with asyncio.timeout(LOST_WITHIN_S):
                await asyncio.wait([task])
        assert isinstance(task.result(), DeviceGone)
        assert task.result().device == peer.driver.id
        assert isinstance(await failing(peer.driver, inbox), DeviceGone), "still unplugged"
        await peer.plug()


@pytest.mark.asyncio
async def test_a_device_that_says_nothing_more_is_silent(peer: Peer) -> None:
    only_with(peer.freeze)
    assert peer.freeze is not None
    inbox = Inbox()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(failing(peer.driver, inbox))
        await inbox.until(lambda: bool(inbox.of(DeviceUp)))
        await shown(peer, inbox)
        await peer.freeze()
        async with asyncio.timeout(LOST_WITHIN_S):
            await asyncio.wait([task])
    assert isinstance(task.result(), DeviceSilent)


@pytest.mark.asyncio
async def test_a_device_that_refuses_is_reported_as_refusing(peer: Peer) -> None:
    only_with(peer.refuse)
    assert peer.refuse is not None
    await peer.refuse()
    inbox = Inbox()
    if not hasattr(peer.driver, "drive"):
        assert isinstance(await failing(peer.driver, inbox), DeviceRefused)
        return
    lock = cast(LockDriver, peer.driver)
    async with running(inbox, lock):
        await inbox.until(lambda: bool(inbox.of(DeviceUp)))
        lock.drive(7, unlock=True)
        await inbox.until(lambda: bool(inbox.of(LockOutcome)))
    (outcome,) = inbox.of(LockOutcome)
    assert (outcome.order, outcome.ok) == (7, False)
    assert outcome.reason


@pytest.mark.asyncio
async def test_a_cancelled_driver_leaves_its_port_free_and_nothing_open(peer: Peer) -> None:
    """Threads and descriptors are counted when the peer has gone: see the plugin."""
    inbox = Inbox()
    for count in range(1, 4):
        async with running(inbox, peer.driver):
            await inbox.until(lambda count=count: len(inbox.of(DeviceUp)) == count)  # type: ignore[misc]
            await shown(peer, inbox)
