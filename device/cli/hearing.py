"""Hearing one device: by its driver while no daemon runs, else over the daemon's tap. What ``probe`` and ``calibrate`` share."""

from __future__ import annotations

import asyncio
import io
import logging
import select
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from device.app.assembly import calibrations_of
from device.cli.listening import Listening, listen
from device.config import Configuration
from device.config.faults import did_you_mean
from device.domain.readings import Reading
from device.drivers import Kind, driver_for
from device.engine.records import restore
from device.errors import StoreError
from device.journal import Row
from device.journal.reading import book_of, open_archive, rows_after, starting_point
from device.journal.schema import EVIDENCE_TYPE
from device.recording import Keyframe, Taken, read_trace
from device.sensing.scale import calibrations_of as configured_calibrations
from device.sensing.weight import Calibration
from device.store.memory.state import State
from device.supervise import supervise

KINDS: tuple[Kind, ...] = ("lock", "scale", "rfid", "thermometer", "reader", "input")
IDLE_S = 0.2


def device_of(configuration: Configuration, device: str) -> tuple[Kind, Any]:
    """The table that a device is in, and its entry. Raises StoreError for one that is not there."""
    for kind in KINDS:
        for entry in getattr(configuration.layout, kind):
            if entry.id == device:
                return kind, entry
    names = [entry.id for entry in configuration.layout.devices]
    raise StoreError(f"no device {device}; there are {', '.join(names)}{did_you_mean(device, names)}")


def state_of(journal: Path) -> State:
    """The store's state as its journal has it, read without touching it; an empty one where there is no journal yet."""
    if not journal.exists():
        return State()
    try:
        with closing(open_archive(journal)) as archive:
            start = starting_point(archive, book_of(archive))
            snapshot, after = (start.state, start.row) if start is not None else (None, 0)
            rows = (Row(row.seq, row.type, row.wall, row.body or b"") for row in rows_after(archive, after) if row.type != EVIDENCE_TYPE)
            return restore(snapshot, rows)
    except sqlite3.Error as error:
        raise StoreError(f"{journal}: {error}") from error


def calibration_of(configuration: Configuration, scale: str, channel: int, state: State) -> Calibration | None:
    """A plate's calibration: the learnt one, else the configured one, else None; a scale that weighs has 1 a gram."""
    _, entry = device_of(configuration, scale)
    learnt = calibrations_of(state)
    if (scale, channel) not in learnt and entry.driver in ("mt-sics", "stream"):
        return Calibration(0.0, 1.0)
    return configured_calibrations(entry, learnt).get(channel)


class Enough(Exception):
    """Raised by whoever listens."""


@dataclass(frozen=True, slots=True)
class Ear:
    """Who listens: ``take`` is given each reading, ``idle`` is called at least five times a second. Either may raise Enough."""

    take: Callable[[Reading], None]
    idle: Callable[[], None]


def hear(configuration: Configuration, device: str, ear: Ear, *, through_daemon: bool) -> None:
    """Let ``ear`` hear a device until it raises Enough. A device that is lost is tried again, and says so as a reading.

    Raises StoreError where the daemon cannot be listened to, or ends.
    """
    device_of(configuration, device)
    with suppress(Enough):
        if through_daemon:
            _from_daemon(configuration.layout.journal.path, device, ear)
        else:
            asyncio.run(_from_driver(configuration, device, ear))


class _Sink:
    """A driver's sink that hands everything on, and remembers that it was enough."""

    full = False

    def __init__(self, ear: Ear) -> None:
        self._ear = ear
        self.enough = False

    def put(self, readings: Sequence[Reading]) -> None:
        try:
            for reading in readings:
                if not self.enough:
                    self._ear.take(reading)
        except Enough:
            self.enough = True

    async def room(self) -> None:
        """There is always room."""


async def _from_driver(configuration: Configuration, device: str, ear: Ear) -> None:
    logging.getLogger("smartstore.device").setLevel(logging.CRITICAL)
    kind, entry = device_of(configuration, device)
    sink = _Sink(ear)
    async with asyncio.TaskGroup() as group:
        driver = group.create_task(supervise(driver_for(kind, entry), sink), name=f"device:{device}")
        try:
            while not sink.enough:
                ear.idle()
                await asyncio.sleep(IDLE_S)
        except Enough:
            pass
        driver.cancel()


class _Patient(io.RawIOBase):
    """A stream that lets somebody else do something while it waits."""

    def __init__(self, listening: Listening, idle: Callable[[], None]) -> None:
        self._listening = listening
        self._idle = idle

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        while True:
            self._idle()
            if select.select([self._listening], [], [], IDLE_S)[0]:
                return self._listening.into(buffer)


def _from_daemon(journal: Path, device: str, ear: Ear) -> None:
    with listen(journal, stream=True) as listening:
        patient = cast("BinaryIO", _Patient(listening, ear.idle))
        for entry in read_trace(patient).entries:
            ear.idle()
            levels = entry.levels if isinstance(entry, Keyframe) else () if isinstance(entry, Taken) else (entry,)
            for reading in levels:
                if reading.device == device:
                    ear.take(reading)
    raise StoreError("the daemon has ended")
