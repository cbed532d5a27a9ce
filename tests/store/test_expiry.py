"""Expiry dates by slot, in virtual time. Noon of the test is 2026-11-22."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from device.store import inputs
from device.store.memory.state import Expiry
from tests.store.shop import COLA, GIN, RIESLING, Shop, layout, names

DAY_S = 86_400.0


@pytest.fixture
def shop() -> Shop:
    return Shop()


def expiry(shop: Shop, expires: str | None, slot: str = "A", gtin: str = RIESLING) -> dict[str, Any]:
    return shop.command("set_expiry", slot=slot, gtin=gtin, expires=expires)


def visit(shop: Shop, *moves: tuple[str, float], **claims: Any) -> Any:
    shop.show(**claims)
    shop.open_door()
    for scale, delta in moves:
        shop.weigh(scale, delta)
    shop.close_door()
    shop.wait(5)
    return shop.last("session.ended")


def told(shop: Shop) -> list[tuple[int | None, int | None]]:
    return [(event.count, event.days_left) for event in shop.events("stock.expiring")]


# --- the command ----------------------------------------------------------------------------------------------------------------


def test_a_date_is_set_shown_changed_and_taken_back(shop: Shop) -> None:
    assert expiry(shop, "2026-12-01")["result"] == {"before": None, "expires": "2026-12-01"}
    assert shop.store.slot_view("A", shop.moment)["expires"] == {RIESLING: "2026-12-01"}
    assert expiry(shop, "2026-12-24")["result"] == {"before": "2026-12-01", "expires": "2026-12-24"}
    assert expiry(shop, None)["result"] == {"before": "2026-12-24", "expires": None}
    assert shop.store.slot_view("A", shop.moment)["expires"] == {}
    shop.folds()


@pytest.mark.parametrize(
    "arguments",
    [
        {"slot": "Z", "gtin": RIESLING, "expires": "2026-12-01"},
        {"slot": "A", "gtin": COLA, "expires": "2026-12-01"},
        {"slot": "A", "gtin": RIESLING, "expires": "2026-02-30"},
        {"slot": "A", "gtin": RIESLING, "expires": "20261201"},
        {"slot": "A", "gtin": RIESLING, "expires": "2026-12-01T00:00:00"},
        {"slot": "A", "gtin": RIESLING, "expires": 1_796_000_000},
        {"slot": "A", "gtin": RIESLING},
    ],
)
def test_what_is_no_date_or_no_product_of_the_slot_is_refused(shop: Shop, arguments: dict[str, Any]) -> None:
    assert shop.command("set_expiry", **arguments)["reason"] == "bad_arguments"
    assert not any(slot.expiries for slot in shop.state.slots.values())


def test_a_date_outlives_a_restart(shop: Shop) -> None:
    expiry(shop, "2026-12-01")
    shop.restart(boot="boot-2")
    assert shop.state.slots["A"].expiries == {RIESLING: Expiry("2026-12-01")}


# --- what is told ---------------------------------------------------------------------------------------------------------------


def test_each_midnight_from_three_days_before_it_is_told_until_none_is_left(shop: Shop) -> None:
    expiry(shop, "2026-11-27")
    shop.wait(7 * DAY_S)
    assert told(shop) == [(6, 3), (6, 2), (6, 1), (6, 0), (6, -1), (6, -2)]
    assert shop.last("stock.expiring").expires == "2026-11-27"
    visit(shop, ("a", -7500.0), purpose="restock")
    before = len(told(shop))
    shop.wait(2 * DAY_S)
    assert len(told(shop)) == before
    shop.folds()


def test_it_is_told_at_midnight_of_the_store() -> None:
    plan = layout(age_limit=0)
    shop = Shop(plan.model_copy(update={"store": plan.store.model_copy(update={"timezone": "Europe/Rome"})}), stocked=False)
    shop.moment = replace(shop.moment, wall=datetime.fromisoformat("2026-10-24T23:30:00+02:00").timestamp())
    shop.wake()
    expiry(shop, "2026-10-27")
    shop.wait(2 * DAY_S + 2 * 3600)
    walls = [record.moment.wall for record in shop.records if record.what.TYPE == "stock.expiring"]
    local = [datetime.fromtimestamp(wall, shop.store.plan.timezone).isoformat()[:19] for wall in walls]
    assert local == ["2026-10-25T00:00:00", "2026-10-26T00:00:00", "2026-10-27T00:00:00"]
    assert [days for _, days in told(shop)] == [2, 1, 0]


def test_another_date_is_told_in_its_own_time(shop: Shop) -> None:
    expiry(shop, "2026-11-23")
    shop.wait(DAY_S)
    expiry(shop, "2026-12-31")
    shop.wait(DAY_S)
    assert [days for _, days in told(shop)] == [0]


def test_goods_whose_number_is_not_known_are_told_too(shop: Shop) -> None:
    expiry(shop, "2026-11-23", slot="C", gtin=COLA)
    shop.wait(DAY_S)
    assert told(shop) == [(None, 0)]


# --- when the goods change ------------------------------------------------------------------------------------------------------


def test_goods_that_come_where_none_were_left_have_another_date(shop: Shop) -> None:
    expiry(shop, "2026-11-23")
    visit(shop, ("a", -7500.0), purpose="restock")
    assert shop.store.slot_view("A", shop.moment)["expires"] == {}
    visit(shop, ("a", 7500.0), purpose="restock")
    assert shop.state.slots["A"].expiries == {}


def test_the_last_bottle_put_back_keeps_its_date(shop: Shop) -> None:
    shop.weigh("a", -6250.0)
    expiry(shop, "2026-12-01")
    visit(shop, ("a", -1250.0), ("a", 1250.0))
    assert shop.store.slot_view("A", shop.moment)["expires"] == {RIESLING: "2026-12-01"}


def test_a_date_said_before_an_empty_slot_is_filled_is_that_of_the_new_goods(shop: Shop) -> None:
    visit(shop, ("a", -7500.0), purpose="restock")
    expiry(shop, "2026-12-01")
    visit(shop, ("a", 7500.0), purpose="restock")
    assert shop.store.slot_view("A", shop.moment)["expires"] == {RIESLING: "2026-12-01"}


def test_goods_added_to_older_ones_leave_the_older_date(shop: Shop) -> None:
    expiry(shop, "2026-12-01")
    visit(shop, ("a", 2500.0), purpose="restock")
    assert shop.store.slot_view("A", shop.moment)["expires"] == {RIESLING: "2026-12-01"}


# --- what is sold past its date -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("expires", "reasons"), [("2026-11-21", ("expired",)), ("2026-11-22", ())])
def test_what_is_sold_past_its_last_day_needs_review_and_on_it_does_not(shop: Shop, expires: str, reasons: tuple[str, ...]) -> None:
    expiry(shop, expires)
    ended = visit(shop, ("a", -1250.0))
    assert (names(ended.cart), ended.review_reasons) == ([(RIESLING, 1)], reasons)
    shop.folds()


def test_the_last_expired_bottle_needs_review_too(shop: Shop) -> None:
    shop.weigh("a", -6250.0)
    expiry(shop, "2026-11-21")
    assert visit(shop, ("a", -1250.0)).review_reasons == ("expired",)


def test_an_expired_bottle_put_back_is_no_reason_to_look(shop: Shop) -> None:
    expiry(shop, "2026-11-21")
    assert not visit(shop, ("a", -1250.0), ("a", 1250.0), ("b", -355.0)).needs_review


def test_staff_who_take_expired_goods_away_are_not_reviewed(shop: Shop) -> None:
    expiry(shop, "2026-11-21")
    assert not visit(shop, ("a", -7500.0), purpose="restock").needs_review


def test_who_came_on_the_last_day_and_left_after_midnight_took_what_was_good(shop: Shop) -> None:
    expiry(shop, "2026-11-22")
    shop.wait(DAY_S / 2 - 60)
    shop.show()
    shop.open_door()
    shop.weigh("a", -1250.0)
    shop.wait(120)
    shop.close_door()
    shop.wait(5)
    assert not shop.last("session.ended").needs_review


def test_a_slot_that_has_another_product_now_tells_nothing_of_the_old_one(shop: Shop) -> None:
    expiry(shop, "2026-11-23")
    slots = [{"id": "A", "scale": "a", "products": [GIN], "capacity": 12}]
    assert shop.command("set_planogram", slots=slots)["status"] == "done"
    shop.wait(DAY_S)
    assert told(shop) == []


# --- while nobody knows what day it is ------------------------------------------------------------------------------------------


def trust_clock(shop: Shop, trusted: bool, by_s: float = 0.0) -> None:
    shop.moment = replace(shop.moment, trusted=trusted, wall=shop.moment.wall + by_s)
    shop.step(inputs.ClockState(trusted, 0.0))


def test_a_clock_that_is_not_trusted_judges_no_date_and_says_so(shop: Shop) -> None:
    expiry(shop, "2026-11-23")
    expiry(shop, "2031-01-01", slot="B", gtin=COLA)
    trust_clock(shop, False)
    shop.wait(3 * DAY_S)
    assert told(shop) == [(6, None), (10, None)] * 3
    shop.folds()


def test_dates_are_judged_as_soon_as_the_clock_is_trusted_again(shop: Shop) -> None:
    expiry(shop, "2026-11-24")
    trust_clock(shop, False)
    shop.wait(DAY_S)
    assert told(shop) == [(6, None)]
    trust_clock(shop, True)
    assert told(shop)[1:] == [(6, 1)]
    trust_clock(shop, True)
    trust_clock(shop, False)
    trust_clock(shop, True)
    assert len(told(shop)) == 2, "only a midnight that could not be judged is made up for"
    shop.wait(DAY_S)
    assert told(shop)[2:] == [(6, 0)]
    shop.folds()


def test_dates_that_could_not_be_judged_are_judged_after_a_restart_too(shop: Shop) -> None:
    expiry(shop, "2026-11-24")
    trust_clock(shop, False)
    shop.wait(DAY_S)
    shop.restart(boot="boot-2")
    shop.moment = replace(shop.moment, trusted=True)
    shop.step(inputs.ClockState(True, 0.0))
    assert told(shop)[1:] == [(6, 1)]
    shop.folds()


def test_a_board_without_a_clock_judges_when_it_has_learnt_the_time(shop: Shop) -> None:
    expiry(shop, "2026-11-20")
    right = shop.moment.wall
    shop.restart(boot="boot-2")
    shop.moment = replace(shop.moment, wall=0.0, trusted=False)
    shop.step(inputs.ClockState(False, 0.0))
    shop.wake()
    assert told(shop) == []
    shop.wait(DAY_S)
    assert told(shop) == [(6, None)]
    trust_clock(shop, True, right + DAY_S + 60 - shop.moment.wall)
    shop.step(inputs.Tick())
    assert told(shop)[1:] == [(6, -3)]
    shop.folds()


@pytest.mark.parametrize(("expires", "reasons"), [("2026-11-21", ("expiry_unknown",)), (None, ())])
def test_goods_with_a_date_that_are_sold_by_a_clock_nobody_trusts_are_reviewed(
    shop: Shop, expires: str | None, reasons: tuple[str, ...]
) -> None:
    expiry(shop, expires)
    shop.show()
    shop.open_door()
    trust_clock(shop, False)
    shop.weigh("a", -1250.0)
    shop.close_door()
    shop.wait(5)
    assert shop.last("session.ended").review_reasons == reasons


def test_a_visit_that_began_before_the_clock_was_set_is_judged_by_when_it_really_began(shop: Shop) -> None:
    expiry(shop, "2026-11-21")
    trust_clock(shop, True, -400 * DAY_S)
    shop.show()
    shop.open_door()
    shop.weigh("a", -1250.0)
    trust_clock(shop, True, 400 * DAY_S)
    shop.close_door()
    shop.wait(5)
    assert shop.last("session.ended").review_reasons == ("expired",)
