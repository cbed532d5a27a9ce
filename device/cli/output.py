"""What commands print: plain sentences for people, or one JSON object a line with ``--json``."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import click

json_option: Callable[[Callable[..., Any]], Callable[..., Any]] = click.option(
    "--json", "as_json", is_flag=True, help="One JSON object a line instead of text."
)


def say(as_json: bool, text: str, **fields: object) -> None:
    """Print ``text`` to people, or ``fields`` as one line of JSON to programs."""
    click.echo(json.dumps(fields, ensure_ascii=False, default=str) if as_json else text)
