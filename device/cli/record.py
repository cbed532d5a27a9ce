"""``smartstore record``: what the devices of a running store say, into a file."""

from __future__ import annotations

import os
import select
import time
from pathlib import Path
from typing import BinaryIO

import click

from device.cli.listening import Listening, listen
from device.cli.output import json_option, say
from device.cli.signing import time_span
from device.recording.ring import MOST_MINUTES

ENDS_WITHIN_S = 5.0
CHUNK = 64 * 1024


@click.command()
@click.argument("config", type=click.Path(readable=False, path_type=Path))
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="The file; it is made readable for you alone.")
@click.option("--for", "for_s", type=time_span, metavar="TIME", help="So long, e.g. 90s or 10m; default: until Ctrl-C, or only the past.")
@click.option("--last", type=time_span, metavar="TIME", help="Begin so long ago, with what the daemon was asked to --keep.")
@click.option("--keep", type=click.FloatRange(0, MOST_MINUTES), metavar="MINUTES", help="Have the daemon keep the newest minutes; 0: none.")
@click.option("--most-mb", type=click.FloatRange(min=0.1), default=256.0, show_default=True, help="End when the file has this size.")
@json_option
def command(
    config: Path, output: Path | None, for_s: float | None, last: float | None, keep: float | None, most_mb: float, as_json: bool
) -> None:
    """Record what the devices of CONFIG's running store say, with its state, for `smartstore replay`.

    The daemon goes on as ever. With --keep it holds the newest minutes in memory from now on, until it ends, so that --last can be asked
    for when something has happened. The file holds the codes that were shown meanwhile, and no keys but public ones.
    """
    if (output is None) == (keep is None):
        raise click.UsageError("either -o FILE or --keep MINUTES")
    from device.cli.simulation import as_it_runs
    from device.config import load

    journal = as_it_runs(load(config)).layout.journal.path
    if keep is not None:
        with listen(journal, keep_minutes=keep):
            text = f"the daemon keeps the last {keep:g} minutes" if keep else "the daemon keeps nothing of the past"
            say(as_json, text, keep_minutes=keep)
        return
    assert output is not None
    forever = for_s is None and last is None
    with listen(journal, last_s=last or 0, stream=forever or bool(for_s)) as listening, _new(output) as file:
        began = time.monotonic()
        size = _copy(listening, file, None if forever else for_s or 0.0, most_mb * 1e6)
        seconds = time.monotonic() - began
    told = f"{output}: {size / 1000:.1f} kB" + (f" in {seconds:.0f} s" if forever or for_s else "")
    say(as_json, told, file=str(output), bytes=size, seconds=round(seconds, 1), last_s=last)


def _new(output: Path) -> BinaryIO:
    try:
        return os.fdopen(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb")
    except OSError as error:
        raise click.ClickException(f"{output}: {error.strerror}") from None


def _copy(listening: Listening, file: BinaryIO, for_s: float | None, most: float) -> int:
    """Copy until it is enough, then what still comes; the number of bytes. Ctrl-C is enough, too."""
    size = 0
    until = float("inf") if for_s is None else time.monotonic() + for_s
    asked_to_end = False
    try:
        while (left_s := until - time.monotonic()) > 0 and size < most:
            if not select.select([listening], [], [], min(left_s, 1.0))[0]:
                continue
            data = listening.read(CHUNK)
            if not data:
                return size
            size += file.write(data)
        asked_to_end = True
    except KeyboardInterrupt:
        asked_to_end = True
    if asked_to_end:
        listening.enough()
    until = time.monotonic() + ENDS_WITHIN_S
    while (left_s := until - time.monotonic()) > 0 and select.select([listening], [], [], left_s)[0]:
        data = listening.read(CHUNK)
        if not data:
            break
        size += file.write(data)
    return size
