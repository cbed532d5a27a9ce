from __future__ import annotations

import select
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest

from device.domain.port import SerialAddress, SysfsAddress
from device.errors import DeviceGone
from device.ports.opening import open_port
from device.ports.serial import SerialPort
from device.ports.stream import CHUNK
from tests.ports.terminal import Terminal


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    terminal = Terminal(tmp_path / "ttyUSB0")
    yield terminal
    if terminal.path.is_symlink():
        terminal.unplug()


def readable(port: SerialPort) -> bool:
    return bool(select.select([port.fileno()], [], [], 5.0)[0])


def fill(port: SerialPort) -> None:
    for _ in range(10_000):
        port.write(b"x" * 1000)


def open_serial(terminal: Terminal, **options: object) -> SerialPort:
    return SerialPort("s", SerialAddress(str(terminal.path), **options), 9600)  # type: ignore[arg-type]


def test_what_arrives_is_read_and_nothing_is_not_the_end(terminal: Terminal) -> None:
    port = open_serial(terminal)
    assert port.read() == b""
    terminal.say(b"S S     100.00 g\r\n\x03\x04\x1a\x00\xff")
    assert readable(port)
    assert port.read() == b"S S     100.00 g\r\n\x03\x04\x1a\x00\xff", "every byte as it is, no line discipline"
    assert port.read() == b""
    port.write(b"SI\r\n")
    assert terminal.heard() == b"SI\r\n"
    port.close()


def test_one_read_takes_4_kib_at_most(terminal: Terminal) -> None:
    port = open_serial(terminal)
    terminal.say(b"x" * 3000)
    assert readable(port)
    assert 0 < len(port.read()) <= CHUNK
    port.close()


def test_the_line_is_set_as_the_address_says(terminal: Terminal) -> None:
    port = open_serial(terminal, baud=2400, parity="E", bytesize=7, stopbits=2)
    _, _, control, _, speed_in, speed_out, _ = termios.tcgetattr(terminal.slave)
    assert (speed_in, speed_out) == (termios.B2400, termios.B2400)
    assert control & termios.CSTOPB
    port.close()


def test_the_drivers_usual_speed_holds_where_the_address_names_none(terminal: Terminal) -> None:
    port = open_serial(terminal)
    assert termios.tcgetattr(terminal.slave)[4] == termios.B9600
    port.close()
    port = open_serial(terminal, baud=115_200)
    assert termios.tcgetattr(terminal.slave)[4] == termios.B115200
    port.close()


def test_a_port_in_use_is_left_alone_and_free_after_closing(terminal: Terminal) -> None:
    port = open_serial(terminal)
    with pytest.raises(DeviceGone, match="open in another program") as gone:
        open_serial(terminal)
    assert gone.value.device == "s"
    port.close()
    open_serial(terminal).close()


def test_a_missing_port_is_named(tmp_path: Path) -> None:
    with pytest.raises(DeviceGone, match=f"no such port: {tmp_path}/ttyUSB9"):
        SerialPort("s", SerialAddress(f"{tmp_path}/ttyUSB9"), 9600)


def test_what_is_no_serial_port_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DeviceGone, match="file"):
        SerialPort("s", SerialAddress(str(tmp_path / "file")), 9600)


def test_an_unplugged_port_is_gone_for_reading_and_writing(terminal: Terminal) -> None:
    port = open_serial(terminal)
    terminal.unplug()
    assert readable(port), "a hang-up wakes the reader"
    with pytest.raises(DeviceGone, match="hung up"):
        port.read()
    with pytest.raises(DeviceGone, match="hung up"):
        port.write(b"SI\r\n")
    port.close()


def test_a_port_that_takes_no_more_bytes_is_gone_and_closes_at_once(terminal: Terminal) -> None:
    port = open_serial(terminal)
    with pytest.raises(DeviceGone, match="takes no more bytes"):
        fill(port)
    port.close()

    open_serial(terminal).close()


async def test_an_address_that_carries_no_bytes_is_refused() -> None:
    with pytest.raises(DeviceGone, match="carries no bytes"):
        await open_port("s", SysfsAddress("/sys"), 9600)
