"""Tags and weight beside each other, in virtual time: who took which, what is a stray, and what does not fit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from device.domain import facts
from device.domain.epc import gtin_of
from device.domain.layout import Layout, RfidReader
from device.store.goods.tags import OWED_S
from firmware_sims.epc import sgtin96
from tests.store.shop import COLA, GIN, PRODUCTS, RIESLING, Shop, layout, names
from tests.store.test_rooms import Room, room

READER = {"id": "tags", "zone": "fridge", "driver": "r200", "port": "serial:/dev/t"}
BESIDE = {"id": "beside", "zone": "other", "driver": "r200", "port": "serial:/dev/u"}
UNKNOWN = sgtin96("09520000001018", 1, prefix_digits=7).hex().upper()


def epc(gtin: str, serial: int) -> str:
    text = sgtin96(gtin, serial, prefix_digits=7).hex().upper()
    assert gtin_of(bytes.fromhex(text)) == gtin
    return text


GINS = [epc(GIN, number) for number in range(1, 7)]
MORE = [epc(GIN, number) for number in range(101, 107)]


def a_layout(**zone: Any) -> Layout:
    """A fridge with five gins on one plate and four rieslings on another, and a reader; beside it another cabinet with a reader."""
    plan = layout(age_limit=0, **zone).model_dump(mode="json", by_alias=True, exclude_none=True)
    for table, ports in (("lock", "rr"), ("scale", "abc"), ("reader", "q")):
        for device, port in zip(plan[table], ports, strict=True):
            device["port"] = f"serial:/dev/{port}"
    del plan["thermometer"][0]["port"]
    plan["slot"][1]["products"] = [GIN]
    plan["slot"][2]["products"] = [COLA]
    plan["rfid"] = [READER, BESIDE]
    return Layout.model_validate(plan)


class Cellar(Shop):
    """A shop whose gins are tagged. ``field`` are the tags that each reader reads."""

    def __init__(self, plan: Layout | None = None) -> None:
        super().__init__(plan or a_layout(), stocked=False)
        self.plates = {"a": 7500.0, "b": 6 * 1420.0, "c": 0.0}
        self.field: dict[str, set[str]] = {"tags": set(GINS), "beside": set()}
        self.hard: dict[str, float] = {}
        """Tags that are not read now though they may be there, with the likelihood of that."""
        self.away: set[str] = set()
        self.wake()
        for reader in self.field:
            self.fact(facts.DeviceOnline(reader, self.now, None, ""))
            self.first_inventory(reader)

    def first_inventory(self, reader: str, dbm: float = -55.0) -> None:
        for tag in sorted(self.field[reader]):
            self.fact(facts.TagArrived(reader, self.now, tag, dbm))
        self.found(reader)

    def found(self, reader: str = "tags", *, thorough: bool = True) -> None:
        """The reader tells its inventory."""
        present = tuple(sorted(self.field[reader] - self.hard.keys()))
        unsure = tuple((tag, ratio) for tag, ratio in sorted(self.hard.items()))
        self.fact(facts.InventoryTaken(reader, self.now, present, unsure, thorough))

    def leaves(self, *tags: str, reader: str = "tags") -> None:
        for tag in tags:
            self.field[reader].discard(tag)
            self.fact(facts.TagDeparted(reader, self.now, tag, self.now - 3))

    def comes(self, *tags: str, reader: str = "tags", dbm: float | None = -55.0) -> None:
        for tag in tags:
            self.field[reader].add(tag)
            self.fact(facts.TagArrived(reader, self.now, tag, dbm))

    def enter(self, purpose: str = "shop", **claims: Any) -> None:
        super().enter(purpose, **claims)
        self.wait(1)

    def leave(self, *gone: str, came: tuple[str, ...] = ()) -> Any:
        """The door shuts; three seconds later the reader knows what is there. Returns the session's end."""
        self.close_door()
        self.wait(3)
        self.comes(*came)
        self.leaves(*gone)
        self.found()
        self.wait(0.1)
        return self.last("session.ended")

    def alarms(self) -> list[str]:
        return [alarm.kind for alarm in self.events("alarm.raised")]

    def shelf(self, zone: str = "fridge") -> set[str]:
        return {tag for tag, known in self.state.zones[zone].tags.items() if not known.missing}


@pytest.fixture
def cellar() -> Iterator[Cellar]:
    shop = Cellar()
    yield shop
    shop.folds()


def test_the_first_thorough_inventory_takes_in_what_stands_there(cellar: Cellar) -> None:
    assert cellar.shelf() == set(GINS)
    assert cellar.state.zones["fridge"].inventoried == ["tags"]


def test_the_tag_of_what_was_taken_stands_on_its_line_of_the_cart(cellar: Cellar) -> None:
    cellar.enter()
    cellar.weigh("b", -1420.0)
    ended = cellar.leave(GINS[0])
    assert [(line.gtin, line.quantity, line.tags) for line in ended.cart] == [(GIN, 1, (GINS[0],))]
    assert (ended.needs_review, cellar.alarms()) == (False, [])
    assert cellar.shelf() == set(GINS[1:])


def test_a_session_ends_with_the_inventory_and_not_before(cellar: Cellar) -> None:
    cellar.enter()
    cellar.weigh("b", -1420.0)
    cellar.close_door()
    cellar.wait(4.0)
    assert cellar.events("session.ended") == []
    cellar.leaves(GINS[0])
    cellar.found()
    assert cellar.last("session.ended").reason == "door_closed"


def test_without_an_inventory_a_session_ends_within_five_seconds_of_settling_and_is_reviewed(cellar: Cellar) -> None:
    cellar.enter()
    cellar.weigh("b", -1420.0)
    cellar.close_door()
    cellar.wait(2.0 + 4.9)
    ended = cellar.last("session.ended")
    assert (names(ended.cart), ended.review_reasons) == ([(GIN, 1)], ("gap",))
    assert cellar.alarms() == []


def test_an_inventory_from_before_the_door_opened_says_nothing(cellar: Cellar) -> None:
    cellar.found()
    cellar.enter()
    cellar.close_door()
    cellar.wait(2.5)
    assert cellar.events("session.ended") == []


def test_a_door_opened_again_makes_the_inventory_wait(cellar: Cellar) -> None:
    cellar.enter()
    cellar.close_door()
    cellar.wait(1)
    cellar.found()
    cellar.open_door()
    cellar.weigh("b", -1420.0)
    cellar.close_door()
    cellar.wait(3)
    assert cellar.events("session.ended") == []
    cellar.leaves(GINS[3])
    cellar.found()
    assert cellar.last("session.ended").cart[0].tags == (GINS[3],)


def test_a_tag_that_is_gone_by_the_time_a_line_is_told_stands_on_the_line(cellar: Cellar) -> None:
    cellar.enter()
    cellar.close_door()
    cellar.leaves(GINS[0])
    cellar.weigh("b", -1420.0)
    assert cellar.last("session.item_taken").tags == (GINS[0],)


def test_a_bottle_that_was_put_back_has_its_tag_back(cellar: Cellar) -> None:
    cellar.enter()
    cellar.weigh("b", -1420.0)
    cellar.leaves(GINS[0])
    cellar.weigh("b", 1420.0)
    ended = cellar.leave(came=(GINS[0],))
    assert (ended.cart, ended.needs_review, cellar.alarms()) == ((), False, [])
    assert cellar.shelf() == set(GINS)


def test_a_tag_that_leaves_though_no_weight_does_is_an_alarm_and_reviewed(cellar: Cellar) -> None:
    cellar.enter()
    ended = cellar.leave(GINS[0])
    assert (ended.cart, ended.review_reasons) == ((), ("tag_without_weight",))
    alarm = cellar.last("alarm.raised")
    assert (alarm.kind, alarm.zone, alarm.details["gtin"], alarm.details["session"]) == ("tag_without_weight", "fridge", GIN, ended.session)


def test_a_tag_that_a_bottle_put_before_it_has_hidden_is_back_once_it_is_read_again(cellar: Cellar) -> None:
    """It went without a weight: somebody looks. Nobody has it, so that it is no stray when it is read again, and is sold as ever."""
    cellar.enter()
    assert cellar.leave(GINS[0]).review_reasons == ("tag_without_weight",)
    assert cellar.shelf() == set(GINS[1:])
    cellar.enter()
    cellar.weigh("b", -1420.0)
    sold = cellar.leave(GINS[1], came=(GINS[0],))
    assert ([line.tags for line in sold.cart], sold.needs_review) == ([(GINS[1],)], False)
    assert cellar.shelf() == {GINS[0], *GINS[2:]}
    cellar.enter()
    cellar.weigh("b", -1420.0)
    last = cellar.leave(GINS[0])
    assert ([line.tags for line in last.cart], last.needs_review) == ([(GINS[0],)], False)


def test_of_two_tags_that_went_with_one_bottle_whichever_is_read_again_is_back(cellar: Cellar) -> None:
    cellar.enter()
    cellar.weigh("b", -1420.0)
    ended = cellar.leave(GINS[0], GINS[1])
    assert ended.review_reasons == ("tag_without_weight",)
    cellar.comes(GINS[1])
    assert cellar.shelf() == set(GINS[1:])


def test_a_tagged_product_that_leaves_though_all_tags_are_read_is_an_alarm_and_reviewed(cellar: Cellar) -> None:
    cellar.enter()
    cellar.weigh("b", -1420.0)
    ended = cellar.leave()
    assert (names(ended.cart), "weight_without_tag" in ended.review_reasons) == ([(GIN, 1)], True)
    assert cellar.alarms() == ["weight_without_tag"]


def test_products_without_tags_are_not_compared(cellar: Cellar) -> None:
    cellar.enter()
    cellar.weigh("a", -1250.0)
    ended = cellar.leave()
    assert (names(ended.cart), ended.needs_review, cellar.alarms()) == ([(RIESLING, 1)], False, [])


def test_a_tag_that_is_hardly_ever_missed_and_unread_is_what_the_scale_missed(cellar: Cellar) -> None:
    cellar.enter()
    cellar.weigh("b", -1420.0)
    cellar.hard = {GINS[4]: 0.4, GINS[2]: 0.01}
    ended = cellar.leave()
    assert (ended.cart[0].tags, ended.needs_review, cellar.alarms()) == ((GINS[2],), False, [])
    assert cellar.state.zones["fridge"].owed == {}


def test_a_tag_that_is_often_missed_has_a_minute_to_be_gone(cellar: Cellar) -> None:
    cellar.enter()
    cellar.weigh("b", -1420.0)
    cellar.hard = {GINS[4]: 0.5}
    ended = cellar.leave()
    assert (names(ended.cart), ended.cart[0].tags, cellar.alarms()) == ([(GIN, 1)], (), [])
    assert cellar.state.zones["fridge"].owed == {GIN: 1}
    cellar.wait(20)
    cellar.hard = {}
    cellar.leaves(GINS[4])
    assert (cellar.alarms(), cellar.state.zones["fridge"].owed) == ([], {})
    assert "tags:fridge" not in cellar.state.timers
    cellar.wait(OWED_S)
    assert cellar.alarms() == []


def test_a_tag_that_is_owed_and_never_goes_is_an_alarm_after_that_minute(cellar: Cellar) -> None:
    cellar.enter()
    cellar.weigh("b", -1420.0)
    cellar.hard = {GINS[4]: 0.5}
    cellar.leave()
    cellar.wait(OWED_S + 1)
    assert cellar.alarms() == ["weight_without_tag"]
    assert cellar.state.zones["fridge"].owed == {}


def test_a_tag_in_doubt_that_nobody_has_taken_is_no_disagreement(cellar: Cellar) -> None:
    cellar.enter()
    cellar.weigh("a", -1250.0)
    cellar.hard = {GINS[4]: 0.3}
    ended = cellar.leave()
    assert (ended.needs_review, cellar.alarms(), cellar.shelf()) == (False, [], set(GINS))


def test_a_supposed_tag_that_is_read_after_all_leaves_its_weight_without_a_tag(cellar: Cellar) -> None:
    cellar.enter()
    cellar.weigh("b", -1420.0)
    cellar.hard = {GINS[2]: 0.01}
    cellar.leave()
    cellar.comes(GINS[2])
    assert cellar.shelf() == set(GINS)
    cellar.wait(OWED_S + 1)
    assert cellar.alarms() == ["weight_without_tag"]


def test_in_a_mixed_slot_a_tag_says_which_of_two_bottles_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PRODUCTS, RIESLING, replace(PRODUCTS[RIESLING], grams=1421.0, grams_sd=8.0))
    plan = a_layout()
    mixed = plan.model_copy(update={"slot": (plan.slot[0], plan.slot[1].model_copy(update={"products": (GIN, RIESLING)}), plan.slot[2])})
    for gone, said in (((GINS[0],), GIN), ((), RIESLING)):
        shop = Cellar(mixed)
        shop.enter()
        shop.weigh("b", -1420.5)
        ended = shop.leave(*gone)
        assert names(ended.cart) == [(said, 1)]
        assert ended.cart[0].confidence > 0.95
        shop.folds()


def test_a_tag_in_the_shoppers_bag_never_comes_onto_the_shelf(cellar: Cellar) -> None:
    cellar.enter()
    cellar.comes(MORE[0])
    cellar.weigh("b", -1420.0)
    ended = cellar.leave(GINS[0], MORE[0])
    assert (ended.cart[0].tags, ended.needs_review, cellar.alarms()) == ((GINS[0],), False, [])
    assert cellar.shelf() == set(GINS[1:])


def test_a_stray_that_comes_and_goes_with_the_door_shut_is_nobodys_business(cellar: Cellar) -> None:
    cellar.comes(MORE[0])
    cellar.wait(600)
    cellar.leaves(MORE[0])
    assert (cellar.alarms(), cellar.shelf()) == ([], set(GINS))


def test_tags_of_unknown_and_of_untagged_products_and_of_no_products_are_not_products(cellar: Cellar) -> None:
    for tag in (UNKNOWN, epc(RIESLING, 5), "00" * 12, "E28011"):
        cellar.comes(tag)
        cellar.leaves(tag)
    assert (cellar.alarms(), cellar.shelf()) == ([], set(GINS))


def test_what_two_cabinets_read_at_first_stands_where_it_is_stronger() -> None:
    shop = Shop(a_layout(), stocked=False)
    shop.wake()
    for reader in ("tags", "beside"):
        shop.fact(facts.DeviceOnline(reader, shop.now, None, ""))
    shop.fact(facts.TagArrived("tags", shop.now, GINS[0], -72.0), facts.TagArrived("tags", shop.now, GINS[1], -52.0))
    shop.fact(facts.TagArrived("beside", shop.now, GINS[0], -55.0), facts.TagArrived("beside", shop.now, GINS[1], -70.0))
    assert sorted(shop.state.zones["fridge"].tags) == [GINS[1]]
    assert sorted(shop.state.zones["other"].tags) == [GINS[0]]
    shop.folds()


def test_a_tag_that_leaves_with_the_door_shut_is_an_alarm_within_the_second(cellar: Cellar) -> None:
    cellar.wait(600)
    cellar.leaves(GINS[0])
    alarm = cellar.last("alarm.raised")
    assert (alarm.kind, alarm.zone, alarm.details["epc"], alarm.details["session"]) == ("tag_without_weight", "fridge", GINS[0], None)


def test_a_missing_tag_that_is_read_again_stands_there_again(cellar: Cellar) -> None:
    cellar.leaves(GINS[0])
    cellar.comes(GINS[0])
    assert cellar.shelf() == set(GINS)
    cellar.enter()
    cellar.weigh("b", -1420.0)
    assert cellar.leave(GINS[0]).cart[0].tags == (GINS[0],)


def test_a_removal_with_the_door_shut_is_followed_by_its_tag(cellar: Cellar) -> None:
    cellar.weigh("b", -1420.0)
    cellar.wait(3)
    cellar.leaves(GINS[0])
    cellar.wait(OWED_S + 1)
    assert cellar.alarms() == ["unexplained_removal"]


def test_a_removal_with_the_door_shut_whose_tag_stays_has_a_second_alarm(cellar: Cellar) -> None:
    cellar.weigh("b", -1420.0)
    cellar.wait(OWED_S + 1)
    assert cellar.alarms() == ["unexplained_removal", "weight_without_tag"]


def test_what_was_taken_through_a_forced_door_takes_its_tag_along(cellar: Cellar) -> None:
    cellar.open_door()
    cellar.weigh("b", -1420.0)
    cellar.close_door()
    cellar.wait(3)
    cellar.leaves(GINS[0])
    cellar.found()
    assert cellar.alarms() == ["door_forced", "unexplained_removal"]


def test_a_lost_reader_makes_no_tag_leave_and_its_session_is_reviewed(cellar: Cellar) -> None:
    cellar.enter()
    cellar.weigh("b", -1420.0)
    cellar.fact(facts.DeviceLost("tags", cellar.now, "gone"))
    cellar.close_door()
    cellar.wait(2.1)
    ended = cellar.last("session.ended")
    assert (names(ended.cart), ended.review_reasons) == ([(GIN, 1)], ("gap",))
    assert [kind for kind in cellar.alarms() if "tag" in kind] == []
    assert cellar.shelf() == set(GINS)


# Staff.


def staff(shop: Cellar) -> None:
    shop.enter(sub="staff", purpose="restock")


def test_what_staff_bring_stands_on_the_shelf(cellar: Cellar) -> None:
    staff(cellar)
    cellar.weigh("b", 2840.0)
    ended = cellar.leave(came=(MORE[0], MORE[1]))
    assert (ended.needs_review, cellar.alarms(), cellar.shelf()) == (False, [], {*GINS, MORE[0], MORE[1]})


def test_what_staff_brought_and_is_hard_to_read_has_a_minute_to_be_read(cellar: Cellar) -> None:
    staff(cellar)
    cellar.weigh("b", 2840.0)
    cellar.leave(came=(MORE[0],))
    assert (cellar.state.zones["fridge"].owed, cellar.alarms()) == ({GIN: -1}, [])
    cellar.wait(30)
    cellar.comes(MORE[1], MORE[2])
    assert cellar.shelf() == {*GINS, MORE[0], MORE[1]}
    cellar.wait(OWED_S)
    assert cellar.alarms() == []


def test_what_staff_brought_without_a_tag_is_an_alarm_after_a_minute(cellar: Cellar) -> None:
    staff(cellar)
    cellar.weigh("b", 2840.0)
    cellar.leave(came=(MORE[0],))
    cellar.wait(OWED_S + 1)
    assert cellar.alarms() == ["weight_without_tag"]


def test_a_tag_that_staff_bring_without_a_bottle_is_an_alarm(cellar: Cellar) -> None:
    staff(cellar)
    ended = cellar.leave(came=(MORE[0],))
    assert (ended.review_reasons, cellar.alarms()) == (("tag_without_weight",), ["tag_without_weight"])


def test_what_staff_take_away_takes_its_tag_along(cellar: Cellar) -> None:
    staff(cellar)
    cellar.weigh("b", -1420.0)
    ended = cellar.leave(GINS[0])
    assert (ended.needs_review, cellar.alarms(), cellar.shelf()) == (False, [], set(GINS[1:]))


# Restarts.


def wake(shop: Cellar, *, door_open: bool = False) -> None:
    if door_open:
        shop.wake_door_open()
    else:
        shop.wake()
    for reader in ("tags", "beside"):
        shop.fact(facts.DeviceOnline(reader, shop.now, None, ""))


def test_after_a_restart_nothing_is_gone_until_the_inventory_is_thorough(cellar: Cellar) -> None:
    cellar.restart()
    wake(cellar)
    cellar.comes(*GINS[1:])
    cellar.found(thorough=False)
    assert (cellar.alarms(), cellar.shelf()) == ([], set(GINS))
    cellar.field["tags"].discard(GINS[0])
    cellar.wait(27)
    cellar.found()
    assert (cellar.alarms(), cellar.shelf()) == (["tag_without_weight"], set(GINS[1:]))


def test_a_tag_that_was_gone_before_a_kill_is_on_the_cart_after_it(cellar: Cellar) -> None:
    cellar.enter()
    cellar.weigh("b", -1420.0)
    cellar.close_door()
    cellar.leaves(GINS[0])
    cellar.restart()
    wake(cellar)
    cellar.comes(*GINS[1:])
    cellar.wait(3)
    cellar.found(thorough=False)
    cellar.wait(3)
    ended = cellar.last("session.ended")
    assert (names(ended.cart), ended.cart[0].tags) == ([(GIN, 1)], (GINS[0],))


def test_what_was_taken_before_a_kill_is_supposed_to_be_the_tag_that_is_not_read_after_it(cellar: Cellar) -> None:
    cellar.enter()
    cellar.weigh("b", -1420.0)
    cellar.restart()
    wake(cellar, door_open=True)
    cellar.comes(*GINS[1:])
    cellar.field["tags"].discard(GINS[0])
    cellar.close_door()
    cellar.wait(3)
    cellar.found(thorough=False)
    cellar.wait(1)
    assert cellar.last("session.ended").cart[0].tags == (GINS[0],)
    cellar.wait(30)
    cellar.found()
    assert cellar.alarms() == []


# Rooms.


def a_room(*readers: tuple[str, str]) -> Layout:
    plan = room()
    rfid = [{"id": name, "zone": zone, "driver": "r200", "port": f"serial:/dev/{name}"} for name, zone in readers]
    slots = tuple(slot.model_copy(update={"products": (GIN,)}) if slot.id == "B" else slot for slot in plan.slot)
    return plan.model_copy(update={"slot": slots, "rfid": tuple(RfidReader.model_validate(each) for each in rfid)})


class Hall(Room):
    """A room whose cooler has gins; its tags are read by ``readers``."""

    def __init__(self, *readers: tuple[str, str], visitors: int = 1) -> None:
        plan = a_room(*readers)
        zones = tuple(zone.model_copy(update={"max_sessions": visitors}) if zone.id == "shop" else zone for zone in plan.zone)
        super().__init__(plan.model_copy(update={"zone": zones}))
        self.zone_of = dict(readers)
        for reader in self.zone_of:
            self.fact(facts.DeviceOnline(reader, self.now, None, ""))
        for tag in GINS:
            self.fact(facts.TagArrived(readers[0][0], self.now, tag, -55.0))
        self.found()

    def found(self) -> None:
        for reader in self.zone_of:
            self.fact(facts.InventoryTaken(reader, self.now, tuple(sorted(self.store.live.tags.get(reader, ()))), (), True))

    def gone(self, reader: str, *tags: str) -> None:
        for tag in tags:
            self.fact(facts.TagDeparted(reader, self.now, tag, self.now - 3))

    def alarms(self) -> list[str]:
        return [alarm.kind for alarm in self.events("alarm.raised")]


@pytest.mark.parametrize("zone", ["cooler", "shop"], ids=["the cabinet's reader", "the room's reader"])
def test_what_a_visitor_of_a_room_takes_from_a_cabinet_in_it_takes_its_tag_along(zone: str) -> None:
    hall = Hall(("gate", zone))
    hall.come_in(sub="anna")
    hall.open_door("other-lock")
    hall.weigh("b", -1420.0)
    hall.close_door("other-lock")
    if zone == "cooler":
        hall.gone("gate", GINS[0])
        hall.found()
    hall.go_out()
    hall.wait(3)
    if zone == "shop":
        assert hall.events("session.ended") == []
        hall.gone("gate", GINS[0])
        hall.found()
    hall.wait(0.5)
    ended = hall.last("session.ended")
    assert [(line.gtin, line.quantity, line.tags) for line in ended.cart] == [(GIN, 1, (GINS[0],))]
    assert (ended.needs_review, hall.alarms()) == (False, [])
    hall.folds()


def test_a_tag_that_leaves_a_room_without_a_weight_is_an_alarm_of_the_room() -> None:
    hall = Hall(("gate", "shop"))
    hall.come_in()
    hall.go_out()
    hall.wait(3)
    hall.gone("gate", GINS[0])
    hall.found()
    hall.wait(3)
    assert hall.last("session.ended").review_reasons == ("tag_without_weight",)
    assert hall.alarms() == ["tag_without_weight"]
    hall.folds()


def test_of_several_visitors_a_tag_is_nobodys_and_all_need_review() -> None:
    hall = Hall(("gate", "cooler"), visitors=2)
    hall.come_in(sub="anna")
    hall.come_in(sub="ben")
    hall.open_door("other-lock")
    hall.weigh("b", -1420.0)
    hall.close_door("other-lock")
    hall.gone("gate", GINS[0])
    hall.found()
    hall.go_out()
    hall.wait(10)
    assert [ended.review_reasons for ended in hall.events("session.ended")] == [("several_sessions",)] * 2
    assert hall.alarms() == []
    hall.folds()


def test_a_tag_that_another_reader_of_the_zone_still_reads_has_not_left() -> None:
    hall = Hall(("gate", "cooler"), ("top", "cooler"))
    hall.fact(facts.TagArrived("top", hall.now, GINS[0], -60.0))
    hall.gone("gate", GINS[0])
    assert hall.alarms() == []
    hall.gone("top", GINS[0])
    assert hall.alarms() == ["tag_without_weight"]
    hall.folds()
