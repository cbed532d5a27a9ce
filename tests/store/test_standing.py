"""What the items that stand in a slot weigh: kept up with what comes and goes, and settled by what staff count."""

from __future__ import annotations

from collections.abc import Iterator
from math import sqrt
from random import Random
from statistics import fmean

import pytest

from device.domain.identification import BATCH, WEIGHED
from device.store.goods import standing
from device.store.goods.standing import Items
from device.store.memory.state import Filling, Row
from tests.store.shop import COLA, PRODUCTS, RIESLING, Shop

TWIN = "09520000001018"
"""A wine that weighs as much as the Riesling."""


@pytest.fixture
def shop() -> Iterator[Shop]:
    shop = Shop()
    yield shop
    shop.folds()


@pytest.fixture
def twins(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """A shop with three of each of two wines that weigh alike in one slot, counted."""
    monkeypatch.setitem(PRODUCTS, TWIN, PRODUCTS[RIESLING].__class__(TWIN, "Silvaner", 1251.0, 6.0, 990))
    layout = Shop(stocked=False).layout
    slots = tuple(slot.model_copy(update={"products": (RIESLING, TWIN)}) if slot.id == "C" else slot for slot in layout.slot)
    shop = Shop(layout.model_copy(update={"slot": slots}), stocked=False)
    shop.plates["c"] = 7500.0
    shop.wake()
    for gtin in (RIESLING, TWIN):
        shop.command("count", slot="C", gtin=gtin, count=3)
    yield shop
    shop.folds()


def learnt(shop: Shop, slot: str) -> dict[str, Row]:
    """What is known of the items of each product, where there is only one way in which the slot may look."""
    looks = shop.state.slots[slot].looks
    assert len(looks) <= 1
    return {row.gtin: row for look in looks for row in look.rows if row.grams is not None}


def numbers(shop: Shop, slot: str, gtin: str) -> dict[int, float]:
    """How many of a product may stand in a slot."""
    found: dict[int, float] = {}
    for look in shop.state.slots[slot].looks:
        for row in look.rows:
            if row.gtin == gtin:
                found[row.number] = found.get(row.number, 0.0) + look.share
    return found


def filling(shop: Shop) -> Filling | None:
    return shop.state.slots["C"].filling


def fill(shop: Shop, *grams: float) -> None:
    shop.enter("restock")
    for each in grams:
        shop.weigh("c", each)
    shop.leave()


def test_what_is_left_of_two_weighs_what_both_did_less_the_other() -> None:
    left = standing.less(Items(2, 1250.0, 0.1), 36.0, 1, 1244.0, 0.25)
    assert left.grams == pytest.approx(1256.0, abs=0.1)
    assert left.sd < 0.6


def test_of_bottles_that_nobody_has_weighed_a_light_one_says_that_the_others_are_lighter() -> None:
    product = PRODUCTS[RIESLING]
    left = standing.less(standing.catalogue(product, 6), product.grams_sd**2, 1, product.grams - 10.0, 0.25)
    assert product.grams - 5.0 < left.grams < product.grams
    assert left.sd < standing.catalogue(product, 5).sd


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
    left = standing.less(Items(6, 1250.0, sqrt(variance)), 36.0, 2, 2515.0, 1.0)
    assert len(rests) > 2000
    assert fmean(rests) == pytest.approx(left.grams, abs=0.4)
    assert sqrt(fmean((rest - left.grams) ** 2 for rest in rests)) == pytest.approx(left.sd, rel=0.05)


def test_what_comes_adds_its_weight() -> None:
    both = standing.more(Items(2, 1250.0, 1.0), 2, 2480.0, 0.25)
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
    row = learnt(shop, "A")[RIESLING]
    assert row.number == 3
    assert row.grams == pytest.approx(1258.0, abs=0.1)
    assert row.sd is not None
    assert row.sd < 0.5
    shop.folds()


def test_what_staff_put_into_a_mixed_slot_waits_until_they_have_counted_all_of_it(shop: Shop) -> None:
    fill(shop, 2 * 1246.0)
    assert filling(shop) is not None
    shop.command("count", slot="C", gtin=COLA, count=0)
    waiting = filling(shop)
    assert waiting is not None
    assert waiting.said == ((COLA, 1, 0),)
    assert not learnt(shop, "C")
    shop.command("count", slot="C", gtin=RIESLING, count=2)
    assert filling(shop) is None
    row = learnt(shop, "C")[RIESLING]
    assert row.grams == pytest.approx(1246.0, abs=0.1)
    assert row.sd is not None
    assert row.sd < 0.5


def test_what_weighs_alike_is_told_apart_by_what_is_counted(shop: Shop) -> None:
    """Seven colas weigh 2485 g, two bottles 2500 g: both ways of 2490 g are learnt as they were counted."""
    fill(shop, 2490.0, 2490.0)
    shop.command("count", slot="C", gtin=RIESLING, count=2)
    shop.command("count", slot="C", gtin=COLA, count=7)
    rows = learnt(shop, "C")
    assert rows[RIESLING].grams == pytest.approx(1245.0, abs=0.2)
    assert rows[COLA].grams == pytest.approx(2490.0 / 7, abs=0.2)


def test_what_is_counted_in_between_tells_which_of_two_alike_was_put_in_first(twins: Shop) -> None:
    shop = twins
    shop.enter("restock")
    shop.weigh("c", 2 * 1244.0)
    shop.command("count", slot="C", gtin=RIESLING, count=5)
    shop.weigh("c", 2 * 1256.0)
    shop.leave()
    shop.command("count", slot="C", gtin=TWIN, count=5)
    assert filling(shop) is not None, "nobody has counted the first one since the second came"
    shop.command("count", slot="C", gtin=RIESLING, count=5)
    assert filling(shop) is None
    rows = learnt(shop, "C")
    assert (rows[RIESLING].number, rows[TWIN].number) == (5, 5)
    assert rows[RIESLING].grams == pytest.approx((3 * PRODUCTS[RIESLING].grams + 2 * 1244.0) / 5, abs=0.1)
    assert rows[TWIN].grams == pytest.approx((3 * 1251.0 + 2 * 1256.0) / 5, abs=0.1)


def test_a_count_that_nothing_put_in_explains_teaches_nothing(shop: Shop) -> None:
    fill(shop, 2500.0)
    shop.command("count", slot="C", gtin=RIESLING, count=5)
    shop.command("count", slot="C", gtin=COLA, count=0)
    assert filling(shop) is None
    assert not learnt(shop, "C")


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
    assert learnt(shop, "C")[RIESLING].grams == pytest.approx(1246.0, abs=0.1)


def test_a_count_that_differs_from_the_books_forgets_what_was_learnt(shop: Shop) -> None:
    shop.enter("restock")
    shop.weigh("a", 4 * 1254.0)
    shop.leave()
    assert RIESLING in learnt(shop, "A")
    shop.command("count", slot="A", gtin=RIESLING, count=8)
    assert RIESLING not in learnt(shop, "A")


def test_a_slot_looks_one_way_or_the_other_after_a_doubtful_step_until_somebody_counts(twins: Shop) -> None:
    shop = twins
    shop.enter()
    shop.weigh("c", -1250.5)
    shop.leave()
    for gtin in (RIESLING, TWIN):
        assert numbers(shop, "C", gtin) == {2: pytest.approx(0.5, abs=0.1), 3: pytest.approx(0.5, abs=0.1)}
    shop.command("count", slot="C", gtin=RIESLING, count=2)
    assert numbers(shop, "C", RIESLING) == {2: 1.0}
    assert numbers(shop, "C", TWIN) == {3: 1.0}, "what is left of the one says what is left of the other"


def test_what_is_left_is_believed_more_than_what_was_told(twins: Shop) -> None:
    """Three doubtful bottles are told as the same wine each; that none of it is left is believed no more than it is likely."""
    shop = twins
    for _ in range(3):
        shop.enter()
        shop.weigh("c", -1250.5)
        shop.leave()
    here = numbers(shop, "C", RIESLING)
    assert sum(here.values()) == pytest.approx(1.0, abs=1e-3)
    assert sum(number * share for number, share in here.items()) == pytest.approx(1.5, abs=0.3)
    assert here[0] < 0.2


def test_what_comes_back_leaves_no_doubt(twins: Shop) -> None:
    shop = twins
    shop.enter()
    shop.weigh("c", -1250.5)
    shop.weigh("c", 1250.4)
    shop.leave()
    assert numbers(shop, "C", RIESLING) in ({}, {3: 1.0})
    assert numbers(shop, "C", TWIN) in ({}, {3: 1.0})


def test_looks_that_weigh_what_the_plate_does_not_carry_are_none() -> None:
    product = PRODUCTS[RIESLING]
    three, four = ({RIESLING: standing.catalogue(product, number)} for number in (3, 4))
    (one, _), (other, _) = standing.as_heavy([(0.5, three), (0.5, four)], 3 * product.grams + 20.0)
    assert one > 1000 * other
    assert standing.as_heavy([(0.5, three), (0.5, four)], None) == [(0.5, three), (0.5, four)]


def test_one_of_another_slot_is_counted_where_it_stands(shop: Shop) -> None:
    shop.command("count", slot="A", gtin=COLA, count=1)
    assert shop.state.slots["A"].misplaced == {COLA: 1}
    misplaced = shop.last("stock.misplaced")
    assert (misplaced.count, misplaced.before, misplaced.reason) == (1, 0, "counted")
    shop.command("count", slot="A", gtin=COLA, count=0)
    assert not shop.state.slots["A"].misplaced


def test_another_planogram_makes_nothing_known_of_a_slot(twins: Shop) -> None:
    shop = twins
    shop.enter()
    shop.weigh("c", -1250.5)
    shop.leave()
    assert shop.state.slots["C"].looks
    slots = [slot.model_dump(mode="json") | ({"products": [COLA]} if slot.id == "C" else {}) for slot in shop.store.plan.slots.values()]
    assert shop.command("set_planogram", slots=slots)["status"] == "done"
    assert not shop.state.slots["C"].looks
