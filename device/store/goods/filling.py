"""Filling a slot of several products: what staff have put there is settled by what they count, or else by weight alone.

Six bottles of 500 g weigh what four of 750 g do. So what comes to such a slot is kept, step by step, together with what staff have said
meanwhile of how many of each product stand there (``count``), until all products are counted or the first shopper comes. Then every way in
which the steps can have brought what was counted to what stood there is a way in which the slot may look (``standing``), as likely as
the weights make it. Staff who fill one product, count it and go on to the next leave only one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import ceil, exp, log, sqrt
from typing import NamedTuple

from device.domain.identification import Step, delivery_variance
from device.domain.products import Product
from device.store.goods import standing
from device.store.goods.lines import line_at
from device.store.memory.notes import SlotFilled
from device.store.memory.state import Filling
from device.store.turn import Turn

STEPS_MOST = 12
"""A slot that has been filled in more movements is settled as if nobody counted."""
WAYS_MOST = 500
FAR_SDS = 6.0
EMPTY_G = 15.0
"""A plate that carries less than this, and less than half its lightest item, is empty."""


class _Way(NamedTuple):
    """What the steps so far may have brought: its log likelihood, and how the slot then looks."""

    log: float
    view: standing.View


def put_in(turn: Turn, step: Step) -> bool:
    """Staff have put something into a slot; before the counts change. Whether it waits to be counted."""
    products = _products(turn, step.slot)
    state = turn.slot(step.slot)
    if len(products) < 2:
        return False
    if state.filling is not None and len(state.filling.steps) >= STEPS_MOST:
        settle(turn, step.slot)
    filling = state.filling
    if filling is None:
        empty = abs(step.load) < min(EMPTY_G, 0.5 * min(product.grams for product in products))
        before = _before(turn, step.slot, products, empty=empty)
        if before is None:
            return False
        if empty:
            standing.reset(turn, step.slot)
        filling = Filling((), before)
    turn.note(SlotFilled(step.slot, replace(filling, steps=(*filling.steps, (step.delta, step.sd)))))
    return True


def counted(turn: Turn, slot_id: str, gtin: str, before: int | None, count: int) -> None:
    """Staff have said how many of a product stand in a slot, of which the books had ``before``; when the books have it."""
    filling = turn.slot(slot_id).filling
    if filling is None or gtin not in filling.before:
        standing.counted(turn, slot_id, gtin, before, count)
        return
    said = (gtin, len(filling.steps), count)
    filling = replace(filling, said=(*(each for each in filling.said if each[:2] != said[:2]), said))
    turn.note(SlotFilled(slot_id, filling))
    if set(filling.before) <= {each for each, steps, _ in filling.said if steps == len(filling.steps)}:
        settle(turn, slot_id)


def settle(turn: Turn, slot_id: str) -> None:
    """All is counted, or somebody comes to the slot: what was put in is what it can have been."""
    filling = turn.slot(slot_id).filling
    if filling is None:
        return
    products = {product.gtin: product for product in _products(turn, slot_id) if product.gtin in filling.before}
    ways = [way for share, view in standing.looks_now(turn, slot_id) for way in _ways(log(share), view, filling, products)]
    turn.note(SlotFilled(slot_id, None))
    if not ways:
        standing.reset(turn, slot_id)
        return
    top = max(way.log for way in ways)
    standing.note(turn, slot_id, standing.as_heavy([(exp(way.log - top), way.view) for way in ways], standing.load(turn, slot_id)))


def _products(turn: Turn, slot_id: str) -> list[Product]:
    found = [line_at(turn, slot_id, gtin) for gtin in turn.plan.slots[slot_id].products]
    return [product for product in found if product is not None]


def _before(turn: Turn, slot_id: str, products: Sequence[Product], *, empty: bool) -> dict[str, int] | None:
    """What stood in a slot before it was filled, as far as it is known of all its products."""
    if len(products) < len(turn.plan.slots[slot_id].products):
        return None
    counts = turn.slot(slot_id).counts
    found = {product.gtin: 0 if empty else counts.get(product.gtin) for product in products}
    known = {gtin: count for gtin, count in found.items() if count is not None}
    return known if len(known) == len(found) else None


def _ways(likely: float, view: standing.View, filling: Filling, products: Mapping[str, Product]) -> list[_Way]:
    """The ways in which the steps can have brought what was counted to one look."""
    ways = _as_counted([_Way(likely, view)], filling, 0)
    for number, (grams, sd) in enumerate(filling.steps, 1):
        further = [_Way(way.log + more, after) for way in ways for more, after in _steps(way.view, grams, sd, products)]
        ways = sorted(_as_counted(further, filling, number), key=lambda way: -way.log)[:WAYS_MOST]
    return ways


def _as_counted(ways: list[_Way], filling: Filling, steps: int) -> list[_Way]:
    """Those that agree with what was counted after so many steps."""
    said = {gtin: count for gtin, after, count in filling.said if after == steps}
    return [way for way in ways if all(gtin in way.view and way.view[gtin].number == count for gtin, count in said.items())]


def _steps(view: standing.View, grams: float, sd: float, products: Mapping[str, Product]) -> Iterator[tuple[float, standing.View]]:
    """Each product of which some new items may weigh so much: the log likelihood, and the look with them."""
    error = sd * sd + standing.PLACE_G**2
    for gtin, product in products.items():
        for quantity in range(1, ceil(2 * grams / product.grams) + 1):
            variance = quantity * product.grams_sd**2 + quantity**2 * delivery_variance(product.grams_sd) + error
            away = grams - quantity * product.grams
            if abs(away) <= FAR_SDS * sqrt(variance):
                items = view.get(gtin) or standing.catalogue(product, 0)
                after = {**view, gtin: standing.more(items, quantity, grams, error)}
                yield -0.5 * (away * away / variance + log(variance)), after
