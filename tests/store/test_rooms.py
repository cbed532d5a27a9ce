"""A room that is walked into, with a cabinet inside, in virtual time."""

from __future__ import annotations

from typing import Any

import pytest

from device.domain import facts
from device.domain.layout import Layout
from tests.store.shop import COLA, RIESLING, Shop, names


def room(*, presence: bool = True, cooler: dict[str, Any] | None = None, **zone: Any) -> Layout:
    inputs = [
        {"id": "exit", "zones": ["shop"], "kind": "exit", "driver": "gpio", "pin": 22},
        {"id": "fire", "zones": ["shop", "cooler"], "kind": "fire", "driver": "gpio", "pin": 5},
    ]
    if presence:
        inputs.append({"id": "presence", "zones": ["shop"], "kind": "presence", "driver": "gpio", "pin": 23})
    return Layout.model_validate(
        {
            "store": {"id": "test-01", "name": "Test", "timezone": "UTC", "currency": "EUR"},
            "mqtt": {"url": "mqtt://127.0.0.1:1883"},
            "catalogue": {"file": "products.csv"},
            "zone": [{"id": "shop", "kind": "room"} | zone, {"id": "cooler", "inside": "shop"} | (cooler or {})],
            "lock": [
                {"id": "lock", "zone": "shop", "driver": "gpio", "relay": 17, "contact": 27, "fail": "safe"},
                {"id": "other-lock", "zone": "cooler", "driver": "gpio", "relay": 18, "contact": 28},
            ],
            "scale": [
                {"id": "a", "zone": "shop", "driver": "mt-sics", "port": "serial:/dev/a"},
                {"id": "b", "zone": "cooler", "driver": "mt-sics", "port": "serial:/dev/b"},
            ],
            "slot": [
                {"id": "A", "scale": "a", "products": [RIESLING], "capacity": 12},
                {"id": "B", "scale": "b", "products": [COLA], "capacity": 24},
            ],
            "reader": [
                {"id": "qr", "zone": "shop", "driver": "line", "port": "serial:/dev/in", "direction": "in"},
                {"id": "out", "zone": "shop", "driver": "line", "port": "serial:/dev/out", "direction": "out"},
            ],
            "input": inputs,
        }
    )


class Room(Shop):
    """Somebody walks in and out of it."""

    def __init__(self, layout: Layout) -> None:
        super().__init__(layout, stocked=False)
        self.plates = {"a": 7500.0, "b": 3550.0}
        for device in ("lock", "other-lock", "a", "b", "qr", "out", "exit", "fire", "presence"):
            if device in self.store.plan.kinds:
                self.fact(facts.DeviceOnline(device, self.now, None, ""))
        for lock in ("lock", "other-lock"):
            self.fact(facts.DoorMoved(lock, self.now, True), facts.RelayMoved(lock, self.now, False))
        if "presence" in self.store.plan.inputs:
            self.present(False)
        for scale, grams in self.plates.items():
            self.fact(facts.PlateQuiet(scale, 1, self.now, grams, 0.3, True))

    def present(self, active: bool) -> None:
        if "presence" in self.store.plan.inputs:
            self.fact(facts.InputChanged("presence", self.now, active))

    def come_in(self, **claims: Any) -> str:
        code = self.show(**claims)
        self.open_door()
        self.present(True)
        self.wait(1)
        self.close_door()
        return code

    def orders(self, lock: str) -> list[bool]:
        """What a lock was told, True for open."""
        return [unlock for driven, unlock in self.driven if driven == lock]

    def press_exit(self) -> None:
        self.fact(facts.InputChanged("exit", self.now, True), facts.InputChanged("exit", self.now, False))

    def go_out(self) -> None:
        self.press_exit()
        self.open_door()
        self.wait(1)
        self.close_door()
        self.present(False)

    def show_out(self, code: str) -> None:
        self.fact(facts.CodeRead("out", self.now, code, False))


def test_who_walks_in_takes_and_leaves_by_the_exit_button_is_charged() -> None:
    shop = Room(room())
    shop.come_in(sub="anna")
    shop.weigh("a", -1250.0)
    shop.go_out()
    shop.wait(5)
    ended = shop.last("session.ended")
    assert (ended.reason, ended.subject, names(ended.cart), ended.needs_review) == ("exit", "anna", [(RIESLING, 1)], False)
    shop.folds()


def test_a_session_goes_on_while_the_door_is_shut_and_somebody_is_inside() -> None:
    shop = Room(room())
    shop.come_in()
    shop.wait(600)
    shop.weigh("a", -1250.0)
    assert shop.events("session.ended") == []
    assert shop.last("session.item_taken").gtin == RIESLING
    assert [alarm for alarm in shop.events("alarm.raised") if alarm.kind.startswith("unexplained")] == []


def test_the_cabinet_inside_is_open_while_somebody_is_in_the_room_and_its_picks_are_theirs() -> None:
    shop = Room(room())
    shop.come_in()
    assert shop.orders("other-lock") == [True]
    shop.open_door("other-lock")
    shop.weigh("b", -355.0)
    shop.close_door("other-lock")
    assert shop.orders("other-lock") == [True]
    shop.go_out()
    shop.wait(5)
    assert names(shop.last("session.ended").cart) == [(COLA, 1)]
    assert shop.orders("other-lock") == [True, False]
    shop.folds()


def test_the_cabinet_inside_left_open_is_locked_when_it_closes() -> None:
    shop = Room(room())
    shop.come_in()
    shop.open_door("other-lock")
    shop.go_out()
    shop.wait(5)
    assert shop.orders("other-lock") == [True]
    shop.close_door("other-lock")
    assert shop.orders("other-lock") == [True, False]


def test_a_code_at_the_reader_on_the_way_out_opens_and_ends_the_session() -> None:
    shop = Room(room())
    code = shop.come_in(sub="anna")
    shop.weigh("a", -1250.0)
    shop.show_out(code)
    assert shop.driven[-1] == ("lock", True)
    shop.open_door()
    shop.close_door()
    shop.wait(5)
    assert (shop.last("session.ended").reason, names(shop.last("session.ended").cart)) == ("exit", [(RIESLING, 1)])
    assert shop.driven[-1][1] is False
    shop.folds()


def test_an_expired_code_still_lets_its_visitor_out() -> None:
    shop = Room(room())
    code = shop.come_in()
    shop.wait(600)
    shop.show_out(code)
    assert shop.driven[-1] == ("lock", True)


def test_who_shows_the_code_and_stays_is_still_in_the_shop() -> None:
    shop = Room(room())
    code = shop.come_in()
    shop.show_out(code)
    shop.wait(20)
    assert shop.events("session.ended") == []
    shop.weigh("a", -1250.0)
    assert shop.last("session.item_taken").gtin == RIESLING


def test_a_strangers_code_at_the_way_out_opens_nothing() -> None:
    shop = Room(room())
    shop.come_in()
    shop.driven.clear()
    shop.show_out(shop.token(sub="ben"))
    assert shop.driven == []
    assert shop.last("access.denied").reason == "busy"


def test_leaving_by_the_door_without_the_button_is_not_forcing_it() -> None:
    shop = Room(room())
    shop.come_in()
    shop.open_door()
    shop.close_door()
    shop.present(False)
    shop.wait(5)
    assert shop.last("session.ended").reason == "exit"
    assert shop.events("alarm.raised") == []


def test_presence_that_flickers_while_nobody_uses_the_door_ends_nothing() -> None:
    shop = Room(room())
    shop.come_in()
    shop.present(False)
    shop.present(True)
    shop.wait(5)
    assert shop.events("session.ended") == []


def test_while_presence_sees_somebody_nobody_has_left() -> None:
    shop = Room(room())
    shop.come_in()
    shop.press_exit()
    shop.open_door()
    shop.close_door()
    shop.wait(30)
    assert shop.events("session.ended") == []


def without_presence(*, way_out: bool) -> Layout:
    plan = room(presence=False)
    return plan if way_out else plan.model_copy(update={"reader": plan.reader[:1]})


def test_where_the_code_is_shown_on_the_way_out_the_door_alone_ends_nothing() -> None:
    shop = Room(without_presence(way_out=True))
    code = shop.come_in()
    shop.go_out()
    shop.wait(5)
    assert not shop.events("session.ended")
    shop.show_out(code)
    shop.open_door()
    shop.close_door()
    shop.wait(5)
    assert shop.last("session.ended").reason == "exit"


def test_without_presence_or_a_way_out_one_who_was_alone_has_left() -> None:
    shop = Room(without_presence(way_out=False))
    shop.come_in()
    shop.go_out()
    shop.wait(5)
    assert shop.last("session.ended").reason == "exit"


def test_a_door_forced_with_nobody_inside_raises_an_alarm() -> None:
    shop = Room(room())
    shop.open_door()
    assert shop.last("alarm.raised").kind == "door_forced"
    shop.close_door()
    assert shop.last("door.closed").zone == "shop"


def test_a_room_for_one_is_busy_for_another() -> None:
    shop = Room(room())
    shop.come_in(sub="anna")
    shop.show(sub="ben")
    assert shop.last("access.denied").reason == "busy"


def test_with_two_visitors_a_pick_is_nobodys_and_both_need_review() -> None:
    shop = Room(room(max_sessions=2))
    shop.come_in(sub="anna")
    shop.weigh("a", -1250.0)
    shop.come_in(sub="ben")
    shop.weigh("a", -1250.0)
    pick = shop.last("session.item_taken")
    assert pick.session is None
    assert list(pick.candidates) == [started.session for started in shop.events("session.started")]
    shop.press_exit()
    shop.open_door()
    shop.close_door()
    shop.present(False)
    shop.wait(5)
    ended = {event.subject: event for event in shop.events("session.ended")}
    assert names(ended["anna"].cart) == [(RIESLING, 1)]
    assert names(ended["ben"].cart) == []
    assert all(event.review_reasons == ("several_sessions",) for event in ended.values())
    assert shop.store.slot_view("A", shop.moment)["count"] == 4
    shop.folds()


def test_of_two_visitors_the_one_who_shows_the_code_leaves() -> None:
    shop = Room(room(max_sessions=2))
    code = shop.come_in(sub="anna")
    shop.come_in(sub="ben")
    shop.show_out(code)
    shop.open_door()
    shop.close_door()
    shop.wait(5)
    assert [event.subject for event in shop.events("session.ended")] == ["anna"]


def test_a_code_that_nobody_follows_in_ends_never_opened_and_the_maglock_holds_again() -> None:
    shop = Room(room())
    shop.show()
    shop.wait(16)
    assert shop.last("session.ended").reason == "never_opened"
    assert shop.driven == [("lock", True), ("lock", False)]


def test_a_fire_opens_what_fails_safe_and_ends_every_session() -> None:
    shop = Room(room(max_sessions=3))
    shop.come_in(sub="anna")
    shop.come_in(sub="ben")
    shop.driven.clear()
    shop.fact(facts.InputChanged("fire", shop.now, True))
    assert ("lock", True) in shop.driven
    assert [event.reason for event in shop.events("session.ended")] == ["fire", "fire"]
    shop.open_door()
    shop.close_door()
    assert [order for order in shop.driven if order[0] == "lock"] == [("lock", True)]


def test_who_stays_too_long_is_told_and_needs_review() -> None:
    shop = Room(room(max_session_s=600))
    shop.come_in()
    shop.wait(601)
    assert (shop.last("session.ended").reason, shop.last("session.ended").review_reasons) == ("timeout", ("timeout",))


def test_service_comes_in_by_command_and_is_answered() -> None:
    shop = Room(room())
    shop.command("unlock", zone="shop")
    shop.open_door()
    assert shop.reply("c1")["result"]["opened"] is True
    session = shop.last("session.started").session
    assert shop.command("end_session", session=session)["status"] == "done"


@pytest.mark.parametrize("boot", [None, "boot-2"])
def test_a_visitor_is_still_inside_after_a_restart(boot: str | None) -> None:
    shop = Room(room())
    shop.come_in(sub="anna")
    shop.weigh("a", -1250.0)
    shop.restart(boot=boot)
    for lock in ("lock", "other-lock"):
        shop.fact(facts.DeviceOnline(lock, shop.now, None, ""))
        shop.fact(facts.RelayMoved(lock, shop.now, lock == "other-lock" and boot is None), facts.DoorMoved(lock, shop.now, True))
    for scale, grams in shop.plates.items():
        shop.fact(facts.PlateQuiet(scale, 1, shop.now, grams, 0.3, True))
    shop.present(True)
    shop.weigh("a", -1250.0)
    shop.go_out()
    shop.wait(5)
    assert names(shop.last("session.ended").cart) == [(RIESLING, 2)]
    shop.folds()
