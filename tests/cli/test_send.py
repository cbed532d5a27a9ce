"""``send`` signs a command so that a store believes it, over a real broker, and tells the answer by its exit status."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiomqtt
import click
import pytest
from click.testing import CliRunner

from device.cli import smartstore
from device.cli.answered import answered
from device.cli.send import read_arguments
from device.cli.signing import now
from device.domain.commands import COMMANDS, Command, InboundCommand, ZoneAndReason
from device.domain.jws import SigningKey
from device.domain.moment import Moment
from device.store.access.authentication import Challenge, Refusal, Rules, authenticate
from tests.cli.typed import Typed, typed
from tests.mosquitto import Mosquitto

KEY = SigningKey(bytes(range(32)))
ROOT = "smartstore/chengdu-01"
CONFIG = """
[store]
id = "chengdu-01"
name = "Chengdu"
timezone = "Asia/Shanghai"
currency = "CNY"
[mqtt]
url = "{url}"
protocol = {protocol}
{more}
[catalogue]
file = "products.csv"
[[zone]]
id = "fridge-1"
[[lock]]
id = "fridge-1-lock"
zone = "fridge-1"
driver = "modbus-relay"
port = "tcp:127.0.0.1:5020"
relay = 0
contact = 0
"""


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "operator.key.pem"
    path.write_bytes(KEY.private_pem())
    return path


def write_config(folder: Path, url: str, protocol: int = 5, more: str = "") -> Path:
    (folder / "products.csv").write_text("gtin,name,grams,price_minor\n06901234567892,Wine,1250,8900\n")
    path = folder / "store.toml"
    path.write_text(CONFIG.format(url=url, protocol=protocol, more=more))
    return path


@dataclass
class Store:
    """A stand-in for a store: believes commands as the real one does, and answers each with ``outcomes``."""

    outcomes: list[dict[str, Any]] = field(
        default_factory=lambda: [{"status": "accepted"}, {"status": "done", "result": {"unlocked": True}}]
    )
    rules: Rules = field(default_factory=lambda: Rules("chengdu-01", ROOT, KEY.keyring))
    trusted: bool = True
    challenge: str = "fresh"
    got: list[Command | Refusal] = field(default_factory=list)
    correlations: list[tuple[str | None, bytes | None]] = field(default_factory=list)

    def answers(self, name: str, message: aiomqtt.Message) -> list[dict[str, Any]]:
        assert isinstance(message.payload, bytes)
        at = Moment(10.0, now() if self.trusted else 0.0, self.trusted, "b1")
        verdict = authenticate(InboundCommand(name, message.payload), self.rules, at, (Challenge(self.challenge, 9.0),))
        self.got.append(verdict)
        topic, correlation = getattr(message.properties, "ResponseTopic", None), getattr(message.properties, "CorrelationData", None)
        self.correlations.append((topic, correlation))
        if isinstance(verdict, Refusal):
            return [{"id": verdict.id, "status": "refused", "reason": verdict.reason, "result": None}]
        return [{"id": verdict.id, "reason": None, "result": None, **outcome} for outcome in self.outcomes]

    async def serve(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            name = str(message.topic).rpartition("/")[2]
            for answer in self.answers(name, message):
                await answered(client.publish(f"{ROOT}/reply/{answer['id']}", json.dumps(answer), qos=1))


@asynccontextmanager
async def open_store(port: int, store: Store, *, status: bool = True) -> AsyncIterator[Store]:
    async with aiomqtt.Client("127.0.0.1", port, protocol=aiomqtt.ProtocolVersion.V5) as client, asyncio.TaskGroup() as tasks:
        if status:
            await client.publish(f"{ROOT}/status", json.dumps({"state": "online", "challenge": store.challenge}), qos=1, retain=True)
        await client.subscribe(f"{ROOT}/command/+", qos=1)
        serving = tasks.create_task(store.serve(client))
        yield store
        serving.cancel()


async def run(*words: object) -> Typed:
    """The command beside this loop, in which broker and store live: exit status, standard output, standard error."""
    return await asyncio.to_thread(typed, "send", *words)


@pytest.mark.parametrize("protocol", [5, 4])
async def test_a_command_is_believed_and_its_outcome_told(tmp_path: Path, key_file: Path, protocol: int) -> None:
    async with Mosquitto(tmp_path) as broker, open_store(broker.port, Store()) as store:
        config = write_config(tmp_path, broker.url, protocol)
        status, out, err = await run(config, "unlock", "zone=fridge-1", "--key", key_file, "--sub", "operator", "--id", "c-1")
    assert (status, err) == (0, "")
    assert out.splitlines() == ["unlock: accepted", 'unlock: done {"unlocked": true}']
    (got,) = store.got
    assert isinstance(got, Command)
    assert (got.id, got.name, got.by) == ("c-1", "unlock", "operator")
    assert store.correlations == [(f"{ROOT}/reply/c-1", b"c-1") if protocol == 5 else (None, None)]


@pytest.mark.parametrize("outcome", ["refused", "failed"])
async def test_what_is_not_done_is_a_failure(tmp_path: Path, key_file: Path, outcome: str) -> None:
    answers = [{"status": "accepted"}, {"status": outcome, "reason": "busy"}]
    async with Mosquitto(tmp_path) as broker, open_store(broker.port, Store(answers)):
        status, out, _ = await run(write_config(tmp_path, broker.url), "unlock", "zone=fridge-1", "--key", key_file, "--json")
    assert status == 1
    assert [json.loads(line)["status"] for line in out.splitlines()] == ["accepted", outcome]
    assert json.loads(out.splitlines()[-1])["reason"] == "busy"


async def test_a_store_without_a_clock_is_told_its_challenge(tmp_path: Path, key_file: Path) -> None:
    async with Mosquitto(tmp_path) as broker, open_store(broker.port, Store(trusted=False, challenge="of this boot")) as store:
        status, _, _ = await run(write_config(tmp_path, broker.url), "lock", "zone=fridge-1", "reason=007", "--key", key_file)
    assert status == 0
    (got,) = store.got
    assert isinstance(got, Command)
    assert got.args == ZoneAndReason(zone="fridge-1", reason="007")


async def test_unsigned_only_where_it_is_said_so(tmp_path: Path) -> None:
    async with Mosquitto(tmp_path) as broker:
        config = write_config(tmp_path, broker.url)
        async with open_store(broker.port, Store()):
            status, out, _ = await run(config, "snapshot", "--unsigned")
            assert (status, out) == (1, "snapshot: refused (unsigned)\n")
        async with open_store(broker.port, Store(rules=Rules("chengdu-01", ROOT, signed=False))):
            status, out, _ = await run(config, "snapshot", "--unsigned")
            assert status == 0


async def test_no_answer_is_a_failure_that_says_what_the_store_was_last(tmp_path: Path, key_file: Path) -> None:
    async with Mosquitto(tmp_path) as broker:
        config = write_config(tmp_path, broker.url)
        async with open_store(broker.port, Store([])):
            status, out, _ = await run(config, "reload", "--key", key_file, "--wait", "0.2")
        given_up, later, said = await run(config, "reload", "--key", key_file, "--wait", "0.2", "--expires", "0.2", "--id", "c-9")
        told, _, _ = await run(config, "reload", "--key", key_file, "--wait", "0.2", "--json")
    assert (status, given_up, told) == (1, 1, 1)
    assert out.splitlines()[:3] == [
        "reload: nobody answered within 0.2 s",
        "  the store is online, by the last that was heard of it",
        "  the command may still be done: it expires in 29.8 s",
    ]
    assert "  to hear its answer send it again with --id c-9: nothing is done twice" in later.splitlines()
    assert "  the command has expired: it will not be done any more, unless it was already" in later.splitlines()
    assert said == ""


async def test_a_store_that_is_down_or_was_never_there_is_told_before_the_wait(tmp_path: Path, key_file: Path) -> None:
    async with Mosquitto(tmp_path) as broker:
        config = write_config(tmp_path, broker.url)
        _, _, never = await run(config, "reload", "--key", key_file, "--wait", "0.2")
        async with aiomqtt.Client("127.0.0.1", broker.port) as client:
            await client.publish(f"{ROOT}/status", b'{"state":"offline"}', qos=1, retain=True)
        _, out, down = await run(config, "reload", "--key", key_file, "--wait", "0.2")
    assert never == "the store has never been heard of at this broker; waiting 0.2 s for an answer\n"
    assert down == "the store is offline, by the last that was heard of it; waiting 0.2 s for an answer\n"
    assert out.startswith("reload: nobody answered within 0.2 s\n  the store is offline, by the last that was heard of it\n")


async def test_whoever_waits_for_long_is_told_what_for_and_an_accepted_command_is_not_called_unanswered(
    tmp_path: Path, key_file: Path
) -> None:
    async with Mosquitto(tmp_path) as broker:
        config = write_config(tmp_path, broker.url)
        async with open_store(broker.port, Store([])):
            _, _, silent = await run(config, "unlock", "zone=fridge-1", "--key", key_file, "--wait", "2.2")
        async with open_store(broker.port, Store([{"status": "accepted"}])):
            status, out, err = await run(config, "unlock", "zone=fridge-1", "--key", key_file, "--wait", "2.2", "--id", "c-2")
    assert silent == "waiting for an answer (at most 2.2 s)\n"
    assert err == "waiting until somebody opens the door, or it is locked again because nobody did (at most 2.2 s)\n"
    assert (status, out.splitlines()) == (
        1,
        [
            "unlock: accepted",
            "unlock: accepted, but no outcome within 2.2 s: it may still be done",
            "  to hear its answer send it again with --id c-2: nothing is done twice",
        ],
    )


@pytest.mark.parametrize(
    ("reason", "hint"),
    [
        ("unknown_zone", 'the zones of this configuration are fridge-1; did you mean "fridge-1"?\n'),
        ("unknown_key", f"the key {KEY.thumbprint} is not in access.command_keys of this configuration: its NAME.pub.pem belongs there"),
        ("expired", "a command is good for a short time only: look whether the clocks"),
        ("busy", ""),
    ],
)
async def test_a_refusal_comes_with_what_may_be_done_about_it(tmp_path: Path, key_file: Path, reason: str, hint: str) -> None:
    async with Mosquitto(tmp_path) as broker, open_store(broker.port, Store([{"status": "refused", "reason": reason}])):
        config = write_config(tmp_path, broker.url)
        status, out, err = await run(config, "unlock", "zone=fridge1", "--key", key_file)
        _, _, quiet = await run(config, "unlock", "zone=fridge1", "--key", key_file, "--json")
    assert (status, out, quiet) == (1, f"unlock: refused ({reason})\n", "")
    assert err.startswith(hint)
    assert bool(err) == bool(hint)


async def test_answers_to_others_and_nonsense_are_not_ours(tmp_path: Path, key_file: Path) -> None:
    class Babbling(Store):
        def answers(self, name: str, message: aiomqtt.Message) -> list[dict[str, Any]]:
            true = super().answers(name, message)
            return [{"id": "c-1", "status": "mumbling"}, *true]

    async with Mosquitto(tmp_path) as broker, open_store(broker.port, Babbling()):
        status, out, _ = await run(write_config(tmp_path, broker.url), "unlock", "zone=fridge-1", "--key", key_file, "--id", "c-1")
    assert status == 0
    assert out.splitlines()[-1].startswith("unlock: done")


async def test_a_password_of_a_file_is_used(tmp_path: Path, key_file: Path) -> None:
    (tmp_path / "password").write_text("s3cret\n")
    more = 'username = "store"\npassword_file = "password"'
    async with Mosquitto(tmp_path, users={"store": "s3cret"}) as broker:
        config = write_config(tmp_path, broker.url, more=more)
        status, out, _ = await run(config, "reload", "--key", key_file, "--wait", "0.2")
        assert "nobody answered" in out
        (tmp_path / "password").write_text("wrong\n")
        status, _, err = await run(config, "reload", "--key", key_file)
    assert status == 1
    assert broker.url in err


async def test_no_broker_is_told_in_one_line(tmp_path: Path, key_file: Path) -> None:
    async with Mosquitto(tmp_path) as broker:
        config = write_config(tmp_path, broker.url)
    status, out, err = await run(config, "reload", "--key", key_file)
    assert (status, out) == (1, "")
    assert err.startswith(f"broker {broker.url}:")
    assert err.count("\n") == 1


async def test_a_broken_configuration_is_told_as_one(tmp_path: Path, key_file: Path) -> None:
    config = write_config(tmp_path, "mqtt://127.0.0.1:1")
    config.write_text(config.read_text().replace('"CNY"', '"yuan"'))
    status, _, err = await run(config, "reload", "--key", key_file)
    assert status == 78
    assert "store.currency" in err


def test_words_become_arguments_by_the_commands_own_model(tmp_path: Path) -> None:
    slots = [{"id": "A1", "scale": "shelf-a", "products": ["06901234567892"]}]
    (tmp_path / "slots.json").write_text(json.dumps(slots))
    assert read_arguments("count", ("slot=007", "gtin=06901234567892", "count=12")) == {
        "slot": "007",
        "gtin": "06901234567892",
        "count": 12,
    }
    assert read_arguments("calibrate", ("slot=A1", "grams=1000.5")) == {"slot": "A1", "grams": 1000.5}
    assert read_arguments("set_planogram", (f"slots=@{tmp_path / 'slots.json'}",)) == {"slots": slots}
    assert read_arguments("set_planogram", (f"slots={json.dumps(slots)}",)) == {"slots": slots}
    assert read_arguments("resend", ("from=7",)) == {"from": 7}
    assert read_arguments("lock", ("zone=a=b", "reason=@home")) == {"zone": "a=b", "reason": "@home"}
    assert read_arguments("revoke", ("subject=guest 7",)) == {"subject": "guest 7"}
    assert read_arguments("snapshot", ()) == {}


@pytest.mark.parametrize(
    ("name", "pairs", "words"),
    [
        ("open_sesame", (), "no command 'open_sesame'"),
        ("unlok", (), 'did you mean "unlock"?'),
        ("unlock", (), "zone: Field required"),
        ("unlock", ("zon=fridge-1",), "zon: Extra inputs"),
        ("unlock", ("zone",), "KEY=VALUE"),
        ("unlock", ("zone=a", "zone=b"), "each once"),
        ("unlock", ("zone=a", "purpose=shop"), "purpose"),
        ("count", ("slot=A1", "gtin=06901234567892", "count=many"), "number, JSON"),
        ("count", ("slot=A1", "gtin=06901234567892", "count=NaN"), "number, JSON"),
        ("set_planogram", ("slots=@/no/such/file",), "No such file"),
        ("revoke", (), "either jti or subject"),
    ],
)
def test_words_that_do_not_fit_are_refused_before_anything_is_sent(name: str, pairs: tuple[str, ...], words: str) -> None:
    with pytest.raises(click.UsageError, match=words):
        read_arguments(name, pairs)


@pytest.mark.parametrize(
    "words",
    [
        ("unlock", "zone=fridge-1"),
        ("unlock", "zone=fridge-1", "--unsigned", "--key", "KEY"),
        ("unlock", "zone=fridge-1", "--key", "KEY", "--expires", "61s"),
        ("unlock", "zone=fridge-1", "--key", "KEY", "--id", "a/#"),
        ("unlock", "zone=fridge-1", "--key", "/no/such/key"),
    ],
)
def test_a_wrong_use_is_told_without_a_broker(tmp_path: Path, key_file: Path, words: tuple[str, ...]) -> None:
    config = write_config(tmp_path, "mqtt://127.0.0.1:1")
    result = CliRunner().invoke(smartstore, ["send", str(config), *(str(key_file) if word == "KEY" else word for word in words)])
    assert result.exit_code == 2


def test_a_command_that_no_store_reads_is_not_sent(tmp_path: Path, key_file: Path) -> None:
    config = write_config(tmp_path, "mqtt://127.0.0.1:1")
    products = [{"gtin": "06901234567892", "name": "x" * 200, "grams": 1, "price_minor": 1}] * 40
    (tmp_path / "list.json").write_text(json.dumps(products))
    result = CliRunner().invoke(
        smartstore, ["send", str(config), "set_catalogue", f"products=@{tmp_path / 'list.json'}", "--key", str(key_file)]
    )
    assert result.exit_code == 1
    assert "8192" in result.stderr


def test_the_help_names_every_command_and_what_it_needs() -> None:
    said = CliRunner().invoke(smartstore, ["send", "--help"]).output
    for told in (r"unlock +zone= \[purpose=\]", r"count +slot= gtin= count=", r"resend +from=", r"reload +-"):
        assert re.search(told, said)
    assert all(re.search(rf"^  {name} ", said, re.MULTILINE) for name in COMMANDS)
