"""The outlook of a zone: it will be too warm, its compressor works too hard, it swings, its thermometers contradict each other."""

from __future__ import annotations

from collections.abc import Iterable
from math import exp

from device.domain.layout import ZoneTemperature
from device.domain.median import median
from device.store import alarms
from device.store.cold.foresight import TURN_CELSIUS, WINDOWS_S, Duty, Forecast, Trend
from device.store.cold.swing import Swing
from device.store.memory.history import Span
from device.store.turn import Turn

MEAN_S = 3600.0
"""Thermometers are compared by their means over about an hour: a door or a compressor reaches one before the other."""
RELIEF = 0.1
"""A duty so far under its limit ends the alarm."""
HOLD_S, RELEASE_S, LATER = 300.0, 900.0, 2.0
"""A forecast counts when it has held for so long; it is over when for so long none has come within twice the time."""
UPPER = 0.25
"""While no peak is known, only a temperature in this share of the zone's limits is looked at."""
CLOSER = 0.8
"""Thermometers that are within this share of ``probes_apart_celsius`` again agree."""


class Outlook:
    """One zone. Known only while the program runs: after a start it takes its minutes and hours to form a view again."""

    def __init__(self, zone: str) -> None:
        self._zone = zone
        self._trends = tuple(Trend(window_s) for window_s in WINDOWS_S)
        self._duty = Duty()
        self._otherwise_since: float | None = None
        self._means: dict[str, Mean] = {}
        self._swings: dict[str, Swing] = {}

    def take(self, turn: Turn, thermometer: str, celsius: float, warmest: float, rules: ZoneTemperature) -> None:
        """One believed temperature; ``warmest`` is that of the zone."""
        at = turn.moment.uptime
        self._means.setdefault(thermometer, Mean(at, celsius)).take(at, celsius)
        self._compare(turn, rules.probes_apart_celsius)
        if not turn.zone(self._zone).door_open:
            if self._duty.take(at, warmest):
                self._forget()
            for trend in self._trends:
                trend.take(at, warmest)
        self._foretell(turn, warmest, rules)
        self._judge_duty(turn, rules.duty_limit)

    def disturbed(self) -> None:
        """The door moved, or a thermometer was away: what comes next is not comparable with what came before."""
        self._forget()
        self._duty.disturbed()

    def lost(self, thermometer: str) -> None:
        """A thermometer is not believed any more."""
        self._means.pop(thermometer, None)
        self.disturbed()

    def remember(self, thermometer: str, spans: Iterable[Span], now: float, wall: float) -> None:
        """What was recorded before the start, which was at the uptime ``now`` and the Unix time ``wall``."""
        self._swings.setdefault(thermometer, Swing()).remember(spans, now, wall)

    def recorded(self, turn: Turn, thermometer: str, span: Span, rules: ZoneTemperature) -> None:
        """One interval of the record has just ended."""
        at, limit = turn.moment.uptime, rules.swing_celsius
        self._swings.setdefault(thermometer, Swing()).take(span, at)
        found = {name: extremes for name, swing in self._swings.items() if (extremes := swing.extremes(at))}
        if not limit:
            alarms.end_alarm(turn, "temperature_swing", self._zone)
        if not found or not limit:
            return
        widest = max(found, key=lambda name: found[name][1] - found[name][0])
        low, high = found[widest]
        if high - low > limit:
            details = {"thermometer": widest, "low": round(low, 2), "high": round(high, 2), "limit": limit}
            alarms.raise_alarm(turn, "temperature_swing", self._zone, self._zone, **details)
        else:
            alarms.end_alarm(turn, "temperature_swing", self._zone)

    def keep(self, thermometers: Iterable[str]) -> None:
        """These are the thermometers of the zone now."""
        kept = set(thermometers)
        for gone in self._means.keys() - kept:
            del self._means[gone]
        for gone in self._swings.keys() - kept:
            del self._swings[gone]

    def _forget(self) -> None:
        for trend in self._trends:
            trend.forget()

    def _foretell(self, turn: Turn, warmest: float, rules: ZoneTemperature) -> None:
        zone, at = self._zone, turn.moment.uptime
        stands = alarms.standing(turn, "will_be_too_warm", zone)
        if alarms.standing(turn, "too_warm", zone):
            alarms.end_alarm(turn, "will_be_too_warm", zone)
            return
        if turn.zone(zone).excursion or (found := self._found(at, warmest, rules)) is None:
            forecast = None
        else:
            forecast = found if found.in_s <= rules.foretell_s * (LATER if stands else 1) else None
        if (forecast is not None) == bool(stands) or turn.zone(zone).excursion:
            self._otherwise_since = None
            return
        self._otherwise_since = at if self._otherwise_since is None else self._otherwise_since
        if forecast is None:
            if at - self._otherwise_since >= RELEASE_S:
                alarms.end_alarm(turn, "will_be_too_warm", zone)
        elif at - self._otherwise_since >= HOLD_S:
            details = {"limit_in_s": round(forecast.in_s), "celsius_per_h": round(forecast.celsius_per_h, 2)}
            alarms.raise_alarm(turn, "will_be_too_warm", zone, zone, celsius=warmest, limit=rules.max_celsius, **details)

    def _found(self, at: float, warmest: float, rules: ZoneTemperature) -> Forecast | None:
        """The nearest forecast, of what is more than the ordinary wave."""
        highest = self._duty.highest(at)
        ordinary = rules.max_celsius - UPPER * (rules.max_celsius - rules.min_celsius) if highest is None else highest + TURN_CELSIUS
        if not rules.foretell_s or warmest <= ordinary:
            return None
        found = [forecast for trend in self._trends if (forecast := trend.reaches(rules.max_celsius, at))]
        return min(found, key=lambda forecast: forecast.in_s, default=None)

    def _judge_duty(self, turn: Turn, limit: float) -> None:
        share = self._duty.share(turn.moment.uptime)
        if share is None:
            return
        if share > limit:
            alarms.raise_alarm(turn, "cooling_strained", self._zone, self._zone, duty=round(share, 2), limit=limit)
        elif share <= limit - RELIEF:
            alarms.end_alarm(turn, "cooling_strained", self._zone)

    def _compare(self, turn: Turn, apart_celsius: float) -> None:
        """Of two that disagree nobody knows which is right; of three or more, the one that is away from the middle is not."""
        at = turn.moment.uptime
        means = {name: mean.celsius for name, mean in self._means.items() if at - mean.since >= MEAN_S}
        if len(means) < 2:
            return
        middle = median(means.values())
        share = 0.5 if len(means) == 2 else 1.0
        for name, celsius in means.items():
            away = abs(celsius - middle)
            if away > apart_celsius * share:
                details = {
                    "thermometer": name,
                    "reason": "probes_disagree",
                    "means": {each: round(mean, 2) for each, mean in means.items()},
                }
                alarms.raise_alarm(turn, "sensor_untrusted", name, self._zone, **details)
            elif away <= apart_celsius * share * CLOSER:
                alarms.end_alarm(turn, "sensor_untrusted", name)


class Mean:
    """An exponential mean with a memory of an hour."""

    def __init__(self, at: float, celsius: float) -> None:
        self.since = at
        self.celsius = celsius
        self._at = at

    def take(self, at: float, celsius: float) -> None:
        self.celsius += (celsius - self.celsius) * (1 - exp(-(at - self._at) / MEAN_S))
        self._at = at
