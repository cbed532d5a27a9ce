"""The shops of the accuracy benchmark. Weights and spreads of groceries follow the AIM3S product file, those of bottles the trade's."""

from __future__ import annotations

from dataclasses import replace
from math import exp, log
from random import Random

from device.bench.accuracy_world import CHANNELS, HABITS, Goods, Scenario
from device.domain.products import normalise_gtin
from firmware_sims.physics import PlateNature

AIM3S_PRODUCTS = 81
AIM3S_SHELVES = 5
_BOTTLES = ((1250.0, 6.0), (1420.0, 8.0), (1185.0, 6.0), (750.0, 5.0), (355.0, 2.0), (980.0, 6.0))


def gtin(number: int) -> str:
    """A made-up GTIN-14 of the range that GS1 keeps for examples (952)."""
    digits = f"952{number:09d}"
    check = -sum(int(digit) * (3, 1)[place % 2] for place, digit in enumerate(reversed(digits))) % 10
    return normalise_gtin(f"{digits}{check}")


def _single() -> tuple[tuple[Goods, ...], ...]:
    return tuple((Goods(gtin(number), grams, sd),) for number, (grams, sd) in enumerate(_BOTTLES))


def _shared(weights: tuple[tuple[float, ...], ...], sd: float) -> tuple[tuple[Goods, ...], ...]:
    return tuple(
        tuple(Goods(gtin(100 * slot + number), grams, sd) for number, grams in enumerate(of_slot)) for slot, of_slot in enumerate(weights)
    )


def aim3s_shelf(shelf: int) -> Scenario:
    """One of five shelves: 12 plates, 16 or 17 of 81 products, so that every third plate holds two.

    Spreads are log-normal with the measured median and 90th percentile (1.3 % and 4.9 % of the weight, at most 19 g); weights are set so
    that the median spread comes to 1.6 g, as measured. Of glitches the data set tells nothing, so there are none.
    """
    chance = Random("aim3s")
    goods = []
    for number in range(AIM3S_PRODUCTS):
        grams = min(max(exp(chance.gauss(log(123.0), 0.75)), 20.0), 900.0)
        share = exp(chance.gauss(log(0.013), log(4.9 / 1.3) / 1.2816))
        goods.append(Goods(gtin(1000 + number), grams, min(share * grams, 19.0, 0.12 * grams)))
    mine = goods[shelf::AIM3S_SHELVES]
    slots = [[product] for product in mine[:CHANNELS]]
    for number, product in enumerate(mine[CHANNELS:]):
        slots[3 * number % CHANNELS].append(product)
    nature = PlateNature(noise_mad_g=0.45, glitch_rate=0.0)
    return Scenario(f"81 products, shelf {shelf + 1}", tuple(tuple(slot) for slot in slots), rate_hz=60.0, nature=nature, walk_g=3.0)


def _at(rate_hz: float) -> Scenario:
    """The same shop at another rate; as many glitches a minute as were recorded, not as many a sample."""
    return replace(SINGLE, rate_hz=rate_hz, nature=PlateNature(glitch_rate=PlateNature().glitch_rate * 10 / rate_hz))


SINGLE = Scenario("one product a slot", _single())
MIXED = Scenario("mixed slots", _shared(((1180.0, 1250.0, 1320.0), (500.0, 750.0, 820.0), (330.0, 355.0, 385.0)), 4.0))
NEAR = Scenario("near-identical bottles", _shared(((1238.0, 1244.0, 1250.0), (1241.0, 1253.0, 1262.0)), 6.0))

SCENARIOS: tuple[tuple[str, tuple[Scenario, ...]], ...] = (
    ("one product a slot, 10 Hz", (SINGLE,)),
    ("one product a slot, 60 Hz", (_at(60.0),)),
    ("one product a slot, 80 Hz", (_at(80.0),)),
    ("busy shelf", (replace(SINGLE, habits=replace(HABITS, leans=0.35, pairs=0.3, hurry_s=0.2, linger_s=1.0)),)),
    ("vibration", (replace(SINGLE, walk_g=8.0, hum_g=0.5),)),
    ("drift", (replace(SINGLE, nature=PlateNature(drift_sd_g=10.0, drift_tau_s=600.0, creep=0.001)),)),
    ("mixed slots", (MIXED,)),
    ("mixed slots, tagged", (replace(MIXED, tagged=True),)),
    ("near-identical, tagged", (replace(NEAR, tagged=True),)),
    ("near-identical bottles", (NEAR,)),
    ("81 products, 12 plates a shelf", tuple(aim3s_shelf(shelf) for shelf in range(AIM3S_SHELVES))),
)
"""(name, the shops that are visited in turn)."""
