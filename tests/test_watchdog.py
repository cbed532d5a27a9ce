"""The watchdog pets systemd only while every task moves."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from device import watchdog
from device.watchdog import Watchdog, period_s


@pytest.fixture(params=["path", "abstract"])
def systemd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, dict[str, str]]]:
    """systemd's end of the socket, and the environment it gives."""
    name = str(tmp_path / "notify") if request.param == "path" else f"\0smartstore-test-{os.getpid()}-{tmp_path.name}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as end:
        end.bind(name)
        yield end, {"NOTIFY_SOCKET": name.replace("\0", "@"), "WATCHDOG_USEC": "40000"}


def heard(end: socket.socket) -> list[str]:
    messages = []
    while True:
        try:
            messages.append(end.recv(4096).decode())
        except BlockingIOError:
            return messages


def test_ready_status_and_stopping_reach_systemd(systemd: tuple[socket.socket, dict[str, str]]) -> None:
    end, environ = systemd
    assert watchdog.ready("3 doors shut", environ)
    assert watchdog.status("two\nlines", environ)
    assert watchdog.stopping(environ=environ)
    assert heard(end) == ["READY=1\nSTATUS=3 doors shut", "STATUS=two lines", "STOPPING=1"]


def test_without_systemd_nothing_is_said() -> None:
    assert not watchdog.ready(environ={})


def test_a_socket_that_nobody_listens_on_is_no_error(tmp_path: Path) -> None:
    assert not watchdog.ready(environ={"NOTIFY_SOCKET": str(tmp_path / "gone")})


def test_systemd_is_petted_once_every_task_has_moved(systemd: tuple[socket.socket, dict[str, str]]) -> None:
    end, environ = systemd
    dog = Watchdog(["engine", "journal"], environ)
    dog.beat("engine")
    assert not dog.pet()
    assert heard(end) == ["STATUS=not moving: journal"]
    dog.beat("journal")
    assert dog.pet()
    assert heard(end) == ["WATCHDOG=1"]
    assert dog.still == ("engine", "journal")


def test_one_pet_uses_up_the_progress_before_it(systemd: tuple[socket.socket, dict[str, str]]) -> None:
    _, environ = systemd
    dog = Watchdog(["engine"], environ)
    dog.beat("engine")
    assert dog.pet()
    assert not dog.pet()


def test_a_task_that_ended_is_not_waited_for(systemd: tuple[socket.socket, dict[str, str]]) -> None:
    _, environ = systemd
    dog = Watchdog(["engine", "device:shelf-a"], environ)
    dog.beat("engine")
    dog.forget("device:shelf-a")
    assert dog.pet()


def test_a_beat_that_nobody_expects_is_a_bug() -> None:
    with pytest.raises(KeyError):
        Watchdog(["engine"]).beat("engin")


async def test_it_pets_again_and_again_while_tasks_move_and_falls_silent_when_one_hangs(
    systemd: tuple[socket.socket, dict[str, str]],
) -> None:
    end, environ = systemd
    loop = asyncio.get_running_loop()
    dog = Watchdog(["engine"], environ)
    async with asyncio.TaskGroup() as group:
        petting = group.create_task(dog.run())
        petted = 0
        while petted < 3:
            dog.beat("engine")
            petted += (await asyncio.wait_for(loop.sock_recv(end, 4096), 30)) == b"WATCHDOG=1"
        after = [await asyncio.wait_for(loop.sock_recv(end, 4096), 30) for _ in range(3)]
        petting.cancel()
    assert after[-1] == b"STATUS=not moving: engine"


async def test_without_a_limit_it_ends_at_once() -> None:
    await asyncio.wait_for(Watchdog(["engine"], {}).run(), 30)


@pytest.mark.parametrize(
    ("environ", "period"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "77"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "78"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_period_is_half_of_systemds_limit_for_this_process(environ: dict[str, str], period: float | None) -> None:
    assert period_s(environ, pid=77) == period
