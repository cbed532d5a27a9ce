"""A session's steps, decided together."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.domain.identification import Candidate, History, Move, Step, TagCount
from device.sensing import identify

WINE, TWIN, GIN, COLA = "06901234567892", "08076809513739", "05010677850100", "05449000000996"


def own(gtin: str, grams: float, sd: float, count: int | None = 6, prior: float = 1.0) -> Candidate:
    return Candidate(gtin, grams, sd, 12, prior, None, None if count is None else ((count, 1.0),), "own")


WINES = [own(WINE, 1250.0, 6.0)]
MIXED = [own(WINE, 1250.0, 6.0), own(TWIN, 1252.0, 6.0)]
COLAS = [own(COLA, 355.0, 2.0)]


class Told:
    """Steps told one a second, or at a time of their own."""

    def __init__(self) -> None:
        self.history: History = identify.history()
        self.at = 100.0

    def step(self, slot: str, delta: float, candidates: list[Candidate], at: float | None = None) -> Told:
        self.at += 4.0
        self.history.add(Step(slot, self.at if at is None else at, delta, 0.4, 7500.0, f"e{self.at}"), candidates)
        return self


def test_nothing_happened_is_an_empty_cart_without_doubt() -> None:
    story = Told().history.story()
    assert (dict(story.cart), story.confidence, dict(story.doubts)) == ({}, 1.0, {})


def test_two_takes_and_a_return_are_one_in_the_cart() -> None:
    story = Told().step("a", -1248.0, WINES).step("a", -1253.0, WINES).step("a", 1248.3, WINES).history.story()
    assert dict(story.cart) == {WINE: 1}
    assert story.confidence > 0.999
    assert [told.moves for told in story.steps] == [(Move(WINE, 1),), (Move(WINE, 1),), (Move(WINE, -1),)]


def test_which_of_two_alike_was_taken_does_not_matter_once_it_is_back() -> None:
    told = Told().step("c", -1251.0, MIXED)
    assert 0.4 < told.history.story().confidence < 0.6
    story = told.step("c", 1251.2, MIXED).history.story()
    assert dict(story.cart) == {}
    assert story.confidence > 0.999


def test_where_it_is_put_back_tells_what_it_was() -> None:
    """One of two alike is taken where both stand, and put back where only one of them belongs."""
    twins_home = [own(TWIN, 1252.0, 6.0)]
    told = Told().step("c", -1249.5, MIXED).step("c", -1254.5, MIXED)
    before = told.history.story()
    story = told.step("t", 1249.5, twins_home).history.story()
    first = next(move for move in story.steps[0].moves)
    assert first == Move(TWIN, 1)
    assert story.steps[0].confidence > 0.9 > before.steps[0].confidence


def test_a_bottle_moved_to_another_plate_is_no_riddle_whichever_step_is_told_first() -> None:
    one = Told().step("a", -1250.0, WINES, at=10.0).step("b", 1250.1, COLAS, at=10.6).history.story()
    late = Told().step("b", 1250.1, COLAS, at=10.6).step("a", -1250.0, WINES, at=10.0).history.story()
    for story, order in ((one, 1), (late, -1)):
        assert dict(story.cart) == {}
        assert story.confidence > 0.999
        assert [told.moves for told in story.steps][::order] == [(Move(WINE, 1),), (Move(WINE, -1),)]


def test_a_step_told_late_decides_as_if_it_had_come_in_time() -> None:
    rng = Random(3)
    steps = [("a", -1250.0 + rng.gauss(0, 5), WINES), ("b", -355.0, COLAS), ("a", -1246.0, WINES), ("b", 355.2, COLAS)]
    in_time, late = Told(), Told()
    for number, (slot, delta, candidates) in enumerate(steps):
        in_time.step(slot, delta, candidates, at=float(number))
    for number in (1, 3, 0, 2):
        slot, delta, candidates = steps[number]
        late.step(slot, delta, candidates, at=float(number))
    one, other = in_time.history.story(), late.history.story()
    assert dict(one.cart) == dict(other.cart) == {WINE: 2}
    assert one.confidence == pytest.approx(other.confidence)
    assert [other.steps[place] for place in (2, 0, 3, 1)] == list(one.steps)


def test_one_bottle_across_two_plates_is_one_bottle() -> None:
    story = Told().step("a", -800.0, WINES, at=10.0).step("a2", -449.0, WINES, at=10.4).history.story()
    assert dict(story.cart) == {WINE: 1}
    assert story.confidence > 0.99


@pytest.mark.parametrize("mine_first", [True, False])
def test_a_bottle_that_stood_across_two_slots_may_belong_to_either(mine_first: bool) -> None:
    """Whichever plate is told last. By weight it is the wine; were it the twin's slot alone that counted, it would be nothing."""
    slots = {"a": [own(WINE, 1250.0, 6.0)], "b": [own(GIN, 1420.0, 8.0)]}
    first, second = ("a", "b") if mine_first else ("b", "a")
    story = Told().step(first, -640.0, slots[first], at=10.0).step(second, -610.5, slots[second], at=10.3).history.story()
    assert dict(story.cart) == {WINE: 1}
    assert story.confidence > 0.999


def test_a_bottle_that_stood_across_two_slots_of_the_same_weight_is_not_said_to_be_the_one_or_the_other() -> None:
    slots = {"a": [own(WINE, 1250.0, 6.0)], "b": [own(GIN, 1251.0, 6.0)]}
    story = Told().step("a", -640.0, slots["a"], at=10.0).step("b", -610.5, slots["b"], at=10.3).history.story()
    assert 0.4 < story.confidence < 0.6


def test_two_products_of_one_slot_in_one_movement_are_two_lines() -> None:
    slot = [own(WINE, 1250.0, 6.0), own(COLA, 355.0, 2.0)]
    story = Told().step("c", -1604.0, slot).history.story()
    assert dict(story.cart) == {WINE: 1, COLA: 1}
    assert set(story.steps[0].moves) == {Move(WINE, 1), Move(COLA, 1)}


def test_a_swap_on_one_plate_is_a_take_and_a_return() -> None:
    slot = [own(WINE, 1250.0, 6.0), own(GIN, 1420.0, 8.0)]
    story = Told().step("c", -1250.0, slot).step("c", -171.0, slot).history.story()
    assert dict(story.cart) == {GIN: 1}


def test_a_bag_put_down_and_taken_up_again_is_nothing() -> None:
    told = Told().step("a", 3210.0, WINES)
    assert told.history.story().doubts["unexplained_step"] > 0.9
    story = told.step("a", -3209.5, WINES).history.story()
    assert dict(story.cart) == {}
    assert story.confidence > 0.999


def test_a_bag_taken_for_a_bottle_is_still_a_bottle_put_down_by_nobody() -> None:
    """What weighs like the product and was never taken is suspected, also when as much is taken afterwards."""
    story = Told().step("a", 1251.0, WINES).step("a", -1249.0, WINES).history.story()
    assert story.doubts["swap_suspected"] > 0.5


def test_an_opened_bottle_is_not_a_return() -> None:
    story = Told().step("a", -1250.0, WINES).step("a", 930.0, WINES).history.story()
    assert dict(story.cart) == {WINE: 1}
    assert story.doubts["swap_suspected"] > 0.5


def test_products_of_one_weight_are_alternatives_of_equal_rank() -> None:
    slot = [own(gtin, 1250.0, 6.0) for gtin in (WINE, TWIN, GIN)]
    (step,) = Told().step("c", -1250.0, slot).history.story().steps
    assert len(step.moves) == 1
    assert len(step.alternatives) == 2
    assert step.alternatives[0].confidence == pytest.approx(step.alternatives[1].confidence)
    assert step.confidence == pytest.approx(1 / 3, abs=0.01)


def test_what_nothing_explains_is_said_so() -> None:
    story = Told().step("a", -700.0, WINES).history.story()
    assert dict(story.cart) == {}
    assert story.doubts["unexplained_step"] > 0.99


def test_a_little_more_or_less_on_a_plate_is_no_item_and_no_riddle() -> None:
    story = Told().step("a", -12.0, WINES).step("a", 11.0, WINES).history.story()
    assert dict(story.cart) == {}
    assert story.confidence > 0.999


def test_more_than_the_books_have_is_doubted_but_possible() -> None:
    lone = [own(WINE, 1250.0, 6.0, count=1), own(TWIN, 1264.0, 6.0, count=6)]
    story = Told().step("c", -1250.5, lone).step("c", -1250.0, lone).history.story()
    assert dict(story.cart) == {WINE: 1, TWIN: 1}


def test_tags_decide_between_bottles_alike() -> None:
    told = Told().step("c", -1251.0, MIXED)
    for gtin, other in ((WINE, TWIN), (TWIN, WINE)):
        story = told.history.story([TagCount(gtin, 1), TagCount(other, 0)])
        assert dict(story.cart) == {gtin: 1}
        assert story.confidence > 0.99


def test_a_stranger_to_the_slot_is_named_and_doubted() -> None:
    gin = Candidate(GIN, 1390.0, 8.0, 1, 1e-5, None, None, "stranger")
    story = Told().step("b", -1390.0, [*COLAS, gin]).history.story()
    assert dict(story.cart) == {GIN: 1}
    assert story.doubts["misplaced"] > 0.5


def test_a_long_session_stays_small() -> None:
    told = Told()
    for _ in range(60):
        told.step("c", -1251.0, MIXED).step("c", 1251.0, MIXED)
    story = told.history.story()
    assert len(story.steps) == 120
    assert dict(story.cart) == {}


@given(
    deltas=st.lists(st.floats(-4000.0, 4000.0).filter(lambda grams: abs(grams) > 1.0), max_size=5),
    slots=st.lists(st.sampled_from(["a", "b", "c"]), min_size=5, max_size=5),
)
def test_whatever_the_plates_tell_the_lines_add_up_to_the_cart(deltas: list[float], slots: list[str]) -> None:
    shelves = {"a": WINES, "b": COLAS, "c": MIXED}
    told = Told()
    for delta, slot in zip(deltas, slots, strict=False):
        told.step(slot, delta, shelves[slot])
    story = told.history.story()
    sums: dict[str, int] = {}
    for step in story.steps:
        assert 0 <= step.confidence <= 1
        for move in step.moves:
            sums[move.gtin] = sums.get(move.gtin, 0) + move.quantity
    assert {gtin: count for gtin, count in sums.items() if count} == dict(story.cart)
    assert all(count > 0 for count in story.cart.values())
    assert story.confidence <= 1 + 1e-9
    assert all(share >= story.confidence - 1e-9 for share in story.lines.values())


def test_confidence_is_calibrated_on_carts_of_its_own_model() -> None:
    """Carts said to be over 99 % sure are right, and those from 50 to 90 % about as often as said."""
    rng = Random(5)
    slot = [own(str(number), grams, 4.0, None) for number, grams in enumerate((500.0, 512.0, 530.0, 1010.0))]
    sure, fair = [], []
    for _ in range(1200):
        told = Told()
        true: dict[str, int] = {}
        held: list[tuple[str, float]] = []
        for _ in range(rng.choice((1, 2, 2, 3))):
            if held and rng.random() < 0.3:
                gtin, grams = held.pop(rng.randrange(len(held)))
                told.step("c", grams + rng.gauss(0, 0.64), slot)
            else:
                product = rng.choice(slot)
                grams = rng.gauss(rng.gauss(product.grams, 4.0 / 10**0.5), 4.0)
                held.append((product.gtin, grams))
                told.step("c", -grams + rng.gauss(0, 0.64), slot)
        for gtin, _ in held:
            true[gtin] = true.get(gtin, 0) + 1
        story = told.history.story()
        right = dict(story.cart) == true
        if story.confidence > 0.99:
            sure.append(right)
        elif 0.5 < story.confidence < 0.9:
            fair.append((right, story.confidence))
    assert len(sure) > 300
    assert sum(sure) / len(sure) > 0.99
    said = sum(share for _, share in fair) / len(fair)
    assert abs(sum(right for right, _ in fair) / len(fair) - said) < 0.1


def test_a_product_of_which_the_books_have_none_is_likelier_where_the_books_may_be_off() -> None:
    sure = [own(WINE, 1250.0, 6.0, count=0), own(TWIN, 1262.0, 6.0, count=3)]
    unsure = [replace(sure[0], counts=((0, 0.7), (1, 0.3))), replace(sure[1], counts=((2, 0.3), (3, 0.7)))]
    lines = [Told().step("a", -1250.0, candidates).history.story().lines for candidates in (sure, unsure)]
    assert lines[0][TWIN] > 0.9
    assert 1 - lines[1].get(TWIN, 0.0) > 3 * (1 - lines[0][TWIN])


def test_the_last_one_of_a_product_is_known_by_what_the_others_weighed() -> None:
    one, many = (replace(own(WINE, 1238.0, 6.0, count=count), mean_sd=0.6) for count in (1, 12))
    other = own(TWIN, 1252.0, 6.0, count=6)
    last, any_of_many = (Told().step("a", -1244.0, [wine, other]).history.story().lines for wine in (one, many))
    assert last.get(WINE, 0.0) < any_of_many.get(WINE, 0.0)


def test_every_way_to_read_a_session_comes_with_its_probability() -> None:
    told = Told().step("a", -1251.0, MIXED).step("b", -355.0, COLAS)
    ways = told.history.ways()
    assert sum(way.share for way in ways) == pytest.approx(1.0, abs=1e-3)
    assert [way.share for way in ways] == sorted((way.share for way in ways), reverse=True)
    first = {way.moves[0] for way in ways[:2]}
    assert first == {(Move(WINE, 1),), (Move(TWIN, 1),)}
    for way in ways[:2]:
        assert way.moves[1] == (Move(COLA, 1),)


def test_ways_are_in_the_order_in_which_the_steps_were_told() -> None:
    told = Told().step("b", -355.0, COLAS, at=20.0).step("a", -1250.0, WINES, at=10.0)
    (way,) = told.history.ways()[:1]
    assert way.moves == ((Move(COLA, 1),), (Move(WINE, 1),))


def test_what_may_have_been_put_there_by_mistake_is_no_likelier_than_that() -> None:
    stray = Candidate(TWIN, 1246.0, 1.0, 1, 0.5, None, ((0, 0.999), (1, 0.001)), "misplaced")
    lines = Told().step("a", -1246.0, [own(WINE, 1250.0, 6.0), stray]).history.story().lines
    assert 0.99 < lines[WINE] < 0.9999
