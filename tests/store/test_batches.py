"""What the items that stand in a slot weigh: kept up with what comes and goes, and settled by what staff count."""

from __future__ import annotations

from collections.abc import Iterator
from math import sqrt
from random import Random
from statistics import fmean

import pytest

from device.domain.identification import BATCH, WEIGHED
from device.store.goods import batches
from device.store.memory.state import Batch, Filling
from tests.store.shop import COLA, PRODUCTS, RIESLING, Shop

TWIN = "09520000001018"
"""A wine that weighs as much as the Riesling."""


@pytest.fixture
def shop() -> Iterator[Shop]:
    shop = Shop()
    yield shop
    shop.folds()


def filling(shop: Shop) -> Filling | None:
    return shop.state.slots["C"].filling


def fill(shop: Shop, *grams: float) -> None:
    shop.enter("restock")
    for each in grams:
        shop.weigh("c", each)
    shop.leave()


def test_what_is_left_of_two_weighs_what_both_did_less_the_other() -> None:
    left = batches.less(Batch(1250.0, 0.1), 36.0, 2, 1, 1244.0, 0.25)
    assert left.grams == pytest.approx(1256.0, abs=0.1)
    assert left.sd < 0.6


def test_of_bottles_that_nobody_has_weighed_a_light_one_says_that_the_others_are_lighter() -> None:
    product = PRODUCTS[RIESLING]
    left = batches.less(batches.catalogue(product, 6), product.grams_sd**2, 6, 1, product.grams - 10.0, 0.25)
    assert product.grams - 5.0 < left.grams < product.grams
    assert left.sd < batches.catalogue(product, 5).sd


def test_what_is_left_is_what_it_is_in_many_shops() -> None:
    """Of all drawn deliveries of which two bottles weigh so much, the other four weigh so much on average, and differ so."""
    chance = Random(3)
    rests = []
    for _ in range(60_000):
        mean = 1250.0 + chance.gauss(0, 6.0 * sqrt(1 / WEIGHED + BATCH**2))
        items = [chance.gauss(mean, 6.0) for _ in range(6)]
        if abs(items[0] + items[1] + chance.gauss(0, 1.0) - 2515.0) < 2.0:
            rests.append(fmean(items[2:]))
    variance = 36.0 * (1 / WEIGHED + BATCH**2) + 36.0 / 6
    left = batches.less(Batch(1250.0, sqrt(variance)), 36.0, 6, 2, 2515.0, 1.0)
    assert len(rests) > 2000
    assert fmean(rests) == pytest.approx(left.grams, abs=0.4)
    assert sqrt(fmean((rest - left.grams) ** 2 for rest in rests)) == pytest.approx(left.sd, rel=0.05)


def test_what_comes_adds_its_weight() -> None:
    both = batches.more(Batch(1250.0, 1.0), 2, 2, 2480.0, 0.25)
    assert both.grams == pytest.approx(1245.0)
    assert both.sd == pytest.approx(sqrt(4 + 0.25) / 4)


def test_a_bottle_that_is_taken_teaches_what_the_others_weigh() -> None:
    shop = Shop(stocked=False)
    shop.plates["a"] = 0.0
    shop.wake()
    shop.enter("restock")
    shop.weigh("a", 4 * 1254.0)
    shop.leave()
    assert shop.state.slots["A"].counts[RIESLING] == 4
    shop.enter()
    shop.weigh("a", -1242.0)
    shop.leave()
    learnt = shop.state.slots["A"].batches[RIESLING]
    assert learnt.grams == pytest.approx(1258.0, abs=0.1)
    assert learnt.sd < 0.5
    shop.folds()


def test_what_staff_put_into_a_mixed_slot_waits_until_they_have_counted_all_of_it(shop: Shop) -> None:
    fill(shop, 2 * 1246.0)
    assert filling(shop) is not None
    shop.command("count", slot="C", gtin=COLA, count=0)
    waiting = filling(shop)
    assert waiting is not None
    assert waiting.counted == (COLA,)
    assert not shop.state.slots["C"].batches
    shop.command("count", slot="C", gtin=RIESLING, count=2)
    assert filling(shop) is None
    learnt = shop.state.slots["C"].batches[RIESLING]
    assert learnt.grams == pytest.approx(1246.0, abs=0.1)
    assert learnt.sd < 0.5


def test_what_weighs_alike_is_told_apart_by_what_is_counted(shop: Shop) -> None:
    """Seven colas weigh 2485 g, two bottles 2500 g: both ways of 2490 g are learnt as they were counted."""
    fill(shop, 2490.0, 2490.0)
    shop.command("count", slot="C", gtin=RIESLING, count=2)
    shop.command("count", slot="C", gtin=COLA, count=7)
    learnt = shop.state.slots["C"].batches
    assert learnt[RIESLING].grams == pytest.approx(1245.0, abs=0.2)
    assert learnt[COLA].grams == pytest.approx(2490.0 / 7, abs=0.2)


def test_a_count_that_nothing_put_in_explains_teaches_nothing(shop: Shop) -> None:
    fill(shop, 2500.0)
    shop.command("count", slot="C", gtin=RIESLING, count=5)
    shop.command("count", slot="C", gtin=COLA, count=0)
    assert filling(shop) is None
    assert not shop.state.slots["C"].batches


def test_where_nobody_counts_the_first_shopper_settles_what_is_certain(shop: Shop) -> None:
    fill(shop, 3 * 1252.0)
    assert filling(shop) is not None
    shop.enter()
    shop.weigh("c", -1252.0)
    shop.leave()
    assert filling(shop) is None
    assert shop.last("session.ended").review_reasons == ()


def test_what_was_put_in_is_remembered_over_a_restart(shop: Shop) -> None:
    fill(shop, 2 * 1246.0)
    shop.restart()
    shop.wake()
    shop.command("count", slot="C", gtin=COLA, count=0)
    shop.command("count", slot="C", gtin=RIESLING, count=2)
    assert shop.state.slots["C"].batches[RIESLING].grams == pytest.approx(1246.0, abs=0.1)


def test_a_count_that_differs_from_the_books_forgets_what_was_learnt(shop: Shop) -> None:
    shop.enter("restock")
    shop.weigh("a", 4 * 1254.0)
    shop.leave()
    assert RIESLING in shop.state.slots["A"].batches
    shop.command("count", slot="A", gtin=RIESLING, count=8)
    assert RIESLING not in shop.state.slots["A"].batches


def test_books_that_a_doubtful_step_has_left_unsure_are_sure_again_once_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PRODUCTS, TWIN, PRODUCTS[RIESLING].__class__(TWIN, "Silvaner", 1251.0, 6.0, 990))
    shop = Shop(stocked=False)
    slots = tuple(slot.model_copy(update={"products": (RIESLING, TWIN)}) if slot.id == "C" else slot for slot in shop.layout.slot)
    shop = Shop(shop.layout.model_copy(update={"slot": slots}), stocked=False)
    shop.plates["c"] = 7500.0
    shop.wake()
    for gtin in (RIESLING, TWIN):
        shop.command("count", slot="C", gtin=gtin, count=3)
    shop.enter()
    shop.weigh("c", -1250.5)
    shop.leave()
    doubts = shop.state.slots["C"].count_doubts
    assert 0.1 < doubts[RIESLING] <= 0.25
    assert doubts[TWIN] == pytest.approx(doubts[RIESLING], abs=0.05)
    shop.command("count", slot="C", gtin=RIESLING, count=2)
    assert set(shop.state.slots["C"].count_doubts) == {TWIN}
    shop.folds()
