"""What is plugged in: serial ports by their lasting names, 1-wire probes, GPIO chips. Looks, and opens nothing that answers.

``/dev/ttyUSB0`` is whatever came first; ``/dev/serial/by-id`` names the adapter by its maker, product and serial number (udev,
60-serial.rules). Clones have no serial number, or all the same: of two such only one has the name, and ``by-path``, which names the socket,
is the better one for both.
"""

from __future__ import annotations

import fcntl
import os
import struct
from pathlib import Path

from serial.tools import list_ports

from device.domain.record import record
from device.ports.refusal import no_permission

SYSFS = Path("/sys/bus/w1/devices")
DEV = Path("/dev")

_CHIP_INFO = 0x8044B401
"""GPIO_GET_CHIPINFO_IOCTL of <linux/gpio.h>: struct gpiochip_info, two names of 32 bytes and a number of lines."""
_CHIP = struct.Struct("32s32sI")


@record
class SerialPortSeen:
    """One serial port. ``name`` is the path to configure; ``why`` says why it is not the one under ``by-id``, empty where it is."""

    path: str
    name: str
    why: str
    description: str
    serial: str | None


@record
class ChipSeen:
    """One GPIO chip; ``problem`` where it could not be looked at."""

    path: str
    name: str
    label: str
    lines: int
    problem: str = ""


def serial_ports(dev: Path = DEV) -> list[SerialPortSeen]:
    """Every serial port that a device hangs on, or may."""
    ports = [port for port in list_ports.comports() if port.hwid != "n/a" or (dev / "serial").is_dir()]
    identities = [(port.vid, port.pid, port.serial_number) for port in ports]
    seen = []
    for port, identity in zip(ports, identities, strict=True):
        twin = port.vid is not None and (not port.serial_number or identities.count(identity) > 1)
        name, why = name_of(port.device, twin, dev)
        seen.append(SerialPortSeen(port.device, name, why, port.description or "", port.serial_number))
    return sorted(seen, key=lambda port: port.path)


def name_of(path: str, twin: bool = False, dev: Path = DEV) -> tuple[str, str]:
    """The lasting name of a port, and why it is not that under ``by-id``. ``twin``: another one may have the same identity."""
    by_id, by_path = _link(dev / "serial/by-id", path), _link(dev / "serial/by-path", path)
    if by_id is not None and not twin:
        return by_id, ""
    if by_path is not None:
        return by_path, "its serial number is blank or not its own; the name is that of the socket: keep it plugged there"
    if by_id is not None:
        return by_id, "its serial number is blank or not its own: do not plug in two of them"
    return path, "it has no lasting name: ports may change places after a restart" if path.startswith(
        ("/dev/ttyUSB", "/dev/ttyACM")
    ) else ""


def _link(folder: Path, path: str) -> str | None:
    try:
        links = sorted(folder.iterdir())
    except OSError:
        return None
    return next((str(link) for link in links if os.path.realpath(link) == os.path.realpath(path)), None)


def one_wire_probes(folder: Path = SYSFS) -> list[str]:
    """Serials of the DS18B20 on the bus, which the kernel shows as folders ``28-…``; empty where the bus is not switched on."""
    try:
        return sorted(entry.name for entry in folder.iterdir() if entry.name.startswith("28-"))
    except OSError:
        return []


def gpio_chips(dev: Path = DEV) -> list[ChipSeen]:
    """The GPIO chips of the machine."""
    return [_chip(path) for path in sorted(dev.glob("gpiochip*"))]


def _chip(path: Path) -> ChipSeen:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except PermissionError:
        return ChipSeen(str(path), path.name, "", 0, no_permission(str(path)))
    except OSError as error:
        return ChipSeen(str(path), path.name, "", 0, error.strerror or str(error))
    try:
        info = bytearray(_CHIP.size)
        fcntl.ioctl(descriptor, _CHIP_INFO, info)
    except OSError as error:
        return ChipSeen(str(path), path.name, "", 0, f"is no GPIO chip: {error.strerror}")
    finally:
        os.close(descriptor)
    name, label, lines = _CHIP.unpack(info)
    return ChipSeen(str(path), name.rstrip(b"\0").decode(), label.rstrip(b"\0").decode(), lines)
