"""An RDM6300 reader of 125 kHz cards: ``02``, ten hex characters, two of checksum, ``03``, again and again while a card is near.

Source: RDM6300 data sheet (ITead): 9600 8N1, the checksum is the exclusive or of the five bytes.
"""

from __future__ import annotations

REPEAT_S = 0.065


def card_frame(card: str) -> bytes:
    """The frame of a card: ten hexadecimal digits.

    Raises ValueError where it is something else.
    """
    data = bytes.fromhex(card)
    if len(data) != 5:
        raise ValueError("a card has ten hexadecimal digits")
    checksum = 0
    for byte in data:
        checksum ^= byte
    return b"\x02" + f"{card.upper()}{checksum:02X}".encode("ascii") + b"\x03"


class Rdm6300:
    """One reader; a card is said about 15 times a second while it is held."""

    quantum_s = REPEAT_S

    def __init__(self) -> None:
        self.power_cycle()

    def power_cycle(self) -> None:
        self._frame = b""
        self._held_for_s = 0.0

    def show(self, code: str, hold_s: float = 0.3) -> None:
        """Hold a card before the reader: ten hexadecimal digits."""
        self._frame = card_frame(code)
        self._held_for_s = hold_s

    def receive(self, data: bytes) -> bytes:
        return b""

    def tick(self, dt: float) -> bytes:
        if not self._frame:
            return b""
        said = self._frame
        self._held_for_s -= dt
        if self._held_for_s <= 0:
            self._frame = b""
        return said
