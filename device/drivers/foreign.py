"""Drivers that other packages bring: entry points of the group ``smartstore.drivers``.

The name of the entry point is that of the driver, with a dot in it so that it can never be one of ours; what it leads to is a
``ForeignDriver``. Packages are looked through only where a configuration names such a driver. How to write one: ``docs/drivers.md``.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from pydantic import BaseModel

from device.domain.layout import Kind
from device.domain.record import record
from device.drivers.driver import Driver

GROUP = "smartstore.drivers"


@record
class ForeignDriver:
    """What a package offers. ``options`` is the model that ``[….options]`` of the configuration is checked with."""

    kind: Kind
    options: type[BaseModel]
    make: Callable[[Any, Any], Driver]
    """Makes a driver, without I/O, of the entry (one of the ``Foreign…`` of ``device.domain.layout``) and its checked options."""


def offered() -> dict[str, EntryPoint]:
    """What the installed packages offer, by name; nothing is loaded."""
    return {found.name: found for found in entry_points(group=GROUP)}


def foreign(kind: Kind, name: str) -> ForeignDriver:
    """One of them.

    Raises LookupError, in words for the one who wrote the configuration, where it is not there or cannot be used.
    """
    found = offered().get(name)
    if found is None:
        known = ", ".join(sorted(offered())) or "none"
        raise LookupError(f"no installed package brings this driver; those that are brought: {known}")
    try:
        driver = found.load()
    except (ImportError, AttributeError) as error:
        raise LookupError(f"{found.value} cannot be loaded: {error}") from error
    if not isinstance(driver, ForeignDriver):
        raise LookupError(f"{found.value} is no ForeignDriver")
    if driver.kind != kind:
        raise LookupError(f"is a driver for [[{driver.kind}]]")
    return driver
