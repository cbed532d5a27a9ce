"""Ports for servers of tests that must know theirs before they listen.

Below the range of which the kernel gives ports to connections: a port of that range that was free a moment ago may be the other end of
somebody's connection when the server comes to it. Each process of a run begins at another place, and goes on from there.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from itertools import count

FIRST, BEYOND = 10_000, 32_000
A_PRIME = 7919


def _ports() -> Iterator[int]:
    for at in count(os.getpid() * A_PRIME):
        yield FIRST + at % (BEYOND - FIRST)


_next = _ports()


def free_port() -> int:
    """A loopback port on which nobody listens, and which this process has not given out before."""
    for port in _next:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise AssertionError("unreachable")
