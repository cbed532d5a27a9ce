"""Expiry: until when what stands in a slot may be sold, as far as somebody has said so. It is a date of the store's own calendar.

There is one date a product and slot: that of the goods that expire first. It holds until it is changed, or until none is left and others
come.
"""

from __future__ import annotations

from datetime import UTC, date, datetime

from device.domain.events import ReviewReason, StockExpiring
from device.store.memory.state import Session
from device.store.turn import Turn

TOLD_DAYS = 3
"""From so many days before the last day on it is told each midnight."""


def of_slot(turn: Turn, slot_id: str) -> dict[str, str]:
    """The date of each product of a slot of which one is known, and of which any may be left."""
    expiries = turn.slot(slot_id).expiries
    return {gtin: expiries[gtin].day for gtin in turn.plan.slots[slot_id].products if gtin in expiries and not expiries[gtin].spent}


def tell(turn: Turn, slot_id: str) -> None:
    """Tell what is near its date, or past it; while nobody knows today's date, that of every date it is not known how near it is."""
    today = turn.local.date() if turn.moment.trusted else None
    for gtin, day in of_slot(turn, slot_id).items():
        days_left = None if today is None else (date.fromisoformat(day) - today).days
        if days_left is None or days_left <= TOLD_DAYS:
            turn.tell(StockExpiring(slot_id, gtin, turn.slot(slot_id).counts.get(gtin), day, days_left), slot_id)


def doubt(turn: Turn, session: Session) -> ReviewReason | None:
    """Why a session that ends now is to be looked at for the sake of what it has kept: its last day was over when the session began, or,
    without a trusted clock, nobody knows whether it was."""
    days = [date.fromisoformat(day) for day in _days_of_what_was_kept(turn, session)]
    if not days:
        return None
    if not turn.moment.trusted:
        return "expiry_unknown"
    lasted_s = turn.moment.uptime - session.started
    began = datetime.fromtimestamp(turn.moment.wall - lasted_s, UTC).astimezone(turn.plan.timezone).date()
    return "expired" if min(days) < began else None


def _days_of_what_was_kept(turn: Turn, session: Session) -> list[str]:
    taken: dict[tuple[str, str], int] = {}
    for pick in session.picks:
        taken[pick.slot, pick.gtin] = taken.get((pick.slot, pick.gtin), 0) + pick.quantity
    dates = {place: turn.slot(place[0]).expiries.get(place[1]) for place, quantity in taken.items() if quantity > 0}
    return [known.day for known in dates.values() if known]
