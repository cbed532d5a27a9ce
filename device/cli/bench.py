"""``smartstore bench NAME``: the benchmarks, with JSON and pictures of what came out."""

from __future__ import annotations

import importlib
import json
import os
from pathlib import Path

import click

from device.bench import NoSuchScenario, Options, Result, write

BENCHMARKS = {
    "accuracy": "Carts: exact, wrong without a word, flagged; beside the optimum and a published rule.",
    "latency": "From a plate that has settled to the event, by sample rate, beside the optimum; and how true the errors are.",
    "quiet": "False steps in a day of drift, creep, compressor, footsteps and glitches.",
    "speed": "CPU per million samples, from bytes on terminals to events, beside a plain program and one in C.",
    "tags": "Departures of tags told in time, late and wrongly, by how often a round misses them.",
}
"""Every benchmark and its short help; ``device.bench.NAME`` is loaded when it is asked for."""


class Benchmarks(click.Group):
    """One command a benchmark, all with the same options."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(BENCHMARKS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return _one(cmd_name) if cmd_name in BENCHMARKS else None


@click.group("bench", cls=Benchmarks)
def command() -> None:
    """Measure how good this program is, on simulated stores whose truth is known."""


def _one(name: str) -> click.Command:
    @click.command(name, help=BENCHMARKS[name], short_help=BENCHMARKS[name])
    @click.option("--seed", type=int, default=1, show_default=True, help="Of all that is drawn at random.")
    @click.option("--quick", is_flag=True, help="A smaller sample: for a look, not for figures to quote.")
    @click.option("--jobs", type=click.IntRange(min=1), default=os.cpu_count() or 1, help="Processes at once; default: one a core.")
    @click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Write NAME.json and the pictures into this folder.")
    @click.option("--json", "as_json", is_flag=True, help="The figures as one JSON object instead of a table.")
    def run(
        seed: int, quick: bool, jobs: int, out: Path | None, as_json: bool, sessions: int | None = None, scenario: str | None = None
    ) -> None:
        options = Options(seed, quick, jobs, sessions, scenario)
        try:
            result: Result = importlib.import_module(f"device.bench.{name}").run(options)
        except NoSuchScenario as reason:
            raise click.UsageError(str(reason)) from None
        click.echo(json.dumps(result.figures, ensure_ascii=False) if as_json else "\n".join(result.table))
        if out is not None:
            for path in write(result, options, out):
                click.echo(f"wrote {path}", err=True)

    if name == "accuracy":
        click.option("--sessions", type=click.IntRange(min=1), help="Of each scenario, rounded up to whole days of 35; default: 910.")(run)
        click.option("--scenario", metavar="NAME", help="Only this one, by its name in the table.")(run)
    return run
