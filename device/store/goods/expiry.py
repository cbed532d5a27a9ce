"""Expiry: until when what stands in a slot may be sold, as far as somebody has said so. It is a date of the store's own calendar.

There is one date a product and slot: that of the goods that expire first. It holds until it is changed, or until none is left and others
come.
"""

from __future__ import annotations

from datetime import UTC, date, datetime

from device.domain.events import StockExpiring
from device.store.memory.state import Session
from device.store.turn import Turn

TOLD_DAYS = 3
"""From so many days before the last day on it is told each midnight."""


def of_slot(turn: Turn, slot_id: str) -> dict[str, str]:
    """The date of each product of a slot of which one is known, and of which any may be left."""
    expiries = turn.slot(slot_id).expiries
    return {gtin: expiries[gtin].day for gtin in turn.plan.slots[slot_id].products if gtin in expiries and not expiries[gtin].spent}


def tell(turn: Turn, slot_id: str) -> None:
    """Tell what is near its date, or past it."""
    today = turn.local.date()
    for gtin, day in of_slot(turn, slot_id).items():
        days_left = (date.fromisoformat(day) - today).days
        if days_left <= TOLD_DAYS:
            turn.tell(StockExpiring(slot_id, gtin, turn.slot(slot_id).counts.get(gtin), day, days_left), slot_id)


def any_expired(turn: Turn, session: Session) -> bool:
    """Whether a session has kept something whose last day was over when it began."""
    began = datetime.fromtimestamp(session.started_wall, UTC).astimezone(turn.plan.timezone).date()
    taken: dict[tuple[str, str], int] = {}
    for pick in session.picks:
        taken[pick.slot, pick.gtin] = taken.get((pick.slot, pick.gtin), 0) + pick.quantity
    for (slot, gtin), quantity in taken.items():
        known = turn.slot(slot).expiries.get(gtin)
        if quantity > 0 and known and date.fromisoformat(known.day) < began:
            return True
    return False
