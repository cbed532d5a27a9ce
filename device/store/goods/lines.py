"""Lines of the catalogue: a session that runs has those that it began with, whatever is set meanwhile."""

from __future__ import annotations

from device.domain.products import Product
from device.store.memory.state import Session
from device.store.turn import Turn


def line(turn: Turn, gtin: str, session: Session | None) -> Product | None:
    """What the catalogue said of a product when a session began; without one, what it says now. None: nothing."""
    if session is not None and gtin in session.kept:
        return session.kept[gtin]
    return turn.plan.products.get(gtin)


def line_at(turn: Turn, slot_id: str, gtin: str) -> Product | None:
    """The same for a slot: as the first of the sessions there has it."""
    return line(turn, gtin, turn.zone(turn.plan.visited(turn.plan.zone_of_slot(slot_id))).session)
