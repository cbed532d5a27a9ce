"""The file of a recording, as ``docs/trace.md`` has it: gzip members of JSON lines, each member to be understood by itself.

A quiet plate's counts differ by little from one sample to the next, so samples of whole numbers are written as differences; times are
microseconds after the line before. Reading is fast because JSON and zlib are: a line costs some microseconds.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, get_args, get_type_hints

from device.domain.commands import InboundCommand
from device.domain.layout import Layout
from device.domain.products import Product
from device.domain.readings import (
    CodeReading,
    ContactReading,
    DeviceDown,
    DeviceRebooted,
    DeviceUp,
    FaultReading,
    InputReading,
    LockOutcome,
    NoiseReading,
    Reading,
    TagReading,
    TagRound,
    TemperatureReading,
    WeightReading,
)
from device.domain.record import record

if TYPE_CHECKING:
    from gzip import GzipFile

FORMAT = "smartstore-trace"
VERSION = 1
LONGEST_LINE = 16 * 1024 * 1024
"""A keyframe of a store with thousands of used codes has about 1 MB."""
LEVEL = 6
GZIP = 31
"""``wbits`` of zlib for one whole gzip member."""

KINDS: dict[str, type[Any]] = {
    "tag": TagReading,
    "round": TagRound,
    "celsius": TemperatureReading,
    "contact": ContactReading,
    "input": InputReading,
    "code": CodeReading,
    "fault": FaultReading,
    "up": DeviceUp,
    "down": DeviceDown,
    "rebooted": DeviceRebooted,
    "noise": NoiseReading,
    "outcome": LockOutcome,
}
"""Readings that are written field by field, in the order of their class, without device and time."""
_NAMES = {kind: name for name, kind in KINDS.items()}
_LATEST_US = 1 << 62


def _types(kind: type[Any]) -> list[tuple[type, ...]]:
    """The types that each field of a reading may have in a recording; JSON writes a whole number of seconds or degrees without a point."""
    hints = [get_args(hint) or (hint,) for hint in get_type_hints(kind).values()]
    return [(*hint, int) if float in hint else hint for hint in hints[2:]]


_TYPES = {name: _types(kind) for name, kind in KINDS.items()}


class Keyframe(NamedTuple):
    """All that a replay starts from: the store's durable state (``dump_state``), and what its senses knew, as readings."""

    at: float
    state: bytes
    levels: tuple[Reading, ...]


class Taken(NamedTuple):
    """A command that came in."""

    at: float
    command: InboundCommand


Entry = Reading | Keyframe | Taken


@record
class Header:
    """Whose recording it is: the store as configured, and its clocks when the recording began.

    ``keys`` are public keys in PEM by their use (``entry``, ``command``). ``simulated``: the devices were simulated firmware.
    """

    version: str
    epoch: str
    boot: str
    uptime: float
    wall: float
    trusted: bool
    simulated: bool
    layout: Layout
    products: tuple[Product, ...]
    keys: dict[str, list[str]]


class Trace(NamedTuple):
    """A recording that is being read. ``entries`` ends where the file does, also where it was cut short; then ``cut`` says so."""

    header: Header
    entries: Iterator[Entry]
    cut: list[str]


def encode_header(header: Header) -> bytes:
    """The first member of a file. Ports lose their options; what concerns broker, page and files is left out: a replay opens nothing."""
    fields = {
        "format": FORMAT,
        "format_version": VERSION,
        **{name: getattr(header, name) for name in ("version", "epoch", "boot", "uptime", "wall", "trusted", "simulated", "keys")},
        "layout": _plain_layout(header.layout),
        "products": [asdict(product) for product in header.products],
    }
    return _member(json.dumps(fields, ensure_ascii=False))


def decode_header(line: bytes) -> Header:
    """The header in a file's first line. Raises ValueError where it is none."""
    try:
        fields = json.loads(line)
        if fields.pop("format") != FORMAT:
            raise ValueError("not a recording of this program")
        if (version := fields.pop("format_version")) != VERSION:
            raise ValueError(f"a recording of version {version}; this program knows {VERSION}")
        layout = Layout.model_validate(fields.pop("layout"))
        products = tuple(Product(**product) for product in fields.pop("products"))
        return Header(layout=layout, products=products, **fields)
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"not a recording's header: {error}") from None


def encode(entries: Sequence[Entry], devices: Sequence[str]) -> bytes:
    """One member. ``devices`` are the ids of the layout, in its order: a line names one by its place there."""
    if not entries:
        return b""
    places = {device: place for place, device in enumerate(devices)}
    before: dict[str, tuple[float, ...]] = {}
    last_us = round(entries[0].at * 1e6)
    lines: list[list[Any]] = [["at", last_us]]
    for entry in entries:
        now_us = round(entry.at * 1e6)
        lines.append(_line(entry, now_us - last_us, places, before))
        last_us = now_us
    text = "\n".join([json.dumps(line, ensure_ascii=False, separators=(",", ":")) for line in lines])
    return _member(text)


def _member(text: str) -> bytes:
    return zlib.compress(text.encode() + b"\n", LEVEL, GZIP)


def _line(entry: Entry, after_us: int, places: dict[str, int], before: dict[str, tuple[float, ...]]) -> list[Any]:
    if type(entry) is WeightReading:
        return _weight_line(entry, after_us, places[entry.device], before)
    if isinstance(entry, Keyframe):
        levels = [_line(level, 0, places, {}) for level in entry.levels]
        return ["key", after_us, json.loads(entry.state), levels]
    if isinstance(entry, Taken):
        command = entry.command
        return ["command", after_us, command.name, command.payload.decode("latin-1"), command.retained]
    rest = [value.hex() if isinstance(value, bytes) else value for value in tuple(entry)[2:]]
    return [_NAMES[type(entry)], after_us, places[entry.device], *rest]


def _weight_line(reading: WeightReading, after_us: int, place: int, before: dict[str, tuple[float, ...]]) -> list[Any]:
    """``w`` and the values, or ``d`` and what whole numbers differ by from the device's sample before in this member."""
    device, values = reading.device, reading.values
    tail: list[Any] = [] if reading.stable is None and not reading.lost else [reading.stable, reading.lost]
    if all(type(value) is int for value in values):
        earlier = before.get(device)
        before[device] = values
        if earlier is not None and len(earlier) == len(values):
            return ["d", after_us, place, [value - old for value, old in zip(values, earlier, strict=True)], *tail]
    else:
        before.pop(device, None)
        values = tuple([value if math.isfinite(value) else None for value in values])  # type: ignore[misc]  # null is JSON's NaN
    return ["w", after_us, place, values, *tail]


def read_trace(file: BinaryIO) -> Trace:
    """Read a recording, lazily. Raises ValueError where it is none; what its lines hold is checked as they are read."""
    from gzip import GzipFile  # a store writes recordings, and reads none

    stream = GzipFile(fileobj=file)
    try:
        header = decode_header(stream.readline(LONGEST_LINE))
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"not a recording: {error}") from None
    cut: list[str] = []
    return Trace(header, _entries(_lines(stream, cut), [device.id for device in header.layout.devices]), cut)


def _lines(stream: GzipFile, cut: list[str]) -> Iterator[bytes]:
    """Lines until the end, however that comes: a recorder that was killed leaves half a member."""
    try:
        while line := stream.readline(LONGEST_LINE):
            yield line
    except (OSError, EOFError, zlib.error) as error:
        cut.append(str(error))


def _entries(lines: Iterable[bytes], devices: Sequence[str]) -> Iterator[Entry]:
    now_us = 0
    before: list[list[float]] = [[] for _ in devices]
    for number, text in enumerate(lines, 2):
        try:
            line = json.loads(text)
            kind = line[0]
            if kind == "at":
                now_us = line[1]
                continue
            now_us += line[1]
            if not 0 <= now_us < _LATEST_US:
                raise ValueError("a time that no clock shows")
            if kind in ("w", "d"):
                yield _weight(kind, line, now_us / 1e6, before, devices)
            else:
                yield from _other(kind, line, now_us / 1e6, devices)
        except (LookupError, TypeError, ValueError, OverflowError, RecursionError) as error:
            raise ValueError(f"line {number} is not one of a recording: {error!r}") from None


def _weight(kind: str, line: list[Any], at: float, before: list[list[float]], devices: Sequence[str]) -> WeightReading:
    place, values = line[2], line[3]
    if kind == "d":
        values = [old + more for old, more in zip(before[place], values, strict=True)]
    else:
        values = [math.nan if value is None else value for value in values]
        if not all(isinstance(value, int | float) for value in values):
            raise TypeError("a weight is a number")
    before[place] = values
    if len(line) == 4:
        return WeightReading(devices[place], at, tuple(values))
    stable, lost = line[4], line[5]
    if not (stable is None or isinstance(stable, bool)) or not isinstance(lost, int):
        raise TypeError("neither a word for stable nor a count of lost samples")
    return WeightReading(devices[place], at, tuple(values), stable, lost)


def _other(kind: str, line: list[Any], at: float, devices: Sequence[str]) -> Iterator[Entry]:
    if kind == "key":
        levels = [reading for level in line[3] for reading in _other(level[0], level, at, devices)]
        yield Keyframe(at, json.dumps(line[2]).encode(), tuple(levels))  # type: ignore[arg-type]  # levels are readings
    elif kind == "command":
        if not isinstance(line[2], str) or not isinstance(line[4], bool):
            raise TypeError("no command")
        yield Taken(at, InboundCommand(line[2], line[3].encode("latin-1"), line[4]))
    else:
        rest = line[3:]
        if kind == "tag":
            rest[0] = bytes.fromhex(rest[0])
        reading = KINDS[kind](devices[line[2]], at, *rest)
        if not all(isinstance(value, types) for value, types in zip(reading[2:], _TYPES[kind], strict=True)):
            raise TypeError(f"fields of other types than a {kind} has")
        yield reading


def _plain_layout(layout: Layout) -> dict[str, Any]:
    plain = layout.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"web", "journal"})
    plain["mqtt"] = {"url": "mqtt://127.0.0.1:1883", "topic": layout.mqtt.topic}
    plain["access"] = {name: plain["access"][name] for name in ("signed_commands", "issuer") if name in plain["access"]}
    plain["store"].pop("jurisdiction", None)  # its rules are there already
    plain["catalogue"] = {"file": layout.catalogue.file.name}
    for device in layout.devices:
        table = _table_of(plain, device.id)
        table.pop("options", None)  # those of somebody else's driver may hold a secret
        if "port" in table:
            table["port"] = str(getattr(device, "port"))  # noqa: B009  # not every kind of device has one
    return plain


def _table_of(plain: dict[str, Any], device: str) -> dict[str, Any]:
    kinds = ("lock", "scale", "rfid", "thermometer", "reader", "input")
    found: dict[str, Any] = next(table for kind in kinds for table in plain.get(kind, ()) if table["id"] == device)
    return found
