"""The hash chain: each row of the journal seals all rows before it.

``hash(n) = SHA-256("{hash(n-1)} {epoch} {row} {seq} {wall} {type} {body}")``, UTF-8, where hashes are 64 hex digits, ``seq`` is 0 for a
private record, ``wall`` is the IEEE 754 double, big-endian, as 16 hex digits (so that no language's way of printing a float
matters), and ``body`` is the SHA-256 of the body. The hash before row 1 is all zeros.

The body enters by its own hash only. So a body can be erased later, when a person asks to be forgotten, and the chain still holds.
"""

from __future__ import annotations

import hashlib
import struct

GENESIS = bytes(32)
"""The hash before the first row."""


def digest(content: bytes) -> bytes:
    """SHA-256, 32 bytes."""
    return hashlib.sha256(content).digest()


def link(previous: bytes, epoch: str, row: int, seq: int | None, wall: float, kind: str, body: bytes) -> bytes:
    """The hash of one row; ``previous`` is the hash of the row before it, ``body`` the digest of the row's body."""
    # SQLite keeps no negative zero; adding zero makes it a positive one.
    label = struct.pack(">d", wall + 0.0).hex()
    return digest(f"{previous.hex()} {epoch} {row} {seq or 0} {label} {kind} {body.hex()}".encode())


def seal(epoch: str, row: int, state: bytes) -> bytes:
    """The hash of a snapshot, which binds the state to the row that it was taken after."""
    return digest(f"{epoch} {row}\n".encode() + state)
