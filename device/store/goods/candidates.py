"""What may have left a slot: its own products, what was put there, and, hardly, anything else of its zone."""

from __future__ import annotations

from device.domain.identification import Belonging, Candidate
from device.store.goods.lines import line
from device.store.goods.standing import Known, around, known
from device.store.memory.state import Session
from device.store.turn import Turn

PRIOR_OWN = 1.0
PRIOR_EMPTY = 0.005
"""A product whose count says that none is left: counts can be wrong, but seldom are."""
PRIOR_MISPLACED = 0.5
PRIOR_STRANGER = 0.000001
"""A product of another slot of the zone that nobody can have put here as far as is known: one in a million steps, for each of them. What
is put down where it does not belong is seen when it is, and what may be that is in the looks of the slot."""


def on_slot(
    turn: Turn, slot_id: str, session: Session | None = None, *, leaving: bool = True, staff: Session | None = None
) -> list[Candidate]:
    """What stands in a slot, as it was when ``session`` began (None: as it is now), or (not ``leaving``) may come to it.

    The catalogue is that of the session, or of ``staff``, who fill a slot as it is now.
    """
    slot, whose = turn.plan.slots[slot_id], session or staff
    standing = known(turn, slot_id, _moved(session, slot_id))
    found = []
    for gtin in slot.products:
        what = standing.get(gtin)
        some = 1.0 if what is None or session is not None or not leaving else sum(share for count, share in what.counts if count)
        found.append(_candidate(turn, whose, gtin, slot.capacity, max(PRIOR_EMPTY, some * PRIOR_OWN), what, "own", learnt=leaving))
    for gtin, what in standing.items():
        most = max(count for count, _ in what.counts)
        if gtin not in slot.products and most:
            found.append(_candidate(turn, whose, gtin, most, PRIOR_MISPLACED, what, "misplaced", learnt=leaving))
    if session is not None:
        named = {candidate.gtin for candidate in found if candidate is not None}
        strangers = [gtin for gtin in around(turn, slot_id) if gtin not in named]
        found += [_candidate(turn, whose, gtin, 1, PRIOR_STRANGER, None, "stranger") for gtin in strangers]
    return [candidate for candidate in found if candidate is not None]


def _candidate(
    turn: Turn,
    whose: Session | None,
    gtin: str,
    most: int | None,
    prior: float,
    what: Known | None,
    belongs: Belonging,
    *,
    learnt: bool = False,
) -> Candidate | None:
    product = line(turn, gtin, whose)
    if product is None:
        return None
    counts, weight = (what.counts, what.weight if learnt else None) if what is not None else (None, None)
    grams, mean_sd = weight if weight is not None else (product.grams, None)
    return Candidate(gtin, grams, product.grams_sd, most, prior, mean_sd, counts, belongs)


def _moved(session: Session | None, slot_id: str) -> dict[str, int]:
    """How many of each product a session has taken from a slot, on balance."""
    gone: dict[str, int] = {}
    for pick in session.picks if session else ():
        if pick.slot == slot_id:
            gone[pick.gtin] = gone.get(pick.gtin, 0) + pick.quantity
    return gone
