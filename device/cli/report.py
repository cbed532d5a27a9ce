"""``smartstore report CONFIG temperature``: the cold-chain record of a zone as CSV, JSON or PDF, and the proof that it is the journal's.

A report names the row and hash of the journal's chain up to which it was made. The same journal gives the same report, byte for byte: that
is how ``--verify`` finds a changed figure, and why the writers know no clock.
"""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, cast, get_args

import click

from device.cli import cold_record
from device.cli.cold_pdf import pdf_of
from device.cli.cold_record import SIMULATED, Frame, Record, figures, gaps, label, read
from device.cli.source import Anywhere, Source, is_journal, of_store, simulated_option
from device.config import load
from device.domain.envelope import adapter
from device.domain.layout import Layout, Zone
from device.errors import StoreError
from device.journal.reading import book_of, newest_event, newest_of
from device.journal.verify import verify as verify_chain
from device.store.cold.statement import Account

MARK = "smartstore-report "
Format = Literal["csv", "json", "pdf"]


@dataclass(frozen=True, slots=True)
class Subject:
    """The store that a report is about, and its journal."""

    layout: Layout
    source: Source


@click.group("report", cls=Anywhere)
@click.argument("config", type=click.Path(readable=False, path_type=Path))
@simulated_option
@click.pass_context
def command(context: click.Context, config: Path, simulated: bool) -> None:
    """Make a report from the journal of the store of CONFIG; that of `run --simulate` where it never ran otherwise."""
    if is_journal(config):
        raise click.UsageError(
            f"{config} is a journal, and limits, names and calibration notes are not in it: "
            "name the configuration of its store, the TOML file, and for simulated runs add --simulated"
        )
    configuration = load(config)
    context.obj = Subject(configuration.layout, of_store(configuration, simulated))


@command.command("temperature", short_help="The cold-chain record of a zone, or --verify FILE.")
@click.option("--zone", metavar="ID", help="The zone; needed where several are monitored.")
@click.option(
    "--from", "start", metavar="TIME", default="7d", show_default=True, help="2026-11-22, 2026-11-22T12:00, or 7d for a week ago."
)
@click.option("--to", "end", metavar="TIME", help="Up to this time; without it up to now, that is, what the journal last wrote.")
@click.option("--format", "kind", type=click.Choice(["csv", "json", "pdf"]), help="By default that of the output file's name, else csv.")
@click.option("--out", "-o", type=click.Path(path_type=Path, dir_okay=False), help="Write to a file and not to standard output.")
@click.option("--verify", "verified", type=click.Path(path_type=Path, dir_okay=False), help="Hold a report against the journal instead.")
@click.pass_context
def temperature(
    context: click.Context, zone: str | None, start: str, end: str | None, kind: str | None, out: Path | None, verified: Path | None
) -> None:
    """The cold-chain record: chart, minimum, maximum, mean, mean kinetic temperature, gaps and excursions.

    With --verify FILE it says whether the report in FILE is what the journal tells, and ends with status 1 where it is not.
    """
    subject: Subject = context.obj
    layout, source = subject.layout, subject.source
    if verified is not None:
        _verify(context, layout, source, verified)
        return
    wanted = _format(kind, out)
    with source.opened() as archive:
        frame = _frame(archive, layout, _zone(layout, zone), source.when(start), source.when(end) if end is not None else None)
        content = render(archive, frame, wanted)
    if out is not None:
        _write(out, content)
    elif wanted == "pdf" and sys.stdout.isatty():
        raise click.UsageError("a PDF does not belong on a terminal: name a file with --out")
    else:
        click.echo(content, nl=False)


def render(archive: sqlite3.Connection, frame: Frame, kind: Format) -> bytes:
    """The report of a frame. The same frame and journal give the same bytes."""
    record = read(archive, frame)
    return _WRITERS[kind](record, frame)


def frame_in(content: bytes) -> tuple[Frame, Format]:
    """What a report says of itself. Raises ValueError where it is none."""
    kind: Format = "pdf" if content.startswith(b"%PDF") else "json" if content.startswith(b"{") else "csv"
    if kind == "json":
        found = json.loads(content).get("report")
    else:
        lines = [line for line in content.splitlines()[:3] if MARK.encode() in line]
        found = json.loads(lines[0].partition(MARK.encode())[2]) if lines else None
    frame: Frame = adapter(Frame).validate_python(found)
    return frame, kind


def _verify(context: click.Context, layout: Layout, source: Source, path: Path) -> None:
    try:
        content = path.read_bytes()
        frame, kind = frame_in(content)
    except FileNotFoundError:
        raise StoreError(f"{path}: no such file") from None
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}") from error
    except (ValueError, AttributeError) as error:
        raise StoreError(f"{path} is no report that can be verified: {error}") from error
    with source.opened() as archive:
        found = verify_chain(archive, frozenset({frame.row}))
        simulated = _is_simulated(archive)
        again = render(archive, frame, kind)
    wrong = None
    if found.epoch != frame.epoch:
        wrong = f"it was made from journal {frame.epoch}, and this is {found.epoch}"
        if frame.simulated and not simulated:
            wrong += "; it says that it is of simulated runs, whose journal --simulated reads"
    elif found.broken is not None:
        wrong = f"the journal's own chain is broken: {found.broken.reason}"
    elif found.hashes.get(frame.row, b"").hex() != frame.hash:
        wrong = f"row {frame.row} of the journal is not the one that the report names, or is gone"
    elif simulated and not frame.simulated:
        wrong = "the journal is of simulated runs, and the report does not say so"
    elif frame.simulated and not simulated:
        wrong = "it says that it is of simulated runs, and the journal is not"
    elif again != content:
        wrong = "what it says is not what the journal says"
    if wrong is not None:
        click.echo(f"NOT VERIFIED: {wrong}")
        context.exit(1)
    click.echo(f"verified: the report is what the journal says, up to row {frame.row} ({frame.hash})")
    if simulated:
        click.echo(f"note: {SIMULATED}")
    for difference in _differences(layout, frame):
        click.echo(f"note: {difference}")


def _differences(layout: Layout, frame: Frame) -> list[str]:
    """Names, limits and calibration notes come from the configuration, not from the journal: those that are no longer the same."""
    zone = next((zone for zone in layout.zone if zone.id == frame.zone), None)
    if zone is None or zone.temperature is None:
        return [f"the configuration has no monitored zone {frame.zone} any more"]
    now = asdict(_of_configuration(layout, zone, frame))
    return [f"{name} is {now[name]!r} in the configuration now" for name, value in asdict(frame).items() if now[name] != value]


def _of_configuration(layout: Layout, zone: Zone, frame: Frame | None = None, **rest: Any) -> Frame:
    rules = zone.temperature
    assert rules is not None
    kept = {name: getattr(frame, name) for name in ("since", "upto", "made", "epoch", "row", "hash", "simulated")} if frame else rest
    return Frame(
        store=layout.store.id,
        store_name=layout.store.name,
        zone=zone.id,
        zone_name=zone.name,
        timezone=layout.store.timezone,
        min_celsius=rules.min_celsius,
        max_celsius=rules.max_celsius,
        regime=rules.regime,
        over_for_s=rules.over_for_s,
        thermometers={each.id: _calibration(each.calibration, each.offset_celsius) for each in layout.thermometer if each.zone == zone.id},
        **kept,
    )


def _calibration(note: str, offset: float) -> str:
    corrected = f"corrected by {offset:+g} °C" if offset else ""
    return "; ".join(part for part in (note, corrected) if part)


def _is_simulated(archive: sqlite3.Connection) -> bool:
    """Whether a journal is of simulated runs: its events say so, and a store writes into no journal of the other kind."""
    newest = newest_event(archive)
    try:
        envelope = json.loads(newest) if newest is not None else None
    except ValueError:
        return False
    return isinstance(envelope, dict) and envelope.get("simulated") is True


def _frame(archive: sqlite3.Connection, layout: Layout, zone: Zone, since: float, upto: float | None) -> Frame:
    book = book_of(archive)
    row, _, head = newest_of(archive, book)
    newest = archive.execute("SELECT wall FROM record WHERE row = ?", (row,)).fetchone()
    made = float(newest[0]) if newest else since
    end = made if upto is None else min(upto, made)
    if end <= since:
        raise StoreError("the journal has nothing of this period")
    proof: dict[str, Any] = {"epoch": book.epoch, "row": row, "hash": head.hex()}
    return _of_configuration(layout, zone, since=since, upto=end, made=made, simulated=_is_simulated(archive), **proof)


def _zone(layout: Layout, wanted: str | None) -> Zone:
    monitored = [zone for zone in layout.zone if zone.temperature is not None]
    found = monitored if wanted is None else [zone for zone in monitored if zone.id == wanted]
    if len(found) != 1:
        names = ", ".join(zone.id for zone in monitored) or "none"
        raise click.UsageError(f"--zone must name a zone that is monitored: {names}")
    return found[0]


def _format(kind: str | None, out: Path | None) -> Format:
    """The format that is asked for, else that of the file's name; UsageError where the name tells none."""
    if kind is None and out is None:
        return "csv"
    wanted = kind or str(out.suffix if out else "").lstrip(".").lower()
    if wanted not in get_args(Format):
        raise click.UsageError(f"{out} ends like no report: .csv, .json and .pdf do, or say which with --format")
    return cast(Format, wanted)


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}") from error


def _said(frame: Frame) -> str:
    return MARK + json.dumps(_told(frame), separators=(",", ":"))


def _told(frame: Frame) -> dict[str, Any]:
    """A frame as reports have it: what is not simulated does not speak of it."""
    return {name: value for name, value in asdict(frame).items() if name != "simulated" or value}


def _csv(record: Record, frame: Frame) -> bytes:
    lines = [f"# {_said(frame)}", *([f"# {SIMULATED}"] if frame.simulated else [])]
    lines += ["thermometer,from,to,min_celsius,max_celsius,mean_celsius,mkt_celsius,gap_s,samples,clock,seq"]
    for thermometer, intervals in record.intervals.items():
        for kept in intervals:
            span = kept.span
            celsius = ",".join("" if value is None else f"{value:g}" for value in (span.low, span.high, span.mean, span.mkt))
            times = f"{label(span.since, frame)},{label(span.upto, frame)}"
            clock = "trusted" if kept.trusted else "untrusted"
            lines.append(f"{thermometer},{times},{celsius},{span.gap_s:g},{kept.samples},{clock},{kept.seq}")
    return ("\n".join(lines) + "\n").encode()


def _json(record: Record, frame: Frame) -> bytes:
    thermometers = {}
    for name, intervals in record.intervals.items():
        thermometers[name] = {
            "figures": _figures(figures(record, frame, name), frame),
            "days": {day: _figures(figures(record, frame, name, since, upto), frame) for day, since, upto in cold_record.days(frame)},
            "gaps": [
                {"from": label(since, frame), "to": label(upto, frame), "seconds": round(seconds, 3)}
                for since, upto, seconds in gaps(record, frame, name)
            ],
            "intervals": [
                {"seq": kept.seq, "samples": kept.samples, "clock": "trusted" if kept.trusted else "untrusted"}
                | {"from": label(kept.span.since, frame), "to": label(kept.span.upto, frame)}
                | {"min": kept.span.low, "max": kept.span.high, "mean": kept.span.mean, "mkt": kept.span.mkt, "gap_s": kept.span.gap_s}
                for kept in intervals
            ],
        }
    told = [{"seq": each.seq, "time": label(each.wall, frame), "type": each.type, "data": each.data} for each in record.told]
    mark = {"simulated": True} if frame.simulated else {}
    made = mark | {"report": _told(frame), "thermometers": thermometers, "events": told}
    return (json.dumps(made, ensure_ascii=False, indent=1) + "\n").encode()


def _figures(found: Account, frame: Frame) -> dict[str, Any]:
    def shown(value: float | None) -> float | None:
        return None if value is None else round(value, 3)

    return {
        "min": shown(found.low),
        "max": shown(found.high),
        "mean": shown(found.mean),
        "mkt": shown(found.mkt),
        "minutes_above": None if found.mean is None else round(found.above_s / 60, 2),
        "gap_minutes": round(found.gap_s / 60, 2),
        "held": found.held,
    }


_WRITERS: dict[Format, Callable[[Record, Frame], bytes]] = {
    "csv": _csv,
    "json": _json,
    "pdf": lambda record, frame: pdf_of(record, frame, _said(frame)),
}
