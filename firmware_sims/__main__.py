"""``python -m firmware_sims CONFIG``: serves simulated firmware for every device of a store's configuration.

When all are on their wires it says one line of JSON: ``ports`` (address by device; a GPIO device has none), ``control`` and ``pins``
(sockets). It ends on SIGTERM or SIGINT, or with ``--with-parent`` when its standard input ends, and leaves nothing behind.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import json
import os
import shutil
import signal
import stat
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from firmware_sims.fit_out import Line, NotSimulated, Options, fit_out
from firmware_sims.orders import obey
from firmware_sims.plan import read_plan
from firmware_sims.serve import FolderLink, PtyLink, Rig, TcpLink
from firmware_sims.shelves import Shelves
from firmware_sims.sockets import LineServer, Message
from firmware_sims.stream import Dialect
from firmware_sims.world import World

EXIT_USAGE = 2


def main(arguments: list[str] | None = None) -> int:
    """Run until told to stop; the exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.with_parent and not _has_an_end(0):
        parser.error("--with-parent needs a pipe or a terminal as standard input")
    try:
        plan = read_plan(options.config)
        world, lines = fit_out(plan, _options(options))
        shelves = Shelves(world, options.shelves) if options.shelves else None
        if shelves is not None:
            shelves.recall()
            shelves.keep()
    except (OSError, ValueError, KeyError, NotSimulated) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        sys.stderr.write(f"{options.config}: {reason}\n")
        return EXIT_USAGE
    made = options.dir is None
    directory = Path(tempfile.mkdtemp(prefix="smartstore-sims-")) if made else options.dir.resolve()
    directory.mkdir(parents=True, exist_ok=True)
    control = options.control.absolute() if options.control else directory / "control.sock"
    try:
        asyncio.run(run(world, lines, directory, control, shelves, with_parent=options.with_parent))
    except SocketFailed as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_USAGE
    finally:
        if made:
            shutil.rmtree(directory, ignore_errors=True)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m firmware_sims", description="Serve simulated firmware for a store's configuration.")
    parser.add_argument("config", type=Path, metavar="CONFIG")
    parser.add_argument("--dir", type=Path, help="where ports and sockets are made; default: a temporary directory")
    parser.add_argument("--control", type=Path, help="the control channel's socket; default: control.sock in that directory")
    parser.add_argument("--shelves", type=Path, metavar="FILE", help="begin with the goods that FILE holds, if it is there, and keep it up")
    parser.add_argument("--seed", type=int, default=0, help="of all that is random; default 0")
    parser.add_argument("--glitches", action=argparse.BooleanOptionalAction, default=True, help="single wild samples, 83 in 10,000")
    parser.add_argument("--noise", action=argparse.BooleanOptionalAction, default=True, help="noise, creep and drift of the plates")
    parser.add_argument("--fill", type=float, default=1.0, metavar="PART", help="how full the slots are at the start; default 1.0")
    parser.add_argument("--stock", action="append", default=[], metavar="SLOT=COUNT", help="so many items on this slot; repeatable")
    parser.add_argument("--dialect", action="append", default=[], metavar="SCALE=DIALECT", help=f"{', '.join(get_args(Dialect))}")
    parser.add_argument("--replay", action="append", default=[], metavar="SCALE=CSV", help="feel a recording, grams in its last column")
    parser.add_argument("--with-parent", action="store_true", help="end when standard input ends")
    return parser


def _options(options: argparse.Namespace) -> Options:
    dialects: dict[str, Dialect] = {}
    for text in options.dialect:
        scale, _, dialect = text.partition("=")
        if dialect not in get_args(Dialect):
            raise ValueError(f"--dialect {text}: a dialect is {', '.join(get_args(Dialect))}")
        dialects[scale] = dialect
    stock = {slot: int(count) for slot, _, count in [text.partition("=") for text in options.stock]}
    recordings: dict[str, Sequence[float]] = {
        scale: _recording(Path(file)) for scale, _, file in [text.partition("=") for text in options.replay]
    }
    return Options(options.seed, options.glitches, options.noise, options.fill, stock, dialects, recordings)


def _recording(file: Path) -> list[float]:
    with file.open(encoding="utf-8", newline="") as lines:
        return [float(row[-1]) for row in csv.reader(lines) if row]


class SocketFailed(OSError):
    """A socket could not be made."""


async def run(
    world: World, lines: list[Line], directory: Path, control: Path, shelves: Shelves | None = None, *, with_parent: bool = False
) -> None:
    """Serve the store until SIGTERM, SIGINT or, if wanted, the end of standard input."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if with_parent:
        loop.add_reader(0, _read_on, stop)
    servers = [LineServer(control, lambda message: _obey(world, shelves, message))]
    servers.append(world.pins.serve(directory / "pins.sock"))
    async with Rig() as rig:
        ports = plug_in(rig, world, lines, directory)
        rig.also(world)
        try:
            for server in servers:
                await _open(server)
            ready = {"ports": ports, "control": str(servers[0].path), "pins": str(servers[1].path)}
            sys.stdout.write(json.dumps(ready) + "\n")
            sys.stdout.flush()
            await stop.wait()
        finally:
            for server in servers:
                await server.close()
            if with_parent:
                loop.remove_reader(0)
    shutil.rmtree(directory / "w1", ignore_errors=True)


async def _open(server: LineServer) -> None:
    try:
        await server.open()
    except OSError as error:
        raise SocketFailed(f"{server.path}: {error.strerror or error}") from error


def _obey(world: World, shelves: Shelves | None, message: Message) -> Message:
    answer = obey(world, message)
    if shelves is not None:
        try:
            shelves.keep()
        except OSError as error:
            return {"ok": False, "error": f"done, but what stands on the shelves could not be kept: {error}"}
    return answer


def _has_an_end(descriptor: int) -> bool:
    mode = os.fstat(descriptor).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(descriptor)


def _read_on(ended: asyncio.Event) -> None:
    if not os.read(0, 4096):
        ended.set()


def plug_in(rig: Rig, world: World, lines: list[Line], directory: Path) -> dict[str, str]:
    """Put every line on a wire; the address of each device."""
    ports: dict[str, str] = {}
    for line in lines:
        scheme, _, rest = line.port.partition(":")
        link: FolderLink | TcpLink | PtyLink
        if line.serial is not None:
            link = rig.folder(line.sim, directory / "w1", line.serial)
        elif scheme == "tcp":
            link = rig.tcp(line.sim, session=line.session)
        else:
            link = rig.pty(line.sim, directory / line.devices[0], rest.partition("?")[2])
        for name in line.devices:
            world.devices[name].link = link
            ports[name] = link.port
    return ports


if __name__ == "__main__":
    sys.exit(main())
