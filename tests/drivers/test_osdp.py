"""OSDP devices: libosdp's own peripheral device at the other end of a pseudo-terminal, over a secure channel."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from device.domain.layout import OsdpInput, OsdpLock, OsdpReader
from device.domain.osdp_key import parse_osdp_key
from device.domain.readings import CodeReading, ContactReading, DeviceUp, InputReading, LockOutcome, NoiseReading
from device.drivers.osdp import OsdpInputDriver, OsdpLockDriver, OsdpReaderDriver
from device.errors import DeviceGone, DeviceRefused, DeviceSilent
from firmware_sims.faults import Babble, Faulty, Freeze
from firmware_sims.osdp import OsdpDevice
from firmware_sims.serve import PtyLink, Rig
from firmware_sims.sim import Bus
from tests.drivers.inbox import Inbox, running

KEY = "8A1F6B02C94D37E5A0B19C83D276F54E"
CONTACT, BOLT, EXIT, RELAY = 0, 1, 2, 3


class Door:
    """One device with its wires."""

    def __init__(self, address: int = 5, key: str = KEY) -> None:
        self.wires = [False] * 4
        self.moved: list[tuple[int, bool]] = []
        self.device = OsdpDevice(
            address,
            bytes.fromhex(key),
            inputs=[lambda number=number: self.wires[number] for number in range(4)],  # type: ignore[misc]
            output_moved=lambda output, on: self.moved.append((output, on)),
        )
        self.moved.clear()
        self.faulty = Faulty(self.device)


@pytest.fixture
def door() -> Door:
    return Door()


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    file = tmp_path / "door.key"
    file.write_text(KEY + "\n")
    return file


@pytest.fixture
async def link(door: Door, tmp_path: Path) -> AsyncIterator[PtyLink]:
    async with Rig() as rig:
        yield rig.pty(door.faulty, tmp_path / "port")


def a_lock(link: PtyLink, key_file: Path, **options: object) -> OsdpLockDriver:
    entry = {"id": "lock", "zone": "z", "driver": "osdp", "address": 5, "relay": RELAY, "contact": CONTACT, **options}
    return OsdpLockDriver(OsdpLock.model_validate({**entry, "port": link.port, "key_file": key_file}))


def a_reader(link: PtyLink, key_file: Path, **options: object) -> OsdpReaderDriver:
    entry = {"id": "reader", "zone": "z", "driver": "osdp", "address": 5, "port": link.port, "key_file": key_file, **options}
    return OsdpReaderDriver(OsdpReader.model_validate(entry))


def an_input(link: PtyLink, key_file: Path, **options: object) -> OsdpInputDriver:
    entry = {"id": "fire", "zones": ["z"], "kind": "fire", "driver": "osdp", "address": 5, "input": 3, **options}
    return OsdpInputDriver(OsdpInput.model_validate({**entry, "port": link.port, "key_file": key_file}))


async def test_a_lock_is_up_over_a_secure_channel_and_tells_its_wires(link: PtyLink, key_file: Path, door: Door) -> None:
    door.wires[CONTACT] = True
    inbox = Inbox()
    async with running(inbox, a_lock(link, key_file, bolt=BOLT, exit_button=EXIT)):
        first = await inbox.next(ContactReading)
        assert door.device.secure
        assert first[2:] == (None, True, False, False)
        for place, wire in ((3, CONTACT), (4, BOLT), (5, EXIT)):
            door.wires[wire] = not door.wires[wire]
            await inbox.next(ContactReading, lambda reading, place=place, wire=wire: reading[place] is door.wires[wire])  # type: ignore[misc]
    (up,) = inbox.of(DeviceUp)
    assert up.firmware == "1.2.3, vendor FEBABE, serial DEADBEAF"


@pytest.mark.parametrize(("fail", "energised"), [("secure", True), ("safe", False)])
async def test_an_order_moves_the_output_and_is_confirmed(link: PtyLink, key_file: Path, door: Door, fail: str, energised: bool) -> None:
    inbox = Inbox()
    lock = a_lock(link, key_file, fail=fail)
    async with running(inbox, lock):
        await inbox.next(ContactReading)
        assert door.moved == []
        lock.drive(7, unlock=True)
        outcome = await inbox.next(LockOutcome)
        assert (outcome.order, outcome.ok, outcome.reason) == (7, True, "")
        assert door.moved == [(RELAY, energised)]
        assert (await inbox.next(ContactReading, lambda reading: reading.unlocked is not None)).unlocked is True
        lock.drive(8, unlock=False)
        assert (await inbox.next(LockOutcome)).ok
        assert door.moved[-1] == (RELAY, not energised)
        await inbox.next(ContactReading, lambda reading: reading.unlocked is False)
    assert len(door.moved) == 2, "nothing is written on opening or closing"


async def test_lock_reader_and_input_of_one_device_share_it(link: PtyLink, key_file: Path, door: Door) -> None:
    inbox = Inbox()
    lock = a_lock(link, key_file)
    async with running(inbox, a_reader(link, key_file), lock, an_input(link, key_file, normally="closed")):
        await inbox.until(lambda: len(inbox.of(DeviceUp)) == 3)
        assert (await inbox.next(InputReading)).active
        door.device.show("212:7041")
        assert (await inbox.next(CodeReading)).text == "212:07041"
        lock.drive(1, unlock=True)
        assert (await inbox.next(LockOutcome)).ok
        door.wires[3] = True
        await inbox.next(InputReading, lambda reading: not reading.active)
    assert {reading.device for reading in inbox.of(CodeReading)} == {"reader"}


async def test_a_card_with_a_wrong_parity_is_noise_and_a_key_is_nothing(link: PtyLink, key_file: Path, door: Door) -> None:
    inbox = Inbox()
    async with running(inbox, a_reader(link, key_file)):
        await inbox.until(lambda: bool(inbox.of(DeviceUp)))
        door.device.show("11101010000011011100000000"[:26])
        await inbox.next(NoiseReading)
        door.device.show("0101")
        door.device.show("101:4095")
        assert (await inbox.next(CodeReading)).text == "101:04095"
    assert len(inbox.of(CodeReading)) == 1


async def test_several_devices_on_a_line_and_one_that_is_silent_does_not_stop_the_other(tmp_path: Path, key_file: Path) -> None:
    near, far = Door(5), Door(6)
    async with Rig() as rig:
        link = rig.pty(Bus([near.faulty, far.faulty]), tmp_path / "port")
        inbox = Inbox()
        lock = a_lock(link, key_file)
        other = a_reader(link, key_file, id="other", address=6)
        async with running(inbox, lock) as (task,):
            await inbox.until(lambda: bool(inbox.of(DeviceUp, "lock")))
            async with running(inbox, other):
                await inbox.until(lambda: bool(inbox.of(DeviceUp, "other")))
                far.device.show("212:7041")
                await inbox.next(CodeReading)
            far.faulty.add("frozen", Freeze())
            with pytest.raises(DeviceSilent):
                await other.run(Inbox())
            near.wires[CONTACT] = True
            await inbox.next(ContactReading, lambda reading: reading.closed is True)
            far.faulty.clear()
            async with running(inbox, other):
                await inbox.until(lambda: len(inbox.of(DeviceUp, "other")) == 2)
            assert not task.done()


async def test_a_device_with_another_key_is_refused_and_that_is_said(tmp_path: Path, key_file: Path) -> None:
    async with Rig() as rig:
        link = rig.pty(Door(key="00112233445566778899AABBCCDDEEFF").faulty, tmp_path / "port")
        with pytest.raises(DeviceRefused, match="secure channel: is the key right"):
            await a_lock(link, key_file).run(Inbox())


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("303132333435363738393A3B3C3D3E3F", "default key"),
        ("00" * 16, "one byte sixteen times"),
        ("8A1F", "32 hexadecimal digits"),
        ("", "32 hexadecimal digits"),
        ("z" * 32, "32 hexadecimal digits"),
    ],
)
async def test_no_key_but_one_of_its_own_is_used(link: PtyLink, key_file: Path, content: str, reason: str) -> None:
    key_file.write_text(content)  # noqa: ASYNC240
    with pytest.raises(DeviceRefused, match=reason):
        await a_lock(link, key_file).run(Inbox())
    with pytest.raises(ValueError, match=reason):
        parse_osdp_key(content)


async def test_a_key_file_that_is_gone_is_said(link: PtyLink, key_file: Path) -> None:
    key_file.unlink()  # noqa: ASYNC240
    with pytest.raises(DeviceRefused, match=r"door\.key: No such file"):
        await a_lock(link, key_file).run(Inbox())


async def test_a_device_that_starts_anew_is_taken_up_again_in_time(link: PtyLink, key_file: Path, door: Door) -> None:
    inbox = Inbox()
    lock = a_lock(link, key_file)
    async with asyncio.timeout(15.0):
        async with asyncio.TaskGroup() as group:
            task = group.create_task(_failing(lock, inbox))
            await inbox.next(ContactReading)
            door.device.power_cycle()
            await asyncio.wait([task])
        assert isinstance(task.result(), DeviceSilent | DeviceRefused)
        async with running(inbox, lock):
            await inbox.next(ContactReading)


async def _failing(lock: OsdpLockDriver, inbox: Inbox) -> OSError | None:
    try:
        await lock.run(inbox)
    except OSError as error:
        return error
    return None


async def test_orders_that_wait_when_the_line_is_lost_are_refused(link: PtyLink, key_file: Path, door: Door) -> None:
    inbox = Inbox()
    lock = a_lock(link, key_file)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(_failing(lock, inbox))
        await inbox.next(ContactReading)
        door.faulty.add("frozen", Freeze())
        for number in range(3):
            lock.drive(number, unlock=True)
        link.unplug()
        await asyncio.wait([task])
    assert isinstance(task.result(), DeviceGone)
    assert [(outcome.order, outcome.ok) for outcome in inbox.of(LockOutcome)] == [(0, False), (1, False), (2, False)]
    assert door.moved == []


async def test_noise_is_counted_and_the_channel_stands(link: PtyLink, key_file: Path, door: Door) -> None:
    inbox = Inbox()
    async with running(inbox, a_lock(link, key_file)) as (task,):
        await inbox.next(ContactReading)
        door.faulty.add("noise", Babble())
        await inbox.until(lambda: len(inbox.of(NoiseReading)) >= 2)
        door.faulty.clear()
        door.wires[CONTACT] = True
        await inbox.next(ContactReading, lambda reading: reading.closed is True)
        assert not task.done()


async def test_a_device_that_joins_later_has_the_line_opened_anew(link: PtyLink, key_file: Path, door: Door) -> None:
    """It does not happen in the daemon, which makes all its drivers first."""
    inbox = Inbox()
    lock = a_lock(link, key_file)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(_failing(lock, inbox))
        await inbox.next(ContactReading)
        late = a_reader(link, key_file, id="late", address=9)
        with pytest.raises(DeviceGone, match="opened anew"):
            await late.run(inbox)
        await asyncio.wait([task])
    assert isinstance(task.result(), DeviceGone)
