"""Which journal a command reads: that of a configuration, real or simulated, or a file that is one."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from device.config import Configuration, simulated_journal
from device.domain.layout import JournalSettings
from device.errors import StoreError
from device.journal.reading import open_archive

_SQLITE = b"SQLite format 3\0"
"""How every SQLite database begins (sqlite.org/fileformat.html, 1.3)."""

_AGO = re.compile(r"(\d+)([smhd])")
_AGO_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}

simulated_option: Callable[[Callable[..., Any]], Callable[..., Any]] = click.option(
    "--simulated", is_flag=True, help="The journal of `run --simulate`, which is apart."
)


@dataclass(frozen=True, slots=True)
class Source:
    """Which journal, and in which time zone its times are shown and asked for."""

    path: Path
    timezone: ZoneInfo
    products: Mapping[str, str] = field(default_factory=dict)
    """Names by GTIN; none where only the journal is known."""
    settings: JournalSettings = field(default_factory=JournalSettings)
    """How much the journal keeps; what is usual where only the journal is known."""

    @contextmanager
    def opened(self) -> Iterator[sqlite3.Connection]:
        """The journal, for reading. Raises StoreError where it cannot be read."""
        try:
            with closing(open_archive(self.path)) as archive:
                yield archive
        except sqlite3.Error as error:
            raise StoreError(f"{self.path}: {error}") from error

    def when(self, text: str) -> float:
        """Unix time of what a person wrote: a date, a time of day on a date, or how long ago (``90m``, ``2h``, ``3d``)."""
        if ago := _AGO.fullmatch(text):
            return (datetime.now(UTC) - timedelta(**{_AGO_UNITS[ago[2]]: int(ago[1])})).timestamp()
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise click.BadParameter(f"{text!r} is no time: write 2026-11-22, 2026-11-22T12:00, or 2h for two hours ago") from None
        return (moment if moment.tzinfo else moment.replace(tzinfo=self.timezone)).timestamp()


class Anywhere(click.Group):
    """Takes ``--simulated`` wherever it stands: before or behind CONFIG, or behind the subcommand. Says so where CONFIG was left out."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        first = next((word for word in args if not word.startswith("-")), "")
        if first in self.commands and not Path(first).exists() and "--help" not in args:
            ctx.fail(f"CONFIG is missing before {first}: {ctx.command_path} CONFIG {first}")
        return super().parse_args(ctx, sorted(args, key=lambda word: word != "--simulated"))


def is_journal(path: Path) -> bool:
    """Whether a path leads to a database, as journals are, and not to a configuration."""
    try:
        with path.open("rb") as file:
            return file.read(len(_SQLITE)) == _SQLITE
    except OSError:
        return False


def of_store(configuration: Configuration, simulated: bool) -> Source:
    """The journal of a store; that of its simulated runs where it is asked for, or where there is no other, which is said."""
    layout = configuration.layout
    path, apart = layout.journal.path, simulated_journal(layout.journal.path)
    if not simulated and _is_there(apart) and not _is_there(path):
        click.echo(f"{path} is not there yet; this is {apart}, of simulated runs", err=True)
        simulated = True
    names = {gtin: product.name for gtin, product in configuration.products.items()}
    return Source(apart if simulated else path, ZoneInfo(layout.store.timezone), names, layout.journal)


def _is_there(path: Path) -> bool:
    try:
        return path.is_file()
    except PermissionError:
        return False
