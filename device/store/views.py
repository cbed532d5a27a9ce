"""What others see of the store: the retained topics, and the whole state on demand. Levels, not events."""

from __future__ import annotations

from typing import Any

from device.domain.envelope import data_of
from device.store import sales
from device.store.cold import ColdStore
from device.store.goods import expiry, orders
from device.store.memory.state import Session
from device.store.turn import Turn
from device.store.visits import doors


def zone_view(turn: Turn, cold: ColdStore, zone_id: str) -> dict[str, Any]:
    """The payload of ``zone/{zone}``."""
    zone = turn.zone(zone_id)
    locks = turn.plan.locks_of(zone_id)
    closed = [turn.live.door_closed.get(lock.id) for lock in locks]
    bolts = [doors.observed(turn, lock.id) for lock in locks]
    standing = sales.standing(turn, zone_id)
    return {
        "door": "open" if any(state is False for state in closed) else "closed" if closed and all(closed) else "unknown",
        "lock_commanded": "unlocked" if any(turn.lock(lock.id).unlocked for lock in locks) else "locked",
        "lock_observed": None if any(bolt is None for bolt in bolts) or not bolts else "unlocked" if "unlocked" in bolts else "locked",
        "session": zone.session.id if zone.session else None,
        "purpose": zone.session.purpose if zone.session else None,
        "order": _order(zone.session) if zone.session else None,
        "sales": standing,
        "reasons": sales.reasons(turn, zone_id) if standing == "stopped" else ["closed_hours"] if standing == "closed_hours" else [],
        "mode": zone.mode,
        "faults": list(zone.faults),
        "celsius": cold.of_zone(turn, zone_id),
        "alarms": [{"alarm": alarm.id, "kind": alarm.kind} for alarm in turn.state.alarms.values() if alarm.zone == zone_id],
    }


def _order(session: Session) -> dict[str, Any] | None:
    """A pickup that is under way: what has been taken of its order so far."""
    return data_of(orders.result(session)) if session.purpose == "pickup" else None


def slot_view(turn: Turn, slot_id: str) -> dict[str, Any]:
    """The payload of ``slot/{slot}``. ``count`` is of all its products together, None where one of them is not known."""
    slot, state = turn.plan.slots[slot_id], turn.slot(slot_id)
    counts = [state.counts.get(gtin) for gtin in slot.products]
    known = [count for count in counts if count is not None]
    count = sum(known) if len(known) == len(counts) else None
    return {
        "products": list(slot.products),
        "count": count,
        "counts": {gtin: state.counts.get(gtin) for gtin in slot.products} | dict(state.misplaced),
        "grams": None if state.grams is None else round(state.grams, 1),
        "confidence": state.confidence,
        "expires": expiry.of_slot(turn, slot_id),
        "low": count is not None and count <= slot.low_at,
        "trusted": slot_id in turn.live.based and slot_id not in turn.live.untrusted,
    }


def whole(turn: Turn, cold: ColdStore) -> dict[str, Any]:
    """The result of ``snapshot``."""
    return {
        "seq": turn.state.seq,
        "time": turn.time(),
        "zones": {zone: zone_view(turn, cold, zone) for zone in turn.plan.zones},
        "slots": {slot: slot_view(turn, slot) for slot in turn.plan.slots},
        "alarms": [
            {"alarm": alarm.id, "kind": alarm.kind, "zone": alarm.zone, "details": alarm.details} for alarm in turn.state.alarms.values()
        ],
        "devices": {device: turn.live.online.get(device, False) for device in turn.plan.kinds},
    }
