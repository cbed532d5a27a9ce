"""Puts simulated devices on real wires: pseudo-terminals, TCP, a 1-wire folder. The I/O of the simulated devices is here.

A ``Rig`` owns the clock and all its links; one task ticks them. Time is handed to the devices in whole quanta, so what they say
depends on the seed and not on the machine's speed; a machine that stood still for longer than a second lets that time go.
"""

from __future__ import annotations

import array
import asyncio
import errno
import fcntl
import heapq
import os
import shutil
import socket
import termios
import tty
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Protocol

from firmware_sims.sim import Session, Sim

LONGEST_LAG_S = 1.0
"""Quanta further behind than this are skipped, or a machine that slept would hear hours of weights in a burst."""
UNREAD_S = 1.0
"""What nobody has read for this long is lost, as on a serial port that nobody has opened."""


class Link(Protocol):
    """A device on its wire."""

    @property
    def sim(self) -> Sim:
        """What is on it."""

    @property
    def port(self) -> str:
        """The address that a configuration would have for it."""

    def tick(self, dt: float) -> None: ...
    def plug(self) -> None: ...
    def unplug(self) -> None: ...


class PtyLink:
    """A device on a pseudo-terminal with a stable name: ``path`` is a symlink that follows the terminal when it is plugged again."""

    def __init__(self, sim: Sim, path: Path, options: str = "") -> None:
        self.sim = sim
        self.path = path
        self.lost_bytes = 0
        self._options = options
        self._ends: tuple[int, int] | None = None
        self._unread_for_s = 0.0
        self._unread = 0

    @property
    def port(self) -> str:
        return f"serial:{self.path}" + (f"?{self._options}" if self._options else "")

    @property
    def plugged(self) -> bool:
        return self._ends is not None

    def plug(self) -> None:
        """Make the terminal, raw from the first byte, with a slave end kept open so that it lives while nobody else has it open."""
        if self._ends is not None:
            return
        ours, theirs = os.openpty()
        tty.setraw(theirs, termios.TCSANOW)
        os.set_blocking(ours, False)
        self._ends = ours, theirs
        self._unread = 0
        self._unread_for_s = 0.0
        fresh = self.path.with_name(f".{self.path.name}.new")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(os.ttyname(theirs))
        fresh.replace(self.path)
        asyncio.get_running_loop().add_reader(ours, self._readable, ours)

    def unplug(self) -> None:
        """Close both ends: whoever has the port open gets a hang-up, and the name is gone."""
        if self._ends is None:
            return
        ours, theirs = self._ends
        self._ends = None
        asyncio.get_running_loop().remove_reader(ours)
        self.path.unlink(missing_ok=True)
        os.close(ours)
        os.close(theirs)

    def tick(self, dt: float) -> None:
        said = self.sim.tick(dt)
        if self._ends is None:
            return
        self._forget_unread(dt)
        self._write(said)

    def _readable(self, ours: int) -> None:
        try:
            data = os.read(ours, 4096)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            if error.errno == errno.EIO:
                return
            raise
        self._write(self.sim.receive(data))

    def _write(self, data: bytes) -> None:
        if not data or self._ends is None:
            return
        try:
            written = os.write(self._ends[0], data)
        except (BlockingIOError, InterruptedError):
            written = 0
        self.lost_bytes += len(data) - written

    def _forget_unread(self, dt: float) -> None:
        assert self._ends is not None
        _, theirs = self._ends
        waiting = array.array("i", [0])
        fcntl.ioctl(theirs, termios.FIONREAD, waiting)
        unread = waiting[0]
        self._unread_for_s = self._unread_for_s + dt if unread and unread >= self._unread else 0.0
        self._unread = unread
        if self._unread_for_s > UNREAD_S:
            termios.tcflush(theirs, termios.TCIFLUSH)
            self.lost_bytes += unread


class TcpLink:
    """A device behind a serial port server, all of whose clients hear what it says; with a ``session``, one with its own socket."""

    def __init__(self, sim: Sim, number: int = 0, session: Session | None = None) -> None:
        self.sim = sim
        self.number = number
        self._session = session
        self.lost_bytes = 0
        self._listening: socket.socket | None = None
        self._clients: set[socket.socket] = set()

    @property
    def port(self) -> str:
        return f"tcp:127.0.0.1:{self.number}"

    @property
    def plugged(self) -> bool:
        return self._listening is not None

    def plug(self) -> None:
        """Listen, on the same number as before."""
        if self._listening is not None:
            return
        self._listening = socket.create_server(("127.0.0.1", self.number))
        self._listening.setblocking(False)
        self.number = self._listening.getsockname()[1]
        asyncio.get_running_loop().add_reader(self._listening, self._accept)

    def unplug(self) -> None:
        """Stop listening and drop every client."""
        if self._listening is None:
            return
        asyncio.get_running_loop().remove_reader(self._listening)
        self._listening.close()
        self._listening = None
        for client in tuple(self._clients):
            self._drop(client)

    def tick(self, dt: float) -> None:
        said = self.sim.tick(dt)
        for client in tuple(self._clients):
            self._send(client, said)
        if self._session is not None and not self._session.open:
            for client in tuple(self._clients):
                self._drop(client)

    def _accept(self) -> None:
        assert self._listening is not None
        try:
            client, _ = self._listening.accept()
        except (BlockingIOError, ConnectionError):
            return
        client.setblocking(False)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._session is not None:
            if self._clients:
                client.send(self._session.refusal)
                client.close()
                return
            self._session.connected()
        self._clients.add(client)
        asyncio.get_running_loop().add_reader(client, self._readable, client)

    def _readable(self, client: socket.socket) -> None:
        try:
            data = client.recv(4096)
        except (BlockingIOError, InterruptedError):
            return
        except ConnectionError:
            data = b""
        if data:
            self._send(client, self.sim.receive(data))
        else:
            self._drop(client)

    def _send(self, client: socket.socket, data: bytes) -> None:
        if not data:
            return
        try:
            sent = client.send(data)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except ConnectionError:
            self._drop(client)
            return
        self.lost_bytes += len(data) - sent

    def _drop(self, client: socket.socket) -> None:
        if client in self._clients:
            self._clients.discard(client)
            asyncio.get_running_loop().remove_reader(client)
            client.close()
            if self._session is not None:
                self._session.left()


class FolderLink:
    """A 1-wire probe as the kernel shows it: ``DIR/SERIAL/w1_slave``, rewritten in one stroke whenever its text changes."""

    def __init__(self, sim: Sim, directory: Path, serial: str) -> None:
        self.sim = sim
        self.directory = directory
        self.serial = serial
        self._text = b""
        self._plugged = False

    @property
    def port(self) -> str:
        return f"sysfs:{self.directory}"

    @property
    def plugged(self) -> bool:
        return self._plugged

    def plug(self) -> None:
        self._plugged = True
        self._write(self.sim.receive(b""))

    def unplug(self) -> None:
        self._plugged = False
        shutil.rmtree(self.directory / self.serial, ignore_errors=True)

    def tick(self, dt: float) -> None:
        said = self.sim.tick(dt)
        if self._plugged:
            self._write(said)

    def _write(self, text: bytes) -> None:
        if not text:
            return
        probe = self.directory / self.serial
        probe.mkdir(parents=True, exist_ok=True)
        fresh = probe / ".w1_slave.new"
        fresh.write_bytes(text)
        fresh.replace(probe / "w1_slave")


class Tickable(Protocol):
    """What is not a device and still has a clock: the store itself."""

    quantum_s: float

    def tick(self, dt: float) -> None: ...


class Rig:
    """Simulated devices on their wires, and the one clock that drives them. An async context manager."""

    def __init__(self) -> None:
        self.links: list[Link] = []
        self._count = 0
        self._due: list[tuple[float, int, Callable[[], float], Callable[[float], None]]] = []
        self._tasks = asyncio.TaskGroup()
        self._clock: asyncio.Task[None] | None = None
        self._more = asyncio.Event()

    async def __aenter__(self) -> Rig:
        await self._tasks.__aenter__()
        self._clock = self._tasks.create_task(self._run(), name="clock of the simulated devices")
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        assert self._clock is not None
        self._clock.cancel()
        for link in self.links:
            link.unplug()
        # The block's own error goes on as it is; only an error of the clock's task is the group's to tell.
        await self._tasks.__aexit__(None, None, None)

    def pty(self, sim: Sim, path: Path, options: str = "") -> PtyLink:
        """Serve on a pseudo-terminal named ``path``; ``options`` is the query of its address, e.g. ``baud=9600``."""
        link = PtyLink(sim, path, options)
        self._add(link)
        return link

    def tcp(self, sim: Sim, number: int = 0, session: Session | None = None) -> TcpLink:
        """Serve on loopback, on a port number of the system's choice unless one is given."""
        link = TcpLink(sim, number, session)
        self._add(link)
        return link

    def folder(self, sim: Sim, directory: Path, serial: str) -> FolderLink:
        """Serve as a folder of the 1-wire bus."""
        link = FolderLink(sim, directory, serial)
        self._add(link)
        return link

    def also(self, thing: Tickable) -> None:
        """Let the clock drive something that is on no wire."""
        self._schedule(lambda: thing.quantum_s, thing.tick)

    def _add(self, link: Link) -> None:
        link.plug()
        # It has had power for long: what it says at power-up is over before anybody can ask, or its greeting would pass for a restart.
        link.tick(0.0)
        self.links.append(link)
        self._schedule(lambda: link.sim.quantum_s, link.tick)

    def _schedule(self, quantum_s: Callable[[], float], tick: Callable[[float], None]) -> None:
        # Devices are not in step with each other: a golden-ratio offset spreads them over the quantum.
        self._count += 1
        number = self._count
        offset_s = quantum_s() * (number * 0.618 % 1.0)
        heapq.heappush(self._due, (asyncio.get_running_loop().time() + offset_s, number, quantum_s, tick))
        self._more.set()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._more.clear()
            wait_s = self._due[0][0] - loop.time() if self._due else None
            if wait_s is None or wait_s > 0:
                await self._wait(wait_s)
                continue
            due, number, quantum_s, tick = heapq.heappop(self._due)
            dt = quantum_s()
            tick(dt)
            due = due + dt if -wait_s < LONGEST_LAG_S else loop.time() + dt
            heapq.heappush(self._due, (due, number, quantum_s, tick))
            await asyncio.sleep(0)

    async def _wait(self, wait_s: float | None) -> None:
        """Until the next device is due, or another one comes."""
        try:
            async with asyncio.timeout(wait_s):
                await self._more.wait()
        except TimeoutError:
            pass


@asynccontextmanager
async def served(sim: Sim, path: Path, options: str = "") -> AsyncIterator[PtyLink]:
    """One device on a pseudo-terminal for as long as the block lasts."""
    async with Rig() as rig:
        yield rig.pty(sim, path, options)


@asynccontextmanager
async def served_on_tcp(sim: Sim) -> AsyncIterator[TcpLink]:
    """One device on loopback TCP for as long as the block lasts."""
    async with Rig() as rig:
        yield rig.tcp(sim)
