"""Batches: what the items of a product that stand in a slot weigh on average, kept up with every item that is put there or taken.

The items that stand are a few, and all that came and went was weighed. So more is known of them than of their product: the one that is
left of two weighs what both did less what the other weighed. A ``Batch`` is the mean of the ``n`` that stand now, with its variance ``v``.

- Of what nobody has weighed alone the catalogue says: ``v = u² + s²/n`` (``s`` what items differ by, and
  ``u² = s² (1/WEIGHED + BATCH²)`` how well the catalogue knows the mean of this delivery).
- ``q`` of the n go and weigh ``g ± e``: the n weigh n·mean together, any q of them have variance ``c + q²·v`` with
  ``c = q(n-q)/n·s²``, and what stays has covariance ``q(n-q)·v - c`` with them. The rule of two normal variables gives mean and variance
  of what stays. For a v of the catalogue's it learns what the delivery weighs; for a v of nearly nothing it is subtraction.
- What is put there adds its weight.
- A step that is ``LIKELY`` one thing teaches by all of its readings, each for its share: the mean of the mixture, and its variance. One
  that is not teaches nothing: the mean stays, and those that stand are any of such a delivery (v grows by s²/n, to the catalogue's at
  most). Learning from those made lines of bottles that differ by less than their glass surer than they were right.
- By how much the books may be off is added up for each product, until it is counted.

A mean that is further from the catalogue's than deliveries are is another product, or a wrong catalogue: it is forgotten.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import sqrt

from device.domain.identification import BATCH, WEIGHED, Identification, Step, Told
from device.domain.products import Product
from device.store.goods.lines import line_at
from device.store.memory.notes import BatchLearnt, CountDoubted
from device.store.memory.state import Batch, Session
from device.store.turn import Turn

SURE = 0.999
"""Of what staff put in only steps of which product and number are this certain are learned from; of what others do these count as known."""
LIKELY = 0.9
BOUND_SDS = 3.0
"""How far a mean may be from the catalogue's, in standard deviations of items."""
PLACE_G = 0.5
"""What the place on the plate adds to an error."""


def catalogue(product: Product, standing: int) -> Batch:
    """What the catalogue says of so many items that nobody has weighed."""
    spread = product.grams_sd**2
    return Batch(product.grams, sqrt(spread * (1 / WEIGHED + BATCH**2) + spread / max(1, standing)))


def known(turn: Turn, slot_id: str, product: Product, standing: int) -> Batch:
    """What is known of the items of a product that stand in a slot."""
    return turn.slot(slot_id).batches.get(product.gtin) or catalogue(product, standing)


def less(batch: Batch, spread: float, standing: int, quantity: int, grams: float, error: float) -> Batch:
    """What stays when so many of those standing go and weigh ``grams`` with variance ``error``; ``spread`` is the variance of one item."""
    stays = standing - quantity
    mean = batch.sd**2
    among = quantity * stays / standing * spread
    weighed = among + quantity**2 * mean + error
    shared = quantity * stays * mean - among
    rest = stays**2 * mean + among
    total = stays * batch.grams + (shared / weighed * (grams - quantity * batch.grams) if weighed else 0.0)
    return Batch(total / stays, sqrt(max(0.0, rest - (shared * shared / weighed if weighed else 0.0))) / stays)


def more(batch: Batch, standing: int, quantity: int, grams: float, error: float) -> Batch:
    """What stands when so many have come that weigh ``grams`` with variance ``error``."""
    total = standing + quantity
    return Batch((standing * batch.grams + grams) / total, sqrt(standing**2 * batch.sd**2 + error) / total)


def put_in(turn: Turn, slot_id: str, found: Identification, delta: float, sd: float) -> None:
    """Learn from items that were put into a slot of their own; before the count changes."""
    product = line_at(turn, slot_id, found.gtin or "")
    if product is None or product.gtin not in turn.plan.slots[slot_id].products:
        return
    before = turn.slot(slot_id).counts.get(product.gtin)
    if found.confidence < SURE or not product.grams_sd:
        forget(turn, slot_id, product.gtin)
        return
    old = known(turn, slot_id, product, before or 0)
    note(
        turn,
        slot_id,
        product,
        before + found.quantity if before else found.quantity,
        more(old, before or 0, found.quantity, delta, _error(sd)),
    )


def follow(turn: Turn, session: Session, steps: Iterable[Told]) -> None:
    """Keep up with what a session has taken and put back; when its counts stand."""
    told = list(zip(session.steps, steps, strict=True))
    counts: dict[tuple[str, str], int | None] = {}
    learnt: dict[tuple[str, str], Batch | None] = {}
    for step, what in reversed(told):
        for move in what.moves:
            if _own(turn, step.slot, move.gtin):
                place = step.slot, move.gtin
                now = counts.get(place, turn.slot(step.slot).counts.get(move.gtin))
                counts[place] = None if now is None else now + move.quantity
    for step, what in told:
        _one(turn, step, what, counts, learnt)
        _doubt_counts(turn, step.slot, what)
    for (slot_id, gtin), batch in learnt.items():
        product = line_at(turn, slot_id, gtin)
        if product is not None and batch is None:
            forget(turn, slot_id, product.gtin)
        elif product is not None and batch is not None:
            note(turn, slot_id, product, turn.slot(slot_id).counts.get(gtin) or 0, batch)


def _one(
    turn: Turn, step: Step, what: Told, counts: dict[tuple[str, str], int | None], learnt: dict[tuple[str, str], Batch | None]
) -> None:
    """One step of a session."""
    if step.slot not in turn.plan.slots:
        return
    for product in _touched(turn, step.slot, what):
        gtin, place = product.gtin, (step.slot, product.gtin)
        standing = counts.get(place, turn.slot(step.slot).counts.get(gtin))
        moved = sum(move.quantity for move in what.moves if move.gtin == gtin)
        if standing is None or standing < max(moved, 1 if moved >= 0 else 0):
            learnt[place] = None
            continue
        counts[place] = standing - moved
        if standing == moved:
            learnt[place] = None
        else:
            batch = (learnt.get(place) if place in learnt else known(turn, step.slot, product, standing)) or catalogue(product, standing)
            sure = what.confidence >= LIKELY
            learnt[place] = _by_all_readings(batch, product, standing, step, what) if sure else blurred(batch, product, standing)


def _by_all_readings(batch: Batch, product: Product, standing: int, step: Step, what: Told) -> Batch:
    """What stands of a product after a step: each reading of the step says something else, and has its share in mean and variance."""
    error = _error(step.sd)
    single = [(what.moves[0].gtin, abs(what.moves[0].quantity), what.confidence)] if len(what.moves) == 1 else []
    found: list[tuple[float, Batch]] = []
    for gtin, quantity, share in [*single, *((each.gtin, each.quantity, each.confidence) for each in what.alternatives)]:
        if gtin == product.gtin and step.delta > 0:
            found.append((share, more(batch, standing, quantity, step.delta, error)))
        elif gtin == product.gtin and quantity < standing:
            found.append((share, less(batch, product.grams_sd**2, standing, quantity, -step.delta, error)))
    if len(what.moves) > 1 and any(move.gtin == product.gtin for move in what.moves):
        found.append((what.confidence, blurred(batch, product, standing)))
    found.append((max(0.0, 1.0 - sum(share for share, _ in found)), batch))
    whole = sum(share for share, _ in found)
    grams = sum(share * each.grams for share, each in found) / whole
    return Batch(grams, sqrt(sum(share * (each.sd**2 + (each.grams - grams) ** 2) for share, each in found) / whole))


def _doubt_counts(turn: Turn, slot_id: str, what: Told) -> None:
    """Add up by how much the books may be off: for each product the variance of how many of it this step has moved."""
    if what.confidence >= SURE or slot_id not in turn.plan.slots:
        return
    said: dict[str, tuple[float, float]] = {}
    readings = [(move.gtin, abs(move.quantity), what.confidence) for move in what.moves]
    for gtin, quantity, share in [*readings, *((each.gtin, each.quantity, each.confidence) for each in what.alternatives)]:
        mean, square = said.get(gtin, (0.0, 0.0))
        said[gtin] = mean + share * quantity, square + share * quantity * quantity
    for gtin, (mean, square) in said.items():
        if _own(turn, slot_id, gtin) and square > mean * mean:
            before = turn.slot(slot_id).count_doubts.get(gtin, 0.0)
            turn.note(CountDoubted(slot_id, gtin, round(before + square - mean * mean, 4)))


def certain(turn: Turn, slot_id: str, gtin: str) -> None:
    """Somebody has counted a product in a slot."""
    if gtin in turn.slot(slot_id).count_doubts:
        turn.note(CountDoubted(slot_id, gtin, 0.0))


def _touched(turn: Turn, slot_id: str, what: Told) -> list[Product]:
    """The products of a slot of which a step may have changed what stands there."""
    own = turn.plan.slots[slot_id].products
    moved = [move.gtin for move in what.moves if move.gtin in own] if what.confidence >= SURE else own
    found = [line_at(turn, slot_id, gtin) for gtin in dict.fromkeys(moved)]
    return [product for product in found if product is not None]


def _own(turn: Turn, slot_id: str, gtin: str) -> bool:
    slot = turn.plan.slots.get(slot_id)
    return slot is not None and gtin in slot.products and line_at(turn, slot_id, gtin) is not None


def blurred(batch: Batch, product: Product, standing: int) -> Batch:
    """The same, when one of those standing may have gone, or may not."""
    most = catalogue(product, standing)
    return Batch(batch.grams, min(most.sd, sqrt(batch.sd**2 + product.grams_sd**2 / max(1, standing))))


def doubt(turn: Turn, slot_id: str) -> None:
    """Something has left a slot, or come to it, and nobody has said for certain what, or how many there are was said anew."""
    state = turn.slot(slot_id)
    for gtin in list(state.batches):
        product = line_at(turn, slot_id, gtin)
        if product is not None:
            count = state.counts.get(gtin) or 0
            note(turn, slot_id, product, count, blurred(state.batches[gtin], product, count))


def forget(turn: Turn, slot_id: str, gtin: str) -> None:
    """Of what stands there the catalogue knows most."""
    if gtin in turn.slot(slot_id).batches:
        turn.note(BatchLearnt(slot_id, gtin, 0.0, None))


def note(turn: Turn, slot_id: str, product: Product, standing: int, batch: Batch) -> None:
    """Write down what stands there, if it is what the catalogue calls by this name."""
    away = abs(batch.grams - product.grams)
    if not product.grams_sd or away > BOUND_SDS * product.grams_sd * sqrt(1 / WEIGHED + BATCH**2 + 1 / max(1, standing)):
        forget(turn, slot_id, product.gtin)
    elif turn.slot(slot_id).batches.get(product.gtin) != (learnt := Batch(round(batch.grams, 3), round(batch.sd, 4))):
        turn.note(BatchLearnt(slot_id, product.gtin, learnt.grams, learnt.sd))


def _error(sd: float) -> float:
    return sd * sd + PLACE_G**2
