"""Drivers that speak a stream of bytes, each with its simulated firmware on a pseudo-terminal; one of them on TCP too."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from device.contract.case import Case, Peer
from device.domain.layout import CodeReader, MtSicsScale, RfidReader, ShelfBoardScale, StreamScale
from device.domain.readings import CodeReading, Reading, TagReading, WeightReading
from device.drivers import Kind, dialogue, driver_for
from firmware_sims import gm65, line_reader, mt_sics, r200, rdm6300, shelf_board, stream, uhfreader18, wiegand
from firmware_sims.faults import Babble, Faulty, Freeze
from firmware_sims.serve import Rig
from firmware_sims.sim import Sim, Steady

EPC = bytes.fromhex("30751FEB705C5904E3D50D70")


def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialogue, "SILENT_S", 3.0)


def _does(act: Callable[[], object]) -> Callable[[], Any]:
    async def do() -> None:
        act()

    return do


def _case(
    name: str,
    kind: Kind,
    table: Callable[..., Any],
    sim: Callable[[], Sim],
    shows: type[Reading],
    *,
    tcp: bool = False,
    refuse: Callable[[Any], object] | None = None,
    code: str = "06901234567892",
    **options: object,
) -> Case:
    """A case on one link. A code reader (``show``) speaks only when it is shown a code, and has no heartbeat."""

    @asynccontextmanager
    async def serve(folder: Path) -> AsyncIterator[Peer]:
        device = sim()
        faulty = Faulty(device)
        show: Callable[[str], None] | None = getattr(device, "show", None)
        async with Rig() as rig:
            link = rig.tcp(faulty) if tcp else rig.pty(faulty, folder / "port")
            entry = table(id="device", zone="z", port=link.port, **options)
            yield Peer(
                driver=driver_for(kind, entry),
                shows=shows,
                provoke=_does(lambda: show(code)) if show else None,
                unplug=_does(link.unplug),
                plug=_does(link.plug),
                noise=_does(lambda: faulty.add("noise", Babble())),
                quiet=_does(faulty.clear),
                freeze=None if show else _does(lambda: faulty.add("frozen", Freeze())),
                refuse=_does(lambda: refuse(device)) if refuse else None,
            )

    return Case(name, serve, _hurry)


def _scale(name: str, dialect: stream.Dialect) -> Case:
    return _case(name, "scale", StreamScale, lambda: stream.StreamScale(Steady(1234.0), dialect), WeightReading, driver="stream")


def _lose_a_plate(board: shelf_board.ShelfBoard) -> None:
    board._loads = board._loads[:1]


CASES = [
    _case("mt-sics", "scale", MtSicsScale, lambda: mt_sics.MtSicsScale(Steady(1234.0)), WeightReading, driver="mt-sics"),
    _case("mt-sics over tcp", "scale", MtSicsScale, lambda: mt_sics.MtSicsScale(Steady(1234.0)), WeightReading, driver="mt-sics", tcp=True),
    _scale("stream a&d", "a&d"),
    _scale("stream cas", "cas"),
    _scale("stream nci", "nci"),
    _case(
        "shelf-board",
        "scale",
        ShelfBoardScale,
        lambda: shelf_board.ShelfBoard([Steady(100.0), Steady(200.0)]),
        WeightReading,
        driver="shelf-board",
        channels=2,
        refuse=_lose_a_plate,
    ),
    _case("r200", "rfid", RfidReader, lambda: r200.R200(lambda: [EPC]), TagReading, driver="r200"),
    _case("uhfreader18", "rfid", RfidReader, lambda: uhfreader18.UhfReader18(lambda: [EPC]), TagReading, driver="uhfreader18"),
    _case("gm65", "reader", CodeReader, gm65.Gm65, CodeReading, driver="gm65"),
    _case("rdm6300", "reader", CodeReader, rdm6300.Rdm6300, CodeReading, driver="rdm6300", code="010063E9AE"),
    _case("wiegand", "reader", CodeReader, wiegand.WiegandBridge, CodeReading, driver="wiegand", code="212:7041"),
    _case("line", "reader", CodeReader, line_reader.LineReader, CodeReading, driver="line"),
]
