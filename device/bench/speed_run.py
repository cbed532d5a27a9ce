"""The programs that ``bench speed`` compares, each as a process whose CPU is counted from outside; the broker and the feed beside them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from device.bench.speed_feed import COUNTS_PER_GRAM, ITEM_G, KINDS, ZERO_COUNTS
from device.errors import StoreError
from device.journal.reading import open_archive, rows_after
from device.ports.loopback import free_port

PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])
ENDS_WITHIN_S = 10.0
GTIN = "09520000001032"


class Missing(StoreError):
    """Something that the benchmark, or one of its columns, needs is not installed."""


def cpu_s(pid: int) -> float:
    """CPU seconds that a process has used so far, all threads, user and system: its CPU-time clock (clock_getcpuclockid(3))."""
    return time.clock_gettime((~pid << 3) | 2)


def resident_mb(pid: int) -> float:
    """Resident megabytes of a process (proc(5), statm)."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)


@contextmanager
def broker(folder: Path) -> Iterator[int]:
    """A Mosquitto of our own on a free loopback port, which is given. Raises Missing."""
    program = shutil.which("mosquitto", path=PATH)
    if program is None:
        raise Missing("mosquitto is not installed (Debian: apt install mosquitto)")
    port = free_port()
    settings = folder / "mosquitto.conf"
    settings.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nlog_type none\n")
    with subprocess.Popen([program, "-c", str(settings)], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            _wait_for(port, process)
            yield port
        finally:
            process.terminate()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + ENDS_WITHIN_S
    while time.monotonic() < until and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    raise Missing("mosquitto did not start")


class Feed:
    """The process with the scales."""

    def __init__(self, kind: str, devices: int, seed: int) -> None:
        command = [sys.executable, "-m", "device.bench.speed_feed", kind, str(devices), str(seed)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.ports: list[str] = self._heard()["ports"]

    def go(self) -> None:
        """Samples flow."""
        self._say("go")

    def count(self) -> dict[str, int]:
        """Samples so far, writes refused, and steps."""
        self._say("count")
        counted: dict[str, int] = self._heard()
        return counted

    def stop(self) -> dict[str, int]:
        """The same, and no more flow."""
        self._say("stop")
        counted: dict[str, int] = self._heard()
        return counted

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(ENDS_WITHIN_S)
        self._process.stdout.close()

    def _say(self, word: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()

    def _heard(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise StoreError(f"the feed of the benchmark ended, status {self._process.wait(ENDS_WITHIN_S)}")
        return json.loads(line)


@dataclass(frozen=True, slots=True)
class Program:
    """A column: how it is started, what its output says once it listens to its ports, and where its events are, if it has any."""

    name: str
    command: Sequence[str]
    up: bytes = b"up"
    journal: Path | None = None

    def wait_until_up(self, folder: Path, seconds: float) -> None:
        """Raises StoreError, with what it said, where it does not come up."""
        until = time.monotonic() + seconds
        said = b""
        while time.monotonic() < until:
            said = b"".join((folder / f"{self.name}.{stream}").read_bytes() for stream in ("out", "log"))
            if self.up in said:
                return
            time.sleep(0.05)
        raise StoreError(f"{self.name} does not come up: {said.decode(errors='replace')[-2000:]}")

    def samples_read(self, folder: Path) -> int | None:
        """What it said at its end of how many samples it has read; None where it says nothing."""
        said = (folder / f"{self.name}.out").read_text()
        return int(json.loads(said)["samples"]) if said else None


@contextmanager
def running(program: Program, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The program while the context is open; ended by SIGTERM. Its words are in ``FOLDER/NAME.out``."""
    environment = {**os.environ, "GPIOZERO_PIN_FACTORY": "mock"}  # the daemon's lock is not part of it
    with (
        (folder / f"{program.name}.out").open("wb") as out,
        (folder / f"{program.name}.log").open("wb") as log,
        subprocess.Popen(program.command, stdin=subprocess.DEVNULL, stdout=out, stderr=log, env=environment) as process,
    ):
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(ENDS_WITHIN_S)


def c_reader(kind: str, broker_port: int, ports: Sequence[str], folder: Path) -> Program:
    """Compiled here and now. Raises Missing where there is no compiler or no libmosquitto to compile against."""
    compiler = shutil.which("cc", path=PATH)
    if compiler is None:
        raise Missing("no C compiler (Debian: apt install gcc libc6-dev)")
    built = folder / "reader"
    with as_file(files("device.bench") / "speed_reader.c") as source:
        if not _compiles(compiler, "#include <mosquitto.h>\nint main(void) { return 0; }\n", "-lmosquitto"):
            raise Missing("no header or library of libmosquitto (Debian: apt install libmosquitto-dev)")
        subprocess.run([compiler, "-O2", "-std=gnu11", "-o", str(built), str(source), "-lmosquitto", "-lm"], check=True)
    return Program("C reader", [str(built), kind, str(broker_port), *ports])


def _compiles(compiler: str, text: str, library: str) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "try.c"
        source.write_text(text)
        command = [compiler, "-o", str(Path(folder) / "try"), str(source), library]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0


def afternoon(kind: str, broker_port: int, ports: Sequence[str]) -> Program:
    """See ``speed_afternoon``."""
    return Program("afternoon", [sys.executable, "-m", "device.bench.speed_afternoon", kind, str(broker_port), *ports])


def daemon(kind: str, broker_port: int, ports: Sequence[str], folder: Path) -> Program:
    """The whole of ``smartstore run``, as it is started on hardware."""
    config = folder / "store.toml"
    config.write_text(_configuration(kind, broker_port, ports), encoding="utf-8")
    (folder / "products.csv").write_text(f"gtin,name,grams,grams_sd,price_minor\n{GTIN},Cola 33 cl,{ITEM_G:.0f},2,250\n")
    return Program("smartstore", [sys.executable, "-m", "device", "run", str(config)], b"ready after", folder / "journal.db")


def _configuration(kind: str, broker_port: int, ports: Sequence[str]) -> str:
    fed = KINDS[kind]
    parts = [
        '[store]\nid = "bench"\nname = "Bench"\ntimezone = "Europe/Rome"\ncurrency = "EUR"\n',
        f'[mqtt]\nurl = "mqtt://127.0.0.1:{broker_port}"\n[journal]\npath = "journal.db"\n',
        '[access]\nsigned_commands = false\n[clock]\ntrust = "always"\n[catalogue]\nfile = "products.csv"\n',
        '[[zone]]\nid = "shop"\n[[lock]]\nid = "lock"\nzone = "shop"\ndriver = "gpio"\n',
        'relay = 17\ncontact = 27\ncontact_normally = "closed"\n',
    ]
    for number, port in enumerate(ports):
        more = f"channels = {fed.channels}\ncounts_per_gram = {COUNTS_PER_GRAM}\nzero_counts = {ZERO_COUNTS}\n" if fed.channels > 1 else ""
        parts.append(
            f'[[scale]]\nid = "s{number}"\nzone = "shop"\ndriver = "{fed.driver}"\nport = "serial:{port}?baud={fed.baud}"\n'
            f"rate_hz = {fed.rate_hz}\n{more}"
        )
        parts += [
            f'[[slot]]\nid = "s{number}-{channel}"\nscale = "s{number}"\nchannel = {channel}\nproducts = ["{GTIN}"]\ncapacity = 20\n'
            for channel in range(1, fed.channels + 1)
        ]
    return "".join(parts)


def steps_in(journal: Path) -> int:
    """How many steps a store has told: with the doors shut each is an alarm. The journal's daemon has ended."""
    with closing(open_archive(journal)) as archive:
        raised = [json.loads(row.body or b"{}") for row in rows_after(archive, 0) if row.type == "alarm.raised"]
    return sum(alarm["data"]["kind"].startswith("unexplained_") for alarm in raised)
