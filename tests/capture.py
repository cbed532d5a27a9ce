"""Reads the golden vectors of ``tests/captures``: the source on the first line, then a name and its bytes a line, in hex or as ``b"…"``."""

from __future__ import annotations

import ast
from pathlib import Path

CAPTURES = Path(__file__).parent / "captures"


def capture(file: str) -> dict[str, bytes]:
    """The vectors of one file, by name."""
    first, *lines = (CAPTURES / f"{file}.txt").read_text(encoding="utf-8").splitlines()
    assert first.startswith("# source: "), f"{file} does not say where it comes from"
    vectors: dict[str, bytes] = {}
    for line in lines:
        if not line.strip() or line.startswith("#"):
            continue
        name, value = line.split(maxsplit=1)
        assert name not in vectors
        vectors[name] = ast.literal_eval(value) if value.startswith('b"') else bytes.fromhex(value)
    return vectors
