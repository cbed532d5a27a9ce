"""The cold: what zones' thermometers say, the record of it, and what a zone that is too warm may still do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import isfinite

from device.domain.events import AlarmKind, TemperatureRecorded
from device.domain.facts import ProbeFailed, TemperatureKnown
from device.store import alarms, sales
from device.store.turn import Turn

_ALARMS: tuple[AlarmKind, ...] = ("too_warm", "too_cold", "probe_failed")


@dataclass(slots=True)
class Interval:
    """The samples of one thermometer since its last record. Unix time and degrees Celsius."""

    since_wall: float
    values: list[float] = field(default_factory=list)


class ColdStore:
    """The levels of all thermometers. What must outlive a restart (alarms, timers, stopped sales) is in the state."""

    def __init__(self) -> None:
        self.celsius: dict[str, float] = {}
        self._intervals: dict[str, Interval] = {}

    def begin(self, turn: Turn) -> None:
        """Start the record of every thermometer, and where there is food, the time it may go without a reading."""
        for thermometer, zone in turn.plan.thermometer_zone.items():
            self._intervals[thermometer] = Interval(turn.moment.wall)
            rules = turn.rules(zone).temperature
            if rules:
                turn.start_timer(f"record:{thermometer}", rules.record_every_s)
                self._watch_blindness(turn, zone)

    def known(self, turn: Turn, fact: TemperatureKnown) -> None:
        """A trusted temperature."""
        zone = turn.plan.thermometer_zone.get(fact.thermometer)
        if zone is None:
            return
        self.celsius[fact.thermometer] = fact.celsius
        self._intervals.setdefault(fact.thermometer, Interval(turn.moment.wall)).values.append(fact.celsius)
        rules = turn.rules(zone).temperature
        if rules is None:
            return
        if self._all_known(turn, zone):
            alarms.end_alarm(turn, "probe_failed", zone)
            turn.stop_timer(f"blind:{zone}")
        _limit(turn, f"warm:{zone}", self.warmest(turn, zone) > rules.max_celsius, rules.over_for_s)
        _limit(turn, f"cold:{zone}", self.coldest(turn, zone) < rules.min_celsius, rules.over_for_s)
        if self.warmest(turn, zone) <= rules.max_celsius:
            alarms.end_alarm(turn, "too_warm", zone)
        if self.coldest(turn, zone) >= rules.min_celsius:
            alarms.end_alarm(turn, "too_cold", zone)

    def failed(self, turn: Turn, fact: ProbeFailed) -> None:
        """A thermometer has not been believed for a while: a state of its own, neither warm nor cold."""
        zone = turn.plan.thermometer_zone.get(fact.thermometer)
        if zone is None:
            return
        self.celsius.pop(fact.thermometer, None)
        if turn.rules(zone).temperature:
            alarms.raise_alarm(turn, "probe_failed", zone, zone, thermometer=fact.thermometer, reason=fact.reason)
            self._watch_blindness(turn, zone)

    def unwatched(self, turn: Turn, zone: str) -> None:
        """Nobody watches this zone's temperature any more. Stopped sales stay stopped: the food in it has still been too warm."""
        for kind in _ALARMS:
            alarms.end_alarm(turn, kind, zone)
        for timer in ("warm", "cold", "blind"):
            turn.stop_timer(f"{timer}:{zone}")

    def too_long(self, turn: Turn, timer: str, zone: str) -> None:
        """A limit has been exceeded, or nothing known, for ``over_for_s``."""
        turn.stop_timer(f"{timer}:{zone}")
        rules = turn.rules(zone).temperature
        if rules is None:
            return
        if timer == "cold":
            alarms.raise_alarm(turn, "too_cold", zone, zone, celsius=self._shown(turn, zone, self.coldest), limit=rules.min_celsius)
            return
        if timer == "warm":
            alarms.raise_alarm(turn, "too_warm", zone, zone, celsius=self._shown(turn, zone, self.warmest), limit=rules.max_celsius)
        if rules.regime == "food":
            sales.stop(turn, zone, "too_warm" if timer == "warm" else "no_temperature")

    def record(self, turn: Turn, thermometer: str) -> None:
        """Write one interval down, empty or not, and begin the next."""
        zone = turn.plan.thermometer_zone.get(thermometer)
        rules = turn.rules(zone).temperature if zone else None
        turn.stop_timer(f"record:{thermometer}")
        if zone is None or rules is None:
            return
        interval = self._intervals.get(thermometer, Interval(turn.moment.wall))
        values = interval.values
        turn.tell(
            TemperatureRecorded(
                zone=zone,
                thermometer=thermometer,
                celsius=values[-1] if values else None,
                min=min(values) if values else None,
                max=max(values) if values else None,
                mean=round(sum(values) / len(values), 3) if values else None,
                samples=len(values),
                from_=turn.time(interval.since_wall),
                to=turn.time(),
            ),
            zone,
        )
        self._intervals[thermometer] = Interval(turn.moment.wall)
        turn.start_timer(f"record:{thermometer}", rules.record_every_s)

    def still_warm(self, turn: Turn, zone: str) -> bool:
        """Whether a zone of food may not be sold from yet: too warm now, or nobody knows."""
        rules = turn.rules(zone).temperature
        if rules is None or rules.regime != "food":
            return False
        return not self._all_known(turn, zone) or self.warmest(turn, zone) > rules.max_celsius

    def of_zone(self, turn: Turn, zone: str) -> float | None:
        """The temperature to show for a zone: its warmest thermometer's."""
        warmest = self.warmest(turn, zone)
        return warmest if warmest > float("-inf") else None

    def warmest(self, turn: Turn, zone: str) -> float:
        return max(
            (self.celsius[name] for name, where in turn.plan.thermometer_zone.items() if where == zone and name in self.celsius),
            default=float("-inf"),
        )

    def coldest(self, turn: Turn, zone: str) -> float:
        return min(
            (self.celsius[name] for name, where in turn.plan.thermometer_zone.items() if where == zone and name in self.celsius),
            default=float("inf"),
        )

    def _shown(self, turn: Turn, zone: str, extreme: Callable[[Turn, str], float]) -> float | None:
        """A temperature for an event; None while no thermometer is believed, such as right after a start."""
        found = extreme(turn, zone)
        return found if isfinite(found) else None

    def _all_known(self, turn: Turn, zone: str) -> bool:
        return all(name in self.celsius for name, where in turn.plan.thermometer_zone.items() if where == zone)

    def _watch_blindness(self, turn: Turn, zone: str) -> None:
        rules = turn.rules(zone).temperature
        if rules and rules.regime == "food" and f"blind:{zone}" not in turn.state.timers:
            turn.start_timer(f"blind:{zone}", rules.over_for_s)


def _limit(turn: Turn, timer: str, exceeded: bool, over_for_s: float) -> None:
    kind: AlarmKind = "too_warm" if timer.startswith("warm") else "too_cold"
    standing = alarms.standing(turn, kind, timer.partition(":")[2])
    if not exceeded:
        turn.stop_timer(timer)
    elif timer not in turn.state.timers and not standing:
        turn.start_timer(timer, over_for_s)
