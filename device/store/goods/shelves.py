"""Shelves: which plate's step belongs to which slot and session, and what a plate that lost trust means for them."""

from __future__ import annotations

from device.domain.events import DeviceDegradedEvent, DeviceRecovered
from device.domain.facts import PlateMoving, PlateQuiet, PlateTrusted, PlateUntrusted, WeightStep
from device.domain.identification import Step
from device.store import alarms
from device.store.goods import basket, ledger, stock, tags
from device.store.memory.fold import part_of_device
from device.store.memory.state import Session
from device.store.turn import Turn

GAP_SHARE = 0.4
GAP_LEAST_G = 10.0
"""While nobody looked, a weight must have changed by this share of the slot's lightest item, and by so many grams: less is drift."""


def moving(turn: Turn, fact: PlateMoving) -> None:
    slot = turn.plan.slot_on.get((fact.scale, fact.channel))
    if slot:
        turn.live.moving.add(slot)


def step(turn: Turn, fact: WeightStep) -> str | None:
    """Decide a step. Returns the zone in which a plate has come to rest."""
    slot = turn.plan.slot_on.get((fact.scale, fact.channel))
    if slot is None:
        return None
    turn.live.moving.discard(slot)
    turn.live.grams[slot] = fact.after
    ledger.stepped(turn, slot, fact.delta, fact.after)
    _decide(turn, Step(slot, fact.began_at, fact.delta, fact.sd, fact.before, fact.evidence, fact.gesture, fact.undoes))
    return turn.plan.zone_of_slot(slot)


def quiet(turn: Turn, fact: PlateQuiet) -> str | None:
    """A plate rests where it was, or is known for the first time. Returns its zone."""
    slot = turn.plan.slot_on.get((fact.scale, fact.channel))
    if slot is None:
        return None
    turn.live.moving.discard(slot)
    turn.live.grams[slot] = fact.grams
    before = turn.slot(slot).grams
    if fact.first and slot not in turn.live.based:
        turn.live.based.add(slot)
        ledger.known(turn, slot, fact.grams)
        if before is None:
            stock.infer(turn, slot)
            for session in _visits(turn, slot):
                basket.review(turn, session, "gap")
        elif abs(fact.grams - before) > _tolerance(turn, slot):
            _changed_unseen(turn, slot, before, fact.grams - before, fact.sd)
    else:
        ledger.quiet(turn, slot, fact.grams, fact.sd, watched=not _visits(turn, slot))
    return turn.plan.zone_of_slot(slot)


def untrusted(turn: Turn, fact: PlateUntrusted) -> str | None:
    """A plate is not believed any more: a running session on it needs review."""
    slot = turn.plan.slot_on.get((fact.scale, fact.channel))
    if slot is None:
        return None
    zone = turn.plan.zone_of_slot(slot)
    turn.live.moving.discard(slot)
    turn.live.based.discard(slot)
    turn.live.untrusted[slot] = fact.reason
    for session in _visits(turn, slot):
        basket.review(turn, session, "gap")
    if fact.reason != "lost":
        turn.tell(DeviceDegradedEvent(fact.scale, "scale", fact.reason, None, fact.channel), fact.scale)
        alarms.raise_alarm(turn, "sensor_untrusted", zone, zone, slot=slot, device=fact.scale, channel=fact.channel, reason=fact.reason)
    return zone


def trusted(turn: Turn, fact: PlateTrusted) -> None:
    """A plate is believed (again). The alarm may be from before a restart: it ends once every plate of the zone has been heard of."""
    slot = turn.plan.slot_on.get((fact.scale, fact.channel))
    if slot is None:
        return
    reason = turn.live.untrusted.pop(slot, None)
    if reason is not None:
        turn.live.based.discard(slot)
    told = turn.state.degraded.get(part_of_device(fact.scale, fact.channel))
    if told is not None:
        turn.tell(DeviceRecovered(fact.scale, "scale", told, None, fact.channel), fact.scale)
    zone = turn.plan.zone_of_slot(slot)
    if all(_no_complaint(turn, other.id) for other in turn.plan.slots_of(zone) if other.id != slot):
        alarms.end_alarm(turn, "sensor_untrusted", zone)


def _no_complaint(turn: Turn, slot: str) -> bool:
    """Whether a slot's plate has been heard of since the start, and is well or, which has its own alarm, lost."""
    reason = turn.live.untrusted.get(slot)
    return reason == "lost" if reason else slot in turn.live.based


def at_rest(turn: Turn, zone: str) -> bool:
    """Whether the weight of every slot of a zone is known now, or is known not to be known."""
    return all(
        slot.id not in turn.live.moving and (slot.id in turn.live.based or slot.id in turn.live.untrusted)
        for slot in turn.plan.slots_of(zone)
    )


def _decide(turn: Turn, step: Step) -> None:
    slot, delta, sd, evidence = step.slot, step.delta, step.sd, step.evidence
    visits = _who_may_take(turn, slot)
    if not visits:
        for session in _visits(turn, slot):
            basket.review(turn, session, "unexplained_step")
        found = basket.unexplained(turn, slot, delta, sd, evidence)
        if found.gtin is not None:
            tags.owe(turn, slot, found.gtin, found.quantity if delta < 0 else -found.quantity)
    elif len(visits) > 1:
        basket.nobodys(turn, visits, slot, delta, sd, evidence)
    else:
        basket.moved(turn, visits[0], step)


def _changed_unseen(turn: Turn, slot: str, before: float, delta: float, sd: float) -> None:
    """The weight is not what it was when last believed: charged to the session that goes on, with review, or to nobody, with an alarm."""
    for session in _visits(turn, slot):
        basket.review(turn, session, "gap")
    _decide(turn, Step(slot, turn.moment.uptime, delta, sd, before, None))


def _visits(turn: Turn, slot: str) -> list[Session]:
    """The running sessions that a slot belongs to."""
    return list(turn.zone(turn.plan.visited(turn.plan.zone_of_slot(slot))).sessions)


def _who_may_take(turn: Turn, slot: str) -> list[Session]:
    """Whose hands can be at a slot: those of a cabinet's session while its door is open, those of everybody in a room."""
    zone = turn.plan.visited(turn.plan.zone_of_slot(slot))
    if turn.rules(zone).kind == "room":
        return [session for session in turn.zone(zone).sessions if session.inside]
    return turn.zone(zone).sessions[:1] if turn.zone(zone).phase in ("open", "settling") else []


def _tolerance(turn: Turn, slot: str) -> float:
    lightest = min((turn.plan.products[gtin].grams for gtin in turn.plan.slots[slot].products if gtin in turn.plan.products), default=0.0)
    return max(GAP_LEAST_G, GAP_SHARE * lightest)
