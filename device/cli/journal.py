"""``smartstore journal CONFIG``: reads the journal, while the daemon runs or not. Only ``forget`` changes anything."""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from device.cli.chart import chart
from device.cli.evidence import decided, picture
from device.cli.listening import NotRunning, listen
from device.cli.output import fitted, json_option, say, wrapped
from device.cli.source import Anywhere, Source, is_journal, of_store, simulated_option
from device.config import load
from device.config.faults import did_you_mean
from device.domain.envelope import rfc3339
from device.domain.names import HERE, UNKNOWN
from device.errors import StoreError
from device.journal.reading import Stored, book_of, evidence_of, named, newest_of, rows_after, rows_backwards
from device.journal.trace import decode
from device.journal.verify import Verdict
from device.journal.verify import verify as verify_chain

FOLLOW_EVERY_S = 0.5

SUBJECTS = ("zone", "slot", "device")
"""Fields of an event's data that repeat what it is about."""


@click.group("journal", cls=Anywhere)
@click.argument("config", type=click.Path(readable=False, path_type=Path))
@simulated_option
@click.pass_context
def command(context: click.Context, config: Path, simulated: bool) -> None:
    """Read the journal of the store of CONFIG, or have it forget a person; that of `run --simulate` where it never ran otherwise.

    CONFIG may also be a journal itself, such as a copy, or a damaged one that was moved aside; its times are then UTC.
    """
    context.obj = Source(config, ZoneInfo("UTC")) if is_journal(config) else of_store(load(config), simulated)


def bounds(command_: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say from where to where."""
    start = "From this event number or time on: 1700, 2026-11-22, 2026-11-22T12:00, or 2h for two hours ago."
    end = "Up to this event number, or before this time."
    return click.option("--from", "--since", "start", metavar="SEQ|TIME", help=start)(
        click.option("--to", "end", metavar="SEQ|TIME", help=end)(command_)
    )


@command.command("show", short_help="Print the events, oldest first.")
@bounds
@click.option("--type", "kind", metavar="TYPE", help="Only this type; * stands for anything: 'session.*'.")
@click.option("--last", type=click.IntRange(min=1), metavar="N", help="Only the last N.")
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Private records as well, which are journalled but not published. They have no number: between numbers they are left out.",
)
@click.option("--follow", "-f", is_flag=True, help="Go on with what comes, until Ctrl-C.")
@json_option
@click.pass_obj
def show(
    source: Source,
    start: str | None,
    end: str | None,
    kind: str | None,
    last: int | None,
    everything: bool,
    follow: bool,
    as_json: bool,
) -> None:
    """Print the events, oldest first."""
    within = _within(source, start, end)

    def wanted(stored: Stored) -> bool:
        if stored.seq is None and not everything:
            return False
        return within(stored) and (kind is None or fnmatchcase(stored.type, kind))

    with source.opened() as archive:
        place = Place(book_of(archive).epoch, newest_of(archive, book_of(archive))[0])
        if last is not None:
            rows: Iterator[Stored] = reversed(list(islice(filter(wanted, rows_backwards(archive)), last)))
        else:
            rows = filter(wanted, rows_after(archive, 0))
        found = False
        for stored in rows:
            found = True
            _show(source, named(archive, stored), as_json)
            place.row = max(place.row, stored.row)
        if not found:
            _say_what_there_is(archive, kind, everything)
    if follow:
        with suppress(KeyboardInterrupt):
            while True:
                time.sleep(FOLLOW_EVERY_S)
                for stored in filter(wanted, _news(source, place)):
                    _show(source, stored, as_json)


def _say_what_there_is(archive: sqlite3.Connection, kind: str | None, everything: bool) -> None:
    """To whoever asked for something and got nothing: a word, and where it was a type, which there are."""
    known = sorted({stored.type for stored in rows_after(archive, 0) if everything or stored.seq is not None})
    if kind is not None and not any(fnmatchcase(name, kind) for name in known):
        hint = did_you_mean(kind, known) or "."
        click.echo(wrapped(f"nothing in this journal is of type {kind}{hint} There are: {', '.join(known) or 'none'}", "  "), err=True)
    else:
        click.echo("nothing in this journal matches" if known else "there is nothing in this journal yet", err=True)


@dataclass(slots=True)
class Place:
    """Up to where the journal has been shown."""

    epoch: str
    row: int


def _news(source: Source, place: Place) -> list[Stored]:
    """What has been added. Opened anew each time: the daemon may have stopped, or begun a new journal."""
    with source.opened() as archive:
        if (epoch := book_of(archive).epoch) != place.epoch:
            place.epoch, place.row = epoch, 0
        news = [named(archive, stored) for stored in islice(rows_after(archive, place.row), 1000)]
    if news:
        place.row = news[-1].row
    return news


def _show(source: Source, stored: Stored, as_json: bool) -> None:
    fields = _fields(stored)
    data = fields.get("data", fields)
    label = rfc3339(stored.wall, source.timezone)
    subject = fields.get("subject", "")
    text = f"{label}  {stored.seq or '-':>7}  {stored.type:<26} {subject}  {_in_words(data, subject)}".rstrip()
    say(as_json, fitted(text, "    "), row=stored.row, seq=stored.seq, type=stored.type, time=label, subject=subject or None, data=data)


def _fields(stored: Stored) -> dict[str, Any]:
    if stored.body is None:
        return {"data": {"erased": True}}
    try:
        fields = json.loads(stored.body)
    except ValueError:
        fields = stored.body.decode(errors="backslashreplace")
    return fields if isinstance(fields, dict) else {"data": fields}


def _in_words(data: object, subject: str) -> str:
    """The fields that say something: ``slot=A1 quantity=2``; what the line is about has been said."""
    if not isinstance(data, dict):
        return json.dumps(data, ensure_ascii=False)
    telling = {name: value for name, value in data.items() if value not in (None, "", [], {})}
    return " ".join(f"{name}={_value(value)}" for name, value in telling.items() if name not in SUBJECTS or value != subject)


def _value(value: object) -> str:
    if isinstance(value, str) and " " not in value:
        return value
    separators = (", ", ": ") if sys.stdout.isatty() else (",", ":")  # a terminal's lines want places to break at
    return json.dumps(value, ensure_ascii=False, separators=separators)


@command.command("export", short_help="Write the events as they were published.")
@bounds
@click.pass_obj
def export(source: Source, start: str | None, end: str | None) -> None:
    """Write the events to standard output as they were published: one CloudEvents envelope a line."""
    within = _within(source, start, end)
    written = 0
    with source.opened() as archive:
        for stored in rows_after(archive, 0):
            if stored.seq is not None and stored.body is not None and within(stored):
                click.echo(named(archive, stored).body)
                written += 1
        if not written:
            _say_what_there_is(archive, None, everything=False)


def _within(source: Source, start: str | None, end: str | None) -> Callable[[Stored], bool]:
    """Whether a row lies between two bounds, each an event number, a time, or none; what has no number is between no numbers."""
    first, after = _bound(source, start)
    last, before = _bound(source, end)

    def within(stored: Stored) -> bool:
        if first is not None and (stored.seq is None or stored.seq < first):
            return False
        if last is not None and (stored.seq is None or stored.seq > last):
            return False
        return (after is None or stored.wall >= after) and (before is None or stored.wall < before)

    return within


def _bound(source: Source, text: str | None) -> tuple[int | None, float | None]:
    """An event number, or a time, or neither."""
    if text is None:
        return None, None
    return (int(text), None) if text.isdecimal() else (None, source.when(text))


@command.command("verify", short_help="Walk the hash chain; 1 where it is broken.")
@click.option(
    "--expect", metavar="ROW:HASH", multiple=True, help="A row and its hash, as noted before: the chain must still go through it."
)
@json_option
@click.pass_context
def verify(context: click.Context, expect: tuple[str, ...], as_json: bool) -> None:
    """Walk the hash chain, with the evidence and the snapshots; exit status 1 where it is broken."""
    source: Source = context.obj
    noted = dict(_noted(text) for text in expect)
    with source.opened() as archive:
        found = verify_chain(archive, frozenset(noted))
    broken = _broken(found, noted)
    say(
        as_json,
        _verdict(found, broken),
        sound=broken is None,
        row=found.broken.row if found.broken else None,
        reason=broken,
        epoch=found.epoch,
        rows=found.rows,
        events=found.events,
        newest_seq=found.seq,
        evidence=found.evidence,
        erased=found.erased,
        starts_after_row=found.start_row,
        head=f"{found.row}:{found.head.hex()}",
    )
    if broken is not None:
        context.exit(1)


def _noted(text: str) -> tuple[int, str]:
    row, _, hash_ = text.partition(":")
    if not row.isdecimal() or not re.fullmatch(r"[0-9a-f]{64}", hash_):
        raise click.BadParameter(f"{text!r} is not ROW:HASH, as verify prints it")
    return int(row), hash_


def _broken(found: Verdict, noted: dict[int, str]) -> str | None:
    if found.broken is not None:
        return found.broken.reason if found.broken.row is None else f"row {found.broken.row}: {found.broken.reason}"
    for row, expected in noted.items():
        if row <= found.start_row:
            return f"row {row} was to be checked, but retention has removed the rows up to {found.start_row}"
        if row > found.row:
            return f"row {row} was to be checked, but the newest is {found.row}: the end of the journal is missing"
        if found.hashes[row].hex() != expected:
            return f"row {row}: it is not the row that was noted"
    return None


def _verdict(found: Verdict, broken: str | None) -> str:
    trimmed = f" (rows up to {found.start_row} removed by retention)" if found.start_row else ""
    counts = (
        f"epoch {found.epoch}: {found.rows} rows{trimmed}, {found.events} events up to seq {found.seq}, {found.evidence} pieces of evidence"
    )
    if found.erased:
        counts += f", {found.erased} bodies erased"
    if broken is not None:
        return f"BROKEN: {broken}\nsound before it: {counts}"
    return f"sound: {counts}\nnewest row and hash: {found.row}:{found.head.hex()}"


@command.command("evidence", short_help="Draw the trace of a pick.")
@click.argument("id_", metavar="ID")
@json_option
@click.option("--png", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Draw it as a picture into FILE as well.")
@click.pass_context
def evidence(context: click.Context, id_: str, as_json: bool, png: Path | None) -> None:
    """Draw the trace of a pick: grams over seconds, with its step marked, and say what was made of it."""
    source: Source = context.obj
    with source.opened() as archive:
        blob = evidence_of(archive, id_)
        made_of_it = decided(rows_after(archive, 0), id_, source.products) if blob is not None else []
    if blob is None:
        raise StoreError(f"there is no evidence {id_}, or no longer")
    try:
        trace = decode(blob)
    except ValueError as error:
        raise StoreError(f"evidence {id_}: {error}") from None
    began = rfc3339(trace.began_at, source.timezone)
    title = f"{id_}: {trace.delta:+.1f} g ± {trace.sd:.1f} g, from {began} (0 s, dotted)"
    if png is not None:
        try:
            png.write_bytes(picture(trace, f"{id_}   {began}", made_of_it))
        except OSError as error:
            raise StoreError(f"{png}: {error.strerror}") from None
    drawing = "\n".join([title, *chart(trace.samples, mark=0.0), *made_of_it])
    say(as_json, drawing, id=id_, began_at=began, delta=trace.delta, sd=trace.sd, samples=trace.samples, decided=made_of_it)


@command.command("forget", short_help="Forget a person: destroy what leads from their pseudonym to them.")
@click.argument("subject")
@json_option
@click.pass_obj
def forget(source: Source, subject: str, as_json: bool) -> None:
    """Destroy what leads from the pseudonyms of SUBJECT back to them, for good; in a running store, or in one that is stopped.

    SUBJECT is the `sub` of their codes, or the name of their card. What they did stays in the journal, as somebody's, and the chain holds.
    """
    try:
        with listen(source.path, forget=subject):
            pass
    except NotRunning:
        _forget_here(source, subject)
    say(as_json, f"{source.path} no longer knows {subject}", subject=subject, forgotten=True)


def _forget_here(source: Source, subject: str) -> None:
    """Raises StoreError where they are not forgotten."""
    from device.engine.records import restore
    from device.journal import Journal
    from device.store.commands import is_here

    with source.opened() as archive:
        broken = _broken(verify_chain(archive), {})
    if broken is not None:
        raise StoreError(f"{source.path} is damaged, and is left as it is: {broken}")

    async def destroy(journal: Journal) -> bool:
        try:
            return await journal.forget(subject)
        finally:
            await journal.close()

    journal = Journal.open(source.path, max_mb=source.settings.max_mb, keep_days=source.settings.keep_days)
    try:
        state = restore(*journal.recover())
        journal.recall_codes(state.used)
        problem = HERE if is_here(state, journal.names, subject) else None
    except BaseException:
        asyncio.run(journal.close())
        raise
    if problem is not None:
        asyncio.run(journal.close())
        raise StoreError(problem)
    if not asyncio.run(destroy(journal)):
        raise StoreError(UNKNOWN)
