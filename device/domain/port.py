"""Addresses of ports: ``serial:PATH?baud=…``, ``tcp:HOST:PORT``, ``sysfs:DIR``."""

from __future__ import annotations

from typing import Literal, get_args
from urllib.parse import parse_qsl

from device.domain.record import record

Parity = Literal["N", "E", "O"]

SERIAL_OPTIONS = "baud=300-4000000, parity=N|E|O, bytesize=7|8, stopbits=1|2"


@record
class SerialAddress:
    """A serial port; ``path`` best under ``/dev/serial/by-id``. ``baud`` None: the driver's usual speed."""

    path: str
    baud: int | None = None
    parity: Parity = "N"
    bytesize: int = 8
    stopbits: int = 1

    def __str__(self) -> str:
        return f"serial:{self.path}"


@record
class TcpAddress:
    """A device, or a serial port server, behind TCP."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"tcp:{self.host}:{self.port}"


@record
class SysfsAddress:
    """A directory of the kernel, e.g. ``/sys/bus/w1/devices``."""

    path: str

    def __str__(self) -> str:
        return f"sysfs:{self.path}"


PortAddress = SerialAddress | TcpAddress | SysfsAddress


def parse_port(text: str) -> PortAddress:
    """Read one port address.

    Raises ValueError that says what is allowed.
    """
    scheme, colon, rest = text.partition(":")
    if not colon or not rest:
        raise ValueError("a port is serial:PATH?baud=…, tcp:HOST:PORT or sysfs:DIR")
    match scheme:
        case "serial":
            return _serial(rest)
        case "tcp":
            host, colon, number = rest.rpartition(":")
            host = host.removeprefix("[").removesuffix("]")
            if not colon or not host or not number.isascii() or not number.isdigit() or not 1 <= int(number) <= 65535:
                raise ValueError("tcp:HOST:PORT with a port of 1-65535")
            return TcpAddress(host, int(number))
        case "sysfs":
            return SysfsAddress(rest)
        case _:
            raise ValueError("a port is serial:PATH?baud=…, tcp:HOST:PORT or sysfs:DIR")


def _serial(rest: str) -> SerialAddress:
    path, _, query = rest.partition("?")
    if not path:
        raise ValueError("serial: needs a path")
    options: dict[str, str] = {}
    try:
        pairs = parse_qsl(query, strict_parsing=True) if query else []
    except ValueError:
        raise ValueError(f"port options are {SERIAL_OPTIONS}") from None
    for name, value in pairs:
        if name not in ("baud", "parity", "bytesize", "stopbits") or name in options:
            raise ValueError(f"unknown or repeated port option {name!r}; port options are {SERIAL_OPTIONS}")
        options[name] = value
    baud = _number(options["baud"], range(300, 4_000_001), "baud") if "baud" in options else None
    parity = options.get("parity", "N")
    if parity not in get_args(Parity):
        raise ValueError(f"parity is N, E or O, not {parity!r}")
    return SerialAddress(
        path=path,
        baud=baud,
        parity=parity,  # type: ignore[arg-type]  # narrowed by the membership test above
        bytesize=_number(options.get("bytesize", "8"), range(7, 9), "bytesize"),
        stopbits=_number(options.get("stopbits", "1"), range(1, 3), "stopbits"),
    )


def _number(text: str, allowed: range, name: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) not in allowed:
        raise ValueError(f"{name} is {allowed.start}-{allowed.stop - 1}, not {text!r}")
    return int(text)
