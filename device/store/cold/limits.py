"""A zone within and outside its limits: excursions, their dose, and the grace that an opened door has.

An excess begins when the warmest thermometer is over ``max_celsius`` (the coldest under ``min_celsius``), and ends 0.2 °C within the limit:
two steps of a coarse sensor, so that its noise is not a hundred excursions. What begins within ``door_grace_s`` after a door was opened, in
a zone that was within its limits then, is warm air; it becomes an excursion if it is still there when the grace is over, and counts from
its beginning. The clock of ``over_for_s`` runs from there too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from device.domain.events import AlarmKind, ExcursionEnded, ExcursionStarted
from device.domain.layout import ZoneTemperature
from device.store import alarms
from device.store.memory.notes import ExcursionGrew
from device.store.turn import Turn

BACK_CELSIUS = 0.2
Side = Literal["warm", "cold"]
ALARM: dict[Side, AlarmKind] = {"warm": "too_warm", "cold": "too_cold"}


@dataclass(slots=True)
class Excess:
    """How long and how far outside. ``seen`` is the newest reading outside and its uptime, None after a time in which nothing was known."""

    side: Side
    since: float
    worst: float
    degree_minutes: float = 0.0
    seen: tuple[float, float] | None = None


class Limits:
    """One zone. Excursions are in the state; here is only what has happened since the last record of it."""

    def __init__(self, zone: str) -> None:
        self._zone = zone
        self._excess: Excess | None = None
        self._grace_until = 0.0

    def take(self, turn: Turn, coldest: float, warmest: float, rules: ZoneTemperature) -> None:
        """The temperatures of the zone's thermometers now."""
        limit = {"warm": rules.max_celsius, "cold": rules.min_celsius}
        excess = self._resumed(turn)
        if excess is not None:
            celsius = warmest if excess.side == "warm" else coldest
            outside = _outside(excess.side, celsius, limit[excess.side])
            back = BACK_CELSIUS if turn.zone(self._zone).excursion else 0.0
            if outside <= -back:
                self._end(turn, excess, celsius, limit[excess.side])
                excess = None
            else:
                _grow(excess, turn.moment.uptime, celsius, max(0.0, outside))
        if excess is None:
            excess = self._begun(turn, coldest, warmest, rules)
        for side in ALARM:
            if excess is None or excess.side != side:
                turn.stop_timer(f"{side}:{self._zone}")
                alarms.end_alarm(turn, ALARM[side], self._zone)
        if excess is not None:
            self._watch(turn, excess, coldest if excess.side == "cold" else warmest, limit[excess.side], rules.over_for_s)

    def blind(self) -> None:
        """Nothing is known for a while: that time adds nothing to the dose."""
        if self._excess:
            self._excess.seen = None

    def door_opened(self, turn: Turn, grace_s: float) -> None:
        """From now on warm air is no wonder, unless it was too warm already."""
        if self._resumed(turn) is None:
            self._grace_until = turn.moment.uptime + grace_s

    def note(self, turn: Turn) -> None:
        """Write down how far an excursion has come."""
        excess = self._excess
        if excess and turn.zone(self._zone).excursion:
            turn.note(ExcursionGrew(self._zone, round(excess.worst, 4), round(excess.degree_minutes, 3)))

    def _resumed(self, turn: Turn) -> Excess | None:
        """What is under way, also from before a restart."""
        known = turn.zone(self._zone).excursion
        if self._excess is None and known is not None:
            self._excess = Excess(known.side, known.since, known.worst, known.degree_minutes)
        return self._excess

    def _begun(self, turn: Turn, coldest: float, warmest: float, rules: ZoneTemperature) -> Excess | None:
        now = turn.moment.uptime
        if warmest > rules.max_celsius:
            self._excess = Excess("warm", now, warmest, seen=(now, warmest - rules.max_celsius))
        elif coldest < rules.min_celsius:
            self._excess = Excess("cold", now, coldest, seen=(now, rules.min_celsius - coldest))
        return self._excess

    def _watch(self, turn: Turn, excess: Excess, celsius: float, limit: float, over_for_s: float) -> None:
        """Tell an excursion once it is one, and let the clock run that makes an alarm of it."""
        now, timer = turn.moment.uptime, f"{excess.side}:{self._zone}"
        grace_s = max(0.0, self._grace_until - now)
        if not turn.zone(self._zone).excursion and grace_s == 0.0:
            for_s = round(now - excess.since, 3)
            turn.tell(
                ExcursionStarted(self._zone, celsius, limit, excess.worst, for_s, round(excess.degree_minutes, 3)),
                self._zone,
            )
        if timer not in turn.state.timers and not alarms.standing(turn, ALARM[excess.side], self._zone):
            turn.start_timer(timer, max(excess.since + over_for_s - now, grace_s, 0.0))

    def _end(self, turn: Turn, excess: Excess, celsius: float, limit: float) -> None:
        self._excess = None
        _grow(excess, turn.moment.uptime, celsius, 0.0)
        if turn.zone(self._zone).excursion:
            for_s = round(turn.moment.uptime - excess.since, 3)
            dose = round(excess.degree_minutes, 3)
            turn.tell(ExcursionEnded(self._zone, celsius, limit, excess.worst, for_s, dose), self._zone)


def _outside(side: Side, celsius: float, limit: float) -> float:
    """Degrees beyond a limit; negative: within it."""
    return celsius - limit if side == "warm" else limit - celsius


def _grow(excess: Excess, at: float, celsius: float, outside: float) -> None:
    """Add the trapezium between two readings."""
    if excess.seen is not None:
        before_at, before = excess.seen
        excess.degree_minutes += (before + outside) / 2 * (at - before_at) / 60
    excess.seen = at, outside
    if outside > 0:
        excess.worst = max(excess.worst, celsius) if excess.side == "warm" else min(excess.worst, celsius)
