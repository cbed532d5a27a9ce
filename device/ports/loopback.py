"""Loopback ports for servers that are told theirs before they listen.

Below the range of which the kernel gives ports to connections: a port of that range that was free a moment ago may be the other end of
somebody's connection when the server comes to it. Each process begins at another place, and gives no port twice.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from itertools import count

FIRST, BEYOND = 10_000, 32_000
A_PRIME = 7919


def _ports() -> Iterator[int]:
    return (FIRST + at % (BEYOND - FIRST) for at in count(os.getpid() * A_PRIME))


_next = _ports()


def free_port() -> int:
    """A TCP port of 127.0.0.1 on which nobody listens."""
    return next(port for port in _next if _is_free(port))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
