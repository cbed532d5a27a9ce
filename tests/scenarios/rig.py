"""A whole store for a test: real Mosquitto, simulated firmware on pseudo-terminals, the daemon as a process, and a stranger who subscribes.

Firmware and daemon are processes of their own, so that the daemon can be killed while the store stands where it is. The daemon is run
without ``--simulate``: its configuration names the ports, as on real hardware.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sqlite3
import sys
import tomllib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import Any

from device.config import simulated_journal
from device.domain.jws import SigningKey, sign
from device.engine.clock import Clock
from device.journal.reading import named, open_archive, rows_after
from firmware_sims.control import Hand, hand
from tests.mosquitto import Mosquitto
from tests.scenarios.stranger import OPEN, WITHIN_S, Login, Stranger

RIESLING, GIN, COLA = "09520000001018", "09520000001025", "09520000001032"

PRODUCTS = f"""gtin,name,grams,grams_sd,price_minor,age_limit,max_celsius,tagged
{RIESLING},Riesling 75 cl,1250,6,1290,16,,false
{GIN},Gin 70 cl,1420,8,2990,18,,false
{COLA},Cola 33 cl,355,2,250,,,false
"""

CONFIG = """
[store]
id = "rig-01"
name = "Rig"
timezone = "Europe/Rome"
currency = "EUR"
[mqtt]
url = "{url}"
{mqtt}
[journal]
{journal}
[access]
entry_keys = ["key.pub.pem"]
command_keys = ["key.pub.pem"]
[clock]
trust = "always"
[catalogue]
file = "products.csv"
[[zone]]
id = "fridge"
age_limit = 18
settle_s = 1.0
{zone}
[[lock]]
id = "lock"
zone = "fridge"
driver = "modbus-relay"
port = "serial:/dev/rig-relay?baud=9600"
relay = 0
contact = 0
bolt = 1
[[reader]]
id = "qr"
zone = "fridge"
driver = "gm65"
port = "serial:/dev/rig-qr?baud=9600"
[[scale]]
id = "plate-a"
zone = "fridge"
driver = "mt-sics"
port = "serial:/dev/rig-a?baud=9600"
[[scale]]
id = "plate-b"
zone = "fridge"
driver = "stream"
port = "serial:/dev/rig-b?baud=9600"
[[scale]]
id = "board"
zone = "fridge"
driver = "shelf-board"
port = "serial:/dev/rig-board?baud=115200"
channels = 2
counts_per_gram = 430.0
zero_counts = 84213.0
[[slot]]
id = "A"
scale = "plate-a"
products = ["09520000001018"]
capacity = 6
[[slot]]
id = "B"
scale = "plate-b"
products = ["09520000001025"]
capacity = 6
[[slot]]
id = "C"
scale = "board"
channel = 1
products = ["09520000001032"]
capacity = 12
[[slot]]
id = "D"
scale = "board"
channel = 2
products = ["09520000001018"]
capacity = 6
"""


class Rig:
    """The store; ``daemon`` can be started, killed and started again."""

    def __init__(self, folder: Path, broker: Mosquitto, stranger: Stranger, text: str, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.broker = broker
        self.stranger = stranger
        self.key = SigningKey.generate()
        self.hand: Hand
        self.daemon: asyncio.subprocess.Process | None = None
        self._text = text
        # As a service is started, whose output is buffered; some machines that test set the opposite.
        inherited = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
        self._environment = {**inherited, "PYTHONWARNINGS": "error::ResourceWarning", **environment}
        self._numbers = 0
        self._simulated = False

    @property
    def config(self) -> Path:
        return self.folder / "store.toml"

    async def launch(self, *options: str) -> asyncio.subprocess.Process:
        """Start the daemon; whether it lives is not waited for."""
        assert self.daemon is None
        self._simulated = "--simulate" in options
        with (self.folder / "daemon.log").open("ab") as log:
            self.daemon = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "device", "run", str(self.config), *options,
                stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, env=self._environment,
            )  # fmt: skip
        return self.daemon

    async def start_daemon(self, *options: str) -> None:
        """Start it and wait until it says that it is online."""
        self.stranger.levels.clear()
        await self.launch(*options)
        try:
            await self.stranger.level("status", state="online")
        except AssertionError as error:
            raise AssertionError(f"{error}; log: {self.log}") from None

    async def ready(self) -> None:
        """Until the doors are known and every slot is trusted."""
        plan = tomllib.loads(self._text)
        levels = self.stranger.levels
        doors, slots = [f"zone/{zone['id']}" for zone in plan["zone"]], [f"slot/{slot['id']}" for slot in plan["slot"]]
        await self.stranger.until(
            lambda: (
                all(levels.get(door, {}).get("door") in ("open", "closed") for door in doors)
                and all(levels.get(slot, {}).get("trusted") for slot in slots)
            ),
            "a ready store",
        )
        # Levels overtake events.
        newest = self.journalled()[-1]["id"]
        await self.stranger.until(lambda: any(event["id"] == newest for event in self.stranger.events), "all that was told so far")

    async def kill_daemon(self) -> None:
        assert self.daemon is not None
        if self.daemon.returncode is None:
            self.daemon.kill()
        await self.daemon.wait()
        self.daemon = None

    async def stop_daemon(self) -> int:
        """SIGTERM; returns the exit status."""
        assert self.daemon is not None
        if self.daemon.returncode is None:
            self.daemon.send_signal(signal.SIGTERM)
        return await self.ended()

    async def ended(self) -> int:
        """Until the daemon has ended by itself; returns the exit status."""
        assert self.daemon is not None
        async with asyncio.timeout(WITHIN_S):
            status = await self.daemon.wait()
        self.daemon = None
        return status

    def reload(self) -> None:
        """SIGHUP."""
        assert self.daemon is not None
        self.daemon.send_signal(signal.SIGHUP)

    def code(self, **claims: Any) -> str:
        self._numbers += 1
        now = int(Clock("always", 0).now().wall)
        payload = {"sub": "anna", "aud": "rig-01", "iat": now, "exp": now + 300, "jti": f"j{self._numbers}", "age": 30}
        return sign(payload | claims, self.key, self.key.thumbprint)

    def command(self, name: str, command: str, **args: Any) -> bytes:
        now = int(Clock("always", 0).now().wall)
        claims = {"id": command, "name": name, "args": args, "iat": now, "exp": now + 20, "sub": "operator", "aud": "rig-01"}
        payload = sign(claims, self.key, self.key.thumbprint).encode()
        self.stranger.send(name, payload)
        return payload

    async def show(self, code: str | None = None) -> None:
        await self.hand.do("show", reader="qr", code=code or self.code())

    async def pull(self) -> None:
        """Open the door, as soon as it is unlocked."""
        await self.hand.open("fridge", WITHIN_S)

    async def enter(self) -> str:
        """Show a code and open the door; the session, once the store knows that the door is open."""
        after = self.stranger.latest
        await self.show()
        await self.pull()
        session: str = (await self.stranger.event("door.opened", after))["data"]["session"]
        return session

    async def take(self, slot: str, count: int = 1) -> dict[str, Any]:
        """Take items and wait until the store has told it."""
        after = self.stranger.latest
        await self.hand.do("take", slot=slot, count=count)
        return await self.stranger.event("session.item_taken", after, slot=slot)

    async def leave(self) -> dict[str, Any]:
        """Close the door and wait for the bill."""
        after = self.stranger.latest
        await self.hand.do("close", zone="fridge")
        data: dict[str, Any] = (await self.stranger.event("session.ended", after))["data"]
        return data

    async def buy(self, slot: str, count: int = 1) -> dict[str, Any]:
        """A whole purchase; the bill."""
        await self.enter()
        await self.take(slot, count)
        return await self.leave()

    @property
    def log(self) -> str:
        return (self.folder / "daemon.log").read_text()

    async def logged(self, words: str) -> None:
        """Until the daemon has logged these words."""
        await seen(lambda: words in self.log, f"{words!r} in the log", lambda: self.log)

    @property
    def journal(self) -> Path:
        path: str = tomllib.loads(self._text)["journal"]["path"]
        return simulated_journal(self.folder / path) if self._simulated else self.folder / path

    def journalled(self) -> list[dict[str, Any]]:
        """The events in the journal, oldest first, as they are published."""
        with closing(open_archive(self.journal)) as journal:
            rows = [named(journal, stored) for stored in rows_after(journal, 0) if stored.seq is not None]
        return [json.loads(row.body) for row in rows if row.body is not None]

    def acknowledged(self) -> int:
        """The seq up to which the journal believes that everything has arrived."""
        with closing(sqlite3.connect(f"file:{self.journal}?mode=ro", uri=True)) as journal:
            return int(journal.execute("SELECT acknowledged FROM meta").fetchone()[0])

    async def written(self, kind: str, /, **data: Any) -> dict[str, Any]:
        """Until an event of a kind whose data fits is in the journal."""
        found: list[dict[str, Any]] = []

        def look() -> bool:
            events = [event for event in self.journalled() if event["type"] == kind]
            found[:] = [event for event in events if data.items() <= event["data"].items()]
            return bool(found)

        await seen(look, f"{kind} {data} in the journal", self.journalled)
        return found[-1]


def cart(ended: Mapping[str, Any]) -> list[tuple[str, int]]:
    """The cart of a ``session.ended`` as (GTIN, quantity)."""
    return [(line["gtin"], line["quantity"]) for line in ended["cart"]]


async def seen(look: Callable[[], bool], what: str, otherwise: Callable[[], object] = lambda: "", within_s: float = WITHIN_S) -> None:
    """Look again and again until something that cannot be waited for is so."""
    try:
        async with asyncio.timeout(within_s):
            while not look():  # noqa: ASYNC110  # a file tells nobody that it has changed
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"never saw {what}: {otherwise()}") from None


@asynccontextmanager
async def rig(
    folder: Path,
    *,
    config: str = CONFIG,
    products: str = PRODUCTS,
    journal: str = 'path = "journal.db"',
    mqtt: str = "",
    zone: str = "",
    sims: tuple[str, ...] = (),
    start: bool = True,
    broker: Mosquitto | None = None,
    url: str | None = None,
    login: Login = OPEN,
    environment: Mapping[str, str] = {},
) -> AsyncIterator[Rig]:
    """A store that is open for business, and gone without a trace at the end.

    ``journal``, ``mqtt`` and ``zone`` are further lines of these tables. A ``broker`` of the test's own may be down at first; ``url`` is
    where the daemon finds it, where that is through a proxy. ``start`` False: nothing is waited for.
    """
    async with AsyncExitStack() as stack:
        if broker is None:
            broker = await stack.enter_async_context(Mosquitto(folder))
        stranger = await stack.enter_async_context(Stranger(broker.port, login))
        text = config.format(url=url or broker.url, mqtt=mqtt, zone=zone, journal=journal)
        store = Rig(folder, broker, stranger, text, environment)
        (folder / "key.pub.pem").write_bytes(store.key.public_pem())
        (folder / "products.csv").write_text(products)
        (folder / "sims.toml").write_text(text)
        served = await stack.enter_async_context(_firmware(folder, sims))
        store.config.write_text(_wired(text, served["ports"]))
        store.hand = await stack.enter_async_context(hand(served["control"]))
        try:
            if start:
                await stranger.listening()
                await store.start_daemon()
                await store.ready()
            yield store
            if store.daemon is not None:
                assert await store.stop_daemon() == 0, store.log
        finally:
            if store.daemon is not None:
                await store.kill_daemon()


@asynccontextmanager
async def _firmware(folder: Path, options: tuple[str, ...]) -> AsyncIterator[dict[str, Any]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "firmware_sims", str(folder / "sims.toml"), "--dir", str(folder / "sims"), "--with-parent", *options,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        async with asyncio.timeout(WITHIN_S):
            line = await process.stdout.readline()
        yield json.loads(line)
    finally:
        process.stdin.close()
        await process.wait()
        process._transport.close()  # type: ignore[attr-defined]  # its pipe's descriptor would outlive the test


def _wired(text: str, ports: dict[str, str]) -> str:
    """The configuration with each device at the port where its simulated firmware is."""
    for device, port in ports.items():
        text, found = re.subn(rf'(id = "{device}"\n(?:\w+ = .*\n)*?port = )".*?"', rf'\1"{port}"', text)
        assert found == 1, device
    return text
