"""Signed tokens: compact JWS (RFC 7515) with Ed25519 (RFC 8037), read strictly, and the keys they are signed with.

Entry codes and commands are both of this form. What is refused here is refused on purpose: an ``alg`` other than ``EdDSA`` (so no
``none``, and no key of one kind used as another), extensions we would have to understand (``crit``), the same JSON name twice, numbers and
strings that other programs would read differently. Keys come from the configuration alone; ``jwk``, ``jku`` and ``x5c`` are not looked at.

``cryptography`` is imported when the first key is used: a process that checks no signature does not carry its 8 MB.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from base64 import b64encode, urlsafe_b64decode, urlsafe_b64encode
from binascii import a2b_base64
from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Any, Literal

from device.domain.record import record

MAX_BYTES = 8 * 1024
"""Longest token that is read at all. The longest that anybody needs is a product list in a command."""

MAX_DIGITS = 18
"""Longest integer: all of them fit 64 bits, in which most programs keep one."""

MAX_DEPTH = 32
"""Deepest nesting. Ours have five levels; without a bound a short token could exhaust the stack of whoever writes it out again."""

_PART = re.compile(r"[A-Za-z0-9_-]*")
_PEM = re.compile(rb"-----BEGIN PUBLIC KEY-----(.+?)-----END PUBLIC KEY-----", re.DOTALL)
_ED25519 = bytes.fromhex("300506032b6570")
_BEFORE_KEY = b"\x30\x2a" + _ED25519 + b"\x03\x21\x00"
"""What stands in DER before the 32 bytes of every Ed25519 public key (RFC 8410, 4). The general reader of keys would cost 3 MB."""


class BadToken(ValueError):
    """A token that is not believed. ``reason`` is the word of the contract for it."""

    def __init__(self, reason: Literal["malformed", "unknown_key", "bad_signature"], detail: str) -> None:
        self.reason = reason
        super().__init__(detail)


@record
class Jws:
    """A token as read, not yet believed. ``signed`` is what the signature is over; ``kid`` names the key, where the signer said it."""

    claims: dict[str, Any]
    kid: str | None
    signed: bytes
    signature: bytes


def decode(text: str, max_bytes: int = MAX_BYTES) -> Jws:
    """Read a compact JWS whose payload is a JSON object, without believing it.

    Raises BadToken, reason ``malformed``, for everything else.
    """
    if len(text) > max_bytes:
        raise BadToken("malformed", f"longer than {max_bytes} bytes")
    parts = text.split(".", 3)
    if len(parts) != 3:
        raise BadToken("malformed", "not three parts")
    header, claims = strict_object(unseal_part(parts[0])), strict_object(unseal_part(parts[1]))
    kid = header.get("kid")
    if header.get("alg") != "EdDSA":
        raise BadToken("malformed", "alg is not EdDSA")
    if "crit" in header:
        raise BadToken("malformed", "crit names extensions that are not understood")
    if "kid" in header and not isinstance(kid, str):
        raise BadToken("malformed", "kid is not a string")
    return Jws(claims, kid, f"{parts[0]}.{parts[1]}".encode(), unseal_part(parts[2]))


def verify(jws: Jws, keyring: Keyring) -> dict[str, Any]:
    """The claims, now that one of our keys has signed them.

    Raises BadToken: ``unknown_key`` where the ``kid`` is not ours, ``bad_signature`` where no key fits. Without ``kid`` every key is tried.
    """
    if jws.kid is None:
        candidates = list(keyring.keys.values())
    elif jws.kid in keyring.keys:
        candidates = [keyring.keys[jws.kid]]
    else:
        raise BadToken("unknown_key", "kid is not the thumbprint of one of our keys")
    if not any(fits(jws.signature, jws.signed, key) for key in candidates):
        raise BadToken("bad_signature", "no key fits the signature")
    return jws.claims


def sign(claims: Mapping[str, Any], key: SigningKey, kid: str | None = None) -> str:
    """A compact JWS of ``claims``. ``kid`` None: the key's own thumbprint; empty: none is said, which makes a shorter token."""
    header = {"alg": "EdDSA", "kid": key.thumbprint if kid is None else kid}
    if not header["kid"]:
        del header["kid"]
    return seal(_compact(header), _compact(claims), key)


def seal(header: bytes, payload: bytes, key: SigningKey) -> str:
    """Any header and payload as a compact JWS (RFC 7515, section 7.1)."""
    signed = f"{seal_part(header)}.{seal_part(payload)}"
    return f"{signed}.{seal_part(key.sign(signed.encode()))}"


def seal_part(content: bytes) -> str:
    """Base64url without padding (RFC 7515, section 2)."""
    return urlsafe_b64encode(content).rstrip(b"=").decode()


def unseal_part(text: str) -> bytes:
    """The inverse of ``seal_part``, for exactly what it makes: padding, white space and stray bits at the end are refused.

    Raises BadToken, reason ``malformed``. So one token has one spelling, and an altered one is never the same.
    """
    if not _PART.fullmatch(text) or len(text) % 4 == 1:
        raise BadToken("malformed", "not base64url without padding")
    content = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if seal_part(content) != text:
        raise BadToken("malformed", "base64url with stray bits at its end")
    return content


def strict_object(raw: bytes) -> dict[str, Any]:
    """One JSON object (RFC 8259) that every reader reads alike.

    Raises BadToken, reason ``malformed``: not UTF-8, a name twice, NaN or infinity, an integer over ``MAX_DIGITS`` digits, half a
    surrogate pair, nested too deep, or no object.
    """
    try:
        value = json.loads(raw.decode(), object_pairs_hook=_distinct, parse_constant=_refused, parse_float=_finite, parse_int=_short)
        _shallow(value, MAX_DEPTH)
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise BadToken("malformed", f"not strict JSON: {error}") from None
    if not isinstance(value, dict):
        raise BadToken("malformed", "not a JSON object")
    return value


def jwk_thumbprint(members: Mapping[str, str]) -> str:
    """RFC 7638: SHA-256 over a key's required members in the order of their names, as base64url."""
    return seal_part(hashlib.sha256(json.dumps(members, separators=(",", ":"), sort_keys=True).encode()).digest())


def thumbprint(public: bytes) -> str:
    """The thumbprint of an Ed25519 public key of 32 bytes (RFC 8037, appendix A.3)."""
    return jwk_thumbprint({"crv": "Ed25519", "kty": "OKP", "x": seal_part(public)})


def fits(signature: bytes, signed: bytes, public: bytes) -> bool:
    """Whether an Ed25519 signature (RFC 8032) of ``signed`` is by the owner of ``public``."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, signed)
    except InvalidSignature:
        return False
    return True


@record
class Keyring:
    """The public keys that we believe: 32 bytes each, by thumbprint."""

    keys: Mapping[str, bytes] = field(default_factory=dict)

    @classmethod
    def from_pem(cls, *pems: bytes) -> Keyring:
        """The keys in the contents of some PEM files, each of which may hold several.

        Raises ValueError that says what is wrong; for a keyring of many files read each alone and join them, to know which.
        """
        return cls.of(key for pem in pems for key in public_keys(pem))

    @classmethod
    def of(cls, keys: Iterable[bytes]) -> Keyring:
        """A keyring of Ed25519 public keys of 32 bytes."""
        return cls({thumbprint(key): key for key in keys})

    def __or__(self, other: Keyring) -> Keyring:
        return Keyring({**self.keys, **other.keys})


def public_keys(pem: bytes) -> list[bytes]:
    """The Ed25519 public keys of one PEM file (RFC 8410), 32 bytes each, at least one.

    Raises ValueError that says what is allowed.
    """
    if b"PRIVATE KEY-----" in pem:
        raise ValueError("is a private key: name the public one, and keep this off the store")
    blocks = _PEM.findall(pem)
    if not blocks:
        raise ValueError("must be an Ed25519 public key in PEM (BEGIN PUBLIC KEY)")
    return [_public_key(block) for block in blocks]


def _public_key(block: bytes) -> bytes:
    try:
        der = a2b_base64(b"".join(block.split()), strict_mode=True)
    except ValueError:
        der = b""
    if der.startswith(_BEFORE_KEY) and len(der) == len(_BEFORE_KEY) + 32:
        return der[len(_BEFORE_KEY) :]
    if der.startswith(b"\x30") and _ED25519 not in der:
        raise ValueError("must be an Ed25519 public key, and this is another kind of key")
    raise ValueError("must be an Ed25519 public key in PEM; this one is damaged")


def public_pem(public: bytes) -> bytes:
    """A public key of 32 bytes as SubjectPublicKeyInfo in PEM: what a store's configuration names."""
    return b"-----BEGIN PUBLIC KEY-----\n" + b64encode(_BEFORE_KEY + public) + b"\n-----END PUBLIC KEY-----\n"


@record
class SigningKey:
    """An Ed25519 private key: its 32 bytes of secret, which no representation shows."""

    secret: bytes = field(repr=False)

    @classmethod
    def generate(cls) -> SigningKey:
        """A new key, from the system's random source."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        return cls(Ed25519PrivateKey.generate().private_bytes_raw())

    @classmethod
    def from_pem(cls, pem: bytes) -> SigningKey:
        """A key from a PEM file without a password (PKCS #8).

        Raises ValueError that says what is allowed.
        """
        from cryptography.exceptions import InternalError, UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        try:
            key = load_pem_private_key(pem, password=None)
        except TypeError:
            raise ValueError("has a password; a key without one is needed") from None
        except (ValueError, UnsupportedAlgorithm, InternalError):  # the last for a key of another length than 32 bytes
            raise ValueError("must be an Ed25519 private key in PEM (BEGIN PRIVATE KEY)") from None
        if not isinstance(key, Ed25519PrivateKey):
            raise ValueError("must be an Ed25519 private key; this one is of another kind")
        return cls(key.private_bytes_raw())

    @property
    def public(self) -> bytes:
        """The public key, 32 bytes."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        return Ed25519PrivateKey.from_private_bytes(self.secret).public_key().public_bytes_raw()

    @property
    def thumbprint(self) -> str:
        return thumbprint(self.public)

    @property
    def keyring(self) -> Keyring:
        """A keyring that believes this key alone."""
        return Keyring.of([self.public])

    def sign(self, content: bytes) -> bytes:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        return Ed25519PrivateKey.from_private_bytes(self.secret).sign(content)

    def private_pem(self) -> bytes:
        """PKCS #8, without a password: for a file that only its owner can read."""
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        return Ed25519PrivateKey.from_private_bytes(self.secret).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def public_pem(self) -> bytes:
        """SubjectPublicKeyInfo: what a store's configuration names."""
        return public_pem(self.public)


def _compact(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name twice in one object")
    return found


def _shallow(value: object, depth: int) -> None:
    if not isinstance(value, dict | list):
        return
    if depth == 0:
        raise ValueError("nested too deep")
    for item in value.values() if isinstance(value, dict) else value:
        _shallow(item, depth - 1)


def _refused(word: str) -> Any:
    raise ValueError(f"{word} is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("a number out of range")
    return value


def _short(text: str) -> int:
    if len(text.lstrip("-")) > MAX_DIGITS:
        raise ValueError("an integer out of range")
    return int(text)
