"""Runs one driver for as long as the program runs: restarts it after a DeviceError, and does nothing else.

A device that fails is told once (``DeviceDown``) and logged once, whatever number of attempts follow; that it is back is told by the driver
(``DeviceUp``) and logged here. A cancellation passes. So does any other exception: it is a bug of ours, and a restart of the whole program
is the cure that is tested.

The pauses grow from 0.5 s to 8 s, each shortened by up to half at random, so that devices that fail together do not return together.
With the longest pause a device is asked again, and found, within the 15 s in which a cable put back must be noticed. A device that comes
and goes keeps its long pauses: they are short again only after 30 s without a fault.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence

from device.domain.readings import DeviceDown, DeviceUp, Reading
from device.drivers.driver import Driver, Sink
from device.errors import DeviceError
from device.ports.clock import uptime

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 8.0
HEALTHY_S = 30.0

log = logging.getLogger("smartstore.device")


async def supervise(
    driver: Driver,
    sink: Sink,
    *,
    now: Callable[[], float] = uptime,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    chance: random.Random | None = None,
) -> None:
    """Run ``driver`` into ``sink`` for ever. ``chance`` shortens the pauses; ``now`` is in seconds of ``CLOCK_BOOTTIME``."""
    chance = chance or random.Random()
    watched = _Watched(driver.id, sink, now)
    pause_s = FIRST_PAUSE_S
    while True:
        try:
            await driver.run(watched)
        except DeviceError as error:
            if watched.lost(error.reason) >= HEALTHY_S:
                pause_s = FIRST_PAUSE_S
            await sleep(pause_s * chance.uniform(0.5, 1.0))
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)


class _Watched:
    """A sink that notices whether the device is up, and hands everything on."""

    def __init__(self, device: str, sink: Sink, now: Callable[[], float]) -> None:
        self._device = device
        self._sink = sink
        self._now = now
        self.put = self._put_until_up
        """See ``Sink.put``; once the device is up it is the sink's own."""
        self._up_at: float | None = None
        self._down_at: float | None = None

    @property
    def full(self) -> bool:
        return self._sink.full

    def _put_until_up(self, readings: Sequence[Reading]) -> None:
        if any(isinstance(reading, DeviceUp) for reading in readings):
            self._up_at = self._now()
            self.put = self._sink.put
            if self._down_at is not None:
                log.info("%s is back after %.0f s", self._device, self._up_at - self._down_at)
            self._down_at = None
        self._sink.put(readings)

    async def room(self) -> None:
        await self._sink.room()

    def lost(self, reason: str) -> float:
        """The driver has failed. Tells so unless it has been told already; gives how long the device had been up, in seconds."""
        at = self._now()
        up_for_s = 0.0 if self._up_at is None else at - self._up_at
        self._up_at = None
        self.put = self._put_until_up
        if self._down_at is None:
            self._down_at = at
            log.warning("%s is lost: %s", self._device, reason)
            self._sink.put([DeviceDown(self._device, at, reason)])
        return up_for_s
