"""Several Modbus units on one RS-485 line, under the supervisor, against pymodbus's server: what is on the wire, request by request."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest

from device.domain.layout import ModbusLoadcellScale, ModbusLock
from device.domain.port import PortAddress
from device.domain.readings import ContactReading, DeviceDown, LockOutcome, WeightReading
from device.drivers.driver import Driver
from device.drivers.modbus_loadcell import ModbusLoadcell
from device.drivers.modbus_relay import ModbusRelayLock
from device.ports.modbus import REST_S
from device.supervise import supervise
from tests.drivers.inbox import LIMIT_S, Inbox
from tests.drivers.modbus_peer import WRITE_COIL, Boards, Cable

LOCK, SCALES = 1, range(2, 10)
ROUNDS = 12


class Passed(NamedTuple):
    """What went over the wire: to a unit, or from it."""

    at: float
    asked: bool
    unit: int
    function: int


class Overheard(Cable):
    """A cable that remembers what went through it. A request is written at once, and an answer comes in one piece or several."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.passed: list[Passed] = []
        self.noise = self._answered
        self._near_at = asyncio.get_running_loop().time

    def carried(self, data: bytes) -> None:
        self.passed.append(Passed(self._near_at(), True, data[0], data[1]))

    def _answered(self, data: bytes) -> bytes:
        if self.passed and self.passed[-1].asked:
            self.passed.append(Passed(self._near_at(), False, self.passed[-1].unit, self.passed[-1].function))
        return data

    @property
    def requests(self) -> list[Passed]:
        return [each for each in self.passed if each.asked]


@pytest.fixture
async def cable(tmp_path: Path) -> AsyncIterator[Overheard]:
    cable = Overheard(tmp_path)
    yield cable
    cable.close()


@pytest.fixture
def boards() -> Boards:
    return Boards([LOCK, *SCALES])


@pytest.fixture
async def address(cable: Overheard, boards: Boards) -> AsyncIterator[PortAddress]:
    async with boards.on_cable(cable) as address:
        yield address


def a_scale(address: PortAddress, unit: int) -> ModbusLoadcell:
    entry = {"id": f"scale-{unit}", "zone": "z", "driver": "modbus-loadcell", "port": address, "unit": unit, "rate_hz": 20.0}
    return ModbusLoadcell(ModbusLoadcellScale.model_validate(entry))


def a_lock(address: PortAddress) -> ModbusRelayLock:
    entry = {"id": "lock", "zone": "z", "driver": "modbus-relay", "port": address, "unit": LOCK, "relay": 0, "contact": 1}
    return ModbusRelayLock(ModbusLock.model_validate(entry))


@asynccontextmanager
async def supervised(inbox: Inbox, *drivers: Driver) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(supervise(driver, inbox), name=driver.id) for driver in drivers]
        yield
        for task in tasks:
            task.cancel()


async def until_each_has_spoken(inbox: Inbox, drivers: list[Driver], times: int = 1) -> None:
    counted = {driver.id: 0 for driver in drivers}
    seen = 0

    def enough() -> bool:
        nonlocal seen
        for reading in inbox.readings[seen:]:
            if isinstance(reading, WeightReading | ContactReading) and reading.device in counted:
                counted[reading.device] += 1
        seen = len(inbox.readings)
        return min(counted.values()) >= times

    await inbox.until(enough, 2 * LIMIT_S)


async def test_one_request_is_in_flight_at_a_time(address: PortAddress, cable: Overheard) -> None:
    inbox = Inbox()
    drivers: list[Driver] = [a_lock(address), *(a_scale(address, unit) for unit in SCALES)]
    async with supervised(inbox, *drivers):
        await until_each_has_spoken(inbox, drivers[1:], times=5)
    whole = cable.passed[: len(cable.passed) // 2 * 2]
    assert [each.asked for each in whole] == [True, False] * (len(whole) // 2)
    assert all(request.unit == answer.unit for request, answer in zip(whole[::2], whole[1::2], strict=True))
    assert {each.unit for each in whole} == {LOCK, *SCALES}


async def test_orders_overtake_the_polling_of_eight_scales(address: PortAddress, cable: Overheard) -> None:
    inbox, lock = Inbox(), a_lock(address)
    drivers: list[Driver] = [lock, *(a_scale(address, unit) for unit in SCALES)]
    waited = []
    async with supervised(inbox, *drivers):
        await until_each_has_spoken(inbox, drivers)
        for order in range(ROUNDS):
            before = len(cable.requests)
            lock.drive(order, unlock=order % 2 == 0)
            await inbox.until(lambda order=order: any(each.order == order and each.ok for each in inbox.of(LockOutcome)))  # type: ignore[misc]
            waited.append(next(place for place, each in enumerate(cable.requests[before:]) if each.function == WRITE_COIL))
            await inbox.next(WeightReading)
    assert max(waited) <= 1, "the request whose turn has just come may go before it, no other"


async def test_a_silent_unit_costs_the_others_one_time_out_a_second(address: PortAddress, cable: Overheard, boards: Boards) -> None:
    inbox = Inbox()
    drivers: list[Driver] = [a_lock(address), *(a_scale(address, unit) for unit in SCALES)]
    silent, others = SCALES[0], {LOCK, *SCALES[1:]}
    async with supervised(inbox, *drivers):
        await until_each_has_spoken(inbox, drivers)
        boards.silent.add(silent)
        begun = len(cable.passed)
        await inbox.until(lambda: bool(inbox.of(DeviceDown)))
        await inbox.until(lambda: sum(each.unit == silent for each in cable.passed[begun:]) >= 5, 2 * LIMIT_S)
    passed = cable.passed[begun:]
    in_vain = [each for each in passed if each.asked and each.unit == silent]
    # The first two say that it is silent; a request that was answered before it fell silent may be among them.
    assert all(later.at - earlier.at >= REST_S for earlier, later in pairwise(in_vain[3:]))
    for earlier, later in pairwise(in_vain[3:]):
        between = {each.unit for each in passed if not each.asked and earlier.at < each.at < later.at}
        assert between == others, "all the others are asked, and answer, in between"
    assert {down.device for down in inbox.of(DeviceDown)} == {f"scale-{silent}"}
