"""The shell on a real descriptor: back-pressure, time, bugs, cancellation."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from device.domain.port import SerialAddress
from device.domain.readings import CodeReading, DeviceUp, NoiseReading
from device.drivers.byte_device import ByteDevice
from device.drivers.dialogue import Dialogue, Turn
from device.drivers.line import LineDialogue
from device.errors import DeviceGone, DeviceSilent
from device.wire.line import Decoder
from tests.drivers.inbox import Inbox, running
from tests.ports.terminal import Terminal


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    terminal = Terminal(tmp_path / "ttyUSB0")
    yield terminal
    if terminal.path.is_symlink():
        terminal.unplug()


def reader(terminal: Terminal, name: str = "r") -> ByteDevice:
    return ByteDevice(name, SerialAddress(str(terminal.path)), 9600, lambda: LineDialogue(name, Decoder()))


def device(terminal: Terminal, dialogue: Dialogue) -> ByteDevice:
    return ByteDevice("d", SerialAddress(str(terminal.path)), 9600, lambda: dialogue)


def now() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Counting:
    """A dialogue that echoes, is called at a deadline of its own, and fails when told."""

    def __init__(self) -> None:
        self.deadline = math.inf
        self.heard = b""
        self.ticked: list[float] = []
        self.patience_s = math.inf

    def opened(self, at: float) -> Turn:
        self.deadline = at + self.patience_s
        return Turn([DeviceUp("d", at)])

    def received(self, data: bytes, at: float) -> Turn:
        self.heard += data
        if data == b"bug":
            raise ValueError("a bug of ours")
        if data:
            self.deadline = at + self.patience_s
        return Turn([CodeReading("d", at, data.decode("ascii"))] if data else [], data.upper())

    def tick(self, at: float) -> Turn:
        self.ticked.append(at)
        assert at >= self.deadline
        self.deadline = math.inf
        return Turn(failure=DeviceSilent("d", "nothing came"))


async def test_bytes_become_readings_and_answers_go_out(terminal: Terminal) -> None:
    inbox = Inbox()
    async with running(inbox, device(terminal, Counting())):
        await inbox.until(lambda: bool(inbox.of(DeviceUp)))
        terminal.say(b"hello")
        before = now()
        reading = await inbox.next(CodeReading)
        assert reading.text == "hello"
        assert 0 <= reading.at - before < 5
        assert await terminal.hears() == b"HELLO"


async def test_a_deadline_that_recedes_is_met_only_when_nothing_comes(terminal: Terminal) -> None:
    inbox, dialogue = Inbox(), Counting()
    dialogue.patience_s = 0.2
    begun = now()
    with pytest.raises(DeviceSilent):
        await device(terminal, dialogue).run(inbox)
    assert len(dialogue.ticked) == 1
    assert dialogue.ticked[0] >= begun + 0.2


async def test_a_full_inbox_leaves_the_port_alone_and_loses_nothing_afterwards(terminal: Terminal) -> None:
    inbox, dialogue = Inbox(), Counting()
    async with running(inbox, device(terminal, dialogue)):
        await inbox.until(lambda: bool(inbox.of(DeviceUp)))
        inbox.close_door()
        terminal.say(b"first ")
        await inbox.until(lambda: dialogue.heard == b"first ")
        terminal.say(b"second ")
        other = asyncio.Event()
        asyncio.get_running_loop().call_later(0.1, other.set)
        await other.wait()
        assert dialogue.heard == b"first "
        inbox.open_door()
        await inbox.until(lambda: dialogue.heard == b"first second ")
        terminal.say(b"third")
        await inbox.until(lambda: dialogue.heard == b"first second third")


async def test_time_that_a_full_inbox_took_is_not_the_devices_silence(terminal: Terminal) -> None:
    inbox, dialogue = Inbox(), Counting()
    dialogue.patience_s = 0.3
    async with running(inbox, device(terminal, dialogue)) as (task,):
        await inbox.until(lambda: bool(inbox.of(DeviceUp)))
        inbox.close_door()
        terminal.say(b"first ")
        await inbox.until(lambda: dialogue.heard == b"first ")
        terminal.say(b"waiting")
        passed = asyncio.Event()
        asyncio.get_running_loop().call_later(0.5, passed.set)
        await passed.wait()
        assert dialogue.ticked == []
        dialogue.patience_s = math.inf
        inbox.open_door()
        await inbox.until(lambda: dialogue.heard == b"first waiting")
        assert dialogue.ticked == []
        assert not task.done()


async def test_a_bug_in_a_callback_ends_the_driver_with_its_own_error(terminal: Terminal) -> None:
    inbox = Inbox()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(_ends(device(terminal, Counting()), inbox, ValueError))
        await inbox.until(lambda: bool(inbox.of(DeviceUp)))
        terminal.say(b"bug")
    assert str(task.result()) == "a bug of ours"


async def test_a_port_that_vanishes_ends_the_driver_and_one_that_is_back_serves_again(terminal: Terminal) -> None:
    inbox, driver = Inbox(), reader(terminal)
    for code in ("first", "second"):
        async with asyncio.TaskGroup() as group:
            task = group.create_task(_ends(driver, inbox, DeviceGone))
            await inbox.next(DeviceUp)
            terminal.say(code.encode() + b"\r")
            assert (await inbox.next(CodeReading)).text == code
            terminal.unplug()
        assert "hung up" in str(task.result())
        terminal.plug()


async def _ends(driver: ByteDevice, inbox: Inbox, error: type[Exception]) -> Exception:
    with pytest.raises(error) as raised:
        await driver.run(inbox)
    return raised.value


async def test_a_cancelled_driver_frees_its_port_at_once(terminal: Terminal) -> None:
    inbox = Inbox()
    for _ in range(3):
        async with running(inbox, reader(terminal)):
            await inbox.next(DeviceUp)


async def test_a_babbling_reader_does_not_starve_its_neighbour(terminal: Terminal, tmp_path: Path) -> None:
    quiet = Terminal(tmp_path / "ttyUSB1")
    inbox = Inbox()
    babble = bytes(range(128, 256)) * 8

    def keep_full() -> None:
        terminal.say(babble)
        terminal.heard()

    async with running(inbox, reader(terminal, "babbler"), reader(quiet, "quiet")):
        await inbox.until(lambda: len(inbox.of(DeviceUp)) == 2)
        for number in range(50):
            keep_full()
            quiet.say(f"code {number}\r".encode())
            await inbox.until(lambda count=number: len(inbox.of(CodeReading)) == count + 1)  # type: ignore[misc]
        await inbox.until(lambda: bool(inbox.of(NoiseReading)))
    assert [reading.device for reading in inbox.of(CodeReading)] == ["quiet"] * 50
    assert {reading.device for reading in inbox.of(NoiseReading)} == {"babbler"}
    quiet.unplug()
