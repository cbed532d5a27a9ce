"""The best that the physics allows: a Bayes-optimal decoder that is told what no device can know.

It is given the truth about everything but what was taken: when and on which plate each hand was at work, each step as the mean of all
samples of half a second before and after it, the true mean of each product's batch, its true spread, the noise, the shopper's habits, and
what stood in each slot when the door opened. Of that it makes the exact posterior over carts. Nobody decides better on average.
Written apart from the device's own model: it shares no code with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import exp, log, pi, sqrt
from random import Random
from typing import NamedTuple

from device.bench.accuracy_world import Goods, Scenario, Seen
from firmware_sims.goods import OFF_CENTRE_SD
from firmware_sims.physics import MAD_TO_SD

WINDOW_S = 0.5
KEPT = 3000
FAR = 25.0
"""In units of log probability: what is less likely than the best by more is left out."""


class Best(NamedTuple):
    """The likeliest cart, how likely it is, and the likeliest lines: (slot, gtin, sign) → quantity."""

    cart: dict[str, int]
    confidence: float
    lines: dict[tuple[str, str, int], int]


class _Lot(NamedTuple):
    gtin: str
    items: int
    grams: float
    variance: float
    origin: str


class _World(NamedTuple):
    log: float
    held: tuple[_Lot, ...]
    standing: tuple[tuple[str, str, int], ...]
    lines: tuple[tuple[str, str, int], ...]


def best_cart(scenario: Scenario, truth: Mapping[str, Goods], seen: Seen, seed: str) -> Best:
    """Decode one session; ``seed`` is that of the noise of its measurements."""
    chance = Random(f"optimal {seed}")
    noise = scenario.nature.noise_mad_g * MAD_TO_SD + scenario.hum_g
    error = noise * sqrt(2 / max(1.0, WINDOW_S * scenario.rate_hz))
    standing = tuple((slot, gtin, count) for slot, items in seen.standing.items() for gtin, count in items.items())
    worlds = [_World(0.0, (), standing, ())]
    for slot, _, quantity, moved, _ in seen.doings:
        grams = abs(moved) + chance.gauss(0, error)
        step = _take if quantity > 0 else _give
        after = [world for before in worlds for world in step(before, slot, grams, error * error, scenario, truth)]
        top = max((world.log for world in after), default=0.0)
        worlds = sorted((world for world in after if world.log > top - FAR), key=lambda world: -world.log)[:KEPT]
    if scenario.tagged:
        worlds = [world for world in worlds if _cart(world) == tuple(sorted(seen.tags_gone.items()))] or worlds
    carts: dict[tuple[tuple[str, int], ...], float] = {}
    top = max((world.log for world in worlds), default=0.0)
    for world in worlds:
        carts[_cart(world)] = carts.get(_cart(world), 0.0) + exp(world.log - top)
    if not carts:
        return Best({}, 0.0, {})
    best = max(carts, key=lambda cart: carts[cart])
    lines: dict[tuple[str, str, int], int] = {}
    for key in next(world for world in worlds if _cart(world) == best).lines:
        lines[key] = lines.get(key, 0) + 1
    return Best(dict(best), carts[best] / sum(carts.values()), lines)


def _take(world: _World, slot: str, grams: float, error: float, scenario: Scenario, truth: Mapping[str, Goods]) -> Iterator[_World]:
    there = {gtin: count for where, gtin, count in world.standing if where == slot and count}
    total = sum(there.values())
    for gtin, count in there.items():
        pair = scenario.habits.pairs * (count - 1) / (total - 1) if total > 1 else 0.0
        for quantity, chance in ((1, 1 - pair), (2, pair)):
            if chance <= 0:
                continue
            mean, spread = quantity * truth[gtin].grams, quantity * _spread(truth[gtin])
            away = grams - mean
            weight = world.log + log(count / total * chance) + _normal(away, spread + error)
            trust = spread / (spread + error)
            lot = _Lot(gtin, quantity, mean + trust * away, trust * error, slot)
            yield _World(weight, (*world.held, lot), _moved(world, slot, gtin, -quantity), world.lines + ((slot, gtin, 1),) * quantity)


def _give(world: _World, slot: str, grams: float, error: float, scenario: Scenario, truth: Mapping[str, Goods]) -> Iterator[_World]:
    items = sum(lot.items for lot in world.held)
    others = len(scenario.slots) - 1
    for place, lot in enumerate(world.held):
        share = 1 / lot.items
        away_chance = scenario.habits.misplaces if others else 0.0
        where = 1 - away_chance if lot.origin == slot else away_chance / max(1, others)
        if where <= 0:
            continue
        placing = 2 * (OFF_CENTRE_SD * truth[lot.gtin].grams) ** 2
        spread = (lot.items - 1) / lot.items * _spread(truth[lot.gtin])
        variance = spread + share * share * lot.variance + placing + error
        away = grams - share * lot.grams
        weight = world.log + log(lot.items / items * where) + _normal(away, variance)
        rest = (
            () if lot.items == 1 else (lot._replace(items=lot.items - 1, grams=lot.grams - grams, variance=lot.variance + placing + error),)
        )
        held = (*world.held[:place], *rest, *world.held[place + 1 :])
        yield _World(weight, held, _moved(world, slot, lot.gtin, 1), (*world.lines, (slot, lot.gtin, -1)))


def _spread(product: Goods) -> float:
    return product.grams_sd**2 + (OFF_CENTRE_SD * product.grams) ** 2


def _normal(away: float, variance: float) -> float:
    return -0.5 * (away * away / variance + log(2 * pi * variance))


def _moved(world: _World, slot: str, gtin: str, quantity: int) -> tuple[tuple[str, str, int], ...]:
    known = {(where, what): count for where, what, count in world.standing}
    known[slot, gtin] = known.get((slot, gtin), 0) + quantity
    return tuple((where, what, count) for (where, what), count in sorted(known.items()))


def _cart(world: _World) -> tuple[tuple[str, int], ...]:
    held: dict[str, int] = {}
    for lot in world.held:
        held[lot.gtin] = held.get(lot.gtin, 0) + lot.items
    return tuple(sorted(held.items()))
