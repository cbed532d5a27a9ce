"""A shopper and a cabinet, in virtual time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from device.domain import facts
from tests.store.shop import COLA, RIESLING, Shop, names


@pytest.fixture
def shop() -> Iterator[Shop]:
    shop = Shop()
    yield shop
    shop.folds()


def test_a_bottle_taken_is_charged(shop: Shop) -> None:
    shop.show(sub="anna")
    shop.open_door()
    shop.weigh("a", -1249.0)
    shop.close_door()
    shop.wait(3)
    ended = shop.last("session.ended")
    assert names(ended.cart) == [(RIESLING, 1)]
    assert (ended.total_minor, ended.reason, ended.subject, ended.needs_review) == (1290, "door_closed", "anna", False)


def test_the_story_is_told_in_causal_order(shop: Shop) -> None:
    shop.show()
    shop.open_door()
    shop.weigh("a", -1249.0)
    shop.close_door()
    shop.wait(3)
    told = [name for name in shop.types() if name.partition(".")[0] in ("access", "session", "door")]
    assert told == [
        "access.granted",
        "session.started",
        "door.unlocked",
        "door.opened",
        "session.item_taken",
        "door.closed",
        "door.locked",
        "session.ended",
    ]


def test_a_bottle_put_back_is_not_charged(shop: Shop) -> None:
    shop.show()
    shop.open_door()
    shop.weigh("a", -2502.0)
    shop.weigh("a", +1251.0)
    shop.close_door()
    shop.wait(3)
    ended = shop.last("session.ended")
    assert names(ended.cart) == [(RIESLING, 1)]
    assert not ended.needs_review
    assert shop.last("stock.changed").count == 5


def test_a_bottle_put_back_on_another_slot_is_not_charged_and_is_known_to_be_misplaced(shop: Shop) -> None:
    shop.show()
    shop.open_door()
    shop.weigh("a", -1250.0)
    shop.weigh("b", +1250.0)
    shop.close_door()
    shop.wait(3)
    assert names(shop.last("session.ended").cart) == []
    misplaced = shop.last("stock.misplaced")
    assert (misplaced.slot, misplaced.gtin, misplaced.count) == ("B", RIESLING, 1)


def test_a_misplaced_bottle_can_be_bought_where_it_stands(shop: Shop) -> None:
    shop.show()
    shop.open_door()
    shop.weigh("a", -1250.0)
    shop.weigh("b", +1250.0)
    shop.close_door()
    shop.wait(3)
    shop.show()
    shop.open_door()
    shop.weigh("b", -1250.0)
    shop.close_door()
    shop.wait(3)
    assert names(shop.last("session.ended").cart) == [(RIESLING, 1)]


def test_a_step_that_nothing_explains_makes_the_session_need_review(shop: Shop) -> None:
    shop.show()
    shop.open_door()
    shop.weigh("a", -700.0)
    shop.close_door()
    shop.wait(3)
    ended = shop.last("session.ended")
    assert names(ended.cart) == []
    assert ended.review_reasons == ("unexplained_step",)


def test_something_put_in_that_was_never_taken_is_not_a_return(shop: Shop) -> None:
    shop.show()
    shop.open_door()
    shop.weigh("a", +1250.0)
    shop.close_door()
    shop.wait(3)
    assert shop.events("session.item_returned") == []
    assert shop.last("session.ended").needs_review


def test_a_door_that_is_not_opened_in_time_is_locked_again(shop: Shop) -> None:
    shop.show()
    shop.wait(16)
    ended = shop.last("session.ended")
    assert (ended.reason, ended.cart, ended.needs_review) == ("never_opened", (), False)
    assert shop.driven == [("lock", True), ("lock", False)]


def test_nothing_locks_while_the_door_is_open(shop: Shop) -> None:
    shop.show()
    shop.open_door()
    shop.wait(59)
    assert shop.driven == [("lock", True)]


def test_a_door_held_open_raises_an_alarm_that_its_closing_clears(shop: Shop) -> None:
    shop.show()
    shop.open_door()
    shop.wait(61)
    assert shop.last("alarm.raised").kind == "door_held"
    shop.close_door()
    assert shop.last("alarm.cleared").kind == "door_held"


def test_a_forced_door_raises_an_alarm_and_what_is_taken_is_unexplained_at_once(shop: Shop) -> None:
    shop.open_door()
    assert shop.last("alarm.raised").kind == "door_forced"
    shop.weigh("a", -1250.0)
    assert shop.last("alarm.raised").kind == "unexplained_removal"
    assert shop.events("session.item_taken") == []
    shop.close_door()
    assert shop.driven[-1] == ("lock", False)


def test_a_removal_with_the_door_shut_is_unexplained_and_leaves_the_count_right(shop: Shop) -> None:
    shop.weigh("b", -355.0)
    alarm = shop.last("alarm.raised")
    assert (alarm.kind, alarm.details["slot"], alarm.details["gtin"]) == ("unexplained_removal", "B", COLA)
    assert (shop.last("stock.changed").count, shop.last("stock.changed").reason) == (9, "unexplained")


def test_a_session_that_lasts_too_long_ends_and_needs_review(shop: Shop) -> None:
    shop.show()
    shop.open_door()
    shop.weigh("a", -1250.0)
    shop.wait(1801)
    ended = shop.last("session.ended")
    assert (ended.reason, names(ended.cart), ended.review_reasons) == ("timeout", [(RIESLING, 1)], ("timeout",))
    shop.weigh("a", -1250.0)
    assert shop.last("alarm.raised").kind == "unexplained_removal"
    shop.close_door()
    assert shop.view["door"] == "closed"


def test_the_cart_waits_for_a_plate_that_still_moves(shop: Shop) -> None:
    shop.show()
    shop.open_door()
    shop.fact(facts.PlateMoving("a", 1, shop.now))
    shop.close_door()
    shop.wait(2.5)
    assert shop.events("session.ended") == []
    shop.fact(facts.WeightStep("a", 1, shop.now, shop.now - 3, -1250.0, 0.4, 7500.0, 6250.0, "e"))
    assert names(shop.last("session.ended").cart) == [(RIESLING, 1)]


def test_a_plate_that_never_rests_does_not_keep_the_session_open(shop: Shop) -> None:
    shop.show()
    shop.open_door()
    shop.fact(facts.PlateMoving("a", 1, shop.now))
    shop.close_door()
    shop.wait(5)
    assert shop.last("session.ended").review_reasons == ("unexplained_step",)


def test_a_door_opened_again_before_the_cart_is_final_goes_on_with_the_session(shop: Shop) -> None:
    shop.show()
    shop.open_door()
    shop.close_door()
    shop.wait(0.5)
    shop.open_door()
    shop.weigh("a", -1250.0)
    shop.close_door()
    shop.wait(3)
    assert len(shop.events("session.ended")) == 1
    assert names(shop.last("session.ended").cart) == [(RIESLING, 1)]


def test_a_plate_lost_during_a_session_makes_it_need_review(shop: Shop) -> None:
    shop.show()
    shop.open_door()
    shop.fact(facts.PlateUntrusted("a", 1, shop.now, "lost"))
    shop.fact(facts.PlateTrusted("a", 1, shop.now), facts.PlateQuiet("a", 1, shop.now, 6250.0, 0.3, True))
    shop.close_door()
    shop.wait(3)
    ended = shop.last("session.ended")
    assert names(ended.cart) == [(RIESLING, 1)]
    assert ended.review_reasons == ("gap",)


def test_a_plate_that_is_not_trusted_from_the_start_makes_the_session_need_review(shop: Shop) -> None:
    shop.fact(facts.PlateUntrusted("a", 1, shop.now, "flatline"))
    assert shop.last("device.degraded").channel == 1
    shop.show()
    shop.open_door()
    shop.close_door()
    shop.wait(3)
    assert shop.last("session.ended").review_reasons == ("untrusted_plate",)
    shop.fact(facts.PlateTrusted("a", 1, shop.now))
    assert shop.last("alarm.cleared").kind == "sensor_untrusted"


def test_the_first_count_of_a_slot_with_one_product_is_inferred_and_of_a_mixed_slot_is_not_known(shop: Shop) -> None:
    assert shop.store.slot_view("A", shop.moment)["count"] == 6
    assert shop.store.slot_view("C", shop.moment)["count"] is None


def test_a_slot_says_when_it_is_low_and_when_it_is_out(shop: Shop) -> None:
    shop.show()
    shop.open_door()
    shop.weigh("a", -5000.0)
    assert shop.last("stock.low").count == 2
    shop.weigh("a", -2500.0)
    assert shop.last("stock.out").count == 0


def test_a_lock_that_will_not_open_ends_the_session(shop: Shop) -> None:
    shop.refusal = "no answer"
    shop.show()
    assert shop.last("session.ended").reason == "never_opened"
    assert shop.events("door.unlocked") == []


def test_a_lock_that_will_not_lock_raises_an_alarm_and_is_asked_again(shop: Shop) -> None:
    shop.show()
    shop.open_door()
    shop.refusal = "relay stuck"
    shop.close_door()
    assert shop.last("alarm.raised").kind == "lock_jammed"
    shop.refusal = ""
    shop.wait(2.1)
    assert shop.last("door.locked").lock == "lock"


def test_a_bolt_that_does_not_follow_its_relay_is_jammed(shop: Shop) -> None:
    shop.fact(facts.BoltMoved("lock", shop.now, True))
    shop.show()
    assert shop.events("door.unlocked") == []
    shop.fact(facts.BoltMoved("lock", shop.now, False))
    assert shop.last("door.unlocked").observed == "unlocked"
    shop.open_door()
    shop.close_door()
    shop.wait(1.6)
    assert shop.last("alarm.raised").kind == "lock_jammed"
    assert shop.last("door.locked").observed == "unlocked"


def test_a_relay_found_open_with_its_door_shut_is_locked(shop: Shop) -> None:
    shop.fact(facts.RelayMoved("lock", shop.now, True))
    assert shop.driven == [("lock", False)]


def test_a_lock_that_comes_back_after_it_was_lost_is_not_opened_again(shop: Shop) -> None:
    shop.show()
    shop.fact(facts.DeviceLost("lock", shop.now, "cable"), facts.DoorMoved("lock", shop.now, None))
    shop.driven.clear()
    shop.fact(facts.DeviceOnline("lock", shop.now, 2.0, ""))
    shop.fact(facts.RelayMoved("lock", shop.now, False), facts.DoorMoved("lock", shop.now, True))
    shop.wait(20)
    assert ("lock", True) not in shop.driven
    assert shop.last("session.ended").reason == "never_opened"


def test_a_fire_ends_the_session_and_nothing_locks_until_a_person_clears_it(shop: Shop) -> None:
    shop.show()
    shop.open_door()
    shop.driven.clear()
    shop.fact(facts.InputChanged("fire", shop.now, True))
    assert shop.last("session.ended").reason == "fire"
    shop.close_door()
    assert shop.driven == []
    assert shop.command("unlock", zone="fridge")["reason"] == "fire"
    assert shop.command("clear_fire", zone="fridge")["reason"] == "fire"
    shop.fact(facts.InputChanged("fire", shop.now, False))
    assert shop.command("clear_fire", zone="fridge")["status"] == "done"
    assert shop.driven == [("lock", False)]


def test_the_price_of_a_session_is_that_of_its_start(shop: Shop) -> None:
    shop.show()
    shop.open_door()
    products = [
        {"gtin": RIESLING, "name": "Riesling", "grams": 1250, "grams_sd": 6, "price_minor": 9900},
        {"gtin": COLA, "name": "Cola", "grams": 355, "grams_sd": 2, "price_minor": 300},
    ]
    assert shop.command("set_catalogue", products=products)["status"] == "done"
    shop.weigh("a", -1250.0)
    shop.close_door()
    shop.wait(3)
    assert shop.last("session.ended").total_minor == 1290


def test_of_two_bottles_in_the_hand_the_one_that_comes_back_is_known_by_its_own_weight() -> None:
    shop = Shop()
    shop.plates["c"] = 0.0
    shop.show(age=30)
    shop.open_door()
    shop.weigh("a", -1248.0)
    shop.weigh("b", -355.0)
    shop.weigh("a", -1262.0)
    shop.weigh("b", +355.2)
    shop.close_door()
    shop.wait(3)
    ended = shop.last("session.ended")
    assert names(ended.cart) == [(RIESLING, 2)]
    assert shop.last("session.item_returned").confidence > 0.999
    assert not ended.needs_review


@pytest.mark.parametrize("grams", [150.0, 612.0, 2890.0])
def test_a_hand_that_pressed_so_evenly_that_it_passed_for_a_thing_changes_nothing(grams: float) -> None:
    shop = Shop()
    shop.show()
    shop.open_door()
    before = dict(shop.state.slots["A"].counts)
    press = shop.weigh("a", grams)
    shop.weigh("a", 0.6 - grams, undoes=press)
    shop.close_door()
    shop.wait(5)
    ended = shop.last("session.ended")
    assert (ended.cart, ended.needs_review) == ((), False)
    assert not shop.events("session.item_returned", "session.item_taken", "alarm.raised", "stock.misplaced")
    assert shop.state.slots["A"].counts == before
    shop.folds()
