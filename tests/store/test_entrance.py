"""What a code at a reader starts, as the store sees it; the codes themselves are judged in ``test_codes``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from device.domain import facts
from tests.store.shop import COLA, RIESLING, STRANGER, Shop, layout


@pytest.fixture
def shop() -> Iterator[Shop]:
    shop = Shop()
    yield shop
    shop.folds()


def test_a_code_works_once(shop: Shop) -> None:
    code = shop.show()
    shop.open_door()
    shop.close_door()
    shop.wait(4)
    shop.show(code)
    assert shop.last("access.denied").reason == "used"


def test_a_denied_code_is_not_used_up(shop: Shop) -> None:
    shop.command("stop_sales", zone="fridge")
    code = shop.show()
    shop.command("resume_sales", zone="fridge")
    shop.show(code)
    assert shop.last("access.granted").jti == "j1"


def test_the_age_limit_is_the_greater_of_the_zone_and_its_products(shop: Shop) -> None:
    shop.show(age=15)
    assert shop.last("access.denied").reason == "under_age"
    shop.show(age=16)
    assert shop.last("access.granted").subject == "shopper-1"


def test_a_code_held_at_a_busy_cabinet_gets_in_when_it_is_free_and_is_denied_once(shop: Shop) -> None:
    shop.show(sub="anna")
    code = shop.show(sub="ben")
    shop.show(code, held=True)
    assert [event.reason for event in shop.events("access.denied")] == ["busy"]
    shop.open_door()
    shop.close_door()
    shop.wait(4)
    shop.show(code, held=True)
    assert shop.last("access.granted").subject == "ben"


def test_a_code_that_is_held_after_its_answer_is_not_judged_again(shop: Shop) -> None:
    code = shop.show(key=STRANGER)
    shop.show(code, held=True)
    assert len(shop.events("access.denied")) == 1


def test_nobody_gets_in_before_the_door_has_been_heard() -> None:
    shop = Shop(stocked=False)
    shop.show()
    assert shop.last("access.denied").reason == "busy"


def test_a_lost_lock_stops_sales_until_it_is_back(shop: Shop) -> None:
    shop.fact(facts.DeviceLost("lock", shop.now, "cable"))
    assert shop.last("sales.stopped").reasons == ("device_lost",)
    shop.show()
    assert shop.last("access.denied").reason == "sales_stopped"
    shop.fact(facts.DeviceOnline("lock", shop.now, 3.0, ""))
    shop.fact(facts.DoorMoved("lock", shop.now, True), facts.RelayMoved("lock", shop.now, False))
    shop.show()
    assert shop.last("access.granted").purpose == "shop"


def test_a_device_is_told_lost_once_and_back_once(shop: Shop) -> None:
    shop.fact(facts.DeviceLost("qr", shop.now, "cable"), facts.DeviceLost("qr", shop.now, "cable"))
    shop.fact(facts.DeviceOnline("qr", shop.now, 3.0, ""), facts.DeviceOnline("qr", shop.now, None, ""))
    assert (len(shop.events("device.lost")), len(shop.events("device.recovered"))) == (1, 1)
    assert shop.last("alarm.cleared").kind == "device_lost"


def test_a_reader_under_attack_refuses_cards_and_lets_signed_codes_in(shop: Shop) -> None:
    for number in range(6):
        shop.show(f"card {number}")
    assert [event.reason for event in shop.events("access.denied")][-2:] == ["malformed", "locked_out"]
    shop.show()
    assert shop.last("access.granted").subject == "shopper-1"


def test_outside_sales_hours_shoppers_wait_and_pickups_do_not() -> None:
    shop = Shop(layout(sales_hours=["Mon-Sat 10:00-22:00"]))
    assert shop.view["sales"] == "closed_hours"
    shop.show()
    assert shop.last("access.denied").reason == "closed_hours"
    shop.show(purpose="pickup", order={"id": "o", "lines": [{"gtin": COLA, "quantity": 1}]})
    assert shop.last("access.granted").purpose == "pickup"


def test_a_code_for_another_zone_or_none_does_not_open_this_one(shop: Shop) -> None:
    shop.show(zones=["other"])
    shop.show(zones=[])
    assert [event.reason for event in shop.events("access.denied")] == ["wrong_zone", "wrong_zone"]


def test_without_a_trusted_clock_no_code_is_believed(shop: Shop) -> None:
    shop.moment = replace(shop.moment, trusted=False)
    shop.show()
    assert shop.last("access.denied").reason == "clock_untrusted"


def test_an_order_is_picked_up_once_whatever_the_code(shop: Shop) -> None:
    order = {"id": "o1", "lines": [{"gtin": COLA, "quantity": 1}]}
    shop.show(purpose="pickup", order=order)
    shop.open_door()
    shop.weigh("b", -355.0)
    shop.close_door()
    shop.wait(4)
    shop.show(purpose="pickup", order=order)
    assert shop.last("access.denied").reason == "used"


def test_an_order_that_nobody_came_for_can_still_be_picked_up(shop: Shop) -> None:
    order = {"id": "o1", "lines": [{"gtin": COLA, "quantity": 1}]}
    shop.show(purpose="pickup", order=order)
    shop.wait(20)
    shop.show(purpose="pickup", order=order)
    assert len(shop.events("access.granted")) == 2


def test_nobody_gets_in_before_every_plate_has_been_weighed_once() -> None:
    shop = Shop(stocked=False)
    for lock in ("lock", "other-lock"):
        shop.fact(
            facts.DeviceOnline(lock, shop.now, None, ""), facts.DoorMoved(lock, shop.now, True), facts.RelayMoved(lock, shop.now, False)
        )
    code = shop.show()
    assert shop.last("access.denied").reason == "busy"
    shop.fact(facts.PlateQuiet("a", 1, shop.now, 7500.0, 0.3, True), facts.PlateQuiet("b", 1, shop.now, 3550.0, 0.3, True))
    shop.fact(facts.PlateUntrusted("c", 1, shop.now, "lost"))
    shop.show(code, held=True)
    assert shop.last("access.granted").jti == "j1"


def test_a_code_works_right_after_a_restart_before_the_plates_are_heard(shop: Shop) -> None:
    shop.restart()
    for lock in ("lock", "other-lock"):
        shop.fact(
            facts.DeviceOnline(lock, shop.now, None, ""), facts.DoorMoved(lock, shop.now, True), facts.RelayMoved(lock, shop.now, False)
        )
    shop.show()
    assert shop.last("access.granted").subject == "shopper-1"
    shop.open_door()
    for scale, grams in {"a": 6250.0, "b": 3550.0, "c": 0.0}.items():
        shop.fact(facts.PlateQuiet(scale, 1, shop.now, grams, 0.3, True))
    shop.close_door()
    shop.wait(4)
    ended = shop.last("session.ended")
    assert [(line.gtin, line.quantity) for line in ended.cart] == [(RIESLING, 1)]
    assert ended.review_reasons == ("gap",)
