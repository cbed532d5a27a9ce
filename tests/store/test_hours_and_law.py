"""Hours, special days, the law of the place and age limits, as shoppers meet them, in virtual time. Noon of the test is a Sunday."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from device.domain.layout import Layout
from device.domain.products import Product
from tests.store.shop import COLA, GIN, PRODUCTS, RIESLING, Shop, layout
from tests.store.test_rooms import Room, room

SPIRITS_AT_DAY = {"name": "No spirits at night", "categories": ["spirits"], "sales_hours": ["Mon-Sun 07:00-20:00"], "age_limit": 21}
NO_SPIRITS = {"name": "No spirits from a machine", "categories": ["spirits"], "forbidden": True}


@pytest.fixture(autouse=True)
def categories(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gin is spirits, Riesling is wine, cola is nothing that a rule is about."""
    for gtin, category in ((RIESLING, "wine"), (GIN, "spirits")):
        monkeypatch.setitem(PRODUCTS, gtin, _with(PRODUCTS[gtin], category))


def _with(product: Product, category: str | None) -> Product:
    return replace(product, tagged=False, category=category)


def a_layout(*, slots: dict[str, list[str]] | None = None, zone: dict[str, Any] | None = None, **tables: Any) -> Layout:
    plain = layout(**(zone or {})).model_dump(mode="json", by_alias=True, exclude_none=True)
    ports = {"lock": "serial:/dev/r", "other-lock": "serial:/dev/r"}
    for device in (entry for table in ("lock", "scale", "reader") for entry in plain[table]):
        device["port"] = ports.get(device["id"], f"serial:/dev/{device['id']}")
    for thermometer in plain["thermometer"]:
        del thermometer["port"]
    for slot in plain["slot"]:
        slot["products"] = (slots or {}).get(slot["id"], slot["products"])
    return Layout.model_validate(plain | tables)


def refused(shop: Shop, **claims: Any) -> str | None:
    """Why a code is not taken; None: it is."""
    denied = len(shop.events("access.denied"))
    shop.show(**claims)
    return shop.last("access.denied").reason if len(shop.events("access.denied")) > denied else None


# --- special days ---------------------------------------------------------------------------------------------------------------


def test_on_a_special_day_shoppers_wait_and_orders_are_handed_out() -> None:
    shop = Shop(a_layout(special_day=[{"date": "11-22", "name": "Election day", "sales_hours": []}]))
    assert shop.view["sales"] == "closed_hours"
    assert refused(shop) == "closed_hours"
    assert refused(shop, purpose="pickup", order={"id": "o", "lines": [{"gtin": COLA, "quantity": 1}]}) is None


def test_a_special_day_of_another_zone_says_nothing() -> None:
    shop = Shop(a_layout(special_day=[{"date": "2026-11-22", "zones": ["other"], "sales_hours": []}]))
    assert refused(shop) is None


def test_after_a_special_day_the_usual_hours_hold_again() -> None:
    shop = Shop(a_layout(special_day=[{"date": "2026-11-22", "sales_hours": []}]))
    shop.wait(12 * 3600)
    assert refused(shop) is None


def test_pickups_have_special_days_of_their_own() -> None:
    shop = Shop(a_layout(special_day=[{"date": "2026-11-22", "pickup_hours": []}]))
    assert refused(shop, purpose="pickup", order={"id": "o", "lines": [{"gtin": COLA, "quantity": 1}]}) == "closed_hours"
    assert refused(shop) is None


# --- rules of sale --------------------------------------------------------------------------------------------------------------


def test_a_rule_closes_the_zones_that_hold_its_products_and_no_other() -> None:
    night = 9 * 3600
    with_gin = Shop(a_layout(slots={"C": [GIN]}, rule=[SPIRITS_AT_DAY]))
    without = Shop(a_layout(rule=[SPIRITS_AT_DAY]))
    for shop in (with_gin, without):
        shop.wait(night)
    assert (refused(with_gin, age=30), refused(without)) == ("closed_hours", None)


def test_a_rule_raises_the_age_limit_of_the_zones_that_hold_its_products() -> None:
    shop = Shop(a_layout(slots={"C": [GIN]}, rule=[SPIRITS_AT_DAY]))
    assert refused(shop, age=20) == "under_age"
    assert refused(shop, age=21) is None


def test_a_product_with_an_age_limit_and_no_category_falls_under_every_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PRODUCTS, RIESLING, _with(PRODUCTS[RIESLING], None))
    assert refused(Shop(a_layout(rule=[NO_SPIRITS])), age=30) == "closed_hours"


def test_no_command_puts_on_sale_what_is_forbidden() -> None:
    shop = Shop(a_layout(rule=[NO_SPIRITS]))
    slots = [{"id": "A", "scale": "a", "products": [GIN]}]
    assert shop.command("set_planogram", slots=slots)["reason"] == "bad_arguments"
    catalogue = [
        {"gtin": gtin, "name": name, "grams": 500.0, "price_minor": 100, "category": category}
        for gtin, name, category in ((RIESLING, "Rum", "spirits"), (COLA, "Cola", None))
    ]
    assert shop.command("set_catalogue", products=catalogue)["reason"] == "bad_arguments"
    catalogue[0]["category"] = "wine"
    assert shop.command("set_catalogue", products=catalogue)["status"] == "done"


# --- age and the clock ----------------------------------------------------------------------------------------------------------


def test_nothing_with_an_age_limit_is_sold_without_a_trusted_clock(shop: Shop) -> None:
    shop.moment = replace(shop.moment, trusted=False)
    assert refused(shop, age=30) == "clock_untrusted"


# --- closing time ---------------------------------------------------------------------------------------------------------------


def test_who_is_inside_at_closing_time_may_finish_within_the_grace() -> None:
    shop = Shop(a_layout(zone={"sales_hours": ["Mon-Sun 00:00-12:10"], "closing_grace_s": 300}))
    shop.wait(595)
    shop.show()
    shop.open_door()
    shop.weigh("a", -1250.0)
    shop.wait(290)
    assert not shop.events("session.ended")
    shop.close_door()
    shop.wait(5)
    ended = shop.last("session.ended")
    assert (ended.reason, ended.needs_review, [line.gtin for line in ended.cart]) == ("door_closed", False, [RIESLING])


def test_who_stays_after_the_grace_is_charged_what_was_taken_and_looked_at() -> None:
    shop = Shop(a_layout(zone={"sales_hours": ["Mon-Sun 00:00-12:10"], "closing_grace_s": 300}))
    shop.wait(300)
    shop.show()
    shop.open_door()
    shop.weigh("a", -1250.0)
    shop.wait(300 + 300)
    ended = shop.last("session.ended")
    assert (ended.reason, ended.review_reasons, [line.gtin for line in ended.cart]) == ("timeout", ("timeout",), [RIESLING])


def test_staff_may_stay_after_closing_time() -> None:
    shop = Shop(a_layout(zone={"sales_hours": ["Mon-Sun 00:00-12:10"], "closing_grace_s": 0}))
    shop.wait(300)
    shop.show(purpose="restock")
    shop.open_door()
    shop.wait(900)
    assert not shop.events("session.ended")


def test_a_session_that_is_over_leaves_no_timer_of_its_closing_time_behind() -> None:
    shop = Shop(a_layout(zone={"sales_hours": ["Mon-Sun 00:00-12:10"], "closing_grace_s": 300}))
    shop.wait(300)
    shop.show()
    shop.open_door()
    shop.close_door()
    shop.wait(5)
    assert not [timer for timer in shop.state.timers if timer.startswith("closing:")]


# --- rooms ----------------------------------------------------------------------------------------------------------------------


def with_cooler(**cooler: Any) -> Layout:
    plan = room()
    zones = tuple(zone.model_copy(update=cooler) if zone.id == "cooler" else zone for zone in plan.zone)
    return plan.model_copy(update={"zone": zones})


def test_a_cabinet_in_a_room_stays_locked_outside_its_own_hours() -> None:
    closed = Room(with_cooler(sales_hours=()))
    closed.come_in()
    assert True not in closed.orders("other-lock")
    staff = Room(with_cooler(sales_hours=()))
    staff.come_in(purpose="restock")
    assert True in staff.orders("other-lock")


def test_a_cabinet_in_a_room_stays_locked_while_nothing_is_sold_from_it() -> None:
    shop = Room(room())
    shop.command("stop_sales", zone="cooler", reason="inspection")
    shop.come_in()
    assert True not in shop.orders("other-lock")


def test_who_may_not_have_what_a_cabinet_in_a_room_holds_does_not_come_into_the_room() -> None:
    shop = Room(with_cooler(age_limit=21))
    assert refused(shop, age=18) == "under_age"
    assert refused(shop, age=21) is None


def test_who_stays_in_a_room_after_closing_time_and_grace_is_charged_and_never_locked_in() -> None:
    shop = Room(room(sales_hours=["Mon-Sun 00:00-12:10"], closing_grace_s=60))
    shop.come_in()
    shop.weigh("a", -1250.0)
    shop.wait(700)
    assert shop.last("session.ended").reason == "timeout"
    shop.press_exit()
    shop.open_door()
    assert not [alarm for alarm in shop.events("alarm.raised") if alarm.kind == "door_forced"]


@pytest.fixture
def shop() -> Shop:
    return Shop()
