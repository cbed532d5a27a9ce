"""Batches: what one item of a product weighs in a slot, learned from what was put there.

``n`` items that weigh ``d`` grams together say that their mean is ``d / n``, with variance ``s²/n + e²/n²`` (item spread, step error). The
catalogue says ``m`` with variance ``u² + BATCH²·s²``: what it was weighed with, and what batches differ by. Both together, each for what it
is worth, are the batch's mean. What stood there before keeps its own: the slot's mean is that of both by their numbers, and that two
batches stand there is part of the uncertainty.
"""

from __future__ import annotations

from device.domain.identification import BATCH, WEIGHED, Identification
from device.store.goods.lines import line_at
from device.store.memory.notes import BatchLearnt
from device.store.turn import Turn

SURE = 0.999
"""Only a restock of which product and number are this certain is learned from."""
BOUND_SDS = 3.0
"""A mean further from the catalogue's is another product, or a wrong catalogue: that is for a person."""


def learn(turn: Turn, slot_id: str, found: Identification, delta: float, sd: float) -> None:
    """Learn from items that were put into a slot of their own; before the count changes."""
    product = line_at(turn, slot_id, found.gtin or "")
    if product is None or found.confidence < SURE or product.gtin not in turn.plan.slots[slot_id].products:
        return
    state = turn.slot(slot_id)
    spread = product.grams_sd**2
    known = spread / WEIGHED + BATCH**2 * spread
    measured = spread / found.quantity + (sd * sd + 0.25) / found.quantity**2
    mean = delta / found.quantity
    if not spread or abs(mean - product.grams) > BOUND_SDS * product.grams_sd:
        return
    grams = (mean * known + product.grams * measured) / (known + measured)
    variance = known * measured / (known + measured)
    before = state.counts.get(product.gtin) or 0
    old = state.batches.get(product.gtin)
    old_grams, old_variance = (old.grams, old.sd**2) if old else (product.grams, known)
    share = found.quantity / (found.quantity + before)
    both = share * grams + (1 - share) * old_grams
    error = share**2 * variance + (1 - share) ** 2 * old_variance + share * (1 - share) * (grams - old_grams) ** 2
    turn.note(BatchLearnt(slot_id, product.gtin, round(both, 3), round(error**0.5, 4)))
