"""``smartstore replay``: a recording through the same code as in the daemon, as fast as it goes."""

from __future__ import annotations

import csv
import json
import math
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import click

from device import __version__
from device.app.assembly import public_keys_of, trust_of_recording
from device.cli.output import json_option
from device.cli.watch import sentence
from device.domain.envelope import Origin, data_of, render, rfc3339
from device.domain.facts import Fact, TraceCaptured
from device.domain.layout import Layout, ModbusLoadcellScale, ShelfBoardScale
from device.domain.moment import Moment
from device.domain.products import Product
from device.domain.readings import DeviceUp, WeightReading
from device.engine.playback import Player
from device.errors import StoreError
from device.recording import Entry, Header, Trace, read_trace
from device.sensing.scale import calibrations_of
from device.store.memory.notes import Record

GZIP = b"\x1f\x8b"
LONE_SCALE = "scale"


@click.command()
@click.argument("trace", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--config", type=click.Path(readable=False, path_type=Path), help="Play it through this store instead of the recorded one.")
@click.option("--scale", metavar="ID", help="With a CSV and --config: the scale whose first plate it is of.")
@click.option("--facts", is_flag=True, help="Also tell what the readings mean: steps, movements, doors. Always so for a CSV alone.")
@json_option
def command(trace: Path, config: Path | None, scale: str | None, facts: bool, as_json: bool) -> None:
    """Play a recording through sensing and store in virtual time, and print the events.

    TRACE is a file of `smartstore record`, or a CSV of `unix_ts,grams` with one sample of one scale a line. The same file gives the same
    events every time.
    """
    began = time.monotonic()
    with trace.open("rb") as file:
        recording, alone = _open(file, trace, config, scale)
        teller = _Teller(recording.header, as_json, facts or alone)
        player = Player(recording.header, trust_of_recording(recording.header), teller.fact if teller.tells_facts else None)
        try:
            for record in player.play(teller.watched(recording.entries)):
                teller.record(record)
        except ValueError as error:
            raise StoreError(f"{trace}: {error}") from None
    teller.summary(trace, time.monotonic() - began, recording.cut)


def _open(file: BinaryIO, path: Path, config: Path | None, scale: str | None) -> tuple[Trace, bool]:
    """The recording, and whether it is a CSV that belongs to no store."""
    packed = file.read(2) == GZIP
    file.seek(0)
    try:
        if packed:
            if scale is not None:
                raise click.UsageError("--scale goes with a CSV")
            recording = read_trace(file)
            return (recording if config is None else recording._replace(header=_as_configured(recording.header, config))), False
        return _of_csv(file, config, scale), config is None
    except ValueError as error:
        raise StoreError(f"{path}: {error}") from None


def _as_configured(header: Header, config: Path) -> Header:
    """The recording's clocks, the configuration's store. Its devices must be those that were recorded."""
    from device.config import load

    configuration = load(config)
    recorded = [device.id for device in header.layout.devices]
    if [device.id for device in configuration.layout.devices] != recorded:
        raise ValueError(f"{config} has other devices than the recording, which has {', '.join(recorded)}")
    products = tuple(configuration.products.values())
    return replace(header, layout=configuration.layout, products=products)  # codes were written down by keys of the recording's own


def _of_csv(file: BinaryIO, config: Path | None, scale: str | None) -> Trace:
    samples = _samples(file)
    first = next(samples, None)
    if first is None:
        raise ValueError("no line of unix_ts,grams is in it")
    layout, keys = _lone_layout(), dict[str, list[str]]()
    products: tuple[Product, ...] = ()
    if config is not None:
        from device.config import load

        configuration = load(config)
        layout, keys = configuration.layout, public_keys_of(configuration)
        products = tuple(configuration.products.values())
    table = next((table for table in layout.scale if table.id == (scale or layout.scale[0].id)), None)
    if table is None:
        raise ValueError(f"no scale {scale}; there are {', '.join(each.id for each in layout.scale)}")
    zero, per_gram = 0.0, 1.0
    if isinstance(table, ShelfBoardScale | ModbusLoadcellScale):
        calibration = calibrations_of(table, {}).get(1)
        if calibration is None:
            raise ValueError(f"scale {table.id} has no counts_per_gram: its grams cannot be made counts")
        zero, per_gram = calibration
    rest = (math.nan,) * (table.channels - 1)

    def entries() -> Iterator[Entry]:
        wall, grams = first
        yield DeviceUp(table.id, wall)
        yield WeightReading(table.id, wall, (zero + grams * per_gram, *rest))
        for wall, grams in samples:
            yield WeightReading(table.id, wall, (zero + grams * per_gram, *rest))

    # A CSV has one clock only: its uptime is its Unix time.
    header = Header(__version__, "0" * 8, "csv", first[0], first[0], True, False, layout, products, keys)
    return Trace(header, entries(), [])


def _samples(file: BinaryIO) -> Iterator[tuple[float, float]]:
    """(unix_ts, grams) of each line; a head is passed over. Raises ValueError where a line is neither."""
    lines = (line.decode("utf-8-sig") for line in file)
    for number, row in enumerate(csv.reader(lines), 1):
        if not row or (number == 1 and len(row) >= 2 and not _is_number(row[1])):
            continue
        if len(row) < 2 or not (_is_number(row[0]) and _is_number(row[1])):
            raise ValueError(f"line {number}: {','.join(row)[:60]!r} is not unix_ts,grams")
        yield float(row[0]), float(row[1])


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _lone_layout() -> Layout:
    """A store that is one scale and sells nothing."""
    return Layout.model_validate(
        {
            "store": {"id": "csv", "name": "CSV", "timezone": "UTC", "currency": "EUR"},
            "mqtt": {"url": "mqtt://127.0.0.1:1883"},
            "catalogue": {"file": "none.csv"},
            "zone": [{"id": "zone"}],
            "scale": [{"id": LONE_SCALE, "zone": "zone", "driver": "stream", "port": "serial:none"}],
        }
    )


class _Teller:
    """Prints what comes of it, and counts."""

    def __init__(self, header: Header, as_json: bool, tells_facts: bool) -> None:
        from zoneinfo import ZoneInfo

        self.tells_facts = tells_facts
        self._timezone = ZoneInfo(header.layout.store.timezone)
        self._origin = Origin(header.layout.store.id, header.epoch, self._timezone, header.simulated)
        self._as_json = as_json
        self._readings = self._events = self._facts = 0
        self._from: float | None = None
        self._to = 0.0

    def watched(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        for entry in entries:
            self._readings += 1
            if self._from is None:
                self._from = entry.at
            self._to = entry.at
            yield entry

    def record(self, record: Record) -> None:
        if record.seq is None:
            return
        self._events += 1
        body = render(record.what, record.subject, record.seq, record.moment, self._origin)  # type: ignore[arg-type]  # it has a number
        if self._as_json:
            click.echo(body)
        else:
            envelope = json.loads(body)
            click.echo(f"{self._time(record.moment)}  {record.seq:>6}  {envelope['type']}: {sentence(envelope)}")

    def fact(self, fact: Fact, moment: Moment) -> None:
        if isinstance(fact, TraceCaptured):
            return
        self._facts += 1
        fields: dict[str, Any] = data_of(fact)
        fields.pop("at")
        if self._as_json:
            click.echo(json.dumps({"fact": type(fact).__name__, "time": rfc3339(moment.wall, self._timezone), **fields}))
        else:
            words = ", ".join(f"{name} {_short(value)}" for name, value in fields.items() if value is not None)
            click.echo(f"{self._time(moment)}          {type(fact).__name__}: {words}")

    def summary(self, trace: Path, took_s: float, cut: list[str]) -> None:
        seconds = self._to - (self._to if self._from is None else self._from)
        if self._as_json:
            fields = {"trace": str(trace), "seconds": round(seconds, 3), "readings": self._readings, "events": self._events}
            click.echo(json.dumps({**fields, "facts": self._facts, "cut_short": bool(cut)}))
            return
        facts = f", {self._facts} facts" if self.tells_facts else ""
        speed = f"{seconds / took_s:.0f} times as fast as it was" if took_s > 0 else ""
        click.echo(f"{self._readings} readings of {_span(seconds)}: {self._events} events{facts}; {took_s:.1f} s, {speed}", err=True)
        if cut:
            click.echo("the recording was cut short: it ends in the middle of a member", err=True)

    def _time(self, moment: Moment) -> str:
        return rfc3339(moment.wall, self._timezone)[11:23]


def _short(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def _span(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
