from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest
import serial

from device.domain.layout import ModbusInput, ModbusLock
from device.domain.port import PortAddress, SerialAddress, TcpAddress
from device.domain.readings import ContactReading, DeviceUp, InputReading, LockOutcome, NoiseReading
from device.drivers.modbus_relay import ModbusRelayInput, ModbusRelayLock
from device.errors import DeviceGone, DeviceRefused, DeviceSilent
from device.ports.loopback import free_port
from device.wire.modbus import crc16
from tests.drivers.inbox import LIMIT_S, Inbox, running
from tests.drivers.modbus_peer import WRITE_COIL, Boards, Cable, spoil

CONTACT, BOLT, EXIT, FAR, RELAY = 0, 1, 2, 60, 3


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


def a_lock(address: PortAddress, **options: object) -> ModbusRelayLock:
    entry = {"id": "lock", "zone": "z", "driver": "modbus-relay", "port": address, "relay": RELAY, "contact": CONTACT, **options}
    return ModbusRelayLock(ModbusLock.model_validate(entry))


def an_input(address: PortAddress, **options: object) -> ModbusRelayInput:
    entry = {"id": "input", "zones": ["z"], "kind": "fire", "driver": "modbus-relay", "port": address, "input": 5, **options}
    return ModbusRelayInput(ModbusInput.model_validate(entry))


async def outcome(inbox: Inbox, order: int) -> LockOutcome:
    """What came of an order, now or later."""
    await inbox.until(lambda: any(each.order == order for each in inbox.of(LockOutcome)))
    (found,) = [each for each in inbox.of(LockOutcome) if each.order == order]
    return found


async def test_a_lock_is_up_once_its_board_has_answered_and_says_how_it_is(address: PortAddress, boards: Boards) -> None:
    await boards.input(1, CONTACT, closed=True)
    inbox = Inbox()
    async with running(inbox, a_lock(address, bolt=BOLT, exit_button=EXIT)):
        first = await inbox.next(ContactReading)
    assert isinstance(inbox.readings[0], DeviceUp)
    assert first[2:] == (False, True, False, False)


async def test_the_wires_that_a_lock_does_not_have_are_none(address: PortAddress) -> None:
    inbox = Inbox()
    async with running(inbox, a_lock(address)):
        first = await inbox.next(ContactReading)
    assert (first.bolt_locked, first.exit_pressed) == (None, None)


async def test_every_wire_tells_its_change(address: PortAddress, boards: Boards) -> None:
    inbox = Inbox()
    async with running(inbox, a_lock(address, bolt=BOLT, exit_button=FAR)):
        await inbox.next(ContactReading)
        await boards.input(1, CONTACT, closed=True)
        assert (await inbox.next(ContactReading, lambda r: r.closed is True)).bolt_locked is False
        await boards.input(1, BOLT, closed=True)
        assert (await inbox.next(ContactReading, lambda r: r.bolt_locked is True)).exit_pressed is False
        await boards.input(1, FAR, closed=True)
        assert (await inbox.next(ContactReading, lambda r: r.exit_pressed is True)).closed is True


async def test_wires_that_are_near_are_read_with_one_question(address: PortAddress, boards: Boards) -> None:
    inbox = Inbox()
    async with running(inbox, a_lock(address, bolt=BOLT, exit_button=EXIT)):
        await inbox.next(ContactReading)
        await inbox.next(ContactReading)
    assert {asked.address for asked in boards.asked if asked.function == 2} == {CONTACT}


async def test_a_contact_that_is_closed_while_the_door_is_open(address: PortAddress, boards: Boards) -> None:
    inbox = Inbox()
    async with running(inbox, a_lock(address, contact_normally="closed")):
        assert (await inbox.next(ContactReading)).closed is True
        await boards.input(1, CONTACT, closed=True)
        await inbox.next(ContactReading, lambda r: r.closed is False)


async def test_a_reading_is_repeated_when_nothing_changes(address: PortAddress) -> None:
    inbox = Inbox()
    async with running(inbox, a_lock(address)):
        await inbox.until(lambda: len(inbox.of(ContactReading)) >= 3)
    first, second, third = inbox.of(ContactReading)[:3]
    assert first[2:] == second[2:] == third[2:]
    assert second.at - first.at >= 1.0
    assert third.at - second.at >= 1.0


@pytest.mark.parametrize(("fail", "energised"), [("secure", True), ("safe", False)])
async def test_an_order_moves_the_relay_and_is_read_back(fail: str, energised: bool, address: PortAddress, boards: Boards) -> None:
    await boards.put_relay(1, RELAY, not energised)
    inbox = Inbox()
    lock = a_lock(address, fail=fail)
    async with running(inbox, lock):
        assert (await inbox.next(ContactReading)).unlocked is False
        lock.drive(1, unlock=True)
        assert (await outcome(inbox, 1)).ok
        assert await boards.relay(1, RELAY) is energised
        await inbox.next(ContactReading, lambda r: r.unlocked is True)
        lock.drive(2, unlock=False)
        assert (await outcome(inbox, 2)).ok
        assert await boards.relay(1, RELAY) is not energised
        await inbox.next(ContactReading, lambda r: r.unlocked is False)


async def test_a_relay_that_others_move_is_seen(address: PortAddress, boards: Boards) -> None:
    inbox = Inbox()
    async with running(inbox, a_lock(address)):
        await inbox.next(ContactReading)
        await boards.put_relay(1, RELAY, on=True)
        await inbox.next(ContactReading, lambda r: r.unlocked is True)


async def test_a_relay_that_does_not_move_is_no_success(address: PortAddress, boards: Boards) -> None:
    boards.stuck_relays = True
    inbox = Inbox()
    lock = a_lock(address)
    async with running(inbox, lock):
        await inbox.next(ContactReading)
        lock.drive(4, unlock=True)
        found = await outcome(inbox, 4)
    assert (found.ok, found.reason) == (False, "the relay reads back off")


async def test_a_board_that_refuses_an_order_is_quoted_and_stays_up(address: PortAddress, boards: Boards) -> None:
    inbox = Inbox()
    lock = a_lock(address)
    async with running(inbox, lock):
        await inbox.next(ContactReading)
        boards.refusal, boards.refused = 4, {WRITE_COIL}
        lock.drive(5, unlock=True)
        found = await outcome(inbox, 5)
        boards.refusal = None
        lock.drive(6, unlock=True)
        assert (await outcome(inbox, 6)).ok
    assert not found.ok
    assert "exception 4" in found.reason


async def test_eight_orders_wait_and_more_are_refused(address: PortAddress, boards: Boards) -> None:
    inbox = Inbox()
    lock = a_lock(address)
    async with running(inbox, lock):
        await inbox.next(ContactReading)
        for order in range(10):
            lock.drive(order, unlock=order % 2 == 0)
        await inbox.until(lambda: len(inbox.of(LockOutcome)) == 10)
    assert {o.order: o.reason for o in inbox.of(LockOutcome) if not o.ok} == {8: "busy", 9: "busy"}
    assert [o.order for o in inbox.of(LockOutcome) if o.ok] == list(range(8))
    assert await boards.relay(1, RELAY) is False


async def test_an_order_is_not_kept_over_a_reconnect(address: PortAddress, cable: Cable, boards: Boards) -> None:
    inbox = Inbox()
    lock = a_lock(address)
    async with asyncio.TaskGroup() as group:
        lost = group.create_task(fails(lock, inbox, DeviceGone))
        await inbox.next(ContactReading)
        cable.unplug()
        lock.drive(1, unlock=True)
        await lost
    assert (await outcome(inbox, 1)).reason == "gone"
    lock.drive(2, unlock=True)
    assert (await outcome(inbox, 2)).reason == "gone"
    cable.plug()
    async with running(inbox, lock):
        await inbox.next(ContactReading)
        await inbox.next(ContactReading)
    assert WRITE_COIL not in {asked.function for asked in boards.asked}
    assert await boards.relay(1, RELAY) is False


async def test_an_order_before_the_first_opening_is_refused_then(address: PortAddress, boards: Boards) -> None:
    inbox = Inbox()
    lock = a_lock(address)
    lock.drive(1, unlock=True)
    async with running(inbox, lock):
        await inbox.next(ContactReading)
    assert (await outcome(inbox, 1)).reason == "gone"
    assert await boards.relay(1, RELAY) is False


async def test_stopping_leaves_an_unlocked_relay_as_it_is_and_opening_too(address: PortAddress, boards: Boards) -> None:
    inbox = Inbox()
    lock = a_lock(address)
    async with running(inbox, lock):
        await inbox.next(ContactReading)
        lock.drive(1, unlock=True)
        assert (await outcome(inbox, 1)).ok
    assert await boards.relay(1, RELAY) is True
    boards.asked.clear()
    async with running(inbox, lock):
        assert (await inbox.next(ContactReading)).unlocked is True
    assert await boards.relay(1, RELAY) is True
    assert WRITE_COIL not in {asked.function for asked in boards.asked}


async def test_an_order_lost_on_the_wire_is_written_again(address: PortAddress, cable: Cable, boards: Boards) -> None:
    inbox = Inbox()
    lock = a_lock(address)
    async with running(inbox, lock):
        await inbox.next(ContactReading)
        swallowed: list[bytes] = []

        def swallow_one_confirmation(data: bytes) -> bytes:
            if data[1] == WRITE_COIL and not swallowed:
                swallowed.append(data)
                return b""
            return data

        cable.noise = swallow_one_confirmation
        lock.drive(1, unlock=True)
        assert (await outcome(inbox, 1)).ok
    assert swallowed
    assert sum(asked.function == WRITE_COIL for asked in boards.asked) == 2


@pytest.mark.parametrize(("normally", "at_rest"), [("closed", True), ("open", False)])
async def test_an_input_tells_its_meaning_and_a_cut_wire_is_an_alarm_where_it_is_normally_closed(
    normally: str, at_rest: bool, address: PortAddress, boards: Boards
) -> None:
    inbox = Inbox()
    async with running(inbox, an_input(address, normally=normally)):
        assert (await inbox.next(InputReading)).active is at_rest
        await boards.input(1, 5, closed=True)
        await inbox.next(InputReading, lambda r: r.active is not at_rest)


async def test_devices_on_one_port_share_it(address: PortAddress, boards: Boards) -> None:
    await boards.input(2, 5, closed=True)
    inbox = Inbox()
    lock = a_lock(address)
    async with running(inbox, lock, an_input(address, id="one"), an_input(address, id="two", unit=2)):
        await inbox.until(lambda: bool(inbox.of(ContactReading) and inbox.of(InputReading, "one") and inbox.of(InputReading, "two")))
        lock.drive(1, unlock=True)
        assert (await outcome(inbox, 1)).ok
    assert [inbox.of(InputReading, name)[0].active for name in ("one", "two")] == [False, True]


async def test_wrong_sums_are_counted_and_nothing_else_comes_of_them(address: PortAddress, cable: Cable, boards: Boards) -> None:
    inbox = Inbox()
    async with running(inbox, a_lock(address)) as (task,):
        await inbox.next(ContactReading)
        cable.noise = spoil(every=2)
        await inbox.until(lambda: len(inbox.of(NoiseReading)) >= 2)
        assert not task.done()
        cable.noise = lambda data: data
        await boards.input(1, CONTACT, closed=True)
        await inbox.next(ContactReading, lambda r: r.closed is True)
    first, second = inbox.of(NoiseReading)[:2]
    assert first.pieces >= 1
    assert second.at - first.at >= 1.0
    assert {r.closed for r in inbox.of(ContactReading)[:-1]} == {False}


async def test_babble_between_two_questions_is_noise(address: PortAddress, cable: Cable) -> None:
    inbox = Inbox()
    async with running(inbox, a_lock(address)):
        await inbox.next(ContactReading)
        cable.say(b"boot loader v1.2 ready\r\n")
        noise = await inbox.next(NoiseReading)
        await inbox.next(ContactReading)
    assert noise.pieces == 1
    assert "text" in noise.hint


async def test_a_board_that_answers_for_another_is_not_believed(address: PortAddress, cable: Cable, boards: Boards) -> None:
    await boards.input(1, 5, closed=True)
    inbox = Inbox()

    def as_unit_2(data: bytes) -> bytes:
        body = b"\x02" + data[1:-2]
        return body + crc16(body)

    cable.noise = as_unit_2
    with pytest.raises(DeviceSilent):
        await an_input(address).run(inbox)
    assert inbox.of(NoiseReading)
    assert not inbox.of(InputReading)


async def test_a_silent_unit_is_lost_and_costs_the_others_little(address: PortAddress, boards: Boards) -> None:
    inbox = Inbox()
    async with running(inbox, a_lock(address)):
        await inbox.next(ContactReading)
        boards.silent.add(2)
        boards.asked.clear()
        with pytest.raises(DeviceSilent) as silent:
            await an_input(address, unit=2).run(inbox)
        asked_in_vain = boards.count(2)
        await boards.input(1, CONTACT, closed=True)
        await inbox.next(ContactReading, lambda r: r.closed is True)
    assert silent.value.device == "input"
    assert 3 <= asked_in_vain <= 5
    assert boards.count(1) > asked_in_vain


async def test_a_unit_with_several_devices_is_spared_as_a_whole(address: PortAddress, boards: Boards) -> None:
    boards.silent.add(2)
    inbox = Inbox()
    async with asyncio.TaskGroup() as group:
        for number in range(6):
            group.create_task(fails(an_input(address, id=f"input-{number}", unit=2, input=number), inbox, DeviceSilent, DeviceGone))
    assert boards.count(2) <= 12


async def test_a_silent_unit_that_answers_again_is_found_by_the_next_run(address: PortAddress, boards: Boards) -> None:
    boards.silent.add(1)
    inbox = Inbox()
    lock = a_lock(address)
    with pytest.raises(DeviceSilent):
        await lock.run(inbox)
    boards.silent.clear()
    async with running(inbox, lock):
        await inbox.next(ContactReading)


async def test_a_refusal_of_the_board_ends_the_device_with_its_code(address: PortAddress, boards: Boards) -> None:
    boards.refusal = 2
    with pytest.raises(DeviceRefused) as refused:
        await a_lock(address).run(Inbox())
    assert refused.value.code == "2"


async def test_a_gateway_that_finds_nobody_behind_it_is_silence(address: PortAddress, boards: Boards) -> None:
    boards.refusal = 11
    with pytest.raises(DeviceSilent):
        await a_lock(address).run(Inbox())


async def test_a_board_that_is_busy_is_asked_again(address: PortAddress, boards: Boards) -> None:
    boards.refusal = 6
    inbox = Inbox()
    async with running(inbox, a_lock(address)):
        await boards.until_asked(5)
        assert not inbox.readings
        boards.refusal = None
        await inbox.next(ContactReading)


async def test_a_pulled_cable_is_told_to_every_device_and_a_new_one_is_found(address: PortAddress, cable: Cable, boards: Boards) -> None:
    inbox = Inbox()
    lock, alarm = a_lock(address), an_input(address)
    async with asyncio.TaskGroup() as group:
        for driver in (lock, alarm):
            group.create_task(fails(driver, inbox, DeviceGone))
        await inbox.until(lambda: bool(inbox.of(ContactReading) and inbox.of(InputReading)))
        cable.unplug()
    with pytest.raises(DeviceGone) as gone:
        await lock.run(inbox)
    assert "no such port" in gone.value.reason
    cable.plug()
    async with running(inbox, lock, alarm):
        await inbox.next(ContactReading)
        await inbox.next(InputReading)


async def test_a_port_that_another_program_uses_is_gone(address: PortAddress, cable: Cable) -> None:
    with serial.Serial(str(cable.path), exclusive=True), pytest.raises(DeviceGone) as gone:
        await a_lock(address).run(Inbox())
    assert "open in another program" in gone.value.reason


async def test_a_file_that_is_no_port_is_gone(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DeviceGone):
        await a_lock(SerialAddress(str(tmp_path / "file"))).run(Inbox())


async def test_over_tcp_it_is_the_same(boards: Boards) -> None:
    async with boards.on_tcp() as address:
        inbox = Inbox()
        lock = a_lock(address)
        async with running(inbox, lock, an_input(address, normally="closed")):
            await inbox.until(lambda: bool(inbox.of(ContactReading) and inbox.of(InputReading)))
            lock.drive(1, unlock=True)
            assert (await outcome(inbox, 1)).ok
            assert await boards.relay(1, RELAY) is True
            await boards.input(1, CONTACT, closed=True)
            await inbox.next(ContactReading, lambda r: r.closed is True)


async def test_over_tcp_a_server_that_hangs_up_is_gone_and_found_again() -> None:
    port = free_port()
    inbox = Inbox()
    lock = a_lock(TcpAddress("127.0.0.1", port))
    async with asyncio.TaskGroup() as group:
        async with Boards([1]).on_tcp(port):
            lost = group.create_task(fails(lock, inbox, DeviceGone))
            await inbox.next(ContactReading)
        await lost
    with pytest.raises(DeviceGone) as gone:
        await lock.run(inbox)
    assert "no connection" in gone.value.reason
    async with Boards([1]).on_tcp(port), running(inbox, lock):
        await inbox.next(ContactReading)


async def test_over_tcp_a_silent_unit_does_not_cost_the_others_their_connection(boards: Boards) -> None:
    boards.silent.add(2)
    async with boards.on_tcp() as address:
        inbox = Inbox()
        async with running(inbox, a_lock(address)) as (task,):
            for _ in range(2):
                with pytest.raises(DeviceSilent):
                    await an_input(address, unit=2).run(inbox)
            assert not task.done()
            await boards.input(1, CONTACT, closed=True)
            await inbox.next(ContactReading, lambda r: r.closed is True)


async def test_over_tcp_a_line_on_which_nobody_answers_is_opened_anew(boards: Boards) -> None:
    boards.silent |= {1, 2}
    async with boards.on_tcp() as address:
        inbox = Inbox()
        lock = a_lock(address)
        await fails(lock, inbox, DeviceSilent)
        await fails(lock, inbox, DeviceSilent)
    assert boards.connections == 2


async def test_over_tcp_nonsense_does_not_end_the_connection() -> None:
    """A server that sends a frame of a unit that nobody asked, then rubbish, then nothing."""
    asked = 0
    hung_up = asyncio.Event()

    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        while request := await reader.read(64):
            asked += 1
            writer.write(request[:2] + bytes.fromhex("0000 0004 01 63 00 00") + b"\xff" * 20)
        writer.close()
        hung_up.set()

    server = await asyncio.start_server(babble, "127.0.0.1", 0)
    async with server:
        inbox = Inbox()
        with pytest.raises(DeviceSilent):
            await an_input(TcpAddress("127.0.0.1", server.sockets[0].getsockname()[1])).run(inbox)
        await hung_up.wait()
    assert asked >= 3
    assert inbox.of(NoiseReading)


async def test_while_the_inbox_is_full_the_port_is_left_alone(address: PortAddress, boards: Boards) -> None:
    full, free = Inbox(), Inbox()
    full.close_door()
    async with running(full, an_input(address)), running(free, an_input(address, id="other", unit=2)):
        await free.until(lambda: len(free.of(InputReading)) >= 2)
        assert boards.count(1) == 0
        full.open_door()
        await full.next(InputReading)


async def test_a_driver_can_be_stopped_at_every_moment_of_an_exchange(address: PortAddress, cable: Cable, boards: Boards) -> None:
    inbox = Inbox()
    lock = a_lock(address)
    open_before = psutil.Process().num_fds()
    for steps in range(120):
        async with asyncio.TaskGroup() as group:
            task = group.create_task(lock.run(inbox))
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            async with asyncio.timeout(LIMIT_S):
                await asyncio.wait({task})
        assert task.cancelled()
        assert psutil.Process().num_fds() == open_before
    async with running(inbox, lock):
        await inbox.next(ContactReading)


@pytest.mark.parametrize("turns", range(6))
async def test_a_cancellation_that_comes_with_the_answer_is_not_lost(turns: int, address: PortAddress, cable: Cable) -> None:
    """It comes so many turns of the event loop after the answer was put on the cable: at one of them the driver is about to have it."""
    inbox = Inbox()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(an_input(address).run(inbox))
        await inbox.next(InputReading)
        loop = asyncio.get_running_loop()
        answers = 0

        def stop_soon(left: int) -> None:
            if left:
                loop.call_soon(stop_soon, left - 1)
            else:
                task.cancel()

        def stop_as_it_arrives(data: bytes) -> bytes:
            nonlocal answers
            answers += 1
            if answers == 1:
                stop_soon(turns)
            return data

        cable.noise = stop_as_it_arrives
        async with asyncio.timeout(LIMIT_S):
            await asyncio.wait({task})
    assert task.cancelled()
    assert answers == 1


def test_no_driver_on_modbus_loads_what_the_other_end_of_these_tests_is_made_of() -> None:
    code = "import sys, device.supervise, device.drivers.modbus_relay, device.drivers.modbus_loadcell, device.drivers.modbus_thermometer"
    code += "; sys.exit('pymodbus' in sys.modules or 'gpiozero' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=30).returncode == 0


async def fails(driver: ModbusRelayLock | ModbusRelayInput, inbox: Inbox, *kinds: type[Exception]) -> None:
    """Run a driver that must end with one of these errors."""
    with pytest.raises(kinds):
        await driver.run(inbox)
