"""The best that the physics allows: a Bayes-optimal decoder that is told what no device can know.

It is given the truth about everything but what was taken: when and on which plate each hand was at work, each movement as the mean of all
samples of half a second before and after it, the true mean of each product's batch, its true spread, the noise, the shoppers' habits, and
what stands in each slot whenever staff have filled it. Of that it makes the posterior over carts, and over what each session leaves
behind for the next. It shares no code with the device's own model.

What stands in a slot is a ``Shelf``: for each product the number, and the mean of these items' weights with its variance. Any items that
differ independently around an unknown mean are described so: of n with mean M ± w and spread s, q together weigh
``q·M ± sqrt(q(n-q)/n·s² + q²·w²)``. Shelves of the same numbers that were reached in different ways are made one, by their moments.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from math import exp, log, pi, sqrt
from random import Random
from typing import NamedTuple

from device.bench.accuracy_world import Doing, Filled, Goods, Scenario, Seen
from firmware_sims.goods import OFF_CENTRE_SD
from firmware_sims.physics import MAD_TO_SD

WINDOW_S = 0.5
KEPT = 1000
SHELVES_KEPT = 50
FAR = 20.0
"""In units of log probability: what is less likely than the best by more is left out."""
LEAST_VARIANCE = 1e-6
NOTHING = (0, 0.0, 0.0)

_Cart = tuple[tuple[str, int], ...]


class Best(NamedTuple):
    """How likely each cart is, and the likeliest lines of the likeliest: (slot, gtin, sign) → quantity."""

    chances: dict[_Cart, float]
    lines: dict[tuple[str, str, int], int]

    @property
    def cart(self) -> dict[str, int]:
        """The likeliest."""
        likeliest = max(self.chances, key=lambda cart: self.chances[cart])
        return dict(likeliest)

    @property
    def confidence(self) -> float:
        """How likely the likeliest cart is."""
        return max(self.chances.values())

    def chance(self, cart: Mapping[str, int]) -> float:
        """How likely a cart is."""
        return self.chances.get(tuple(sorted(cart.items())), 0.0)


class _Row(NamedTuple):
    """The items of one product in a slot: how many, the mean of their weights, and the variance of that mean."""

    gtin: str
    items: int
    grams: float
    variance: float


_Shelf = tuple[_Row, ...]
_Likely = list[tuple[float, _Shelf]]
"""Shelves with the logs of their probabilities."""


class _Lot(NamedTuple):
    gtin: str
    items: int
    grams: float
    variance: float
    origin: str


class _World(NamedTuple):
    log: float
    held: tuple[_Lot, ...]
    shelves: tuple[tuple[str, _Shelf], ...]
    """Of the slots that were touched."""
    lines: tuple[tuple[str, str, int], ...]


class _Movement(NamedTuple):
    """One movement as it shows on the plate: grams that left (negative: came)."""

    slot: str
    grams: float


class Optimum:
    """The decoder of one day. ``goods`` as they really are."""

    def __init__(self, scenario: Scenario, goods: Mapping[str, Goods]) -> None:
        self._scenario = scenario
        self._goods = goods
        noise = scenario.nature.noise_mad_g * MAD_TO_SD + scenario.hum_g
        self._error = max(LEAST_VARIANCE, noise * noise * 2 / max(1.0, WINDOW_S * scenario.rate_hz))
        self._books: dict[str, _Likely] = {}

    def filled(self, filled: Filled, seed: str) -> None:
        """Staff have filled the shelves and told what stands there; ``seed`` is that of the noise of their movements."""
        chance = Random(f"optimal {seed} staff")
        came: dict[tuple[str, str], tuple[int, float, float]] = {}
        for each in filled.doings:
            count, grams, error = came.get((each.slot, each.gtin), NOTHING)
            came[each.slot, each.gtin] = count - each.quantity, grams + chance.gauss(-each.grams, sqrt(self._error)), error + self._error
        for slot, standing in filled.standing.items():
            before = tuple((gtin, count - came.get((slot, gtin), NOTHING)[0]) for gtin, count in sorted(standing.items()))
            before = tuple((gtin, count) for gtin, count in before if count)
            known = [shelf for _, shelf in self._books.get(slot, ()) if tuple((row.gtin, row.items) for row in shelf) == before]
            old = {row.gtin: row for row in known[0]} if known else {gtin: self._anew(gtin, count) for gtin, count in before}
            shelf = []
            for gtin, count in sorted(standing.items()):
                row = old.get(gtin, _Row(gtin, 0, 0.0, 0.0))
                _, grams, error = came.get((slot, gtin), NOTHING)
                shelf.append(_Row(gtin, count, (row.items * row.grams + grams) / count, (row.items**2 * row.variance + error) / count**2))
            self._books[slot] = [(0.0, tuple(shelf))]

    def decode(self, seen: Seen, seed: str) -> Best:
        """Decode one session, and keep the books; ``seed`` is that of the noise of its measurements."""
        chance = Random(f"optimal {seed}")
        worlds = [_World(0.0, (), (), ())]
        for slot, grams in _movements(seen.doings):
            measured = abs(grams) + chance.gauss(0, sqrt(self._error))
            step = self._take if grams > 0 else self._give
            after = [world for before in worlds for at in self._at(before, slot) for world in step(at, slot, measured)]
            worlds = _likeliest(after) or worlds
        if self._scenario.tagged:
            worlds = [world for world in worlds if _cart(world) == tuple(sorted(seen.tags_gone.items()))] or worlds
        top = max(world.log for world in worlds)
        carts: dict[_Cart, float] = {}
        for world in worlds:
            carts[_cart(world)] = carts.get(_cart(world), 0.0) + exp(world.log - top)
        whole = sum(carts.values())
        best = max(carts, key=lambda cart: carts[cart])
        lines: dict[tuple[str, str, int], int] = {}
        for key in next(world for world in worlds if _cart(world) == best).lines:
            lines[key] = lines.get(key, 0) + 1
        for slot in {slot for world in worlds for slot, _ in world.shelves}:
            self._books[slot] = _joined([(world.log, dict(world.shelves)[slot]) for world in worlds if slot in dict(world.shelves)])
        return Best({cart: share / whole for cart, share in carts.items()}, lines)

    def _anew(self, gtin: str, count: int) -> _Row:
        """Items that nobody has weighed."""
        return _Row(gtin, count, self._goods[gtin].grams, _spread(self._goods[gtin]) / count)

    def _at(self, world: _World, slot: str) -> Iterator[_World]:
        """The same world, in each way in which the slot may look."""
        if any(touched == slot for touched, _ in world.shelves):
            yield world
            return
        for weight, shelf in self._books[slot]:
            yield world._replace(log=world.log + weight, shelves=(*world.shelves, (slot, shelf)))

    def _take(self, world: _World, slot: str, grams: float) -> Iterator[_World]:
        for what, chance in self._reaches(dict(world.shelves)[slot]):
            yield from self._taken(world, slot, what, chance, grams)

    def _reaches(self, shelf: _Shelf) -> Iterator[tuple[tuple[tuple[_Row, int], ...], float]]:
        """What one movement may take, and how often it does; items of several products stand in any order."""
        total = sum(row.items for row in shelf)
        habits = self._scenario.habits
        for row in shelf:
            front, others = row.items / total, total - row.items
            two = habits.pairs * (row.items - 1) / (total - 1) if row.items > 1 else 0.0
            three = two * habits.threes * (row.items - 2) / (total - 2) if row.items > 2 else 0.0
            alone = front * (1 - habits.kinds) if others else front
            yield ((row, 1),), alone * (1 - two)
            if row.items > 1:
                yield ((row, 2),), alone * (two - three)
            if row.items > 2:
                yield ((row, 3),), alone * three
            for other in shelf:
                if other.gtin != row.gtin:
                    chance = front * habits.kinds * other.items / others
                    yield ((row, 1), (other, 1)), chance * (1 - two)
                    if row.items > 1:
                        yield ((row, 2), (other, 1)), chance * two

    def _taken(self, world: _World, slot: str, what: Sequence[tuple[_Row, int]], chance: float, grams: float) -> Iterator[_World]:
        """What left in one movement, of one or two products."""
        parts = [(row, quantity, *self._among(row, quantity)) for row, quantity in what]
        spread = sum(variance for *_, variance in parts)
        away = grams - sum(mean for _, _, mean, _ in parts)
        total = spread + self._error
        if not chance or away * away > 2 * FAR * total:
            return
        weight = world.log + log(chance) + _normal(away, total)
        held, shelf, lines = world.held, dict(world.shelves)[slot], world.lines
        for row, quantity, mean, variance in parts:
            others = spread - variance + self._error
            share = variance / total
            held = (*held, _Lot(row.gtin, quantity, mean + share * away, share * others, slot))
            shelf = _replaced(shelf, row.gtin, self._less(row, quantity, mean, variance, away, total))
            lines += ((slot, row.gtin, 1),) * quantity
        yield _World(weight, held, _with(world.shelves, slot, shelf), lines)

    def _among(self, row: _Row, quantity: int) -> tuple[float, float]:
        """Mean and variance of what some of the items weigh together."""
        return quantity * row.grams, self._within(row, quantity) + quantity**2 * row.variance

    def _within(self, row: _Row, quantity: int) -> float:
        return quantity * (row.items - quantity) / row.items * _spread(self._goods[row.gtin])

    def _less(self, row: _Row, quantity: int, mean: float, variance: float, away: float, total: float) -> _Row | None:
        """The items that stay, when some went with a movement that was ``away`` from its mean; ``total`` is that movement's variance."""
        stays = row.items - quantity
        if not stays:
            return None
        within = self._within(row, quantity)
        shared = quantity * stays * row.variance - within
        rest = stays**2 * row.variance + within
        grams = stays * row.grams + shared / total * away
        return _Row(row.gtin, stays, grams / stays, max(LEAST_VARIANCE, rest - shared * shared / total) / stays**2)

    def _give(self, world: _World, slot: str, grams: float) -> Iterator[_World]:
        items = sum(lot.items for lot in world.held)
        others = len(self._scenario.slots) - 1
        shelf = dict(world.shelves)[slot]
        away_chance = self._scenario.habits.misplaces if others else 0.0
        for place, lot in enumerate(world.held):
            share = 1 / lot.items
            where = 1 - away_chance if lot.origin == slot else away_chance / max(1, others)
            placing = 2 * (OFF_CENTRE_SD * self._goods[lot.gtin].grams) ** 2
            variance = (lot.items - 1) / lot.items * _spread(self._goods[lot.gtin]) + share * share * lot.variance + placing + self._error
            away = grams - share * lot.grams
            if where <= 0 or away * away > 2 * FAR * variance:
                continue
            weight = world.log + log(lot.items / items * where) + _normal(away, variance)
            rest = lot._replace(items=lot.items - 1, grams=lot.grams - grams, variance=lot.variance + placing + self._error)
            held = (*world.held[:place], *((rest,) if rest.items else ()), *world.held[place + 1 :])
            row = next((row for row in shelf if row.gtin == lot.gtin), _Row(lot.gtin, 0, 0.0, 0.0))
            count = row.items + 1
            more = _Row(lot.gtin, count, (row.items * row.grams + grams) / count, (row.items**2 * row.variance + self._error) / count**2)
            yield _World(weight, held, _with(world.shelves, slot, _replaced(shelf, lot.gtin, more)), (*world.lines, (slot, lot.gtin, -1)))


def _movements(doings: Sequence[Doing]) -> Iterator[_Movement]:
    """What the plates show: hands that were at work together are one movement."""
    for _, together in groupby(doings, key=lambda each: each.movement):
        each = list(together)
        yield _Movement(each[0].slot, sum(one.grams for one in each))


def _likeliest(worlds: Sequence[_World]) -> list[_World]:
    top = max((world.log for world in worlds), default=0.0)
    return sorted((world for world in worlds if world.log > top - FAR), key=lambda world: -world.log)[:KEPT]


def _joined(shelves: _Likely) -> _Likely:
    """Shelves of the same numbers made one, by their moments; the likeliest of them, with their probabilities adding up to 1."""
    top = max(weight for weight, _ in shelves)
    alike: dict[tuple[tuple[str, int], ...], list[tuple[float, _Shelf]]] = {}
    for weight, shelf in shelves:
        alike.setdefault(tuple((row.gtin, row.items) for row in shelf), []).append((exp(weight - top), shelf))
    sums = {key: sum(share for share, _ in each) for key, each in alike.items()}
    kept = sorted(sums, key=lambda key: -sums[key])[:SHELVES_KEPT]
    whole = sum(sums[key] for key in kept)
    return [(log(sums[key] / whole), _mixed(alike[key], sums[key])) for key in kept if sums[key] > whole * exp(-FAR)]


def _mixed(shelves: Sequence[tuple[float, _Shelf]], whole: float) -> _Shelf:
    rows = []
    for place, row in enumerate(shelves[0][1]):
        each = [(share / whole, shelf[place]) for share, shelf in shelves]
        grams = sum(share * one.grams for share, one in each)
        rows.append(_Row(row.gtin, row.items, grams, sum(share * (one.variance + (one.grams - grams) ** 2) for share, one in each)))
    return tuple(rows)


def _replaced(shelf: _Shelf, gtin: str, row: _Row | None) -> _Shelf:
    return tuple(sorted((*(each for each in shelf if each.gtin != gtin), *(() if row is None else (row,)))))


def _with(shelves: tuple[tuple[str, _Shelf], ...], slot: str, shelf: _Shelf) -> tuple[tuple[str, _Shelf], ...]:
    return (*(each for each in shelves if each[0] != slot), (slot, shelf))


def _spread(product: Goods) -> float:
    return product.grams_sd**2 + (OFF_CENTRE_SD * product.grams) ** 2


def _normal(away: float, variance: float) -> float:
    return -0.5 * (away * away / variance + log(2 * pi * variance))


def _cart(world: _World) -> _Cart:
    held: dict[str, int] = {}
    for lot in world.held:
        held[lot.gtin] = held.get(lot.gtin, 0) + lot.items
    return tuple(sorted(held.items()))
