"""What stands in a slot: each way in which it may look, how likely that is, and what the items there weigh on average.

The items that stand are a few, and all that came and went was weighed. So more is known of them than of their product: the one that is
left of two weighs what both did less what the other weighed. And where nobody can say whether a step was this bottle or that one, the slot
looks one way or the other from then on, until somebody counts. A *look* says of each product how many stand there, and the mean of their
weights with its standard error:

- Of what nobody has weighed alone the catalogue says: error ``v = u² + s²/n`` (``s`` what items differ by, and
  ``u² = s² (1/WEIGHED + BATCH²)`` how well the catalogue knows the mean of this delivery).
- ``q`` of the n go and weigh ``g ± e``: the n weigh n·mean together, any q of them have variance ``c + q²·v`` with
  ``c = q(n-q)/n·s²``, and what stays has covariance ``q(n-q)·v - c`` with them. The rule of two normal variables gives mean and variance
  of what stays. For a v of the catalogue's it learns what the delivery weighs; for a v of nearly nothing it is subtraction.
- What is put there adds its weight.
- What a session did is not certain: each way in which its steps can be read leads from each look to another, and is the likelier in one
  look than in another by how many stand there and what they weigh. Looks of the same numbers are made one, by their moments.

Books and looks are two things: the books have the numbers that were told, and change with every step; the looks change when a session
is over and all of it is known. When staff have counted, looks of which the plate would weigh otherwise than it does are ruled out.
A mean that is further from the catalogue's than deliveries are is another product, or a wrong catalogue: it is forgotten.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import exp, log, pi, sqrt
from typing import NamedTuple

from device.domain.identification import BATCH, Identification, Move, Step, Told, Way, delivery_variance
from device.domain.products import Product
from device.store.goods.lines import line_at
from device.store.memory.notes import SlotLooks
from device.store.memory.state import Look, Row, Session
from device.store.turn import Turn

KEPT = 24
LEAST = 1e-4
"""Looks beyond so many, and those less likely, are left out."""
WORK_MOST = 4000
"""So many steps of all ways from all looks are gone through after a session: a tenth of a second. Of more only the likeliest ways."""
BOUND_SDS = 3.0
"""How far a mean may be from the catalogue's, in standard deviations of items."""
PLACE_G = 0.5
"""What the place on the plate adds to an error."""
PLATE_G = 15.0
PLATE_SHARE = 0.002
"""How far a plate's own zero may be off after hours, in grams and as a share of what it carries: enough to miss no whole item."""
OTHER_SHARE, OTHER_G = 0.01, 20_000.0
"""One plate in a hundred carries something else besides, of which nothing is known: a bag, a price tag."""
EMPTY = 1e-3
"""That more of a product left than a look has of it: then it was another look."""


class Items(NamedTuple):
    """Items of one product that stand together: how many, the mean of their weights, and its standard error."""

    number: int
    grams: float
    sd: float


View = Mapping[str, Items]
"""One look: the products of which it says something."""


class Weight(NamedTuple):
    """The mean of some items' weights, and its standard error."""

    grams: float
    sd: float


@dataclass(frozen=True, slots=True)
class Known:
    """What all looks say of one product: numbers with their probabilities, and its mean weight; None: the catalogue's."""

    counts: tuple[tuple[int, float], ...]
    weight: Weight | None


def catalogue(product: Product, count: int) -> Items:
    """What the catalogue says of so many items that nobody has weighed."""
    return Items(count, product.grams, sqrt(delivery_variance(product.grams_sd) + product.grams_sd**2 / max(1, count)))


def less(items: Items, spread: float, quantity: int, grams: float, error: float) -> Items:
    """What stays when so many of them go and weigh ``grams`` with variance ``error``; ``spread`` is the variance of one item."""
    stays = items.number - quantity
    if stays <= 0:
        return Items(0, items.grams, items.sd)
    mean = items.sd**2
    among = quantity * stays / items.number * spread
    weighed = among + quantity**2 * mean + error
    shared = quantity * stays * mean - among
    rest = stays**2 * mean + among
    total = stays * items.grams + (shared / weighed * (grams - quantity * items.grams) if weighed else 0.0)
    return Items(stays, total / stays, sqrt(max(0.0, rest - (shared * shared / weighed if weighed else 0.0))) / stays)


def more(items: Items, quantity: int, grams: float, error: float) -> Items:
    """What stands when so many have come that weigh ``grams`` with variance ``error``."""
    total = items.number + quantity
    return Items(total, (items.number * items.grams + grams) / total, sqrt(items.number**2 * items.sd**2 + error) / total)


def known(turn: Turn, slot_id: str, gone: Mapping[str, int] | None = None) -> dict[str, Known]:
    """What is known of each product of a slot of which there is a count; as it was before some had ``gone``, by the books."""
    looks = _looks(turn, slot_id, _before(turn, slot_id, _booked(turn, slot_id), (gone or {}).items()))
    weighed = {row.gtin for look in turn.slot(slot_id).looks for row in look.rows if row.grams is not None}
    found = {}
    for gtin in {gtin: None for _, view in looks for gtin in view}:
        counts: dict[int, float] = {}
        for share, view in looks:
            counts[view[gtin].number] = counts.get(view[gtin].number, 0.0) + share
        mean = _mean([(share, view[gtin]) for share, view in looks if view[gtin].number] or [(share, view[gtin]) for share, view in looks])
        found[gtin] = Known(tuple(sorted(counts.items())), Weight(mean.grams, mean.sd) if gtin in weighed else None)
    return found


def weighed(turn: Turn, slot_id: str, gtin: str) -> Weight | None:
    """What the items of a product in a slot weigh, where more is known of it than the catalogue says."""
    found = known(turn, slot_id).get(gtin)
    return found.weight if found is not None else None


def follow(turn: Turn, session: Session, steps: Sequence[Told], ways: Sequence[Way]) -> None:
    """Keep up with what a session has taken and put back; when the books have it."""
    for slot_id in dict.fromkeys(step.slot for step in session.steps):
        if slot_id in turn.plan.slots:
            places = [place for place, step in enumerate(session.steps) if step.slot == slot_id]
            places.sort(key=lambda place: session.steps[place].began_at)
            read: dict[tuple[tuple[Move, ...], ...], float] = {}
            for way in ways:
                moves = tuple(way.moves[place] for place in places)
                read[moves] = read.get(moves, 0.0) + way.share
            told = [move for place in places for move in steps[place].moves]
            before = _looks(turn, slot_id, _before(turn, slot_id, _booked(turn, slot_id), _gone(told)))
            note(turn, slot_id, _after(turn, slot_id, before, [session.steps[place] for place in places], read))


def moved(turn: Turn, slot_id: str, step: Step, found: Identification) -> None:
    """Keep up with one step that stands for itself; when the books have it."""
    before = _looks(turn, slot_id, _before(turn, slot_id, _booked(turn, slot_id), _gone(_told(step, found))))
    note(turn, slot_id, after_step(turn, slot_id, before, step, found))


def after_step(
    turn: Turn, slot_id: str, before: Sequence[tuple[float, View]], step: Step, found: Identification
) -> list[tuple[float, View]]:
    """The looks after one step that stands for itself, by all its readings."""
    sign = 1 if step.delta < 0 else -1
    read: dict[tuple[tuple[Move, ...], ...], float] = {}
    for each in found.alternatives:
        read[((Move(each.gtin, sign * each.quantity),),)] = each.confidence
    read[(_told(step, found),)] = found.confidence
    nothing: tuple[tuple[Move, ...], ...] = ((),)
    rest = 1.0 - sum(read.values())
    if rest > LEAST:
        read[nothing] = read.get(nothing, 0.0) + rest
    return list(_joined(_after(turn, slot_id, before, [step], read)))


def _told(step: Step, found: Identification) -> tuple[Move, ...]:
    return () if found.gtin is None else (Move(found.gtin, found.quantity if step.delta < 0 else -found.quantity),)


def _gone(moves: Iterable[Move]) -> list[tuple[str, int]]:
    return [(move.gtin, move.quantity) for move in moves]


def counted(turn: Turn, slot_id: str, gtin: str, before: int | None, count: int) -> None:
    """So many of a product were counted, of which the books had ``before``; when they have the count. Other looks are none any more."""
    product = line_at(turn, slot_id, gtin)
    if product is None:
        return
    looks = _looks(turn, slot_id, _booked(turn, slot_id) | ({} if before is None else {gtin: before}))
    fitting = [(share, view) for share, view in looks if gtin in view and view[gtin].number == count]
    fitting = fitting or [(share, view | {gtin: catalogue(product, count)}) for share, view in looks]
    note(turn, slot_id, as_heavy(fitting, load(turn, slot_id)))


def as_heavy(looks: Sequence[tuple[float, View]], carried: float | None) -> list[tuple[float, View]]:
    """The looks, each the less likely the more its items together differ from what the plate carries."""
    if carried is None:
        return list(looks)
    found: list[tuple[float, View]] = []
    for share, view in looks:
        away = carried - sum(items.number * items.grams for items in view.values())
        variance = PLATE_G**2 + (PLATE_SHARE * carried) ** 2 + sum((items.number * items.sd) ** 2 for items in view.values())
        found.append((share * (OTHER_SHARE / OTHER_G + exp(-0.5 * away * away / variance) / sqrt(2 * pi * variance)), view))
    return found


def load(turn: Turn, slot_id: str) -> float | None:
    """What a plate carries, where it is trusted."""
    return None if slot_id in turn.live.untrusted else turn.slot(slot_id).grams


def around(turn: Turn, slot_id: str) -> list[str]:
    """The products of the zone that a slot is in, and of those that are visited with it."""
    visited = turn.plan.visited(turn.plan.zone_of_slot(slot_id))
    zones = (visited, *turn.plan.inside(visited))
    return list(dict.fromkeys(gtin for zone in zones for slot in turn.plan.slots_of(zone) for gtin in slot.products))


def reset(turn: Turn, slot_id: str) -> None:
    """The books and the catalogue know all of a slot."""
    if turn.slot(slot_id).looks:
        turn.note(SlotLooks(slot_id, ()))


def looks_now(turn: Turn, slot_id: str) -> list[tuple[float, dict[str, Items]]]:
    """Each look with its probability."""
    return _looks(turn, slot_id, _booked(turn, slot_id))


def note(turn: Turn, slot_id: str, looks: Sequence[tuple[float, View]]) -> None:
    """Write down how a slot may look; ``looks`` with their weights, of any sum."""
    booked = _booked(turn, slot_id)
    kept = [Look(round(share, 6), tuple(_row(turn, slot_id, *each) for each in sorted(view.items()))) for share, view in _joined(looks)]
    if len(kept) == 1 and all(row.grams is None and row.number == booked.get(row.gtin, 0) for row in kept[0].rows):
        kept = []
    if tuple(kept) != turn.slot(slot_id).looks:
        turn.note(SlotLooks(slot_id, tuple(kept)))


def _booked(turn: Turn, slot_id: str) -> dict[str, int]:
    """The number of each product by the books: what waits to be counted has not come yet."""
    state = turn.slot(slot_id)
    if state.filling is not None:
        return state.filling.before | state.misplaced
    own = {gtin: count for gtin in turn.plan.slots[slot_id].products if (count := state.counts.get(gtin)) is not None}
    return own | state.misplaced


def _before(turn: Turn, slot_id: str, booked: Mapping[str, int], gone: Iterable[tuple[str, int]]) -> dict[str, int]:
    """The same books, before these had gone."""
    before = dict(booked)
    for gtin, quantity in gone:
        if gtin in before or not _own(turn, slot_id, gtin):
            before[gtin] = before.get(gtin, 0) + quantity
    return {gtin: max(0, number) for gtin, number in before.items()}


def _looks(turn: Turn, slot_id: str, booked: Mapping[str, int]) -> list[tuple[float, dict[str, Items]]]:
    """The looks as they are, or were, with these books."""
    found = []
    looks = turn.slot(slot_id).looks or (Look(1.0, ()),)
    near = set(around(turn, slot_id))
    named = dict.fromkeys([*booked, *(row.gtin for look in looks for row in look.rows if row.gtin in near)])
    for look in looks:
        rows = {row.gtin: row for row in look.rows}
        view = {}
        for gtin in named:
            product, row = line_at(turn, slot_id, gtin), rows.get(gtin)
            if product is not None and (gtin in booked or not _own(turn, slot_id, gtin)):
                number = row.number if row else booked.get(gtin, 0)
                if row is not None and row.grams is not None and row.sd is not None:
                    view[gtin] = Items(number, row.grams, row.sd)
                else:
                    view[gtin] = catalogue(product, number)
        found.append((look.share, view))
    return found


def _own(turn: Turn, slot_id: str, gtin: str) -> bool:
    return gtin in turn.plan.slots[slot_id].products


def _after(
    turn: Turn,
    slot_id: str,
    before: Sequence[tuple[float, View]],
    steps: Sequence[Step],
    read: Mapping[tuple[tuple[Move, ...], ...], float],
) -> list[tuple[float, View]]:
    """The looks after some steps that can be read in these ways, each as likely as it is, and more or less so from each look."""
    before = as_heavy(before, steps[0].load or None)
    most = max(1, WORK_MOST // (len(before) * len(steps)))
    after: list[tuple[float, View]] = []
    for moves, share in sorted(read.items(), key=lambda each: -each[1])[:most]:
        ends = []
        for weight, view in before:
            at, now = log(weight), dict(view)
            for step, each in zip(steps, moves, strict=True):
                at += _step(turn, slot_id, now, step, each)
            ends.append((at, now))
        top = max(at for at, _ in ends)
        whole = sum(exp(at - top) for at, _ in ends)
        after += [(share * exp(at - top) / whole, now) for at, now in ends]
    return after


class _Part(NamedTuple):
    """Items of one product in a movement: how many, the variance of one, those they are any of, and the variance of what they weigh."""

    move: Move
    spread: float
    items: Items
    variance: float


def _step(turn: Turn, slot_id: str, view: dict[str, Items], step: Step, moves: Sequence[Move]) -> float:
    """One step, read in one way: changes the look, and returns the log of how likely it was in that look, but for what all looks share."""
    error = step.sd * step.sd + PLACE_G**2
    likely, parts = 0.0, []
    total = sum(items.number for items in view.values())
    for move in moves:
        product = line_at(turn, slot_id, move.gtin)
        if product is None or (move.gtin not in view and _own(turn, slot_id, move.gtin)):
            return 0.0  # nobody knows how many stand there
        items = view.setdefault(move.gtin, catalogue(product, 0))
        if move.quantity > items.number:
            likely += log(EMPTY)
            items = view[move.gtin] = catalogue(product, move.quantity)
        likely += sum(log((items.number - number) / max(items.number, total - number)) for number in range(move.quantity))
        parts.append(_part(move, product, items))
    if any(move.quantity > 0 for move in moves):
        away = -step.delta - sum(part.move.quantity * part.items.grams for part in parts)
        variance = error + sum(part.variance for part in parts)
        likely -= 0.5 * (away * away / variance + log(variance))
    for part in parts:
        others = [other for other in parts if other is not part]
        grams = -step.delta - sum(other.move.quantity * other.items.grams for other in others)
        unsure = error + sum(other.variance for other in others)
        if part.move.quantity > 0:
            view[part.move.gtin] = less(part.items, part.spread, part.move.quantity, grams, unsure)
        else:
            view[part.move.gtin] = more(view[part.move.gtin], -part.move.quantity, -grams, unsure)
    return likely


def _part(move: Move, product: Product, items: Items) -> _Part:
    """What goes is any of those that stand there; what comes has left the shelf before, and weighs what the catalogue says."""
    spread = product.grams_sd**2
    if move.quantity < 0:
        return _Part(move, spread, Items(0, product.grams, 0.0), -move.quantity * spread * (1 + BATCH**2))
    among = move.quantity * (items.number - move.quantity) / items.number * spread
    return _Part(move, spread, items, among + (move.quantity * items.sd) ** 2)


def _joined(looks: Sequence[tuple[float, View]]) -> list[tuple[float, dict[str, Items]]]:
    """Looks of the same numbers made one; the likeliest of them, with probabilities that add up to 1."""
    alike: dict[tuple[tuple[str, int], ...], list[tuple[float, View]]] = {}
    for share, view in looks:
        key = tuple(sorted((gtin, items.number) for gtin, items in view.items() if items.number))
        alike.setdefault(key, []).append((share, view))
    sums = {key: sum(share for share, _ in each) for key, each in alike.items()}
    kept = sorted(sums, key=lambda key: (-sums[key], key))[:KEPT]
    likely = [key for key in kept if sums[key] >= LEAST * sum(sums.values())]
    whole = sum(sums[key] for key in likely)
    joined = []
    for key in likely:
        each = alike[key]
        products = dict.fromkeys(gtin for _, view in each for gtin in view)  # of no items, too: nothing of them stands there
        view = {gtin: _mean([(share, other[gtin]) for share, other in each if gtin in other]) for gtin in products}
        joined.append((sums[key] / whole, view))
    return joined


def _mean(items: Sequence[tuple[float, Items]]) -> Items:
    """The moments of a mixture; of the first's number."""
    whole = sum(share for share, _ in items)
    grams = sum(share * each.grams for share, each in items) / whole
    return Items(items[0][1].number, grams, sqrt(sum(share * (each.sd**2 + (each.grams - grams) ** 2) for share, each in items) / whole))


def _row(turn: Turn, slot_id: str, gtin: str, items: Items) -> Row:
    """What is written down of a product: its weight where more is known than the catalogue says, and it can be that product's."""
    product = line_at(turn, slot_id, gtin)
    if product is None or not items.number or not product.grams_sd:
        return Row(gtin, items.number)
    plain = catalogue(product, items.number)
    if abs(items.grams - plain.grams) > BOUND_SDS * plain.sd or items.sd > plain.sd - 1e-4:
        return Row(gtin, items.number)
    return Row(gtin, items.number, round(items.grams, 3), round(items.sd, 4))
