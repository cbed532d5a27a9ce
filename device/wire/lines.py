"""Lines of text out of a stream of bytes."""

from __future__ import annotations

from device.wire.noise import Noise


class Lines:
    """Cuts a stream at any of the ``ends``; empty lines vanish, so that CR, LF and CRLF are all one end.

    A line over ``limit`` bytes is noise up to its end, however long it grows: no more than ``limit`` bytes are ever held.
    """

    def __init__(self, limit: int, ends: bytes = b"\r\n") -> None:
        self._limit = limit
        self._end, *self._others = [bytes([end]) for end in ends]
        self._held = b""
        self._overlong = False

    @property
    def pending(self) -> bool:
        """Whether a line has begun and not ended."""
        return bool(self._held) or self._overlong

    def feed(self, data: bytes) -> list[bytes | Noise]:
        """The lines that ended in ``data``, without their ends."""
        for other in self._others:
            data = data.replace(other, self._end)
        if self._end not in data and not self._overlong and len(self._held) + len(data) <= self._limit:
            self._held += data
            return []
        *lines, rest = (self._held + data).split(self._end)
        out: list[bytes | Noise] = []
        for line in lines:
            if self._overlong or len(line) > self._limit:
                self._overlong = False
                if line:
                    out.append(Noise(line))
            elif line:
                out.append(line)
        if self._overlong or len(rest) > self._limit:
            self._overlong = True
            if rest:
                out.append(Noise(rest))
            rest = b""
        self._held = rest
        return out

    def drop(self) -> list[bytes | Noise]:
        """Give up the line that has begun."""
        held, self._held, self._overlong = self._held, b"", False
        return [Noise(held)] if held else []
