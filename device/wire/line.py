"""Readers that send a code a line.

A code is 4 or more printable ASCII characters, at most 4 KiB; CR, LF and CRLF all end it; anything else on a line is noise.
How long a line may wait for its end is the driver's affair: a codec holds no clock.
"""

from __future__ import annotations

import re

from device.domain.record import record
from device.wire.lines import Lines
from device.wire.noise import LIMIT, Noise

_CODE = re.compile(rb"[\x20-\x7e]{4,4096}")


@record
class Code:
    """A code as read."""

    text: str


Message = Code


class Decoder:
    """Bytes from a reader to codes. ``ignore`` is a sequence that may stand before a code, byte for byte, any number of times."""

    def __init__(self, ignore: bytes = b"") -> None:
        self._lines = Lines(LIMIT + len(ignore))
        self._ignore = ignore

    @property
    def pending(self) -> bool:
        """Whether a line has begun and not ended."""
        return self._lines.pending

    def feed(self, data: bytes) -> list[Message | Noise]:
        """The codes that ended in ``data``."""
        return self._codes(self._lines.feed(data))

    def drop(self) -> list[Message | Noise]:
        """Give up the line that has begun."""
        return self._codes(self._lines.drop(), ended=False)

    def _codes(self, lines: list[bytes | Noise], ended: bool = True) -> list[Message | Noise]:
        out: list[Message | Noise] = []
        for line in lines:
            content = self._without_ignored(line.data if isinstance(line, Noise) else line)
            if not content:
                continue
            if ended and not isinstance(line, Noise) and _CODE.fullmatch(content):
                out.append(Code(content.decode("ascii")))
            else:
                out.append(Noise(content))
        return out

    def _without_ignored(self, line: bytes) -> bytes:
        while self._ignore and line.startswith(self._ignore):
            line = line.removeprefix(self._ignore)
        return line
