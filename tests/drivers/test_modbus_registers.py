"""Load-cell transmitters and thermometers on Modbus, against pymodbus's server."""

from __future__ import annotations

import asyncio
import math
import struct
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import pytest

from device.domain.layout import ModbusInput, ModbusLoadcellScale, ModbusThermometer
from device.domain.port import PortAddress
from device.domain.readings import DeviceUp, FaultReading, InputReading, NoiseReading, TemperatureReading, WeightReading
from device.drivers import modbus_thermometer
from device.drivers.modbus_loadcell import ModbusLoadcell
from device.drivers.modbus_relay import ModbusRelayInput
from device.drivers.modbus_thermometer import ModbusThermometerDriver
from device.errors import DeviceRefused, DeviceSilent
from device.ports import modbus as modbus_port
from tests.drivers.inbox import Inbox, running
from tests.drivers.modbus_peer import HOLDING, INPUT_REGISTERS, Boards, Cable, spoil


@pytest.fixture
async def cable(tmp_path: Path) -> AsyncIterator[Cable]:
    cable = Cable(tmp_path)
    yield cable
    cable.close()


@pytest.fixture
def boards() -> Boards:
    return Boards([1, 2])


@pytest.fixture
async def address(cable: Cable, boards: Boards) -> AsyncIterator[PortAddress]:
    async with boards.on_cable(cable) as address:
        yield address


def a_scale(address: PortAddress, **options: object) -> ModbusLoadcell:
    entry = {"id": "scale", "zone": "z", "driver": "modbus-loadcell", "port": address, "rate_hz": 20.0, **options}
    return ModbusLoadcell(ModbusLoadcellScale.model_validate(entry))


def a_thermometer(address: PortAddress, **options: object) -> ModbusThermometerDriver:
    entry = {"id": "air", "zone": "z", "driver": "modbus", "port": address, "every_s": 1.0, **options}
    return ModbusThermometerDriver(ModbusThermometer.model_validate(entry))


def words(*numbers: int) -> tuple[int, ...]:
    return struct.unpack(f">{2 * len(numbers)}H", struct.pack(f">{len(numbers)}i", *numbers))


async def test_all_channels_are_read_with_one_question_and_divided(address: PortAddress, boards: Boards) -> None:
    await boards.put_registers(1, HOLDING, 0, *words(*range(-50, 110, 10)))
    inbox = Inbox()
    async with running(inbox, a_scale(address, channels=16)):
        sample = await inbox.next(WeightReading)
    assert isinstance(inbox.readings[0], DeviceUp)
    assert sample.values == tuple(tenths / 10 for tenths in range(-50, 110, 10))
    assert sample.stable is None
    assert {(asked.function, asked.address) for asked in boards.asked} == {(HOLDING, 0)}


async def test_register_word_order_sign_and_divisor_are_the_configurations(address: PortAddress, boards: Boards) -> None:
    await boards.put_registers(2, HOLDING, 7, 0xFF9C, 0xFFFF)
    inbox = Inbox()
    async with running(inbox, a_scale(address, unit=2, register=7, words="little", signed=False, divisor=100.0)):
        sample = await inbox.next(WeightReading)
    assert sample.values == (42949671.96,)


async def test_a_channel_at_the_end_of_its_range_is_a_fault_with_every_sample_and_the_others_go_on(
    address: PortAddress, boards: Boards
) -> None:
    await boards.put_registers(1, HOLDING, 0, *words(1000, 0x7FFFFFFF))
    inbox = Inbox()
    async with running(inbox, a_scale(address, channels=2)):
        await inbox.until(lambda: len(inbox.of(WeightReading)) >= 3)
        sample = inbox.of(WeightReading)[0]
        assert sample.values[0] == 100.0
        assert math.isnan(sample.values[1])
        assert [(fault.fault, fault.channel) for fault in inbox.of(FaultReading)[:3]] == [("saturated", 2)] * 3
        await boards.put_registers(1, HOLDING, 2, *words(500))
        await inbox.next(WeightReading, lambda reading: reading.values == (100.0, 50.0))


async def test_a_transmitter_whose_amplifier_has_failed_is_there_without_a_weight(address: PortAddress, boards: Boards) -> None:
    boards.refusal = 4
    inbox = Inbox()
    async with running(inbox, a_scale(address, channels=2)):
        await inbox.until(lambda: len(inbox.of(WeightReading)) >= 2)
        assert all(math.isnan(value) for reading in inbox.of(WeightReading) for value in reading.values)
        assert {(fault.fault, fault.channel) for fault in inbox.of(FaultReading)} == {("no_answer", None)}
        boards.refusal = None
        await inbox.next(WeightReading, lambda reading: reading.values == (0.0, 0.0))
    assert len(inbox.of(DeviceUp)) == 1


@pytest.mark.parametrize("code", [1, 2, 3])
async def test_a_wrong_configuration_is_refused_with_its_code(code: int, address: PortAddress, boards: Boards) -> None:
    boards.refusal = code
    for driver in (a_scale(address), a_thermometer(address)):
        with pytest.raises(DeviceRefused) as refused:
            await driver.run(Inbox())
        assert refused.value.code == str(code)


async def test_answers_lost_on_the_line_are_lost_samples_and_noise(address: PortAddress, cable: Cable, boards: Boards) -> None:
    await boards.put_registers(1, HOLDING, 0, *words(1000))
    inbox = Inbox()
    async with running(inbox, a_scale(address)):
        await inbox.next(WeightReading)
        cable.noise = spoil(every=3)
        await inbox.until(lambda: sum(reading.lost for reading in inbox.of(WeightReading)) >= 3)
        await inbox.next(NoiseReading)
    assert {reading.values for reading in inbox.of(WeightReading)} == {(100.0,)}
    assert inbox.of(WeightReading)[0].lost == 0


async def test_samples_come_at_the_rate_of_the_configuration(address: PortAddress) -> None:
    inbox = Inbox()
    async with running(inbox, a_scale(address, rate_hz=10.0)):
        await inbox.until(lambda: len(inbox.of(WeightReading)) >= 12)
    spacings = sorted(later.at - earlier.at for earlier, later in pairwise(inbox.of(WeightReading)))
    assert spacings[len(spacings) // 2] >= 0.09


async def test_a_line_with_scale_thermometer_and_input_serves_them_all(address: PortAddress, boards: Boards) -> None:
    await boards.put_registers(1, HOLDING, 0, *words(1000))
    await boards.put_registers(2, INPUT_REGISTERS, 1, 0x0131)
    fire = ModbusInput(id="fire", zones=("z",), kind="fire", driver="modbus-relay", port=address, unit=2, input=5)
    inbox = Inbox()
    async with running(inbox, a_scale(address), a_thermometer(address, unit=2), ModbusRelayInput(fire)):
        await inbox.until(lambda: len(inbox.of(TemperatureReading)) >= 2 and len(inbox.of(WeightReading)) >= 10)
        await boards.input(2, 5, closed=True)
        await inbox.next(InputReading, lambda reading: reading.active)
    assert boards.connections <= 1


@pytest.mark.parametrize(("register", "divisor", "celsius"), [(0x0131, 10.0, 30.5), (0xFF33, 10.0, -20.5), (0x0BEA, 100.0, 30.5)])
async def test_a_temperature_is_read_from_its_register(
    register: int, divisor: float, celsius: float, address: PortAddress, boards: Boards
) -> None:
    await boards.put_registers(1, INPUT_REGISTERS, 9, register)
    inbox = Inbox()
    async with running(inbox, a_thermometer(address, register=9, divisor=divisor)):
        reading = await inbox.next(TemperatureReading)
    assert reading.celsius == celsius
    assert isinstance(inbox.readings[0], DeviceUp)


async def test_what_no_sensor_can_measure_is_a_fault_and_the_device_stays(
    address: PortAddress, boards: Boards, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(modbus_thermometer, "RETRY_S", 0.05)
    await boards.put_registers(1, INPUT_REGISTERS, 1, 0x8000)
    inbox = Inbox()
    async with running(inbox, a_thermometer(address, every_s=60.0)):
        fault = await inbox.next(FaultReading)
        assert (fault.fault, fault.channel) == ("out_of_range", None)
        assert "-3276.8" in fault.detail
        await boards.put_registers(1, INPUT_REGISTERS, 1, 0x0131)
        assert (await inbox.next(TemperatureReading)).celsius == 30.5
    assert len(inbox.of(DeviceUp)) == 1


async def test_a_thermometer_that_is_asked_seldom_is_not_lost_for_one_answer_that_did_not_come(
    address: PortAddress, boards: Boards, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its silence begins with the question, not with the answer before the last pause."""
    monkeypatch.setattr(modbus_port, "SILENCE_S", 0.9)
    inbox = Inbox()
    async with running(inbox, a_thermometer(address)) as (task,):
        await inbox.next(TemperatureReading)
        asked = len(boards.asked)
        boards.silent.add(1)
        await boards.until_asked(asked + 1)
        boards.silent.clear()
        await inbox.next(TemperatureReading)
        assert not task.done()


async def test_a_silent_thermometer_does_not_cost_a_slow_neighbour_the_line(
    address: PortAddress, boards: Boards, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The neighbour has not been asked for longer than it takes to call the other one silent."""
    monkeypatch.setattr(modbus_port, "SILENCE_S", 0.8)
    inbox = Inbox()
    async with running(inbox, a_thermometer(address, id="slow", unit=2, every_s=6.0)) as (slow,):
        await inbox.next(TemperatureReading)
        boards.silent.add(1)
        with pytest.raises(DeviceSilent):
            await a_thermometer(address).run(Inbox())
        await inbox.next(TemperatureReading)
        assert not slow.done()


async def test_a_thermometer_without_power_is_silent(address: PortAddress, boards: Boards, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(modbus_port, "SILENCE_S", 1.0)
    inbox = Inbox()
    boards.silent.add(1)
    async with asyncio.timeout(30):
        with pytest.raises(DeviceSilent):
            await a_thermometer(address).run(inbox)
    assert inbox.of(DeviceUp) == []
