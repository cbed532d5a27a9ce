"""The contract on real devices: one case a device of a store's configuration (``--hardware FILE``).

Nobody pulls a cable, makes noise or shows a card here, so what needs that is passed by: what is left is that the device comes up, says what
devices of its kind say, and leaves its port free at the end, three times. No relay is moved, and nothing is written to a device that its
driver does not write whenever it opens it. The daemon must not run: it has the devices.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

from device.config import load
from device.contract.case import Case, Peer
from device.domain.readings import ContactReading, DeviceUp, InputReading, Reading, TagRound, TemperatureReading, WeightReading
from device.drivers import Kind, driver_for

SHOWS: dict[Kind, type[Reading]] = {
    "lock": ContactReading,
    "scale": WeightReading,
    "rfid": TagRound,
    "thermometer": TemperatureReading,
    "reader": DeviceUp,
    "input": InputReading,
}
"""What a device says by itself, with nobody near; of a reader, that it is there."""


def cases_of(file: Path) -> list[Case]:
    """A case for each device of a configuration, under its own id. Raises ConfigError."""
    layout = load(file).layout
    return [Case(entry.id, _at_hand(kind, entry, shows)) for kind, shows in SHOWS.items() for entry in getattr(layout, kind)]


def _at_hand(kind: Kind, entry: Any, shows: type[Reading]) -> Callable[[Path], AbstractAsyncContextManager[Peer]]:
    @asynccontextmanager
    async def serve(_folder: Path) -> AsyncIterator[Peer]:
        yield Peer(driver=driver_for(kind, entry), shows=shows)

    return serve
