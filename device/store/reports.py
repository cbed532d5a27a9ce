"""What is told by the clock and not by what happens: how products fare each hour, and each night what stands where, and why."""

from __future__ import annotations

from datetime import datetime, timedelta

from device.domain.events import ProductEngagement, ShelfEngagement, StockLine, StockReported
from device.store.tally import Flow
from device.store.turn import Turn

HOUR_S = 3600.0


def begin(turn: Turn) -> None:
    """Wait for the next full hour, and for midnight, wherever nobody waits yet."""
    for zone in turn.plan.zones:
        if f"engagement:{zone}" not in turn.state.timers:
            _await_hour(turn, zone)
        if f"stock:{zone}" not in turn.state.timers and turn.plan.slots_of(zone):
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
    turn.tell(ShelfEngagement(zone, turn.time(turn.state.tally.since.get(zone)), turn.time(), products), zone)


def tell_stock(turn: Turn, zone: str) -> None:
    """The day's account of a zone: for each product in each slot what was there, why that changed, and what is there."""
    _await_midnight(turn, zone)
    lines = tuple(_line(turn, slot.id, gtin, slot.capacity) for slot in turn.plan.slots_of(zone) for gtin in slot.products)
    if lines:
        since = turn.state.tally.reported.get(zone)
        turn.tell(StockReported(zone, None if since is None else turn.time(since), turn.time(), lines), zone)


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
        restocked=flow.moved.get("restocked", 0),
        counted=sum(units for cause, units in flow.moved.items() if cause in ("counted", "inferred")),
        shrink=flow.shrunk,
        misplaced=sum(state.misplaced.values()),
        days_of_cover=_days_of_cover(count, [*flow.sold_days, flow.sold]),
    )


def _days_of_cover(count: int | None, sold: list[int]) -> float | None:
    """How long a count lasts at the mean rate of the days that are known."""
    total = sum(sold)
    return None if count is None or total <= 0 else round(count * len(sold) / total, 1)


def _await_hour(turn: Turn, zone: str) -> None:
    turn.start_timer(f"engagement:{zone}", HOUR_S - turn.moment.wall % HOUR_S)


def _await_midnight(turn: Turn, zone: str) -> None:
    """Midnight of the store's day, which may be 23 or 25 hours away from the last."""
    local = turn.local
    midnight = datetime.combine(local.date() + timedelta(days=1), datetime.min.time(), turn.plan.timezone)
    turn.start_timer(f"stock:{zone}", max(1.0, midnight.timestamp() - turn.moment.wall))
