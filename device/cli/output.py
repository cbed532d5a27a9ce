"""What commands print: plain sentences for people, or one JSON object a line with ``--json``."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import click

from device.errors import Fault, StoreError

FOLDED_FROM = 3
"""So many faults that differ only in where they are are told as one."""
PLACES = 4
"""Of those so many further places are shown, and every kind of place."""

NO_MINOR_UNIT = frozenset(["BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"])
THOUSANDTHS = frozenset(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"])
"""Currencies of which the minor unit is not a hundredth (ISO 4217, list one)."""

WIDTH = 120
"""Of lines that go to no terminal."""

NARROWEST = 40
"""Characters; a terminal that has fewer breaks lines itself."""

json_option: Callable[[Callable[..., Any]], Callable[..., Any]] = click.option(
    "--json", "as_json", is_flag=True, help="One JSON object a line instead of text."
)


def say(as_json: bool, text: str, **fields: object) -> None:
    """Print ``text`` to people, or ``fields`` as one line of JSON to programs."""
    click.echo(json.dumps(fields, ensure_ascii=False, default=str) if as_json else text)


def wrapped(text: str, indent: str) -> str:
    """A long line on several, the further ones indented; as wide as the terminal, where there is one."""
    return _filled(text, indent, shutil.get_terminal_size().columns if sys.stdout.isatty() else WIDTH)


def fitted(text: str, indent: str) -> str:
    """The same on a terminal; elsewhere one line stays one line, for whatever reads it."""
    return wrapped(text, indent) if sys.stdout.isatty() else text


def _filled(text: str, indent: str, width: int) -> str:
    return textwrap.fill(text, max(NARROWEST, width), subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def folded(faults: Iterable[Fault]) -> list[str]:
    """Faults as lines, in their order: what many entries have in common stands once, with the places; then how many there are.

    The same wrong value, of which the same is said, is one mistake wherever it stands; without a value it is one within one kind of place.
    """
    alike: dict[tuple[str, str, str], list[Fault]] = {}
    for fault in faults:
        alike.setdefault(("" if fault.found else _kind_of_place(fault), fault.found, fault.allowed), []).append(fault)
    lines, count = [], 0
    for group in alike.values():
        count += len(group)
        lines += [str(fault) for fault in group] if len(group) < FOLDED_FROM else [_as_one(group)]
    return lines if count < FOLDED_FROM else [*lines, f"{count} faults"]


def _as_one(group: Sequence[Fault]) -> str:
    others = group[1:]
    firsts = {_kind_of_place(fault): fault.path for fault in reversed(others)}
    shown = [fault.path for fault in others[:PLACES]]
    shown += [path for path in reversed(firsts.values()) if path not in shown]
    more = f" … {group[-1].path}" if len(others) > len(shown) else ""
    return f"{group[0]}\n    and the same {len(others)} times more: {', '.join(shown)}{more}"


def _kind_of_place(fault: Fault) -> str:
    return re.sub(r"\d+", "", fault.path)


def program() -> str:
    """What to write on a command line to run this program, from whatever folder."""
    called = Path(sys.argv[0]).absolute()
    if called.name == "smartstore" and os.access(called, os.X_OK):
        return shlex.quote(str(called))
    return f"{shlex.quote(sys.executable)} -m device"


def known(group: BaseExceptionGroup) -> StoreError | None:
    """The error of the program's own that ended a group of tasks; None where there was another as well, which is a bug."""
    if group.subgroup(lambda error: not isinstance(error, StoreError | BaseExceptionGroup)):
        return None
    first: BaseException = group
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    return first if isinstance(first, StoreError) else None


def certainty(confidence: float) -> str:
    """How sure a line of a cart is, in words. Nothing is 100 % sure."""
    return "over 99.99% sure" if confidence >= 0.9999 else f"{confidence:.2%} sure"


def money(minor: int, currency: str) -> str:
    """An amount in minor units as people write it: ``14.50 EUR``, ``1450 JPY``."""
    digits = 0 if currency in NO_MINOR_UNIT else 3 if currency in THOUSANDTHS else 2
    if digits == 0:
        return f"{minor} {currency}"
    whole, part = divmod(abs(minor), 10**digits)
    return f"{'-' if minor < 0 else ''}{whole}.{part:0{digits}} {currency}"


def items(count: int) -> str:
    """How many items, in words."""
    return "1 item" if count == 1 else f"{count} items"
