"""How records change the state, and nothing else does: a journal played from its beginning gives the state that wrote it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal

from device.domain import events
from device.domain.identification import Step
from device.store.memory import counting, notes
from device.store.memory.history import Span, add
from device.store.memory.notes import Record
from device.store.memory.state import (
    Alarm,
    Calibration,
    Excursion,
    Expiry,
    LockState,
    OrderState,
    Pick,
    SeenCommand,
    Session,
    ShelfTag,
    SlotState,
    State,
    ZoneState,
)


def apply(state: State, record: Record) -> None:
    """Put one record into the state. Records of a type without effect on the state only move its clock and its number."""
    moment = record.moment
    state.uptime, state.wall, state.trusted, state.boot = moment.uptime, moment.wall, moment.trusted, moment.boot
    if record.seq is not None:
        state.seq = record.seq
    counting.count(state.tally, record, _is_shopping(state, record))
    change = _CHANGES.get(type(record.what))
    if change:
        change(state, record.what, record)


def _is_shopping(state: State, record: Record) -> bool:
    """Whether a record belongs to a session that may buy."""
    session = getattr(record.what, "session", None)
    visitor = state.zones[record.subject].visitor(session) if isinstance(session, str) and record.subject in state.zones else None
    return visitor is not None and visitor.purpose in ("shop", "pickup")


def zone_of(state: State, zone: str) -> ZoneState:
    return state.zones.setdefault(zone, ZoneState())


def lock_of(state: State, lock: str) -> LockState:
    return state.locks.setdefault(lock, LockState())


def slot_of(state: State, slot: str) -> SlotState:
    return state.slots.setdefault(slot, SlotState())


def calibration_key(scale: str, channel: int) -> str:
    return f"{scale}/{channel}"


def part_of_device(device: str, channel: int | None) -> str:
    return device if channel is None else f"{device}/{channel}"


def _started(state: State, what: events.StoreStarted, record: Record) -> None:
    state.running = True
    state.starts += 1


def _stopping(state: State, what: events.StoreStopping, record: Record) -> None:
    state.running = False


def _correlated(state: State, what: events.ClockCorrelated, record: Record) -> None:
    state.correlated_boot = what.boot


def _device_lost(state: State, what: events.DeviceLostEvent, record: Record) -> None:
    state.lost[what.device] = record.moment.uptime


def _device_degraded(state: State, what: events.DeviceDegradedEvent, record: Record) -> None:
    state.degraded[part_of_device(what.device, what.channel)] = what.reason


def _device_recovered(state: State, what: events.DeviceRecovered, record: Record) -> None:
    state.degraded.pop(part_of_device(what.device, what.channel), None)
    if what.channel is None:
        state.lost.pop(what.device, None)


def _door_opened(state: State, what: events.DoorOpened, record: Record) -> None:
    zone = zone_of(state, what.zone)
    zone.door_open, zone.opened_at = True, record.moment.uptime


def _door_closed(state: State, what: events.DoorClosed, record: Record) -> None:
    zone = zone_of(state, what.zone)
    zone.door_open, zone.opened_at = False, None


def _session_started(state: State, what: events.SessionStarted, record: Record) -> None:
    session = Session(
        id=what.session,
        zone=what.zone,
        purpose=what.purpose,
        subject=what.subject,
        order=what.order,
        started=record.moment.uptime,
        started_wall=record.moment.wall,
    )
    zone_of(state, what.zone).sessions.append(session)


def _session_details(state: State, what: notes.SessionDetails, record: Record) -> None:
    session = zone_of(state, what.zone).visitor(what.session)
    if session:
        session.command = what.command
        session.order_lines = dict(what.order_lines)
        session.prices = dict(what.prices)
        session.expected = {slot: dict(counts) for slot, counts in what.expected.items()}
        session.jti = what.jti


def _lines_kept(state: State, what: notes.LinesKept, record: Record) -> None:
    session = zone_of(state, what.zone).visitor(what.session)
    if session:
        session.kept |= {product.gtin: product for product in what.products}


def _visitor(state: State, what: notes.VisitorMoved, record: Record) -> None:
    session = zone_of(state, what.zone).visitor(what.session)
    if session:
        session.inside, session.leaving = what.inside, what.leaving


def _walked_out(state: State, what: notes.WalkedOut, record: Record) -> None:
    zone_of(state, what.zone).walked_out = what.out


def _session_ended(state: State, what: events.SessionEnded, record: Record) -> None:
    zone = zone_of(state, what.zone)
    zone.sessions = [session for session in zone.sessions if session.id != what.session]


def _review(state: State, what: notes.ReviewAdded, record: Record) -> None:
    session = zone_of(state, what.zone).visitor(what.session)
    if session and what.reason not in session.reviews:
        session.reviews.append(what.reason)


def _tag_read(state: State, what: notes.TagRead, record: Record) -> None:
    zone_of(state, what.zone).tags[what.epc] = ShelfTag(what.gtin, what.rssi_dbm)
    session = _session_of(state, what)
    if session and session.tags.pop(what.epc, None) is None:
        session.brought[what.epc] = what.gtin


def _tag_gone(state: State, what: notes.TagGone, record: Record) -> None:
    tags = zone_of(state, what.zone).tags
    if what.missing:
        tag = tags.setdefault(what.epc, ShelfTag(what.gtin, None))
        tag.missing, tag.supposed = True, what.session is not None
    else:
        tags.pop(what.epc, None)
    session = _session_of(state, what)
    if session and session.brought.pop(what.epc, None) is None:
        session.tags[what.epc] = what.gtin


def _session_of(state: State, what: notes.TagRead | notes.TagGone) -> Session | None:
    return zone_of(state, what.visited).visitor(what.session) if what.visited and what.session else None


def _tags_owed(state: State, what: notes.TagsOwed, record: Record) -> None:
    owed = zone_of(state, what.zone).owed
    owed[what.gtin] = what.count
    if not what.count:
        del owed[what.gtin]


def _tags_taken(state: State, what: notes.TagsTaken, record: Record) -> None:
    zone_of(state, what.zone).inventoried.append(what.reader)


def _item(state: State, what: events.ItemTaken | events.ItemReturned, record: Record) -> None:
    session = zone_of(state, record.subject).visitor(what.session) if what.session else None
    if session is None or what.gtin is None or record.seq is None:
        return
    if what.quantity < 0:
        session.picks = [pick for pick in session.picks if pick.seq != what.revises]
        return
    sign = 1 if isinstance(what, events.ItemTaken) else -1
    places = [place for place, step in enumerate(session.steps) if (step.slot, step.evidence) == (what.slot, what.evidence)]
    step = places[-1] if places else None
    session.picks.append(
        Pick(
            record.seq,
            what.slot or "",
            what.gtin,
            sign * what.quantity,
            what.grams,
            what.grams_sd,
            what.confidence,
            step,
            what.tags,
            what.evidence,
        )
    )


def _step(state: State, what: notes.StepNoted, record: Record) -> None:
    session = zone_of(state, what.zone).visitor(what.session)
    if session:
        session.steps.append(Step(what.slot, what.began_at, what.delta, what.sd, what.load, what.evidence, what.gesture))


def _unexplained(state: State, what: notes.StepUnexplained, record: Record) -> None:
    session = zone_of(state, what.zone).visitor(what.session)
    if session and what.undone:
        session.unexplained.remove(what.evidence)
    elif session:
        session.unexplained.append(what.evidence)


def _stock(state: State, what: events.StockChanged, record: Record) -> None:
    slot = slot_of(state, what.slot)
    slot.counts[what.gtin] = what.count
    if what.count and what.before == 0 and what.reason in _ARRIVALS:
        slot.standing_since[what.gtin] = record.moment.wall
    elif what.count:
        slot.standing_since.setdefault(what.gtin, record.moment.wall)
    _keeps_its_date(slot, what)


def _keeps_its_date(slot: SlotState, what: events.StockChanged) -> None:
    """Goods that come where none were left are others, with a date of their own; what was put back is what had been taken."""
    expiry = slot.expiries.get(what.gtin)
    if expiry is None or what.count is None:
        return
    if what.count and expiry.spent and what.reason in _ARRIVALS:
        del slot.expiries[what.gtin]
    else:
        expiry.spent = what.count == 0


_ARRIVALS = frozenset({"restocked", "counted", "inferred"})
"""Reasons of a count that rises from none because goods have come; what was put back has stood there before."""


def _recorded(state: State, what: events.TemperatureRecorded, record: Record) -> None:
    if not record.moment.trusted:
        return
    since, upto = (datetime.fromisoformat(text).timestamp() for text in (what.from_, what.to))
    add(state.cold.setdefault(what.thermometer, []), Span(since, upto, what.gap_s, what.min, what.max, what.mean, what.mkt))


def _excursion_started(state: State, what: events.ExcursionStarted, record: Record) -> None:
    side: Literal["warm", "cold"] = "warm" if what.celsius > what.limit else "cold"
    since = record.moment.uptime - what.for_s
    zone_of(state, what.zone).excursion = Excursion(side, since, what.worst, what.degree_minutes)


def _excursion_grew(state: State, what: notes.ExcursionGrew, record: Record) -> None:
    excursion = zone_of(state, what.zone).excursion
    if excursion:
        excursion.worst, excursion.degree_minutes = what.worst, what.degree_minutes


def _excursion_ended(state: State, what: events.ExcursionEnded | notes.ExcursionGone, record: Record) -> None:
    zone_of(state, what.zone).excursion = None


def _misplaced(state: State, what: events.StockMisplaced, record: Record) -> None:
    slot = slot_of(state, what.slot)
    if what.count:
        slot.misplaced[what.gtin] = what.count
    else:
        slot.misplaced.pop(what.gtin, None)


def _alarm_raised(state: State, what: events.AlarmRaised, record: Record) -> None:
    state.alarms[what.alarm] = Alarm(what.alarm, what.kind, what.zone, record.subject, dict(what.details))


def _alarm_cleared(state: State, what: events.AlarmCleared, record: Record) -> None:
    state.alarms.pop(what.alarm, None)


def _sales_stopped(state: State, what: events.SalesStopped, record: Record) -> None:
    stopped = zone_of(state, what.zone).stopped
    for reason in what.reasons:
        stopped.setdefault(reason, what.by)


def _sales_resumed(state: State, what: events.SalesResumed, record: Record) -> None:
    zone = zone_of(state, what.zone)
    zone.stopped = {reason: by for reason, by in zone.stopped.items() if reason in what.reasons}


def _mode_changed(state: State, what: events.ZoneModeChanged, record: Record) -> None:
    zone = zone_of(state, what.zone)
    zone.mode, zone.faults = what.mode, what.faults


def _command_over(state: State, what: events.CommandDone | events.CommandWasRefused | events.CommandFailed, record: Record) -> None:
    seen = state.commands.get(what.command)
    if seen:
        seen.status = _OUTCOMES[type(what)]
        seen.reason, seen.result = what.reason, what.result


_OUTCOMES: dict[type, Literal["done", "refused", "failed"]] = {
    events.CommandDone: "done",
    events.CommandWasRefused: "refused",
    events.CommandFailed: "failed",
}


def _phase(state: State, what: notes.PhaseChanged, record: Record) -> None:
    zone_of(state, what.zone).phase = what.phase


def _timer(state: State, what: notes.TimerSet, record: Record) -> None:
    if what.at is None:
        state.timers.pop(what.timer, None)
    else:
        state.timers[what.timer] = what.at


def _lock_ordered(state: State, what: notes.LockOrdered, record: Record) -> None:
    lock = lock_of(state, what.lock)
    lock.unlocked, lock.order = what.unlock, what.order
    state.orders_issued = max(state.orders_issued, what.order)


def _plate(state: State, what: notes.PlateWeight, record: Record) -> None:
    slot = slot_of(state, what.slot)
    slot.grams, slot.followed, slot.books_at = what.grams, what.followed, record.moment.uptime
    slot.books = what.grams if what.books is None else what.books


def _looks(state: State, what: notes.SlotLooks, record: Record) -> None:
    slot_of(state, what.slot).looks = what.looks


def _filling(state: State, what: notes.SlotFilled, record: Record) -> None:
    slot_of(state, what.slot).filling = what.filling


def _expiry(state: State, what: notes.ExpirySet, record: Record) -> None:
    expiries = slot_of(state, what.slot).expiries
    if what.expires is None:
        expiries.pop(what.gtin, None)
    else:
        expiries[what.gtin] = Expiry(what.expires)


def _code_used(state: State, what: notes.CodeUsed, record: Record) -> None:
    state.used[what.jti] = what.expires_wall


def _revoked(state: State, what: notes.Revoked, record: Record) -> None:
    if what.jti is not None:
        state.revoked_jti[what.jti] = record.moment.wall
    if what.subject is not None:
        state.revoked_subject.add(what.subject)


def _command_seen(state: State, what: notes.CommandSeen, record: Record) -> None:
    state.commands[what.command] = SeenCommand(
        name=what.name, by=what.by, expires_wall=what.expires_wall, topic=what.topic, correlation=what.correlation
    )


def _order(state: State, what: notes.OrderAssigned, record: Record) -> None:
    known = state.orders.get(what.order)
    picked_up = known is not None and known.picked_up
    state.orders[what.order] = OrderState(what.zone, dict(what.lines), picked_up, record.moment.wall)


def _picked_up(state: State, what: notes.OrderPickedUp, record: Record) -> None:
    order = state.orders.setdefault(what.order, OrderState("", {}))
    order.picked_up, order.changed_wall = True, record.moment.wall


def _catalogue(state: State, what: notes.CatalogueSet, record: Record) -> None:
    state.catalogue = what.products


def _planogram(state: State, what: notes.PlanogramSet, record: Record) -> None:
    state.planogram = what.slots


def _calibrated(state: State, what: notes.Calibrated, record: Record) -> None:
    key = calibration_key(what.scale, what.channel)
    state.calibrations[key] = Calibration(what.zero, what.per_gram)
    state.zeros.pop(key, None)
    slot = slot_of(state, what.slot)
    slot.grams = slot.books = what.grams
    slot.followed, slot.books_at = 0.0, record.moment.uptime


def _zeroed(state: State, what: notes.Zeroed, record: Record) -> None:
    state.zeros[calibration_key(what.scale, what.channel)] = what.zero


def _fire(state: State, what: notes.FireChanged, record: Record) -> None:
    zone_of(state, what.zone).fire = what.fire


def _rebased(state: State, what: notes.Rebased, record: Record) -> None:
    state.timers = {name: at + what.shift for name, at in state.timers.items()}
    state.lost = {device: at + what.shift for device, at in state.lost.items()}
    for zone in state.zones.values():
        if zone.opened_at is not None:
            zone.opened_at += what.shift
        if zone.excursion is not None:
            zone.excursion.since += what.shift
        for session in zone.sessions:
            session.started += what.shift
            session.steps = [replace(step, began_at=step.began_at + what.shift) for step in session.steps]
    for slot in state.slots.values():
        slot.books_at += what.shift


def _forgotten(state: State, what: notes.Forgotten, record: Record) -> None:
    for slot in what.slots:
        state.slots.pop(slot, None)
    for zone in what.zones:
        state.zones.pop(zone, None)
    for device in what.devices:
        state.lost.pop(device, None)
        for part in [part for part in state.degraded if part.partition("/")[0] == device]:
            del state.degraded[part]
        state.cold.pop(device, None)
    for jti in what.codes:
        state.used.pop(jti, None)
    for command in what.commands:
        state.commands.pop(command, None)
    for order in what.orders:
        state.orders.pop(order, None)
    for jti in what.revocations:
        state.revoked_jti.pop(jti, None)


def _receipts(state: State, what: notes.ReceiptsFrom, record: Record) -> None:
    state.receipts_from = what.seq


_CHANGES: dict[type, Callable[[State, Any, Record], None]] = {
    events.StoreStarted: _started,
    events.StoreStopping: _stopping,
    events.ClockCorrelated: _correlated,
    events.DeviceLostEvent: _device_lost,
    events.DeviceDegradedEvent: _device_degraded,
    events.DeviceRecovered: _device_recovered,
    events.DoorOpened: _door_opened,
    events.DoorClosed: _door_closed,
    events.SessionStarted: _session_started,
    events.SessionEnded: _session_ended,
    events.ItemTaken: _item,
    events.ItemReturned: _item,
    events.StockChanged: _stock,
    events.StockMisplaced: _misplaced,
    events.AlarmRaised: _alarm_raised,
    events.AlarmCleared: _alarm_cleared,
    events.ZoneModeChanged: _mode_changed,
    events.TemperatureRecorded: _recorded,
    events.ExcursionStarted: _excursion_started,
    events.ExcursionEnded: _excursion_ended,
    events.SalesStopped: _sales_stopped,
    events.SalesResumed: _sales_resumed,
    events.CommandDone: _command_over,
    events.CommandWasRefused: _command_over,
    events.CommandFailed: _command_over,
    notes.PhaseChanged: _phase,
    notes.TimerSet: _timer,
    notes.LockOrdered: _lock_ordered,
    notes.SessionDetails: _session_details,
    notes.LinesKept: _lines_kept,
    notes.VisitorMoved: _visitor,
    notes.WalkedOut: _walked_out,
    notes.ReviewAdded: _review,
    notes.TagRead: _tag_read,
    notes.TagGone: _tag_gone,
    notes.TagsOwed: _tags_owed,
    notes.TagsTaken: _tags_taken,
    notes.PlateWeight: _plate,
    notes.StepNoted: _step,
    notes.StepUnexplained: _unexplained,
    notes.SlotLooks: _looks,
    notes.SlotFilled: _filling,
    notes.ExpirySet: _expiry,
    notes.CodeUsed: _code_used,
    notes.Revoked: _revoked,
    notes.CommandSeen: _command_seen,
    notes.ExcursionGrew: _excursion_grew,
    notes.ExcursionGone: _excursion_ended,
    notes.OrderAssigned: _order,
    notes.OrderPickedUp: _picked_up,
    notes.CatalogueSet: _catalogue,
    notes.PlanogramSet: _planogram,
    notes.Calibrated: _calibrated,
    notes.Zeroed: _zeroed,
    notes.FireChanged: _fire,
    notes.Rebased: _rebased,
    notes.Forgotten: _forgotten,
    notes.ReceiptsFrom: _receipts,
}
