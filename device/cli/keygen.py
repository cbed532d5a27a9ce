"""``smartstore keygen``: an Ed25519 pair for whoever signs entry codes or commands."""

from __future__ import annotations

import os
from pathlib import Path

import click

from device.cli.output import json_option, say
from device.domain.jws import SigningKey


@click.command()
@click.option("--out", metavar="NAME", default="smartstore", show_default=True, help="Writes NAME.key.pem and NAME.pub.pem.")
@json_option
def command(out: str, as_json: bool) -> None:
    """Make an Ed25519 key pair.

    NAME.pub.pem goes to the store, into access.entry_keys or access.command_keys. NAME.key.pem signs, and stays with whoever signs.
    """
    key = SigningKey.generate()
    private, public = Path(f"{out}.key.pem"), Path(f"{out}.pub.pem")
    for path in (private, public):
        if path.exists():
            raise click.ClickException(f"{path} is there already, and a key is not overwritten")
    _write_new(private, key.private_pem(), 0o600)
    _write_new(public, key.public_pem(), 0o644)
    say(
        as_json,
        f"{private}  signs; keep it secret\n{public}  goes to the store\nthumbprint {key.thumbprint}",
        private=str(private),
        public=str(public),
        thumbprint=key.thumbprint,
    )


def _write_new(path: Path, content: bytes, mode: int) -> None:
    """Write a file that nobody has made in the meantime, readable as it should be from its first moment."""
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(content)
    except OSError as error:
        raise click.ClickException(f"{path}: {error.strerror}") from None
