"""The basket: what steps of weight mean, by whose session, and the cart that is made of them."""

from __future__ import annotations

from math import prod

from device.domain.events import CartLine, ItemReturned, ItemTaken, ReviewReason
from device.domain.identification import Candidate, Identification
from device.store import alarms, stock
from device.store.notes import ReviewAdded
from device.store.state import Session
from device.store.turn import Turn

PRIOR_OWN = 1.0
PRIOR_EMPTY = 0.05
"""A product whose count says that none is left: counts can be wrong, but seldom are."""
PRIOR_MISPLACED = 0.5
PRIOR_MISLAID = 0.1
"""Something in the hand that is put down where it does not belong: most people put a bottle back where they found it."""
PRIOR_STRANGER = 0.02
"""A product of the slot that is put there without having been taken: brought along, or a step misread."""

WEIGHED_AT_LEAST_SD_G = 1.0
"""How well one weighing knows an item: where it stands on the plate matters more than the noise."""


def review(turn: Turn, session: Session, reason: ReviewReason) -> None:
    """Have a session looked at by a person."""
    if reason not in session.reviews:
        turn.note(ReviewAdded(session.zone, session.id, reason))


def on_slot(turn: Turn, slot_id: str) -> list[Candidate]:
    """What may have left a slot: its own products and what was misplaced there."""
    slot, state = turn.plan.slots[slot_id], turn.slot(slot_id)
    own = [
        _candidate(turn, gtin, slot.capacity, PRIOR_EMPTY if state.counts.get(gtin) == 0 else PRIOR_OWN)
        for gtin in slot.products
        if gtin in turn.plan.products
    ]
    strangers = [_candidate(turn, gtin, count, PRIOR_MISPLACED) for gtin, count in state.misplaced.items() if gtin in turn.plan.products]
    return own + strangers


def in_hand(turn: Turn, session: Session, slot_id: str) -> list[Candidate]:
    """What may have come to a slot: what the basket holds, and, hardly, a product of the slot that was never taken.

    One item in the hand was weighed when it was taken, so it is known better than its product is.
    """
    held = quantities(session)
    back = [
        _in_hand(turn, session, gtin, count, PRIOR_OWN if stock.is_own(turn, slot_id, gtin) else PRIOR_MISLAID)
        for gtin, count in held.items()
        if count > 0 and gtin in turn.plan.products
    ]
    never_taken = [
        _candidate(turn, gtin, turn.plan.slots[slot_id].capacity, PRIOR_STRANGER)
        for gtin in turn.plan.slots[slot_id].products
        if held.get(gtin, 0) <= 0 and gtin in turn.plan.products
    ]
    return back + never_taken


def quantities(session: Session) -> dict[str, int]:
    """Items of each product in a session's hands."""
    held: dict[str, int] = {}
    for pick in session.picks:
        held[pick.gtin] = held.get(pick.gtin, 0) + pick.quantity
    return held


def taken(turn: Turn, session: Session, slot_id: str, grams: float, sd: float, evidence: str | None) -> None:
    """Something left a slot within a session."""
    found = turn.identify(grams, sd, on_slot(turn, slot_id))
    if found.gtin is None:
        review(turn, session, "unexplained_step")
        return
    _doubt(turn, session, slot_id, found)
    _tell(turn, [session], slot_id, -grams, sd, evidence, found.gtin, found)
    stock.move(turn, slot_id, found.gtin, -found.quantity, "taken" if session.purpose in ("shop", "pickup") else "restocked")


def returned(turn: Turn, session: Session, slot_id: str, grams: float, sd: float, evidence: str | None) -> None:
    """Something came to a slot within a session."""
    restocking = session.purpose in ("restock", "service")
    found = turn.identify(grams, sd, on_slot(turn, slot_id) if restocking else in_hand(turn, session, slot_id))
    if found.gtin is None or (not restocking and quantities(session).get(found.gtin, 0) < found.quantity):
        review(turn, session, "unexplained_step")
        return
    _doubt(turn, session, slot_id, found)
    _tell(turn, [session], slot_id, grams, sd, evidence, found.gtin, found)
    stock.move(turn, slot_id, found.gtin, found.quantity, "restocked" if restocking else "returned")


def nobodys(turn: Turn, visitors: list[Session], slot_id: str, delta: float, sd: float, evidence: str | None) -> None:
    """A step that any of several visitors may have caused: told with their names, charged to none, and all of them need review."""
    for session in visitors:
        review(turn, session, "several_sessions")
    found = turn.identify(abs(delta), sd, on_slot(turn, slot_id))
    if found.gtin is None:
        return
    _tell(turn, visitors, slot_id, delta, sd, evidence, found.gtin, found)
    stock.move(turn, slot_id, found.gtin, -found.quantity if delta < 0 else found.quantity, "taken" if delta < 0 else "returned")


def unexplained(turn: Turn, slot_id: str, delta: float, sd: float, evidence: str | None, cause: stock.Cause = "unexplained") -> None:
    """A slot's weight changed while nobody was entitled to change it."""
    zone = turn.plan.zone_of_slot(slot_id)
    found = turn.identify(abs(delta), sd, on_slot(turn, slot_id))
    details = {"slot": slot_id, "grams": round(delta, 1), "gtin": found.gtin, "quantity": found.quantity, "evidence": evidence}
    alarms.raise_alarm(turn, "unexplained_removal" if delta < 0 else "unexplained_addition", slot_id, zone, **details)
    if found.gtin is not None:
        stock.move(turn, slot_id, found.gtin, -found.quantity if delta < 0 else found.quantity, cause)


def cart(turn: Turn, session: Session) -> tuple[CartLine, ...]:
    """One line a product that stayed in the shopper's hands, in the order in which they were first taken."""
    lines = []
    for gtin, quantity in quantities(session).items():
        if quantity <= 0:
            continue
        price = _price(turn, session, gtin)
        lines.append(
            CartLine(
                gtin=gtin,
                name=turn.plan.products[gtin].name if gtin in turn.plan.products else gtin,
                quantity=quantity,
                unit_price_minor=price,
                total_minor=price * quantity,
                confidence=round(prod(pick.confidence for pick in session.picks if pick.gtin == gtin), 6),
                tags=tuple(sorted(epc for epc, tagged in session.tags.items() if tagged == gtin)),
            )
        )
    return tuple(lines)


def _candidate(turn: Turn, gtin: str, most: int | None, prior: float) -> Candidate:
    product = turn.plan.products[gtin]
    return Candidate(gtin, product.grams, product.grams_sd, most, prior)


def _in_hand(turn: Turn, session: Session, gtin: str, count: int, prior: float) -> Candidate:
    product = turn.plan.products[gtin]
    moved = [pick for pick in session.picks if pick.gtin == gtin]
    if count > 1 or len(moved) > 1 or moved[0].quantity != 1:
        return _candidate(turn, gtin, count, prior)
    return Candidate(gtin, moved[0].grams, min(max(moved[0].grams_sd, WEIGHED_AT_LEAST_SD_G), product.grams_sd), count, prior)


def _tell(
    turn: Turn, hands: list[Session], slot_id: str, delta: float, sd: float, evidence: str | None, gtin: str, found: Identification
) -> None:
    """Tell that items left a slot (``delta`` negative) or came to it, by one session's hands or by any of several."""
    kind = ItemTaken if delta < 0 else ItemReturned
    alone = len(hands) == 1
    turn.tell(
        kind(
            session=hands[0].id if alone else None,
            slot=slot_id,
            gtin=gtin,
            quantity=found.quantity,
            grams=round(abs(delta), 1),
            grams_sd=round(sd, 2),
            confidence=round(found.confidence, 6),
            alternatives=found.alternatives,
            tags=(),
            evidence=evidence,
            price_minor=_price(turn, hands[0], gtin),
            revises=None,
            candidates=() if alone else tuple(session.id for session in hands),
        ),
        hands[0].zone,
    )


def _price(turn: Turn, session: Session, gtin: str) -> int:
    product = turn.plan.products.get(gtin)
    return session.prices.get(gtin, product.price_minor if product else 0)


def _doubt(turn: Turn, session: Session, slot_id: str, found: Identification) -> None:
    """Say what is not certain about a line."""
    if found.confidence >= turn.rules(session.zone).review_below:
        return
    review(turn, session, "low_confidence")
    if found.gtin is not None and not stock.is_own(turn, slot_id, found.gtin):
        review(turn, session, "misplaced")
