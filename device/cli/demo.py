"""``smartstore demo``: the whole store on a laptop. Broker, simulated firmware, daemon, and shoppers who buy; the story as it happens."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import getpass
import json
import os
import re
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import aiomqtt
import click

import device
from device.cli.answered import answered
from device.cli.output import json_option, known, program
from device.cli.signing import entry_code
from device.cli.story import Teller
from device.cli.visitor import mortal, visit
from device.config import Configuration, load
from device.domain.jws import SigningKey
from device.errors import StoreError
from device.ports.loopback import free_port

UP_WITHIN_S = 20.0
ENDS_WITHIN_S = 8.0
BETWEEN_SHOPPERS_S = 4.0
STORE = "cabinet.toml"
PREFIX = "smartstore-demo-"
LOCK = "running"
STAFF = "The staff"
RESTOCK_FROM = 1 / 3
"""The part of the slots that is empty when staff comes to fill them up."""
SHOPPERS = ("Anna", "Ben", "Chiara", "Dario", "Elif", "Finn", "Greta", "Hugo")


class DemoFailed(StoreError):
    """Something of the demo did not come up."""


@dataclass(frozen=True, slots=True)
class Demo:
    """Where everything is: made in ``folder`` and gone with it."""

    folder: Path
    config: Path
    configuration: Configuration
    key: SigningKey
    broker_port: int
    web_port: int
    mosquitto: str | None

    @property
    def control(self) -> Path:
        return self.folder / "sims" / "control.sock"


@click.command()
@click.option("--shoppers", type=click.IntRange(0, 100_000), default=0, help="End after so many; 0, the default: go on until Ctrl-C.")
@click.option("--pace", type=click.FloatRange(0.1, 100), default=1.0, show_default=True, help="Factor on the shoppers' pauses.")
@click.option("--seed", type=int, default=23, show_default=True, help="Of shoppers and of all that is simulated.")
@json_option
def command(shoppers: int, pace: float, seed: int, as_json: bool) -> None:
    """Run a store without hardware: broker, simulated firmware, daemon, page and shoppers. Ctrl-C ends it."""
    sweep()
    with temporary_folder() as folder:
        demo = prepare(folder)
        teller = Teller(demo.configuration, as_json)
        try:
            asyncio.run(_demo(demo, teller, shoppers, pace, seed))
        except ExceptionGroup as group:
            raise known(group) or group from None
        except (KeyboardInterrupt, asyncio.CancelledError):
            click.echo("", err=True)
    teller.say("The demo is over. Goodbye; nothing of it is left behind.")


@contextlib.contextmanager
def temporary_folder(parent: Path | None = None) -> Iterator[Path]:
    """A folder for everything of one demo, gone with it. Its lock is held while the demo lives, so that nobody sweeps it."""
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
    lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def sweep(parent: Path | None = None) -> None:
    """Remove what demos that were killed have left: folders of ours whose lock nobody holds."""
    for folder in (parent or Path(tempfile.gettempdir())).glob(f"{PREFIX}*"):
        try:
            if folder.is_symlink() or folder.stat().st_uid != os.getuid():
                continue
            lock = os.open(folder / LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:  # no lock: just being made, or none of ours
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        except BlockingIOError:
            pass
        finally:
            os.close(lock)


def examples() -> Path:
    """The example stores: beside the package in a checkout, within it where it is installed."""
    package = Path(device.__file__).parent
    places = (package.parent / "config", package / "examples")
    found = next((folder for folder in places if (folder / STORE).is_file()), None)
    if found is None:
        raise DemoFailed(f"{STORE} is neither in {places[0]} nor in {places[1]}")
    return found


def prepare(folder: Path) -> Demo:
    """Make the demo's store of the example: its own keys, journal, broker and page, all in ``folder``."""
    source = examples()
    key = SigningKey.generate()
    (folder / "demo.pub.pem").write_bytes(key.public_pem())
    (folder / "demo.key.pem").touch(mode=0o600)
    (folder / "demo.key.pem").write_bytes(key.private_pem())
    (folder / "sims").mkdir()
    mosquitto = shutil.which("mosquitto") or shutil.which("/usr/sbin/mosquitto")
    broker_port, web_port = free_port(), free_port()
    text = (source / STORE).read_text()
    for pattern, replacement in (
        (r'^url = ".*?"', f'url = "mqtt://127.0.0.1:{broker_port}"'),
        (r"^protocol = \d", f"protocol = {5 if mosquitto else 4}"),
        (r'^path = ".*?"', f'path = "{folder}/journal.db"'),
        (r"^entry_keys = \[.*?\]", f'entry_keys = ["{folder}/demo.pub.pem"]'),
        (r"^command_keys = \[.*?\]", f'command_keys = ["{folder}/demo.pub.pem"]'),
        (r'^file = ".*?"', f'file = "{source}/cabinet.products.csv"'),
    ):
        text, found = re.subn(pattern, replacement, text, flags=re.MULTILINE)
        if found != 1:
            raise DemoFailed(f"{STORE}: {pattern} stands there {found} times, not once")
    text += f'\n[clock]\ntrust = "always"\n\n[web]\nlisten = "127.0.0.1:{web_port}"\n'
    config = folder / "demo.toml"
    config.write_text(text)
    return Demo(folder, config, load(config), key, broker_port, web_port, mosquitto)


async def _demo(demo: Demo, teller: Teller, shoppers: int, pace: float, seed: int) -> None:
    _end_on_hang_up()
    async with contextlib.AsyncExitStack() as stack:
        broker = "Mosquitto" if demo.mosquitto else "amqtt"
        teller.say(f"Broker: {broker} on 127.0.0.1:{demo.broker_port}; watch along with: {program()} watch --url {_url(demo)}")
        await stack.enter_async_context(_broker(demo))
        daemon = await stack.enter_async_context(
            _process(
                demo, "daemon", "-m", "device", "run", str(demo.config), "--simulate", "--seed", str(seed), "--control", str(demo.control)
            )
        )
        client = await stack.enter_async_context(aiomqtt.Client("127.0.0.1", demo.broker_port, identifier="smartstore-demo"))
        root = demo.configuration.layout.mqtt.topic.replace("{store}", demo.configuration.layout.store.id)
        await answered(client.subscribe([(f"{root}/event/#", 1), (f"{root}/status", 1), (f"{root}/zone/+", 1), (f"{root}/slot/+", 1)]))
        async with asyncio.TaskGroup() as group:
            listening = group.create_task(_listen(client, root, teller), name="listen")
            watching = group.create_task(_watch_over(daemon, demo), name="daemon")
            await _within(UP_WITHIN_S, teller.ready, "the store did not open", demo)
            teller.say(f"The store is open. Its page: http://127.0.0.1:{demo.web_port}/  (its journal and logs: {demo.folder})")
            teller.say(teller.times)
            number = 0
            while not shoppers or number < shoppers:
                if len(teller.empty) >= RESTOCK_FROM * len(demo.configuration.layout.slot):
                    await _restock(demo, teller, pace)
                    await asyncio.sleep(BETWEEN_SHOPPERS_S * pace)
                await _shopper(demo, teller, number, pace, seed)
                number += 1
                if not shoppers or number < shoppers:
                    await asyncio.sleep(BETWEEN_SHOPPERS_S * pace)
            listening.cancel()
            watching.cancel()


async def _within(seconds: float, happened: asyncio.Event, otherwise: str, demo: Demo) -> None:
    try:
        async with asyncio.timeout(seconds):
            await happened.wait()
    except TimeoutError:
        raise DemoFailed(f"{otherwise} within {seconds:.0f} s; the log of the daemon ends:\n{_end_of_log(demo)}") from None


def _end_of_log(demo: Demo) -> str:
    return (demo.folder / "daemon.log").read_text()[-2000:]


def _end_on_hang_up() -> None:
    """A closed terminal and a polite kill end the demo as Ctrl-C does."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    for number in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, task.cancel)


async def _shopper(demo: Demo, teller: Teller, number: int, pace: float, seed: int) -> None:
    """One visit. The first shopper takes two bottles and puts one back; the others do as they like."""
    name = SHOPPERS[number % len(SHOPPERS)]
    arguments = ["--seed", str(seed + number), "--pace", str(pace)]
    if number == 0:
        arguments += ["--takes", "2", "--returns", "1"]
    teller.say(f"{name} arrives with a code on the phone.")
    code = entry_code(demo.configuration.layout, demo.key, name.lower(), age=30)
    truth = await _visit(demo, teller, name, code, *arguments)
    if truth is not None:
        teller.bill(name, truth)


async def _restock(demo: Demo, teller: Teller, pace: float) -> None:
    """Staff fills up what shoppers have emptied, with a code for that."""
    teller.say(f"{STAFF} comes to fill the shelves up: {len(teller.empty)} of {len(demo.configuration.layout.slot)} slots are empty.")
    code = entry_code(demo.configuration.layout, demo.key, "staff", purpose="restock")
    await _visit(demo, teller, STAFF, code, "--restock", "--pace", str(pace))


async def _visit(demo: Demo, teller: Teller, name: str, code: str, *arguments: str) -> dict[str, int] | None:
    """What the hand holds after a visit that the store has told the end of; None where it came to nothing."""
    teller.ended.clear()
    truth: dict[str, int] | None = None
    async with contextlib.aclosing(visit(demo.control, code, *arguments)) as steps:
        async for step in steps:
            if "error" in step:
                teller.say(f"{name} stops: {step['error']}.")
            else:
                teller.person(name, step["says"])
            truth = step.get("cart", truth)
    if truth is not None:
        await _within(UP_WITHIN_S, teller.ended, f"the store told no end of the visit of {name}", demo)
    return truth


async def _listen(client: aiomqtt.Client, root: str, teller: Teller) -> None:
    async for message in client.messages:
        payload = message.payload
        if isinstance(payload, bytes) and payload:
            teller.heard(message.topic.value.removeprefix(f"{root}/"), json.loads(payload))


async def _watch_over(daemon: asyncio.subprocess.Process, demo: Demo) -> None:
    status = await daemon.wait()
    raise DemoFailed(f"the daemon has ended with status {status}; its log ends:\n{_end_of_log(demo)}")


@contextlib.asynccontextmanager
async def _broker(demo: Demo) -> AsyncIterator[None]:
    """Mosquitto where it is installed, else amqtt; on a free loopback port, without persistence."""
    if demo.mosquitto:
        settings = demo.folder / "mosquitto.conf"
        # As root it would become another user, and a process that does so no longer ends with its parent.
        user = getpass.getuser()
        settings.write_text(f"listener {demo.broker_port} 127.0.0.1\nallow_anonymous true\npersistence false\nuser {user}\n")
        executable, arguments = demo.mosquitto, ["-c", str(settings)]
    else:
        settings = demo.folder / "amqtt.yaml"
        settings.write_text(_AMQTT.format(port=demo.broker_port))
        executable, arguments = sys.executable, ["-m", "amqtt.scripts.broker_script", "-c", str(settings)]
    async with _process(demo, "broker", *arguments, executable=executable) as process:
        await _until_open(demo.broker_port, process)
        yield


_AMQTT = """listeners:
  default:
    type: tcp
    bind: 127.0.0.1:{port}
plugins:
  amqtt.plugins.authentication.AnonymousAuthPlugin:
    allow_anonymous: true
"""


@contextlib.asynccontextmanager
async def _process(demo: Demo, name: str, *arguments: str, executable: str = sys.executable) -> AsyncIterator[asyncio.subprocess.Process]:
    """A program of the demo; its output goes to ``name.log``. Ended gently, then not."""
    with (demo.folder / f"{name}.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *mortal(executable, *arguments),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(ENDS_WITHIN_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


async def _until_open(port: int, process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(UP_WITHIN_S):
        while process.returncode is None:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
                continue
            writer.close()
            await writer.wait_closed()
            return
    raise DemoFailed(f"the broker has ended with status {process.returncode}")


def _url(demo: Demo) -> str:
    return f"mqtt://127.0.0.1:{demo.broker_port}"
