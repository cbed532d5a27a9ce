"""``smartstore send``: one signed command over the store's broker, and what the store answers."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from pydantic import ValidationError

from device.cli.answered import answered
from device.cli.output import json_option, say
from device.cli.signing import key_file, now, time_span
from device.config.faults import did_you_mean
from device.domain.commands import COMMANDS, PHYSICAL, Arguments
from device.domain.jws import MAX_BYTES, BadToken, SigningKey, sign, strict_object, thumbprint
from device.domain.layout import Layout
from device.errors import UplinkDown
from device.store.access.authentication import LONGEST_S, PUBLIC_ID

STATUS_WAIT_S = 2.0
"""How long the retained status may take to come; without one the command is sent without a challenge."""

SILENT_S = 2.0
"""So long somebody at a terminal waits without a word."""

FINAL = ("done", "refused", "failed")

AWAITED = {
    "unlock": "waiting until somebody opens the door, or it is locked again because nobody did",
    "lock": "waiting for the bolt to be seen in its place",
}
"""What an accepted command still waits for, where that takes a while."""


@dataclass(frozen=True, slots=True)
class Sending:
    """One command, and how its answer is waited for and told."""

    layout: Layout
    name: str
    args: dict[str, Any]
    key: SigningKey | None
    sub: str | None
    expires_s: float
    wait_s: float
    as_json: bool
    id: str
    command_keys: frozenset[str] = frozenset()
    """Thumbprints of those that the configuration names."""

    @property
    def root(self) -> str:
        return self.layout.mqtt.topic.replace("{store}", self.layout.store.id)

    def payload(self, challenge: str | None) -> bytes:
        """The command as it is published; made at the last moment, because its life begins with it. Raises where it is too long."""
        made = now()
        claims: dict[str, Any] = {"id": self.id, "name": self.name, "args": self.args, "iat": made, "exp": made + self.expires_s}
        claims["aud"] = self.layout.store.id
        if self.sub is not None:
            claims["sub"] = self.sub
        if challenge is not None:
            claims["challenge"] = challenge
        payload = (json.dumps(claims) if self.key is None else sign(claims, self.key)).encode()
        if len(payload) > MAX_BYTES:
            raise click.ClickException(f"the command has {len(payload)} bytes; a store takes {MAX_BYTES}")
        return payload


class ToldCommands(click.Command):
    """Its help ends with the commands that a store takes, and what each of them needs."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands (in brackets: what may be left out)"):
            formatter.write_dl([(name, _wants(model)) for name, model in COMMANDS.items()])


def _wants(model: type[Arguments]) -> str:
    fields = [(field.alias or name, field.is_required()) for name, field in model.model_fields.items()]
    return " ".join(f"{name}=" if required else f"[{name}=]" for name, required in fields) or "-"


@click.command(cls=ToldCommands)
@click.argument("config", type=click.Path(readable=False, path_type=Path))
@click.argument("name", metavar="NAME")
@click.argument("pairs", metavar="[KEY=VALUE]...", nargs=-1)
@click.option("--key", type=key_file, metavar="FILE", help="Private key (PEM) whose public key the store has in access.command_keys.")
@click.option("--unsigned", is_flag=True, help="Send plain JSON; a store takes it only with access.signed_commands = false.")
@click.option("--sub", metavar="NAME", help="Who sends it, for the store's journal.")
@click.option(
    "--expires",
    type=time_span,
    metavar="TIME",
    default="30s",
    show_default=True,
    help="How long the command is good for; unlock and such: 60s at most.",
)
@click.option("--wait", type=time_span, metavar="TIME", default="30s", show_default=True, help="How long to wait for the outcome.")
@click.option("--id", "command_id", metavar="ID", help="The command's id; the same id again gets the same answer, and does nothing.")
@json_option
def command(
    config: Path,
    name: str,
    pairs: tuple[str, ...],
    key: SigningKey | None,
    unsigned: bool,
    expires: float,
    wait: float,
    as_json: bool,
    **said: Any,
) -> None:
    """Send a command to a store, over the broker of its configuration, and print what comes back.

    Numbers are written plainly, lists as JSON or as @FILE.json: `smartstore send store.toml unlock zone=fridge-1 purpose=restock --key
    operator.key.pem`. The exit status is 0 when it is done, and 1 when it is refused, failed, or not answered in time.
    """
    if (key is None) != unsigned:
        raise click.UsageError("either --key FILE or --unsigned")
    args = read_arguments(name, pairs)
    if name in PHYSICAL and expires > LONGEST_S:
        raise click.BadParameter(f"{name} moves something, and may be good for {LONGEST_S:g}s at most", param_hint="--expires")
    command_id = said["command_id"] or str(uuid.uuid4())
    if not PUBLIC_ID.fullmatch(command_id):
        raise click.BadParameter("1-64 of A-Z a-z 0-9 . _ -", param_hint="--id")
    from device.config import load

    configuration = load(config)
    known = frozenset(thumbprint(trusted.public_bytes_raw()) for trusted in configuration.command_keys)
    sending = Sending(configuration.layout, name, args, key, said["sub"], expires, wait, as_json, command_id, known)
    sending.payload(None)
    if not asyncio.run(deliver(sending)):
        raise SystemExit(1)


def read_arguments(name: str, pairs: tuple[str, ...]) -> dict[str, Any]:
    """``key=value`` words as the arguments of a command, checked as the store will check them. Raises click.UsageError."""
    if name not in COMMANDS:
        raise click.UsageError(f"no command {name!r}; there are {', '.join(COMMANDS)}{did_you_mean(name, COMMANDS)}")
    model = COMMANDS[name]
    structured = _structured(model)
    args: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or key in args:
            raise click.UsageError(f"{pair!r}: an argument is KEY=VALUE, each once")
        args[key] = _json_value(key, value) if key in structured else value
    try:
        model.model_validate_json(json.dumps(args))
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(map(str, fault['loc'])) or name}: {fault['msg']}" for fault in error.errors())
        raise click.UsageError(f"{name}: {told}") from None
    return args


def _structured(model: type[Arguments]) -> set[str]:
    """The arguments that are not text: text stays as it is written, so that 007 does not become 7."""
    fields = model.model_json_schema().get("properties", {})
    return {name for name, field in fields.items() if all(kind.get("type") != "string" for kind in (field, *field.get("anyOf", [])))}


def _json_value(key: str, value: str) -> Any:
    try:
        text = Path(value[1:]).read_text("utf-8") if value.startswith("@") else value
        wrapped = strict_object(b'{"value":' + text.encode() + b"}")
    except OSError as error:
        raise click.UsageError(f"{key}: {value[1:]}: {error.strerror}") from None
    except (UnicodeError, BadToken):
        raise click.UsageError(f"{key}={value}: must be a number, JSON, or @FILE with JSON") from None
    return wrapped["value"]


async def deliver(sending: Sending) -> bool:
    """Publish the command and tell its answers; whether it was done."""
    import aiomqtt

    try:
        async with _client(sending.layout) as client:
            return await _converse(client, sending)
    except aiomqtt.MqttError as error:
        raise UplinkDown(f"broker {sending.layout.mqtt.url}: {error}") from None


def _client(layout: Layout) -> Any:
    """A connection under a name of its own: with the store's own it would put the store out."""
    import aiomqtt

    from device.uplink.endpoint import endpoint_of, read_password, tls_context

    mqtt = layout.mqtt
    endpoint = endpoint_of(mqtt.url)
    return aiomqtt.Client(
        endpoint.host,
        endpoint.port,
        username=mqtt.username,
        password=read_password(mqtt.password_file),
        identifier=f"smartstore-send-{uuid.uuid4().hex[:16]}",
        protocol=aiomqtt.ProtocolVersion.V5 if mqtt.protocol == 5 else aiomqtt.ProtocolVersion.V311,
        tls_context=tls_context(mqtt.ca_file, mqtt.cert_file, mqtt.key_file) if endpoint.tls else None,
    )


async def _converse(client: Any, sending: Sending) -> bool:
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.properties import Properties

    answer_topic, status_topic = f"{sending.root}/reply/{sending.id}", f"{sending.root}/status"
    granted = await answered(client.subscribe(answer_topic, qos=1))
    if any(code.is_failure for code in granted):
        raise click.ClickException(f"the broker lets nobody of ours read {answer_topic}")
    await answered(client.subscribe(status_topic, qos=1))
    messages = client.messages
    status = await _first(messages, status_topic)
    state = status.get("state")
    if state != "online" and not sending.as_json:
        click.echo(f"the store {_stands(state)}; waiting {sending.wait_s:g} s for an answer", err=True)
    properties = None
    if sending.layout.mqtt.protocol == 5:
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.ResponseTopic = answer_topic
        properties.CorrelationData = sending.id.encode()
    challenge = status.get("challenge")
    payload = sending.payload(challenge if isinstance(challenge, str) else None)
    await answered(client.publish(f"{sending.root}/command/{sending.name}", payload, qos=1, properties=properties))
    answers = _Answers(sending, answer_topic)
    patience = asyncio.get_running_loop().call_later(SILENT_S, answers.say_what_is_awaited)
    try:
        async with asyncio.timeout(sending.wait_s):
            return await answers.come(messages)
    except TimeoutError:
        _tell_unfinished(sending, state, answers.newest)
        return False
    finally:
        patience.cancel()


def _stands(state: object) -> str:
    return f"is {state}, by the last that was heard of it" if isinstance(state, str) else "has never been heard of at this broker"


def _tell_unfinished(sending: Sending, state: object, newest: str | None) -> None:
    """What became of a command of which no outcome has come, and how to ask for it."""
    left_s = max(0.0, sending.expires_s - sending.wait_s)
    if newest is not None:
        lines = [f"{sending.name}: {newest}, but no outcome within {sending.wait_s:g} s: it may still be done"]
    else:
        lines = [f"{sending.name}: nobody answered within {sending.wait_s:g} s", f"  the store {_stands(state)}"]
        if left_s:
            lines.append(f"  the command may still be done: it expires in {left_s:g} s")
        else:
            lines.append("  the command has expired: it will not be done any more, unless it was already")
    lines.append(f"  to hear its answer send it again with --id {sending.id}: nothing is done twice")
    fields: dict[str, Any] = {"store": state if isinstance(state, str) else "unknown", "expires_in_s": left_s}
    status = "unanswered" if newest is None else "unfinished"
    say(sending.as_json, "\n".join(lines), id=sending.id, status=status, reason="timeout", **fields)


async def _first(messages: AsyncIterator[Any], topic: str) -> dict[str, Any]:
    """The retained message of a topic, empty where there is none."""
    try:
        async with asyncio.timeout(STATUS_WAIT_S):
            async for message in messages:
                if str(message.topic) == topic:
                    return _object(message.payload)
    except TimeoutError:
        pass
    return {}


class _Answers:
    """What comes back of one command, and the word to somebody for whom it takes long."""

    def __init__(self, sending: Sending, topic: str) -> None:
        self.newest: str | None = None
        """The status of the newest answer."""
        self._sending = sending
        self._topic = topic

    async def come(self, messages: AsyncIterator[Any]) -> bool:
        """Tell each answer, up to the outcome; whether it was done."""
        async for message in messages:
            answer = _object(message.payload)
            if str(message.topic) != self._topic or answer.get("id") != self._sending.id:
                continue
            self._tell(answer)
            if answer.get("status") in FINAL:
                return bool(answer["status"] == "done")
            self.newest = str(answer.get("status"))
        return False

    def say_what_is_awaited(self) -> None:
        """To whoever sits before a terminal and sees nothing."""
        sending = self._sending
        if not sending.as_json:
            awaited = "waiting for an answer" if self.newest is None else AWAITED.get(sending.name, "waiting for the outcome")
            click.echo(f"{awaited} (at most {sending.wait_s:g} s)", err=True)

    def _tell(self, answer: dict[str, Any]) -> None:
        sending = self._sending
        told = [f"{sending.name}: {answer.get('status')}"]
        if answer.get("reason"):
            told.append(f" ({answer['reason']})")
        if answer.get("result"):
            told.append(f" {json.dumps(answer['result'], ensure_ascii=False)}")
        say(sending.as_json, "".join(told), **answer)
        if answer.get("status") == "refused" and not sending.as_json and (hint := _hint(sending, answer.get("reason"))):
            click.echo(hint, err=True)


def _hint(sending: Sending, reason: object) -> str:
    """What whoever sent a refused command may do about it; nothing where the word says it all."""
    match reason:
        case "unknown_zone":
            zones = [zone.id for zone in sending.layout.zone]
            return f"the zones of this configuration are {', '.join(zones)}{did_you_mean(sending.args.get('zone'), zones)}"
        case "unknown_key" | "bad_signature" if sending.key is not None:
            known = sending.key.thumbprint in sending.command_keys
            return f"the key {sending.key.thumbprint} is {_KNOWN_KEY if known else _UNKNOWN_KEY}"
        case "unsigned":
            return "the store has access.signed_commands = true: send it with --key FILE"
        case "expired" | "not_yet_valid" | "clock_untrusted":
            return "a command is good for a short time only: look whether the clocks of this machine and of the store are right"
        case _:
            return ""


_KNOWN_KEY = "in access.command_keys of this configuration: the running store may have another; reload it, or look which file it runs"
_UNKNOWN_KEY = "not in access.command_keys of this configuration: its NAME.pub.pem belongs there, and then the store has to be reloaded"


def _object(payload: object) -> dict[str, Any]:
    """A JSON object that somebody sent, empty where it is none."""
    try:
        value = json.loads(payload) if isinstance(payload, bytes) else None
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
