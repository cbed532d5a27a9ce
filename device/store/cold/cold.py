"""The cold: what zones' thermometers say, the record of it, and what a zone that is too warm may still do."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite

from device.domain.events import AlarmKind, TemperatureRecorded
from device.domain.facts import ProbeFailed, TemperatureKnown
from device.domain.layout import ZoneTemperature
from device.store import alarms, sales
from device.store.cold.limits import Limits
from device.store.cold.outlook import Outlook
from device.store.memory.history import Interval
from device.store.memory.notes import ExcursionGone, TimerSet
from device.store.turn import Turn

LEAST_GAP_S = 1.0
_ALARMS: tuple[AlarmKind, ...] = ("too_warm", "too_cold", "will_be_too_warm", "cooling_strained", "temperature_swing", "probe_failed")


class ColdStore:
    """The levels of all thermometers. What must outlive a restart (record, excursions, alarms, stopped sales) is in the state."""

    def __init__(self) -> None:
        self.celsius: dict[str, float] = {}
        self._limits: dict[str, Limits] = {}
        self._outlooks: dict[str, Outlook] = {}
        self._begun_at: float | None = None
        self._last_wall = 0.0

    def begin(self, turn: Turn, last_wall: float) -> None:
        """Start the record of every thermometer, and where there is food, the time it may go without a reading.

        ``last_wall`` is when the journal last wrote anything before this start.
        """
        now = turn.moment.uptime
        for thermometer in turn.plan.thermometer_zone:
            turn.stop_timer(f"record:{thermometer}")
        self.watch(turn)
        self._begun_at = now
        self._last_wall = last_wall
        if turn.moment.trusted:
            self.clock_trusted(turn)

    def watch(self, turn: Turn) -> None:
        """Start the record of each thermometer that has none: at the start, and where a reload has begun to watch a zone."""
        now = turn.moment.uptime
        for thermometer, zone in turn.plan.thermometer_zone.items():
            rules = turn.rules(zone).temperature
            self._watch_blindness(turn, zone)
            if f"record:{thermometer}" in turn.state.timers:
                continue
            turn.live.intervals[thermometer] = Interval(now, now)
            if rules:
                turn.start_timer(f"record:{thermometer}", rules.record_every_s)

    def clock_trusted(self, turn: Turn) -> None:
        """Write down, once, for how long nothing was recorded before this start: only a trusted clock knows."""
        if self._begun_at is None:
            return
        begun_at, self._begun_at = self._begun_at, None
        begun_wall = turn.moment.wall - (turn.moment.uptime - begun_at)
        for thermometer, zone in turn.plan.thermometer_zone.items():
            spans = turn.state.cold.get(thermometer)
            self._outlook_of(zone).remember(thermometer, spans or (), begun_at, begun_wall)
            if spans and begun_wall - spans[-1].upto >= LEAST_GAP_S and turn.rules(zone).temperature:
                gap_s = round(begun_wall - spans[-1].upto, 3)
                since, upto = turn.time(spans[-1].upto), turn.time(begun_wall)
                turn.tell(TemperatureRecorded(zone, thermometer, None, None, None, None, 0, since, upto, None, gap_s), zone)
        if not self._last_wall:
            return
        for zone in set(turn.plan.thermometer_zone.values()):
            rules = turn.rules(zone).temperature
            if rules and rules.regime == "food" and begun_wall - self._last_wall >= rules.over_for_s:
                self.too_long(turn, "blind", zone)

    def known(self, turn: Turn, fact: TemperatureKnown) -> None:
        """A trusted temperature."""
        zone = turn.plan.thermometer_zone.get(fact.thermometer)
        if zone is None:
            return
        now = turn.moment.uptime
        self.celsius[fact.thermometer] = fact.celsius
        turn.live.intervals.setdefault(fact.thermometer, Interval(now, now)).take(fact.celsius, now)
        rules = turn.rules(zone).temperature
        if rules is None:
            return
        turn.stop_timer(f"blind:{zone}")
        if self._all_known(turn, zone):
            alarms.end_alarm(turn, "probe_failed", zone)
        warmest = self.warmest(turn, zone)
        self._limits_of(zone).take(turn, self.coldest(turn, zone), warmest, rules)
        self._outlook_of(zone).take(turn, fact.thermometer, fact.celsius, warmest, rules)

    def failed(self, turn: Turn, fact: ProbeFailed) -> None:
        """A thermometer has not been believed for a while: a state of its own, neither warm nor cold."""
        zone = turn.plan.thermometer_zone.get(fact.thermometer)
        if zone is None:
            return
        now = turn.moment.uptime
        self.celsius.pop(fact.thermometer, None)
        turn.live.intervals.setdefault(fact.thermometer, Interval(now, now)).fail(now)
        self._limits_of(zone).blind()
        self._outlook_of(zone).lost(fact.thermometer)
        if turn.rules(zone).temperature:
            alarms.raise_alarm(turn, "probe_failed", zone, zone, thermometer=fact.thermometer, reason=fact.reason)
            self._watch_blindness(turn, zone)

    def door_moved(self, turn: Turn, zone: str, is_open: bool) -> None:
        """The door of a zone opened or closed."""
        rules = turn.rules(zone).temperature
        if rules is None:
            return
        self._outlook_of(zone).disturbed()
        if is_open:
            self._limits_of(zone).door_opened(turn, rules.door_grace_s)

    def follow_plan(self, turn: Turn) -> None:
        """A configuration has come into force: let go of zones that are not watched any more, and of thermometers that are gone."""
        for zone in turn.plan.zones:
            if turn.rules(zone).temperature is None:
                self._unwatched(turn, zone)
        for thermometer in self.celsius.keys() - turn.plan.thermometer_zone.keys():
            del self.celsius[thermometer]
        for zone, outlook in self._outlooks.items():
            outlook.keep(name for name, where in turn.plan.thermometer_zone.items() if where == zone)
        for alarm in list(turn.state.alarms.values()):
            if alarm.kind == "sensor_untrusted" and alarm.place in turn.plan.thermometer_zone and not self._compared(turn, alarm.place):
                alarms.clear(turn, alarm, None)

    def _unwatched(self, turn: Turn, zone: str) -> None:
        """Nobody watches this zone's temperature any more. Stopped sales stay stopped: the food in it has still been too warm.

        Who watches it again begins anew: an excess from before says nothing of the time in between.
        """
        for thermometer, where in turn.plan.thermometer_zone.items():
            if where == zone and f"record:{thermometer}" in turn.state.timers:
                turn.stop_timer(f"record:{thermometer}")
                interval = turn.live.intervals.get(thermometer)
                if interval and interval.since < turn.moment.uptime:
                    self._write(turn, thermometer, zone)
                turn.live.intervals.pop(thermometer, None)
        for kind in _ALARMS:
            alarms.end_alarm(turn, kind, zone)
        for timer in ("warm", "cold", "blind"):
            turn.stop_timer(f"{timer}:{zone}")
        if turn.zone(zone).excursion:
            turn.note(ExcursionGone(zone))
        self._limits.pop(zone, None)
        self._outlooks.pop(zone, None)

    def _compared(self, turn: Turn, thermometer: str) -> bool:
        """Whether a thermometer has others beside it to be held against."""
        zone = turn.plan.thermometer_zone[thermometer]
        others = [name for name, where in turn.plan.thermometer_zone.items() if where == zone and name != thermometer]
        return bool(others) and turn.rules(zone).temperature is not None

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
            alarms.end_alarm(turn, "will_be_too_warm", zone)
        if rules.regime == "food":
            sales.stop(turn, zone, "too_warm" if timer == "warm" else "no_temperature")

    def record(self, turn: Turn, thermometer: str) -> None:
        """Write one interval down, empty or not, and begin the next. They follow a fixed grid, however late one of them comes."""
        zone = turn.plan.thermometer_zone.get(thermometer)
        rules = turn.rules(zone).temperature if zone else None
        timer, now = f"record:{thermometer}", turn.moment.uptime
        due = turn.state.timers.get(timer, now)
        turn.stop_timer(timer)
        if zone is None or rules is None:
            return
        self._write(turn, thermometer, zone)
        due += rules.record_every_s
        turn.note(TimerSet(timer, due if due > now else now + rules.record_every_s))

    def close(self, turn: Turn) -> None:
        """The program stops: write down what has been gathered."""
        for thermometer, zone in turn.plan.thermometer_zone.items():
            if turn.rules(zone).temperature and thermometer in turn.live.intervals:
                self._write(turn, thermometer, zone)

    def still_warm(self, turn: Turn, zone: str) -> bool:
        """Whether a zone of food may not be sold from yet: too warm now, or nobody knows."""
        rules = turn.rules(zone).temperature
        if rules is None or rules.regime != "food":
            return False
        return self._none_known(turn, zone) or self.warmest(turn, zone) > rules.max_celsius

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

    def _write(self, turn: Turn, thermometer: str, zone: str) -> None:
        now = turn.moment.uptime
        interval = turn.live.intervals.get(thermometer) or Interval(now, now)
        span = interval.span(now, turn.moment.wall)
        turn.tell(
            TemperatureRecorded(
                zone=zone,
                thermometer=thermometer,
                celsius=interval.last if interval.samples else None,
                min=span.low,
                max=span.high,
                mean=_round(span.mean),
                samples=interval.samples,
                from_=turn.time(span.since),
                to=turn.time(),
                mkt=_round(span.mkt),
                gap_s=round(span.gap_s, 3),
            ),
            zone,
        )
        self._limits_of(zone).note(turn)
        rules = turn.rules(zone).temperature
        if rules:
            self._outlook_of(zone).recorded(turn, thermometer, span, rules)
        turn.live.intervals[thermometer] = interval.next(now)

    def _shown(self, turn: Turn, zone: str, extreme: Callable[[Turn, str], float]) -> float | None:
        """A temperature for an event; None while no thermometer is believed, such as right after a start."""
        found = extreme(turn, zone)
        return found if isfinite(found) else None

    def _all_known(self, turn: Turn, zone: str) -> bool:
        return all(name in self.celsius for name, where in turn.plan.thermometer_zone.items() if where == zone)

    def _none_known(self, turn: Turn, zone: str) -> bool:
        return not any(name in self.celsius for name, where in turn.plan.thermometer_zone.items() if where == zone)

    def _watch_blindness(self, turn: Turn, zone: str) -> None:
        rules: ZoneTemperature | None = turn.rules(zone).temperature
        if rules and rules.regime == "food" and self._none_known(turn, zone) and f"blind:{zone}" not in turn.state.timers:
            turn.start_timer(f"blind:{zone}", rules.over_for_s)

    def _limits_of(self, zone: str) -> Limits:
        return self._limits.setdefault(zone, Limits(zone))

    def _outlook_of(self, zone: str) -> Outlook:
        return self._outlooks.setdefault(zone, Outlook(zone))


def _round(celsius: float | None) -> float | None:
    return None if celsius is None else round(celsius, 3)
