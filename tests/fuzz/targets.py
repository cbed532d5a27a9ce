"""What a stranger can feed the program with, as targets of a fuzzer: bytes in, nothing out, and an exception is a finding.

Codecs and dialogues hear what a line may carry; the rest reads files and messages that others have written. Each target has seeds, from
which a fuzzer mutates.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

Run = Callable[[bytes], None]


class Target(NamedTuple):
    """``prepare`` makes what takes the bytes; ``longest`` input is worth trying."""

    prepare: Callable[[], Run]
    seeds: Callable[[], Sequence[bytes]]
    longest: int = 4096


def targets() -> dict[str, Target]:
    """All of them, by name."""
    from tests.fuzz import documents, lines

    return {**lines.TARGETS, **documents.TARGETS}


BROKEN = "broken"
"""A target that shows that the fuzzer finds what there is; not one of ``targets``."""


def target(name: str) -> Target:
    """One of them. Raises KeyError for another name."""
    if name != BROKEN:
        return targets()[name]

    from tests.fuzz import broken

    return Target(lambda: broken.run, lambda: [b"seed"], 64)
