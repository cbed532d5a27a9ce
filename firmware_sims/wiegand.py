"""A microcontroller between a Wiegand reader and a serial port: one line a card (``docs/wiegand-bridge.md``), 9600 8N1.

Sources: HID H10301 (26 bits: even parity over the first twelve data bits, odd parity over the last twelve); Civintec CN56 manual, page 25.
"""

from __future__ import annotations

MOST_WAITING = 16
REPEAT_S = 1.0
"""A reader says a card again so often while it is held."""
FEWEST_BITS, MOST_BITS = 4, 64


def h10301(facility: int, card: int) -> str:
    """The 26 bits of a card, as ``0`` and ``1``.

    Raises ValueError where the facility is not 8 bits or the card not 16.
    """
    if not 0 <= facility < 256 or not 0 <= card < 65_536:
        raise ValueError("a facility is 0-255 and a card 0-65535")
    bits = f"{facility:08b}{card:016b}"
    even = bits[:12].count("1") % 2
    odd = 1 - bits[12:].count("1") % 2
    return f"{even}{bits}{odd}"


def line(bits: str) -> bytes:
    """The line for the bits that a reader sent: filled up with zeros to whole bytes.

    Raises ValueError where there are fewer than 4 or more than 64.
    """
    if not FEWEST_BITS <= len(bits) <= MOST_BITS or set(bits) - {"0", "1"}:
        raise ValueError("a card has 4-64 bits, written as 0 and 1")
    padded = bits + "0" * (-len(bits) % 8)
    return f"W{len(bits)}:{int(padded, 2):0{len(padded) // 4}X}\r\n".encode("ascii")


class WiegandBridge:
    """One bridge and its reader."""

    quantum_s = 0.05

    def __init__(self) -> None:
        self.power_cycle()

    def power_cycle(self) -> None:
        self._waiting: list[bytes] = []
        self._held = b""
        self._held_for_s = self._again_s = 0.0

    def show(self, code: str, hold_s: float = 0.0) -> None:
        """Hold a card before the reader: ``FACILITY:CARD`` in decimal, or its bits as ``0`` and ``1``.

        Raises ValueError where it is neither.
        """
        facility, colon, card = code.partition(":")
        said = line(h10301(int(facility), int(card)) if colon else code)
        if len(self._waiting) < MOST_WAITING:
            self._waiting.append(said)
        self._held, self._held_for_s, self._again_s = said, hold_s, REPEAT_S

    def receive(self, data: bytes) -> bytes:
        return b""

    def tick(self, dt: float) -> bytes:
        said, self._waiting = b"".join(self._waiting), []
        if self._held_for_s <= 0:
            return said
        self._held_for_s -= dt
        self._again_s -= dt
        if self._again_s > 1e-9 or self._held_for_s < -1e-9:
            return said
        self._again_s = REPEAT_S
        return said + self._held
