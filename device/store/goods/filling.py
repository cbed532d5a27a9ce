"""Filling a slot of several products: what staff have put there is settled by what they count, or else by weight alone.

Six bottles of 500 g weigh what four of 750 g do. So what comes to such a slot is kept, step by step, until staff have said of each of its
products how many stand there (``count``): then only few ways remain in which the steps can be those that came, and each product has learnt
what its new items weigh (``batches``) by all of these ways, as likely as each is. Where nobody counts, the first shopper at the slot
settles it: steps that are certain by themselves are learnt from, and of the rest the catalogue knows most.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import exp, log, sqrt

from device.domain.identification import BATCH, WEIGHED, Identification, Step
from device.domain.products import Product
from device.store.goods import batches
from device.store.goods.candidates import on_slot
from device.store.goods.lines import line_at
from device.store.memory.notes import SlotFilled
from device.store.memory.state import Filling
from device.store.turn import Turn

STEPS_MOST = 12
"""A slot that has been filled in more movements is settled as if nobody counted."""
WAYS_MOST = 2000
FAR_SDS = 6.0
EMPTY_G = 15.0
"""A plate that carries less than this, and less than half its lightest item, is empty."""


def put_in(turn: Turn, step: Step, found: Identification) -> None:
    """Staff have put something into a slot; before the counts change."""
    products = _products(turn, step.slot)
    state = turn.slot(step.slot)
    if len(products) < 2:
        batches.put_in(turn, step.slot, found, step.delta, step.sd)
        return
    if state.filling is not None and len(state.filling.steps) >= STEPS_MOST:
        settle(turn, step.slot)
    filling = state.filling
    if filling is None:
        before = _before(turn, step, products)
        if before is None:
            batches.put_in(turn, step.slot, found, step.delta, step.sd)
            return
        filling = Filling((), before)
    turn.note(SlotFilled(step.slot, replace(filling, steps=(*filling.steps, (step.delta, step.sd)), counted=())))


def taken_out(turn: Turn, slot_id: str) -> None:
    """Staff have taken something away."""
    settle(turn, slot_id)
    batches.doubt(turn, slot_id)


def counted(turn: Turn, slot_id: str, gtin: str, before: int | None) -> None:
    """Staff have said how many of a product stand in a slot, of which the books had ``before``."""
    batches.certain(turn, slot_id, gtin)
    filling = turn.slot(slot_id).filling
    if filling is None:
        if before != turn.slot(slot_id).counts.get(gtin):
            batches.forget(turn, slot_id, gtin)
        return
    filling = replace(filling, counted=tuple(sorted({*filling.counted, gtin})))
    if not set(filling.before) <= set(filling.counted):
        turn.note(SlotFilled(slot_id, filling))
        return
    turn.note(SlotFilled(slot_id, None))
    _learn(turn, slot_id, filling)


def settle(turn: Turn, slot_id: str) -> None:
    """Somebody comes to a slot, and nobody has counted since it was filled."""
    filling = turn.slot(slot_id).filling
    if filling is None:
        return
    turn.note(SlotFilled(slot_id, None))
    found = [turn.identify(grams, sd, on_slot(turn, slot_id, leaving=False), hand=False) for grams, sd in filling.steps]
    if any(each.confidence < batches.SURE or each.gtin not in filling.before for each in found):
        _forget(turn, slot_id)
        return
    standing = dict(filling.before)
    for each, (grams, sd) in zip(found, filling.steps, strict=True):
        product = line_at(turn, slot_id, each.gtin or "")
        if product is not None and each.gtin is not None:
            _add(turn, slot_id, product, standing[each.gtin], each.quantity, grams, sd * sd + batches.PLACE_G**2)
            standing[each.gtin] += each.quantity


def _products(turn: Turn, slot_id: str) -> list[Product]:
    found = [line_at(turn, slot_id, gtin) for gtin in turn.plan.slots[slot_id].products]
    return [product for product in found if product is not None]


def _before(turn: Turn, step: Step, products: Sequence[Product]) -> dict[str, int] | None:
    """What stood in a slot before a step, as far as it is known of all its products."""
    if len(products) < len(turn.plan.slots[step.slot].products):
        return None
    empty = abs(step.load) < min(EMPTY_G, 0.5 * min(product.grams for product in products))
    counts = turn.slot(step.slot).counts
    found = {product.gtin: 0 if empty else counts.get(product.gtin) for product in products}
    known = {gtin: count for gtin, count in found.items() if count is not None}
    return known if len(known) == len(found) else None


def _learn(turn: Turn, slot_id: str, filling: Filling) -> None:
    """All is counted: of each product that came, what its items weigh, by every way in which the steps can have brought them."""
    counts = turn.slot(slot_id).counts
    wanted = {gtin: (counts.get(gtin) or 0) - before for gtin, before in filling.before.items()}
    products = {product.gtin: product for product in _products(turn, slot_id)}
    possible = set(wanted) <= set(products) and min(wanted.values()) >= 0
    ways = list(_ways(filling.steps, wanted, products)) if possible else []
    if not ways or len(ways) > WAYS_MOST:
        _forget(turn, slot_id)
        return
    top = max(weight for weight, _ in ways)
    whole = sum(exp(weight - top) for weight, _ in ways)
    shares = [(exp(weight - top) / whole, way) for weight, way in ways]
    for gtin, quantity in wanted.items():
        if quantity:
            sums = [(share, *_sum_of(gtin, way, filling.steps)) for share, way in shares]
            grams = sum(share * each for share, each, _ in sums)
            error = sum(share * (variance + (each - grams) ** 2) for share, each, variance in sums)
            _add(turn, slot_id, products[gtin], filling.before[gtin], quantity, grams, error)


def _sum_of(gtin: str, way: Sequence[str], steps: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """What came of a product, in one way: grams and the variance of their error."""
    mine = [step for what, step in zip(way, steps, strict=True) if what == gtin]
    return sum(grams for grams, _ in mine), sum(sd * sd + batches.PLACE_G**2 for _, sd in mine)


def _ways(
    steps: Sequence[tuple[float, float]], wanted: Mapping[str, int], products: Mapping[str, Product]
) -> Iterator[tuple[float, tuple[str, ...]]]:
    """Each way in which so many steps bring exactly what is wanted: its log likelihood, and which product each step was."""
    open_ways: list[tuple[float, tuple[str, ...], dict[str, int]]] = [(0.0, (), dict(wanted))]
    for grams, sd in steps:
        further = []
        for weight, way, missing in open_ways:
            for gtin, left in missing.items():
                for quantity in range(1, left + 1):
                    likely = _likely(products[gtin], quantity, grams, sd)
                    if likely is not None:
                        further.append((weight + likely, (*way, gtin), {**missing, gtin: left - quantity}))
        open_ways = further[: WAYS_MOST + 1]
    yield from ((weight, way) for weight, way, missing in open_ways if not any(missing.values()))


def _likely(product: Product, quantity: int, grams: float, sd: float) -> float | None:
    """Log likelihood that so many new items of a product weigh so much; None: hardly."""
    spread = product.grams_sd**2
    variance = quantity * spread + quantity**2 * spread * (1 / WEIGHED + BATCH**2) + sd * sd + batches.PLACE_G**2
    away = grams - quantity * product.grams
    return None if abs(away) > FAR_SDS * sqrt(variance) else -0.5 * (away * away / variance + log(variance))


def _add(turn: Turn, slot_id: str, product: Product, before: int, quantity: int, grams: float, error: float) -> None:
    old = batches.known(turn, slot_id, product, before)
    batches.note(turn, slot_id, product, before + quantity, batches.more(old, before, quantity, grams, error))


def _forget(turn: Turn, slot_id: str) -> None:
    for gtin in turn.plan.slots[slot_id].products:
        batches.forget(turn, slot_id, gtin)
