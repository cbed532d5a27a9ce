"""The power is cut while a visit ends: what is left of the journal gives the same bill, once.

The journal writes what one input causes in one transaction, so a cut falls between two inputs: then the bill is the same in every word.
Were it to fall between any two records nevertheless, the cart would still be charged once, perhaps with review.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from device.domain import facts
from tests.store.shop import COLA, RIESLING, Shop, names
from tests.store.test_rooms import Room, room

ORDER = {"id": "o1", "lines": [{"gtin": RIESLING, "quantity": 2}]}


def a_cabinet() -> Shop:
    return Shop()


def a_room() -> Shop:
    return Room(room())


def visit_cabinet(shop: Shop, **claims: Any) -> int:
    """Somebody takes and puts back, and leaves; returns how many records there were when the door closed."""
    shop.show(**claims)
    shop.open_door()
    shop.weigh("a", -1250.0)
    shop.weigh("b", -355.0)
    shop.weigh("a", -1250.0)
    shop.weigh("b", 355.0)
    before = len(shop.records)
    shop.close_door()
    shop.wait(10)
    return before


def visit_room(shop: Shop, **claims: Any) -> int:
    assert isinstance(shop, Room)
    code = shop.come_in(**claims)
    shop.weigh("a", -1250.0)
    shop.weigh("a", -1250.0)
    shop.show_out(code)
    shop.open_door()
    before = len(shop.records)
    shop.close_door()
    shop.present(False)
    shop.wait(20)
    return before


def cut(shop: Shop, length: int, boot: str | None, wait_s: float = 20.0) -> Shop:
    """The store as it goes on from so many of its records, with nobody there and every door shut."""
    again = copy.copy(shop)
    again.records, again.effects, again.driven, again.commits = shop.records[:length], [], [], []
    again.plates = dict(shop.plates)
    again.restart(boot=boot)
    for lock in ("lock", "other-lock"):
        again.fact(facts.DeviceOnline(lock, again.now, None, ""))
        again.fact(facts.DoorMoved(lock, again.now, True), facts.RelayMoved(lock, again.now, False))
    if isinstance(again, Room):
        again.present(False)
    for scale, grams in again.plates.items():
        again.fact(facts.PlateQuiet(scale, 1, again.now, grams, 0.3, True))
    again.wait(wait_s)
    return again


CASES: dict[str, tuple[Callable[[], Shop], Callable[..., int], dict[str, Any]]] = {
    "a visit": (a_cabinet, visit_cabinet, {}),
    "a pickup": (a_cabinet, visit_cabinet, {"purpose": "pickup", "order": ORDER}),
    "a restock": (a_cabinet, visit_cabinet, {"purpose": "restock"}),
    "a visit to a room": (a_room, visit_room, {}),
    "a pickup from a room": (a_room, visit_room, {"purpose": "pickup", "order": ORDER}),
}


@pytest.mark.parametrize("boot", [None, "boot-2"], ids=["crash", "power"])
@pytest.mark.parametrize("case", CASES)
def test_a_cut_while_a_visit_ends_gives_the_same_bill_once(case: str, boot: str | None) -> None:
    make, visit, claims = CASES[case]
    shop = make()
    first = visit(shop, **claims)
    (whole,) = shop.events("session.ended")
    assert names(whole.cart) == ([(RIESLING, 2)] if claims.get("purpose") != "restock" else [])
    lengths = sorted({length for length in shop.commits if length > first})
    assert len(lengths) >= 3
    for length in lengths:
        again = cut(shop, length, boot)
        (ended,) = again.events("session.ended")
        assert (ended.session, ended.cart, ended.total_minor) == (whole.session, whole.cart, whole.total_minor), length
        assert (ended.order, ended.restock, ended.review_reasons) == (whole.order, whole.restock, whole.review_reasons), length
        assert {slot: state.counts for slot, state in again.state.slots.items()} == {
            slot: state.counts for slot, state in shop.state.slots.items()
        }
        assert not again.state.alarms, length
        assert not any(lock.unlocked for lock in again.state.locks.values()), length
        again.folds()


@pytest.mark.parametrize("boot", [None, "boot-2"], ids=["crash", "power"])
@pytest.mark.parametrize("case", CASES)
def test_a_cut_between_any_two_records_of_an_ending_charges_the_cart_once(case: str, boot: str | None) -> None:
    make, visit, claims = CASES[case]
    shop = make()
    first = visit(shop, **claims)
    (whole,) = shop.events("session.ended")
    for length in range(first, len(shop.records) + 1):
        again = cut(shop, length, boot, wait_s=2000.0)
        (ended,) = again.events("session.ended")
        assert (ended.session, names(ended.cart), ended.total_minor) == (whole.session, names(whole.cart), whole.total_minor), length
        assert ended.review_reasons in ((), ("gap",), ("timeout",)), length
        if ended.order:
            again.show(purpose="pickup", order=ORDER)
            assert again.last("access.denied").reason == "used", length
        again.folds()


@pytest.mark.parametrize("boot", [None, "boot-2"], ids=["crash", "power"])
def test_a_cut_anywhere_in_a_visit_charges_each_item_once_or_has_it_looked_at(boot: str | None) -> None:
    shop = a_cabinet()
    started = len(shop.records)
    visit_cabinet(shop)
    for length in sorted({length for length in shop.commits if length >= started}):
        again = cut(shop, length, boot)
        assert len(again.events("session.ended")) == len(again.events("session.started")) <= 1, length
        looked_at = [alarm.details["slot"] for alarm in again.state.alarms.values() if alarm.kind == "unexplained_removal"]
        for ended in again.events("session.ended"):
            assert names(ended.cart) == [(RIESLING, 2)] or ended.needs_review or looked_at == ["A"], (length, ended)
        assert again.state.slots["A"].counts == {RIESLING: 4}, length
        assert again.state.slots["B"].counts == {COLA: 10}, length
        again.folds()
