"""What changes while somebody shops: prices, products, slots, the whole configuration, and fire."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from device.domain import facts
from device.domain.layout import Layout
from device.domain.products import Product
from device.store import inputs
from device.store.plan import Plan
from tests.store.shop import COLA, GIN, PRODUCTS, RIESLING, Shop, layout, names
from tests.store.test_rooms import Room, room

NEW_PRICES = {gtin: replace(product, price_minor=product.price_minor + 100) for gtin, product in PRODUCTS.items()}
CATALOGUE = [
    {"gtin": gtin, "name": f"New {product.name}", "grams": product.grams, "price_minor": product.price_minor + 100}
    for gtin, product in PRODUCTS.items()
]


@pytest.fixture
def shop() -> Iterator[Shop]:
    shop = Shop()
    yield shop
    shop.folds()


def reload(shop: Shop, plan: Layout | None = None, products: Mapping[str, Product] = PRODUCTS) -> None:
    shop.layout = plan or shop.layout
    shop.store.replan(Plan(shop.layout, products, shop.state), shop.store.trust)
    shop.step(inputs.Reloaded(None, ()))


def with_slots(plan: Layout, **products: list[str] | None) -> Layout:
    """The same store with other products in some of its slots, or (None) without them."""
    slots = [
        slot.model_copy(update={"products": tuple(products.get(slot.id) or slot.products)})
        for slot in plan.slot
        if products.get(slot.id, ["as it was"]) is not None
    ]
    return plan.model_copy(update={"slot": tuple(slots)})


def begin(shop: Shop, **claims: Any) -> None:
    shop.show(**claims)
    shop.open_door()
    shop.weigh("a", -1250.0)


def end(shop: Shop) -> Any:
    shop.close_door()
    shop.wait(5)
    return shop.last("session.ended")


# --- prices ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["reload", "command"])
@pytest.mark.parametrize("restarts", [False, True])
def test_a_visit_is_charged_at_the_prices_it_began_with_and_the_next_at_the_new_ones(shop: Shop, how: str, restarts: bool) -> None:
    begin(shop)
    if how == "reload":
        reload(shop, products=NEW_PRICES)
    else:
        assert shop.command("set_catalogue", products=CATALOGUE)["status"] == "done"
    if restarts:
        shop.restart()
        shop.wake_door_open()
    shop.weigh("b", -355.0)
    ended = end(shop)
    assert [(line.gtin, line.unit_price_minor) for line in ended.cart] == [(RIESLING, 1290), (COLA, 250)]
    assert [event.price_minor for event in shop.events("session.item_taken")] == [1290, 250]
    assert (ended.total_minor, ended.needs_review) == (1540, False)
    if how == "reload" and restarts:
        return  # the test's own restart reads the old list of products again
    begin(shop)
    assert end(shop).total_minor == 1390


# --- grams and names ------------------------------------------------------------------------------------------------------------

HEAVIER = {gtin: replace(product, name=f"New {product.name}", grams=product.grams + 100.0) for gtin, product in PRODUCTS.items()}
HEAVIER_LINES: list[dict[str, Any]] = [
    {"gtin": gtin, "name": product.name, "grams": product.grams, "grams_sd": product.grams_sd, "price_minor": product.price_minor}
    for gtin, product in HEAVIER.items()
]


def set_heavier(shop: Shop, how: str) -> None:
    if how == "reload":
        reload(shop, products=HEAVIER)
    else:
        assert shop.command("set_catalogue", products=HEAVIER_LINES)["status"] == "done"


@pytest.mark.parametrize("how", ["reload", "command"])
@pytest.mark.parametrize("restarts", [False, True])
def test_a_visit_goes_on_with_the_grams_and_names_that_it_began_with(shop: Shop, how: str, restarts: bool) -> None:
    begin(shop)
    set_heavier(shop, how)
    if restarts:
        shop.restart()
        shop.wake_door_open()
    shop.weigh("b", -355.0)
    shop.weigh("a", 1250.0)
    shop.weigh("a", -1250.0)
    ended = end(shop)
    assert [(line.gtin, line.name, line.quantity) for line in ended.cart] == [(RIESLING, "Riesling", 1), (COLA, "Cola", 1)]
    assert (ended.total_minor, ended.needs_review) == (1540, False)
    assert shop.state.slots["A"].counts == {RIESLING: 5}


@pytest.mark.parametrize("how", ["reload", "command"])
def test_the_next_visit_has_the_new_grams_and_names(shop: Shop, how: str) -> None:
    begin(shop)
    set_heavier(shop, how)
    end(shop)
    shop.show()
    shop.open_door()
    shop.weigh("b", -455.0)
    (line,) = end(shop).cart
    assert (line.gtin, line.name) == (COLA, "New Cola")


def test_of_two_changes_within_a_visit_it_sees_neither(shop: Shop) -> None:
    begin(shop)
    set_heavier(shop, "command")
    assert shop.command("set_catalogue", products=CATALOGUE)["status"] == "done"
    shop.weigh("b", -355.0)
    assert [line.name for line in end(shop).cart] == ["Riesling", "Cola"]


def test_who_comes_into_a_room_after_a_change_has_the_new_lines_and_who_was_there_the_old_ones() -> None:
    shop = Room(room(max_sessions=2))
    shop.come_in(sub="anna")
    shop.weigh("a", -1250.0)
    set_heavier(shop, "command")
    shop.come_in(sub="ben")
    sessions = {session.subject: session for session in shop.state.zones["shop"].sessions}
    assert set(sessions["anna"].kept) == {RIESLING, COLA}
    assert sessions["ben"].kept == {}
    shop.go_out()
    shop.wait(10)
    carts = {ended.subject: [line.name for line in ended.cart] for ended in shop.events("session.ended")}
    assert carts == {"anna": ["Riesling"], "ben": []}
    shop.folds()


def test_a_stricter_age_limit_holds_for_the_next_code_though_a_visit_runs() -> None:
    shop = Room(room(max_sessions=2))
    shop.come_in(age=18)
    shop.command("set_catalogue", products=[line | {"age_limit": 60} for line in HEAVIER_LINES])
    shop.show(age=40)
    assert shop.last("access.denied").reason == "under_age"
    shop.weigh("a", -1250.0)
    assert shop.last("session.item_taken").gtin == RIESLING


# --- slots ----------------------------------------------------------------------------------------------------------------------


def test_no_command_changes_the_slots_while_somebody_shops(shop: Shop) -> None:
    begin(shop)
    slots = [{"id": "A", "scale": "a", "products": [COLA], "capacity": 12}]
    assert shop.command("set_planogram", slots=slots)["reason"] == "busy"
    assert names(end(shop).cart) == [(RIESLING, 1)]
    assert shop.command("set_planogram", slots=slots)["status"] == "done"


@pytest.mark.parametrize("products", [[COLA], None])
def test_slots_that_a_reload_changes_change_when_the_visit_is_over(shop: Shop, products: list[str] | None) -> None:
    begin(shop)
    reload(shop, with_slots(shop.layout, A=products))
    assert shop.store.plan.slots["A"].products == (RIESLING,)
    shop.weigh("a", -1250.0)
    shop.weigh("a", 1250.0)
    ended = end(shop)
    assert (names(ended.cart), ended.needs_review) == ([(RIESLING, 1)], False)
    assert (shop.store.plan.slots["A"].products if products else shop.store.plan.slots.get("A")) == (tuple(products) if products else None)
    shop.show()
    assert shop.last("access.granted")


def test_of_several_reloads_within_a_visit_the_last_holds_after_it(shop: Shop) -> None:
    begin(shop)
    first = shop.layout
    reload(shop, with_slots(first, A=[COLA]))
    reload(shop, with_slots(first, A=[GIN]))
    end(shop)
    assert shop.store.plan.slots["A"].products == (GIN,)
    begin(shop)
    reload(shop, with_slots(first, A=[COLA]))
    reload(shop, with_slots(first, A=[GIN]))
    end(shop)
    assert shop.store.plan.slots["A"].products == (GIN,)


def test_a_reload_that_is_taken_back_within_the_visit_changes_nothing(shop: Shop) -> None:
    begin(shop)
    first = shop.layout
    reload(shop, with_slots(first, A=[COLA]))
    reload(shop, first)
    end(shop)
    assert shop.store.plan.slots["A"].products == (RIESLING,)


def test_a_catalogue_that_is_set_while_new_slots_wait_holds_with_them(shop: Shop) -> None:
    begin(shop)
    reload(shop, with_slots(shop.layout, A=[COLA]))
    shop.command("set_catalogue", products=CATALOGUE)
    assert names(end(shop).cart) == [(RIESLING, 1)]
    assert shop.store.plan.slots["A"].products == (COLA,)
    assert shop.store.plan.products[COLA].price_minor == 350


def test_hours_and_age_limits_of_a_reload_hold_at_once_though_new_slots_wait() -> None:
    shop = Room(room(max_sessions=2))
    shop.come_in()
    zones = tuple(zone.model_copy(update={"age_limit": 60}) for zone in shop.layout.zone)
    reload(shop, with_slots(shop.layout, A=[COLA]).model_copy(update={"zone": zones}))
    shop.show(age=40)
    assert shop.last("access.denied").reason == "under_age"


def two_zones() -> Shop:
    """Plate c is in the other zone."""
    plan = layout(age_limit=0)
    scales = tuple(scale.model_copy(update={"zone": "other"}) if scale.id == "c" else scale for scale in plan.scale)
    return Shop(plan.model_copy(update={"scale": scales}))


def test_slots_of_a_zone_without_a_visit_change_though_there_is_one_elsewhere() -> None:
    shop = two_zones()
    begin(shop)
    reload(shop, with_slots(shop.layout, A=[COLA], C=[GIN]))
    assert (shop.store.plan.slots["A"].products, shop.store.plan.slots["C"].products) == ((RIESLING,), (GIN,))
    assert names(end(shop).cart) == [(RIESLING, 1)]
    assert shop.store.plan.slots["A"].products == (COLA,)
    shop.folds()


def test_a_slot_that_moves_to_another_zone_waits_for_the_visit_where_it_was() -> None:
    shop = two_zones()
    begin(shop)
    slots = tuple(slot.model_copy(update={"scale": {"A": "c", "C": "a"}.get(slot.id, slot.scale)}) for slot in shop.layout.slot)
    reload(shop, shop.layout.model_copy(update={"slot": slots}))
    assert shop.store.plan.slots["A"].scale == "a"
    assert names(end(shop).cart) == [(RIESLING, 1)]
    assert {name: slot.scale for name, slot in shop.store.plan.slots.items()} == {"A": "c", "B": "b", "C": "a"}
    shop.folds()


def test_slots_by_command_wait_only_for_visits_where_they_change() -> None:
    shop = two_zones()
    begin(shop)
    slots = [slot.model_dump(mode="json") for slot in shop.layout.slot]
    elsewhere = [slot | ({"products": [COLA]} if slot["id"] == "C" else {}) for slot in slots]
    assert shop.command("set_planogram", slots=elsewhere)["status"] == "done"
    here = [slot | ({"products": [COLA]} if slot["id"] == "A" else {}) for slot in elsewhere]
    assert shop.command("set_planogram", slots=here)["reason"] == "busy"
    assert names(end(shop).cart) == [(RIESLING, 1)]
    assert shop.command("set_planogram", slots=here)["status"] == "done"


@pytest.mark.parametrize("products", [[COLA], None])
@pytest.mark.parametrize("purpose", ["shop", "pickup"])
def test_a_restart_with_other_slots_in_mid_session_loses_no_bill(shop: Shop, products: list[str] | None, purpose: str) -> None:
    begin(shop, purpose=purpose, order={"id": "o1", "lines": [{"gtin": RIESLING, "quantity": 1}]})
    shop.layout = with_slots(shop.layout, A=products)
    shop.restart()
    shop.wake_door_open()
    shop.weigh("b", -355.0)
    ended = end(shop)
    assert (names(ended.cart), ended.review_reasons[:1]) == ([(RIESLING, 1), (COLA, 1)], ("gap",))


# --- fire -----------------------------------------------------------------------------------------------------------------------


def fridge(fail: str) -> Shop:
    plan = layout(age_limit=0)
    return Shop(plan.model_copy(update={"lock": tuple(lock.model_copy(update={"fail": fail}) for lock in plan.lock)}))


def fire(shop: Shop, active: bool = True) -> None:
    shop.fact(facts.InputChanged("fire", shop.now, active))


def unlocked(shop: Shop, lock: str = "lock") -> bool:
    return [unlock for driven, unlock in shop.driven if driven == lock][-1:] == [True]


@pytest.mark.parametrize("fail", ["safe", "secure"])
def test_fire_in_a_visit_to_a_cabinet_makes_its_cart_final_once(fail: str) -> None:
    shop = fridge(fail)
    begin(shop)
    fire(shop)
    ended = shop.last("session.ended")
    assert (ended.reason, names(ended.cart)) == ("fire", [(RIESLING, 1)])
    fire(shop)
    shop.close_door()
    shop.wait(60)
    assert len(shop.events("session.ended")) == 1
    assert unlocked(shop)
    shop.folds()


def test_what_is_taken_from_a_cabinet_after_the_fire_began_is_unexplained_and_not_charged(shop: Shop) -> None:
    begin(shop)
    fire(shop)
    shop.weigh("b", -355.0)
    assert names(shop.last("session.ended").cart) == [(RIESLING, 1)]
    assert shop.last("alarm.raised").kind == "unexplained_removal"


@pytest.mark.parametrize("what", ["door", "wait", "relay", "device", "input quiet", "lock command", "restart"])
def test_until_a_person_clears_the_fire_nothing_that_was_released_locks_again(what: str) -> None:
    shop = fridge("safe")
    begin(shop)
    fire(shop)
    match what:
        case "door":
            shop.close_door()
            shop.open_door()
            shop.close_door()
        case "wait":
            shop.wait(7200)
        case "relay":
            shop.fact(facts.RelayMoved("lock", shop.now, False))
        case "device":
            shop.fact(facts.DeviceLost("lock", shop.now, "cable"))
            shop.fact(facts.DeviceOnline("lock", shop.now, 1.0, ""), facts.RelayMoved("lock", shop.now, False))
        case "input quiet":
            fire(shop, active=False)
            shop.wait(60)
        case "lock command":
            assert shop.command("lock", zone="fridge")["reason"] == "fire"
        case "restart":
            shop.restart()
            shop.wake()
    shop.wait(10)
    assert unlocked(shop)
    shop.close_door()
    assert unlocked(shop)
    fire(shop, active=False)
    assert shop.command("clear_fire", zone="fridge")["status"] == "done"
    shop.wait(5)
    assert not unlocked(shop)
    shop.show()
    assert shop.events("access.granted")[1:]
    shop.folds()


def test_fire_in_a_room_bills_everybody_releases_the_doors_and_locks_nothing_until_cleared() -> None:
    shop = Room(room())
    shop.come_in()
    shop.weigh("a", -1250.0)
    fire(shop)
    ended = shop.last("session.ended")
    assert (ended.reason, names(ended.cart)) == ("fire", [(RIESLING, 1)])
    shop.open_door()
    shop.close_door()
    shop.present(False)
    shop.wait(7200)
    assert len(shop.events("session.ended")) == 1
    assert shop.orders("lock")[-1] is True
    shop.show()
    assert not shop.events("access.granted")[1:]
    fire(shop, active=False)
    shop.command("clear_fire", zone="shop")
    shop.wait(5)
    assert shop.orders("lock")[-1] is False
    shop.folds()


def test_fire_while_a_cart_settles_ends_it_with_what_was_taken(shop: Shop) -> None:
    begin(shop)
    shop.close_door()
    shop.wait(0.5)
    fire(shop)
    shop.wait(10)
    (ended,) = shop.events("session.ended")
    assert (ended.reason, names(ended.cart)) == ("fire", [(RIESLING, 1)])


def test_fire_before_the_door_was_opened_charges_nothing(shop: Shop) -> None:
    shop.show()
    fire(shop)
    shop.wait(30)
    (ended,) = shop.events("session.ended")
    assert (ended.reason, ended.cart) == ("fire", ())
