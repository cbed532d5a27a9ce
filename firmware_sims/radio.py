"""The air between a reader's antenna and the tags in its field: which of them answer in a round, by the power that reaches them.

A passive tag answers where more power reaches it than it needs to wake. What is left over is its margin: some tags sit well, others badly.
Reflections move it from round to round (a log-normal fading, as is usual for indoor links). Water absorbs at 900 MHz and a hand is mostly
water: what comes between takes many dB, so that a tag behind a full bottle is hardly ever read though it stands there.
"""

from __future__ import annotations

import random

MARGIN_DB, MARGIN_SD_DB = 12.0, 3.0
FADING_DB = 3.0
BOTTLE_DB = 22.0
"""A full bottle straight before the tag."""
HAND_DB = 10.0
IN_THE_WAY = 0.5
"""How often hands that reach into a cabinet are between the antenna and a tag."""
TAGS_MAX = 4096


class Air:
    """One reader's field. Tags are named by EPC; ``shades`` maps those with something before them to what it takes, in dB."""

    def __init__(self, seed: int | str) -> None:
        self.shades: dict[bytes, float] = {}
        self._random = random.Random(f"air {seed}")
        self._margins: dict[bytes, float] = {}

    def margin_db(self, epc: bytes) -> float:
        """What reaches a tag with nothing before it, beyond what it needs."""
        if epc not in self._margins:
            if len(self._margins) >= TAGS_MAX:
                self._margins.clear()
            self._margins[epc] = self._random.gauss(MARGIN_DB, MARGIN_SD_DB)
        return self._margins[epc]

    def hide(self, epc: bytes, decibels: float = BOTTLE_DB) -> None:
        """Something is put before a tag, and stays there. Of more than ``TAGS_MAX`` the first is forgotten."""
        if len(self.shades) >= TAGS_MAX:
            del self.shades[next(iter(self.shades))]
        self.shades[epc] = decibels

    def reveal(self, epc: bytes) -> None:
        """It is taken away again."""
        self.shades.pop(epc, None)

    @property
    def margins(self) -> int:
        """Of how many tags the margin is known."""
        return len(self._margins)

    def answers(self, epc: bytes, *, hands: bool = False) -> bool:
        """Whether a tag that is there answers in this round; ``hands`` are at work in the field."""
        shade_db = self.shades.get(epc, 0.0)
        if hands and self._random.random() < IN_THE_WAY:
            shade_db += HAND_DB
        return self._random.gauss(self.margin_db(epc) - shade_db, FADING_DB) > 0.0
