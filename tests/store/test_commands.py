"""Commands: what each does, what it refuses, and that it does it once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from device.domain import facts
from device.domain.commands import COMMANDS
from device.domain.effects import Calibrate, Reload, Resend
from device.domain.jws import sign
from device.engine.records import row_of
from tests.store.shop import COLA, GIN, KEY, ORIGIN, RIESLING, STRANGER, Shop, names


@pytest.fixture
def shop() -> Iterator[Shop]:
    shop = Shop()
    yield shop
    shop.folds()


def test_an_unlock_is_accepted_and_done_when_the_door_has_opened(shop: Shop) -> None:
    assert shop.command("unlock", zone="fridge") == {"status": "accepted", "reason": None, "result": None}
    shop.wait(2)
    shop.open_door()
    reply = shop.reply("c1")
    assert reply["status"] == "done"
    assert reply["result"] == {"unlocked": True, "opened": True, "opened_after_s": pytest.approx(2.0)}
    assert shop.last("session.started").purpose == "service"


def test_an_unlock_whose_door_nobody_opens_is_done_and_says_so(shop: Shop) -> None:
    shop.command("unlock", zone="fridge", purpose="restock")
    shop.wait(16)
    assert shop.reply("c1")["result"] == {"unlocked": True, "opened": False}


def test_an_unlock_that_the_relay_refuses_has_failed(shop: Shop) -> None:
    shop.refusal = "no answer"
    assert shop.command("unlock", zone="fridge") == {"status": "failed", "reason": "no answer", "result": None}


def test_the_same_command_twice_moves_the_lock_once_and_gets_the_newest_reply(shop: Shop) -> None:
    claims = {"id": "once", "name": "unlock", "args": {"zone": "fridge"}, "iat": shop.moment.wall, "exp": shop.moment.wall + 15,
              "sub": "operator", "aud": "test-01"}  # fmt: skip
    payload = sign(claims, KEY).encode()
    shop.send("unlock", payload, "once")
    shop.open_door()
    first = shop.reply("once")
    shop.close_door()
    shop.wait(5)
    assert shop.send("unlock", payload, "once") == first
    assert shop.driven.count(("lock", True)) == 1


def test_a_lock_command_ends_a_session_that_waits_for_its_door(shop: Shop) -> None:
    shop.show()
    assert shop.command("lock", zone="fridge")["status"] == "done"
    assert shop.last("session.ended").reason == "command"
    assert shop.driven[-1] == ("lock", False)


def test_a_lock_command_is_refused_while_the_door_is_open(shop: Shop) -> None:
    shop.show()
    shop.open_door()
    assert shop.command("lock", zone="fridge")["reason"] == "busy"


def test_stopped_sales_refuse_shoppers_and_let_service_in(shop: Shop) -> None:
    assert shop.command("stop_sales", zone="fridge", reason="cleaning")["status"] == "done"
    shop.show()
    assert shop.last("access.denied").reason == "sales_stopped"
    assert shop.view["sales"] == "stopped"
    assert shop.view["reasons"] == ["cleaning"]
    shop.show(purpose="service")
    assert shop.last("access.granted").purpose == "service"


def test_resumed_sales_let_shoppers_in_again(shop: Shop) -> None:
    shop.command("stop_sales", zone="fridge")
    shop.command("resume_sales", zone="fridge")
    shop.show()
    assert shop.last("sales.resumed").by == "operator"
    assert shop.last("access.granted").subject == "shopper-1"


def test_an_ended_session_keeps_its_cart(shop: Shop) -> None:
    shop.show()
    shop.open_door()
    shop.weigh("a", -1250.0)
    session = shop.last("session.started").session
    assert shop.command("end_session", session=session)["status"] == "done"
    assert names(shop.last("session.ended").cart) == [(RIESLING, 1)]
    assert shop.command("end_session", session=session)["reason"] == "bad_arguments"


def test_an_alarm_that_people_clear_is_cleared_with_their_note(shop: Shop) -> None:
    shop.open_door()
    alarm = shop.last("alarm.raised").alarm
    assert shop.command("acknowledge_alarm", alarm=alarm, note="child playing")["result"] == {"cleared": True}
    assert shop.last("alarm.cleared").details["note"] == "child playing"
    assert shop.last("alarm.cleared").by == "operator"


def test_an_alarm_whose_condition_lasts_is_not_cleared_by_hand(shop: Shop) -> None:
    shop.show()
    shop.open_door()
    shop.wait(61)
    assert shop.command("acknowledge_alarm", alarm=shop.last("alarm.raised").alarm)["result"] == {"cleared": False}
    assert shop.events("alarm.cleared") == []


def test_a_new_planogram_holds_at_once_and_forgets_old_slots(shop: Shop) -> None:
    slots = [{"id": "N", "scale": "a", "channel": 1, "products": [COLA], "capacity": 10}]
    assert shop.command("set_planogram", slots=slots)["status"] == "done"
    assert set(shop.store.plan.slots) == {"N"}
    assert set(shop.state.slots) <= {"N"}
    assert [effect.scale for effect in shop.effects if isinstance(effect, Calibrate)] == ["a"]
    shop.fact(facts.PlateQuiet("a", 1, shop.now, 3550.0, 0.3, True))
    assert shop.store.slot_view("N", shop.moment)["count"] == 10


@pytest.mark.parametrize(
    "slots",
    [
        [{"id": "N", "scale": "nowhere", "products": [COLA]}],
        [{"id": "N", "scale": "a", "channel": 2, "products": [COLA]}],
        [{"id": "N", "scale": "a", "products": ["04012345678901"]}],
        [{"id": "N", "scale": "a", "products": [COLA]}, {"id": "M", "scale": "a", "products": [COLA]}],
        [{"id": "N", "scale": "a", "products": [COLA]}, {"id": "N", "scale": "b", "products": [COLA]}],
        [{"id": "fridge", "scale": "a", "products": [COLA]}],
    ],
)
def test_a_planogram_that_does_not_fit_the_store_is_refused_whole(shop: Shop, slots: list[dict[str, Any]]) -> None:
    assert shop.command("set_planogram", slots=slots)["reason"] == "bad_arguments"
    assert set(shop.store.plan.slots) == {"A", "B", "C"}


def test_a_planogram_is_not_changed_under_a_running_session(shop: Shop) -> None:
    shop.show()
    slots = [{"id": "N", "scale": "a", "products": [COLA]}]
    assert shop.command("set_planogram", slots=slots)["reason"] == "busy"


def test_a_catalogue_without_a_product_of_the_shelves_is_refused(shop: Shop) -> None:
    products = [{"gtin": COLA, "name": "Cola", "grams": 355, "price_minor": 300}]
    assert shop.command("set_catalogue", products=products)["reason"] == "bad_arguments"


def test_new_prices_hold_for_the_next_session(shop: Shop) -> None:
    products = [
        {"gtin": RIESLING, "name": "Riesling", "grams": 1250, "price_minor": 9900},
        {"gtin": COLA, "name": "Cola", "grams": 355, "price_minor": 300},
    ]
    shop.command("set_catalogue", products=products)
    shop.show()
    shop.open_door()
    shop.weigh("a", -1250.0)
    shop.close_door()
    shop.wait(3)
    assert shop.last("session.ended").total_minor == 9900


def test_a_revoked_code_or_subject_is_denied(shop: Shop) -> None:
    code = shop.token(jti="stolen")
    shop.command("revoke", jti="stolen")
    shop.show(code)
    assert shop.last("access.denied").reason == "revoked"
    shop.command("revoke", subject="mallory")
    shop.show(sub="mallory")
    assert shop.last("access.denied").reason == "revoked"
    assert shop.command("revoke", jti="a", subject="b")["reason"] == "bad_arguments"


def test_an_order_is_assigned_once_it_names_known_products(shop: Shop) -> None:
    order = {"id": "o1", "lines": [{"gtin": COLA, "quantity": 2}]}
    assert shop.command("assign_order", order=order, zone="fridge")["status"] == "done"
    unknown = {"id": "o2", "lines": [{"gtin": "04012345678901", "quantity": 2}]}
    assert shop.command("assign_order", order=unknown, zone="fridge")["reason"] == "bad_arguments"
    assert list(shop.state.orders) == ["o1"]


def test_a_pickup_tells_what_is_missing_and_what_is_extra(shop: Shop) -> None:
    shop.show(purpose="pickup", order={"id": "o1", "lines": [{"gtin": COLA, "quantity": 2}, {"gtin": GIN, "quantity": 1}]})
    shop.open_door()
    shop.weigh("b", -355.0)
    shop.weigh("a", -1250.0)
    shop.close_door()
    shop.wait(3)
    lines = {line.gtin: (line.asked, line.taken, line.missing, line.extra) for line in shop.last("session.ended").order.lines}
    assert lines == {COLA: (2, 1, 1, 0), GIN: (1, 0, 1, 0), RIESLING: (0, 1, 0, 1)}
    assert shop.state.orders["o1"].picked_up


def test_a_tare_makes_what_stands_there_the_zero(shop: Shop) -> None:
    reply = shop.command("tare", slot="A")
    assert reply["status"] == "done"
    new = [effect for effect in shop.effects if isinstance(effect, Calibrate)][-1]
    assert (new.scale, new.per_gram) == ("a", 1.0)
    assert new.zero == pytest.approx(7500.0)


def test_a_calibration_fits_the_known_weight(shop: Shop) -> None:
    assert shop.command("calibrate", slot="A", grams=7400)["status"] == "done"
    new = [effect for effect in shop.effects if isinstance(effect, Calibrate)][-1]
    assert new.per_gram == pytest.approx(7500 / 7400)
    assert shop.command("calibrate", slot="B", grams=100_000)["reason"] == "bad_arguments"


def test_a_plate_that_moves_or_is_shopped_from_is_not_calibrated(shop: Shop) -> None:
    shop.fact(facts.PlateMoving("a", 1, shop.now))
    assert shop.command("tare", slot="A")["reason"] == "busy"
    shop.show()
    assert shop.command("tare", slot="B")["reason"] == "busy"


def test_a_counted_slot_knows_its_count(shop: Shop) -> None:
    assert shop.command("count", slot="C", gtin=COLA, count=4)["result"] == {"before": None, "count": 4}
    assert shop.command("count", slot="A", gtin="09520000000219", count=4)["reason"] == "bad_arguments"
    assert shop.store.slot_view("C", shop.moment)["counts"] == {RIESLING: None, COLA: 4}


def test_a_snapshot_holds_the_state(shop: Shop) -> None:
    result = shop.command("snapshot")["result"]
    assert result["slots"]["A"]["count"] == 6
    assert result["zones"]["fridge"]["door"] == "closed"


def test_resend_and_reload_are_handed_on(shop: Shop) -> None:
    assert shop.command("resend", inbound={"args": {"from": 1}})["status"] == "done"
    assert Resend(1) in shop.effects
    assert shop.command("resend", inbound={"args": {"from": 100_000}})["reason"] == "bad_arguments"
    assert shop.command("reload")["status"] == "accepted"
    assert Reload("c3") in shop.effects


@pytest.mark.parametrize("name", ["unlock", "lock", "stop_sales", "resume_sales", "clear_fire"])
def test_a_zone_that_is_not_there_is_refused(shop: Shop, name: str) -> None:
    assert shop.command(name, zone="attic")["reason"] == "unknown_zone"


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_an_unknown_argument_is_refused(shop: Shop, name: str) -> None:
    assert shop.command(name, nonsense=1)["reason"] == "bad_arguments"


def test_a_command_for_another_store_is_refused_and_its_id_is_not_used_up(shop: Shop) -> None:
    assert shop.command("unlock", inbound={"aud": "test-02", "id": "x"}, zone="fridge")["reason"] == "wrong_store"
    assert shop.command("unlock", inbound={"id": "x"}, zone="fridge")["status"] == "accepted"


def test_unauthenticated_commands_are_counted_and_journalled_once_a_minute(shop: Shop) -> None:
    for _ in range(5):
        assert shop.command("unlock", key=STRANGER, zone="fridge")["reason"] == "unknown_key"
    assert len(shop.events("command.refused")) == 1
    assert shop.store.refused_unsigned == 5
    shop.wait(61)
    shop.command("unlock", key=STRANGER, zone="fridge")
    assert len(shop.events("command.refused")) == 2


def test_a_retained_command_is_refused_unread(shop: Shop) -> None:
    shop.send("unlock", b"{}", "", retained=True)
    assert shop.last("command.refused").reason == "retained"
    assert shop.driven == []


def test_a_busy_cabinet_refuses_a_second_unlock(shop: Shop) -> None:
    shop.command("unlock", zone="fridge")
    assert shop.command("unlock", zone="fridge")["reason"] == "busy"


def test_food_that_is_still_warm_is_not_sold_again() -> None:
    shop = Shop(temperature={"min_celsius": 0, "max_celsius": 5, "regime": "food", "over_for_s": 60})
    shop.fact(facts.TemperatureKnown("t", shop.now, 9.0))
    shop.wait(61)
    assert shop.last("alarm.raised").kind == "too_warm"
    assert shop.last("sales.stopped").reasons == ("too_warm",)
    assert shop.command("resume_sales", zone="fridge")["reason"] == "still_warm"
    shop.fact(facts.TemperatureKnown("t", shop.now, 4.0))
    assert shop.last("alarm.cleared").kind == "too_warm"
    assert shop.view["sales"] == "stopped"
    assert shop.command("resume_sales", zone="fridge")["status"] == "done"
    shop.folds()


def test_the_name_of_a_command_that_anybody_may_choose_is_journalled_in_part() -> None:
    shop = Shop()
    shop.send("x" * 60_000, b"{}", "", retained=True)
    assert shop.last("command.refused").name == "x" * 63 + "…"
    shop.command("y" * 2000)
    assert shop.last("command.refused").name == "y" * 63 + "…"
    assert max(len(row_of(record, ORIGIN).body) for record in shop.records) < 2000
    shop.folds()
