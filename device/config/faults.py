"""Collecting faults: all of them, each where the user wrote it, before anything is refused."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from pathlib import Path

from device.errors import Fault

LONGEST_SHOWN = 60
"""Characters of a found value that are repeated to the user: enough to find it by."""


class Faults:
    """A list of faults that many readers write to. A fault is told once."""

    def __init__(self) -> None:
        self._faults: dict[Fault, None] = {}

    def add(self, path: str, found: str, allowed: str) -> None:
        """Note one fault: its path as the user writes it, what is there (empty: nothing to show), what is allowed."""
        self._faults[Fault(path, found, allowed)] = None

    def extend(self, other: Faults, file: str, at_most: int) -> None:
        """Take over the faults of a file, at most so many of them: a file of the wrong kind is wrong in every row."""
        for place, fault in enumerate(other):
            if place == at_most:
                self.add(file, "", f"has {len(other) - at_most} more faults")
                return
            self._faults[fault] = None

    def at(self, path: str) -> bool:
        """Whether ``path`` has a fault already."""
        return any(fault.path == path for fault in self._faults)

    def __iter__(self) -> Iterator[Fault]:
        return iter(self._faults)

    def __len__(self) -> int:
        return len(self._faults)


def shown(value: object) -> str:
    """A value as TOML spells it, cut where it is long; empty for a table, whose name is its path."""
    match value:
        case None | dict():
            return ""
        case bool():
            text = "true" if value else "false"
        case str():
            text = json.dumps(value, ensure_ascii=False)
        case float() if not math.isfinite(value):
            text = str(value)
        case int() | float():
            text = repr(value)
        case list() | tuple():
            text = f"[{', '.join(shown(item) or '{…}' for item in value[:LONGEST_SHOWN])}]"
        case _:
            text = str(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 1]}…"


def shown_path(path: Path) -> str:
    """A path as TOML spells it, whole: where it leads matters."""
    return json.dumps(str(path), ensure_ascii=False)


def either(choices: Iterable[object]) -> str:
    """The choices as a phrase: ``"a" or "b"``, ``one of "a", "b", "c"``."""
    words = [shown(choice) for choice in choices]
    return " or ".join(words) if len(words) <= 2 else f"one of {', '.join(words)}"


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """``; did you mean "x"?`` where one of the known words is close, else nothing."""
    near = nearest(word, known)
    return "" if near is None else f"; did you mean {shown(near)}?"


def nearest(word: object, known: Iterable[str]) -> str | None:
    """The known word that is closest to a misspelt one; None where none is close."""
    if not isinstance(word, str):
        return None
    lowered = {name.lower(): name for name in known}
    import difflib  # a configuration without a mistake does not need it

    near = difflib.get_close_matches(word.lower(), lowered, n=1, cutoff=0.6)
    return lowered[near[0]] if near else None
