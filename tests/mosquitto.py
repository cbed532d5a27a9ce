"""A real Mosquitto for tests: on a free loopback port, with whatever configuration a test wants, stopped and reaped at its end.

::

    async with Mosquitto(tmp_path) as broker:
        ...broker.url, broker.port
        await broker.kill(); await broker.start()      # the same port and persistence

It listens before ``start`` returns. ``freeze`` (SIGSTOP) makes a half-open link of every connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from device.ports.loopback import free_port

BINARY = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")


@dataclass(frozen=True, slots=True)
class BrokerTls:
    """The broker's certificate files; with ``require_client`` it wants one of the client, from the same authority."""

    ca_file: Path
    cert_file: Path
    key_file: Path
    require_client: bool = False


class Mosquitto:
    """One broker. ``acl`` is the text of an ACL file, ``users`` are names with passwords, ``settings`` further lines."""

    def __init__(
        self,
        folder: Path,
        *,
        users: Mapping[str, str] | None = None,
        acl: str | None = None,
        tls: BrokerTls | None = None,
        persistent: bool = False,
        settings: Sequence[str] = (),
    ) -> None:
        self.port = free_port()
        self.url = f"{'mqtts' if tls else 'mqtt'}://127.0.0.1:{self.port}"
        self._folder = folder / f"mosquitto-{self.port}"
        self._users = users
        self._acl = acl
        self._tls = tls
        self._persistent = persistent
        self._settings = settings
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.kill()

    def set_acl(self, acl: str) -> None:
        """Another ACL from the next ``start`` on, or at once with ``reload``."""
        self._acl = acl
        self._folder.joinpath("acl").write_text(acl)

    async def start(self) -> None:
        """Start it, on the same port each time; returns once it accepts connections."""
        if BINARY is None:
            raise RuntimeError("mosquitto is not installed: apt install mosquitto")
        assert self._process is None, "already running"
        self._write_files()
        self._process = await asyncio.create_subprocess_exec(
            BINARY,
            "-c",
            str(self._folder / "mosquitto.conf"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        async with asyncio.timeout(30):
            while True:
                if self._process.returncode is not None:
                    log = self._folder.joinpath("log").read_text()
                    raise RuntimeError(f"mosquitto ended at once:\n{log}")
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                    writer.close()
                    with contextlib.suppress(OSError):
                        await writer.wait_closed()
                    return
                await asyncio.sleep(0.01)

    def _write_files(self) -> None:
        folder = self._folder
        folder.mkdir(exist_ok=True)
        # As root it would become the user mosquitto, who cannot read a test's folder.
        lines = ["per_listener_settings false", f"user {getpass.getuser()}", f"log_dest file {folder / 'log'}", "log_type all"]
        lines.append(f"persistence {'true' if self._persistent else 'false'}")
        if self._persistent:
            lines += [f"persistence_location {folder}/", "autosave_interval 1", "autosave_on_changes true"]
        if self._users is None:
            lines.append("allow_anonymous true")
        else:
            passwords = folder / "passwords"
            passwords.write_text("".join(f"{name}:{password}\n" for name, password in self._users.items()))
            subprocess.run(["mosquitto_passwd", "-U", str(passwords)], check=True)
            lines += ["allow_anonymous false", f"password_file {passwords}"]
        if self._acl is not None:
            folder.joinpath("acl").write_text(self._acl)
            lines.append(f"acl_file {folder / 'acl'}")
        lines.append(f"listener {self.port} 127.0.0.1")
        if self._tls is not None:
            lines += [f"cafile {self._tls.ca_file}", f"certfile {self._tls.cert_file}", f"keyfile {self._tls.key_file}"]
            lines.append(f"require_certificate {'true' if self._tls.require_client else 'false'}")
        lines += self._settings
        folder.joinpath("mosquitto.conf").write_text("\n".join(lines) + "\n")

    @property
    def log(self) -> str:
        """What it has logged so far."""
        return self._folder.joinpath("log").read_text(errors="replace")

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None, "not running"
        self._process.send_signal(number)

    def freeze(self) -> None:
        """SIGSTOP: connections stay, nothing is answered."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        self._signal(signal.SIGCONT)

    def reload(self) -> None:
        """SIGHUP: read ACL and passwords again."""
        self._signal(signal.SIGHUP)

    async def kill(self) -> None:
        """SIGKILL, frozen or not; nothing is done if it does not run."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> None:
        """SIGTERM: it saves its persistence."""
        await self._end(signal.SIGTERM)

    async def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(number)
            await process.wait()
