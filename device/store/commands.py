"""What each command does. One function a name; it raises ``CommandRefused`` where the command may have no effect."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from typing import Any

from device.domain import commands as args
from device.domain.calibration import RawLevel
from device.domain.commands import Command
from device.domain.effects import Calibrate, ForgetSubject, Reload, Resend
from device.domain.law import forbids
from device.domain.layout import Slot
from device.domain.names import Names
from device.domain.products import Product
from device.errors import CommandRefused
from device.store import alarms, answers, devices, sales, views
from device.store.cold import ColdStore
from device.store.goods import filling, orders, stock
from device.store.memory.fold import calibration_key
from device.store.memory.notes import Calibrated, CatalogueSet, ExpirySet, FireChanged, OrderAssigned, PlanogramSet, Revoked, Zeroed
from device.store.memory.state import Calibration, State
from device.store.plan import product_of
from device.store.turn import Turn
from device.store.visits import doors, rooms, sessions
from device.store.visits.entrance import is_busy

PER_GRAM_RANGE = (0.5, 2.0)
"""A calibration may change a plate's factor by so much; more means that the known weight is not what stands on it."""


LEAST_SIGNAL_SIGMAS = 20.0
LEAST_SIGNAL = 5.0
"""A first calibration needs a weight that moves the plate by so many times its noise and, in its device's own units, by more than that."""


def perform(turn: Turn, command: Command, cold: ColdStore) -> None:
    """Carry a command out, or refuse it. Its outcome is answered now, except where it has to be observed first."""
    try:
        _COMMANDS[command.name](turn, command, command.args, cold)
    except CommandRefused as refused:
        answers.finish(turn, command.id, "refused", reason=refused.reason)


def _known_zone(turn: Turn, zone: str) -> str:
    if zone not in turn.plan.zones:
        raise CommandRefused("unknown_zone")
    return zone


def _known_slot(turn: Turn, slot: str) -> str:
    if slot not in turn.plan.slots:
        raise CommandRefused("bad_arguments")
    return slot


def _no_fire(turn: Turn, zone: str) -> None:
    if turn.zone(zone).fire:
        raise CommandRefused("fire")


def _done(turn: Turn, command: Command, **result: Any) -> None:
    answers.finish(turn, command.id, "done", result=result or None)


def _unlock(turn: Turn, command: Command, wanted: args.Unlock, cold: ColdStore) -> None:
    zone = _known_zone(turn, wanted.zone)
    _no_fire(turn, zone)
    if is_busy(turn, zone) or turn.live.journal_room == "full":
        raise CommandRefused("busy")
    answers.accept(turn, command.id)
    start = rooms.start if turn.rules(zone).kind == "room" else sessions.start
    start(turn, zone, wanted.purpose, command.by or "command", command=command.id)


def _lock(turn: Turn, command: Command, wanted: args.ZoneAndReason, cold: ColdStore) -> None:
    zone = _known_zone(turn, wanted.zone)
    if not turn.plan.locks_of(zone):
        raise CommandRefused("bad_arguments")
    _no_fire(turn, zone)
    if not turn.door_shut(zone) or zone in turn.live.lock_commands:
        raise CommandRefused("busy")
    answers.accept(turn, command.id)
    turn.live.lock_commands[zone] = command.id
    if turn.rules(zone).kind == "room":
        rooms.call_off(turn, zone, "command")
    elif turn.zone(zone).phase == "unlocked" and not turn.rules(zone).inside:
        sessions.trigger(turn, zone, "ended", "command")
    else:
        doors.lock(turn, zone)


def _stop_sales(turn: Turn, command: Command, wanted: args.ZoneAndReason, cold: ColdStore) -> None:
    sales.stop(turn, _known_zone(turn, wanted.zone), wanted.reason or "command", command.by)
    _done(turn, command, reasons=list(turn.zone(wanted.zone).stopped))


def _resume_sales(turn: Turn, command: Command, wanted: args.ZoneAndReason, cold: ColdStore) -> None:
    zone = _known_zone(turn, wanted.zone)
    _no_fire(turn, zone)
    if cold.still_warm(turn, zone):
        raise CommandRefused("still_warm")
    kept = ("device_lost", "journal_full", "fire")
    sales.resume(turn, zone, *(reason for reason in turn.zone(zone).stopped if reason not in kept), by=command.by)
    _done(turn, command, reasons=list(turn.zone(zone).stopped))


def _clear_fire(turn: Turn, command: Command, wanted: args.ZoneAndReason, cold: ColdStore) -> None:
    zone = _known_zone(turn, wanted.zone)
    if devices.fire_input_active(turn, zone):
        raise CommandRefused("fire")
    answers.accept(turn, command.id)
    if turn.zone(zone).fire:
        turn.note(FireChanged(zone, False))
        alarms.end_alarm(turn, "fire", zone, command.by)
        sales.resume(turn, zone, "fire", by=command.by)
        _lock_again(turn, zone)
    _done(turn, command, fire=False)


def _lock_again(turn: Turn, zone: str) -> None:
    """After a fire: all that is shut, but not a cabinet in a room with somebody in it."""
    if turn.rules(zone).kind == "room":
        rooms.call_off(turn, zone, "command")
    elif turn.zone(zone).phase != "unlocked":
        doors.lock(turn, zone)


def _end_session(turn: Turn, command: Command, wanted: args.EndSession, cold: ColdStore) -> None:
    for zone, state in turn.state.zones.items():
        session = state.visitor(wanted.session)
        if session is None:
            continue
        if turn.rules(zone).kind == "room":
            rooms.end(turn, zone, session, "command")
        else:
            sessions.trigger(turn, zone, "ended", "command")
        _done(turn, command, session=wanted.session)
        return
    raise CommandRefused("bad_arguments")


def _acknowledge_alarm(turn: Turn, command: Command, wanted: args.AcknowledgeAlarm, cold: ColdStore) -> None:
    alarm = turn.state.alarms.get(wanted.alarm)
    if alarm is None:
        raise CommandRefused("bad_arguments")
    cleared = alarm.kind in alarms.CLEARED_BY_PEOPLE
    if cleared:
        alarms.clear(turn, alarm, command.by, wanted.note)
    _done(turn, command, cleared=cleared)


def _set_catalogue(turn: Turn, command: Command, wanted: args.SetCatalogue, cold: ColdStore) -> None:
    gtins = [product.gtin for product in wanted.products]
    needed = {gtin for slot in turn.plan.slots.values() for gtin in slot.products}
    products = {line.gtin: product_of(line.model_dump(mode="json")) for line in wanted.products}
    if len(set(gtins)) < len(gtins) or not needed <= set(gtins) or _any_forbidden(turn, needed, products):
        raise CommandRefused("bad_arguments")
    turn.note(CatalogueSet([product.model_dump(mode="json") for product in wanted.products]))
    _done(turn, command, products=len(gtins))


def _set_planogram(turn: Turn, command: Command, wanted: args.SetPlanogram, cold: ColdStore) -> None:
    channels = {scale.id: scale.channels for scale in turn.plan.layout.scale}
    plates = [(slot.scale, slot.channel) for slot in wanted.slots]
    ids = [slot.id for slot in wanted.slots]
    others = {*turn.plan.kinds, *turn.plan.zones}
    known = all(slot.channel <= channels.get(slot.scale, 0) and set(slot.products) <= set(turn.plan.products) for slot in wanted.slots)
    if not known or len(set(plates)) < len(plates) or len(set(ids)) < len(ids) or others & set(ids):
        raise CommandRefused("bad_arguments")
    if _any_forbidden(turn, {gtin for slot in wanted.slots for gtin in slot.products}, turn.plan.products):
        raise CommandRefused("bad_arguments")
    slots = [Slot.model_validate(slot.model_dump(mode="json")) for slot in wanted.slots]
    if any(turn.zone(zone).sessions for zone in turn.plan.changed_by(slots)):
        raise CommandRefused("busy")
    turn.note(PlanogramSet([slot.model_dump(mode="json") for slot in wanted.slots]))
    _done(turn, command, slots=len(ids))


def _any_forbidden(turn: Turn, sold: Set[str], products: Mapping[str, Product]) -> bool:
    """Whether a rule of sale keeps one of these from being sold at all."""
    return any(forbids(turn.plan.layout.rule, products[gtin]) is not None for gtin in sold)


def _revoke(turn: Turn, command: Command, wanted: args.Revoke, cold: ColdStore) -> None:
    jti = None if wanted.jti is None else turn.names.mark("jti", wanted.jti)
    subject = None if wanted.subject is None else turn.names.mark("subject", wanted.subject)
    orders.require_room_for_revocations(turn, jti, subject)
    turn.note(Revoked(jti, subject))
    _done(turn, command)


def _forget(turn: Turn, command: Command, wanted: args.Forget, cold: ColdStore) -> None:
    if is_here(turn.state, turn.names, wanted.subject):
        raise CommandRefused("busy")
    answers.accept(turn, command.id)
    turn.effect(ForgetSubject(wanted.subject, command.id))


def is_here(state: State, names: Names, subject: str) -> bool:
    """Whether a person has a session that runs: its bill is yet to be told, and under their name."""
    called = {subject, names.subject_of(subject)}
    return any(session.subject in called for zone in state.zones.values() for session in zone.sessions)


def _assign_order(turn: Turn, command: Command, wanted: args.AssignOrder, cold: ColdStore) -> None:
    zone = _known_zone(turn, wanted.zone)
    lines = orders.lines_of(wanted.order)
    order = turn.state.orders.get(wanted.order.id)
    if not set(lines) <= set(turn.plan.products) or (order and order.picked_up):
        raise CommandRefused("bad_arguments")
    orders.require_room(turn, wanted.order.id)
    turn.note(OrderAssigned(wanted.order.id, zone, lines))
    _done(turn, command, order=wanted.order.id)


def _tare(turn: Turn, command: Command, wanted: args.Tare, cold: ColdStore) -> None:
    slot = _known_slot(turn, wanted.slot)
    old = _calibration_at_rest(turn, slot)
    if isinstance(old, RawLevel):
        answers.accept(turn, command.id)
        entry = turn.plan.slots[slot]
        turn.note(Zeroed(entry.scale, entry.channel, old.raw))
        _done(turn, command, grams_before=None, grams=None)
        return
    grams = turn.live.grams.get(slot, 0.0)
    answers.accept(turn, command.id)
    _calibrate_plate(turn, slot, Calibration(old.zero + grams * old.per_gram, old.per_gram), 0.0)
    _done(turn, command, grams_before=round(grams, 1), grams=0.0)


def _calibrate(turn: Turn, command: Command, wanted: args.CalibrateArguments, cold: ColdStore) -> None:
    slot = _known_slot(turn, wanted.slot)
    old = _calibration_at_rest(turn, slot)
    if isinstance(old, RawLevel):
        first = _first_calibration(turn, slot, old, wanted.grams)
        answers.accept(turn, command.id)
        _calibrate_plate(turn, slot, first, wanted.grams)
        _done(turn, command, grams_before=None, grams=wanted.grams)
        return
    grams = turn.live.grams.get(slot, 0.0)
    ratio = grams / wanted.grams
    low, high = PER_GRAM_RANGE
    if not low <= ratio <= high:
        raise CommandRefused("bad_arguments")
    answers.accept(turn, command.id)
    _calibrate_plate(turn, slot, Calibration(old.zero, old.per_gram * ratio), wanted.grams)
    _done(turn, command, grams_before=round(grams, 1), grams=wanted.grams)


def _count(turn: Turn, command: Command, wanted: args.Count, cold: ColdStore) -> None:
    slot = _known_slot(turn, wanted.slot)
    if stock.is_own(turn, slot, wanted.gtin):
        before = turn.slot(slot).counts.get(wanted.gtin)
        stock.put(turn, slot, wanted.gtin, wanted.count, "counted")
    elif wanted.gtin in turn.plan.products:
        before = turn.slot(slot).misplaced.get(wanted.gtin, 0)
        stock.misplace(turn, slot, wanted.gtin, wanted.count - before, "counted")
    else:
        raise CommandRefused("bad_arguments")
    filling.counted(turn, slot, wanted.gtin, before, wanted.count)
    _done(turn, command, before=before, count=wanted.count)


def _set_expiry(turn: Turn, command: Command, wanted: args.SetExpiry, cold: ColdStore) -> None:
    slot = _known_slot(turn, wanted.slot)
    if not stock.is_own(turn, slot, wanted.gtin):
        raise CommandRefused("bad_arguments")
    before = turn.slot(slot).expiries.get(wanted.gtin)
    turn.note(ExpirySet(slot, wanted.gtin, wanted.expires))
    _done(turn, command, before=before.day if before else None, expires=wanted.expires)


def _snapshot(turn: Turn, command: Command, wanted: args.NoArguments, cold: ColdStore) -> None:
    answers.finish(turn, command.id, "done", result={"seq": turn.state.seq}, shown=views.whole(turn, cold))


def _resend(turn: Turn, command: Command, wanted: args.ResendFrom, cold: ColdStore) -> None:
    first = wanted.from_
    if first > turn.state.seq:
        raise CommandRefused("bad_arguments")
    turn.effect(Resend(first))
    _done(turn, command, **{"from": first, "upto": turn.state.seq})


def _reload(turn: Turn, command: Command, wanted: args.NoArguments, cold: ColdStore) -> None:
    answers.accept(turn, command.id)
    turn.effect(Reload(command.id))


def _calibration_at_rest(turn: Turn, slot: str) -> Calibration | RawLevel:
    """The calibration of a plate that can be calibrated now; where it has none yet, what it says in its device's own units.

    Raises CommandRefused ``busy`` while somebody shops there, or the plate moves or is not believed.
    """
    entry = turn.plan.slots[slot]
    zone = turn.zone(turn.plan.visited(turn.plan.zone_of_slot(slot)))
    if any(session.purpose in ("shop", "pickup") for session in zone.sessions):
        raise CommandRefused("busy")
    calibration = turn.plan.calibration(entry.scale, entry.channel, turn.state)
    if calibration is None:
        level = turn.weigh(entry.scale, entry.channel, turn.moment.uptime)
        if level is None:
            raise CommandRefused("busy")
        return level
    if slot in turn.live.moving or slot in turn.live.untrusted or slot not in turn.live.based:
        raise CommandRefused("busy")
    return calibration


def _first_calibration(turn: Turn, slot: str, level: RawLevel, grams: float) -> Calibration:
    """The calibration of a plate that was tared while it was empty and now carries ``grams``.

    Raises CommandRefused: ``busy`` where it has not been tared, ``bad_arguments`` where nothing has been put on it.
    """
    entry = turn.plan.slots[slot]
    zero = turn.state.zeros.get(calibration_key(entry.scale, entry.channel))
    if zero is None:
        raise CommandRefused("busy")
    if abs(level.raw - zero) <= LEAST_SIGNAL_SIGMAS * level.sigma + LEAST_SIGNAL:
        raise CommandRefused("bad_arguments")
    return Calibration(zero, (level.raw - zero) / grams)


def _calibrate_plate(turn: Turn, slot: str, new: Calibration, grams: float) -> None:
    entry = turn.plan.slots[slot]
    turn.note(Calibrated(entry.scale, entry.channel, new.zero, new.per_gram, slot, grams))
    turn.live.based.discard(slot)
    turn.effect(Calibrate(entry.scale, entry.channel, new.zero, new.per_gram))


_COMMANDS: dict[str, Callable[[Turn, Command, Any, ColdStore], None]] = {
    "unlock": _unlock,
    "lock": _lock,
    "stop_sales": _stop_sales,
    "resume_sales": _resume_sales,
    "clear_fire": _clear_fire,
    "end_session": _end_session,
    "acknowledge_alarm": _acknowledge_alarm,
    "set_catalogue": _set_catalogue,
    "set_planogram": _set_planogram,
    "revoke": _revoke,
    "forget": _forget,
    "assign_order": _assign_order,
    "tare": _tare,
    "calibrate": _calibrate,
    "count": _count,
    "set_expiry": _set_expiry,
    "snapshot": _snapshot,
    "resend": _resend,
    "reload": _reload,
}
