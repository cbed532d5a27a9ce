"""What is told by the clock and not by what happens: how products fare each hour, and each night what stands where, and why."""

from __future__ import annotations

from datetime import datetime, timedelta

from device.domain.events import ProductEngagement, ShelfEngagement, StockLine, StockReported
from device.store.goods import expiry
from device.store.memory.tally import Flow
from device.store.turn import Turn

HOUR_S = 3600.0
DAY_S = 86_400.0
SOON_S = 5.0
"""A report due within so long at a start is one that was missed."""


def begin(turn: Turn) -> None:
    """Wait for the next full hour, and for midnight. What fell due while nobody was there is told soon; what is still to come, by the clock
    and in the time zone of now."""
    for zone in turn.plan.zones:
        if _is_to_come(turn, f"engagement:{zone}"):
            _await_hour(turn, zone)
        if _is_to_come(turn, f"stock:{zone}") and turn.plan.slots_of(zone):
            _await_midnight(turn, zone)


def clock_moved(turn: Turn, by_s: float) -> None:
    """The clock on the wall was set by so many seconds: hours and midnights come when it says so, and one that it skipped has come."""
    for zone in turn.plan.zones:
        if f"engagement:{zone}" in turn.state.timers:
            _await_hour(turn, zone)
        at = turn.state.timers.get(f"stock:{zone}")
        if at is None:
            continue
        if at <= turn.moment.uptime + by_s and _is_another_day(turn, zone):
            turn.start_timer(f"stock:{zone}", 0.0)
        else:
            _await_midnight(turn, zone)


def tell_engagement(turn: Turn, zone: str) -> None:
    """What people have taken, put back and bought since the last time; nothing where nobody touched anything."""
    _await_hour(turn, zone)
    interest = turn.state.tally.interest.get(zone)
    if not interest:
        return
    products = tuple(
        ProductEngagement(
            gtin=gtin,
            picks=each.picks,
            put_backs=each.put_backs,
            sold=each.sold,
            in_hand_s=round(each.in_hand_s / each.put_backs, 1) if each.put_backs > 0 else None,
            conversion=round(min(1.0, each.sold / each.picks), 4) if each.picks > 0 else None,
        )
        for gtin, each in sorted(interest.items())
    )
    turn.tell(ShelfEngagement(zone, _since(turn, turn.state.tally.since.get(zone, turn.moment.wall)), turn.time(), products), zone)


def tell_stock(turn: Turn, zone: str) -> None:
    """The day's account of a zone: for each product in each slot what was there, why that changed, and what is there."""
    _await_midnight(turn, zone)
    lines = tuple(_line(turn, slot.id, gtin, slot.capacity) for slot in turn.plan.slots_of(zone) for gtin in slot.products)
    if lines:
        since = turn.state.tally.reported.get(zone)
        turn.tell(StockReported(zone, None if since is None else _since(turn, since), turn.time(), lines), zone)
    tell_dates(turn, zone)


def tell_dates(turn: Turn, zone: str) -> None:
    """What in a zone is near its date, or past it."""
    for slot in turn.plan.slots_of(zone):
        expiry.tell(turn, slot.id)


def _line(turn: Turn, slot: str, gtin: str, capacity: int) -> StockLine:
    state = turn.slot(slot)
    count = state.counts.get(gtin)
    flow = turn.state.tally.flows.get(slot, {}).get(gtin) or Flow(count)
    return StockLine(
        slot=slot,
        gtin=gtin,
        count=count,
        capacity=capacity,
        opening=flow.opening,
        sold=flow.sold,
        restocked=flow.came("restocked"),
        counted=flow.came("counted", "inferred"),
        shrink=flow.shrunk,
        strayed=sum(flow.strayed.values()),
        misplaced=sum(state.misplaced.values()),
        days_of_cover=_days_of_cover(turn, turn.plan.zone_of_slot(slot), count, flow),
    )


def _days_of_cover(turn: Turn, zone: str, count: int | None, flow: Flow) -> float | None:
    """How long a count lasts at the mean rate of the time that is known; of less than a day, as if it were all that was sold in one."""
    tally, sold = turn.state.tally, sum(flow.sold_days) + flow.sold
    if count is None or sold <= 0:
        return None
    before_s = tally.lengths_s.get(zone, [])[-len(flow.sold_days) :] if flow.sold_days else []
    days = max(DAY_S, sum(before_s) + tally.running_s(zone, turn.moment.uptime)) / DAY_S
    return round(count * days / sold, 1)


def _since(turn: Turn, wall: float) -> str:
    """When a report begins: not after its end, though the clock may have been set back meanwhile."""
    return turn.time(min(wall, turn.moment.wall))


def _is_to_come(turn: Turn, timer: str) -> bool:
    return turn.state.timers.get(timer, turn.moment.uptime + HOUR_S) > turn.moment.uptime + SOON_S


def _is_another_day(turn: Turn, zone: str) -> bool:
    """Whether the day of the zone's last account is over."""
    reported = turn.state.tally.reported.get(zone)
    return reported is not None and datetime.fromtimestamp(reported, turn.plan.timezone).date() < turn.local.date()


def _await_hour(turn: Turn, zone: str) -> None:
    turn.start_timer(f"engagement:{zone}", HOUR_S - turn.moment.wall % HOUR_S)


def _await_midnight(turn: Turn, zone: str) -> None:
    """Midnight of the store's day, which may be 23 or 25 hours away from the last."""
    local = turn.local
    midnight = datetime.combine(local.date() + timedelta(days=1), datetime.min.time(), turn.plan.timezone)
    turn.start_timer(f"stock:{zone}", max(1.0, midnight.timestamp() - turn.moment.wall))
