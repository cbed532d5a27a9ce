"""What the commands that sign share: the private key, the time, how people write a time span, and a code for whoever tries things out."""

from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from device.domain.events import Purpose
from device.domain.jws import SigningKey, seal_part, sign
from device.domain.layout import Layout

CODE_LIVES_S = 300
LONGEST_S = 3650 * 86_400.0

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def now() -> float:
    """Unix time, by the clock of whoever signs."""
    return datetime.now(UTC).timestamp()


def key_file(path: str) -> SigningKey:
    """A click type: the PEM file of an Ed25519 private key. Raises click.BadParameter."""
    try:
        return SigningKey.from_pem(Path(path).read_bytes())
    except OSError as error:
        raise click.BadParameter(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise click.BadParameter(f"{path} {error}") from None


def time_span(text: str) -> float:
    """A click type: seconds, or a number with s, m, h, d or w, as seconds. Raises click.BadParameter."""
    found = re.fullmatch(r"(\d{1,9}(?:\.\d{1,3})?)([smhdw]?)", text, re.ASCII)
    seconds = float(found[1]) * _UNITS[found[2]] if found else 0.0
    if not 0 < seconds <= LONGEST_S:
        raise click.BadParameter(f"{text!r} is not a time span such as 90, 30s, 10m, 2h or 7d, at most 3650d")
    return seconds


def entry_code(layout: Layout, key: SigningKey, sub: str, *, purpose: Purpose = "shop", age: int = 0) -> str:
    """A new code that opens every zone of this store once, within the next minutes."""
    issued = int(now())
    claims: dict[str, Any] = {"aud": layout.store.id, "sub": sub, "iat": issued, "exp": issued + CODE_LIVES_S}
    claims |= {"jti": seal_part(secrets.token_bytes(16)), "age": age, "purpose": purpose}
    if layout.access.issuer is not None:
        claims["iss"] = layout.access.issuer
    return sign(claims, key)
