"""A whole store for a test: real Mosquitto, simulated firmware on pseudo-terminals, the daemon as a process, and a stranger who subscribes.

Firmware and daemon are processes of their own, so that the daemon can be killed while the store stands where it is. The daemon is run
without ``--simulate``: its configuration names the ports, as on real hardware.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from device.domain.jws import SigningKey, sign
from device.engine.clock import Clock
from firmware_sims.control import Hand, hand
from tests.mosquitto import Mosquitto

WITHIN_S = 30.0
ROOT = "smartstore/rig-01"
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
path = "journal.db"
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


class Stranger:
    """A subscriber who knows the contract and nothing else; paho, in a thread of its own."""

    def __init__(self, port: int) -> None:
        self.events: list[dict[str, Any]] = []
        self.levels: dict[str, dict[str, Any]] = {}
        self.replies: list[dict[str, Any]] = []
        self._port = port
        self._loop = asyncio.get_running_loop()
        self._heard = asyncio.Event()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="stranger", protocol=mqtt.MQTTv5)
        self._client.on_message = self._on_message
        self._client.on_connect = self._on_connect
        self._subscribed = asyncio.Event()
        self._client.on_subscribe = self._on_subscribe

    async def __aenter__(self) -> Self:
        self._client.reconnect_delay_set(1, 1)
        self._client.connect("127.0.0.1", self._port, keepalive=5)
        self._client.loop_start()
        async with asyncio.timeout(WITHIN_S):
            await self._subscribed.wait()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._client.disconnect()
        await asyncio.to_thread(self._client.loop_stop)

    def _on_connect(self, client: mqtt.Client, *_: Any) -> None:
        client.subscribe(f"{ROOT}/#", qos=1)

    def _on_subscribe(self, *_: Any) -> None:
        self._loop.call_soon_threadsafe(self._subscribed.set)

    def _on_message(self, client: mqtt.Client, userdata: Any, message: mqtt.MQTTMessage) -> None:
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._take, message.topic.removeprefix(f"{ROOT}/"), bytes(message.payload))

    def _take(self, topic: str, payload: bytes) -> None:
        if topic.startswith("command/") or topic == "receipt":
            return
        what = json.loads(payload) if payload else {}
        if topic.startswith("event/"):
            assert topic == "event/" + what["type"].replace(".", "/")
            self.events.append(what)
        elif topic.startswith("reply/"):
            self.replies.append(what)
        else:
            self.levels[topic] = what
        self._heard.set()

    async def until(self, condition: Callable[[], Any], what: str) -> Any:
        """Wait until something holds of what was heard."""
        try:
            async with asyncio.timeout(WITHIN_S):
                while not (found := condition()):
                    self._heard.clear()
                    await self._heard.wait()
                return found
        except TimeoutError:
            told = [f"{event['seq']} {event['type']}" for event in self.events]
            raise AssertionError(f"never heard {what}; events: {told}; levels: {self.levels}") from None

    async def event(self, kind: str, after: int = 0, **data: Any) -> dict[str, Any]:
        """The first event of a kind after a seq whose data fits."""

        def fits() -> dict[str, Any] | None:
            found = (event for event in self.events if event["type"] == kind and event["seq"] > after)
            return next((event for event in found if data.items() <= event["data"].items()), None)

        event: dict[str, Any] = await self.until(fits, f"{kind} {data} after {after}")
        return event

    async def level(self, topic: str, **fields: Any) -> dict[str, Any]:
        """A retained topic once its fields fit."""
        await self.until(lambda: topic in self.levels and fields.items() <= self.levels[topic].items(), f"{topic} {fields}")
        return self.levels[topic]

    async def reply(self, command: str, *statuses: str) -> dict[str, Any]:
        found: dict[str, Any] = await self.until(
            lambda: next((reply for reply in self.replies if reply["id"] == command and reply["status"] in statuses), None),
            f"reply {statuses} to {command}",
        )
        return found

    def send(self, name: str, payload: bytes, *, retain: bool = False) -> None:
        self._client.publish(f"{ROOT}/command/{name}", payload, qos=1, retain=retain)

    def gapless(self) -> None:
        """Within the epoch the numbers start at 1 and have no gap, and a repeated number has the same content."""
        by_seq: dict[int, dict[str, Any]] = {}
        for event in self.events:
            assert by_seq.setdefault(event["seq"], event) == event
        assert sorted(by_seq) == list(range(1, len(by_seq) + 1))

    @property
    def latest(self) -> int:
        return max((event["seq"] for event in self.events), default=0)


class Rig:
    """The store; ``daemon`` can be started, killed and started again."""

    def __init__(self, folder: Path, broker: Mosquitto, stranger: Stranger) -> None:
        self.folder = folder
        self.broker = broker
        self.stranger = stranger
        self.key = SigningKey.generate()
        self.hand: Hand
        self.daemon: asyncio.subprocess.Process | None = None
        self._numbers = 0

    async def start_daemon(self) -> None:
        """Start it and wait until it says that it is online and hears the door."""
        assert self.daemon is None
        self.stranger.levels.clear()
        environment = os.environ | {"PYTHONWARNINGS": "error::ResourceWarning"}
        with (self.folder / "daemon.log").open("ab") as log:
            self.daemon = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "device", "run", str(self.folder / "store.toml"),
                stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, env=environment,
            )  # fmt: skip
        await self.stranger.level("status", state="online")

    async def ready(self) -> None:
        """Until the door is known and every slot is trusted."""
        await self.stranger.until(
            lambda: (
                self.stranger.levels.get("zone/fridge", {}).get("door") in ("open", "closed")
                and all(self.stranger.levels.get(f"slot/{slot}", {}).get("trusted") for slot in "ABCD")
            ),
            "a ready store",
        )

    async def kill_daemon(self) -> None:
        assert self.daemon is not None
        self.daemon.kill()
        await self.daemon.wait()
        self.daemon = None

    async def stop_daemon(self) -> int:
        """SIGTERM; returns the exit status."""
        assert self.daemon is not None
        self.daemon.send_signal(signal.SIGTERM)
        async with asyncio.timeout(WITHIN_S):
            status = await self.daemon.wait()
        self.daemon = None
        return status

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

    async def take(self, slot: str, count: int = 1) -> dict[str, Any]:
        """Take items and wait until the store has told it."""
        after = self.stranger.latest
        await self.hand.do("take", slot=slot, count=count)
        return await self.stranger.event("session.item_taken", after, slot=slot)

    @property
    def log(self) -> str:
        return (self.folder / "daemon.log").read_text()


@asynccontextmanager
async def rig(folder: Path, *, mqtt: str = "", zone: str = "", sims: tuple[str, ...] = (), start: bool = True) -> AsyncIterator[Rig]:
    """A store that is open for business, and gone without a trace at the end."""
    async with Mosquitto(folder) as broker, Stranger(broker.port) as stranger:
        store = Rig(folder, broker, stranger)
        (folder / "key.pub.pem").write_bytes(store.key.public_pem())
        (folder / "products.csv").write_text(PRODUCTS)
        text = CONFIG.format(url=broker.url, mqtt=mqtt, zone=zone)
        (folder / "sims.toml").write_text(text)
        async with _firmware(folder, sims) as served:
            (folder / "store.toml").write_text(_wired(text, served["ports"]))
            async with hand(served["control"]) as store.hand:
                try:
                    if start:
                        await store.start_daemon()
                        await store.ready()
                    yield store
                finally:
                    if store.daemon is not None:
                        await store.stop_daemon()


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
            yield json.loads(await process.stdout.readline())
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
