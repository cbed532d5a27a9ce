"""How long to wait before the broker is tried again."""

from __future__ import annotations

from collections.abc import Callable

FIRST_S = 0.5
LONGEST_S = 10.0
"""A broker that is back is tried within this, and an attempt takes at most ``ATTEMPT_S``: together well under 30 s."""

ATTEMPT_S = 15.0
"""What name, TCP, TLS and CONNACK may take together; a mobile network with a slow handshake needs some of it."""


class Backoff:
    """Doubling waits with jitter, so that a street of stores does not return in the same instant. ``random`` gives 0 to 1."""

    def __init__(self, random: Callable[[], float], first_s: float = FIRST_S, longest_s: float = LONGEST_S) -> None:
        self._random = random
        self._first_s = first_s
        self._longest_s = longest_s
        self._failures = 0

    def reset(self) -> None:
        """It worked."""
        self._failures = 0

    def next_s(self) -> float:
        """It did not work: how many seconds to wait now, between half of the present step and all of it."""
        step: float = min(self._longest_s, self._first_s * 2.0 ** min(self._failures, 16))
        self._failures += 1
        return step * (0.5 + 0.5 * self._random())
