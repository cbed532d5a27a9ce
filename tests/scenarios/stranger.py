"""A subscriber who knows the contract and nothing else; paho, in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

WITHIN_S = 30.0
ROOT = "smartstore/rig-01"
REMEMBERED_S = 300


@dataclass(frozen=True, slots=True)
class Login:
    """What a broker may want of a subscriber."""

    username: str | None = None
    password: str | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None


OPEN = Login()
"""For a broker that takes anybody."""


class Stranger:
    """Hears everything below the root. ``events`` are the events, each where it was first delivered; ``deliveries`` has repetitions too.

    The broker keeps its session, so that nothing is missed when its connection breaks; a broker that forgets, forgets that too.
    """

    def __init__(self, port: int, login: Login = OPEN) -> None:
        self.events: list[dict[str, Any]] = []
        self.deliveries: list[dict[str, Any]] = []
        self.levels: dict[str, dict[str, Any]] = {}
        self.replies: list[dict[str, Any]] = []
        self.messages: list[tuple[str, dict[str, Any]]] = []
        self._port = port
        self._loop = asyncio.get_running_loop()
        self._heard = asyncio.Event()
        self._subscribed = asyncio.Event()
        self._gone = asyncio.Event()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="stranger", protocol=mqtt.MQTTv5)
        self._client.on_message = self._on_message
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_disconnect = self._on_disconnect
        self._client.username_pw_set(login.username, login.password)
        if login.ca_file:
            self._client.tls_set(str(login.ca_file), _text(login.cert_file), _text(login.key_file))

    async def __aenter__(self) -> Self:
        self._client.reconnect_delay_set(1, 1)
        remember = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        remember.SessionExpiryInterval = REMEMBERED_S
        self._client.connect_async("127.0.0.1", self._port, keepalive=5, clean_start=False, properties=remember)
        self._client.loop_start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._client.disconnect()
        await asyncio.to_thread(self._client.loop_stop)

    async def listening(self) -> None:
        """Until the broker has taken the subscription."""
        async with asyncio.timeout(WITHIN_S):
            await self._subscribed.wait()

    async def cut_off(self) -> None:
        """Until the connection is known to be gone."""
        async with asyncio.timeout(WITHIN_S):
            await self._gone.wait()

    def _on_connect(self, client: mqtt.Client, *_: Any) -> None:
        client.subscribe(f"{ROOT}/#", qos=1)

    def _on_subscribe(self, *_: Any) -> None:
        self._tell(self._gone.clear)
        self._tell(self._subscribed.set)

    def _on_disconnect(self, *_: Any) -> None:
        self._tell(self._subscribed.clear)
        self._tell(self._gone.set)

    def _on_message(self, client: mqtt.Client, userdata: Any, message: mqtt.MQTTMessage) -> None:
        self._tell(self._take, message.topic.removeprefix(f"{ROOT}/"), bytes(message.payload))

    def _tell(self, what: Callable[..., None], *arguments: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the test is over
            self._loop.call_soon_threadsafe(what, *arguments)

    def _take(self, topic: str, payload: bytes) -> None:
        if topic.startswith("command/") or topic == "receipt":
            return
        what = json.loads(payload) if payload else {}
        self.messages.append((topic, what))
        if topic.startswith("event/"):
            self.deliveries.append(what)
            if all(event["id"] != what["id"] for event in self.events):
                self.events.append(what)
        elif topic.startswith("reply/"):
            self.replies.append(what)
        else:
            self.levels[topic] = what
        self._heard.set()

    async def until(self, condition: Callable[[], Any], what: str, within_s: float = WITHIN_S) -> Any:
        """Wait until something holds of what was heard."""
        try:
            async with asyncio.timeout(within_s):
                while not (found := condition()):
                    self._heard.clear()
                    await self._heard.wait()
                return found
        except TimeoutError:
            told = [f"{event['seq']} {event['type']} {event['data']}" for event in self.events]
            raise AssertionError(f"never heard {what}; events: {told}; levels: {self.levels}") from None

    async def event(self, kind: str, /, after: int = 0, *, within_s: float = WITHIN_S, **data: Any) -> dict[str, Any]:
        """The first event of a kind after a seq whose data fits."""

        def fits() -> dict[str, Any] | None:
            return next((event for event in self.told(kind, after=after) if data.items() <= event["data"].items()), None)

        event: dict[str, Any] = await self.until(fits, f"{kind} {data} after {after}", within_s)
        return event

    async def level(self, topic: str, *, within_s: float = WITHIN_S, **fields: Any) -> dict[str, Any]:
        """A retained topic once its fields fit."""
        await self.until(lambda: topic in self.levels and fields.items() <= self.levels[topic].items(), f"{topic} {fields}", within_s)
        return self.levels[topic]

    async def reply(self, command: str, *statuses: str) -> dict[str, Any]:
        """The first reply to a command with one of these statuses."""
        found: dict[str, Any] = await self.until(
            lambda: next((reply for reply in self.replies if reply["id"] == command and reply["status"] in statuses), None),
            f"reply {statuses} to {command}",
        )
        return found

    def told(self, *kinds: str, after: int = 0) -> list[dict[str, Any]]:
        """The events so far of these kinds, or of any, each once; with ``after``, only those of the newest epoch."""
        events = [event for event in self.events if not kinds or event["type"] in kinds]
        return [event for event in events if event["epoch"] == self.epoch and event["seq"] > after] if after else events

    def send(self, name: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish a command."""
        self._client.publish(f"{ROOT}/command/{name}", payload, qos=1, retain=retain)

    def receipt(self, epoch: str, upto: int) -> None:
        """Publish what the backend says of what it has stored."""
        self._client.publish(f"{ROOT}/receipt", json.dumps({"epoch": epoch, "upto": upto}), qos=1)

    def gapless(self) -> None:
        """Within each epoch the numbers start at 1, come in order without a gap, and a repeated number has the same content."""
        for epoch in {event["epoch"] for event in self.events}:
            numbers = [event["seq"] for event in self.events if event["epoch"] == epoch]
            assert numbers == list(range(1, len(numbers) + 1))
        by_id = {event["id"]: event for event in self.events}
        assert all(by_id[event["id"]] == event for event in self.deliveries)
        events = [(topic, what) for topic, what in self.messages if topic.startswith("event/")]
        assert all(topic == "event/" + what["type"].replace(".", "/") for topic, what in events)

    @property
    def epoch(self) -> str:
        """The newest epoch heard of."""
        return self.events[-1]["epoch"] if self.events else ""

    @property
    def latest(self) -> int:
        """The newest number heard of in the newest epoch."""
        return max((event["seq"] for event in self.events if event["epoch"] == self.epoch), default=0)


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
