"""Whether a channel is believed, and the facts that say so. What lost its trust stops deciding until it has been quiet for a while.

What is judged, and why at that figure:

- ``saturated``: a raw count at the end of a 24-bit converter (HX711 datasheet: 0x7FFFFF and 0x800000), or the device says so.
- ``flatline``: a converter whose last bits do not move for 3 s. Real counts always do: 50 nV of input noise is about 20 of them.
- ``glitching``: 12 wild samples in 120. The recording in ``tests/data`` has 1 in 120, so that chance gives 12 once in centuries.
- ``stale``: no sample for 2 s, or for 5 sample times where that is longer.
- ``out_of_range``: settled over the capacity, or so far under zero that the zero cannot be right.
- ``rebooted``, ``lost``, ``no_answer``, ``overload``, ``underload``: said by the device or its driver.
- ``uncalibrated``: a load-cell board whose counts nobody has related to grams yet.

A fault counts from the third in a row on, so that one bad conversion is a lost sample and no more.
"""

from __future__ import annotations

from collections.abc import Sequence

from device.domain.facts import Fact, PlateTrusted, PlateUntrusted

COUNTS_MAX = 8_388_607
COUNTS_MIN = -8_388_608
FLATLINE_S = 3.0
FLATLINE_SAMPLES = 24
GLITCHES = 12
GLITCH_SPAN_SAMPLES = 120
STALE_S = 2.0
STALE_SAMPLES = 5
FAULTS_IN_A_ROW = 3
QUIET_S = 1.0
QUIET_AFTER_GLITCHING_S = 5.0

CONSTANT = frozenset({"flatline", "saturated"})
"""Reasons that show as counts that stand still: while they do, being quiet proves nothing."""

_PASSING = frozenset({"not_executable"})
"""Faults that only mean "not just now": if they last, the channel goes stale by itself."""


class ChannelTrust:
    """The trust in one channel of one scale. ``reason`` is None while it is believed, ``starting`` before its first settled weight."""

    __slots__ = ("_calibrated", "_channel", "_fault", "_faults", "_faulty_at", "_scale", "_told", "reason")

    def __init__(self, scale: str, channel: int, calibrated: bool) -> None:
        self._scale = scale
        self._channel = channel
        self._calibrated = calibrated
        self._told = False
        self._faults = 0
        self._fault = ""
        self._faulty_at = float("-inf")
        self.reason: str | None = "starting"

    @property
    def quiet_s(self) -> float:
        """How long the plate has to be quiet until it is believed again."""
        return QUIET_AFTER_GLITCHING_S if self.reason == "glitching" else QUIET_S

    def announce(self, at: float) -> list[Fact]:
        """At the device's start: an uncalibrated channel says so once."""
        return [] if self._calibrated else self.lose(at, "uncalibrated")

    @property
    def is_calibrated(self) -> bool:
        """Whether values can be turned into grams."""
        return self._calibrated

    def calibrate(self) -> None:
        """Values have a meaning from now on."""
        self._calibrated = True
        if self.reason == "uncalibrated":
            self.reason = "starting"

    def lose(self, at: float, reason: str) -> list[Fact]:
        """Stop believing. Only the first reason is told; a later one replaces it unseen, because it is the one to recover from."""
        self.reason = reason
        if self._told:
            return []
        self._told = True
        return [PlateUntrusted(self._scale, self._channel, at, reason)]

    def regain(self, at: float) -> list[Fact] | None:
        """Believe (again), the plate having been quiet; None while that cannot be, for want of a calibration."""
        if not self._calibrated:
            self.reason = "uncalibrated"
            return None
        self.reason = None
        self._told = False
        return [PlateTrusted(self._scale, self._channel, at)]

    def fault(self, at: float, fault: str, last_good_at: float) -> list[Fact]:
        """The device could not give a value. Believed to be more than a bad conversion from the third without a value between on."""
        if fault in _PASSING:
            return []
        if last_good_at > self._faulty_at:
            self._faults = 0
        self._fault, self._faulty_at = fault, at
        self._faults += 1
        if self._faults < FAULTS_IN_A_ROW or self.reason == fault:
            return []
        return self.lose(at, fault)

    def why_silent(self, last_good_at: float) -> str:
        """Why there has been no sample since ``last_good_at``: what the device said of it, as some do only once, or ``stale``."""
        return self._fault if self._faulty_at > last_good_at else "stale"


def flatlined(raw: Sequence[float]) -> bool:
    """Whether a converter's newest counts, ``FLATLINE_S`` of them, are all the same."""
    first = raw[0]
    return len(raw) >= FLATLINE_SAMPLES and all(value == first for value in raw)


def saturated(raw: float) -> bool:
    """Whether a raw count is at the end of a 24-bit converter."""
    return raw >= COUNTS_MAX or raw <= COUNTS_MIN


def out_of_range(grams: float, capacity_g: float | None) -> bool:
    """Whether a settled weight cannot be: over the capacity by 5 %, or under zero by 5 % and 100 g (a moved divider, not a wrong zero)."""
    if capacity_g is None:
        return False
    return grams > 1.05 * capacity_g or grams < -(0.05 * capacity_g + 100.0)
