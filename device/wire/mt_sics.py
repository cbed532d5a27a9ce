"""MT-SICS, the Mettler-Toledo standard interface command set, as far as weighing needs it.

Lines end in CR LF. A weight is ``S``, a blank, ``S`` (stable) or ``D`` (dynamic), a blank, ten characters with the number at the right
and its sign inside, a blank, the unit. The width is insisted on: it is all the protection that the line has against a lost digit.
Sources: Mettler-Toledo, MT-SICS reference manual (11780711), levels 0 and 1; AT balances, operating instructions, p. 87.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from device.wire.lines import Lines
from device.wire.noise import Noise
from device.wire.weighing import OutOfRange, Refused, Told, Weight

Message = Weight | OutOfRange | Refused | Told

LONGEST_LINE = 128
"""No answer of levels 0 and 1 comes near it. What has no end for longer is noise, soon enough to say what it looks like."""

REMEMBERED = 16
"""A plate at rest says one or two things over and over: so many pieces of a stream, none over ``LONGEST_LINE``, are known by heart."""

_WEIGHED = rb"S ([SD]) (?=.{10} \S)( *[+-]?[0-9]+(?:\.[0-9]+)?) ([A-Za-z%/]{1,5})"
_WEIGHT = re.compile(_WEIGHED)
_WHOLE = re.compile(_WEIGHED + rb"\r\n")
_TOLD = re.compile(rb'(I[0-9]{1,2}) A "([^"]*)"')
_REFUSED = re.compile(rb"([A-Z@][A-Z0-9]{0,3}) ([IL])")
_DONE = re.compile(rb"([A-Z@][A-Z0-9]{0,3}) A")
_BEGINNING = re.compile(rb'S [SD] |I[0-9] A "')
_ERROR = re.compile(rb"E[STL]")


class Decoder:
    """Bytes from a balance to messages."""

    def __init__(self) -> None:
        self._lines = Lines(LONGEST_LINE)
        self._begun = False
        self._known = lru_cache(REMEMBERED)(_weights)

    def feed(self, data: bytes) -> Sequence[Message | Noise]:
        """What ``data`` completes."""
        out: list[Message | Noise] = []
        if not self._begun:
            weights, end = self._known(data) if len(data) <= LONGEST_LINE else _weights(data)
            out += weights
            if end == len(data):
                return out
            data = data[end:]
        for line in self._lines.feed(data):
            message = line if isinstance(line, Noise) else _message(line)
            if isinstance(message, Noise) and isinstance(line, bytes):
                out += _behind_noise(line)
            else:
                out.append(message)
        self._begun = self._lines.pending
        return out


def request(command: str) -> bytes:
    """A command as sent, e.g. ``SIR``."""
    return command.encode("ascii") + b"\r\n"


def _weights(data: bytes) -> tuple[tuple[Weight, ...], int]:
    """The whole lines with a weight that ``data`` begins with, nearly all that a scale ever says, and where they end."""
    weights: list[Weight] = []
    end = 0
    while match := _WHOLE.match(data, end):
        word, value, unit = match.groups()
        weights.append(Weight(float(value), "g" if unit == b"g" else unit.decode("ascii"), word == b"S"))
        end = match.end()
    return tuple(weights), end


def _behind_noise(line: bytes) -> list[Message | Noise]:
    """What began after an interference, or after a restart in the middle of a line: only forms too long to be an accident."""
    for begin in _BEGINNING.finditer(line, 1):
        message = _message(line[begin.start() :])
        if not isinstance(message, Noise):
            return [Noise(line[: begin.start()]), message]
    return [Noise(line)]


def _message(line: bytes) -> Message | Noise:
    if match := _WEIGHT.fullmatch(line):
        return Weight(float(match[2]), match[3].decode("ascii"), match[1] == b"S")
    if line in (b"S +", b"S -"):
        return OutOfRange(over=line == b"S +")
    if _ERROR.fullmatch(line):
        return Refused("", line.decode("ascii"))
    if match := _REFUSED.fullmatch(line):
        return Refused(match[1].decode("ascii"), match[2].decode("ascii"))
    if match := _TOLD.fullmatch(line):
        return Told(match[1].decode("ascii"), match[2].decode("ascii", "replace"))
    if match := _DONE.fullmatch(line):
        return Told(match[1].decode("ascii"), "")
    return Noise(line)
