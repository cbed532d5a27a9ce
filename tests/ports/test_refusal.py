"""What a person is told whose port does not open, by whatever library it was to be opened."""

from __future__ import annotations

import errno
import fcntl
import grp
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from device.domain.port import SerialAddress
from device.errors import DeviceGone
from device.ports import gpio, refusal
from device.ports.modbus import ModbusPort
from device.ports.serial import SerialPort
from device.ports.turns import Place
from device.wire.modbus import RTU
from tests.ports.terminal import Terminal

DENIED = PermissionError(errno.EACCES, "Permission denied")


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    terminal = Terminal(tmp_path / "ttyUSB0")
    yield terminal
    terminal.unplug()


async def by_modbus(path: Path) -> str:
    port = ModbusPort(SerialAddress(str(path)), RTU)
    with pytest.raises(DeviceGone) as gone:
        async with port.unit("lock", 1, Place()):
            pass
    return gone.value.reason


def by_serial(path: Path) -> str:
    with pytest.raises(DeviceGone) as gone:
        SerialPort("scale", SerialAddress(str(path)), 9600)
    return gone.value.reason


@pytest.mark.parametrize("group", ["dialout", "tty"])
def test_without_permission_the_group_to_join_is_that_of_the_node(group: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    node = tmp_path / "ttyUSB0"
    node.touch(mode=0o660)
    node.chmod(0o660)
    link = tmp_path / "by-id"
    link.symlink_to(node)
    number = grp.getgrnam(group).gr_gid
    true = Path.stat

    def owned(path: Path, *, follow_symlinks: bool = True) -> os.stat_result:
        told = list(true(path, follow_symlinks=follow_symlinks))
        told[5] = number if path.name == "by-id" and follow_symlinks else told[5]
        return os.stat_result(told)

    monkeypatch.setattr(Path, "stat", owned)  # only root may give a file to a group that it is not in
    assert refusal.why_not(str(link), DENIED) == f"permission denied: {link} is open to group {group}; add this program's user to it"


def test_where_the_group_may_not_either_nobody_is_sent_to_join_it(tmp_path: Path) -> None:
    node = tmp_path / "ttyUSB0"
    node.touch()
    node.chmod(0o600)
    assert "is closed to its group" in refusal.why_not(str(node), DENIED)
    assert "udev" in refusal.why_not(str(node), DENIED)


def test_gpio_chips_that_may_not_be_opened_name_their_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert gpio._closed_chips(tmp_path) == []
    chip = tmp_path / "gpiochip0"
    chip.touch()
    chip.chmod(0o660)
    assert gpio._closed_chips(tmp_path) == []
    monkeypatch.setattr(os, "access", lambda *_: False)
    (why,) = gpio._closed_chips(tmp_path)
    assert why.startswith(f"permission denied: {chip} is open to group ")


async def test_a_port_of_another_program_is_told_in_the_same_words_on_modbus_and_elsewhere(terminal: Terminal) -> None:
    other = os.open(terminal.path, os.O_RDWR | os.O_NOCTTY)
    fcntl.flock(other, fcntl.LOCK_EX)
    try:
        reasons = {by_serial(terminal.path), await by_modbus(terminal.path)}
    finally:
        os.close(other)
    assert len(reasons) == 1
    assert reasons.pop().startswith(f"{terminal.path} is open in another program")


async def test_a_port_that_is_missing_or_none_is_told_in_the_same_words(tmp_path: Path) -> None:
    missing, file = tmp_path / "ttyUSB9", tmp_path / "file"
    file.write_text("")
    assert by_serial(missing) == await by_modbus(missing) == f"no such port: {missing}"
    assert by_serial(file) == await by_modbus(file)


def test_the_program_that_has_a_port_is_named_as_the_kernel_lists_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table is written here in the kernel's form (proc_locks(5)): not every kernel that this runs on fills it."""
    node = tmp_path / "ttyUSB0"
    node.touch()
    status = node.stat()
    place = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    locks = tmp_path / "locks"
    locks.write_text(
        f"1: POSIX  ADVISORY  WRITE 11 {place} 0 EOF\n"
        f"2: FLOCK  ADVISORY  WRITE 4711 {place} 0 EOF\n"
        f"2: -> FLOCK  ADVISORY  WRITE 12 {place} 0 EOF\n"
    )
    monkeypatch.setattr(refusal, "LOCKS", locks)
    monkeypatch.setattr(refusal, "PROCESSES", tmp_path)
    busy = BlockingIOError(errno.EWOULDBLOCK, "busy")
    assert refusal.why_not(str(node), busy) == f"{node} is open in another program: process 4711"
    (tmp_path / "4711").mkdir()
    (tmp_path / "4711" / "comm").write_text("minicom\n")
    assert refusal.why_not(str(node), busy) == f"{node} is open in another program: minicom (process 4711)"
    locks.write_text("")
    assert refusal.why_not(str(node), busy) == f"{node} is open in another program"
