"""Who is let in: every reason not to be, alone and before the others, and nothing at all for what nobody has signed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.domain.cards import Card
from device.domain.events import Purpose
from device.domain.hours import parse_hours
from device.domain.jws import SigningKey, seal, sign
from device.domain.moment import Moment
from device.domain.opening import Opening
from device.store.access.codes import (
    FAILURES,
    REASONS,
    WINDOW_S,
    Cards,
    Denial,
    Entrance,
    Grant,
    Lockout,
    Reason,
    Rules,
    card_hmac,
    judge,
)

OURS = SigningKey(bytes(32))
FORGER = SigningKey(bytes(range(32)))
NOON = 1_795_320_000.0  # 2026-11-22T04:00:00Z, a Sunday; noon in Shanghai
AT = Moment(uptime=1000.0, wall=NOON, trusted=True, boot="b1")
SHANGHAI = ZoneInfo("Asia/Shanghai")
GTIN = "06901234567892"
ORDER = {"id": "o-1", "lines": [{"gtin": GTIN, "quantity": 2}]}
CARD_KEY = b"0123456789abcdef"
DAYTIME = Opening((parse_hours("Mon-Sun 10:00-22:00"),))
NIGHT = Opening((parse_hours("Mon-Sun 22:00-10:00"),))


def card(number: str, purpose: Any = "shop", zones: tuple[str, ...] | None = None) -> Card:
    return Card(card_hmac(number, CARD_KEY), f"card {number}", purpose, zones)


STOPPED: frozenset[Purpose] = frozenset({"shop", "pickup"})
RULES = Rules(
    "chengdu-01",
    SHANGHAI,
    OURS.keyring,
    cards=Cards(CARD_KEY, (card("4711"), card("0815", "service"), card("0042", "restock", ("fridge-2",)))),
)
FRIDGE = Entrance("fridge-1", sales=DAYTIME)


@dataclass(frozen=True)
class Case:
    """Somebody at a door: what the code says, and how things stand."""

    claims: dict[str, Any]
    key: SigningKey = OURS
    kid: str | None = None
    entrance: Entrance = FRIDGE
    at: Moment = AT
    used: bool = False
    revoked: bool = False

    def saying(self, **claims: Any) -> Case:
        return replace(self, claims={**self.claims, **claims})

    def without(self, claim: str) -> Case:
        return replace(self, claims={name: value for name, value in self.claims.items() if name != claim})

    def judged(self, rules: Rules = RULES) -> Grant | Denial:
        token = sign(self.claims, self.key, self.kid)
        return judge(token, self.entrance, rules, self.at, used=lambda jti: self.used, revoked=lambda jti, subject: self.revoked)

    @property
    def reason(self) -> Reason | None:
        verdict = self.judged()
        return verdict.reason if isinstance(verdict, Denial) else None


GOOD = Case({"iss": "backend", "sub": "guest-7", "aud": "chengdu-01", "iat": NOON - 5, "exp": NOON + 600, "jti": "j-1", "age": 18})


def shown(number: str, entrance: Entrance = FRIDGE, at: Moment = AT, *, revoked: bool = False, refused: bool = False) -> Grant | Denial:
    """A card at the door."""
    return judge(number, entrance, RULES, at, used=lambda jti: True, revoked=lambda jti, subject: revoked, cards_refused=refused)


def test_a_good_code_is_let_in_with_all_that_it_says() -> None:
    assert GOOD.judged() == Grant("guest-7", "shop", None, "j-1", 18, None, NOON + 600)


def test_a_code_needs_no_more_than_its_end_its_store_and_its_number() -> None:
    assert Case({"exp": NOON + 1, "jti": "j", "aud": "chengdu-01"}).judged() == Grant("j", "shop", None, "j", 0, None, NOON + 1)


# Each reason by the one thing that causes it; all of them can hold at once, but for the two ways in which a signature is not ours.
SPOILERS: dict[Reason, Callable[[Case], Case]] = {
    "malformed": lambda case: case.saying(age="old"),
    "unknown_key": lambda case: replace(case, key=FORGER),
    "bad_signature": lambda case: replace(case, key=FORGER, kid=OURS.thumbprint),
    "clock_untrusted": lambda case: replace(case, at=replace(case.at, trusted=False)),
    "wrong_store": lambda case: case.saying(aud="chengdu-02"),
    "not_yet_valid": lambda case: case.saying(nbf=NOON + 3600),
    "expired": lambda case: case.saying(exp=NOON - 1),
    "revoked": lambda case: replace(case, revoked=True),
    "used": lambda case: replace(case, used=True),
    "wrong_zone": lambda case: case.saying(zones=["fridge-2"]),
    "under_age": lambda case: replace(case, entrance=replace(case.entrance, age_limit=21)),
    "closed_hours": lambda case: replace(case, entrance=replace(case.entrance, sales=NIGHT)),
    "sales_stopped": lambda case: replace(case, entrance=replace(case.entrance, stopped=STOPPED)),
    "busy": lambda case: replace(case, entrance=replace(case.entrance, busy=True)),
}


def test_every_reason_of_the_contract_has_its_case() -> None:
    assert tuple(SPOILERS) == REASONS[:-1]
    assert REASONS[-1] == "locked_out"


@pytest.mark.parametrize("reason", SPOILERS)
def test_each_reason_alone_is_told(reason: Reason) -> None:
    assert SPOILERS[reason](GOOD).reason == reason


@pytest.mark.parametrize(("first", "second"), [pair for pair in combinations(SPOILERS, 2) if pair != ("unknown_key", "bad_signature")])
def test_of_two_reasons_the_earlier_is_told(first: Reason, second: Reason) -> None:
    assert SPOILERS[first](SPOILERS[second](GOOD)).reason == first
    assert SPOILERS[second](SPOILERS[first](GOOD)).reason == first


@given(st.sets(st.sampled_from(sorted(SPOILERS)), min_size=1))
def test_of_any_reasons_the_first_is_told(reasons: set[Reason]) -> None:
    reasons -= {"bad_signature"} if "unknown_key" in reasons else set()
    case = GOOD
    for reason in reasons:
        case = SPOILERS[reason](case)
    assert case.reason == min(reasons, key=REASONS.index)


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": None},
        {"exp": "1700000000"},
        {"exp": True},
        {"exp": -1},
        {"exp": NOON * 1000},
        {"jti": None},
        {"jti": ""},
        {"jti": 7},
        {"jti": "j" * 257},
        {"sub": 7},
        {"sub": ""},
        {"sub": None},
        {"aud": ["chengdu-01"]},
        {"aud": None},
        {"iss": 1},
        {"zones": None},
        {"zones": "fridge-1"},
        {"zones": [1]},
        {"zones": {"fridge-1": 1}},
        {"purpose": None},
        {"purpose": "Shop"},
        {"purpose": ["shop"]},
        {"iat": "now"},
        {"iat": False},
        {"nbf": None},
        {"nbf": NOON * 1000},
        {"age": 18.0},
        {"age": True},
        {"age": -1},
        {"age": "18"},
        {"order": None},
        {"order": "o-1"},
        {"order": {"id": "o-1"}},
        {"order": {"id": "o-1", "lines": []}},
        {"order": {"id": "", "lines": ORDER["lines"]}},
        {"order": {"id": "o-1", "lines": [{"gtin": "6901234567893", "quantity": 1}]}},
        {"order": {"id": "o-1", "lines": [{"gtin": GTIN, "quantity": 0}]}},
        {"order": {"id": "o-1", "lines": [{"gtin": GTIN, "quantity": True}]}},
        {"order": {"id": "o-1", "lines": [{"gtin": GTIN}]}},
        {"purpose": "pickup"},
    ],
)
def test_a_claim_of_the_wrong_type_is_malformed(claims: dict[str, Any]) -> None:
    verdict = GOOD.saying(**claims).judged()
    assert isinstance(verdict, Denial)
    assert verdict.reason == "malformed"
    assert not verdict.counts_as_forgery  # it is our own backend that signed it


@pytest.mark.parametrize("claim", ["exp", "jti"])
def test_what_is_required_may_not_be_absent(claim: str) -> None:
    assert GOOD.without(claim).reason == "malformed"


def test_claims_that_nobody_knows_are_let_be() -> None:
    assert GOOD.saying(azp="app", nonce=None).reason is None


def test_absent_zones_are_all_and_empty_zones_are_none() -> None:
    assert GOOD.saying(zones=["fridge-2", "fridge-1"]).reason is None
    assert GOOD.saying(zones=[]).reason == "wrong_zone"


def test_a_code_for_no_store_is_for_another() -> None:
    assert GOOD.without("aud").reason == "wrong_store"


def test_only_the_issuer_of_the_configuration_counts_where_there_is_one() -> None:
    rules = replace(RULES, issuer="backend")
    assert isinstance(GOOD.judged(rules), Grant)
    for case in (GOOD.saying(iss="Backend"), GOOD.without("iss")):
        assert case.judged(rules) == Denial("wrong_store", "guest-7")
        assert isinstance(case.judged(RULES), Grant)


def test_a_code_ends_at_its_second_and_begins_at_its_second() -> None:
    assert GOOD.saying(exp=NOON).reason == "expired"
    assert GOOD.saying(exp=NOON + 0.001).reason is None
    assert GOOD.saying(nbf=NOON).reason is None
    assert GOOD.saying(nbf=NOON + 0.001).reason == "not_yet_valid"


def test_the_clock_of_the_issuer_may_be_half_a_minute_ahead() -> None:
    assert GOOD.saying(iat=NOON + 30).reason is None
    assert GOOD.saying(iat=NOON + 31).reason == "not_yet_valid"


def test_age_is_proven_at_the_limit() -> None:
    case = replace(GOOD, entrance=replace(FRIDGE, age_limit=18))
    assert case.reason is None
    assert case.saying(age=17).reason == "under_age"
    assert case.without("age").reason == "under_age"


def closed(case: Case) -> Case:
    return replace(case, entrance=Entrance("fridge-1", age_limit=21, sales=NIGHT, pickups=NIGHT, stopped=STOPPED))


@pytest.mark.parametrize("purpose", ["restock", "service"])
def test_staff_obey_neither_hours_nor_age_nor_stopped_sales(purpose: str) -> None:
    assert closed(GOOD.saying(purpose=purpose)).reason is None


def test_a_pickup_obeys_its_own_hours_and_stopped_sales_and_no_age() -> None:
    pickup = GOOD.saying(purpose="pickup", order=ORDER, age=0)
    after_hours = replace(pickup, entrance=replace(FRIDGE, sales=NIGHT, age_limit=18))
    assert after_hours.reason is None
    assert replace(pickup, entrance=replace(FRIDGE, pickups=NIGHT)).reason == "closed_hours"
    assert replace(pickup, entrance=replace(FRIDGE, stopped=STOPPED)).reason == "sales_stopped"


def test_an_order_goes_with_a_pickup_alone() -> None:
    pickup, shop = GOOD.saying(purpose="pickup", order=ORDER).judged(), GOOD.saying(order=ORDER).judged()
    assert isinstance(pickup, Grant)
    assert pickup.order is not None
    assert [(line.gtin, line.quantity) for line in pickup.order.lines] == [(GTIN, 2)]
    assert isinstance(shop, Grant)
    assert shop.order is None


def test_hours_are_those_of_the_clock_on_the_stores_wall() -> None:
    in_rome = replace(RULES, timezone=ZoneInfo("Europe/Rome"))  # 05:00 there
    assert GOOD.judged(in_rome) == Denial("closed_hours", "guest-7")


def test_used_and_revoked_are_asked_for_this_code_and_this_shopper() -> None:
    asked: list[object] = []

    def used(jti: str) -> bool:
        asked.append(jti)
        return False

    def revoked(jti: str | None, subject: str | None) -> bool:
        asked.append((jti, subject))
        return False

    judge(sign(GOOD.claims, OURS), FRIDGE, RULES, AT, used=used, revoked=revoked)
    judge("4711", FRIDGE, RULES, AT, used=used, revoked=revoked)
    assert asked == [("j-1", "guest-7"), "j-1", (None, "card 4711")]


def test_the_subject_is_told_only_where_it_is_proven() -> None:
    for reason, spoil in SPOILERS.items():
        verdict = spoil(GOOD).judged()
        assert isinstance(verdict, Denial)
        assert verdict.subject == (None if reason in ("unknown_key", "bad_signature") else "guest-7")
    both = SPOILERS["malformed"](SPOILERS["bad_signature"](GOOD)).judged()
    assert both == Denial("malformed", None, counts_as_forgery=True)


def test_forgeries_are_bad_signatures_and_what_is_neither_code_nor_card() -> None:
    forged = {reason for reason, spoil in SPOILERS.items() if getattr(spoil(GOOD).judged(), "counts_as_forgery", False)}
    assert forged == {"bad_signature"}
    for text in ("", "12345", "hello.world.x", "a.b.c", seal(b'{"alg":"none"}', b"{}", OURS), "x" * 5000, "4711 ", "\ud800"):
        assert shown(text) == Denial("malformed", counts_as_forgery=True)


def test_a_code_over_four_kibibytes_is_not_read() -> None:
    assert GOOD.saying(pad="x" * 4096).judged() == Denial("malformed", counts_as_forgery=True)


def test_a_known_card_is_let_in_for_its_purpose() -> None:
    assert shown("4711") == Grant("card 4711", "shop")
    assert shown("0815") == Grant("card 0815", "service")
    assert shown("0042", Entrance("fridge-2")) == Grant("card 0042", "restock", ("fridge-2",))


def test_a_card_without_a_name_is_told_by_its_hmac() -> None:
    nameless = replace(card("4711"), name="")
    verdict = judge("4711", FRIDGE, replace(RULES, cards=Cards(CARD_KEY, (nameless,))), AT, used=bool, revoked=lambda jti, subject: False)
    assert verdict == Grant(f"card {nameless.card_hmac[:8]}", "shop")


def test_a_card_obeys_what_its_purpose_obeys() -> None:
    for entrance, reason in (
        (replace(FRIDGE, age_limit=18), "under_age"),
        (replace(FRIDGE, sales=NIGHT), "closed_hours"),
        (replace(FRIDGE, stopped=STOPPED), "sales_stopped"),
        (replace(FRIDGE, busy=True), "busy"),
    ):
        assert shown("4711", entrance) == Denial(reason, "card 4711")  # type: ignore[arg-type]
        assert isinstance(shown("0815", entrance), Denial) == (reason == "busy")
    assert shown("0042") == Denial("wrong_zone", "card 0042")
    assert shown("4711", revoked=True) == Denial("revoked", "card 4711")


def test_without_a_trusted_clock_a_card_works_unless_the_hours_decide() -> None:
    unsure = replace(AT, trusted=False)
    assert shown("4711", at=unsure) == Denial("clock_untrusted", "card 4711")
    assert shown("4711", Entrance("fridge-1"), unsure) == Grant("card 4711", "shop")
    assert shown("0815", at=unsure) == Grant("card 0815", "service")


def test_a_store_without_cards_knows_none() -> None:
    rules = replace(RULES, cards=Cards())
    verdict = judge("4711", FRIDGE, rules, AT, used=lambda jti: False, revoked=lambda jti, subject: False)
    assert verdict == Denial("malformed", counts_as_forgery=True)


def test_the_key_of_the_cards_is_never_shown() -> None:
    assert "0123456789abcdef" not in repr(RULES)


@given(st.text() | st.binary().map(lambda raw: raw.decode("latin-1")))
def test_no_text_raises_or_opens_a_door(text: str) -> None:
    assert isinstance(shown(text), Denial)


@given(
    st.dictionaries(st.sampled_from([*GOOD.claims, "nbf", "zones", "purpose", "order", "x"]), st.none() | st.text() | st.floats(0, 1e13))
)
def test_claims_that_somebody_else_signed_never_open_a_door(claims: dict[str, Any]) -> None:
    verdict = replace(GOOD.saying(**claims), key=FORGER, kid="").judged()
    assert isinstance(verdict, Denial)
    assert verdict.counts_as_forgery


def at(uptime: float, boot: str = "b1") -> Moment:
    return Moment(uptime, NOON + uptime, True, boot)


UNKNOWN = Denial("malformed", counts_as_forgery=True)


def failing(times: list[float], lockout: Lockout | None = None) -> tuple[Lockout, list[bool]]:
    """A reader after failures at these uptimes, and which of them are journalled."""
    lockout = lockout or Lockout()
    told = []
    for uptime in times:
        lockout, tell = lockout.after(UNKNOWN, at(uptime))
        told.append(tell)
    return lockout, told


def test_the_fifth_failure_within_a_minute_locks_the_reader_for_a_minute() -> None:
    lockout, told = failing([0, 10, 20, 30])
    assert not lockout.refuses_cards(at(30))
    lockout, last = failing([59.9], lockout)
    assert lockout.refuses_cards(at(59.9))
    assert lockout.refuses_cards(at(119.8))
    assert not lockout.refuses_cards(at(59.9 + WINDOW_S))
    assert told + last == [True] * FAILURES


def test_five_failures_over_more_than_a_minute_lock_nothing() -> None:
    lockout, told = failing([0, 15, 30, 45, 60, 75, 90, 105, 120])
    assert not lockout.refuses_cards(at(120))
    assert all(told)


def test_only_forgeries_count() -> None:
    lockout = Lockout()
    for verdict in (Denial("expired", "guest-7"), Denial("unknown_key"), Denial("malformed", "guest-7"), Grant("guest-7", "shop")) * 5:
        lockout, tell = lockout.after(verdict, at(1))
        assert tell
    assert (lockout.failed_at, lockout.locked_at, lockout.untold) == ((), None, 0)


def test_a_locked_reader_refuses_cards_and_lets_codes_in() -> None:
    lockout, _ = failing([1, 2, 3, 4, 5])
    refused = lockout.refuses_cards(at(6))
    assert shown("4711", refused=refused) == Denial("locked_out")
    assert shown("nobody's", refused=refused) == Denial("locked_out", counts_as_forgery=True)
    code = sign(GOOD.claims, OURS)
    verdict = judge(code, FRIDGE, RULES, AT, used=lambda jti: False, revoked=lambda jti, subject: False, cards_refused=refused)
    assert isinstance(verdict, Grant)


def test_failures_at_a_locked_reader_are_told_once_a_minute_and_counted() -> None:
    lockout, _ = failing([1, 2, 3, 4, 5])
    lockout, told = failing([6, 7, 8, 30, 64.9], lockout)
    assert told == [True, False, False, False, False]
    assert lockout.untold == 4
    assert not lockout.refuses_cards(at(65))


def test_failures_while_locked_do_not_make_it_longer() -> None:
    lockout, _ = failing([1, 2, 3, 4, 5, 60, 61, 62, 63, 64])
    assert not lockout.refuses_cards(at(65))
    lockout, _ = failing([66, 67, 68, 69], lockout)
    assert not lockout.refuses_cards(at(69))
    lockout, _ = failing([70], lockout)
    assert lockout.refuses_cards(at(71))


def test_a_known_card_at_a_locked_reader_is_told_each_time() -> None:
    lockout, _ = failing([1, 2, 3, 4, 5, 6])
    for uptime in (7, 8, 9):
        lockout, tell = lockout.after(Denial("locked_out"), at(uptime))
        assert tell


def test_another_boot_starts_afresh_whatever_its_uptime() -> None:
    lockout, _ = failing([1001, 1002, 1003, 1004, 1005])
    assert not lockout.refuses_cards(at(1010, "b2"))
    lockout, tell = lockout.after(UNKNOWN, at(3, "b2"))
    assert tell
    assert lockout.failed_at == (3.0,)
    assert not lockout.refuses_cards(at(3, "b2"))


def test_a_reader_remembers_no_more_than_it_needs() -> None:
    lockout, _ = failing([float(number) for number in range(1000)])
    assert len(lockout.failed_at) < FAILURES
