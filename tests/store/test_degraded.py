"""What a zone may still do while something is out of order, in virtual time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from device.domain import facts
from device.domain.degraded import DEFAULTS, FAULTS, FaultName, Mode
from device.domain.layout import Layout
from device.domain.products import Product
from device.store import inputs
from tests.store.shop import COLA, GIN, PRODUCTS, RIESLING, Shop, layout
from tests.store.test_rooms import Room, room

PICKUP: dict[str, Any] = {"purpose": "pickup", "order": {"id": "o", "lines": [{"gtin": COLA, "quantity": 1}]}}


def a_layout(**said: str) -> Layout:
    """A fridge with tags and with everything that can fail."""
    plan = layout().model_dump(mode="json", by_alias=True, exclude_none=True)
    ports = {"lock": "r", "other-lock": "r", "a": "a", "b": "b", "c": "c", "qr": "q"}
    for device in (entry for table in ("lock", "scale", "reader") for entry in plain(plan, table)):
        device["port"] = f"serial:/dev/{ports[device['id']]}"
    del plan["thermometer"][0]["port"]
    plan["slot"][2]["products"] = [GIN]
    plan["rfid"] = [{"id": "tags", "zone": "fridge", "driver": "r200", "port": "serial:/dev/t"}]
    plan["input"].append({"id": "mains", "zones": ["fridge"], "kind": "mains", "driver": "gpio", "pin": 6})
    plan["degraded"] = said
    return Layout.model_validate(plan)


def plain(plan: dict[str, Any], table: str) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = plan[table]
    return entries


def a_shop(**said: str) -> Shop:
    shop = Shop(a_layout(**said))
    for device in ("tags", "mains"):
        shop.fact(facts.DeviceOnline(device, shop.now, None, ""))
    shop.step(inputs.JournalRoom("ok"))
    return shop


def lose(device: str) -> Callable[[Shop], None]:
    return lambda shop: shop.fact(facts.DeviceLost(device, shop.now, "gone"))


def find(device: str) -> Callable[[Shop], None]:
    return lambda shop: shop.fact(facts.DeviceOnline(device, shop.now, 1.0, ""))


def take(what: inputs.Happening) -> Callable[[Shop], None]:
    return lambda shop: shop.step(what)


def mains(gone: bool) -> Callable[[Shop], None]:
    return lambda shop: shop.fact(facts.InputChanged("mains", shop.now, gone))


COMES_AND_GOES: dict[FaultName, tuple[Callable[[Shop], None], Callable[[Shop], None]]] = {
    "broker_down": (take(inputs.BrokerState(True)), take(inputs.BrokerState(False))),
    "rfid_lost": (lose("tags"), find("tags")),
    "plate_lost": (lose("a"), find("a")),
    "thermometer_lost": (lose("t"), find("t")),
    "reader_lost": (lose("qr"), find("qr")),
    "clock_untrusted": (take(inputs.ClockState(False, 0.0)), take(inputs.ClockState(True, 0.0))),
    "disk_nearly_full": (take(inputs.JournalRoom("nearly_full")), take(inputs.JournalRoom("ok"))),
    "mains_lost": (mains(True), mains(False)),
}


def modes(shop: Shop) -> list[tuple[Mode, tuple[FaultName, ...]]]:
    return [(event.mode, event.faults) for event in shop.events("zone.mode_changed") if event.zone == "fridge"]


def test_every_fault_can_be_had() -> None:
    assert set(COMES_AND_GOES) == set(FAULTS)


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_has_its_default_and_ends_with_its_cause(fault: FaultName) -> None:
    shop, (comes, goes) = a_shop(), COMES_AND_GOES[fault]
    comes(shop)
    assert modes(shop) == [(DEFAULTS[fault], (fault,))]
    assert (shop.view["mode"], shop.view["faults"]) == (DEFAULTS[fault], [fault])
    goes(shop)
    assert modes(shop)[1:] == [("all", ())]
    shop.folds()


@pytest.mark.parametrize("mode", ["review", "pickups", "nothing"])
@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault not in ("clock_untrusted", "reader_lost")])
def test_a_mode_allows_what_it_says_whatever_the_fault(fault: FaultName, mode: Mode) -> None:
    shop = a_shop(**{fault: mode})
    COMES_AND_GOES[fault][0](shop)
    assert can(shop) == (mode == "review")
    shop = a_shop(**{fault: mode})
    COMES_AND_GOES[fault][0](shop)
    assert can(shop, **PICKUP) == (mode in ("review", "pickups"))


def can(shop: Shop, **claims: Any) -> bool:
    shop.show(**claims)
    if shop.events("access.denied"):
        assert shop.last("access.denied").reason == "sales_stopped"
    return bool(shop.events("access.granted"))


def test_staff_come_in_whatever_is_out_of_order() -> None:
    shop = a_shop(mains_lost="nothing")
    COMES_AND_GOES["mains_lost"][0](shop)
    assert can(shop, purpose="service")


def test_of_several_faults_the_strictest_counts_and_all_are_named() -> None:
    shop = a_shop(rfid_lost="pickups", plate_lost="review")
    faults: tuple[FaultName, ...] = ("plate_lost", "rfid_lost")
    for fault in faults:
        COMES_AND_GOES[fault][0](shop)
    assert modes(shop) == [("review", ("plate_lost",)), ("pickups", ("rfid_lost", "plate_lost"))]
    assert (shop.view["sales"], shop.view["reasons"]) == ("stopped", ["rfid_lost", "plate_lost"])


def test_a_zone_may_say_otherwise_than_the_store() -> None:
    plan = a_layout(broker_down="pickups")
    own = {"broker_down": "nothing"}
    zones = tuple(type(zone).model_validate(zone.model_dump() | {"degraded": own}) if zone.id == "other" else zone for zone in plan.zone)
    shop = Shop(plan.model_copy(update={"zone": zones}))
    shop.step(inputs.BrokerState(True))
    assert {event.zone: event.mode for event in shop.events("zone.mode_changed")} == {"fridge": "pickups", "other": "nothing"}


def test_a_cart_made_while_tags_could_not_be_read_is_reviewed_though_they_can_again() -> None:
    shop = a_shop()
    shop.show()
    shop.open_door()
    COMES_AND_GOES["rfid_lost"][0](shop)
    shop.weigh("a", -1250.0)
    COMES_AND_GOES["rfid_lost"][1](shop)
    shop.close_door()
    shop.wait(7)
    ended = shop.last("session.ended")
    assert (ended.review_reasons, [line.gtin for line in ended.cart]) == (("gap",), [RIESLING])


def test_what_a_stricter_fault_still_allows_is_reviewed_for_the_sake_of_the_other() -> None:
    shop = a_shop(broker_down="pickups", rfid_lost="review")
    for fault in ("rfid_lost", "broker_down"):
        COMES_AND_GOES[fault][0](shop)
    shop.show(**PICKUP)
    shop.open_door()
    shop.weigh("b", -355.0)
    shop.close_door()
    shop.wait(6)
    assert shop.view["mode"] == "pickups"
    assert shop.last("session.ended").review_reasons == ("gap",)


def test_a_reader_of_tags_is_not_missed_where_nothing_is_tagged(monkeypatch: pytest.MonkeyPatch) -> None:
    product = PRODUCTS[GIN]
    monkeypatch.setitem(PRODUCTS, GIN, Product(GIN, "Gin", product.grams, product.grams_sd, 2990, age_limit=18))
    shop = a_shop()
    COMES_AND_GOES["rfid_lost"][0](shop)
    assert modes(shop) == []


def test_a_restart_tells_of_no_fault_twice_and_forgets_none() -> None:
    shop = a_shop(plate_lost="nothing", disk_nearly_full="pickups")
    faults: tuple[FaultName, ...] = ("plate_lost", "disk_nearly_full")
    for fault in faults:
        COMES_AND_GOES[fault][0](shop)
    told = len(shop.events("zone.mode_changed"))
    shop.restart()
    assert len(shop.events("zone.mode_changed")) == told
    assert shop.view["faults"] == ["plate_lost", "disk_nearly_full"]
    shop.step(inputs.JournalRoom("ok"))
    assert modes(shop)[-1] == ("nothing", ("plate_lost",))


def test_a_cabinet_in_a_room_stays_locked_while_its_faults_forbid_sales() -> None:
    plan = room()
    zones = tuple(
        type(zone).model_validate(zone.model_dump() | {"degraded": {"plate_lost": "nothing"}}) if zone.id == "cooler" else zone
        for zone in plan.zone
    )
    shop = Room(plan.model_copy(update={"zone": zones}))
    shop.fact(facts.DeviceLost("b", shop.now, "gone"))
    shop.come_in()
    assert True not in shop.orders("other-lock")
    assert shop.events("session.started")


def test_the_manual_has_the_table_of_defaults() -> None:
    manual = (Path(__file__).parents[2] / "docs" / "config.md").read_text(encoding="utf-8")
    rows = [
        line.split("|")[1:3]
        for line in manual.partition("## Degraded modes")[2].partition("\n## ")[0].splitlines()
        if line.startswith("| `")
    ]
    assert {name.strip(" `"): mode.strip(" `") for name, mode in rows if name.strip(" `") in FAULTS} == dict(DEFAULTS)
