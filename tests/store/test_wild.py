"""Whatever may reach a store in whatever order: it goes on, its journal gives it back, no door is open without cause, and bills add up."""

from __future__ import annotations

from typing import Any

import pytest

from device.domain import facts
from device.domain.commands import CalibrateArguments
from device.domain.layout import Layout
from device.store import inputs
from device.store.plan import Plan
from tests.store.shop import COLA, GIN, PRODUCTS, RIESLING, Shop
from tests.store.test_rooms import Room, room
from tests.store.wild import Wild

LOOK_EVERY = 25


def live_through(seed: int, things: int) -> None:
    wild = Wild(seed)
    for place in range(1, things + 1):
        wild.anything()
        if place % LOOK_EVERY == 0:
            wild.compare()


@pytest.mark.parametrize("seed", range(20))
def test_a_store_lives_through_anything(seed: int) -> None:
    live_through(seed, 200)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(10_000, 10_400))
def test_a_store_lives_through_anything_for_long(seed: int) -> None:
    live_through(seed, 1000)


# What it found


def reload(shop: Shop, new: Layout) -> None:
    shop.layout = new
    shop.store.replan(Plan(new, PRODUCTS, shop.state), shop.store.trust)
    shop.step(inputs.Reloaded(None, ()))


def zones(plan: Layout, **changes: dict[str, Any]) -> Layout:
    changed = tuple(zone.model_copy(update=changes.get(zone.id, {})) for zone in plan.zone)
    return plan.model_copy(update={"zone": changed})


@pytest.mark.parametrize("purpose", ["shop", "pickup"])
def test_who_shops_in_a_zone_that_a_restart_takes_away_is_billed_with_review(purpose: str) -> None:
    shop = Shop()
    order: dict[str, Any] = {"order": {"id": "o", "lines": [{"gtin": COLA, "quantity": 1}]}} if purpose == "pickup" else {}
    shop.show(purpose=purpose, **order)
    shop.open_door()
    shop.weigh("b", -355.0)
    left = {
        table: tuple(entry for entry in getattr(shop.layout, table) if getattr(entry, "zone", "") != "fridge")
        for table in ("lock", "scale", "thermometer", "reader")
    }
    others = tuple(zone for zone in shop.layout.zone if zone.id != "fridge")
    shop.layout = shop.layout.model_copy(update=left | {"zone": others, "slot": (), "input": ()})
    shop.restart()
    ended = shop.last("session.ended")
    assert [line.gtin for line in ended.cart] == [COLA]
    assert ended.needs_review
    shop.folds()


def test_a_cabinet_that_a_reload_takes_out_of_its_room_is_locked() -> None:
    shop = Room(room())
    shop.come_in()
    assert shop.orders("other-lock")[-1] is True
    reload(shop, zones(shop.layout, cooler={"inside": None}))
    assert shop.orders("other-lock")[-1] is False
    shop.folds()


def test_a_cabinet_that_a_reload_makes_a_room_of_is_not_left_unlocked() -> None:
    shop = Shop()
    shop.show()
    reload(shop, zones(shop.layout, fridge={"kind": "room"}))
    assert shop.driven[-1] == ("lock", False)
    assert shop.last("session.ended").needs_review


def test_a_room_that_a_reload_makes_a_cabinet_of_has_nobody_in_it() -> None:
    shop = Room(room(max_sessions=2))
    shop.come_in(sub="one")
    shop.show(sub="two")
    shop.open_door()
    reload(shop, zones(shop.layout, shop={"kind": "cabinet", "max_sessions": 1}, cooler={"inside": None}))
    assert [ended.subject for ended in shop.events("session.ended")] == ["one", "two"]
    assert all(ended.needs_review for ended in shop.events("session.ended"))
    shop.folds()


def test_a_timer_of_a_zone_means_nothing_to_a_lock_of_its_name() -> None:
    shop = Shop()
    shop.show()
    shop.open_door()
    shop.layout = shop.layout.model_copy(
        update={
            "zone": tuple(zone.model_copy(update={"id": "cellar"}) if zone.id == "fridge" else zone for zone in shop.layout.zone),
            "lock": (shop.layout.lock[0].model_copy(update={"id": "fridge", "zone": "cellar"}), shop.layout.lock[1]),
            **{
                table: tuple(entry.model_copy(update={"zone": "cellar"}) for entry in getattr(shop.layout, table))
                for table in ("scale", "thermometer", "reader")
            },
            "input": (),
        }
    )
    shop.restart()
    shop.wait(90_000)
    assert not [timer for timer in shop.state.timers if timer.endswith(":fridge")]


@pytest.mark.parametrize("opens", ["code", "fire"])
def test_a_lock_command_whose_bolt_is_awaited_is_answered_when_the_lock_is_opened_again(opens: str) -> None:
    shop = Room(room())
    shop.fact(facts.BoltMoved("lock", shop.now, False))
    first = shop.command("lock", zone="shop")
    assert first["status"] == "accepted"
    if opens == "code":
        shop.show()
    else:
        shop.fact(facts.InputChanged("fire", shop.now, True))
    assert shop.state.commands["c1"].status == "failed"
    assert not shop.store.live.lock_commands


def test_a_zone_without_a_lock_is_not_locked() -> None:
    plan = room()
    shop = Shop(plan.model_copy(update={"lock": plan.lock[1:]}), stocked=False)
    assert shop.command("lock", zone="shop")["reason"] == "bad_arguments"


@pytest.mark.parametrize("weight", [{"grams": 1e-310}, {"grams": 1e200}, {"grams": 355.0, "grams_sd": 1e200}])
def test_a_catalogue_with_weights_that_are_none_is_refused(weight: dict[str, float]) -> None:
    shop = Shop()
    lines = [{"gtin": gtin, "name": "x", "grams": 355.0, "price_minor": 1} | weight for gtin in (RIESLING, COLA, GIN)]
    assert shop.command("set_catalogue", products=lines)["reason"] == "bad_arguments"


@pytest.mark.parametrize("grams", [5e-324, 1.7e308])
def test_a_plate_is_calibrated_with_something_that_weighs(grams: float) -> None:
    with pytest.raises(ValueError, match="grams"):
        CalibrateArguments.model_validate({"slot": "A", "grams": grams})
