"""The fold of the tally: what each journalled event adds to it."""

from __future__ import annotations

from collections.abc import Iterator

from device.domain import events
from device.store.memory import notes
from device.store.memory.notes import Record
from device.store.memory.tally import Flow, Interest, Tally

SALES_DAYS = 28
"""The rate of sale is the mean of so many reports' time at most: four of each weekday."""
HELD_AT_MOST = 200
"""Items of a product whose taking a session remembers; of more, the time in hand is not measured."""


def count(tally: Tally, record: Record, shopping: bool) -> None:
    """Put one record into the tally. ``shopping``: it belongs to a session that may buy, be it an order's."""
    what = record.what
    if tally.began_at is None:
        tally.began_at = record.moment.uptime
    match what:
        case events.ItemTaken() | events.ItemReturned() if shopping and what.gtin is not None and what.session is not None:
            _handled(tally, what, record)
        case events.SessionEnded():
            tally.in_hand.pop(what.session, None)
            for line in what.cart if shopping else ():
                _interest(tally, what.zone, line.gtin, record).sold += line.quantity
        case events.StockChanged():
            _flowed(tally, what)
        case events.StockMisplaced():
            _strayed(tally, what)
        case events.ShelfEngagement():
            tally.interest.pop(what.zone, None)
            tally.since[what.zone] = record.moment.wall
        case events.StockReported():
            _reported(tally, what, record)
        case events.ClockCorrelated():
            tally.undated.clear()
        case events.AlarmCleared() if what.kind == "clock_untrusted":
            tally.undated.clear()
        case notes.Rebased():
            for times in _times(tally):
                times[:] = [at + what.shift for at in times]
            tally.reported_at = {zone: at + what.shift for zone, at in tally.reported_at.items()}
            tally.began_at += what.shift
        case notes.Forgotten():
            for slot in what.slots:
                tally.flows.pop(slot, None)
            tally.homes = {gtin: slot for gtin, slot in tally.homes.items() if slot not in what.slots}
            for zone in what.zones:
                for memory in (tally.interest, tally.since, tally.reported, tally.lengths_s, tally.reported_at):
                    memory.pop(zone, None)
            tally.undated = [zone for zone in tally.undated if zone not in what.zones]
        case _:
            pass


def _handled(tally: Tally, what: events.ItemTaken | events.ItemReturned, record: Record) -> None:
    """A correction (``revises``) counts backwards what it corrects: its quantity is negative."""
    assert what.gtin is not None
    assert what.session is not None
    product = _interest(tally, record.subject, what.gtin, record)
    times = tally.in_hand.setdefault(what.session, {}).setdefault(what.gtin, [])
    if isinstance(what, events.ItemTaken):
        product.picks += what.quantity
        times += [record.moment.uptime] * max(0, min(what.quantity, HELD_AT_MOST - len(times)))
        del times[len(times) + min(0, what.quantity) :]
        return
    product.put_backs += what.quantity
    for _ in range(min(what.quantity, len(times))):
        product.in_hand_s += max(0.0, record.moment.uptime - times.pop(0))


def _interest(tally: Tally, zone: str, gtin: str, record: Record) -> Interest:
    tally.since.setdefault(zone, record.moment.wall)
    return tally.interest.setdefault(zone, {}).setdefault(gtin, Interest())


def _flowed(tally: Tally, what: events.StockChanged) -> None:
    """A count that becomes known, or unknown, starts a new flow: there is nothing to add it to."""
    flow = tally.flows.setdefault(what.slot, {}).setdefault(what.gtin, Flow(what.before))
    if what.count is None or what.before is None:
        flow.opening, flow.moved, flow.strayed = what.count, {}, {}
        return
    tally.homes[what.gtin] = what.slot
    flow.moved[what.reason] = flow.moved.get(what.reason, 0) + what.count - what.before


def _strayed(tally: Tally, what: events.StockMisplaced) -> None:
    """Units that were put on a slot that is not theirs are not sold, nor gone; nor have they come when they leave it."""
    flow = tally.flows.get(tally.homes.get(what.gtin, ""), {}).get(what.gtin)
    if flow is not None and flow.opening is not None:
        flow.strayed[what.reason] = flow.strayed.get(what.reason, 0) + (what.count or 0) - (what.before or 0)


def _reported(tally: Tally, what: events.StockReported, record: Record) -> None:
    tally.reported[what.zone] = record.moment.wall
    lengths_s = [*tally.lengths_s.get(what.zone, ()), tally.running_s(what.zone, record.moment.uptime)]
    tally.lengths_s[what.zone], tally.reported_at[what.zone] = lengths_s[-SALES_DAYS:], record.moment.uptime
    if record.moment.trusted == (what.zone in tally.undated):
        (tally.undated.remove if record.moment.trusted else tally.undated.append)(what.zone)
    for line in what.lines:
        flow = tally.flows.setdefault(line.slot, {}).setdefault(line.gtin, Flow())
        flow.sold_days = [*flow.sold_days, flow.sold][-SALES_DAYS:]
        flow.opening, flow.moved, flow.strayed = line.count, {}, {}


def _times(tally: Tally) -> Iterator[list[float]]:
    for products in tally.in_hand.values():
        yield from products.values()
