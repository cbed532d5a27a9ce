"""The accuracy benchmark in small: the same twice, fair to all decoders, and its shops are what they say."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random
from statistics import median

import pytest

from device.bench.accuracy import DECODERS, SESSIONS, Piece, between, play
from device.bench.accuracy_optimal import Optimum
from device.bench.accuracy_published import Detector, _events, published_rule
from device.bench.accuracy_scenarios import AIM3S_SHELVES, SCENARIOS, SINGLE, aim3s_shelf
from device.bench.accuracy_world import Doing, Filled, Seen, ShopDay
from firmware_sims.physics import QUIET


def test_a_day_is_the_same_twice_and_nobody_is_better_than_the_optimum() -> None:
    day = play(Piece(0, 0, 7))
    assert day == play(Piece(0, 0, 7))
    assert day.sessions == 35
    assert day.scores["device"].exact >= 34
    assert day.scores["device"].silent == 0
    assert day.scores["optimal"].exact == 35
    assert day.scores["published"].exact < day.scores["device"].exact


def test_near_identical_bottles_are_flagged_and_not_charged_silently() -> None:
    number = next(place for place, (name, _) in enumerate(SCENARIOS) if name == "near-identical bottles")
    day = play(Piece(number, 0, 7))
    assert day.scores["device"].reviews > 15
    assert day.scores["device"].silent <= 1
    assert day.scores["device"].exact <= day.scores["optimal"].exact + 3
    assert 0 < day.scores["published"].likely < day.scores["device"].likely <= day.scores["optimal"].likely < 35


def test_all_scenarios_together_are_ten_thousand_sessions() -> None:
    assert len(SCENARIOS) * SESSIONS >= 10_000
    assert set(play(Piece(6, 0, 1)).scores) == set(DECODERS)


def test_the_81_products_have_the_measured_spreads() -> None:
    goods = [product for shelf in range(AIM3S_SHELVES) for slot in aim3s_shelf(shelf).slots for product in slot]
    assert len({product.gtin for product in goods}) == 81
    assert all(len(aim3s_shelf(shelf).slots) == 12 for shelf in range(AIM3S_SHELVES))
    assert median(product.grams_sd for product in goods) == pytest.approx(1.6, abs=0.4)
    shares = sorted(product.grams_sd / product.grams for product in goods)
    assert median(shares) == pytest.approx(0.013, abs=0.004)
    assert shares[72] == pytest.approx(0.049, abs=0.02)


def test_the_published_rule_reads_a_plain_pick_and_is_fooled_by_a_glitch() -> None:
    still = [(1000.0, 5000.0)] * 120
    gone = still[:60] + [(1000.0, 3750.0)] * 60
    slots = [("a", ("nuts",)), ("b", ("wine",))]
    grams = {"nuts": 100.0, "wine": 1250.0}
    assert published_rule(gone, 20.0, slots, grams).cart == {"wine": 1}
    assert published_rule(still, 20.0, slots, grams).cart == {}
    glitch = [*still[:80], (1000.0, 9000.0), *still[81:]]
    assert published_rule([*glitch[:81], *gone[81:]], 20.0, slots, grams).cart == {"wine": 1}


def test_the_optimum_knows_a_bottle_by_its_weight() -> None:
    day = ShopDay(replace(SINGLE, nature=QUIET), 3)
    gtin = day.places["s1"].products[0]
    grams = day.truth[gtin].grams
    optimum = Optimum(day.scenario, day.truth)
    optimum.filled(Filled((Doing("s1", gtin, -6, -6 * grams, 1),), {"s1": {gtin: 6}}), "x")
    seen = Seen({gtin: 1}, [Doing("s1", gtin, 2, 2 * grams, 2), Doing("s1", gtin, -1, -grams, 3)], None, {})
    best = optimum.decode(seen, "x")
    assert best.cart == {gtin: 1}
    assert best.chance({gtin: 1}) == best.confidence > 0.999
    assert best.chance({gtin: 2}) == 0.0


def test_staff_fill_the_shelves_and_the_device_counts_them() -> None:
    day = ShopDay(SINGLE, 5)
    day.fill()
    for name, place in day.places.items():
        standing = Counter(item.gtin for item in place.items)
        assert {gtin: count for gtin, count in day.state.slots[name].counts.items() if count} == dict(standing)


def test_the_published_rule_sample_by_sample_finds_what_it_finds_in_the_whole() -> None:
    chance = Random(5)
    level, samples = 5000.0, []
    for _ in range(3000):
        if chance.random() < 0.004:
            level += chance.choice((-750.0, 330.0, 1250.0, 20.0))
        samples.append(level + chance.gauss(0.0, 0.7) + (chance.uniform(50.0, 900.0) if chance.random() < 0.01 else 0.0))
    rule = Detector(10.0)
    alone = [change for change in map(rule.take, samples) if change is not None]
    whole = [change[0] for change in _events([[grams] for grams in samples], 10.0)]
    assert len(whole) > 5
    assert alone == pytest.approx(whole, abs=1e-6)


def test_the_optimum_keeps_books_of_what_it_is_not_told_again() -> None:
    """Of two bottles alike one has gone, nobody knows which: both may be left, until staff have said what stands there."""
    near = next(shops[0] for name, shops in SCENARIOS if name == "near-identical bottles")
    day = ShopDay(near, 3)
    one, other = day.places["s1"].products[:2]
    even = {gtin: replace(day.truth[gtin], grams=1250.0) for gtin in day.truth}
    optimum = Optimum(day.scenario, even)
    filled = Filled(tuple(Doing("s1", gtin, -1, -1250.0, place) for place, gtin in enumerate((one, other))), {"s1": {one: 1, other: 1}})
    optimum.filled(filled, "x")
    first = optimum.decode(Seen({one: 1}, [Doing("s1", one, 1, 1250.0, 3)], None, {}), "y")
    assert first.confidence < 0.95
    second = optimum.decode(Seen({other: 1}, [Doing("s1", other, 1, 1250.0, 4)], None, {}), "z")
    assert second.confidence < 0.95
    optimum.filled(Filled((), {"s1": {other: 1}}), "x")
    assert optimum.decode(Seen({other: 1}, [Doing("s1", other, 1, 1250.0, 5)], None, {}), "z").cart == {other: 1}


def test_two_products_that_leave_at_once_are_one_movement_to_the_optimum() -> None:
    mixed = next(shops[0] for name, shops in SCENARIOS if name == "mixed slots")
    day = ShopDay(replace(mixed, nature=QUIET), 3)
    one, other, third = day.places["s1"].products
    standing = {"s1": {one: 2, other: 2, third: 2}}
    grams = {gtin: day.truth[gtin].grams for gtin in standing["s1"]}
    optimum = Optimum(day.scenario, day.truth)
    optimum.filled(Filled(tuple(Doing("s1", gtin, -2, -2 * grams[gtin], place) for place, gtin in enumerate(grams)), standing), "x")
    doings = [Doing("s1", one, 1, grams[one], 9), Doing("s1", other, 1, grams[other], 9)]
    assert optimum.decode(Seen({one: 1, other: 1}, doings, None, {}), "y").cart == {one: 1, other: 1}


def test_what_was_never_seen_in_so_many_may_still_be_as_much_as_the_interval_says() -> None:
    """Wilson's interval; for none of n its upper end is z²/(n + z²)."""
    assert between(0, 100) == pytest.approx((0.0, 3.8416 / 103.8416))
    assert between(50, 100) == pytest.approx((0.4038, 0.5962), abs=1e-4)
