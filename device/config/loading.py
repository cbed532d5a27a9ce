"""Reading a configuration file and all that it names."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from device.config.configuration import Configuration
from device.config.faults import Faults
from device.config.files import read_text, resolve, secret_path
from device.config.products import read_products
from device.domain.layout import Layout
from device.domain.port import SerialAddress, SysfsAddress
from device.errors import ConfigError

MAX_BYTES = 1024 * 1024
"""A store of a thousand slots has about 150 KB."""

SECRETS = {"password_file", "key_file", "cards_key_file"}


def load(path: Path) -> Configuration:
    """Read a configuration and the files that it names.

    Raises ConfigError with all that is wrong with any of them.
    """
    faults = Faults()
    raw = _read_toml(path, faults)
    if raw is None:
        raise ConfigError(list(faults))
    try:
        layout = Layout.model_validate(raw)
    except ValidationError as error:
        for problem in error.errors():
            faults.add(".".join(map(str, problem["loc"])), "", problem["msg"])
        raise ConfigError(list(faults)) from None
    layout = absolute(layout, path.absolute().parent)
    products = read_products(layout.catalogue.file, "catalogue.file", faults)
    if faults:
        raise ConfigError(list(faults))
    return Configuration(path.absolute(), layout, products)


def _read_toml(path: Path, faults: Faults) -> dict[str, Any] | None:
    text = read_text(path, MAX_BYTES, path.name, faults)
    if text is None:
        return None
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r" \(at (?:line (\d+), column (\d+)|end of document)\)$", str(error))
        reason = str(error)[: place.start()] if place else str(error)
        where = f" line {place[1]} column {place[2]}" if place and place[1] else " at its end" if place else ""
        faults.add(f"{path.name}{where}", "", f"is not TOML: {reason}")
    except (ValueError, RecursionError) as error:
        faults.add(path.name, "", f"is not TOML: {error}")
    return None


def absolute(table: Any, folder: Path) -> Any:
    """The same table with every path in it, also those of ports, made absolute."""
    if isinstance(table, BaseModel):
        changes = {}
        for name in type(table).model_fields:
            value = getattr(table, name)
            changed = secret_path(value, folder) if name in SECRETS and value is not None else absolute(value, folder)
            if changed is not value:
                changes[name] = changed
        return table.model_copy(update=changes) if changes else table
    match table:
        case Path():
            return resolve(table, folder)
        case SerialAddress(path=path) | SysfsAddress(path=path):
            return type(table)(**{**{slot: getattr(table, slot) for slot in table.__slots__}, "path": str(resolve(Path(path), folder))})
        case tuple():
            changed_items = tuple(absolute(item, folder) for item in table)
            return changed_items if any(new is not old for new, old in zip(changed_items, table, strict=True)) else table
        case _:
            return table
