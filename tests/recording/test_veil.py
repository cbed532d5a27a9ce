"""Recordings name nobody, and are judged alike all the same."""

from __future__ import annotations

import json
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from device.domain import facts
from device.domain.cards import Card
from device.domain.commands import InboundCommand
from device.domain.jws import Keyring, SigningKey, sign
from device.domain.moment import Moment
from device.domain.readings import CodeReading
from device.engine.veil import Veil
from device.journal.aliases import Names
from device.store.access import authentication, codes
from device.store.access.codes import Cards, Denial, Entrance, Grant, Rules, card_hmac, judge
from device.store.memory.state import State
from device.store.store import Trust
from tests.store.shop import KEY, NOON, RIESLING, STRANGER
from tests.store.test_rooms import Room, room

ANNA, JTI = "anna.abendstern-4711", "code-of-anna-0815"
AT = Moment(1000.0, NOON, True, "boot-1")
UTC = ZoneInfo("UTC")
CARD = "04A2B9C1"


def trust(keyring: Keyring = KEY.keyring, *, cards: Cards | None = None) -> Trust:
    return Trust(Rules("test-01", UTC, keyring, cards=cards or Cards()), authentication.Rules("test-01", "smartstore/test-01", keyring))


def veil(names: Names | None = None, state: State | None = None) -> Veil:
    return Veil(names or Names(bytes(32)), state or State(), trust)


def token(key: SigningKey = KEY, kid: str | None = None, **claims: Any) -> str:
    usual = {"sub": ANNA, "aud": "test-01", "jti": JTI, "iat": NOON, "exp": NOON + 300, "age": 18}
    return sign({name: value for name, value in (usual | claims).items() if value is not ...}, key, kid)


def judged(text: str, rules: Rules, **entrance: Any) -> Grant | Denial:
    return judge(text, Entrance("fridge", **entrance), rules, AT, used=lambda _: False, revoked=lambda *_: False)


def replayed(veiled: Veil) -> Rules:
    """What a replay believes."""
    return Rules("test-01", UTC, Keyring.from_pem(veiled.public_pem.encode()))


CODES = {
    "a code": token(),
    "a child": token(age=12),
    "another store": token(aud="test-02"),
    "another zone": token(zones=["cellar"]),
    "expired": token(exp=NOON - 1),
    "not yet": token(nbf=NOON + 60),
    "a pickup": token(purpose="pickup", order={"id": "o1", "lines": [{"gtin": RIESLING, "quantity": 2}]}),
    "staff": token(purpose="restock"),
    "no subject": token(sub=...),
    "without exp": token(exp=...),
    "a forged one": token(STRANGER, KEY.thumbprint),
    "a forged one without kid": token(STRANGER, ""),
    "a strangers": token(STRANGER),
    "a forged one without exp": token(STRANGER, KEY.thumbprint, exp=...),
    "a subject that is a number": token(sub=491711234567),
    "a card": CARD,
    "nonsense": "hello.anna.abendstern",
}


@pytest.mark.parametrize("shown", CODES.values(), ids=CODES)
@pytest.mark.parametrize("entrance", [{}, {"age_limit": 18}, {"busy": True}], ids=["free", "adults", "busy"])
def test_a_code_is_judged_in_a_replay_as_it_was(shown: str, entrance: dict[str, Any]) -> None:
    veiled = veil()
    was, now = judged(shown, trust().codes, **entrance), judged(veiled.code(shown), replayed(veiled), **entrance)
    assert type(was) is type(now)
    if isinstance(was, Grant) and isinstance(now, Grant):
        same = ("purpose", "zones", "age", "order", "expires")
        assert [getattr(was, name) for name in same] == [getattr(now, name) for name in same]
    elif isinstance(was, Denial) and isinstance(now, Denial):
        assert (was.reason, was.counts_as_forgery, was.subject is None) == (now.reason, now.counts_as_forgery, now.subject is None)


@pytest.mark.parametrize("shown", CODES.values(), ids=CODES)
def test_what_is_written_down_names_nobody_and_is_the_same_each_time(shown: str) -> None:
    veiled = veil()
    written = veiled.code(shown)
    text = written
    if written.count(".") == 2:
        from device.domain.jws import decode

        text = json.dumps(decode(written).claims)
    for name in (ANNA, JTI, "491711234567", CARD, "abendstern"):
        assert name not in text
    assert veiled.code(shown) == written
    assert veil().code(shown) != written
    assert written.isascii()
    assert written.isprintable()


def test_a_claim_that_nobody_judges_by_is_left_out() -> None:
    veiled = veil()
    written = veiled.code(token(name="Anna Abendstern", email="anna@example.com"))
    assert isinstance(judged(written, replayed(veiled)), Grant)
    from device.domain.jws import decode

    assert set(decode(written).claims) == {"sub", "jti", "aud", "iat", "exp", "age"}


def test_a_card_that_is_known_is_no_card_in_a_replay() -> None:
    cards = Cards(b"key", (Card(card_hmac(CARD, b"key"), "anna", "service", None),))
    assert isinstance(judged(CARD, trust(cards=cards).codes), Grant)
    veiled = veil()
    assert judged(veiled.code(CARD), replayed(veiled)) == Denial("malformed", counts_as_forgery=True)


def test_other_readings_pass_as_they_are() -> None:
    veiled = veil()
    reading = CodeReading("qr", 1.0, token())
    assert veiled.reading(reading) == reading._replace(text=veiled.code(reading.text))


class Recorded(Room):
    """A room with the journal's pseudonyms, and what a recording of it has."""

    def __init__(self) -> None:
        self.names = Names(bytes(32))
        super().__init__(room())
        self.veil = Veil(self.names, self.state, lambda: self.store.trust)

    def _start(self, reason: Any) -> None:
        super()._start(reason)
        self.store._names = self.names


class Replayed(Room):
    """The same store from a keyframe, who believes the recording's key, and knows everybody under what stands for them."""

    def __init__(self, recorded: Recorded) -> None:
        super().__init__(room())
        self.records, self.moment = list(recorded.records), recorded.moment
        self.key = recorded.veil.public_pem
        self.restart()
        for lock in ("lock", "other-lock"):
            self.fact(facts.DoorMoved(lock, self.now, True), facts.RelayMoved(lock, self.now, False))
        self.present(True)

    def _start(self, reason: Any) -> None:
        super()._start(reason)
        if hasattr(self, "key"):
            keyring = Keyring.from_pem(self.key.encode())
            self.store.trust = Trust(codes.Rules("test-01", UTC, keyring), authentication.Rules("test-01", "smartstore/test-01", keyring))


def test_who_was_inside_when_the_recording_began_is_known_on_the_way_out() -> None:
    shop = Recorded()
    code = shop.come_in(sub=ANNA, jti=JTI)
    shop.veil.begin()
    again = Replayed(shop)
    again.show_out(shop.veil.code(code))
    assert again.orders("lock")[-1] is True
    again.open_door()
    again.close_door()
    again.wait(5)
    assert again.last("session.ended").reason == "exit"


def test_who_comes_in_within_the_recording_is_known_on_the_way_out() -> None:
    shop = Recorded()
    again = Replayed(shop)
    first = shop.veil.code(code := shop.token(sub=ANNA, jti=JTI))
    shop.come_in(text=code)
    again.present(False)
    again.come_in(text=first)
    assert again.last("session.started").zone == "shop"
    again.show_out(shop.veil.code(code))
    assert again.orders("lock")[-1] is True


def test_a_code_that_was_used_before_the_recording_is_used_in_a_replay() -> None:
    shop = Recorded()
    code = shop.show(sub=ANNA, jti=JTI)
    shop.wait(20)
    again = Replayed(shop)
    again.present(False)
    again.show(shop.veil.code(code))
    assert again.last("access.denied").reason == "used"


@pytest.mark.parametrize("revoked", [{"subject": ANNA}, {"jti": JTI}], ids=["person", "code"])
def test_what_was_revoked_before_the_recording_is_revoked_in_a_replay(revoked: dict[str, Any]) -> None:
    shop = Recorded()
    shop.command("revoke", **revoked)
    again = Replayed(shop)
    again.present(False)
    again.show(shop.veil.code(shop.token(sub=ANNA, jti=JTI)))
    assert again.last("access.denied").reason == "revoked"


@pytest.mark.parametrize("signed", [True, False])
def test_a_revocation_within_a_recording_holds_in_a_replay_and_names_nobody(signed: bool) -> None:
    shop = Recorded()
    again = Replayed(shop)
    again.present(False)
    args = {"id": "c9", "name": "revoke", "args": {"subject": ANNA}, "exp": again.moment.wall + 10, "sub": "operator", "aud": "test-01"}
    payload = sign(args, KEY).encode() if signed else json.dumps(args).encode()
    written = shop.veil.command(InboundCommand("revoke", payload))
    assert ANNA.encode() not in written.payload
    reply = again.send("revoke", written.payload, "c9")
    assert reply["status"] == ("done" if signed else "refused")
    again.show(shop.veil.code(shop.token(sub=ANNA, iat=again.moment.wall)))
    assert (again.types()[-1] == "access.denied") is signed


@pytest.mark.parametrize("payload", [b"", b"{", b"anna.abendstern-4711", b"\xff\xfe", b'{"args": 7}', b'{"args": {"subject": 7}}'])
def test_a_command_that_is_none_is_none_behind_the_veil_either(payload: bytes) -> None:
    written = veil().command(InboundCommand("forget", payload))
    assert b"anna" not in written.payload
    assert "subject" not in written.payload.decode()


def test_commands_that_name_nobody_pass_as_they_are() -> None:
    command = InboundCommand("unlock", b'{"args": {"zone": "fridge"}}')
    assert veil().command(command) is command


def test_a_veil_forgets_the_oldest_of_very_many_names_and_keeps_none() -> None:
    veiled = veil()
    for number in range(5000):
        veiled.code(f"card-{number}")
    for number in range(20):
        veiled.code(token(sub=f"guest-{number}", jti=f"j{number}"))
    assert len(veiled._stand_ins) <= 4096
    assert not any("guest" in name for name in veiled._stand_ins)
