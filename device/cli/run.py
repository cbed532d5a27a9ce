"""``smartstore run``: the daemon."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click

from device.app import App
from device.cli import EX_CONFIG
from device.config import Configuration, load, simulated_journal
from device.errors import ConfigError, JournalInUse, StoreError
from device.journal.reading import holder

log = logging.getLogger("smartstore")


class JsonLines(logging.Formatter):
    """One JSON object a line, for the journal of systemd and its like."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def log_to_stderr(verbose: bool) -> None:
    """For people on a terminal, JSON lines otherwise."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s") if sys.stderr.isatty() else JsonLines())
    logging.basicConfig(level=logging.DEBUG if verbose else logging.INFO, handlers=[handler])


@click.command()
@click.argument("config", type=click.Path(readable=False, path_type=Path))
@click.option(
    "--simulate", "simulated", is_flag=True, help="Replace every device by simulated firmware, with a journal apart. Every message says so."
)
@click.option(
    "--control",
    type=click.Path(path_type=Path),
    metavar="SOCKET",
    help="With --simulate: the socket of the shopper's hand.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="With --simulate: of all that is random.")
@click.option("--verbose", is_flag=True, help="Log more.")
def command(config: Path, simulated: bool, control: Path | None, seed: int, verbose: bool) -> None:
    """Run the store of CONFIG until SIGTERM or Ctrl-C. SIGHUP reads catalogue, planogram, hours and keys again."""
    log_to_stderr(verbose)
    if control and not simulated:
        raise click.UsageError("--control goes with --simulate")
    with _errors_as_log(), ExitStack() as stack:
        configuration = load(config)
        _require_alone(configuration.layout.journal.path, simulated)
        if simulated:
            from device.cli.simulation import simulate  # a daemon on real hardware starts no process, and need not know how

            simulation = stack.enter_context(simulate(configuration, seed, control))
            configuration = simulation.configuration
            log.info("simulated: every device is simulated firmware, and the clock is believed without asking the kernel")
            log.info("simulated: the journal is %s", configuration.layout.journal.path)
            log.info("simulated: the shopper's hand is %s; smartstore shop %s shops", simulation.control, config)
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_serve(configuration, simulated))


@contextmanager
def _errors_as_log() -> Iterator[None]:
    """Where the log is for programs, so is its last word: a reader of JSON lines gets no other. Exits as the outermost frame would."""
    try:
        yield
    except StoreError as error:
        if sys.stderr.isatty():
            raise
        from device.cli.output import folded  # a daemon that runs does not need it

        for line in folded(error.faults) if isinstance(error, ConfigError) else [str(error)]:
            log.critical("%s", line)
        sys.exit(EX_CONFIG if isinstance(error, ConfigError) else 1)


def _require_alone(journal: Path, simulated: bool) -> None:
    """A store and its simulation have the same topics and the same name at the broker: one of them at a time.

    A second simulation is refused before its firmware takes ports and shelves from the first. Raises JournalInUse.
    """
    own = simulated_journal(journal)
    if simulated and (process := holder(own)):
        raise JournalInUse(f"process {process} already runs on {own}")
    other = simulated_journal(journal) if not simulated else journal
    if process := holder(other):
        kind = "the real store" if simulated else "a simulation of this store"
        raise JournalInUse(f"process {process} runs {kind} ({other}), under the same topics: one at a time")


async def _serve(configuration: Configuration, simulated: bool) -> None:
    await App(configuration, simulated=simulated).run()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's where it is installed (the extra ``fast``), else asyncio's own."""
    try:
        import uvloop
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory
