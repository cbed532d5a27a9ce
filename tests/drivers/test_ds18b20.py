"""A folder stands for the kernel's; a pipe that nobody writes to stands for a bus that hangs."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

import pytest

from device.domain.layout import Ds18b20
from device.domain.port import SysfsAddress
from device.domain.readings import DeviceUp, FaultReading, TemperatureReading
from device.drivers import ds18b20
from device.drivers.ds18b20 import Ds18b20Driver
from device.errors import DeviceGone, DeviceSilent
from device.ports import sysfs
from tests.capture import capture
from tests.drivers.inbox import LIMIT_S, Inbox, running

GOLDEN = capture("ds18b20")
SERIAL = "28-0000075c1b2a"


class Sensor:
    """A sensor's folder."""

    def __init__(self, devices: Path) -> None:
        self.devices = devices
        self.file = devices / SERIAL / "w1_slave"
        self.file.parent.mkdir()
        self.shows("warm")

    def shows(self, name: str) -> None:
        """Put the contents in one step, as the kernel shows them."""
        fresh = self.file.with_suffix(".new")
        fresh.write_bytes(GOLDEN[name])
        fresh.rename(self.file)

    def driver(self, every_s: float = 1.0) -> Ds18b20Driver:
        return Ds18b20Driver(
            Ds18b20(id="air", zone="z", driver="ds18b20", serial=SERIAL, port=SysfsAddress(str(self.devices)), every_s=every_s)
        )

    def hang(self) -> None:
        self.file.unlink()
        os.mkfifo(self.file)

    def come_back(self) -> None:
        """Who reads from the pipe gets its contents; who has not yet opened it finds a file in its place."""
        pipe = os.open(self.file, os.O_RDWR | os.O_NONBLOCK)
        self.shows("warm")
        os.write(pipe, GOLDEN["warm"])
        os.close(pipe)


@pytest.fixture
def sensor(tmp_path: Path) -> Sensor:
    return Sensor(tmp_path)


async def test_a_sensor_is_up_once_it_has_answered(sensor: Sensor) -> None:
    inbox = Inbox()
    async with running(inbox, sensor.driver()):
        reading = await inbox.next(TemperatureReading)
    assert reading.celsius == 23.125
    assert inbox.readings == [DeviceUp("air", reading.at), reading]


async def test_temperatures_come_at_the_interval(sensor: Sensor) -> None:
    inbox = Inbox()
    async with running(inbox, sensor.driver(every_s=1.0)):
        await inbox.until(lambda: len(inbox.of(TemperatureReading)) == 3)
    first, _, third = inbox.of(TemperatureReading)
    assert third.at - first.at >= 1.9


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("power_up", "power_up"),
        ("under_power", "out_of_range"),
        ("all_zero", "no_answer"),
        ("all_ones", "bad_crc"),
        ("stale", "bad_crc"),
        ("empty", "no_answer"),
    ],
)
async def test_what_is_no_temperature_is_a_fault_and_the_next_good_one_counts(name: str, fault: str, sensor: Sensor) -> None:
    inbox = Inbox()
    async with running(inbox, sensor.driver()):
        await inbox.next(TemperatureReading)
        sensor.shows(name)
        assert (await inbox.next(FaultReading)).fault == fault
        sensor.shows("cold")
        assert (await inbox.next(TemperatureReading)).celsius == -26.125
    assert len(inbox.of(DeviceUp)) == 1
    assert {reading.celsius for reading in inbox.of(TemperatureReading)} == {23.125, -26.125}


async def test_a_sensor_that_speaks_but_has_nothing_to_say_is_up(sensor: Sensor) -> None:
    sensor.shows("power_up")
    inbox = Inbox()
    async with running(inbox, sensor.driver()):
        await inbox.until(lambda: len(inbox.of(FaultReading)) > ds18b20.MISSES)
    assert len(inbox.of(DeviceUp)) == 1


@pytest.mark.parametrize("name", ["all_ones", "all_zero", "empty"])
async def test_a_sensor_that_does_not_answer_is_lost_and_never_was_up(name: str, sensor: Sensor) -> None:
    sensor.shows(name)
    inbox = Inbox()
    with pytest.raises(DeviceSilent):
        await sensor.driver().run(inbox)
    assert len(inbox.of(FaultReading)) == ds18b20.MISSES
    assert not inbox.of(DeviceUp)


async def test_a_pulled_sensor_is_lost_within_ten_seconds_although_it_is_read_every_five() -> None:
    read_at = 5.0 + (ds18b20.MISSES - 1) * ds18b20.RETRY_S
    assert read_at + ds18b20.MISSES * 0.75 < 10.0


async def test_a_sensor_that_the_kernel_has_dropped_is_gone_and_found_again(sensor: Sensor) -> None:
    inbox = Inbox()
    driver = sensor.driver()
    async with asyncio.TaskGroup() as group:
        lost = group.create_task(gone(driver, inbox))
        await inbox.next(TemperatureReading)
        sensor.file.unlink()
        await lost
    await gone(driver, inbox)
    sensor.shows("cool")
    async with running(inbox, driver):
        assert (await inbox.next(TemperatureReading)).celsius == 22.9375


async def test_a_folder_in_the_place_of_the_file_is_gone(sensor: Sensor) -> None:
    sensor.file.unlink()
    sensor.file.mkdir()
    await gone(sensor.driver(), Inbox())


async def test_a_bus_that_hangs_holds_up_nobody_and_gets_one_thread(sensor: Sensor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ds18b20, "READ_S", 0.2)
    sensor.hang()
    driver = sensor.driver()
    inbox = Inbox()
    before = threading.active_count()
    for _ in range(3):
        with pytest.raises(DeviceSilent, match="hangs"):
            await driver.run(inbox)
        assert threading.active_count() == before + 1
    sensor.come_back()
    await until_threads(before)
    async with running(inbox, driver):
        await inbox.next(TemperatureReading)


async def test_a_driver_stopped_in_a_reading_waits_for_it_but_not_for_ever(sensor: Sensor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sysfs, "PARTING_S", 0.1)
    sensor.hang()
    inbox = Inbox()
    before = threading.active_count()
    async with running(inbox, sensor.driver()):
        await until_threads(before + 1)
    assert threading.active_count() == before + 1
    sensor.come_back()
    await until_threads(before)
    assert not inbox.readings


async def test_a_driver_stopped_in_a_reading_that_ends_leaves_no_thread(sensor: Sensor) -> None:
    sensor.hang()
    before = threading.active_count()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(sensor.driver().run(Inbox()))
        await until_threads(before + 1)
        task.cancel()
        await asyncio.sleep(0)
        sensor.come_back()
        await asyncio.wait({task})
    assert threading.active_count() == before


async def gone(driver: Ds18b20Driver, inbox: Inbox) -> None:
    with pytest.raises(DeviceGone):
        await driver.run(inbox)


async def until_threads(count: int) -> None:
    async with asyncio.timeout(LIMIT_S):
        while threading.active_count() != count:  # noqa: ASYNC110  # threads tell nobody when they end
            await asyncio.sleep(0)
