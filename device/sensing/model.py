"""Item identification as the store asks for it: one step on its own, or a session's steps together. See ``docs/identification.md``."""

from __future__ import annotations

from collections.abc import Sequence

from device.domain.identification import Candidate, History, Identification
from device.sensing.history import JointHistory
from device.sensing.identify import one_step


class Model:
    """The one probabilistic model of what was taken; ``device.domain.identification.Identify``."""

    def __call__(self, grams: float, sd: float, candidates: Sequence[Candidate], *, hand: bool = True) -> Identification:
        return one_step(grams, sd, candidates, hand=hand)

    def history(self) -> History:
        return JointHistory()


identify = Model()
