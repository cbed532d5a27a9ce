"""What somebody would try who wants wine without paying, a door open without right, or a store that no longer sells; and bad luck."""

from __future__ import annotations

import json
from typing import Any, get_type_hints

import pytest
from pydantic import TypeAdapter

from device.domain import facts
from device.domain.effects import DriveLock
from device.domain.layout import Layout
from device.engine.records import row_of
from device.store import inputs
from device.store.plan import Plan
from tests.store.shop import COLA, GIN, ORIGIN, PRODUCTS, RIESLING, STRANGER, Shop
from tests.store.shop import layout as fridge
from tests.store.test_rooms import Room, room

FIRE = "fire"
_FIELDS: dict[str, TypeAdapter[Any]] = {name: TypeAdapter(get_type_hints(Layout)[name]) for name in ("zone", "reader", "scale", "slot")}


def burning(shop: Shop) -> None:
    shop.fact(facts.InputChanged(FIRE, shop.now, True))


def changed(layout: Layout, **parts: Any) -> Layout:
    """The layout of the next start."""
    return layout.model_copy(update={name: _FIELDS[name].validate_python(part) for name, part in parts.items()})


# Fire


def test_a_stop_during_a_fire_locks_nothing() -> None:
    shop = Room(room())
    shop.come_in()
    burning(shop)
    shop.driven.clear()
    shop.step(inputs.Halt("SIGTERM"))
    assert shop.driven == []


def test_a_maglock_that_will_not_let_go_in_a_fire_is_asked_until_it_does() -> None:
    shop = Room(room())
    shop.refusal = "no answer"
    burning(shop)
    shop.wait(5)
    assert shop.orders("lock") == [True, True, True]
    shop.refusal = ""
    shop.wait(30)
    assert shop.orders("lock") == [True, True, True, True]
    shop.folds()


def test_a_maglock_that_comes_back_holding_during_a_fire_is_let_go() -> None:
    shop = Room(room())
    burning(shop)
    shop.fact(facts.DeviceLost("lock", shop.now, "cable"))
    shop.driven.clear()
    shop.fact(facts.DeviceOnline("lock", shop.now, 3.0, ""), facts.RelayMoved("lock", shop.now, False))
    assert shop.driven == [("lock", True)]


def test_only_a_fire_opens_a_lock_before_it_is_written_down() -> None:
    shop = Room(room())
    shop.show()
    shop.wait(20)
    burning(shop)
    orders = [effect for effect in shop.effects if isinstance(effect, DriveLock) and effect.unlock]
    assert [order.for_people for order in orders] == [False, True]


def test_a_lock_that_refused_to_lock_is_not_locked_later_when_a_fire_has_begun() -> None:
    shop = Room(room())
    shop.come_in()
    shop.refusal = "no answer"
    shop.go_out()
    shop.refusal = ""
    burning(shop)
    shop.driven.clear()
    shop.wait(30)
    assert ("lock", False) not in shop.driven


# A store that no longer sells


def test_a_lock_command_while_somebody_is_let_out_does_not_leave_the_room_busy_for_ever() -> None:
    shop = Room(room())
    code = shop.come_in()
    shop.show_out(code)
    assert shop.command("lock", zone="shop")["status"] == "done"
    assert shop.orders("lock")[-1] is False
    shop.go_out()
    shop.wait(5)
    shop.show(sub="next")
    assert shop.last("session.started").subject == "next"
    shop.folds()


def test_a_second_lock_command_does_not_take_the_answer_of_the_first() -> None:
    shop = Shop()
    shop.locks_answer = False
    shop.command("lock", zone="fridge")
    assert shop.command("lock", zone="fridge")["reason"] == "busy"
    order = [effect for effect in shop.effects if isinstance(effect, DriveLock)][-1].order
    shop.fact(facts.LockDriven("lock", shop.now, order, True, ""))
    assert shop.reply("c1")["status"] == "done"


@pytest.mark.parametrize("phase", ["unlocked", "open", "settling", "overstayed", "forced", "shut"])
@pytest.mark.parametrize("inside", [False, True], ids=["room", "niche"])
def test_a_cabinet_that_becomes_another_kind_in_the_middle_of_a_session_goes_on(phase: str, inside: bool) -> None:
    shop = Shop()
    if phase not in ("shut", "forced"):
        shop.show()
    if phase in ("open", "settling", "overstayed", "forced"):
        shop.open_door()
    if phase == "settling":
        shop.close_door()
    if phase == "overstayed":
        shop.command("end_session", session=shop.last("session.started").session)
    niche = [{"id": "fridge", "inside": "other"}, {"id": "other", "kind": "room"}]
    readers = [{"id": "qr", "zone": "other" if inside else "fridge", "driver": "line", "port": "serial:/dev/q"}]
    shop.layout = changed(shop.layout, zone=niche if inside else [{"id": "fridge", "kind": "room"}, {"id": "other"}], reader=readers)
    shop.restart()
    shop.fact(facts.DoorMoved("lock", shop.now, phase in ("shut", "unlocked", "settling")))
    shop.wait(3)
    shop.fact(facts.DoorMoved("lock", shop.now, True), facts.DoorMoved("other-lock", shop.now, True))
    shop.wait(3600)
    assert len(shop.events("session.ended")) == len(shop.events("session.started"))
    before = len(shop.events("session.started"))
    shop.show(sub="next")
    assert len(shop.events("session.started")) == before + 1
    shop.folds()


def test_a_room_that_becomes_a_cabinet_while_somebody_is_inside_sells_again() -> None:
    shop = Room(room())
    shop.come_in()
    zones = [{"id": "shop"}, {"id": "cooler"}]
    readers = [{"id": "qr", "zone": "shop", "driver": "line", "port": "serial:/dev/in"}]
    shop.layout = changed(shop.layout, zone=zones, reader=readers)
    shop.restart()
    for lock in ("lock", "other-lock"):
        shop.fact(facts.RelayMoved(lock, shop.now, False), facts.DoorMoved(lock, shop.now, True))
    shop.show(sub="next")
    assert shop.last("session.ended").review_reasons == ("timeout",)
    assert shop.last("session.started").subject == "next"


def test_a_snapshot_does_not_stay_in_memory_or_in_the_journal_and_is_given_again() -> None:
    shop = Shop()
    first = shop.command("snapshot")["result"]
    assert "slots" in first
    assert shop.last("command.done").result == {"seq": first["seq"]}
    again = shop.command("snapshot", inbound={"id": "c1"})["result"]
    assert again["slots"] == first["slots"]


# Configurations and commands that do not fit together


def test_a_slot_of_a_product_that_the_commanded_catalogue_lacks_is_not_counted() -> None:
    shop = Shop()
    lines = [{"gtin": gtin, "name": "x", "grams": 100.0, "price_minor": 5} for gtin in (RIESLING, COLA)]
    assert shop.command("set_catalogue", products=lines)["status"] == "done"
    slots = [*shop.layout.slot[:1], {"id": "D", "scale": "b", "products": [GIN]}]
    shop.layout = changed(shop.layout, slot=slots)
    shop.restart()
    shop.wake()
    assert shop.store.slot_view("D", shop.moment)["count"] is None


def test_a_commanded_slot_whose_plate_has_left_the_configuration_is_gone() -> None:
    shop = Shop()
    slots = [{"id": "X", "scale": "c", "products": [COLA]}, {"id": "A", "scale": "a", "products": [RIESLING]}]
    assert shop.command("set_planogram", slots=slots)["status"] == "done"
    shop.layout = changed(shop.layout, scale=shop.layout.scale[:2], slot=shop.layout.slot[:1])
    shop.restart()
    assert list(shop.store.plan.slots) == ["A"]
    assert shop.command("tare", slot="X")["reason"] == "bad_arguments"
    shop.folds()


def test_a_slot_that_moves_to_another_plate_has_lost_nothing() -> None:
    shop = Shop()
    shop.command("set_planogram", slots=[{"id": "A", "scale": "b", "products": [COLA]}])
    shop.fact(facts.PlateQuiet("b", 1, shop.now, 3550.0, 0.3, True))
    assert shop.events("alarm.raised") == []
    assert shop.store.slot_view("A", shop.moment)["count"] == 10
    shop.folds()


def test_a_reload_that_makes_a_room_of_a_cabinet_with_somebody_at_it_ends_the_session() -> None:
    shop = Shop()
    shop.show()
    shop.open_door()
    new = changed(shop.layout, zone=[{"id": "fridge", "kind": "room"}, {"id": "other"}])
    shop.store.replan(Plan(new, PRODUCTS, shop.state), shop.store.trust)
    shop.step(inputs.Reloaded(None, ()))
    shop.close_door()
    assert shop.last("session.ended").needs_review
    shop.show(sub="next")
    assert shop.last("session.started").subject == "next"


# Events that are not true, or not JSON


@pytest.mark.parametrize("celsius", [20.0, -20.0])
def test_a_limit_passed_while_no_thermometer_is_believed_names_no_temperature(celsius: float) -> None:
    shop = Shop(temperature={"min_celsius": 4, "max_celsius": 12, "over_for_s": 60})
    shop.fact(facts.TemperatureKnown("t", shop.now, celsius), facts.ProbeFailed("t", shop.now, "stale"))
    shop.wait(61)
    assert shop.last("alarm.raised").details["celsius"] is None
    for record in shop.records:
        json.loads(row_of(record, ORIGIN).body, parse_constant=pytest.fail)


@pytest.mark.parametrize("relock", ["on_open", "on_close"])
def test_a_door_that_is_seen_open_before_its_relay_has_answered_was_unlocked_first(relock: str) -> None:
    locks = [lock.model_copy(update={"relock": relock}) for lock in fridge().lock]
    shop = Shop(fridge().model_copy(update={"lock": tuple(locks)}))
    shop.locks_answer = False
    shop.show()
    order = [effect for effect in shop.effects if isinstance(effect, DriveLock)][-1].order
    shop.open_door()
    shop.fact(facts.LockDriven("lock", shop.now, order, True, ""))
    assert [kind for kind in shop.types() if kind.startswith("door.")] == ["door.unlocked", "door.opened"]
    shop.folds()


# Wine without paying


def test_what_is_taken_with_the_door_contact_held_shut_by_a_magnet_has_a_name() -> None:
    shop = Shop()
    shop.show(sub="mallory")
    shop.weigh("a", -1250.0)
    shop.wait(20)
    ended = shop.last("session.ended")
    assert (ended.subject, ended.reason, ended.cart) == ("mallory", "never_opened", ())
    assert ended.review_reasons == ("unexplained_step",)
    assert shop.last("alarm.raised").kind == "unexplained_removal"


def test_who_opens_the_exit_and_hides_from_presence_for_a_moment_has_not_left() -> None:
    shop = Room(room())
    shop.come_in()
    shop.go_out()
    shop.wait(1)
    shop.present(True)
    shop.wait(5)
    shop.weigh("a", -1250.0)
    assert shop.events("session.ended") == []
    assert shop.last("session.item_taken").gtin == RIESLING
    shop.present(False)
    shop.wait(5)
    assert [line.gtin for line in shop.last("session.ended").cart] == [RIESLING]
    shop.folds()


def test_who_stays_by_that_trick_stays_no_longer_than_anybody_else() -> None:
    shop = Room(room(max_session_s=60))
    shop.come_in()
    for _ in range(30):
        shop.go_out()
        shop.wait(0.5)
        shop.present(True)
        shop.wait(1)
    assert shop.last("session.ended").reason == "timeout"


def test_somebody_new_at_the_entrance_does_not_keep_those_who_left() -> None:
    shop = Room(room(max_sessions=2))
    shop.come_in(sub="anna")
    shop.go_out()
    shop.come_in(sub="ben")
    shop.wait(5)
    assert [ended.subject for ended in shop.events("session.ended")] == ["anna"]


def test_a_presence_sensor_that_is_lost_sees_no_empty_room() -> None:
    shop = Room(room())
    shop.come_in()
    shop.present(False)
    shop.fact(facts.DeviceLost("presence", shop.now, "cable"))
    shop.press_exit()
    shop.open_door()
    shop.close_door()
    shop.wait(10)
    assert shop.events("session.ended") == []


def test_one_who_was_let_out_and_stayed_is_not_gone_when_the_next_one_is_called_off() -> None:
    shop = Room(room(max_sessions=3))
    shop.come_in(sub="ben")
    code = shop.show(sub="anna")
    shop.open_door()
    shop.wait(1)
    shop.close_door()
    shop.show(sub="carl")
    shop.show_out(code)
    shop.command("end_session", session=shop.last("session.started").session)
    shop.come_in(sub="dora")
    shop.wait(5)
    assert [ended.subject for ended in shop.events("session.ended")] == ["carl"]


def test_a_fire_while_somebody_is_let_out_does_not_leave_the_room_busy_once_it_is_cleared() -> None:
    shop = Room(room())
    shop.show_out(shop.come_in())
    burning(shop)
    shop.fact(facts.InputChanged(FIRE, shop.now, False))
    for zone in ("shop", "cooler"):
        assert shop.command("clear_fire", zone=zone)["status"] == "done"
    shop.wait(60)
    assert shop.orders("lock")[-1] is False
    shop.show(sub="next")
    assert shop.last("session.started").subject == "next"


def test_clearing_a_fire_at_a_cabinet_leaves_it_open_for_who_is_in_the_room() -> None:
    shop = Room(room())
    shop.fact(facts.InputChanged(FIRE, shop.now, True), facts.InputChanged(FIRE, shop.now, False))
    shop.command("clear_fire", zone="shop")
    shop.come_in()
    shop.driven.clear()
    shop.command("clear_fire", zone="cooler")
    assert shop.orders("other-lock") == []


@pytest.mark.parametrize("stranger", [True, False], ids=["of a stranger's key", "used before"])
def test_a_film_of_codes_that_are_no_forgeries_does_not_fill_the_journal_nor_keep_anybody_out(stranger: bool) -> None:
    shop = Shop()
    films = [shop.token(key=STRANGER) if stranger else shop.token(exp=shop.moment.wall - 1) for _ in range(2)]
    for frame in range(3000):
        shop.show(films[frame % 2])
        shop.wait(0.2)
    assert len(shop.events("access.denied")) <= 10 * 31
    shop.show(sub="anna")
    assert shop.last("session.started").subject == "anna"
