"""Lines that are told as they settle, and told anew when a later step says more; and carts that say what is doubtful about them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from device.domain import facts
from device.domain.layout import Layout
from tests.store.shop import COLA, PRODUCTS, RIESLING, Shop, layout, names

TWIN = "09520000001018"
"""A wine that weighs as much as the Riesling."""


def twins() -> Layout:
    plan = layout(age_limit=0)
    slots = [slot.model_copy(update={"products": (RIESLING, TWIN)}) if slot.id == "C" else slot for slot in plan.slot]
    slots = [slot.model_copy(update={"products": (TWIN,)}) if slot.id == "B" else slot for slot in slots]
    return plan.model_copy(update={"slot": tuple(slots)})


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    monkeypatch.setitem(PRODUCTS, TWIN, PRODUCTS[RIESLING].__class__(TWIN, "Silvaner", 1251.0, 6.0, 990))
    shop = Shop(twins(), stocked=False)
    shop.plates["c"] = 7500.0
    shop.wake()
    yield shop
    shop.folds()


def told(shop: Shop) -> list[tuple[str, str, int, int | None]]:
    events = shop.events("session.item_taken", "session.item_returned")
    return [(event.TYPE.rpartition("_")[2], event.gtin, event.quantity, event.revises) for event in events]


def test_a_line_that_a_return_explains_better_is_taken_back_and_told_anew(shop: Shop) -> None:
    shop.enter()
    shop.weigh("c", -1250.1)
    first = shop.last("session.item_taken")
    assert first.gtin == RIESLING
    assert first.confidence < 0.99
    shop.weigh("b", 1250.1)
    shop.leave()
    assert told(shop) == [
        ("taken", RIESLING, 1, None),
        ("taken", RIESLING, -1, shop.events("session.item_taken")[1].revises),
        ("taken", TWIN, 1, shop.events("session.item_taken")[1].revises),
        ("returned", TWIN, 1, None),
    ]
    seqs = {record.seq for record in shop.records if record.what is first}
    assert {shop.events("session.item_taken")[1].revises} == seqs
    ended = shop.last("session.ended")
    assert (names(ended.cart), ended.needs_review) == ([], False)


def test_bottles_alike_need_review_and_once_back_do_not(shop: Shop) -> None:
    shop.enter()
    shop.weigh("c", -1250.5)
    shop.leave()
    assert shop.last("session.ended").review_reasons == ("low_confidence",)
    shop.enter()
    shop.weigh("c", -1247.5)
    shop.weigh("c", 1247.7)
    shop.leave()
    assert shop.last("session.ended").needs_review is False


def test_the_steps_of_a_session_are_weighed_together_across_a_restart(shop: Shop) -> None:
    shop.enter()
    shop.weigh("c", -1250.1)
    shop.restart()
    shop.wake_door_open()
    shop.weigh("b", 1250.1)
    shop.leave()
    ended = shop.last("session.ended")
    assert names(ended.cart) == []
    assert "low_confidence" not in ended.review_reasons


def test_a_bottle_moved_between_plates_is_understood_also_where_its_new_place_settles_first(shop: Shop) -> None:
    shop.enter()
    now = shop.now
    shop.fact(facts.PlateMoving("a", 1, now), facts.PlateMoving("b", 1, now + 0.3))
    shop.fact(facts.WeightStep("b", 1, shop.now, now + 0.3, 1250.0, 0.4, 3550.0, 4800.0, "put"))
    shop.fact(facts.WeightStep("a", 1, shop.now, now, -1250.2, 0.4, 7500.0, 6249.8, "taken"))
    shop.leave()
    ended = shop.last("session.ended")
    assert (names(ended.cart), ended.needs_review) == ([], False)
    assert (shop.last("stock.misplaced").slot, shop.last("stock.misplaced").gtin) == ("B", RIESLING)


def test_an_opened_bottle_is_charged_and_suspected(shop: Shop) -> None:
    shop.enter()
    shop.weigh("a", -1250.0)
    shop.weigh("a", 900.0)
    shop.leave()
    ended = shop.last("session.ended")
    assert names(ended.cart) == [(RIESLING, 1)]
    assert "swap_suspected" in ended.review_reasons
    assert shop.last("alarm.raised").kind == "swap_suspected"


def test_a_bag_on_a_shelf_is_nothing_once_it_is_gone(shop: Shop) -> None:
    shop.enter()
    shop.weigh("a", 3210.0)
    shop.weigh("a", -3210.4)
    shop.weigh("a", -1250.0)
    shop.leave()
    ended = shop.last("session.ended")
    assert (names(ended.cart), ended.needs_review) == ([(RIESLING, 1)], False)


def test_many_bits_of_nothing_are_something(shop: Shop) -> None:
    shop.enter()
    for _ in range(4):
        shop.weigh("a", -9.0)
    shop.leave()
    assert shop.last("session.ended").review_reasons == ("unexplained_step",)


def test_what_staff_put_in_teaches_what_a_batch_weighs(shop: Shop) -> None:
    shop.enter(purpose="restock")
    shop.weigh("a", 6 * 1256.0)
    shop.leave()
    (look,) = shop.state.slots["A"].looks
    (row,) = (row for row in look.rows if row.gtin == RIESLING)
    assert row.grams is not None
    assert row.sd is not None
    assert 1251.0 < row.grams < 1256.0
    assert row.sd < 4.0


def test_a_wrong_batch_is_not_learned(shop: Shop) -> None:
    shop.enter(purpose="restock")
    shop.weigh("a", 2 * 1290.0)
    shop.leave()
    assert all(row.grams is None for look in shop.state.slots["A"].looks for row in look.rows)


def test_a_mixed_slot_of_unlike_products_is_certain() -> None:
    shop = Shop(stocked=False)
    shop.plates["c"] = 5000.0
    shop.wake()
    shop.enter()
    shop.weigh("c", -1605.0)
    shop.leave()
    ended = shop.last("session.ended")
    assert sorted(names(ended.cart)) == sorted([(RIESLING, 1), (COLA, 1)])
    shop.folds()
