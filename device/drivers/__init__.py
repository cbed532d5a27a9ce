"""Drivers: wire and port become readings, device commands become wire.

``DRIVERS`` is the whole list of ours; other packages bring more (``foreign``). Each file is imported only when the first device that needs
it is made: a daemon on a small board does not load what it does not run.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ValidationError

from device.domain.layout import Foreign
from device.domain.layout import Kind as Kind
from device.drivers.driver import Driver
from device.errors import ConfigError, Fault

Factory = Callable[[Any], Driver]
"""Makes a driver, without I/O, of one entry of ``device.domain.layout``."""


def _in(module: str, name: str = "driver") -> Factory:
    """The function ``name`` of ``device.drivers.{module}``, imported when it is called for the first time."""

    def make(entry: Any) -> Driver:
        driver: Driver = getattr(importlib.import_module(f"device.drivers.{module}"), name)(entry)
        return driver

    return make


DRIVERS: dict[tuple[Kind, str], Factory] = {
    ("lock", "modbus-relay"): _in("modbus_relay", "lock"),
    ("lock", "gpio"): _in("gpio", "lock"),
    ("lock", "osdp"): _in("osdp", "lock"),
    ("scale", "mt-sics"): _in("mt_sics"),
    ("scale", "stream"): _in("stream"),
    ("scale", "shelf-board"): _in("shelf_board"),
    ("scale", "modbus-loadcell"): _in("modbus_loadcell"),
    ("rfid", "r200"): _in("r200"),
    ("rfid", "uhfreader18"): _in("uhfreader18"),
    ("rfid", "llrp"): _in("llrp"),
    ("reader", "gm65"): _in("gm65"),
    ("reader", "line"): _in("line"),
    ("reader", "rdm6300"): _in("rdm6300"),
    ("reader", "wiegand"): _in("wiegand"),
    ("reader", "osdp"): _in("osdp", "reader"),
    ("thermometer", "ds18b20"): _in("ds18b20", "thermometer"),
    ("thermometer", "modbus"): _in("modbus_thermometer", "thermometer"),
    ("input", "modbus-relay"): _in("modbus_relay", "single_input"),
    ("input", "gpio"): _in("gpio", "single_input"),
    ("input", "osdp"): _in("osdp", "single_input"),
}
"""Every driver, by kind and by the name that stands in the configuration."""


LIBRARIES: dict[tuple[Kind, str], tuple[str, str]] = {
    ("rfid", "llrp"): ("llrpkit", "llrp"),
    ("lock", "osdp"): ("osdp_sys", "osdp"),
    ("reader", "osdp"): ("osdp_sys", "osdp"),
    ("input", "osdp"): ("osdp_sys", "osdp"),
}
"""What a driver needs that is not always installed: the library's module, and the extra that brings it."""


def missing_library(kind: Kind, name: str) -> str:
    """What to install before this driver can be used; empty where there is nothing to install. Loads no library."""
    library, extra = LIBRARIES.get((kind, name), ("", ""))
    if not library or importlib.util.find_spec(library) is not None:
        return ""
    return f"needs the library {library}: pip install 'smartstore[{extra}]'"


def driver_for(kind: Kind, entry: Any) -> Driver:
    """The driver of one configured device.

    Raises ConfigError where no such driver is there, or its library is not installed.
    """
    if isinstance(entry, Foreign):
        return _foreign_driver(kind, entry)
    factory = DRIVERS.get((kind, entry.driver))
    if factory is None:
        known = ", ".join(name for of, name in DRIVERS if of == kind)
        raise ConfigError([Fault(f"{kind} {entry.id}: driver", repr(entry.driver), f"drivers of this kind are {known}")])
    if missing := missing_library(kind, entry.driver):
        raise ConfigError([Fault(f"{kind} {entry.id}: driver", repr(entry.driver), missing)])
    return factory(entry)


def _foreign_driver(kind: Kind, entry: Foreign) -> Driver:
    from device.drivers.foreign import foreign  # looks through the installed packages

    place = f"{kind} {entry.id}"
    try:
        found = foreign(kind, entry.driver)
        options = entry.options if isinstance(entry.options, BaseModel) else found.options.model_validate(entry.options)
    except ValidationError as error:
        faults = [Fault(f"{place}: options.{'.'.join(map(str, each['loc']))}", repr(each["input"]), each["msg"]) for each in error.errors()]
        raise ConfigError(faults) from error
    except LookupError as error:
        raise ConfigError([Fault(f"{place}: driver", repr(entry.driver), str(error))]) from error
    return found.make(entry, options)
