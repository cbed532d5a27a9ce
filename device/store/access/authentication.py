"""Whether a command is believed: who signed it, for which store, and when. What it then does is ``commands``'.

Pure. The order of the refusals is the contract's; those of the store (``unknown_zone``, ``fire``, ``busy``, ``still_warm``) come after.

Without a trusted clock a command must name a challenge that this boot has published, so it was made after that. Nobody can tell how long
after, so it is taken to be as old as the challenge: ``iat`` stands for the moment of publication, and from there time runs on
``CLOCK_BOOTTIME``. A command that was held back is then refused in time, whatever the clocks say. A challenge is therefore to be renewed
well within the life of a command (``RENEW_CHALLENGE_S``), and the one before it honoured too, because a command may cross with its renewal.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import field
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError

from device.domain.commands import COMMANDS, PHYSICAL, Arguments, Command, InboundCommand
from device.domain.jws import MAX_BYTES, BadToken, Keyring, decode, strict_object, verify
from device.domain.moment import Moment
from device.domain.record import record
from device.store.access.claims import Claims, NumericDate, Text

Reason = Literal[
    "retained",
    "malformed",
    "unsigned",
    "unknown_key",
    "bad_signature",
    "wrong_store",
    "clock_untrusted",
    "not_yet_valid",
    "expired",
    "too_far_ahead",
    "unknown_command",
    "bad_arguments",
]
"""Why a command is not let in. Of those that hold, the first is told."""

CLOCK_SKEW_S = 30.0
"""How far the sender's clock may be ahead of ours."""

LONGEST_S = 60.0
"""How far ahead the end of a physical command may be, and the life of a command without ``iat`` where the clock is not trusted."""

RENEW_CHALLENGE_S = 10.0
"""How old a challenge should get while the clock is not trusted: a command that lives 15 s, made now, then has time left to arrive."""

PUBLIC_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
"""An id at whose reply topic anybody is answered, also who is not believed."""


@record
class Challenge:
    """A random value that the status has told, and the uptime of this boot at which it did."""

    value: str
    published_at: float


@record
class Rules:
    """What the configuration says about commands. ``root`` is that of all topics, with the store's id in it."""

    store: str
    root: str
    keyring: Keyring = field(default_factory=Keyring)
    signed: bool = True


@record
class Refusal:
    """A command that is not let in.

    ``id`` and ``by`` are None where they cannot be told, and ``by`` also where it is not proven. ``answerable``: there is a topic that may
    be answered to. ``remember``: its signature is good and it is for us, so its id is used up; what is not remembered can be sent again
    without end, and is journalled at most once a minute. ``expires`` is Unix time by the sender's clock.
    """

    reason: Reason
    id: str | None
    by: str | None = None
    answerable: bool = False
    remember: bool = False
    expires: float | None = None


def authenticate(inbound: InboundCommand, rules: Rules, at: Moment, challenges: Sequence[Challenge] = ()) -> Command | Refusal:
    """The command, now that its sender is known, or why not. Never raises, whatever came in.

    ``challenges`` are those that count now: the published one, and the one before it. A ``Command`` is to be remembered like a ``Refusal``
    that says so; the id of either may have been seen before, which is for the store to look up first.
    """
    answerable = response_topic(inbound, rules.root) is not None
    if inbound.retained:
        return Refusal("retained", None, answerable=answerable)
    try:
        raw, distrust = _read(inbound.payload, rules)
    except BadToken:
        return Refusal("malformed", None, answerable=answerable)
    claims = _claims(raw)
    args = _arguments(claims)
    against = next(_against(inbound, claims, distrust, args, rules, at, challenges), None)
    proven = distrust is None
    by = raw["sub"] if proven and isinstance(raw.get("sub"), str) else None
    if against is None and claims is not None and args is not None:
        return Command(claims.id, claims.name, args, by, claims.exp)
    known = _id(raw)
    remember = proven and known is not None and raw.get("aud") == rules.store
    answerable = answerable or remember or (known is not None and PUBLIC_ID.fullmatch(known) is not None)
    return Refusal(against or "malformed", known, by, answerable, remember, claims.exp if claims else None)


def response_topic(inbound: InboundCommand, root: str) -> str | None:
    """Where the sender wants its answer, None where that is nowhere we would publish to.

    Refused are wildcards, control characters, broker topics, and our own topics other than ``reply/``: nobody may have us speak there.
    """
    topic = inbound.response_topic
    if not topic or not _publishable(topic) or topic.startswith("$") or len(topic) > 1024:
        return None
    ours = topic == root or topic.startswith(f"{root}/")
    return None if ours and not topic.startswith(f"{root}/reply/") else topic


def _read(payload: bytes, rules: Rules) -> tuple[dict[str, Any], Reason | None]:
    """The claims of a payload, and why they are not proven."""
    if len(payload) > MAX_BYTES:
        raise BadToken("malformed", f"longer than {MAX_BYTES} bytes")
    if payload.lstrip()[:1] == b"{":
        return strict_object(payload), "unsigned" if rules.signed else None
    jws = decode(payload.decode("ascii", "replace"))
    try:
        return verify(jws, rules.keyring), None
    except BadToken as bad:
        return jws.claims, bad.reason


def _against(
    inbound: InboundCommand,
    claims: CommandClaims | None,
    distrust: Reason | None,
    args: Arguments | None,
    rules: Rules,
    at: Moment,
    challenges: Sequence[Challenge],
) -> Iterator[Reason]:
    """All that speaks against a command, in the contract's order."""
    if claims is None or claims.name != inbound.name:
        yield "malformed"
        return
    if distrust is not None:
        yield distrust
    if claims.aud != rules.store:
        yield "wrong_store"
    now = _now(claims, at, challenges)
    if now is None:
        yield "clock_untrusted"
        return
    if claims.iat is not None and claims.iat > now + CLOCK_SKEW_S:
        yield "not_yet_valid"
    if claims.exp <= now:
        yield "expired"
    if claims.name in PHYSICAL and claims.exp > now + LONGEST_S:
        yield "too_far_ahead"
    if claims.name not in COMMANDS:
        yield "unknown_command"
    if args is None:
        yield "bad_arguments"


def _now(claims: CommandClaims, at: Moment, challenges: Sequence[Challenge]) -> float | None:
    """Unix time by which a command is judged; None where there is none to be had."""
    if at.trusted:
        return at.wall
    for challenge in challenges:
        if claims.challenge == challenge.value:
            made = claims.exp - LONGEST_S if claims.iat is None else claims.iat
            return made + at.uptime - challenge.published_at
    return None


def _claims(raw: dict[str, Any]) -> CommandClaims | None:
    try:
        return CommandClaims.model_validate(raw)
    except ValidationError:
        return None


def _arguments(claims: CommandClaims | None) -> Arguments | None:
    """The arguments as their command's model; None where they do not fit it, or nothing is known of the command."""
    if claims is None or claims.name not in COMMANDS:
        return None
    try:
        return COMMANDS[claims.name].model_validate_json(json.dumps(claims.args))
    except ValidationError:
        return None


def _id(raw: dict[str, Any]) -> str | None:
    found = raw.get("id")
    return found if isinstance(found, str) and 0 < len(found) <= 256 and _publishable(found) else None


def _publishable(text: str) -> bool:
    """Whether a broker takes it as a topic to publish to (MQTT 5.0, sections 1.5.4 and 4.7.1)."""
    return text.isprintable() and not any(mark in text for mark in "+#")


def _names_a_topic(value: str) -> str:
    if not _publishable(value):
        raise ValueError("cannot be the last level of a topic")
    return value


class CommandClaims(Claims):
    """The claims of a command. Its ``id`` must be able to end the topic of its reply."""

    id: Annotated[Text, AfterValidator(_names_a_topic)]
    name: str
    exp: NumericDate
    args: dict[str, Any] = Field(default_factory=dict)
    iat: NumericDate | None = None
    sub: Text | None = None
    aud: str | None = None
    challenge: str | None = None
