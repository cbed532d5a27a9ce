"""Time as data: what the clocks said when an input was taken."""

from __future__ import annotations

from device.domain.record import record


@record
class Moment:
    """One instant, by both clocks.

    ``uptime`` is ``CLOCK_BOOTTIME`` in seconds: all durations and deadlines count on it, within one ``boot``.
    ``wall`` is Unix time in seconds: a label, and to be believed for hours and expiry only while ``trusted``.
    """

    uptime: float
    wall: float
    trusted: bool
    boot: str


def in_ms(seconds: float) -> float:
    """A time to the millisecond, as the journal writes it: a state that is made of it comes out of the journal as it went in."""
    return round(seconds, 3)
