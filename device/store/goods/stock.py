"""Stock: how many of each product stand in each slot, and where that number comes from. Unknown is not zero."""

from __future__ import annotations

from typing import Literal

from device.domain.events import StockChanged, StockLow, StockMisplaced, StockOut
from device.domain.identification import delivery_variance
from device.store.goods import standing
from device.store.goods.lines import line_at
from device.store.turn import Turn

Cause = Literal["inferred", "counted", "taken", "returned", "restocked", "unexplained", "gap"]

RESIDUAL_SDS = 4.0
"""A weight counts as n items if it is within this many standard deviations of n items."""
RECONCILE_SDS = 4.0
"""The books are put right by the scale only where half an item is this many standard deviations of what stands there."""
PLATE_G = 15.0
LOAD_SHARE = 0.002
"""Drift of 2.5 g in an hour and creep of 0.03 % in 30 minutes, both several times over."""
SPAN = 0.001
"""How far a plate's span may be off between two calibrations."""


def astray(grams: float) -> float:
    """How far a plate that carries so many grams may be from what it should weigh and still be believed to have drifted."""
    return max(PLATE_G, LOAD_SHARE * abs(grams))


def change(turn: Turn, slot_id: str, gtin: str, quantity: int, cause: Cause) -> None:
    """Add to a count (or take away). A count that is not known stays so."""
    before = turn.slot(slot_id).counts.get(gtin)
    if before is not None and quantity:
        put(turn, slot_id, gtin, max(0, before + quantity), cause)


def put(turn: Turn, slot_id: str, gtin: str, count: int | None, cause: Cause) -> None:
    """Set a count, and say when it is low or out. Says nothing where nothing changes."""
    before = turn.slot(slot_id).counts.get(gtin)
    if count == before:
        return
    turn.tell(StockChanged(slot_id, gtin, count, before, cause), slot_id)
    if count is None:
        return
    low_at = turn.plan.slots[slot_id].low_at
    if count == 0 and before != 0:
        turn.tell(StockOut(slot_id, gtin, count, before, cause), slot_id)
    elif count <= low_at and (before is None or before > low_at):
        turn.tell(StockLow(slot_id, gtin, count, before, cause), slot_id)


def misplace(turn: Turn, slot_id: str, gtin: str, quantity: int, cause: Cause) -> None:
    """Add to (or take from) what stands in a slot that is not its own."""
    before = turn.slot(slot_id).misplaced.get(gtin, 0)
    count = max(0, before + quantity)
    if count != before:
        turn.tell(StockMisplaced(slot_id, gtin, count, before, cause), slot_id)


def is_own(turn: Turn, slot_id: str, gtin: str) -> bool:
    return gtin in turn.plan.slots[slot_id].products


def move(turn: Turn, slot_id: str, gtin: str, quantity: int, cause: Cause) -> None:
    """Account for items that came to a slot (positive) or left it."""
    if is_own(turn, slot_id, gtin):
        change(turn, slot_id, gtin, quantity, cause)
    else:
        misplace(turn, slot_id, gtin, quantity, cause)


def weighed(turn: Turn, slot_id: str) -> int | None:
    """How many items the settled weight of a slot with one product means.

    None where several products stand there or one that the catalogue does not know, something is misplaced on it, or the weight fits no
    whole number well enough.
    """
    slot, state = turn.plan.slots[slot_id], turn.slot(slot_id)
    product = line_at(turn, slot_id, slot.products[0])
    if len(slot.products) != 1 or state.misplaced or state.grams is None or product is None:
        return None
    learnt = standing.weighed(turn, slot_id, product.gtin)
    each = learnt.grams if learnt else product.grams
    count = round(state.grams / each)
    spread = max(product.grams_sd * max(count, 1) ** 0.5, 2.0)
    if count < 0 or abs(state.grams - count * each) > min(RESIDUAL_SDS * spread + 0.01 * state.grams, 0.4 * product.grams):
        return None
    return count


def infer(turn: Turn, slot_id: str) -> None:
    """The first count of a slot with one product, from its weight."""
    gtin = turn.plan.slots[slot_id].products[0]
    count = weighed(turn, slot_id)
    if count is not None and turn.slot(slot_id).counts.get(gtin) is None:
        put(turn, slot_id, gtin, count, "inferred")


def reconcile(turn: Turn, slot_id: str) -> None:
    """Put a count right by the weight of what stands there, where the weight can only mean one number.

    Books and scale part where a step was read wrongly, or two people counted otherwise. Nothing has left unseen: that would be a change of
    weight, which has its own alarm.
    """
    count = weighed(turn, slot_id)
    slot, state = turn.plan.slots[slot_id], turn.slot(slot_id)
    before = state.counts.get(slot.products[0])
    product = line_at(turn, slot_id, slot.products[0])
    if count is None or before is None or count == before or slot_id in turn.live.untrusted or product is None:
        return
    most = max(count, before)
    learnt = standing.weighed(turn, slot_id, product.gtin)
    mean_sd = learnt.sd if learnt else delivery_variance(product.grams_sd) ** 0.5
    spread = (most * product.grams_sd**2 + (most * mean_sd) ** 2 + (SPAN * most * product.grams) ** 2) ** 0.5
    if RECONCILE_SDS * spread < 0.5 * product.grams:
        put(turn, slot_id, product.gtin, count, "counted")
        standing.counted(turn, slot_id, product.gtin, before, count)
