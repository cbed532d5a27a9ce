"""The command line: ``smartstore COMMAND``. One file a command, loaded only when it is asked for; it prints, it never decides.

Each file has a click command named ``command``. Exit status: 0, 1 failure, 2 usage, 78 bad configuration.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence

import click

from device import __version__
from device.errors import ConfigError, StoreError

COMMANDS = {
    "bench": "Measure how good the program is, on simulated stores.",
    "check": "Validate a configuration and lint its planogram.",
    "calibrate": "Calibrate a plate, step by step, and say how good it is.",
    "demo": "The whole store on a laptop: broker, simulated firmware, daemon and shoppers.",
    "devices": "Show what is plugged in, and the configuration lines for it.",
    "journal": "Show, export and verify the journal, and draw the evidence of a pick.",
    "keygen": "Make an Ed25519 key pair.",
    "probe": "Show what one device says, live, and how well.",
    "record": "Record what the devices of a running store say.",
    "replay": "Play a recording through sensing and store, and print the events.",
    "report": "Make the cold-chain record of a zone as CSV, JSON or PDF, or verify one.",
    "run": "Run the store.",
    "send": "Send a signed command and print its reply.",
    "shop": "Shop in a simulated store: take, put back, leave, and see the bill.",
    "token": "Make an entry code.",
    "watch": "Follow a store over MQTT.",
}
"""Every command and its short help: kept here, so that ``--help`` imports none of them."""

EX_CONFIG = 78


class LazyGroup(click.Group):
    """Imports a command's file only when the command is used: a daemon on a small board does not load what it does not run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            from device.config.faults import did_you_mean

            ctx.fail(f"no command {cmd_name!r}{did_you_mean(cmd_name, COMMANDS)}")
        command: click.Command = importlib.import_module(f"device.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name]) for name in self.list_commands(ctx)])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="smartstore")
def smartstore() -> None:
    """The edge controller of an unattended store.

    `smartstore demo` shows a whole store without hardware; `smartstore COMMAND --help` says what a command does.

    For shell completion put `eval "$(_SMARTSTORE_COMPLETE=bash_source smartstore)"` in ~/.bashrc (zsh_source and fish_source likewise).
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """The console script, and the outermost frame: errors that we know become a line and an exit status, all others a traceback.

    ``arguments``: the words behind the program's name; None: those of the command line.
    """
    try:
        smartstore(arguments, prog_name="smartstore")
    except ConfigError as error:
        from device.cli.output import folded

        print(*folded(error.faults), sep="\n", file=sys.stderr)
        sys.exit(EX_CONFIG)
    except StoreError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
    finally:
        _give_up_on_the_log()


def _give_up_on_the_log() -> None:
    """A log that cannot be written (a full disk) is lost, and changes no exit status: Python's own last flush would make it 120."""
    try:
        sys.stderr.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stderr.fileno())
        os.close(nowhere)
