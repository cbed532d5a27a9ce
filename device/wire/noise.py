"""Bytes that make no sense, as a value: a codec never raises on what a line may carry.

Also what such bytes look like to a person: the two commonest faults of an installation, a wrong baud rate and a wrong parity, leave traces.
"""

from __future__ import annotations

from dataclasses import dataclass

LIMIT = 4096
"""The most bytes that a codec holds back while it waits for the rest of a message: 0.36 s of a line at 115 200 baud."""

ENOUGH = 16
"""Fewer bytes than this are not judged."""


@dataclass(frozen=True, slots=True)
class Noise:
    """Consecutive bytes that were dropped."""

    data: bytes


def text_hint(data: bytes) -> str:
    """What noise on a line of text looks like, for people; empty where it looks like nothing known."""
    if len(data) < ENOUGH:
        return ""
    if all(_is_text(byte) for byte in data):
        return "readable text, but not of this kind of device"
    if all(_is_text(byte & 0x7F) for byte in data):
        parities = {byte.bit_count() & 1 for byte in data}
        if parities == {0}:
            return "reads as 7 data bits with even parity: try bytesize=7&parity=E"
        if parities == {1}:
            return "reads as 7 data bits with odd parity: try bytesize=7&parity=O"
    if sum(not _is_text(byte) for byte in data) * 3 > len(data):
        return f"looks like another baud rate: {data[:8].hex(' ')}"
    return ""


def binary_hint(data: bytes) -> str:
    """The same for a binary protocol: what can be told there is that the bytes are text, or hardly change."""
    if len(data) < ENOUGH:
        return ""
    if all(_is_text(byte) for byte in data):
        return "readable text: another kind of device, or a boot loader"
    if len(set(data)) <= 6:
        return f"looks like another baud rate: {data[:8].hex(' ')}"
    return ""


def _is_text(byte: int) -> bool:
    return 0x20 <= byte <= 0x7E or byte in (0x02, 0x03, 0x0A, 0x0D)
