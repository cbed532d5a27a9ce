"""What a fuzzer finds within seconds, if it works."""

from __future__ import annotations


def run(data: bytes) -> None:
    """Breaks on what begins with ``bug``."""
    if data[:1] == b"b" and data[1:2] == b"u":
        assert data[2:3] != b"g"
