"""The programs printed in ``docs/access.md`` make what a store believes, and its tables name every refusal."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args
from zoneinfo import ZoneInfo

import pytest

from device.cli.signing import now
from device.domain.cards import Card
from device.domain.commands import Command, InboundCommand
from device.domain.jws import SigningKey
from device.domain.moment import Moment
from device.store.access import authentication, codes
from device.store.access.codes import Cards, Entrance, Grant, judge

MANUAL = Path(__file__).parents[2].joinpath("docs/access.md").read_text("utf-8")
KEY = SigningKey(bytes(range(32)))
NO_CARDS = Cards()


@pytest.fixture
def programs() -> dict[str, Any]:
    """What the manual's Python defines."""
    names: dict[str, Any] = {}
    for block in re.findall(r"^```python\n(.*?)^```", MANUAL, re.MULTILINE | re.DOTALL):
        exec(block, names)
    return names


def at(uptime: float = 100.0, trusted: bool = True) -> Moment:
    return Moment(uptime, now() if trusted else 0.0, trusted, "b1")


def shown(text: str, cards: Cards = NO_CARDS) -> object:
    rules = codes.Rules("chengdu-01", ZoneInfo("Asia/Shanghai"), KEY.keyring, cards=cards)
    entrance = Entrance("fridge-1", age_limit=18)
    return judge(text, entrance, rules, at(), used=lambda jti: False, revoked=lambda jti, subject: False)


def test_the_code_of_the_manual_opens_the_door(programs: dict[str, Any]) -> None:
    grant = shown(programs["entry_code"]("chengdu-01", "guest-7", 18, KEY.private_pem()))
    assert isinstance(grant, Grant)
    assert (grant.subject, grant.age) == ("guest-7", 18)


def test_the_card_of_the_manual_opens_the_door(programs: dict[str, Any]) -> None:
    key = b"0123456789abcdef"
    cards = Cards(key, (Card(programs["card_hmac"]("4711", key), "Night porter", "service", None),))
    assert shown("4711", cards) == Grant("Night porter", "service")


@pytest.mark.parametrize("trusted", [True, False])
def test_the_command_of_the_manual_is_believed(programs: dict[str, Any], trusted: bool) -> None:
    rules = authentication.Rules("chengdu-01", "smartstore/chengdu-01", KEY.keyring)
    payload = programs["command"]("chengdu-01", "unlock", {"zone": "fridge-1"}, "fresh", KEY.private_pem()).encode()
    challenges = (authentication.Challenge("fresh", 95.0),)
    assert isinstance(authentication.authenticate(InboundCommand("unlock", payload), rules, at(trusted=trusted), challenges), Command)


def test_the_manual_names_every_refusal() -> None:
    codes_part, commands_part = MANUAL.partition("## What each refusal means")[2].split("Commands (`refused`):")
    for reasons, part in ((codes.REASONS, codes_part), (get_args(authentication.Reason), commands_part)):
        named = re.findall(r"`([a-z_]+)`", " ".join(re.findall(r"^\| ([^|]*) \|", part, re.MULTILINE)))
        assert [reason for reason in named if reason in reasons] == list(reasons)
