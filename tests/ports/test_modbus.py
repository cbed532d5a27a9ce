"""The line itself, against pymodbus's servers on a cable and on TCP: what is sent, what is waited for, what is believed."""

from __future__ import annotations

import asyncio
import os
import termios
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from itertools import pairwise
from pathlib import Path

import pytest

from device.domain.port import PortAddress, SerialAddress, SysfsAddress, TcpAddress
from device.drivers import modbus_line
from device.drivers.modbus_line import coils_of, input_registers_of, inputs_of, put_coil, registers_of
from device.errors import DeviceGone, DeviceRefused, DeviceSilent
from device.ports import modbus as modbus_port
from device.ports.modbus import ModbusPort, Unit
from device.ports.turns import Place
from device.wire import modbus
from device.wire.modbus import crc16
from tests.drivers.modbus_peer import HOLDING, INPUT_REGISTERS, Boards, Cable


class Wire(Cable):
    """A cable that notes what goes over it and when, and can hold answers back, echo requests, and cut what it carries into pieces."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.passed: list[tuple[float, str]] = []
        self.held: list[bytes] = []
        self.hold: Callable[[bytes], bool] = lambda data: False
        self.holds = asyncio.Event()
        self.echo = False
        self.piece = 0
        self.before = b""
        self.noise = self._answered
        self._now = asyncio.get_running_loop().time

    def carried(self, data: bytes) -> None:
        self.passed.append((self._now(), "asked"))
        if self.echo:
            self.say(data)

    def say(self, data: bytes) -> None:
        self.passed.append((self._now(), "said"))
        super().say(data)

    def _answered(self, data: bytes) -> bytes:
        if self.hold(data):
            self.held.append(data)
            self.holds.set()
            return b""
        data = self.before + data
        if not self.piece:
            self.passed.append((self._now(), "said"))
            return data
        self._trickle(data)
        return b""

    def _trickle(self, data: bytes) -> None:
        self.say(data[: self.piece])
        if left := data[self.piece :]:
            asyncio.get_running_loop().call_soon(self._trickle, left)

    def gaps(self) -> list[float]:
        """Between what was last said and what was asked then."""
        return [later[0] - earlier[0] for earlier, later in pairwise(self.passed) if (earlier[1], later[1]) == ("said", "asked")]


@pytest.fixture
async def wire(tmp_path: Path) -> AsyncIterator[Wire]:
    wire = Wire(tmp_path)
    yield wire
    wire.close()


@pytest.fixture
def boards() -> Boards:
    return Boards([1, 2, 247])


@pytest.fixture
async def address(wire: Wire, boards: Boards) -> AsyncIterator[PortAddress]:
    async with boards.on_cable(wire) as address:
        yield address


@pytest.fixture(params=["rtu", "tcp"])
async def either(request: pytest.FixtureRequest, wire: Wire, boards: Boards) -> AsyncIterator[PortAddress]:
    async with boards.on_cable(wire) if request.param == "rtu" else boards.on_tcp() as address:
        yield address


def opened(address: PortAddress, number: int = 1) -> AbstractAsyncContextManager[Unit]:
    return modbus_line.port_of(address).unit("device", number, Place())


async def ask(unit: Unit, pdu: bytes) -> bytes | None:
    async with unit.turn():
        return await unit.ask(pdu)


async def ask_on(unit: Unit) -> None:
    """Until it is enough for the unit."""
    while True:
        await ask(unit, modbus.read(HOLDING, 0, 1))


async def test_every_request_is_understood_and_every_answer_too(either: PortAddress, boards: Boards) -> None:
    await boards.input(2, 9, closed=True)
    await boards.put_registers(2, INPUT_REGISTERS, 3, 0xFFFF, 1)
    async with opened(either, 2) as unit, unit.turn():
        assert await inputs_of(unit, 8, 10) == (False, True, *[False] * 8)
        assert await input_registers_of(unit, 3, 2) == (0xFFFF, 1)
        assert await put_coil(unit, 17, on=True)
        assert await unit.ask(modbus.write_coils(18, [False, True, True])) == bytes.fromhex("0F 0012 0003")
        assert await coils_of(unit, 16, 6) == (False, True, False, True, True, False)
        assert await unit.ask(modbus.write_register(5, 0xABCD)) == bytes.fromhex("06 0005 ABCD")
        assert await unit.ask(modbus.write_registers(6, [1, 0xFFFF])) == bytes.fromhex("10 0006 0002")
        assert await registers_of(unit, 4, 5) == (0, 0xABCD, 1, 0xFFFF, 0)
    assert {asked.unit for asked in boards.asked} == {2}
    assert [asked.function for asked in boards.asked] == [2, 4, 5, 15, 1, 6, 16, 3]


async def test_units_on_one_line_are_told_apart(either: PortAddress, boards: Boards) -> None:
    for number in (1, 2, 247):
        await boards.put_registers(number, HOLDING, 0, number)
    async with opened(either, 1) as one, opened(either, 2) as two, opened(either, 247) as last:

        async def told(unit: Unit) -> tuple[int, ...] | None:
            async with unit.turn():
                return await registers_of(unit, 0)

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(told(unit)) for unit in (one, two, last)]
    assert [task.result() for task in tasks] == [(1,), (2,), (247,)]
    assert boards.connections <= 1


@pytest.mark.parametrize("code", range(1, 12))
async def test_an_exception_is_told_by_code_and_name(code: int, either: PortAddress, boards: Boards) -> None:
    boards.refusal = 1
    if isinstance(either, TcpAddress):
        boards.spoil = lambda data: data[:-1] + bytes([code])
    else:
        boards.spoil = lambda data: data[:-3] + bytes([code]) + crc16(data[:-3] + bytes([code]))
    async with opened(either) as unit, unit.turn():
        if code in (5, 6, 10, 11):
            assert await coils_of(unit, 0) is None
            assert unit.noise == []
        else:
            with pytest.raises(DeviceRefused) as refused:
                await coils_of(unit, 0)
            assert refused.value.code == str(code)
            name = modbus.EXCEPTIONS.get(code)
            assert refused.value.reason == f"unit 1 answers reading coils with exception {code}" + (f" ({name})" if name else "")


async def test_a_unit_that_is_not_there_costs_one_time_out_and_is_rested(address: PortAddress, boards: Boards) -> None:
    boards.silent.add(2)
    async with opened(address, 2) as missing, opened(address) as there:
        for _ in range(5):
            assert await ask(missing, modbus.read(HOLDING, 0, 1)) is None
            assert await ask(there, modbus.read(HOLDING, 0, 1)) is not None
    assert boards.count(2) == 2
    assert boards.count(1) == 5


async def test_a_late_answer_is_thrown_away_before_the_next_question(address: PortAddress, wire: Wire, boards: Boards) -> None:
    await boards.put_registers(1, HOLDING, 0, 1111)
    await boards.put_registers(1, HOLDING, 1, 2222)
    async with opened(address) as unit:
        wire.hold = lambda data: not wire.held
        assert await ask(unit, modbus.read(HOLDING, 0, 1)) is None
        (late,) = wire.held
        wire.say(late)  # the loop has not seen it when the next question is asked
        answer = await ask(unit, modbus.read(HOLDING, 1, 1))
        assert answer is not None
        assert modbus.registers(answer) == (2222,)
        assert unit.noise == [late]


async def test_over_tcp_a_late_answer_is_none_to_the_next_question(boards: Boards) -> None:
    late: list[bytes] = []

    def hold_the_first_then_send_both(data: bytes) -> bytes:
        late.append(data)
        return b"" if len(late) == 1 else late[0] + data

    async with boards.on_tcp() as address, opened(address) as unit:
        await boards.put_registers(1, HOLDING, 0, 1111)
        await boards.put_registers(1, HOLDING, 1, 2222)
        boards.spoil = hold_the_first_then_send_both
        assert await ask(unit, modbus.read(HOLDING, 0, 1)) is None
        answer = await ask(unit, modbus.read(HOLDING, 1, 1))
        assert answer is not None
        assert modbus.registers(answer) == (2222,)
        assert unit.noise == [late[0]]


async def test_the_answer_to_a_question_whose_asker_has_left_meets_nobody(address: PortAddress, wire: Wire, boards: Boards) -> None:
    await boards.put_registers(1, HOLDING, 1, 2222)
    async with opened(address) as unit, opened(address) as other:
        wire.hold = lambda data: not wire.held
        async with asyncio.TaskGroup() as group:
            asking = group.create_task(ask(unit, modbus.read(HOLDING, 0, 1)))
            await wire.holds.wait()
            asking.cancel()
        wire.say(wire.held[0])
        answer = await ask(other, modbus.read(HOLDING, 1, 1))
        assert answer is not None
        assert modbus.registers(answer) == (2222,)


@pytest.mark.parametrize(("baud", "gap_s"), [(1200, 3.5 * 11 / 1200), (9600, 3.5 * 11 / 9600), (115_200, 0.00175)])
async def test_between_an_answer_and_the_next_question_the_line_is_silent(
    baud: int, gap_s: float, address: PortAddress, wire: Wire, boards: Boards
) -> None:
    async with opened(SerialAddress(str(wire.path), baud=baud)) as unit:
        for _ in range(4):
            assert await ask(unit, modbus.read(HOLDING, 0, 1)) is not None
        assert len(wire.gaps()) == 3
        assert min(wire.gaps()) >= gap_s


async def test_nothing_is_asked_into_what_others_say(address: PortAddress, wire: Wire, boards: Boards) -> None:
    async with opened(SerialAddress(str(wire.path), baud=300)) as unit:
        wire.say(b"boot")
        for _ in range(10):
            await asyncio.sleep(0)
        assert await ask(unit, modbus.read(HOLDING, 0, 1)) is not None
    assert min(wire.gaps()) >= 3.5 * 11 / 300


async def test_a_converter_that_echoes_is_heard_through(address: PortAddress, wire: Wire, boards: Boards) -> None:
    await boards.put_registers(1, HOLDING, 0, 1111)
    wire.echo = True
    async with opened(address) as unit, unit.turn():
        for _ in range(2):
            assert await registers_of(unit, 0) == (1111,)
            assert await put_coil(unit, 3, on=True)
            assert await coils_of(unit, 3) == (True,)
        assert unit.noise[0] == modbus.rtu_request(1, modbus.read(HOLDING, 0, 1))


async def test_the_echo_of_a_write_does_not_confirm_it(address: PortAddress, wire: Wire, boards: Boards) -> None:
    wire.echo = True
    async with opened(address) as unit, unit.turn():
        assert await coils_of(unit, 3) == (False,)
        boards.silent.add(1)
        assert not await put_coil(unit, 3, on=True)
        boards.silent.clear()
        wire.echo = False
        assert await coils_of(unit, 3) == (True,)
        assert await put_coil(unit, 3, on=False), "it is known again that the line does not echo"


@pytest.mark.parametrize("piece", [1, 3, 7])
@pytest.mark.parametrize("before", [b"", b"\x01\x03\x02", b"\x01" * 200, bytes(range(256)) * 10], ids=len)
async def test_an_answer_is_found_however_it_comes(piece: int, before: bytes, address: PortAddress, wire: Wire, boards: Boards) -> None:
    await boards.put_registers(1, HOLDING, 0, *range(1000, 1032))
    wire.piece, wire.before = piece, before
    async with opened(SerialAddress(str(wire.path), baud=300)) as unit, unit.turn():
        assert await registers_of(unit, 0, 32) == tuple(range(1000, 1032))
        assert unit.noise == ([before[-64:]] if before else [])


async def test_a_line_that_only_babbles_ends_in_silence_and_nothing_is_hoarded(
    address: PortAddress, wire: Wire, boards: Boards, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(modbus_port, "SILENCE_S", 0.5)
    wire.noise = lambda data: b"\x01\x03" * 1500
    async with opened(address) as unit:
        with pytest.raises(DeviceSilent):
            await ask_on(unit)
        assert unit.noise
        assert all(len(piece) <= 64 for piece in unit.noise)


@pytest.mark.parametrize(("baud", "speed"), [(None, termios.B9600), (19_200, termios.B19200)])
async def test_the_line_has_the_speed_of_its_address(
    baud: int | None, speed: int, address: PortAddress, wire: Wire, boards: Boards
) -> None:
    """Its parity goes the same way, through ``SerialPort``; a pseudo-terminal has none."""
    async with opened(SerialAddress(str(wire.path), baud=baud, parity="E", stopbits=2)) as unit:
        assert await ask(unit, modbus.read(HOLDING, 0, 1)) is not None
        descriptor = os.open(wire.path, os.O_RDWR | os.O_NOCTTY)
        try:
            _, _, control, _, _, found, _ = termios.tcgetattr(descriptor)
        finally:
            os.close(descriptor)
    assert found == speed
    assert control & termios.CSTOPB


async def test_a_cable_pulled_while_an_answer_is_awaited_is_told_at_once(address: PortAddress, wire: Wire, boards: Boards) -> None:
    wire.hold = lambda data: True
    async with opened(SerialAddress(str(wire.path), baud=300)) as unit:
        async with asyncio.TaskGroup() as group:
            asking = group.create_task(gone(unit))
            await boards.until_asked(1)
            wire.unplug()
        assert "hung up" in asking.result()
        assert await gone(unit) == asking.result()
    wire.plug()


async def gone(unit: Unit) -> str:
    with pytest.raises(DeviceGone) as error:
        await ask(unit, modbus.read(HOLDING, 0, 1))
    return error.value.reason


def test_modbus_goes_over_no_directory() -> None:
    with pytest.raises(TypeError):
        ModbusPort(SysfsAddress("/sys"), modbus.RTU)
