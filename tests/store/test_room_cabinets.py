"""A cabinet in a room has hours and stops of its own, and they hold for who is in the room already."""

from __future__ import annotations

import pytest

from device.domain import facts
from tests.store.shop import COLA, names
from tests.store.test_rooms import Room, room


def test_a_shopper_who_joins_staff_finds_the_cabinet_whose_sales_are_stopped_locked() -> None:
    shop = Room(room(max_sessions=2))
    shop.command("stop_sales", zone="cooler")
    shop.come_in(sub="staff", purpose="restock")
    assert shop.orders("other-lock") == [True]
    shop.come_in(sub="anna")
    assert shop.orders("other-lock") == [True, False]
    shop.folds()


def test_a_cabinet_whose_sales_are_stopped_locks_though_somebody_is_in_the_room() -> None:
    shop = Room(room())
    shop.come_in()
    shop.command("stop_sales", zone="cooler")
    assert shop.orders("other-lock") == [True, False]
    shop.command("resume_sales", zone="cooler")
    assert shop.orders("other-lock") == [True, False]
    shop.folds()


def test_who_has_the_door_of_a_stopped_cabinet_open_may_finish_and_it_locks_behind_them() -> None:
    shop = Room(room())
    shop.come_in()
    shop.open_door("other-lock")
    shop.command("stop_sales", zone="cooler")
    shop.weigh("b", -355.0)
    assert shop.orders("other-lock") == [True]
    shop.close_door("other-lock")
    assert shop.orders("other-lock") == [True, False]
    shop.go_out()
    shop.wait(5)
    assert names(shop.last("session.ended").cart) == [(COLA, 1)]


def test_staff_work_at_a_cabinet_whose_sales_are_stopped() -> None:
    shop = Room(room())
    shop.come_in(purpose="restock")
    shop.command("stop_sales", zone="cooler")
    assert shop.orders("other-lock") == [True]


@pytest.mark.parametrize("grace_s", [0, 300])
def test_a_cabinet_whose_own_hours_are_over_locks_after_its_grace(grace_s: int) -> None:
    shop = Room(room(max_session_s=7200, cooler={"sales_hours": ["Mon-Sun 10:00-12:30"], "closing_grace_s": grace_s}))
    shop.come_in()
    shop.wait(29 * 60 + grace_s)
    assert shop.orders("other-lock") == [True]
    shop.wait(60)
    assert shop.orders("other-lock") == [True, False]
    assert shop.events("session.ended") == []
    shop.folds()


def test_a_cabinet_in_a_room_closes_by_the_clock_on_the_wall_when_that_is_set() -> None:
    shop = Room(room(max_session_s=7200, cooler={"sales_hours": ["Mon-Sun 10:00-20:00"], "closing_grace_s": 60}))
    shop.come_in()
    shop.moment = shop.moment.__class__(shop.now, shop.moment.wall + 9 * 3600.0, True, shop.moment.boot)
    shop.wait(30)
    assert shop.orders("other-lock") == [True]
    shop.wait(61)
    assert shop.orders("other-lock") == [True, False]


def test_a_fire_opens_a_stopped_cabinet_that_fails_safe() -> None:
    plan = room()
    shop = Room(plan.model_copy(update={"lock": tuple(lock.model_copy(update={"fail": "safe"}) for lock in plan.lock)}))
    shop.come_in()
    shop.command("stop_sales", zone="cooler")
    shop.fact(facts.InputChanged("fire", shop.now, True))
    assert shop.orders("other-lock")[-1] is True
    shop.command("stop_sales", zone="shop")
    assert shop.orders("other-lock")[-1] is True
