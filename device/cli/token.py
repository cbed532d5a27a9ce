"""``smartstore token``: an entry code, as text and as a QR code in the terminal. What a backend does, for trying out and for staff."""

from __future__ import annotations

import io
import json
import math
import secrets
import sys
from pathlib import Path
from typing import Any, get_args

import click
from pydantic import ValidationError

from device.cli.output import json_option, say
from device.cli.signing import key_file, now, time_span
from device.domain.commands import Order
from device.domain.events import Purpose
from device.domain.jws import SigningKey, seal_part, sign

LONGEST = 4096
"""What a store reads."""


@click.command()
@click.option(
    "--key", type=key_file, metavar="FILE", required=True, help="Private key (PEM) whose public key the store has in access.entry_keys."
)
@click.option("--store", metavar="ID", required=True, help="The id of the store, as in its configuration.")
@click.option("--sub", metavar="NAME", help="Whom the code is for.")
@click.option("--zones", metavar="A,B", help="Zones that it opens. Without this: all; empty: none.")
@click.option("--purpose", type=click.Choice(get_args(Purpose)), default="shop", show_default=True)
@click.option("--age", type=click.IntRange(0, 150), default=0, help="Years of age that have been proven.")
@click.option(
    "--expires", type=time_span, metavar="TIME", default="10m", show_default=True, help="How long it is good for: 90, 30s, 10m, 2h, 7d."
)
@click.option("--order", metavar="JSON", help='For a pickup: {"id": …, "lines": [{"gtin": …, "quantity": …}]}, or @FILE.')
@click.option("--iss", metavar="NAME", help="Who issues it, where the store's access.issuer asks for that.")
@click.option("--jti", metavar="ID", help="The code's own number; without this a random one.")
@click.option("--qr/--no-qr", default=None, help="Draw it, or not. Without this: drawn on a terminal.")
@json_option
def command(key: SigningKey, store: str, expires: float, order: str | None, qr: bool | None, as_json: bool, **said: Any) -> None:
    """Make an entry code: a signed token that opens a door once, until it expires.

    The code is the first line of the output and, where the output is no terminal, the only one.
    """
    issued = int(now())
    jti = said["jti"] or seal_part(secrets.token_bytes(16))
    claims: dict[str, Any] = {"aud": store, "iat": issued, "exp": issued + math.ceil(expires), "jti": jti}
    claims |= {name: said[name] for name in ("iss", "sub") if said[name] is not None}
    if said["zones"] is not None:
        claims["zones"] = [zone.strip() for zone in said["zones"].split(",") if zone.strip()]
    if said["purpose"] != "shop":
        claims["purpose"] = said["purpose"]
    if said["age"]:
        claims["age"] = said["age"]
    claims |= _order(said["purpose"], order)
    code = sign(claims, key)
    if len(code) > LONGEST:
        raise click.ClickException(f"the code has {len(code)} characters; a reader takes {LONGEST}")
    say(as_json, code, token=code, claims=claims)
    if not as_json and (sys.stdout.isatty() if qr is None else qr):
        click.echo(draw(code))


def _order(purpose: str, order: str | None) -> dict[str, Any]:
    """The claim of a pickup's order, checked as the store will."""
    if (purpose == "pickup") != (order is not None):
        raise click.UsageError("a pickup needs --order, and nothing else has one")
    if order is None:
        return {}
    try:
        text = Path(order[1:]).read_text("utf-8") if order.startswith("@") else order
        Order.model_validate_json(text)
        return {"order": json.loads(text)}
    except OSError as error:
        raise click.BadParameter(f"{order[1:]}: {error.strerror}", param_hint="--order") from None
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(map(str, fault['loc'])) or 'order'}: {fault['msg']}" for fault in error.errors())
        raise click.BadParameter(told, param_hint="--order") from None


def draw(code: str) -> str:
    """A QR code of half-block characters, light on dark as terminals are, with its quiet zone (ISO/IEC 18004: 4 modules)."""
    import segno

    picture = io.StringIO()
    try:
        segno.make_qr(code, error="L").terminal(picture, compact=True)
    except segno.DataOverflowError:
        return "(too long for a QR code, which holds 2953 characters)"
    return picture.getvalue()
