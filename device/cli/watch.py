"""``smartstore watch``: stores, live, over MQTT: events as they happen, and what has changed of how things stand.

What comes from the network is not believed to be well-formed, and nothing of it reaches the terminal that could steer it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TypeGuard

import aiomqtt
import click

from device.cli.answered import answered
from device.cli.output import certainty, fitted, items, json_option, money
from device.domain.jws import BadToken, decode
from device.errors import UplinkDown
from device.uplink.endpoint import endpoint_of, read_password, tls_context

RETRY_S = 2.0
QUEUE = 10_000
MOST = 10**12
"""What is counted or charged in one visit is less; a greater number is nobody's."""

SENTENCES = {
    "store.started": "started, version {version}; the run before: {reason}",
    "store.stopping": "stops: {reason}; open doors: {open_doors}",
    "clock.correlated": "the clock is right: {time} at {uptime} s of boot {boot}, ± {error_s} s",
    "device.lost": "{kind} {device} is lost: {reason}",
    "device.recovered": "{kind} {device} is back after {out_for_s} s",
    "device.degraded": "{kind} {device} does poorly: {reason}",
    "door.unlocked": "{zone} is unlocked by {lock}, bolt {observed}",
    "door.locked": "{zone} is locked by {lock}, bolt {observed}",
    "door.opened": "the door of {zone} is open",
    "door.closed": "the door of {zone} is closed after {open_for_s} s",
    "access.granted": "{subject} may {purpose} at {zone}",
    "access.denied": "no access to {zone} at {reader}: {reason}",
    "session.started": "{subject} begins to {purpose} at {zone}, session {session}",
    "session.item_taken": "{quantity} x {gtin} taken from {slot}: {grams} g ± {grams_sd} g, {sure}",
    "session.item_returned": "{quantity} x {gtin} back on {slot}: {grams} g ± {grams_sd} g, {sure}",
    "session.ended": "session {session} of {subject} ends, {reason}: {items}, {total}; review: {review_reasons}",
    "stock.changed": "{slot} has {count} x {gtin}, before {before}: {reason}",
    "stock.low": "{slot} runs low: {count} x {gtin}",
    "stock.out": "{slot} is empty: {gtin}",
    "stock.misplaced": "{gtin} stands in the wrong place, {slot}",
    "stock.reported": "{zone} accounts for its day",
    "stock.expiring": "{slot}: {count} x {gtin} expire on {expires}, days left: {days_left}",
    "shelf.engagement": "{zone} tells how its products fared",
    "alarm.raised": "ALARM {kind} at {place}: {details} [{alarm}]",
    "alarm.cleared": "alarm {kind} at {place} is over, cleared by {by} [{alarm}]",
    "temperature.recorded": "{zone} {mean} °C, {min} to {max}, {samples} samples of {thermometer}",
    "temperature.excursion_started": "{zone} leaves its limits: {celsius} °C, limit {limit}",
    "temperature.excursion_ended": "{zone} is within its limits: {celsius} °C, worst {worst}, {for_s} s outside",
    "zone.mode_changed": "{zone} may now do: {mode}, before: {before}; faults: {faults}",
    "sales.stopped": "{zone} sells nothing: {reasons}",
    "sales.resumed": "{zone} sells again; reasons that remain: {reasons}",
    "command.done": "command {name} of {by} is done: {result}",
    "command.refused": "command {name} of {by} is refused: {reason}",
    "command.failed": "command {name} of {by} has failed: {reason}",
}
"""One sentence an event type. The words in braces are fields of its data, and what ``_told`` makes of them."""

TOLD = {
    "status": ("state", "clock"),
    "zone": ("door", "lock_commanded", "lock_observed", "session", "sales", "reasons", "mode", "alarms"),
    "slot": ("count", "low", "trusted", "expires"),
    "device": ("state", "reason"),
}
"""Of which retained topics a change is told, and of which fields: those that do not change by themselves."""


def _command(suffix: str, payload: bytes) -> str:
    """A command that passes by. What it says of itself is not verified here: the store decides, and its reply tells."""
    try:
        sub = decode(payload.decode("ascii")).claims.get("sub")
    except (BadToken, UnicodeDecodeError):
        sub = None
    by = f", by its own word from {words(sub)}" if isinstance(sub, str) else ""
    return f"command {words(suffix.partition('/')[2])} is sent{by}"


class _Words(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "?"


def words(value: object) -> str:
    """A JSON value as short text that is safe to print."""
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.4g}"
        case str():
            text = value
        case list():
            text = ", ".join(words(each) for each in value) or "-"
        case dict():
            text = ", ".join(f"{key} {words(each)}" for key, each in value.items()) or "-"
        case _:
            text = str(value)
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)


def sentence(envelope: Mapping[str, Any]) -> str:
    """One event in words."""
    data = envelope.get("data")
    told = data if isinstance(data, dict) else {}
    form = SENTENCES.get(str(envelope.get("type")))
    if form is None:
        return words(told)
    if told.get("by") is None:
        form = form.replace(", cleared by {by}", "")
    place = words(told.get("zone") or envelope.get("subject"))
    return form.format_map(_Words({key: words(value) for key, value in told.items()} | _told(told) | {"place": place}))


def _told(data: Mapping[str, Any]) -> dict[str, str]:
    """What people call the items of a cart, its total, and how sure a line is."""
    cart = data.get("cart")
    lines = [line for line in cart if isinstance(line, dict)] if isinstance(cart, list) else []
    total, currency, confidence = data.get("total_minor"), words(data.get("currency")), data.get("confidence")
    return {
        "items": items(sum(line["quantity"] for line in lines if _is_count(line.get("quantity")))),
        "total": money(total, currency) if _is_count(total) else f"{words(total)} {currency}",
        "sure": certainty(confidence) if _is_share(confidence) else f"confidence {words(confidence)}",
    }


def _is_count(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < MOST


def _is_share(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def clock_time(text: object, now: datetime) -> str:
    """An RFC 3339 time as a clock on the wall shows it in ``now``'s zone, with the date where that is not today's."""
    try:
        at = datetime.fromisoformat(str(text)).astimezone(now.tzinfo)
    except (ValueError, OverflowError):
        return "--:--:--"
    return f"{at:%H:%M:%S}" if at.date() == now.date() else f"{at:%Y-%m-%d %H:%M:%S}"


@dataclass(slots=True)
class Watcher:
    """Turns messages into lines, with all times in one zone. Remembers how each retained topic stood, and the last event of each store."""

    _levels: dict[str, dict[str, Any]] = field(default_factory=dict)
    _last: dict[str, tuple[object, int]] = field(default_factory=dict)

    def line(self, topic: str, payload: bytes, now: datetime) -> str | None:
        """What is to be said of a message, None if nothing."""
        root, _, suffix = self._split(topic)
        if suffix.startswith("command/") and payload:
            return f"{now:%H:%M:%S}  {words(root)}  {_command(suffix, payload)}"
        try:
            message = json.loads(payload) if payload else {}
        except (ValueError, RecursionError):
            message = None
        if not isinstance(message, dict):
            return f"{now:%H:%M:%S}  {words(topic)}: not understood"
        if suffix.startswith("event/"):
            return self._event(root, message, now)
        text = self._level(topic, suffix, message)
        if suffix.startswith(("zone/", "slot/", "device/")) and self._away(root):
            text = f"{text} (as last told)" if text else None
        return f"{now:%H:%M:%S}  {words(root)}  {text}" if text else None

    def _away(self, root: str) -> bool:
        """Whether a store has told that it is away: what stands at the broker is then what it once said."""
        return self._levels.get(f"{root}/status", {}).get("state") == "offline"

    def _split(self, topic: str) -> tuple[str, str, str]:
        parts = topic.split("/")
        for at, part in enumerate(parts):
            if at and (part in TOLD or part in ("event", "health", "telemetry", "reply", "command", "receipt")):
                return "/".join(parts[:at]), part, "/".join(parts[at:])
        return topic, "", ""

    def _event(self, root: str, envelope: dict[str, Any], now: datetime) -> str:
        time = clock_time(envelope.get("time"), now)
        seq, epoch = envelope.get("seq"), envelope.get("epoch")
        remark = self._remark(root, epoch, seq) if isinstance(seq, int) else ""
        return f"{time}  {words(root)}  {words(seq)}  {words(envelope.get('type'))}: {sentence(envelope)}{remark}"

    def _remark(self, root: str, epoch: object, seq: int) -> str:
        last_epoch, last = self._last.get(root, (epoch, seq - 1))
        if epoch != last_epoch:
            self._last[root] = epoch, seq
            return "  (a new journal)"
        self._last[root] = epoch, max(last, seq)
        if seq <= last:
            return "  (again)"
        return f"  ({seq - last - 1} missed before)" if seq > last + 1 else ""

    def _level(self, topic: str, suffix: str, message: dict[str, Any]) -> str | None:
        kind = suffix.partition("/")[0]
        if kind == "reply":
            outcome = message.get("reason") or message.get("result")
            return f"reply to {words(message.get('id'))}: {words(message.get('status'))} {words(outcome)}"
        if kind not in TOLD:
            return None
        before = self._levels.get(topic)
        if not message:
            self._levels.pop(topic, None)
            return f"{words(suffix)} is gone" if before else None
        self._levels[topic] = message
        changed = [key for key in TOLD[kind] if key in message and (before is None or before.get(key) != message[key])]
        if changed and kind == "device" and (message.get("state"), message.get("reason")) == ("lost", "starting"):
            return f"{words(suffix)}: starting"
        return f"{words(suffix)}: " + ", ".join(f"{key} {_level_words(key, message[key])}" for key in changed) if changed else None


def _level_words(key: str, value: object) -> str:
    """A field of a level; of alarms only which they are."""
    if key == "alarms" and isinstance(value, list):
        return words([alarm.get("kind") if isinstance(alarm, dict) else alarm for alarm in value])
    return words(value)


@click.command()
@click.option("--url", default="mqtt://127.0.0.1:1883", show_default=True, help="The broker: mqtt:// or mqtts://HOST:PORT.")
@click.option("--topic", default="smartstore/+", show_default=True, help="The root of the stores' topics; + for any.")
@click.option("--username", metavar="NAME")
@click.option("--password-file", type=click.Path(path_type=Path), metavar="FILE")
@click.option("--ca-file", type=click.Path(path_type=Path), metavar="FILE", help="Who signs the broker's certificate; else the system's.")
@click.option("--cert-file", type=click.Path(path_type=Path), metavar="FILE", help="Our own certificate.")
@click.option("--key-file", type=click.Path(path_type=Path), metavar="FILE")
@json_option
def command(url: str, topic: str, as_json: bool, **files: Any) -> None:
    """Follow stores, live. Ctrl-C ends it.

    With --json every message is one line: topic, retained, payload. Else events are told in words, and of the rest what has changed; all
    times are this machine's, wherever the store is.
    """
    try:
        endpoint_of(url)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--url") from None
    asyncio.run(_until_interrupted(url, topic, as_json, files))


async def _until_interrupted(url: str, topic: str, as_json: bool, files: Mapping[str, Any]) -> None:
    loop, watching = asyncio.get_running_loop(), asyncio.current_task()
    assert watching is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, watching.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await _watch(url, topic, as_json, files)


async def _watch(url: str, topic: str, as_json: bool, files: Mapping[str, Any]) -> None:
    watcher = Watcher()
    down: str | None = None
    zone = "" if as_json else f"; times are those of this machine, {datetime.now().astimezone():%Z (UTC%z)}"
    task = asyncio.current_task()
    # aiomqtt may make an MqttError of a cancellation; the task remembers that it was asked to end.
    while task is None or not task.cancelling():
        client = _client(url, files)
        try:
            async with client:
                granted = await answered(client.subscribe(f"{topic}/#", qos=1))
                if any(getattr(code, "value", code) >= 0x80 for code in granted):
                    raise UplinkDown(f"{url} does not let us subscribe to {topic}/#")
                click.echo(f"watching {topic} at {url}{zone}", err=True)
                zone = ""
                down = None
                async for message in client.messages:
                    _tell(watcher, message, as_json)
        except aiomqtt.MqttError as error:
            if down is None:
                down = str(error)
                click.echo(f"no connection to {url}: {words(down)}; trying again", err=True)
        await asyncio.sleep(RETRY_S)


def _tell(watcher: Watcher, message: aiomqtt.Message, as_json: bool) -> None:
    payload = message.payload if isinstance(message.payload, bytes) else b""
    topic = str(message.topic)
    if not as_json:
        line = watcher.line(topic, payload, datetime.now().astimezone())
        if line is not None:
            click.echo(fitted(line, " " * 10))
        return
    try:
        content = json.loads(payload) if payload else None
    except (ValueError, RecursionError):
        content = payload.decode(errors="replace")
    click.echo(json.dumps({"topic": topic, "retained": message.retain, "payload": content}))


def _client(url: str, files: Mapping[str, Any]) -> aiomqtt.Client:
    endpoint = endpoint_of(url)
    quiet = logging.getLogger("smartstore.watch")
    quiet.addHandler(logging.NullHandler())
    quiet.propagate = False
    context = tls_context(files["ca_file"], files["cert_file"], files["key_file"]) if endpoint.tls else None
    return aiomqtt.Client(
        endpoint.host,
        endpoint.port,
        username=files["username"],
        password=read_password(files["password_file"]),
        # 3.1.1, which every broker speaks, also the demo's: whoever only listens needs nothing more.
        protocol=aiomqtt.ProtocolVersion.V311,
        keepalive=15,
        max_queued_incoming_messages=QUEUE,
        tls_context=context,
        logger=quiet,
    )
