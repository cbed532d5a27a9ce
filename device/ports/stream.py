"""A port that carries bytes: what drivers see of a serial line or a TCP connection.

Non-blocking by nature: a driver waits for the descriptor to become readable in its event loop, then reads what is there.
"""

from __future__ import annotations

from typing import Protocol

CHUNK = 4096
"""The most that one read takes, so that a babbling device cannot keep the others waiting."""


class BytePort(Protocol):
    """An open port. Every method but ``close`` raises DeviceGone when the other end is no longer there."""

    def fileno(self) -> int:
        """The descriptor to wait on."""
        ...

    def read(self) -> bytes:
        """What has arrived, at most ``CHUNK`` bytes; empty where nothing has."""
        ...

    def write(self, data: bytes) -> None:
        """Send all of ``data`` at once. A device that has left kilobytes unread is gone."""
        ...

    def close(self) -> None:
        """Give the port back. Never waits for bytes that cannot be sent."""
        ...
