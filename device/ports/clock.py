"""The clock of readings."""

from __future__ import annotations

import time


def uptime() -> float:
    """Seconds of ``CLOCK_BOOTTIME``: goes on while the computer sleeps, never jumps, and starts anew with each boot."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
