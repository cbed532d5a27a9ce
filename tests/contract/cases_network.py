"""Devices that are spoken to through somebody else's library, each against that library's own other end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from device.domain.layout import RfidReader
from device.domain.readings import TagReading
from device.drivers import dialogue, driver_for
from tests.contract.case import Case, Peer
from tests.drivers.llrp_peer import Emulator


def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialogue, "SILENT_S", 2.5)


def _does(act: Callable[[], object]) -> Callable[[], Any]:
    async def do() -> None:
        act()

    return do


@asynccontextmanager
async def _llrp(_folder: Path) -> AsyncIterator[Peer]:
    reader = Emulator()
    await reader.start()
    others: list[asyncio.StreamWriter] = []

    async def occupy() -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", reader.port)
        others.append(writer)

    try:
        yield Peer(
            driver=driver_for("rfid", RfidReader(id="device", zone="z", driver="llrp", port=reader.address)),
            shows=TagReading,
            unplug=reader.stop,
            plug=reader.start,
            noise=_does(lambda: setattr(reader, "noise", b"\x00\xff noise")),
            quiet=_does(lambda: setattr(reader, "noise", b"")),
            freeze=_does(lambda: setattr(reader, "dumb", True)),
            refuse=occupy,
        )
    finally:
        for writer in others:
            writer.close()
            await writer.wait_closed()
        await reader.deserted()
        await reader.stop()


CASES = [Case("llrp", _llrp, _hurry)]
