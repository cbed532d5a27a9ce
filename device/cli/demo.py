"""``smartstore demo``: the whole store on a laptop. Broker, simulated firmware, daemon, and shoppers who buy; the story as it happens."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import json
import re
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiomqtt
import click

import device
from device.cli.output import json_option
from device.cli.story import Teller
from device.config import Configuration, load
from device.domain.jws import SigningKey, sign
from device.errors import StoreError

UP_WITHIN_S = 20.0
ENDS_WITHIN_S = 8.0
BETWEEN_SHOPPERS_S = 4.0
CODE_LIVES_S = 300
STORE = "cabinet.toml"
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
@click.option("--shoppers", type=int, default=0, help="End after so many; default: go on until Ctrl-C.")
@click.option("--pace", type=float, default=1.0, show_default=True, help="Factor on the shoppers' pauses.")
@click.option("--seed", type=int, default=23, show_default=True, help="Of shoppers and of all that is simulated.")
@json_option
def command(shoppers: int, pace: float, seed: int, as_json: bool) -> None:
    """Run a store without hardware: broker, simulated firmware, daemon, page and shoppers. Ctrl-C ends it."""
    folder = Path(tempfile.mkdtemp(prefix="smartstore-demo-"))
    try:
        asyncio.run(_demo(prepare(folder), shoppers, pace, seed, as_json))
    except (KeyboardInterrupt, asyncio.CancelledError):
        click.echo("")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


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
    broker_port, web_port = _free_port(), _free_port()
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


async def _demo(demo: Demo, shoppers: int, pace: float, seed: int, as_json: bool) -> None:
    _end_on_hang_up()
    teller = Teller(demo.configuration, as_json)
    async with contextlib.AsyncExitStack() as stack:
        broker = "Mosquitto" if demo.mosquitto else "amqtt"
        teller.say(f"Broker: {broker} on 127.0.0.1:{demo.broker_port}; watch along with: smartstore watch --url {_url(demo)}")
        await stack.enter_async_context(_broker(demo))
        daemon = await stack.enter_async_context(
            _process(
                demo, "daemon", "-m", "device", "run", str(demo.config), "--simulate", "--seed", str(seed), "--control", str(demo.control)
            )
        )
        client = await stack.enter_async_context(aiomqtt.Client("127.0.0.1", demo.broker_port, identifier="smartstore-demo"))
        root = demo.configuration.layout.mqtt.topic.replace("{store}", demo.configuration.layout.store.id)
        await client.subscribe([(f"{root}/event/#", 1), (f"{root}/status", 1), (f"{root}/zone/+", 1), (f"{root}/slot/+", 1)])
        async with asyncio.TaskGroup() as group:
            listening = group.create_task(_listen(client, root, teller), name="listen")
            watching = group.create_task(_watch_over(daemon, demo), name="daemon")
            async with asyncio.timeout(UP_WITHIN_S):
                await teller.ready.wait()
            teller.say(f"The store is open. Its page: http://127.0.0.1:{demo.web_port}/  (everything is made in {demo.folder})")
            number = 0
            while not shoppers or number < shoppers:
                await _shopper(demo, teller, number, pace, seed)
                number += 1
                if not shoppers or number < shoppers:
                    await asyncio.sleep(BETWEEN_SHOPPERS_S * pace)
            listening.cancel()
            watching.cancel()
    teller.say("The demo is over.")


def _end_on_hang_up() -> None:
    """A closed terminal and a polite kill end the demo as Ctrl-C does."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    for number in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, task.cancel)


def _mortal(*command: str) -> list[str]:
    """A command that ends when the demo is killed without a chance to end it; as it is where there is no setpriv (util-linux)."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM", *command] if setpriv else list(command)


async def _shopper(demo: Demo, teller: Teller, number: int, pace: float, seed: int) -> None:
    """One visit. The first shopper takes two bottles and puts one back; the others do as they like."""
    name = SHOPPERS[number % len(SHOPPERS)]
    arguments = ["--control", str(demo.control), "--code", _code(demo, name), "--seed", str(seed + number), "--pace", str(pace)]
    if number == 0:
        arguments += ["--takes", "2", "--returns", "1"]
    teller.say(f"{name} arrives with a code on the phone.")
    teller.ended.clear()
    truth: dict[str, int] | None = None
    process = await asyncio.create_subprocess_exec(
        *_mortal(sys.executable, "-m", "firmware_sims.shopper", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stdin=asyncio.subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is for the demo, which ends its processes itself
    )
    assert process.stdout is not None
    over = False
    try:
        async for line in process.stdout:
            done: dict[str, Any] = json.loads(line)
            if "error" in done:
                teller.say(f"{name} stays outside: {done['error']}.")
            else:
                teller.person(name, done["says"])
            truth = done.get("cart", truth)
        over = True
    finally:
        if not over:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        await process.wait()
    if truth is not None:
        async with asyncio.timeout(UP_WITHIN_S):
            await teller.ended.wait()
        teller.bill(name, truth)


def _code(demo: Demo, name: str) -> str:
    now = int(time.clock_gettime(time.CLOCK_REALTIME))
    claims = {
        "iss": "demo",
        "sub": name.lower(),
        "aud": demo.configuration.layout.store.id,
        "iat": now,
        "exp": now + CODE_LIVES_S,
        "jti": f"{name.lower()}-{time.clock_gettime_ns(time.CLOCK_BOOTTIME)}",
        "age": 30,
    }
    return sign(claims, demo.key, demo.key.thumbprint)


async def _listen(client: aiomqtt.Client, root: str, teller: Teller) -> None:
    async for message in client.messages:
        payload = message.payload
        if isinstance(payload, bytes) and payload:
            teller.heard(message.topic.value.removeprefix(f"{root}/"), json.loads(payload))


async def _watch_over(daemon: asyncio.subprocess.Process, demo: Demo) -> None:
    status = await daemon.wait()
    raise DemoFailed(f"the daemon has ended with status {status}:\n{(demo.folder / 'daemon.log').read_text()[-2000:]}")


@contextlib.asynccontextmanager
async def _broker(demo: Demo) -> AsyncIterator[None]:
    """Mosquitto where it is installed, else amqtt; on a free loopback port, without persistence."""
    if demo.mosquitto:
        settings = demo.folder / "mosquitto.conf"
        # As root it would become another user, and a process that does so no longer ends with its parent.
        user = getpass.getuser()
        settings.write_text(f"listener {demo.broker_port} 127.0.0.1\nallow_anonymous true\npersistence false\nuser {user}\n")
        program, arguments = demo.mosquitto, ["-c", str(settings)]
    else:
        settings = demo.folder / "amqtt.yaml"
        settings.write_text(_AMQTT.format(port=demo.broker_port))
        program, arguments = sys.executable, ["-m", "amqtt.scripts.broker_script", "-c", str(settings)]
    async with _process(demo, "broker", *arguments, program=program) as process:
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
async def _process(demo: Demo, name: str, *arguments: str, program: str = sys.executable) -> AsyncIterator[asyncio.subprocess.Process]:
    """A program of the demo; its output goes to ``name.log``. Ended gently, then not."""
    with (demo.folder / f"{name}.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *_mortal(program, *arguments),
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


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _url(demo: Demo) -> str:
    return f"mqtt://127.0.0.1:{demo.broker_port}"
