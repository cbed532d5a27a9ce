"""Scales that stream lines of text: the A&D, CAS and NCI forms, told apart line by line.

====================  =================================================================================================
A&D balance           ``HH,`` sign, 8-9 digits with their point, unit in 3. ``HH``: ST stable, US not, OL out of range, QT a count.
A&D indicator         ``HH,GG,`` sign, 7 digits with their point, unit in 2. ``GG``: GS gross, NT net, TR the tare itself.
CAS 22 bytes          ``HH,GG,``, device number, lamp byte (bit 7 always set), ``,``, 8 characters of weight, blank, unit in 2.
NCI (SCP-01)          polled: LF, weight and unit, CR, LF, 2 or 3 status bytes, CR, ETX; LF ``?`` CR ETX to a command it does not know.
====================  =================================================================================================

Sources: A&D EK-L p. 28, GC p. 51, AD-4404 p. 80; CAS NT-200 p. 48, CI-600D p. 74; NCI 7800 p. 32; Brecknell p. 26 for the status bits.
"""

from __future__ import annotations

import re

from device.domain.record import record
from device.wire.lines import Lines
from device.wire.noise import Noise
from device.wire.weighing import OutOfRange, Refused, Weight


@record
class NotGross:
    """A good line that is no weight on the plate: the tare itself, a status without a weight."""

    text: str


Message = Weight | OutOfRange | Refused | NotGross

LONGEST_LINE = 64
WEIGH = b"W\r"
"""The NCI request for a weight; other dialects stream unasked."""

_BALANCE = re.compile(rb"(ST|US|OL|QT),([+-][0-9. ]{8,9})([ A-Za-z%]{2}[A-Za-z%])")
_INDICATOR = re.compile(rb"(ST|US|OL),(GS|NT|TR),([+-][0-9. ]{7})([ A-Za-z][A-Za-z])")
_CAS = re.compile(rb"(ST|US|OL),(GS|NT),.[\x80-\xff],([ +\-0-9.]{8}) ([ A-Za-z][A-Za-z])", re.DOTALL)
_BEGINNING = re.compile(rb"(?:ST|US|OL|QT),")
_NCI = re.compile(rb" *(-? *[0-9]*\.?[0-9]+) *(lb|kg|oz|g|LB|KG|OZ|G) *")
_NCI_STATUS = re.compile(rb"S?([\x30-\x3f\x70-\x7f]{2,3})")


class Decoder:
    """Bytes from a scale to messages.

    ``stable_bit`` is the value of bit 0 of the first NCI status byte that means stable: vendors disagree.
    """

    def __init__(self, stable_bit: int = 1) -> None:
        self._stable_bit = stable_bit
        self._lines = Lines(LONGEST_LINE, b"\r\n\x03")
        self._weighed: bytes | None = None
        self.polled = False
        """Whether the newest message came in the NCI form, which has to be asked for."""

    def feed(self, data: bytes) -> list[Message | Noise]:
        """What ``data`` completes."""
        out: list[Message | Noise] = []
        for line in self._lines.feed(data):
            if self._weighed is not None and not (isinstance(line, bytes) and _NCI_STATUS.fullmatch(line)):
                out.append(Noise(self._weighed))
                self._weighed = None
            if isinstance(line, Noise):
                out.append(line)
            elif _NCI.fullmatch(line):
                self._weighed = line
            else:
                streamed = _streamed(line)
                message = streamed or self._polled(line)
                if isinstance(message, Noise):
                    out += _behind_noise(line)
                else:
                    self.polled = streamed is None
                    out.append(message)
        return out

    def _polled(self, line: bytes) -> Message | Noise:
        if line == b"?":
            return Refused("W", "?")
        status = _NCI_STATUS.fullmatch(line)
        if status is None:
            return Noise(line)
        weighed, self._weighed = self._weighed, None
        first, second = status[1][0], status[1][1]
        if second & 0b0011:
            return OutOfRange(over=bool(second & 0b0010))
        match = _NCI.fullmatch(weighed) if weighed is not None else None
        if match is None:
            return NotGross(line.decode("ascii"))
        return Weight(float(match[1].replace(b" ", b"")), match[2].decode("ascii").lower(), (first & 1) == self._stable_bit)


def _behind_noise(line: bytes) -> list[Message | Noise]:
    """A streamed line that began after an interference."""
    for begin in _BEGINNING.finditer(line, 1):
        message = _streamed(line[begin.start() :])
        if message is not None:
            return [Noise(line[: begin.start()]), message]
    return [Noise(line)]


def _streamed(line: bytes) -> Message | None:
    if match := _BALANCE.fullmatch(line):
        return _weight(match[1], b"", match[2], match[3])
    if match := _INDICATOR.fullmatch(line):
        return _weight(match[1], match[2], match[3], match[4])
    if match := _CAS.fullmatch(line):
        return _weight(match[1], match[2], match[3], match[4])
    return None


def _weight(header: bytes, kind: bytes, number: bytes, unit: bytes) -> Message | None:
    if header == b"OL":
        return OutOfRange(over=not number.lstrip().startswith(b"-"))
    if kind == b"TR":
        return NotGross("TR")
    try:
        value = float(number.replace(b" ", b""))
    except ValueError:
        return None
    return Weight(value, unit.decode("ascii").strip(), None if header == b"QT" else header == b"ST")
