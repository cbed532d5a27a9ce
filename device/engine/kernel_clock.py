"""What the kernel says about its clock: whether anybody disciplines it, and how far off it may be."""

from __future__ import annotations

import ctypes
import time
from pathlib import Path

STA_UNSYNC = 0x0040
"""``status`` bit of adjtimex(2): nobody disciplines the kernel's clock."""
TIME_ERROR = 5
"""Return value of adjtimex(2): the clock is not synchronised."""

TIMESYNCD = Path("/run/systemd/timesync/synchronized")
"""Touched by systemd-timesyncd at each synchronisation of this boot (systemd-timesyncd.service(8))."""
TOLERANCE = 500e-6
"""How fast the kernel lets the maximum error of a clock grow that nobody disciplines any more (MAXFREQ of <linux/timex.h>)."""
WORST_ERROR_S = 16.0
"""Maximum error from which on the kernel calls its clock unsynchronised (NTP_PHASE_LIMIT)."""


class _Timex(ctypes.Structure):
    """``struct timex`` of <sys/timex.h>: the beginning that we read, and room for the rest."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 256),
    )


def kernel_clock() -> tuple[bool, float]:
    """Whether the kernel says that its clock is synchronised, and its maximum error in seconds (adjtimex(2), read only)."""
    timex = _Timex()
    state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(timex))
    if state == -1:
        return timesyncd_clock(TIMESYNCD, time.clock_gettime(time.CLOCK_REALTIME))
    synchronised = state != TIME_ERROR and not timex.status & STA_UNSYNC
    return synchronised, timex.maxerror / 1e6


def timesyncd_clock(touched: Path, wall: float) -> tuple[bool, float]:
    """The same by the word of systemd-timesyncd, for where adjtimex is refused: a unit with ``ProtectClock=`` may not even read it."""
    try:
        error_s = abs(wall - touched.stat().st_mtime) * TOLERANCE
    except OSError:
        return False, WORST_ERROR_S
    return error_s < WORST_ERROR_S, error_s
