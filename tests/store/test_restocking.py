"""Restocks and service: what was expected against what is there, first counts, nothing charged, no false alarms."""

from __future__ import annotations

from typing import Any

import pytest

from tests.store.shop import COLA, RIESLING, Shop


def staff(shop: Shop, *moves: tuple[str, float], purpose: str = "restock") -> Any:
    shop.show(purpose=purpose, sub="staff")
    shop.open_door()
    for scale, delta in moves:
        shop.weigh(scale, delta)
    shop.close_door()
    shop.wait(5)
    return shop.last("session.ended")


def lines(ended: Any) -> list[tuple[str, str, int | None, int | None, int | None]]:
    return [(line.slot, line.gtin, line.expected, line.measured, line.difference) for line in ended.restock]


def test_a_restock_tells_of_each_slot_what_the_books_expected_and_what_is_there_now() -> None:
    shop = Shop()
    ended = staff(shop, ("a", 3750.0), ("b", -710.0))
    assert lines(ended) == [
        ("A", RIESLING, 6, 9, 3),
        ("B", COLA, 10, 8, -2),
        ("C", RIESLING, None, None, None),
        ("C", COLA, None, None, None),
    ]
    shop.folds()


def test_the_scale_wins_over_wrong_books_at_a_restock() -> None:
    shop = Shop()
    shop.command("count", slot="A", gtin=RIESLING, count=4)
    ended = staff(shop, ("a", 1250.0))
    assert lines(ended)[0] == ("A", RIESLING, 4, 7, 3)
    assert shop.state.slots["A"].counts == {RIESLING: 7}


def test_the_first_count_of_a_mixed_slot_is_taken_by_a_person_and_a_restock_adds_to_it() -> None:
    shop = Shop()
    for gtin in (RIESLING, COLA):
        shop.command("count", slot="C", gtin=gtin, count=0)
    ended = staff(shop, ("c", 2500.0), ("c", 355.0))
    assert lines(ended)[2:] == [("C", RIESLING, 0, 2, 2), ("C", COLA, 0, 1, 1)]


@pytest.mark.parametrize("purpose", ["restock", "service"])
def test_staff_are_charged_nothing_and_alarm_nobody(purpose: str) -> None:
    shop = Shop()
    ended = staff(shop, ("a", -7500.0), ("a", 6250.0), ("b", -355.0), ("b", 710.0), purpose=purpose)
    assert (ended.cart, ended.total_minor, ended.needs_review) == ((), 0, False)
    assert (ended.restock is None) == (purpose == "service")
    assert not shop.events("alarm.raised")
    assert (shop.state.slots["A"].counts, shop.state.slots["B"].counts) == ({RIESLING: 5}, {COLA: 11})
    assert not shop.events("shelf.engagement")


def test_after_a_restock_the_next_visit_is_charged_as_ever() -> None:
    shop = Shop()
    staff(shop, ("a", 5000.0))
    shop.show()
    shop.open_door()
    shop.weigh("a", -2500.0)
    shop.close_door()
    shop.wait(5)
    ended = shop.last("session.ended")
    assert ([(line.gtin, line.quantity) for line in ended.cart], ended.needs_review) == ([(RIESLING, 2)], False)
    assert shop.state.slots["A"].counts == {RIESLING: 8}


def test_a_hand_that_pressed_while_staff_filled_up_needs_nobody_to_look() -> None:
    shop = Shop()
    shop.show(purpose="restock", sub="staff")
    shop.open_door()
    press = shop.weigh("a", 612.0)
    shop.weigh("a", -612.4, undoes=press)
    shop.weigh("a", 1250.0)
    shop.close_door()
    shop.wait(5)
    ended = shop.last("session.ended")
    assert (ended.needs_review, lines(ended)[0]) == (False, ("A", RIESLING, 6, 7, 1))
    assert len(shop.events("session.item_returned")) == 1
    shop.folds()


def test_something_unknown_that_staff_leave_there_needs_somebody_to_look() -> None:
    shop = Shop()
    shop.show(purpose="restock", sub="staff")
    shop.open_door()
    shop.weigh("a", 612.0)
    shop.close_door()
    shop.wait(5)
    assert "unexplained_step" in shop.last("session.ended").review_reasons


def test_what_staff_put_down_and_took_up_again_is_taken_back_as_what_it_was() -> None:
    """In a mixed slot: as a step of its own the way back could be told as another product."""
    shop = Shop()
    for gtin in (RIESLING, COLA):
        shop.command("count", slot="C", gtin=gtin, count=0)
    shop.show(purpose="restock", sub="staff")
    shop.open_door()
    put = shop.weigh("c", 1250.0)
    told, seq = [(record.what, record.seq) for record in shop.records if record.what is shop.last("session.item_returned")][-1]
    assert shop.state.slots["C"].counts == {RIESLING: 1, COLA: 0}
    shop.weigh("c", -1250.6, undoes=put)
    back = shop.last("session.item_returned")
    assert (told.quantity, back.quantity, back.gtin, back.revises) == (1, -1, RIESLING, seq)
    assert shop.state.slots["C"].counts == {RIESLING: 0, COLA: 0}
    shop.close_door()
    shop.wait(5)
    assert not shop.last("session.ended").needs_review
    shop.folds()
