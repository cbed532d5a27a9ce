"""The key of an OSDP secure channel (SCBK): 16 bytes, written as 32 hexadecimal digits in a file of its own."""

from __future__ import annotations

import re

DEFAULT_KEY = bytes(range(0x30, 0x40))
"""SCBK-D (SIA OSDP v2.2, annex D): in every manual, so that whoever reaches the wires has it too."""

_FORM = re.compile("[0-9A-Fa-f]{32}")


def parse_osdp_key(text: str) -> bytes:
    """The key in the contents of a file; white space around it does not belong to it.

    Raises ValueError that says what is allowed, and never shows the key. The default key is refused, and so is one of a single repeated
    byte: a device that was never given a key of its own must not open a door.
    """
    digits = text.strip()
    if not _FORM.fullmatch(digits):
        raise ValueError("must hold a key of 32 hexadecimal digits")
    key = bytes.fromhex(digits)
    if key == DEFAULT_KEY:
        raise ValueError("holds OSDP's default key (SCBK-D), which everybody knows: give the device a key of its own, and install that")
    if len(set(key)) == 1:
        raise ValueError("holds one byte sixteen times, which is no key: give the device a random one")
    return key
