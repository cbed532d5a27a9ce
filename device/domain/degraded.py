"""What a zone may still do while something is out of order: the faults, the modes, and what holds where nobody has said otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

from device.domain.table import Table

Mode = Literal["all", "review", "pickups", "nothing"]
"""``all``: as ever. ``review``: it sells, and every cart is looked at by a person. ``pickups``: orders are handed out, nothing is sold.
``nothing``: neither. Staff come in whatever the mode, and nobody is kept from leaving."""
FaultName = Literal[
    "broker_down", "rfid_lost", "plate_lost", "thermometer_lost", "reader_lost", "clock_untrusted", "disk_nearly_full", "mains_lost"
]

MODES: tuple[Mode, ...] = get_args(Mode)
FAULTS: tuple[FaultName, ...] = get_args(FaultName)

DEFAULTS: Mapping[FaultName, Mode] = {
    "broker_down": "all",
    "rfid_lost": "review",
    "plate_lost": "review",
    "thermometer_lost": "all",
    "reader_lost": "all",
    "clock_untrusted": "all",
    "disk_nearly_full": "all",
    "mains_lost": "nothing",
}
BLINDING: tuple[FaultName, ...] = ("plate_lost", "rfid_lost")
"""Faults with which less is seen of what is taken: a cart that a stricter mode still allows is looked at as well."""


class Degraded(Table):
    """What a zone may still do with each fault; absent: what the store says, and then ``DEFAULTS``."""

    broker_down: Mode | None = None
    rfid_lost: Mode | None = None
    plate_lost: Literal["review", "pickups", "nothing"] | None = None
    thermometer_lost: Mode | None = None
    reader_lost: Mode | None = None
    clock_untrusted: Mode | None = None
    disk_nearly_full: Mode | None = None
    mains_lost: Mode | None = None


def mode_with(faults: tuple[FaultName, ...], *said: Degraded | None) -> Mode:
    """The strictest of what the faults allow. Of ``said`` the first that speaks of a fault counts."""
    return max((_mode(fault, said) for fault in faults), key=MODES.index, default="all")


def asks_review(faults: tuple[FaultName, ...], *said: Degraded | None) -> bool:
    """Whether the carts that are still made with these faults are to be looked at, be it that another fault allows even less."""
    return any(_mode(fault, said) == "review" or (fault in BLINDING and _mode(fault, said) != "all") for fault in faults)


def _mode(fault: FaultName, said: tuple[Degraded | None, ...]) -> Mode:
    spoken = (getattr(table, fault) for table in said if table is not None)
    mode: Mode = next((mode for mode in spoken if mode is not None), DEFAULTS[fault])
    return mode
