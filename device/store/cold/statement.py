"""The cold-chain statement of a pickup: what the goods went through while they stood in the store.

It begins when the slot of a line was last filled from nothing: nobody can tell bottles of several deliveries apart, so the oldest that may
be among them counts; where that is not known, or lies in a future that the clock has left, 30 days ago. Where several thermometers are in a
zone, the warmest speaks for it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from device.domain.events import ColdChain
from device.domain.kinetic import mean_kinetic
from device.domain.record import record
from device.store.memory.history import TOUCHING_S, Span
from device.store.turn import Turn

AT_MOST_S = 30 * 86_400.0


@record
class Account:
    """One thermometer over a time. ``held`` as in ``ColdChain``; seconds and degrees Celsius."""

    low: float | None
    high: float | None
    mean: float | None
    mkt: float | None
    above_s: float
    gap_s: float
    held: bool | None


def statement(turn: Turn, goods: Mapping[str, Collection[str]], zones: Iterable[str]) -> ColdChain | None:
    """What goods went through in these zones; None where none of the zones that may hold them is monitored.

    ``goods`` maps GTINs to the slots in which they stood.
    """
    monitored = [zone for zone in zones if zone in turn.plan.zones and turn.rules(zone).temperature]
    places = [
        (zone, slot.id, gtin)
        for zone in monitored
        for slot in turn.plan.slots_of(zone)
        for gtin in slot.products
        if slot.id in goods.get(gtin, ())
    ]
    held_by = list(dict.fromkeys(zone for zone, _, _ in places)) or monitored[:1]
    if not held_by:
        return None
    now, earliest = turn.moment.wall, turn.moment.wall - AT_MOST_S
    arrivals = [turn.slot(slot).standing_since.get(gtin, earliest) for _, slot, gtin in places]
    since = max(earliest, min((earliest if arrival > now else arrival for arrival in arrivals), default=earliest))
    limit = min(_limits(turn, goods, held_by))
    tolerance_s = min(rules.over_for_s for zone in held_by if (rules := turn.rules(zone).temperature))
    accounts = [_zone(turn, zone, since, limit, tolerance_s) for zone in held_by]
    worst = max(accounts, key=lambda account: -1e9 if account.mkt is None else account.mkt)
    return ColdChain(
        from_=turn.time(since),
        to=turn.time(),
        min_celsius=_rounded(min((account.low for account in accounts if account.low is not None), default=None)),
        max_celsius=_rounded(max((account.high for account in accounts if account.high is not None), default=None)),
        mean_celsius=_rounded(worst.mean),
        mkt_celsius=_rounded(worst.mkt),
        minutes_above=round(max(account.above_s for account in accounts) / 60, 1) if worst.mkt is not None else None,
        held=_all_held(account.held for account in accounts),
        limit_celsius=limit,
        gap_minutes=round(max(account.gap_s for account in accounts) / 60, 1),
    )


def account(spans: Sequence[Span], since: float, upto: float, limit: float, tolerance_s: float) -> Account:
    """One thermometer's record from ``since`` to ``upto`` (Unix seconds), held against a limit.

    A part that was above counts whole. Above for ``tolerance_s`` at a stretch is not held; where only a gap makes the stretch so long,
    nobody knows. A time that was lived through twice, because the clock was set back, counts with all that was measured in it.
    """
    parts: list[tuple[Span, float]] = []
    known_s, place = 0.0, since
    once, again = _Stretch(limit, tolerance_s), _Stretch(limit, tolerance_s)
    for span in (span for span in spans if span.upto > since and span.since < upto):
        begin, end = max(span.since, place), min(span.upto, upto)
        if end <= begin:
            again.take(span, span.known_s, 0.0, span.gap_s)
            parts.append((span, span.known_s))
            continue
        here_s = span.known_s * (end - begin) / (span.upto - span.since)
        once.take(span, here_s, begin - place, end - begin - here_s)
        parts.append((span, here_s))
        known_s, place = known_s + here_s, end
    once.unknown(max(0.0, upto - place))
    held = False if False in (once.held, again.held) else None if None in (once.held, again.held) else True
    parts = [(span, seconds) for span, seconds in parts if seconds > 0]
    if not parts:
        return Account(None, None, None, None, 0.0, upto - since, None if upto > since else True)
    return Account(
        min(span.low for span, _ in parts if span.low is not None),
        max(span.high for span, _ in parts if span.high is not None),
        sum(span.mean * seconds for span, seconds in parts if span.mean is not None) / sum(seconds for _, seconds in parts),
        mean_kinetic((span.mkt, seconds) for span, seconds in parts if span.mkt is not None),
        once.above_s + again.above_s,
        max(0.0, upto - since - known_s),
        held,
    )


class _Stretch:
    """Intervals one after the other: how long they were above a limit, and whether that was for too long at a stretch."""

    def __init__(self, limit: float, tolerance_s: float) -> None:
        self._limit, self._tolerance_s = limit, tolerance_s
        self._sure_s = self._possible_s = 0.0
        self.above_s = 0.0
        self.held: bool | None = True

    def take(self, span: Span, known_s: float, before_s: float, unknown_s: float) -> None:
        """An interval of which so much is known; nothing is of ``before_s`` before it, and of ``unknown_s`` within it."""
        above = known_s > 0 and span.high is not None and span.high > self._limit
        self._sure_s = (self._sure_s if before_s <= TOUCHING_S else 0.0) + known_s if above else 0.0
        self.above_s += known_s if above else 0.0
        self.unknown(before_s + unknown_s + (known_s if above else 0.0))
        if known_s > 0 and not above:
            self._possible_s = unknown_s

    def unknown(self, seconds: float) -> None:
        """A time that was, or may have been, above."""
        self._possible_s += seconds
        self.held = _judged(self.held, self._sure_s, self._possible_s, self._tolerance_s)


def _judged(held: bool | None, sure_s: float, possible_s: float, tolerance_s: float) -> bool | None:
    if held is False or sure_s >= tolerance_s:
        return False
    return None if held is None or possible_s >= tolerance_s else True


def _zone(turn: Turn, zone: str, since: float, limit: float, tolerance_s: float) -> Account:
    """The warmest thermometer's account; a gap is only what no thermometer knows, as far as the longest record shows."""
    now = turn.moment
    accounts = []
    for thermometer, where in turn.plan.thermometer_zone.items():
        if where == zone:
            running = turn.live.intervals.get(thermometer)
            spans = [*turn.state.cold.get(thermometer, ()), *([running.span(now.uptime, now.wall)] if running else ())]
            accounts.append(account(_up_to(now.wall, spans), since, now.wall, limit, tolerance_s))
    return Account(
        min((each.low for each in accounts if each.low is not None), default=None),
        max((each.high for each in accounts if each.high is not None), default=None),
        max((each.mean for each in accounts if each.mean is not None), default=None),
        max((each.mkt for each in accounts if each.mkt is not None), default=None),
        max(each.above_s for each in accounts),
        min(each.gap_s for each in accounts),
        False if any(each.held is False for each in accounts) else True if any(each.held for each in accounts) else None,
    )


def _up_to(wall: float, spans: Sequence[Span]) -> list[Span]:
    """The same with what was recorded in a future that the clock has left since: it belongs somewhere before now, nobody can tell where."""
    left = [replace(span, since=wall - (span.upto - span.since), upto=wall) for span in spans if span.since >= wall]
    return [*(span for span in spans if span.since < wall), *left]


def _limits(turn: Turn, gtins: Iterable[str], zones: Iterable[str]) -> list[float]:
    of_zones = [rules.max_celsius for zone in zones if (rules := turn.rules(zone).temperature)]
    of_products = [turn.plan.products[gtin].max_celsius for gtin in gtins if gtin in turn.plan.products]
    own = [celsius for celsius in of_products if celsius is not None]
    return [*own, *(of_zones if len(own) < len(of_products) or not own else ())]


def _all_held(each: Iterable[bool | None]) -> bool | None:
    verdicts = list(each)
    return False if False in verdicts else None if None in verdicts else True


def _rounded(celsius: float | None) -> float | None:
    return None if celsius is None else round(celsius, 2)
