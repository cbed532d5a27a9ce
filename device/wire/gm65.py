"""Grow GM65 family of code readers: a code a line, after acknowledgements of commands.

A command is ``7E 00``, type, length, 16-bit address, data, CRC (poly 0x1021, init 0; ``AB CD`` in its place is not checked). The reader
acknowledges it with seven fixed bytes, which run straight into the code that follows and are taken off by exact match: their last two,
``33 31``, are the digits "31" in ASCII. Source: GM65 bar code reader module user manual, serial command chapter.
"""

from __future__ import annotations

import binascii

from device.wire.line import Code as Code
from device.wire.line import Decoder as LineDecoder
from device.wire.line import Message as Message

ACKNOWLEDGED = bytes.fromhex("02 00 00 01 00 33 31")
UNCHECKED = bytes.fromhex("AB CD")

READ = 7
WRITE = 8
SAVE = 9

TRIGGER = bytes.fromhex("7E 00 08 01 00 02 01 AB CD")
"""Read one code now, in the mode where the reader waits for a command."""


def decoder() -> LineDecoder:
    """A codec for one reader."""
    return LineDecoder(ignore=ACKNOWLEDGED)


def request(kind: int, address: int, data: bytes) -> bytes:
    """A command with its CRC. For ``READ`` the data is the one byte that says how many are wanted."""
    body = bytes((kind, len(data) if kind != READ else 1)) + address.to_bytes(2, "big") + data
    return b"\x7e\x00" + body + binascii.crc_hqx(body, 0).to_bytes(2, "big")
