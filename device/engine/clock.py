"""The clocks of the machine, read together as one moment."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Literal

from device.domain.moment import Moment, in_ms

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def uptime() -> float:
    """Seconds of ``CLOCK_BOOTTIME``."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Clock:
    """Makes moments. The wall clock is believed by ``trust``, and never before ``floor``, the newest journalled time."""

    def __init__(self, trust: Literal["kernel", "always"], floor: float) -> None:
        self.boot = _BOOT_ID.read_text().strip().replace("-", "")
        self.floor = floor
        self._trust = trust
        self._trusted = trust == "always"
        self.error_s = 0.0

    def look(self) -> bool:
        """Ask the kernel again. Returns whether the wall clock is believed now."""
        if self._trust == "kernel":
            from device.engine.kernel_clock import kernel_clock  # a store that always trusts its clock need not carry ctypes

            synchronised, self.error_s = kernel_clock()
            self._trusted = synchronised and time.clock_gettime(time.CLOCK_REALTIME) >= self.floor
        return self._trusted

    def now(self) -> Moment:
        return Moment(in_ms(uptime()), in_ms(time.clock_gettime(time.CLOCK_REALTIME)), self._trusted, self.boot)
