"""Which commands are believed: every reason not to be, alone and before the others, and what becomes of the answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.domain.commands import COMMANDS, PHYSICAL, Command, InboundCommand, Unlock
from device.domain.jws import MAX_BYTES, SigningKey, sign
from device.domain.moment import Moment
from device.store.access.authentication import Challenge, Reason, Refusal, Rules, authenticate, response_topic

OURS = SigningKey(bytes(32))
FORGER = SigningKey(bytes(range(32)))
NOON = 1_795_320_000.0
AT = Moment(uptime=1000.0, wall=NOON, trusted=True, boot="b1")
UNSURE = replace(AT, trusted=False, wall=86_400.0)
ROOT = "smartstore/chengdu-01"
RULES = Rules("chengdu-01", ROOT, OURS.keyring)
CHALLENGES = (Challenge("fresh", 995.0), Challenge("former", 985.0))


@dataclass(frozen=True)
class Case:
    """A command as somebody sends it."""

    claims: dict[str, Any]
    name: str = "unlock"
    key: SigningKey | None = OURS
    kid: str | None = None
    retained: bool = False
    response_topic: str | None = None
    at: Moment = AT
    rules: Rules = RULES
    challenges: tuple[Challenge, ...] = field(default=CHALLENGES)

    def saying(self, **claims: Any) -> Case:
        return replace(self, claims={**self.claims, **claims})

    def without(self, claim: str) -> Case:
        return replace(self, claims={name: value for name, value in self.claims.items() if name != claim})

    def asking(self, name: str, **args: Any) -> Case:
        return replace(self.saying(name=name, args=args), name=name)

    @property
    def payload(self) -> bytes:
        return json.dumps(self.claims).encode() if self.key is None else sign(self.claims, self.key, self.kid).encode()

    @property
    def result(self) -> Command | Refusal:
        inbound = InboundCommand(self.name, self.payload, self.retained, self.response_topic)
        return authenticate(inbound, self.rules, self.at, self.challenges)

    @property
    def reason(self) -> Reason | None:
        result = self.result
        return result.reason if isinstance(result, Refusal) else None


GOOD = Case(
    {
        "id": "0192f3c2",
        "name": "unlock",
        "args": {"zone": "fridge-1", "purpose": "restock"},
        "iat": NOON - 1,
        "exp": NOON + 15,
        "sub": "backend",
        "aud": "chengdu-01",
    }
)
UNSIGNED = replace(GOOD, key=None)
OPEN = replace(UNSIGNED, rules=replace(RULES, signed=False))
OFFLINE = replace(GOOD, at=UNSURE).saying(challenge="fresh")


def refused(payload: bytes, **inbound: Any) -> Refusal:
    result = authenticate(InboundCommand("unlock", payload, **inbound), RULES, AT, CHALLENGES)
    assert isinstance(result, Refusal)
    return result


def test_a_good_command_comes_out_with_its_sender_and_its_arguments() -> None:
    assert GOOD.result == Command("0192f3c2", "unlock", Unlock(zone="fridge-1", purpose="restock"), "backend", NOON + 15)


def test_a_command_needs_no_more_than_the_contract_says() -> None:
    case = Case({"id": "1", "name": "snapshot", "exp": NOON + 1, "aud": "chengdu-01"}, name="snapshot")
    assert case.result == Command("1", "snapshot", COMMANDS["snapshot"](), None, NOON + 1)


def unsigned(case: Case) -> Case:
    return replace(case, key=None)


# Each reason by the one thing that causes it.
SPOILERS: dict[Reason, Callable[[Case], Case]] = {
    "retained": lambda case: replace(case, retained=True),
    "malformed": lambda case: case.saying(sub=7),
    "unsigned": unsigned,
    "unknown_key": lambda case: replace(case, key=FORGER),
    "bad_signature": lambda case: replace(case, key=FORGER, kid=OURS.thumbprint),
    "wrong_store": lambda case: case.saying(aud="chengdu-02"),
    "clock_untrusted": lambda case: replace(case, at=UNSURE),
    "not_yet_valid": lambda case: case.saying(iat=NOON + 31),
    "expired": lambda case: case.saying(exp=NOON),
    "too_far_ahead": lambda case: case.saying(exp=NOON + 61),
    "unknown_command": lambda case: case.asking("open_sesame"),
    "bad_arguments": lambda case: case.asking(case.name, zone=7),
}
# These cannot hold together: one token has one signature, one life, and an unknown command is not a physical one with arguments of ours.
ONE_OF = [
    {"unsigned", "unknown_key", "bad_signature"},
    {"expired", "too_far_ahead"},
    {"too_far_ahead", "unknown_command"},
    {"unknown_command", "bad_arguments"},
]


def possible(*reasons: Reason) -> bool:
    return not any(len(group & set(reasons)) > 1 for group in ONE_OF)


def test_every_reason_has_its_case() -> None:
    assert tuple(SPOILERS) == get_args(Reason)


@pytest.mark.parametrize("reason", SPOILERS)
def test_each_reason_alone_is_told(reason: Reason) -> None:
    assert SPOILERS[reason](GOOD).reason == reason


@pytest.mark.parametrize(("first", "second"), [pair for pair in combinations(SPOILERS, 2) if possible(*pair)])
def test_of_two_reasons_the_earlier_is_told(first: Reason, second: Reason) -> None:
    assert SPOILERS[first](SPOILERS[second](GOOD)).reason == first
    assert SPOILERS[second](SPOILERS[first](GOOD)).reason == first


def test_an_unknown_command_is_one_before_its_arguments_are_looked_at() -> None:
    assert replace(GOOD.saying(name="dance", args={"zone": []}), name="dance").reason == "unknown_command"


@pytest.mark.parametrize(
    "claims",
    [
        {"id": None},
        {"id": ""},
        {"id": 7},
        {"id": "x" * 257},
        {"id": "a/+"},
        {"id": "a#"},
        {"id": "a\n"},
        {"id": "a\x00"},
        {"name": None},
        {"name": "lock"},
        {"name": ["unlock"]},
        {"exp": None},
        {"exp": "soon"},
        {"exp": True},
        {"exp": NOON * 1000},
        {"iat": None},
        {"iat": "now"},
        {"sub": None},
        {"sub": ""},
        {"sub": "x" * 257},
        {"aud": None},
        {"aud": ["chengdu-01"]},
        {"challenge": None},
        {"challenge": 1},
        {"args": None},
        {"args": []},
        {"args": "zone=fridge-1"},
    ],
)
@pytest.mark.parametrize("case", [GOOD, UNSIGNED, OPEN], ids=["signed", "unsigned", "open"])
def test_a_claim_of_the_wrong_type_is_malformed_signed_or_not(case: Case, claims: dict[str, Any]) -> None:
    assert case.saying(**claims).reason == "malformed"


@pytest.mark.parametrize("claim", ["id", "name", "exp"])
def test_what_is_required_may_not_be_absent(claim: str) -> None:
    assert GOOD.without(claim).reason == "malformed"


def test_no_aud_is_the_wrong_store() -> None:
    assert GOOD.without("aud").reason == "wrong_store"


def test_a_command_on_the_topic_of_another_is_malformed() -> None:
    assert replace(GOOD, name="lock").reason == "malformed"


@pytest.mark.parametrize("payload", [b"", b"unlock", b"[]", b"a.b.c", b"\xff\xfe", b'{"id":1', b"{}{}", b"null", b"e30.e30.", b"." * 8000])
def test_what_is_neither_a_token_nor_an_object_is_malformed(payload: bytes) -> None:
    assert refused(payload) == Refusal("malformed", None)


def test_a_command_over_eight_kibibytes_is_not_read() -> None:
    assert refused(GOOD.saying(pad="x" * MAX_BYTES).payload) == Refusal("malformed", None)
    assert refused(b"{" + b" " * MAX_BYTES + b"}") == Refusal("malformed", None)


def test_plain_json_is_a_command_only_where_the_configuration_says_so() -> None:
    assert OPEN.result == GOOD.result
    assert UNSIGNED.reason == "unsigned"
    assert replace(OPEN, key=OURS).result == GOOD.result
    assert replace(OPEN, key=FORGER, kid="").reason == "bad_signature"


def test_plain_json_of_another_store_or_time_is_refused_too() -> None:
    assert OPEN.saying(aud="chengdu-02").reason == "wrong_store"
    assert OPEN.saying(exp=NOON).reason == "expired"


def test_the_clock_of_the_sender_may_be_half_a_minute_ahead() -> None:
    assert GOOD.saying(iat=NOON + 30, exp=NOON + 45).reason is None
    assert GOOD.without("iat").reason is None


def test_a_command_ends_at_its_second() -> None:
    assert GOOD.saying(exp=NOON).reason == "expired"
    assert GOOD.saying(exp=NOON + 0.001).reason is None


ARGUMENTS: dict[str, dict[str, Any]] = {
    "unlock": {"zone": "z"},
    "lock": {"zone": "z"},
    "stop_sales": {"zone": "z", "reason": "cleaning"},
    "resume_sales": {"zone": "z"},
    "clear_fire": {"zone": "z"},
    "end_session": {"session": "s"},
    "acknowledge_alarm": {"alarm": "a", "note": "seen"},
    "set_catalogue": {"products": [{"gtin": "06901234567892", "name": "Wine", "grams": 1250, "price_minor": 8900}]},
    "set_planogram": {"slots": [{"id": "A1", "scale": "shelf-a", "products": ["06901234567892"]}]},
    "revoke": {"jti": "j"},
    "forget": {"subject": "s"},
    "assign_order": {"zone": "z", "order": {"id": "o", "lines": [{"gtin": "06901234567892", "quantity": 1}]}},
    "tare": {"slot": "A1"},
    "calibrate": {"slot": "A1", "grams": 1000},
    "count": {"slot": "A1", "gtin": "06901234567892", "count": 3},
    "set_expiry": {"slot": "A1", "gtin": "06901234567892", "expires": "2026-12-31"},
    "snapshot": {},
    "resend": {"from": 1},
    "reload": {},
}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_understood_and_refuses_an_unknown_argument(name: str) -> None:
    case = GOOD.asking(name, **ARGUMENTS[name])
    result = case.result
    assert isinstance(result, Command)
    assert isinstance(result.args, COMMANDS[name])
    assert case.asking(name, **ARGUMENTS[name], zonk=1).reason == "bad_arguments"


@pytest.mark.parametrize("name", COMMANDS)
def test_only_a_physical_command_must_end_within_a_minute(name: str) -> None:
    case = GOOD.asking(name, **ARGUMENTS[name])
    assert case.saying(exp=NOON + 60).reason is None
    assert case.saying(exp=NOON + 3600).reason == ("too_far_ahead" if name in PHYSICAL else None)


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("unlock", {}),
        ("unlock", {"zone": "z", "purpose": "shop"}),
        ("calibrate", {"slot": "A1", "grams": "1000"}),
        ("calibrate", {"slot": "A1", "grams": True}),
        ("calibrate", {"slot": "A1", "grams": 0}),
        ("revoke", {}),
        ("revoke", {"jti": "j", "subject": "s"}),
        ("count", {"slot": "A1", "gtin": "123", "count": 1}),
        ("count", {"slot": "A1", "gtin": "06901234567892", "count": 1.5}),
        ("assign_order", {"zone": "z", "order": {"id": "o", "lines": []}}),
        ("resend", {"from": 0}),
        ("resend", {"from_": 1}),
        ("set_catalogue", {"products": []}),
        ("snapshot", {"zone": "z"}),
    ],
)
def test_arguments_that_do_not_fit_are_refused(name: str, args: dict[str, Any]) -> None:
    assert GOOD.asking(name, **args).reason == "bad_arguments"


def test_without_a_trusted_clock_only_a_published_challenge_will_do() -> None:
    assert OFFLINE.result == GOOD.result
    assert OFFLINE.saying(challenge="former", exp=NOON + 20).reason is None
    for case in (OFFLINE.without("challenge"), OFFLINE.saying(challenge="of another boot"), OFFLINE.saying(challenge="")):
        assert case.reason == "clock_untrusted"
    assert replace(OFFLINE, challenges=()).reason == "clock_untrusted"


def test_without_a_trusted_clock_a_command_is_as_old_as_its_challenge() -> None:
    lives_16_s = OFFLINE  # its challenge was published at 995
    assert replace(lives_16_s, at=replace(UNSURE, uptime=995 + 15.9)).reason is None
    assert replace(lives_16_s, at=replace(UNSURE, uptime=995 + 16.0)).reason == "expired"
    assert lives_16_s.saying(challenge="former", exp=NOON + 14).reason == "expired"


def test_without_a_trusted_clock_no_clock_on_the_wall_counts() -> None:
    for wall in (0.0, NOON - 1e8, NOON + 1e8):
        assert replace(OFFLINE, at=replace(UNSURE, wall=wall)).reason is None
    sender_is_a_year_late = OFFLINE.saying(iat=NOON - 3e7, exp=NOON - 3e7 + 15)
    assert sender_is_a_year_late.reason is None


def test_without_a_trusted_clock_a_life_is_as_short_as_ever() -> None:
    assert OFFLINE.saying(exp=NOON - 1 + 65).reason is None
    assert OFFLINE.saying(exp=NOON - 1 + 66).reason == "too_far_ahead"
    assert OFFLINE.saying(iat=NOON + 100, exp=NOON + 90).reason == "expired"


def test_without_a_trusted_clock_and_without_iat_a_command_lives_a_minute() -> None:
    case = OFFLINE.without("iat")
    assert replace(case, at=replace(UNSURE, uptime=995 + 59.9)).reason is None
    assert replace(case, at=replace(UNSURE, uptime=995 + 60.0)).reason == "expired"


def test_with_a_trusted_clock_the_challenge_is_not_needed() -> None:
    assert GOOD.saying(challenge="of another boot").reason is None
    assert GOOD.saying(challenge="fresh", exp=NOON).reason == "expired"


def test_an_id_is_used_up_once_it_was_signed_for_us() -> None:
    remembered = {reason for reason, spoil in SPOILERS.items() if getattr(spoil(GOOD).result, "remember", False)}
    assert remembered == {
        "malformed",
        "clock_untrusted",
        "not_yet_valid",
        "expired",
        "too_far_ahead",
        "unknown_command",
        "bad_arguments",
    }


def test_an_id_on_the_wrong_topic_is_used_up_too() -> None:
    assert replace(GOOD, name="lock").result == Refusal("malformed", "0192f3c2", "backend", True, True, NOON + 15)


def test_where_plain_json_is_allowed_its_id_is_used_up() -> None:
    result = OPEN.saying(exp=NOON).result
    assert result == Refusal("expired", "0192f3c2", "backend", True, True, NOON)


def test_a_sender_is_named_only_where_it_is_proven() -> None:
    for reason, spoil in SPOILERS.items():
        result = spoil(GOOD).result
        assert isinstance(result, Refusal)
        unproven = reason in ("retained", "malformed", "unsigned", "unknown_key", "bad_signature")
        assert result.by == (None if unproven else "backend")


def test_a_retained_command_is_refused_unread() -> None:
    assert replace(GOOD, retained=True).result == Refusal("retained", None)
    assert replace(GOOD, retained=True, response_topic="answers/7").result == Refusal("retained", None, answerable=True)


def test_what_is_not_believed_is_answered_only_at_a_plain_id_or_a_response_topic() -> None:
    for case in (UNSIGNED, replace(GOOD, key=FORGER)):
        for name, answerable in (("A.b_c-9", True), ("x" * 64, True), ("x" * 65, False), ("a/b", False), ("a b", False), ("é", False)):
            result = case.saying(id=name).result
            assert isinstance(result, Refusal)
            assert (result.id, result.answerable, result.remember) == (name, answerable, False)
            asked = replace(case.saying(id=name), response_topic="answers/7").result
            assert isinstance(asked, Refusal)
            assert asked.answerable


def test_what_is_believed_is_answered_at_its_id() -> None:
    result = GOOD.saying(id="urn:uuid:0192 f3c2/é", exp=NOON).result
    assert isinstance(result, Refusal)
    assert result.answerable


def test_a_refusal_without_id_is_answered_at_its_response_topic_alone() -> None:
    assert not refused(b"?").answerable
    assert refused(b"?", response_topic="answers/7").answerable


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "a/+",
        "#",
        "a\x00b",
        "a\nb",
        "$SYS/x",
        "$share/g/t",
        ROOT,
        f"{ROOT}/status",
        f"{ROOT}/event/door/opened",
        f"{ROOT}/command/unlock",
    ],
)
def test_nobody_may_have_us_speak_where_we_should_not(topic: str) -> None:
    assert response_topic(InboundCommand("unlock", b"", response_topic=topic), ROOT) is None


@pytest.mark.parametrize("topic", ["answers/7", f"{ROOT}/reply/x", f"{ROOT}-2/status", "réponses"])
def test_a_response_topic_elsewhere_is_the_senders_choice(topic: str) -> None:
    assert response_topic(InboundCommand("unlock", b"", response_topic=topic), ROOT) == topic


def test_the_order_of_the_members_of_a_token_does_not_matter() -> None:
    turned = replace(GOOD, claims=dict(reversed(GOOD.claims.items())))
    assert turned.result == GOOD.result


@given(st.binary(max_size=300) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_no_payload_raises_or_is_believed(payload: bytes) -> None:
    assert not refused(payload).remember


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
)


@given(st.dictionaries(st.sampled_from([*GOOD.claims, "challenge"]), JSON), st.sampled_from(sorted(COMMANDS)))
def test_any_claims_at_all_are_judged_without_an_error(claims: dict[str, Any], name: str) -> None:
    payload = json.dumps({**GOOD.claims, "name": name, **claims}).encode()
    for rules in (RULES, replace(RULES, signed=False)):
        result = authenticate(InboundCommand(name, payload), rules, UNSURE, CHALLENGES)
        assert isinstance(result, Refusal) or not rules.signed


@given(st.sampled_from(sorted(COMMANDS)), JSON | st.dictionaries(st.sampled_from(["zone", "slot", "order", "grams", "from"]), JSON))
def test_any_arguments_at_all_are_judged_without_an_error(name: str, args: Any) -> None:
    payload = json.dumps({**GOOD.claims, "name": name, "args": args}).encode()
    result = authenticate(InboundCommand(name, payload), replace(RULES, signed=False), AT)
    assert isinstance(result, Command) or result.reason in ("malformed", "bad_arguments")


@given(st.integers(0, 400), st.characters(codec="ascii"))
def test_an_altered_command_is_not_believed(place: int, letter: str) -> None:
    token = GOOD.payload.decode()
    place %= len(token)
    altered = token[:place] + letter + token[place + 1 :]
    assert altered == token or not refused(altered.encode()).remember
