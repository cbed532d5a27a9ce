"""Bytes that make no sense, as a value: a codec never raises on what a line may carry.

Also what such bytes look like to a person: the two commonest faults of an installation, a wrong baud rate and a wrong parity, leave traces.

A device that is slower than its port by a whole factor f leaves the clearest one. The receiver starts at the falling edge of the start bit
and samples f times within each bit that was sent: so the first f - 1 bits of every byte are 0, as the start bit was, and those after them
come in groups of f equal ones. A byte of chance is like that with probability 1/16 at f = 2 and less above: 16 bytes never are. A device
that is faster than its port leaves no such pattern; of text it shows in the high bits, of a binary protocol only in that nothing ever
makes sense.
"""

from __future__ import annotations

from device.domain.record import record

LIMIT = 4096
"""The most bytes that a codec holds back while it waits for the rest of a message: 0.36 s of a line at 115 200 baud."""

ENOUGH = 16
"""Fewer bytes than this are not judged."""


@record
class Noise:
    """Consecutive bytes that were dropped."""

    data: bytes


FACTORS = (6, 4, 3, 2)
"""By how much a device may be slower than its port, of the usual speeds of 2400 to 115 200 baud; beyond 6 nearly all bits are 0."""


def text_hint(data: bytes) -> str:
    """What noise on a line of text looks like, for people; empty where it looks like nothing known."""
    if len(data) < ENOUGH:
        return ""
    if all(_is_text(byte) for byte in data):
        return "readable text, but not of this kind of device"
    if slower := _slower_hint(data):
        return slower
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
    """The same for a binary protocol: what can be told there is that the bytes are text, or those of a slower device."""
    if len(data) < ENOUGH:
        return ""
    if all(_is_text(byte) for byte in data):
        return "readable text: another kind of device, or a boot loader"
    return _slower_hint(data)


def _slower_hint(data: bytes) -> str:
    if not any(data):
        return "looks like another baud rate, a much lower one, or like a line whose two wires are swapped: nothing but zeros"
    for factor in FACTORS:
        if sum(not _sampled(byte, factor) for byte in data) * ENOUGH <= len(data):
            return f"looks like another baud rate: the device is about {factor} times slower than its port ({data[:8].hex(' ')})"
    return ""


def _sampled(byte: int, factor: int) -> bool:
    """Whether a byte is what a receiver makes of bits ``factor`` times as long as its own."""
    bits = byte << 1  # the start bit, then the lowest bit first
    for first in range(0, 9, factor):
        group = bits >> first & (1 << min(factor, 9 - first)) - 1
        if group and group != (1 << min(factor, 9 - first)) - 1:
            return False
    return not bits & (1 << factor) - 1


def _is_text(byte: int) -> bool:
    return 0x20 <= byte <= 0x7E or byte in (0x02, 0x03, 0x0A, 0x0D)
