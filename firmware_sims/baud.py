"""What a receiver makes of a line that is sent at another speed: the bits as they stand on the wire, sampled when the receiver thinks."""

from __future__ import annotations

from firmware_sims.faults import Fault

_BITS = 10
"""Of a character, 8N1: a start bit, eight data bits with the lowest first, a stop bit."""
_IDLE_BITS = 20
"""So long is the line at rest before and after what is said in one go."""


class OtherBaud(Fault):
    """The device speaks at ``sent`` baud and is heard at ``heard`` baud, and the other way round. Both 8N1."""

    def __init__(self, sent: int, heard: int) -> None:
        self._sent = sent
        self._heard = heard

    def says(self, said: bytes, dt: float) -> bytes:
        return resampled(said, self._sent, self._heard)

    def hears(self, data: bytes) -> bytes:
        return resampled(data, self._heard, self._sent)


def resampled(data: bytes, sent: int, heard: int) -> bytes:
    """``data``, sent at one speed without pauses, as a UART at another one receives it.

    The receiver waits for a falling edge and samples each of the eight bits in its middle. It gives the byte also where the stop bit is
    missing, as Linux does on a port in raw mode, and then waits for the line to rise.
    """
    if not data:
        return b""
    levels = _levels(data)
    found = bytearray()
    ratio = sent / heard
    at = float(_IDLE_BITS - 1)
    end = len(levels) - 1
    while at < end:
        while at < end and levels[int(at)]:
            at = float(int(at) + 1)
        if at >= end:
            break
        samples = [levels[min(end, int(at + (bit + 1.5) * ratio))] for bit in range(_BITS - 1)]
        found.append(sum(level << bit for bit, level in enumerate(samples[:8])))
        at += (_BITS - 0.5) * ratio
        while at < end and not levels[int(at)]:
            at = float(int(at) + 1)
    return bytes(found)


def _levels(data: bytes) -> list[int]:
    levels = [1] * _IDLE_BITS
    for byte in data:
        levels += [0, *(byte >> bit & 1 for bit in range(8)), 1]
    return levels + [1] * _IDLE_BITS
