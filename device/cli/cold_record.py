"""The cold-chain record of a zone for a period, as the journal has it: the figures of the report, and nothing else."""

from __future__ import annotations

import sqlite3
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from device.domain.envelope import data_of, parse, rfc3339
from device.domain.events import (
    AlarmCleared,
    AlarmRaised,
    ClockCorrelated,
    ExcursionEnded,
    ExcursionStarted,
    SalesResumed,
    SalesStopped,
    StartReason,
    StoreStarted,
    TemperatureRecorded,
)
from device.domain.moment import Moment
from device.journal.reading import rows_after
from device.store.cold.statement import Account, account
from device.store.memory.history import Span

_TOLD = (ExcursionStarted, ExcursionEnded, AlarmRaised, AlarmCleared, SalesStopped, SalesResumed)
_TYPES = frozenset(kind.TYPE for kind in (*_TOLD, StoreStarted, TemperatureRecorded, ClockCorrelated))
_ALARMS = frozenset(
    {"too_warm", "too_cold", "will_be_too_warm", "cooling_strained", "temperature_swing", "probe_failed", "sensor_untrusted"}
)
_STARTS: Mapping[StartReason, str] = {
    "first_start": "the program ran for the first time",
    "clean": "the program ran again after a stop",
    "crash": "the program ran again after it had died",
    "power_loss": "the program ran again after a power cut or a restart of the machine",
}
"""Why there may be a gap before it."""
LEAST_GAP_S = 1.0
SIMULATED = "SIMULATED: these are temperatures of simulated devices, not of goods"


@dataclass(frozen=True, slots=True)
class Frame:
    """What a report is about. Times are Unix seconds; the names, limits and calibrations are those of the configuration when it was made.

    ``row`` and ``hash`` are the newest of the journal then, ``epoch`` is its own. ``thermometers`` maps ids to calibration notes.
    ``simulated``: the journal is that of simulated runs.
    """

    store: str
    store_name: str
    zone: str
    zone_name: str
    timezone: str
    since: float
    upto: float
    made: float
    min_celsius: float
    max_celsius: float
    regime: str
    over_for_s: float
    thermometers: dict[str, str]
    epoch: str
    row: int
    hash: str
    simulated: bool = False


@dataclass(frozen=True, slots=True)
class Kept:
    """One interval as recorded, under the label that a trusted clock gives it."""

    seq: int
    span: Span
    samples: int
    trusted: bool


@dataclass(frozen=True, slots=True)
class Told:
    """Something else that the journal tells of the zone in the period."""

    seq: int
    wall: float
    type: str
    data: dict[str, Any]


@dataclass(slots=True)
class Record:
    """The intervals of each thermometer, in order, and what else was told."""

    intervals: dict[str, list[Kept]] = field(default_factory=dict)
    told: list[Told] = field(default_factory=list)
    _known: dict[str, tuple[list[Span], float]] = field(default_factory=dict)

    def known(self, thermometer: str, since: float, upto: float) -> list[Span]:
        """The intervals with a temperature that may touch a time; found without looking at all of them, for a year has 400 days."""
        if thermometer not in self._known:
            spans = [kept.span for kept in self.intervals.get(thermometer, ()) if kept.span.known_s > 0]
            self._known[thermometer] = spans, max((span.upto - span.since for span in spans), default=0.0)
        spans, longest_s = self._known[thermometer]
        first = bisect_left(spans, since - longest_s, key=lambda span: span.since)
        return spans[first : bisect_left(spans, upto, lo=first, key=lambda span: span.since)]


def read(archive: sqlite3.Connection, frame: Frame) -> Record:
    """Read the record of a frame's zone and period, up to its row.

    What was written before the clock was trusted is moved to where ``clock.correlated`` of the same boot says that it belongs.
    """
    events = []
    offsets: dict[str, float] = {}
    for stored in rows_after(archive, 0):
        if stored.row > frame.row:
            break
        if stored.type in _TYPES and stored.body is not None:
            event, _, seq, moment = parse(stored.body)
            if isinstance(event, ClockCorrelated):
                offsets[event.boot] = datetime.fromisoformat(event.time).timestamp() - float(event.uptime)
            else:
                events.append((seq, event, moment))
    record = Record({thermometer: [] for thermometer in frame.thermometers})
    for seq, event, moment in events:
        wall, trusted = _label(moment, offsets)
        if isinstance(event, TemperatureRecorded):
            since, upto = (datetime.fromisoformat(text).timestamp() for text in (event.from_, event.to))
            span = Span(since + wall - moment.wall, upto + wall - moment.wall, event.gap_s, event.min, event.max, event.mean, event.mkt)
            if event.zone == frame.zone and span.upto > frame.since and span.since < frame.upto:
                record.intervals.setdefault(event.thermometer, []).append(Kept(seq, span, event.samples, trusted))
        elif frame.since <= wall < frame.upto and (isinstance(event, StoreStarted) or _of_the_zone(event, frame.zone)):
            record.told.append(Told(seq, wall, event.TYPE, data_of(event)))
    for kept in record.intervals.values():
        kept.sort(key=lambda each: (each.span.since, each.seq))
    return record


def figures(record: Record, frame: Frame, thermometer: str, since: float | None = None, upto: float | None = None) -> Account:
    """Minimum, maximum, mean, MKT, time above the limit and gaps of one thermometer, for the period or a part of it."""
    begin, end = frame.since if since is None else since, frame.upto if upto is None else upto
    return account(record.known(thermometer, begin, end), begin, end, frame.max_celsius, frame.over_for_s)


def gaps(record: Record, frame: Frame, thermometer: str) -> list[tuple[float, float, float]]:
    """The times without a temperature: from, to, and the seconds of it that nobody knows (a part of an interval may be known)."""
    found, place = [], frame.since
    for kept in record.intervals.get(thermometer, ()):
        span = kept.span
        if span.known_s <= 0 or span.upto <= place or span.since >= frame.upto:
            continue
        if span.since - place >= LEAST_GAP_S:
            found.append((place, span.since, span.since - place))
        if span.gap_s >= LEAST_GAP_S:
            begin, end = max(span.since, place), min(span.upto, frame.upto)
            found.append((begin, end, span.gap_s * (end - begin) / (span.upto - span.since)))
        place = max(place, span.upto)
    if frame.upto - place >= LEAST_GAP_S:
        found.append((place, frame.upto, frame.upto - place))
    return found


def days(frame: Frame) -> list[tuple[str, float, float]]:
    """The days of the period in store time: the date, and the part of it that is within the period."""
    zone = ZoneInfo(frame.timezone)
    day = datetime.fromtimestamp(frame.since, zone).date()
    found = []
    while (begin := datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()) < frame.upto:
        later = day + timedelta(days=1)
        end = datetime(later.year, later.month, later.day, tzinfo=zone).timestamp()
        found.append((day.isoformat(), max(begin, frame.since), min(end, frame.upto)))
        day = later
    return found


def swing(accounts: Sequence[Account]) -> float | None:
    """The widest difference between the highest and the lowest temperature of one day."""
    return max((each.high - each.low for each in accounts if each.high is not None and each.low is not None), default=None)


def in_words(told: Told) -> str:
    """One line of what was told."""
    data = told.data
    match told.type:
        case "temperature.excursion_started":
            since = f", since {data['for_s'] / 60:.0f} min" if data["for_s"] >= 60 else ""
            return f"outside its limits: {data['celsius']:.2f} °C, limit {data['limit']:g} °C{since}"
        case "temperature.excursion_ended":
            dose = f"{data['degree_minutes']:.0f} degree minutes"
            return f"within its limits again after {data['for_s'] / 60:.0f} min, worst {data['worst']:.2f} °C, {dose}"
        case "alarm.raised":
            return f"alarm {data['kind']} raised{_in_brackets([*_which(data['details']), *_how_far(data['details'])])}"
        case "alarm.cleared":
            return f"alarm {data['kind']} over{_in_brackets(_which(data['details']))}"
        case "store.started":
            return _STARTS[data["reason"]]
        case _:
            reasons = ", ".join(data["reasons"]) or "nothing"
            by = f" by {data['by']}" if data["by"] else ""
            return (
                f"sales stopped for {reasons}{by}"
                if told.type == "sales.stopped"
                else f"sales resumed{by}; what still stops them: {reasons}"
            )


def _which(details: Mapping[str, Any]) -> list[str]:
    return [str(details[name]) for name in ("thermometer", "reason") if details.get(name) is not None]


def _how_far(details: Mapping[str, Any]) -> list[str]:
    """What an alarm was raised for; when it is over that is no more so."""
    words = [f"{details['celsius']:.2f} °C"] if details.get("celsius") is not None else []
    words += [f"hours from {details['low']:.2f} to {details['high']:.2f} °C"] if details.get("high") is not None else []
    words += [f"runs {details['duty']:.0%} of the time"] if details.get("duty") is not None else []
    return words


def _in_brackets(words: Sequence[str]) -> str:
    return f" ({', '.join(words)})" if words else ""


def label(wall: float, frame: Frame) -> str:
    """A time as the contract writes it."""
    return rfc3339(wall, ZoneInfo(frame.timezone))


def _of_the_zone(event: Any, zone: str) -> bool:
    """Whether an event is of the cold of a zone."""
    return isinstance(event, _TOLD) and event.zone == zone and (not isinstance(event, AlarmRaised | AlarmCleared) or event.kind in _ALARMS)


def _label(moment: Moment, offsets: dict[str, float]) -> tuple[float, bool]:
    if moment.trusted or moment.boot not in offsets:
        return moment.wall, moment.trusted
    return moment.uptime + offsets[moment.boot], True
