"""A page without a store behind it: a furnished picture, fed by the test, served on a free port."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Mapping
from typing import Any
from zoneinfo import ZoneInfo

from device.domain.envelope import Origin, render
from device.domain.events import Event
from device.domain.layout import Layout
from device.domain.moment import Moment
from device.domain.products import Product
from device.web import Picture, Web
from tests.web.visitor import seen

WINE, GIN = "09520000001018", "09520000001025"
NOON = 1_795_348_800.0
"""2026-11-22 12:00:00 UTC."""
ORIGIN = Origin("cellar", "9b1f03c2", ZoneInfo("Europe/Rome"), simulated=True)

LAYOUT = Layout.model_validate(
    {
        "store": {"id": "cellar", "name": "The little cellar", "timezone": "Europe/Rome", "currency": "EUR"},
        "mqtt": {"url": "mqtt://127.0.0.1:1883"},
        "catalogue": {"file": "products.csv"},
        "zone": [{"id": "fridge", "name": "White wines", "temperature": {"min_celsius": 4, "max_celsius": 12}}],
        "lock": [{"id": "lock", "zone": "fridge", "driver": "gpio", "relay": 17, "contact": 27}],
        "thermometer": [{"id": "air", "zone": "fridge", "driver": "ds18b20", "serial": "28-0000075c1b2a"}],
        "scale": [{"id": "board", "zone": "fridge", "driver": "shelf-board", "port": "serial:/dev/ttyACM0", "channels": 2}],
        "slot": [
            {"id": "A1", "scale": "board", "channel": 1, "products": [WINE], "capacity": 12, "low_at": 2},
            {"id": "A2", "scale": "board", "channel": 2, "products": [WINE, GIN], "capacity": 12},
        ],
    }
)

ZONE: dict[str, Any] = {
    "door": "closed",
    "lock_commanded": "locked",
    "lock_observed": "locked",
    "session": None,
    "purpose": None,
    "sales": "open",
    "reasons": [],
    "celsius": 8.25,
    "alarms": [],
}
SLOT: dict[str, Any] = {
    "products": [WINE],
    "count": 9,
    "counts": {WINE: 9},
    "grams": 11250.0,
    "confidence": 1.0,
    "low": False,
    "trusted": True,
}
BOTH: dict[str, Any] = SLOT | {"products": [WINE, GIN], "counts": {WINE: 3, GIN: None}, "count": None, "grams": None, "trusted": False}
DEVICE: dict[str, Any] = {
    "state": "online",
    "since": "2026-11-22T12:59:00.000+01:00",
    "kind": "scale",
    "driver": "shelf-board",
    "noise": 0,
    "resets": 0,
    "samples": 1234,
    "dropped": 0,
    "last": "2026-11-22T13:00:00.000+01:00",
    "firmware": "1.2",
    "reason": None,
}
PULSE: dict[str, Any] = {"time": "2026-11-22T13:00:00.000+01:00", "clock": "trusted", "backend": True, "unsent": 0, "room": "ok"}

PULSES_EVERY_S = 0.5
_seqs = itertools.count(1)


def products(**names: str) -> dict[str, Product]:
    """The catalogue; ``wine`` and ``gin`` may be called otherwise."""
    return {
        WINE: Product(WINE, names.get("wine", "Riesling 75 cl"), 1250.0, 6.0, 1290),
        GIN: Product(GIN, names.get("gin", "Gin 70 cl"), 1420.0, 8.0, 2990),
    }


def furnished(layout: Layout = LAYOUT, catalogue: Mapping[str, Product] | None = None) -> Picture:
    """A picture of the store as it is on a quiet noon."""
    picture = Picture(simulated=True, version="0.1.0")
    picture.furnish(layout, products() if catalogue is None else catalogue, layout.slot)
    picture.level("zone/fridge", ZONE)
    picture.level("slot/A1", SLOT)
    picture.level("slot/A2", BOTH)
    picture.level("device/board", DEVICE)
    picture.pulse(PULSE)
    picture.alarms([])
    return picture


def journalled(event: Event, subject: str = "fridge", *, seq: int | None = None, trusted: bool = True) -> bytes:
    """An event as it is in the journal."""
    number = next(_seqs) if seq is None else seq
    return render(event, subject, number, Moment(100.0 + number, NOON + number, trusted, "b" * 32), ORIGIN)


@contextlib.asynccontextmanager
async def served(picture: Picture | None = None, listen: str = "127.0.0.1:0", *, beats: bool = True) -> AsyncIterator[Web]:
    """A page that is served while the context is open. ``beats``: the store's pulse goes on."""
    web = Web(listen, furnished() if picture is None else picture)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(web.run(), name="web")]
        if beats:
            tasks.append(group.create_task(_beat(web.picture), name="beat"))
        await seen(lambda: web.port is not None)
        try:
            yield web
        finally:
            for task in tasks:
                task.cancel()


async def _beat(picture: Picture) -> None:
    while True:
        picture.pulse(PULSE)
        await asyncio.sleep(PULSES_EVERY_S)
