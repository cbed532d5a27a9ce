"""Recordings made by hand: a store of scales, and days of plates from the simulated physics."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from device.domain.layout import Layout
from device.domain.products import Product
from device.domain.readings import DeviceUp, Reading, WeightReading
from device.recording import Entry, Header, encode, encode_header
from firmware_sims.physics import Plate

GTIN = "04006381333931"
PRODUCT = Product(GTIN, "Riesling", 1250.0, 6.0, 1290)
WALL = 1_795_348_800.0
UPTIME = 5000.0
PER_GRAM = 420.0


def layout(boards: int, channels: int) -> Layout:
    """A fridge of shelf boards, with one slot a plate."""
    plates = [(f"board-{board}", channel) for board in range(boards) for channel in range(1, channels + 1)]
    scales: list[dict[str, Any]] = [
        {
            "id": f"board-{board}",
            "zone": "fridge",
            "driver": "shelf-board",
            "port": f"serial:/dev/b{board}?baud=9600",
            "channels": channels,
            "counts_per_gram": PER_GRAM,
        }
        for board in range(boards)
    ]
    return Layout.model_validate(
        {
            "store": {"id": "test-01", "name": "Test", "timezone": "Europe/Rome", "currency": "EUR"},
            "mqtt": {"url": "mqtts://broker.example:8883", "username": "store", "password_file": "/etc/secret"},
            "catalogue": {"file": "/somewhere/products.csv"},
            "access": {"entry_keys": ["/etc/key.pem"], "issuer": "shop"},
            "zone": [{"id": "fridge", "sales_hours": ["Mon-Sun 10:00-22:00"]}],
            "lock": [{"id": "lock", "zone": "fridge", "driver": "gpio", "relay": 1, "contact": 2}],
            "scale": scales,
            "slot": [{"id": f"{scale}-{channel}", "scale": scale, "channel": channel, "products": [GTIN]} for scale, channel in plates],
        }
    )


def header(plan: Layout) -> Header:
    return Header("1.0", "0a1b2c3d", "boot-1", UPTIME, WALL, True, True, plan, (PRODUCT,), {"entry": [], "command": []})


def days(plan: Layout, seconds: float, *, rate_hz: float = 10.0, takes_every_s: float = 60.0) -> Iterator[Reading]:
    """What the boards say: plates full of bottles, with noise, glitches and drift, from which one is taken now and then."""
    plates = {(scale.id, channel): Plate(f"{scale.id}/{channel}") for scale in plan.scale for channel in range(scale.channels)}
    for plate in plates.values():
        plate.rest(9000.0)
    for scale in plan.scale:
        yield DeviceUp(scale.id, UPTIME, "1.2")
    order = list(plates.values())
    for sample in range(1, round(seconds * rate_hz) + 1):
        at = UPTIME + sample / rate_hz
        if sample % round(takes_every_s * rate_hz) == 0:
            order[sample // round(takes_every_s * rate_hz) % len(order)].take(1250.0)
        for number, scale in enumerate(plan.scale):
            grams = [plates[scale.id, channel].sample(1 / rate_hz) for channel in range(scale.channels)]
            yield WeightReading(scale.id, at + number * 1e-4, tuple([round(each * PER_GRAM) for each in grams]))


def write(path: Path, plan: Layout, entries: list[Entry], *, second: int = 320) -> Path:
    """A file as the daemon would send it, about a member a second."""
    devices = [device.id for device in plan.devices]
    with path.open("wb") as file:
        file.write(encode_header(header(plan)))
        for first in range(0, len(entries), second):
            file.write(encode(entries[first : first + second], devices))
    return path
