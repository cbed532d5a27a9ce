"""Who may open a door: an entry code or a card number, judged without a network.

Pure: everything that is remembered (used codes, revocations, failures of a reader) comes in as an argument. Reading the codes off a device,
and one reading a code, are ``sensing``'s; what a grant starts is the store's.

Three choices where more than one could be defended. A code of another issuer is ``wrong_store``: its signature is good, and it is not meant
for us. A code cannot be believed without a trusted clock, because every code expires; a card can, unless the hours of the zone decide. A
pickup obeys no age limit: who made the order has proven it, and has signed it.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterator
from dataclasses import field, replace
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, get_args
from zoneinfo import ZoneInfo

from pydantic import Field, ValidationError, model_validator

from device.domain.cards import Card
from device.domain.commands import Order
from device.domain.events import Purpose
from device.domain.jws import BadToken, Keyring, decode, verify
from device.domain.moment import Moment
from device.domain.opening import ALWAYS, Opening
from device.domain.record import record
from device.store.access.claims import Claims, NumericDate, Text

Reason = Literal[
    "malformed",
    "unknown_key",
    "bad_signature",
    "clock_untrusted",
    "wrong_store",
    "not_yet_valid",
    "expired",
    "revoked",
    "used",
    "wrong_zone",
    "under_age",
    "closed_hours",
    "sales_stopped",
    "busy",
    "locked_out",
]
"""Why nobody is let in. Of those that hold, the first is told; ``locked_out`` is a card's alone, and then the only one."""

REASONS: tuple[Reason, ...] = get_args(Reason)

MAX_CODE_BYTES = 4096
"""The largest QR code holds 2,953 bytes (ISO/IEC 18004, version 40-L)."""

CLOCK_SKEW_S = 30.0
"""How far the clock of who issued a code may be ahead of ours."""

FAILURES = 5
WINDOW_S = 60.0
"""So many failures within so long, and a reader refuses card numbers for as long again."""
DENIALS = 30
"""So many denials of a reader are journalled within ``WINDOW_S``, whatever their reason: more than people show, less than a film."""


@record
class Grant:
    """Somebody is let in.

    ``subject`` is whom the code was made for (``sub``), or the card's name; where there is none it is the ``jti``, or the beginning of the
    card's HMAC. ``jti`` and ``expires`` (Unix time) are None for a card, ``zones`` is None for all of them, ``order`` is None unless the
    purpose is ``pickup``.
    """

    subject: str
    purpose: Purpose
    zones: tuple[str, ...] | None = None
    jti: str | None = None
    age: int = 0
    order: Order | None = None
    expires: float | None = None


@record
class Denial:
    """Nobody is let in. ``subject`` is None unless it was verified; ``counts_as_forgery`` tells the reader's ``Lockout``."""

    reason: Reason
    subject: str | None = None
    counts_as_forgery: bool = False


@record
class Entrance:
    """The zone that somebody wants to enter, as it is now.

    ``age_limit`` is the greater of the zone's own and its products'; ``sales`` and ``pickups`` are its hours; ``stopped`` are the purposes
    that nobody comes in for.
    """

    zone: str
    age_limit: int = 0
    sales: Opening = ALWAYS
    pickups: Opening = ALWAYS
    stopped: frozenset[Purpose] = frozenset()
    busy: bool = False

    def opening(self, purpose: Purpose) -> Opening:
        """The hours that a purpose obeys."""
        return {"shop": self.sales, "pickup": self.pickups}.get(purpose, ALWAYS)


@record
class Cards:
    """The cards that are let in, and the key under which their numbers are kept."""

    key: bytes = field(default=b"", repr=False)
    cards: tuple[Card, ...] = ()

    def find(self, number: str) -> Card | None:
        """The card of this number. Takes equally long for every number of the same length."""
        shown = card_hmac(number, self.key)
        found = None
        for card in self.cards:
            if hmac.compare_digest(shown, card.card_hmac):
                found = card
        return found


def card_hmac(number: str, key: bytes) -> str:
    """What the card file has in place of a number: HMAC-SHA256 of the number as the reader sends it, lower-case hex."""
    return hmac.new(key, number.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


@record
class Rules:
    """What the configuration says about codes. ``issuer`` None: any that one of the keys has signed for."""

    store: str
    timezone: ZoneInfo
    keyring: Keyring = field(default_factory=Keyring)
    issuer: str | None = None
    cards: Cards = field(default_factory=Cards)


Used = Callable[[str], bool]
"""jti → whether it has been granted before."""

Revoked = Callable[[str | None, str | None], bool]
"""(jti, subject) → whether either has been revoked."""


def judge(
    text: str, entrance: Entrance, rules: Rules, at: Moment, *, used: Used, revoked: Revoked, cards_refused: bool = False
) -> Grant | Denial:
    """Whether what a reader has read opens this entrance now; of all that speaks against it, the first of ``REASONS``.

    ``cards_refused`` is the reader's ``Lockout.refuses_cards``. Never raises, whatever the text.
    """
    try:
        jws = decode(text, MAX_CODE_BYTES)
    except BadToken:
        card = rules.cards.find(text) if len(text) <= MAX_CODE_BYTES else None
        if cards_refused:
            return Denial("locked_out", counts_as_forgery=card is None)
        if card is None:
            return Denial("malformed", counts_as_forgery=True)
        grant = Grant(card.name or f"card {card.card_hmac[:8]}", card.purpose, card.zones)
        against = next(_against(grant, entrance, rules, at, used, revoked), None)
        return Denial(against, grant.subject) if against else grant
    try:
        verify(jws, rules.keyring)
        signature: Reason | None = None
    except BadToken as bad:
        signature = bad.reason
    return _judge_claims(jws.claims, signature, entrance, rules, at, used, revoked)


def bearer(text: str, rules: Rules) -> tuple[str | None, str] | None:
    """Whose code this is, whether or not it would still open anything: its ``jti`` (None: a card) and its subject. None: nobody's.

    For the way out, where an expired or used code must not keep anybody in.
    """
    try:
        jws = decode(text, MAX_CODE_BYTES)
    except BadToken:
        card = rules.cards.find(text) if len(text) <= MAX_CODE_BYTES else None
        return (None, card.name) if card else None
    try:
        grant = EntryClaims.model_validate(verify(jws, rules.keyring)).granted()
    except (BadToken, ValidationError):
        return None
    return grant.jti, grant.subject


def _judge_claims(
    raw: dict[str, Any], signature: Reason | None, entrance: Entrance, rules: Rules, at: Moment, used: Used, revoked: Revoked
) -> Grant | Denial:
    forged = signature == "bad_signature"
    try:
        claims = EntryClaims.model_validate(raw)
    except ValidationError:
        sub = raw.get("sub")
        return Denial("malformed", sub if signature is None and isinstance(sub, str) else None, forged)
    if signature is not None:
        return Denial(signature, None, forged)
    grant = claims.granted()
    against = next(_against_claims(claims, rules, at), None) or next(_against(grant, entrance, rules, at, used, revoked), None)
    return Denial(against, claims.sub) if against else grant


def _against_claims(claims: EntryClaims, rules: Rules, at: Moment) -> Iterator[Reason]:
    if not at.trusted:
        yield "clock_untrusted"
    if claims.aud != rules.store or rules.issuer not in (None, claims.iss):
        yield "wrong_store"
    if claims.nbf > at.wall or claims.iat > at.wall + CLOCK_SKEW_S:
        yield "not_yet_valid"
    if claims.exp <= at.wall:
        yield "expired"


def _against(grant: Grant, entrance: Entrance, rules: Rules, at: Moment, used: Used, revoked: Revoked) -> Iterator[Reason]:
    opening = entrance.opening(grant.purpose)
    if not opening.always and not at.trusted:
        yield "clock_untrusted"
    if revoked(grant.jti, grant.subject):
        yield "revoked"
    if grant.jti is not None and used(grant.jti):
        yield "used"
    if grant.zones is not None and entrance.zone not in grant.zones:
        yield "wrong_zone"
    if grant.purpose == "shop" and grant.age < entrance.age_limit:
        yield "under_age"
    if not opening.is_open(datetime.fromtimestamp(at.wall, UTC).astimezone(rules.timezone)):
        yield "closed_hours"
    if grant.purpose in entrance.stopped:
        yield "sales_stopped"
    if entrance.busy:
        yield "busy"


class EntryClaims(Claims):
    """The claims of an entry code."""

    exp: NumericDate
    jti: Text
    iss: str | None = None
    sub: Text | None = None
    aud: str | None = None
    zones: Annotated[tuple[str, ...], Field(strict=False)] | None = None
    purpose: Purpose = "shop"
    iat: NumericDate = 0.0
    nbf: NumericDate = 0.0
    age: Annotated[int, Field(ge=0, le=150)] = 0
    order: Order | None = None

    @model_validator(mode="after")
    def _pickup_has_its_order(self) -> EntryClaims:
        if self.purpose == "pickup" and self.order is None:
            raise ValueError("a pickup needs its order")
        return self

    def granted(self) -> Grant:
        """What these claims allow where nothing speaks against them."""
        order = self.order if self.purpose == "pickup" else None
        return Grant(self.sub or self.jti, self.purpose, self.zones, self.jti, self.age, order, self.exp)


@record
class Lockout:
    """What one reader remembers of failures. After ``FAILURES`` within ``WINDOW_S`` it refuses card numbers for ``WINDOW_S``.

    Signed codes cannot be guessed, so they go on working, and nobody can close a store with forged ones. Times are uptimes of ``boot``:
    another boot starts afresh. ``untold`` counts the failures of which the journal has no event, ``denied_at`` are denials that it has.
    """

    boot: str = ""
    failed_at: tuple[float, ...] = ()
    locked_at: float | None = None
    told_at: float | None = None
    untold: int = 0
    denied_at: tuple[float, ...] = ()

    def refuses_cards(self, at: Moment) -> bool:
        """Whether the reader refuses card numbers now."""
        return self.boot == at.boot and self.locked_at is not None and at.uptime - self.locked_at < WINDOW_S

    def after(self, verdict: Grant | Denial, at: Moment) -> tuple[Lockout, bool]:
        """What the reader remembers after a verdict, and whether that is to be journalled.

        Of failures while it refuses, one a minute is, and of all denials, ``DENIALS``.
        """
        if isinstance(verdict, Grant):
            return self, True
        now, told = self._after_denial(verdict, at)
        recent = tuple(since for since in self.denied_at if self.boot == at.boot and at.uptime - since < WINDOW_S)
        if told and len(recent) >= DENIALS:
            return replace(now, untold=now.untold + 1), False
        return replace(now, denied_at=(*recent, at.uptime) if told else recent), told

    def _after_denial(self, verdict: Denial, at: Moment) -> tuple[Lockout, bool]:
        """The same for a denial, but for the bound on all of them."""
        if not verdict.counts_as_forgery:
            return (self if self.boot == at.boot else Lockout(at.boot, untold=self.untold)), True
        if self.boot != at.boot:
            return Lockout(at.boot, (at.uptime,), untold=self.untold), True
        if self.refuses_cards(at):
            if self.told_at is not None and at.uptime - self.told_at < WINDOW_S:
                return replace(self, untold=self.untold + 1), False
            return replace(self, told_at=at.uptime), True
        failed_at = (*(since for since in self.failed_at if at.uptime - since < WINDOW_S), at.uptime)
        if len(failed_at) < FAILURES:
            return replace(self, failed_at=failed_at, locked_at=None), True
        return replace(self, failed_at=(), locked_at=at.uptime), True
