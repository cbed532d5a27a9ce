"""The veil over a recording: what was shown at the readers is written down so that it is judged alike again, and names nobody.

A code that was read is made anew: its claims without what no judgement needs, its subject and number replaced by what stands for them,
signed with a key that is made for this run of the daemon, is never written down, and whose public half goes into the recording. A signature
that was not good is not good again, for the same reason. What is no signed code (a card's number, anything else) becomes a stand-in that is
no code either. The same text always becomes the same, so that a code that is held, or shown twice, is known again.

What stands for a person or a code is the journal's own pseudonym where there is one when it is first read after a keyframe, so that who is
inside is known on the way out; else a keyed hash. The commands that name a person (``revoke``, ``forget``) are treated in the same way.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

from device.domain.commands import InboundCommand
from device.domain.jws import BadToken, Keyring, SigningKey, decode, sign, strict_object, verify
from device.domain.names import Names
from device.domain.readings import CodeReading, Reading
from device.store.access.codes import MAX_CODE_BYTES, EntryClaims
from device.store.memory.state import State
from device.store.store import Trust

NAMING = frozenset({"revoke", "forget"})
"""The commands whose arguments name a person or a code."""
JUDGED = ("iss", "aud", "zones", "purpose", "iat", "nbf", "exp", "age", "order")
"""The claims of an entry code, besides whose it is, that a judgement needs."""
MOST_REMEMBERED = 4096
"""Names since the last keyframe of which it is remembered what stands for them. With more, the oldest are looked up again."""


class Veil:
    """Of one run of the daemon. ``trust`` says whose keys are believed now; it keeps no name and no code."""

    def __init__(self, names: Names, state: State, trust: Callable[[], Trust]) -> None:
        self._names = names
        self._state = state
        self._trust = trust
        self._key = SigningKey.generate()
        self._stranger = SigningKey.generate()
        self._secret = secrets.token_bytes(32)
        self._stand_ins: dict[str, str] = {}

    @property
    def public_pem(self) -> str:
        """The key by which a replay believes what was believed."""
        return self._key.public_pem().decode("ascii")

    def begin(self) -> None:
        """A keyframe is written: from here on its pseudonyms hold."""
        self._stand_ins.clear()

    def reading(self, reading: Reading) -> Reading:
        """A reading as it may be written down; only codes are changed."""
        return reading._replace(text=self.code(reading.text)) if type(reading) is CodeReading else reading

    def code(self, text: str) -> str:
        """What is written in place of what a reader has read."""
        try:
            jws = decode(text, MAX_CODE_BYTES)
        except BadToken:
            return f"unread-{self._hash('text', text)}"
        try:
            claims = EntryClaims.model_validate(jws.claims)
        except ValidationError:
            sub = jws.claims.get("sub")
            return self._sealed(text, self._trust().codes.keyring, {"sub": self._subject(sub)} if isinstance(sub, str) else {})
        kept = {name: value for name, value in claims.model_dump(mode="json", exclude_unset=True).items() if name in JUDGED}
        whose = {"jti": self._stands_for("jti", claims.jti, self._names.code_of(claims.jti))}
        if claims.sub is not None:
            whose["sub"] = self._subject(claims.sub)
        return self._sealed(text, self._trust().codes.keyring, kept | whose)

    def command(self, command: InboundCommand) -> InboundCommand:
        """A command as it may be written down."""
        if command.name not in NAMING:
            return command
        signed = command.payload.lstrip()[:1] != b"{"
        try:
            text = command.payload.decode("ascii", "replace")
            claims = decode(text).claims if signed else strict_object(command.payload)
        except BadToken:
            return InboundCommand(command.name, b"unread", command.retained)
        args = claims.get("args")
        named = args if isinstance(args, dict) else {}
        kept: dict[str, Any] = {name: claims[name] for name in ("id", "name", "exp", "iat", "sub", "aud", "challenge") if name in claims}
        naming = {name: value for name, value in named.items() if name in ("subject", "jti") and isinstance(value, str)}
        kept["args"] = {name: self._named(name, value) for name, value in naming.items()}
        payload = self._sealed(text, self._trust().commands.keyring, kept) if signed else json.dumps(kept)
        return InboundCommand(command.name, payload.encode(), command.retained)

    def _named(self, name: str, value: str) -> str:
        return self._subject(value) if name == "subject" else self._stands_for("jti", value, self._names.code_of(value))

    def _subject(self, name: str) -> str:
        return self._stands_for("subject", name, self._names.subject_of(name))

    def _stands_for(self, kind: str, name: str, pseudonym: str | None) -> str:
        """The mark of what was revoked, by which a replay knows that; else the journal's pseudonym, else a hash."""
        hashed = f"v-{self._hash(kind, name)}"
        if hashed not in self._stand_ins:
            mark = self._names.mark(kind, name)
            revoked = mark in (self._state.revoked_subject if kind == "subject" else self._state.revoked_jti)
            if len(self._stand_ins) >= MOST_REMEMBERED:
                del self._stand_ins[next(iter(self._stand_ins))]
            self._stand_ins[hashed] = mark if revoked else (pseudonym or hashed)
        return self._stand_ins[hashed]

    def _sealed(self, text: str, believed: Keyring, claims: dict[str, Any]) -> str:
        """Claims as a token that is believed as the one it stands for is."""
        try:
            verify(decode(text), believed)
        except BadToken as bad:
            return sign(claims, self._stranger, self._key.thumbprint if bad.reason == "bad_signature" else None)
        return sign(claims, self._key)

    def _hash(self, kind: str, text: str) -> str:
        return hmac.new(self._secret, f"{kind}:{text}".encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:24]
