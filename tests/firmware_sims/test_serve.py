"""Simulated devices on real wires."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
import serial

from firmware_sims.mt_sics import MtSicsScale
from firmware_sims.serve import Rig, served, served_on_tcp
from firmware_sims.sim import Steady


async def read_until(port: serial.Serial, end: bytes) -> bytes:
    """Read without blocking the loop that also serves the simulated device."""
    heard = b""
    async with asyncio.timeout(30):
        while not heard.endswith(end):
            heard += port.read(4096)
            await asyncio.sleep(0.005)
    return heard


def talk(port: serial.Serial) -> None:
    port.write(b"SI\r\n")
    port.read(10)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110  # what is waited for is in the kernel and tells nobody
            await asyncio.sleep(0.01)


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_a_scale_answers_on_its_terminal_and_hears_no_echo_of_itself(tmp_path: Path) -> None:
    async with served(MtSicsScale(Steady(100.0)), tmp_path / "scale", "baud=9600") as link:
        assert link.port == f"serial:{tmp_path}/scale?baud=9600"
        with serial.Serial(str(link.path), 9600, timeout=0, exclusive=True) as port:
            port.write(b"SI\r\n")
            heard = await read_until(port, b"g\r\n")
            assert b"ES" not in heard


async def test_a_scale_that_is_asked_at_once_has_long_greeted_and_a_restart_is_still_heard(tmp_path: Path) -> None:
    scale, behind_tcp = MtSicsScale(Steady(100.0)), MtSicsScale(Steady(100.0))
    async with Rig() as rig:
        link, server = rig.pty(scale, tmp_path / "scale"), rig.tcp(behind_tcp)
        with serial.Serial(str(link.path), 9600, timeout=0) as port:
            port.write(b"I3\r\nSIR\r\n")
            heard = await read_until(port, b"g\r\n")
            for _ in range(5):
                heard += await read_until(port, b"g\r\n")
            assert heard.startswith(b"I3 A")
            assert b"I4" not in heard
            scale.power_cycle()
            assert (await read_until(port, b'"\r\n')).endswith(b'I4 A "B021002593"\r\n')
        reader, writer = await asyncio.open_connection("127.0.0.1", server.number)
        writer.write(b"I3\r\nSIR\r\n")
        lines = [await reader.readline() for _ in range(6)]
        writer.close()
        await writer.wait_closed()
    assert [line[:2] for line in lines] == [b"I3", b"S ", b"S ", b"S ", b"S ", b"S "]


async def test_an_unplugged_device_hangs_up_and_comes_back_under_the_same_name(tmp_path: Path) -> None:
    async with served(MtSicsScale(Steady(100.0)), tmp_path / "scale") as link:
        with serial.Serial(str(link.path), 9600, timeout=0) as port:
            link.unplug()
            assert not link.path.exists()
            with pytest.raises(OSError, match=r"returned no data|Input/output error"):
                talk(port)
        link.plug()
        with serial.Serial(str(link.path), 9600, timeout=0) as port:
            port.write(b"SI\r\n")
            await read_until(port, b"g\r\n")


async def test_what_nobody_reads_is_lost_and_a_late_reader_hears_the_present(tmp_path: Path) -> None:
    load = Steady(1.0)
    scale = MtSicsScale(load, rate_hz=100)
    async with served(scale, tmp_path / "scale") as link:
        scale.receive(b"SIR\r\n")
        await until(lambda: link.lost_bytes)
        with serial.Serial(str(link.path), 9600, timeout=0) as port:
            heard = await read_until(port, b"g\r\n")
        assert len(heard) < 2048


async def test_a_device_on_tcp_speaks_to_all_clients_and_survives_their_leaving() -> None:
    scale = MtSicsScale(Steady(100.0))
    async with served_on_tcp(scale) as link:
        first_reader, first_writer = await asyncio.open_connection("127.0.0.1", link.number)
        second_reader, second_writer = await asyncio.open_connection("127.0.0.1", link.number)
        async with asyncio.timeout(30):
            first_writer.write(b"SIR\r\n")
            await first_reader.readuntil(b"g\r\n")
            await second_reader.readuntil(b"g\r\n")
            first_writer.close()
            await first_writer.wait_closed()
            await second_reader.readuntil(b"g\r\n")
            link.unplug()
            while await second_reader.read(4096):
                pass
            with pytest.raises(ConnectionError):
                await asyncio.open_connection("127.0.0.1", link.number)
            link.plug()
            third_reader, third_writer = await asyncio.open_connection("127.0.0.1", link.number)
            await third_reader.readuntil(b"g\r\n")
        for writer in (second_writer, third_writer):
            writer.close()


async def test_nothing_is_left_open_behind_a_rig(tmp_path: Path) -> None:
    before = descriptors()
    async with Rig() as rig:
        rig.pty(MtSicsScale(Steady()), tmp_path / "a")
        rig.tcp(MtSicsScale(Steady()))
    assert descriptors() == before
    assert not (tmp_path / "a").is_symlink()


class Broken(MtSicsScale):
    def tick(self, dt: float) -> bytes:
        return b"" if dt == 0 else bytes(1 // 0)


async def test_a_bug_in_a_simulated_device_ends_the_rig_and_is_not_hidden(tmp_path: Path) -> None:
    with pytest.raises(ExceptionGroup) as caught:
        async with served(Broken(Steady()), tmp_path / "scale"):
            await asyncio.Event().wait()
    assert caught.group_contains(ZeroDivisionError)


async def test_the_error_of_the_block_itself_stays_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(TimeoutError):
        async with served(MtSicsScale(Steady()), tmp_path / "scale"):
            raise TimeoutError
