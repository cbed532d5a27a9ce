"""What may have left a slot: its own products, what was put there, and, hardly, anything else of its zone."""

from __future__ import annotations

from device.domain.identification import Belonging, Candidate
from device.store.goods.lines import line
from device.store.memory.state import Session
from device.store.turn import Turn

PRIOR_OWN = 1.0
PRIOR_EMPTY = 0.005
"""A product whose count says that none is left: counts can be wrong, but seldom are."""
PRIOR_MISPLACED = 0.5
PRIOR_STRANGER = 0.00001
"""A product of another slot of the zone that nobody is known to have put here: one in a hundred thousand steps, for each of
them. What is put down where it does not belong is seen when it is."""


def on_slot(
    turn: Turn, slot_id: str, session: Session | None = None, *, leaving: bool = True, staff: Session | None = None
) -> list[Candidate]:
    """What stands in a slot, as it was when ``session`` began (None: as it is now), or (not ``leaving``) may come to it.

    The catalogue is that of the session, or of ``staff``, who fill a slot as it is now.
    """
    slot, state, whose = turn.plan.slots[slot_id], turn.slot(slot_id), session or staff
    gone = _moved(session, slot_id)
    found = []
    for gtin in slot.products:
        count = _before(state.counts.get(gtin), gone.get(gtin, 0))
        prior = PRIOR_EMPTY if leaving and session is None and count == 0 else PRIOR_OWN
        found.append(_candidate(turn, slot_id, whose, gtin, slot.capacity, prior, count, "own", learnt=leaving))
    for gtin in {**state.misplaced, **gone}:
        count = _before(state.misplaced.get(gtin, 0), gone.get(gtin, 0))
        if gtin not in slot.products and count:
            found.append(_candidate(turn, slot_id, whose, gtin, count, PRIOR_MISPLACED, count, "misplaced"))
    if session is not None:
        known = {candidate.gtin for candidate in found if candidate is not None}
        around = [gtin for gtin in _around(turn, slot_id) if gtin not in known]
        found += [_candidate(turn, slot_id, whose, gtin, 1, PRIOR_STRANGER, None, "stranger") for gtin in around]
    return [candidate for candidate in found if candidate is not None]


def _candidate(
    turn: Turn,
    slot_id: str,
    whose: Session | None,
    gtin: str,
    most: int | None,
    prior: float,
    count: int | None,
    belongs: Belonging,
    *,
    learnt: bool = False,
) -> Candidate | None:
    product = line(turn, gtin, whose)
    if product is None:
        return None
    batch = turn.slot(slot_id).batches.get(gtin) if learnt else None
    grams, mean_sd = (batch.grams, batch.sd) if batch else (product.grams, None)
    count_sd = turn.slot(slot_id).count_doubts.get(gtin, 0.0) ** 0.5 if belongs == "own" else 0.0
    return Candidate(gtin, grams, product.grams_sd, most, prior, mean_sd, count, belongs, count_sd)


def _moved(session: Session | None, slot_id: str) -> dict[str, int]:
    """How many of each product a session has taken from a slot, on balance."""
    gone: dict[str, int] = {}
    for pick in session.picks if session else ():
        if pick.slot == slot_id:
            gone[pick.gtin] = gone.get(pick.gtin, 0) + pick.quantity
    return gone


def _before(count: int | None, gone: int) -> int | None:
    return None if count is None else max(0, count + gone)


def _around(turn: Turn, slot_id: str) -> list[str]:
    """The products of the zone that a slot is in, and of those that are visited with it."""
    visited = turn.plan.visited(turn.plan.zone_of_slot(slot_id))
    zones = (visited, *turn.plan.inside(visited))
    return list(dict.fromkeys(gtin for zone in zones for slot in turn.plan.slots_of(zone) for gtin in slot.products))
