"""A configuration that may still have faults: the tables that are sound by themselves, and every id that stands in the file.

The rules between tables are checked on what is sound, so that a fault in one table does not hide the faults of another.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError

from device.config.faults import Faults
from device.config.files import resolve, secret_path
from device.config.spelling import joined, place_of, spelled, tell
from device.domain.layout import Layout
from device.domain.port import SerialAddress, SysfsAddress

SECRETS = frozenset({"password_file", "key_file", "cards_key_file"})

RULED = frozenset(
    {
        *("kind", "driver", "options", "unit", "register", "channel", "channels", "port"),
        *("username", "password_file", "cert_file", "key_file", "cards_file", "cards_key_file"),
    }
)
"""Keys whose default would break a rule between tables that the user's own value may keep.

A table with another faulty key is checked against the other tables without that key.
"""

Entry = TypeVar("Entry", bound=BaseModel)


class Draft:
    """The tables of one file. ``faults`` gets what is wrong with each by itself."""

    def __init__(self, raw: dict[str, Any], folder: Path, faults: Faults) -> None:
        self._raw = _frozen(raw)
        self._entries: list[tuple[str, BaseModel]] = []
        self.layout: Layout | None = None
        try:
            self.layout = absolute(Layout.model_validate(self._raw, strict=True), folder)
        except ValidationError as error:
            faulty = set()
            for detail in error.errors():
                tell(detail, faults)
                faulty.add(place_of(detail["loc"]).steps)
            for steps, table, annotation in self._tables():
                keys = {place[len(steps)] for place in faulty if place[: len(steps)] == steps and len(place) > len(steps)}
                self._keep_if_sound(steps, table, annotation, keys - RULED, folder)
        else:
            self._entries = [(path, absolute(entry, folder)) for path, entry in _entries_of(self.layout)]

    def of(self, *kinds: type[Entry]) -> list[tuple[str, Entry]]:
        """The sound tables of these kinds, with their paths, in the order of the file's tables."""
        return [(path, entry) for path, entry in self._entries if isinstance(entry, kinds)]

    def replace(self, path: str, entry: BaseModel) -> None:
        """Put another entry at a path ``TABLE[NUMBER]``."""
        self._entries = [(place, entry if place == path else old) for place, old in self._entries]
        if self.layout is not None:
            name, _, number = path.removesuffix("]").partition("[")
            entries = list(getattr(self.layout, name))
            entries[int(number)] = entry
            self.layout = self.layout.model_copy(update={name: tuple(entries)})

    def written(self, table: str, key: str) -> Iterator[tuple[str, str]]:
        """Every (path, string) under a key of the tables of a name, sound or not; of a list, each of its strings."""
        entries = self._raw.get(table)
        for place, entry in enumerate(entries if isinstance(entries, tuple) else ()):
            value = entry.get(key) if isinstance(entry, dict) else None
            path = joined(joined(table, place), key)
            if isinstance(value, str):
                yield path, value
            for number, item in enumerate(value if isinstance(value, tuple) else ()):
                if isinstance(item, str):
                    yield joined(path, number), item

    def values(self, table: str, key: str) -> set[str]:
        """Every string under a key of the tables of a name, sound or not."""
        return {value for _, value in self.written(table, key)}

    def _tables(self) -> Iterator[tuple[tuple[str | int, ...], Any, Any]]:
        for name, field in Layout.model_fields.items():
            value = self._raw.get(name)
            if get_origin(field.annotation) is tuple:
                for place, entry in enumerate(value if isinstance(value, tuple) else ()):
                    yield (name, place), entry, field.annotation
            elif value is not None:
                yield (name,), value, field.annotation

    def _keep_if_sound(self, steps: tuple[str | int, ...], table: Any, annotation: Any, without: Set[str | int], folder: Path) -> None:
        if isinstance(table, dict):
            table = {key: value for key, value in table.items() if key not in without}
        many = len(steps) > 1
        try:
            sound = _reader(annotation).validate_python((table,) if many else table, strict=True)
        except ValidationError:
            return
        self._entries.append((spelled(steps), absolute(sound[0] if many else sound, folder)))


def absolute(table: Any, folder: Path) -> Any:
    """The same table with every path in it, also those of ports, made absolute."""
    match table:
        case BaseModel():
            values = {name: getattr(table, name) for name in type(table).model_fields}
            return table.model_copy(
                update={
                    name: secret_path(value, folder) if name in SECRETS and value is not None else absolute(value, folder)
                    for name, value in values.items()
                    if name in SECRETS or isinstance(value, BaseModel | Path | tuple | SerialAddress | SysfsAddress)
                }
            )
        case Path():
            return resolve(table, folder)
        case SerialAddress(path, baud, parity, bytesize, stopbits):
            return SerialAddress(str(resolve(Path(path), folder)), baud, parity, bytesize, stopbits)
        case SysfsAddress(path):
            return SysfsAddress(str(resolve(Path(path), folder)))
        case tuple():
            return tuple(absolute(item, folder) for item in table)
        case _:
            return table


@cache
def _reader(annotation: Any) -> TypeAdapter[Any]:
    return TypeAdapter(annotation)


def _entries_of(layout: Layout) -> Iterator[tuple[str, BaseModel]]:
    for name in Layout.model_fields:
        value = getattr(layout, name)
        if isinstance(value, BaseModel):
            yield name, value
        for place, entry in enumerate(value if isinstance(value, tuple) else ()):
            yield joined(name, place), entry


def _frozen(value: Any) -> Any:
    """Lists as tuples: what strict validation takes for the frozen models."""
    match value:
        case dict():
            return {key: _frozen(item) for key, item in value.items()}
        case list():
            return tuple(_frozen(item) for item in value)
        case _:
            return value
