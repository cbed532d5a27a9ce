"""Devices that are spoken to through somebody else's library, each against that library's own other end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from device.contract.case import Case, Peer
from device.domain.layout import OsdpInput, OsdpLock, OsdpReader, RfidReader
from device.domain.readings import CodeReading, ContactReading, InputReading, Reading, TagReading
from device.drivers import Kind, dialogue, driver_for
from device.drivers import osdp as osdp_driver
from firmware_sims.faults import Babble, Faulty, Freeze
from firmware_sims.osdp import OsdpDevice
from firmware_sims.serve import Rig
from tests.drivers.llrp_peer import Emulator


def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialogue, "SILENT_S", 3.0)
    monkeypatch.setattr(osdp_driver, "REPEAT_S", 0.1)
    monkeypatch.setattr(osdp_driver, "LOOK_S", 0.05)


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


KEY = "8A1F6B02C94D37E5A0B19C83D276F54E"


def _osdp(of: Kind, table: Callable[..., Any], shows: type[Reading], **options: object) -> Case:
    """One part of a device at the other end of a pseudo-terminal: libosdp's own."""

    @asynccontextmanager
    async def serve(folder: Path) -> AsyncIterator[Peer]:
        key_file = folder / "key"
        key_file.write_text(KEY)
        device = OsdpDevice(0, bytes.fromhex(KEY), inputs=[lambda: True] * 4)
        faulty = Faulty(device)
        async with Rig() as rig:
            link = rig.pty(faulty, folder / "port")
            place = {"zones": ("z",)} if of == "input" else {"zone": "z"}
            entry = table(id="device", driver="osdp", port=link.port, key_file=key_file, **place, **options)
            refuses = _does(lambda: device._device.set_command_callback(lambda _: (-1, None)))
            yield Peer(
                driver=driver_for(of, entry),
                shows=shows,
                provoke=_does(lambda: device.show("212:7041")) if of == "reader" else None,
                unplug=_does(link.unplug),
                plug=_does(link.plug),
                noise=_does(lambda: faulty.add("noise", Babble())),
                quiet=_does(faulty.clear),
                freeze=_does(lambda: faulty.add("frozen", Freeze())),
                refuse=refuses if of == "lock" else None,
            )

    return Case(f"osdp-{of}", serve, _hurry)


CASES = [
    Case("llrp", _llrp, _hurry),
    _osdp("lock", OsdpLock, ContactReading, relay=1, contact=0, bolt=1),
    _osdp("reader", OsdpReader, CodeReading),
    _osdp("input", OsdpInput, InputReading, kind="fire", input=3),
]
