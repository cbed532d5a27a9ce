"""Who leaves a room while nobody can see it: the program dead, the lock out of reach, or turning round in the open door."""

from __future__ import annotations

import pytest

from device.domain import facts
from tests.store.shop import RIESLING, names
from tests.store.test_rooms import Room, room, without_presence

UNSEEN_S = 60.0
"""A room is empty when nobody has been seen in it for so long."""


def heard(shop: Room, *, present: bool | None, shut: bool = True) -> None:
    """Everything answers after a restart."""
    for lock in ("lock", "other-lock"):
        shop.fact(facts.DeviceOnline(lock, shop.now, None, ""), facts.RelayMoved(lock, shop.now, shop.orders(lock)[-1:] == [True]))
        shop.fact(facts.DoorMoved(lock, shop.now, shut or lock != "lock"))
    for scale, grams in shop.plates.items():
        shop.fact(facts.PlateQuiet(scale, 1, shop.now, grams, 0.3, True))
    if present is not None:
        shop.present(present)


def the_lock_goes(shop: Room) -> None:
    shop.fact(facts.DeviceLost("lock", shop.now, "cable"), facts.DoorMoved("lock", shop.now, None))


def the_lock_is_back(shop: Room) -> None:
    shop.fact(
        facts.DeviceOnline("lock", shop.now, 5.0, ""), facts.RelayMoved("lock", shop.now, False), facts.DoorMoved("lock", shop.now, True)
    )


@pytest.mark.parametrize("boot", [None, "boot-2"])
def test_who_left_while_the_program_was_dead_is_billed_after_a_minute_without_anybody_seen(boot: str | None) -> None:
    shop = Room(room())
    shop.come_in(sub="anna")
    shop.weigh("a", -1250.0)
    shop.restart(boot=boot, away_s=120.0)
    heard(shop, present=False)
    shop.wait(UNSEEN_S - 5)
    assert shop.events("session.ended") == []
    shop.wait(10)
    ended = shop.last("session.ended")
    assert (ended.reason, ended.subject, names(ended.cart), ended.review_reasons) == ("exit", "anna", [(RIESLING, 1)], ("gap",))
    assert shop.orders("other-lock")[-1] is False
    shop.show(sub="ben")
    assert shop.last("session.started").subject == "ben"
    shop.folds()


def test_who_is_still_seen_after_a_restart_has_not_left() -> None:
    shop = Room(room())
    shop.come_in()
    shop.restart()
    heard(shop, present=True)
    shop.wait(UNSEEN_S + 30)
    shop.present(False)
    shop.wait(200)
    assert shop.events("session.ended") == []


def test_who_is_seen_again_within_the_minute_has_not_left() -> None:
    shop = Room(room())
    shop.come_in()
    shop.restart()
    heard(shop, present=False)
    shop.wait(50)
    shop.present(True)
    shop.wait(100)
    shop.weigh("a", -1250.0)
    assert shop.last("session.item_taken").gtin == RIESLING
    assert shop.events("session.ended") == []


def test_a_sensor_that_goes_on_seeing_who_left_for_a_while_does_not_keep_the_session() -> None:
    shop = Room(room())
    shop.come_in(sub="anna")
    shop.restart()
    heard(shop, present=True)
    shop.wait(30)
    shop.present(False)
    shop.wait(UNSEEN_S + 5)
    assert shop.last("session.ended").review_reasons == ("gap",)


def test_a_restart_that_nobody_can_see_into_ends_nothing() -> None:
    shop = Room(room())
    shop.come_in()
    shop.restart()
    heard(shop, present=None)
    shop.wait(1000)
    assert shop.events("session.ended") == []
    shop.present(False)
    shop.wait(UNSEEN_S + 5)
    assert shop.last("session.ended").reason == "exit"


def test_a_second_restart_within_the_minute_begins_it_anew() -> None:
    shop = Room(room())
    shop.come_in()
    shop.restart()
    heard(shop, present=False)
    shop.wait(50)
    shop.restart()
    heard(shop, present=False)
    shop.wait(50)
    assert shop.events("session.ended") == []
    shop.wait(15)
    assert shop.last("session.ended").reason == "exit"


def test_who_has_used_the_door_from_within_before_the_restart_has_left_when_presence_says_so() -> None:
    shop = Room(room())
    shop.come_in(sub="anna")
    shop.press_exit()
    shop.open_door()
    shop.close_door()
    shop.restart()
    heard(shop, present=False)
    shop.wait(10)
    ended = shop.last("session.ended")
    assert (ended.reason, ended.needs_review) == ("exit", False)


def test_one_who_was_alone_and_in_the_door_when_the_program_died_has_left_without_presence_too() -> None:
    shop = Room(without_presence(way_out=False))
    shop.come_in()
    shop.press_exit()
    shop.open_door()
    shop.restart()
    heard(shop, present=None)
    shop.wait(10)
    assert shop.last("session.ended").reason == "exit"


@pytest.mark.parametrize("way_out", [True, False])
def test_without_presence_nobody_knows_and_the_session_goes_on(way_out: bool) -> None:
    shop = Room(without_presence(way_out=way_out))
    shop.come_in()
    shop.restart()
    heard(shop, present=None)
    shop.wait(1000)
    assert shop.events("session.ended") == []
    shop.wait(1000)
    assert shop.last("session.ended").review_reasons == ("timeout",)


def test_who_had_shown_the_code_on_the_way_out_when_the_program_died_has_left() -> None:
    shop = Room(without_presence(way_out=True))
    code = shop.come_in(sub="anna")
    shop.weigh("a", -1250.0)
    shop.show_out(code)
    shop.restart(away_s=60.0)
    heard(shop, present=None)
    shop.wait(10)
    ended = shop.last("session.ended")
    assert (ended.reason, names(ended.cart), ended.review_reasons) == ("exit", [(RIESLING, 1)], ("gap",))


def test_who_shows_the_code_again_after_the_restart_and_stays_is_still_there() -> None:
    shop = Room(without_presence(way_out=True))
    code = shop.come_in()
    shop.show_out(code)
    shop.restart()
    heard(shop, present=None)
    shop.show_out(code)
    shop.wait(30)
    assert shop.events("session.ended") == []


def test_who_leaves_while_the_lock_is_out_of_reach_is_billed() -> None:
    shop = Room(room())
    shop.come_in()
    the_lock_goes(shop)
    shop.present(False)
    shop.wait(20)
    the_lock_is_back(shop)
    shop.wait(UNSEEN_S + 5)
    assert shop.last("session.ended").review_reasons == ("gap",)


def test_who_turns_round_in_the_door_is_not_inside() -> None:
    shop = Room(room())
    shop.show(sub="anna")
    shop.open_door()
    shop.wait(2)
    shop.close_door()
    shop.wait(UNSEEN_S + 5)
    assert shop.last("session.ended").subject == "anna"
    shop.show(sub="ben")
    assert shop.last("session.started").subject == "ben"


def test_who_goes_out_as_another_is_let_in_who_then_stays_away_has_left() -> None:
    shop = Room(room(max_sessions=2))
    shop.come_in(sub="anna")
    shop.show(sub="ben")
    shop.open_door()
    shop.present(False)
    shop.close_door()
    shop.wait(UNSEEN_S + 5)
    assert {ended.subject for ended in shop.events("session.ended")} == {"anna", "ben"}
    assert all("gap" in ended.review_reasons for ended in shop.events("session.ended"))


def test_one_who_stands_still_was_seen_and_stays() -> None:
    shop = Room(room())
    shop.come_in()
    shop.wait(10)
    shop.present(False)
    shop.wait(600)
    assert shop.events("session.ended") == []


def test_who_is_taken_to_have_left_can_still_go_out() -> None:
    shop = Room(room())
    shop.come_in()
    shop.restart()
    heard(shop, present=False)
    shop.wait(UNSEEN_S + 5)
    assert shop.last("session.ended").reason == "exit"
    shop.press_exit()
    shop.open_door()
    shop.close_door()
    assert shop.events("alarm.raised") == []
