"""A reader that says each code as a line of text: a keyboard-wedge scanner in serial mode, or any microcontroller."""

from __future__ import annotations


class LineReader:
    """Says the code and ``end``; while a code is held, again every ``repeat_s``."""

    def __init__(self, *, end: bytes = b"\r\n", repeat_s: float = 1.0) -> None:
        self._end = end
        self._repeat_s = repeat_s
        self.power_cycle()

    @property
    def quantum_s(self) -> float:
        return 0.05

    def power_cycle(self) -> None:
        self._code: bytes | None = None
        self._held_for_s = 0.0
        self._next_in_s = 0.0

    def show(self, code: str, hold_s: float = 0.0) -> None:
        """Hold a code before the window. It is read once, and again while it stays."""
        self._code = code.encode()
        self._held_for_s = hold_s
        self._next_in_s = 0.0

    def receive(self, data: bytes) -> bytes:
        return b""

    def tick(self, dt: float) -> bytes:
        if self._code is None:
            return b""
        said = []
        if self._next_in_s <= 1e-9:
            said.append(self._code + self._end)
            self._next_in_s = self._repeat_s
        self._next_in_s -= dt
        self._held_for_s -= dt
        if self._held_for_s <= 1e-9:
            self._code = None
        return b"".join(said)
