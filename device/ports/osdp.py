"""OSDP lines by their address, each shared by all devices on it (extra ``osdp``).

Responsible for: opening with the first device and closing with the last, and the keys. What happens on an open line is
``device.ports.osdp_line``.

libosdp (3.2.9) is told all devices of a line when its panel is made. So a port knows its devices from the configuration; those that nobody
holds are disabled. One that comes later has the line opened anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from weakref import WeakValueDictionary

from device.domain.osdp_key import parse_osdp_key
from device.domain.port import PortAddress, SerialAddress
from device.errors import DeviceGone, DeviceRefused
from device.ports.opening import open_port
from device.ports.osdp_line import Line, Member, Sift

USUAL_BAUD = 9600
_KEY_BYTES = 128


class OsdpPort:
    """One port of the configuration. Made without I/O; all devices on the port must share the object: see ``shared_port``.

    ``sifter`` makes what tells frames from noise, anew for each connection.
    """

    def __init__(self, address: PortAddress, sifter: Callable[[], Sift]) -> None:
        self._address = address
        self._sifter = sifter
        self._key_files: dict[int, Path] = {}
        self._line: Line | None = None
        self._opening = asyncio.Lock()
        self.dumb: set[tuple[int, int]] = set()
        """Devices, by address, that do not tell their inputs or outputs when asked."""

    def expect(self, address: int, key_file: Path) -> None:
        """A device of the configuration: the panel is to know it from the beginning."""
        self._key_files[address] = key_file

    @asynccontextmanager
    async def device(self, device: str, address: int, wants: frozenset[int] = frozenset()) -> AsyncIterator[Member]:
        """One device's access to its place on the line; the line is open while at least one is held.

        ``wants`` are reports that it is to be asked for: ``INPUTS``, ``OUTPUTS``. Raises DeviceGone when the port cannot be opened,
        DeviceRefused when a key cannot be used.
        """
        async with self._opening:
            if self._line is None or self._line.failure is not None:
                keys = {number: _key(device, file) for number, file in self._key_files.items()}
                self._line = Line(await open_port(device, self._address, USUAL_BAUD), self._sifter(), keys, self.dumb)
            line = self._line
            if address not in line.numbers:
                line.fail(DeviceGone(device, f"{self._address} is opened anew, for another device on it"))
                raise DeviceGone(device, f"{self._address} is opened anew")
            member = Member(device, address, wants, line)
            line.join(member)
        try:
            yield member
        finally:
            line.leave(member)


_ports: WeakValueDictionary[str, OsdpPort] = WeakValueDictionary()


def shared_port(address: PortAddress, sifter: Callable[[], Sift]) -> OsdpPort:
    """The port of this address, the same object for all who ask while one of them keeps it: a wire is one thing in a process."""
    key = address.path if isinstance(address, SerialAddress) else str(address)
    port = _ports.get(key)
    if port is None:
        port = _ports[key] = OsdpPort(address, sifter)
    return port


def _key(device: str, file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            return parse_osdp_key(opened.read(_KEY_BYTES).decode("ascii", "replace"))
    except OSError as error:
        raise DeviceRefused(device, f"{file.name}: {error.strerror}", "key") from error
    except ValueError as error:
        raise DeviceRefused(device, f"{file.name} {error}", "key") from error
