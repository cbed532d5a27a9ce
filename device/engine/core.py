"""The core: sensing and store joined, in virtual time. What the daemon decides, a replay and a test decide with the same code."""

from __future__ import annotations

from device.domain.effects import Calibrate
from device.domain.moment import Moment
from device.sensing import Sensing
from device.store.store import Input, Outcome, Store


class Core:
    """Readings and inputs in, records and effects out. Holds no clock: every call says when it is."""

    def __init__(self, sensing: Sensing, store: Store) -> None:
        self.sensing = sensing
        self.store = store
        store.weigh = sensing.raw_level

    @property
    def deadline(self) -> float | None:
        """The uptime at which ``tick`` next has something to do."""
        due = [at for at in (self.sensing.deadline, self.store.deadline) if at is not None]
        return min(due, default=None)

    def step(self, what: Input, moment: Moment) -> Outcome:
        """Decide one input. A calibration takes effect on the senses at once, and what they say of it is decided too."""
        outcome = self.store.step(what, moment)
        calibrations = [effect for effect in outcome.effects if isinstance(effect, Calibrate)]
        for new in calibrations:
            for fact in self.sensing.calibrate(new.scale, new.channel, new.zero, new.per_gram, moment.uptime):
                more = self.step(fact, moment)
                outcome = Outcome(outcome.records + more.records, outcome.effects + more.effects)
        return outcome
