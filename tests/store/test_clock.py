"""The clock on the wall is set forward and back by hours, changes its zone, and goes through both nights of daylight saving.

Noon of the test is Sunday, 2026-11-22.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from device.domain import facts
from device.domain.layout import Layout
from device.store import inputs
from device.store.plan import Plan
from tests.store.shop import PRODUCTS, RIESLING, Shop, layout, names

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S


@pytest.fixture
def shop() -> Shop:
    return Shop()


def set_clock(shop: Shop, by_s: float) -> None:
    """The wall clock is set; the uptime only runs."""
    shop.moment = replace(shop.moment, wall=shop.moment.wall + by_s)
    shop.step(inputs.Tick())


def in_zone(timezone: str, **zone: Any) -> Layout:
    plan = layout(**({"age_limit": 0} | zone))
    return plan.model_copy(update={"store": plan.store.model_copy(update={"timezone": timezone})})


def in_rome_at(text: str, **zone: Any) -> Shop:
    """A store in Rome that starts at a time with its offset."""
    shop = Shop(in_zone("Europe/Rome", **zone), stocked=False)
    set_clock(shop, datetime.fromisoformat(text).timestamp() - shop.moment.wall)
    shop.wake()
    return shop


def visit(shop: Shop, *moves: float) -> Any:
    shop.show()
    shop.open_door()
    for delta in moves:
        shop.weigh("a", delta)
    shop.close_door()
    shop.wait(5)
    return shop.last("session.ended")


def midnights(shop: Shop, kind: str = "stock.reported") -> list[str]:
    """When the fridge accounted for its day, on the clock of its wall."""
    records = [record for record in shop.records if kind == record.what.TYPE and record.subject == "fridge"]
    return [datetime.fromtimestamp(record.moment.wall, shop.store.plan.timezone).isoformat()[5:16] for record in records]


# --- codes ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("by_s", "reason"), [(3 * HOUR_S, "expired"), (-3 * HOUR_S, "not_yet_valid")])
def test_a_good_code_is_refused_while_the_clock_is_hours_off_and_taken_when_it_is_right(shop: Shop, by_s: float, reason: str) -> None:
    code = shop.token()
    set_clock(shop, by_s)
    shop.show(code)
    assert shop.last("access.denied").reason == reason
    set_clock(shop, -by_s)
    shop.show(code)
    assert shop.last("access.granted").jti == "j1"


@pytest.mark.parametrize("by_s", [-3 * HOUR_S, -3 * DAY_S])
def test_a_used_code_stays_used_when_the_clock_is_set_back(shop: Shop, by_s: float) -> None:
    code = shop.token(iat=shop.moment.wall - 7 * DAY_S, exp=shop.moment.wall + DAY_S)
    shop.show(code)
    shop.wait(20)
    set_clock(shop, by_s)
    shop.show(code)
    assert shop.last("access.denied").reason == "used"


# --- what runs on the uptime ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by_s", [5 * HOUR_S, -5 * HOUR_S])
def test_the_window_of_an_unlocked_door_is_neither_longer_nor_shorter_for_a_clock_that_is_set(shop: Shop, by_s: float) -> None:
    shop.show()
    set_clock(shop, by_s)
    shop.wait(14)
    assert not shop.events("session.ended")
    shop.wait(2)
    assert shop.last("session.ended").reason == "never_opened"
    assert shop.driven[-1] == ("lock", False)


@pytest.mark.parametrize("by_s", [5 * HOUR_S, -5 * HOUR_S])
def test_a_visit_lasts_as_long_as_it_lasts_whatever_the_clock_is_set_to(shop: Shop, by_s: float) -> None:
    shop.show()
    shop.open_door()
    shop.weigh("a", -1250.0)
    set_clock(shop, by_s)
    shop.wait(100)
    shop.close_door()
    shop.wait(5)
    ended = shop.last("session.ended")
    assert (names(ended.cart), ended.needs_review, ended.duration_s) == ([(RIESLING, 1)], False, pytest.approx(103.0))
    shop.folds()


@pytest.mark.parametrize("by_s", [5 * HOUR_S, -5 * HOUR_S])
def test_who_overstays_is_sent_home_after_as_long_as_ever(shop: Shop, by_s: float) -> None:
    shop.show()
    shop.open_door()
    set_clock(shop, by_s)
    shop.wait(1795)
    assert not shop.events("session.ended")
    shop.wait(10)
    assert shop.last("session.ended").reason == "timeout"


# --- hours and their grace ------------------------------------------------------------------------------------------------------

UNTIL_TEN: dict[str, Any] = {"sales_hours": ["Mon-Sun 10:00-22:00"], "closing_grace_s": 300, "max_session_s": 7200}


def test_hours_hold_by_the_clock_as_it_is_now() -> None:
    shop = Shop(**UNTIL_TEN)
    set_clock(shop, 10.5 * HOUR_S)
    shop.show()
    assert shop.last("access.denied").reason == "closed_hours"
    set_clock(shop, -10.5 * HOUR_S)
    shop.show()
    assert shop.events("access.granted")


@pytest.mark.parametrize(("by_s", "lasts_s"), [(9.75 * HOUR_S, 900 + 300), (11 * HOUR_S, 300)])
def test_when_the_clock_is_set_forward_who_is_inside_has_until_the_hours_end_and_the_grace(by_s: float, lasts_s: float) -> None:
    shop = Shop(**UNTIL_TEN)
    shop.show()
    shop.open_door()
    set_clock(shop, by_s)
    shop.wait(lasts_s - 5)
    assert not shop.events("session.ended")
    shop.wait(10)
    assert shop.last("session.ended").reason == "timeout"
    shop.folds()


def test_when_the_clock_is_set_back_who_is_inside_may_stay_until_the_hours_end_by_it() -> None:
    shop = Shop(**UNTIL_TEN)
    set_clock(shop, 9.9 * HOUR_S)
    shop.show()
    shop.open_door()
    set_clock(shop, -3 * HOUR_S)
    shop.wait(3600)
    assert not shop.events("session.ended")
    shop.close_door()
    shop.wait(5)
    assert shop.last("session.ended").reason == "door_closed"


# --- midnight and the full hour -------------------------------------------------------------------------------------------------


def test_a_midnight_that_the_clock_skipped_is_accounted_for_at_once_and_once(shop: Shop) -> None:
    shop.wait(13 * HOUR_S)
    set_clock(shop, 24 * HOUR_S)
    assert midnights(shop) == ["11-23T00:00", "11-24T01:00"]
    shop.wait(DAY_S)
    assert midnights(shop)[2:] == ["11-25T00:00"]
    shop.folds()


def test_after_the_clock_was_set_forward_within_a_day_its_midnight_counts(shop: Shop) -> None:
    set_clock(shop, 5 * HOUR_S)
    shop.wait(DAY_S)
    assert midnights(shop) == ["11-23T00:00"]


def test_after_the_clock_was_set_back_no_day_is_accounted_for_before_its_midnight(shop: Shop) -> None:
    set_clock(shop, -5 * HOUR_S)
    shop.wait(16 * HOUR_S)
    assert midnights(shop) == []
    shop.wait(2 * HOUR_S)
    assert midnights(shop) == ["11-23T00:00"]


def test_accounts_add_up_and_none_begins_after_its_end_though_the_clock_went_back_over_midnight(shop: Shop) -> None:
    shop.wait(12.5 * HOUR_S)
    visit(shop, -1250.0)
    set_clock(shop, -HOUR_S)
    shop.wait(2 * HOUR_S)
    reports = [event for event in shop.events("stock.reported") if event.zone == "fridge"]
    assert sum(line.sold for report in reports for line in report.lines) == 1
    told = [*reports, *shop.events("shelf.engagement")]
    assert all(event.from_ is None or datetime.fromisoformat(event.from_) <= datetime.fromisoformat(event.to) for event in told)
    assert sum(product.sold for event in shop.events("shelf.engagement") for product in event.products) == 1


@pytest.mark.parametrize("by_s", [1800.0, -1800.0])
def test_how_products_fared_is_told_at_the_full_hour_of_the_clock_as_it_is_now(shop: Shop, by_s: float) -> None:
    visit(shop, -1250.0)
    set_clock(shop, by_s)
    shop.wait(2 * HOUR_S)
    (at,) = midnights(shop, "shelf.engagement")
    assert at.endswith(":00")


def test_a_board_without_a_clock_that_learns_the_time_tells_no_day_twice(shop: Shop) -> None:
    shop.wait(13 * HOUR_S)
    right = shop.moment.wall
    shop.restart(boot="boot-2")
    shop.moment = replace(shop.moment, wall=0.0, trusted=False)
    shop.wake()
    shop.moment = replace(shop.moment, trusted=True)
    set_clock(shop, right - shop.moment.wall)
    shop.wait(60)
    assert midnights(shop) == ["11-23T00:00"]
    shop.wait(DAY_S)
    assert midnights(shop)[1:] == ["11-24T00:00"]


# --- the record of temperatures -------------------------------------------------------------------------------------------------

COLD: dict[str, Any] = {"temperature": {"min_celsius": 2, "max_celsius": 12, "record_every_s": 300}}


@pytest.mark.parametrize("by_s", [5 * HOUR_S, -5 * HOUR_S, 0.0])
@pytest.mark.parametrize("start", ["2027-03-28T00:00:00+01:00", "2026-10-25T00:00:00+02:00", "2026-11-22T12:00:00+01:00"])
def test_temperatures_are_recorded_at_their_intervals_whatever_the_clock_does(start: str, by_s: float) -> None:
    shop = in_rome_at(start, **COLD)
    for minute in range(6 * 60):
        shop.fact(facts.TemperatureKnown("t", shop.now, 8.0 + minute % 3 / 16))
        if minute == 100:
            set_clock(shop, by_s)
        shop.wait(60)
    recorded = shop.events("temperature.recorded")
    lasted = {datetime.fromisoformat(event.to).timestamp() - datetime.fromisoformat(event.from_).timestamp() for event in recorded}
    assert (len(recorded), lasted) == (72, {300.0})
    assert all((event.gap_s, event.samples) == (0.0, 5) for event in recorded[1:])
    assert shop.events("temperature.excursion_started", "alarm.raised") == []
    shop.folds()


# --- another time zone ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["restart", "reload"])
def test_in_another_time_zone_hours_and_midnight_are_those_of_its_walls(how: str) -> None:
    shop = Shop(in_zone("UTC", sales_hours=["Mon-Sun 10:00-22:00"]))
    shop.layout = in_zone("Asia/Shanghai", sales_hours=["Mon-Sun 10:00-22:00"])
    if how == "restart":
        shop.restart()
        shop.wake()
    else:
        shop.store.replan(Plan(shop.layout, PRODUCTS, shop.state), shop.store.trust)
        shop.step(inputs.Reloaded(None, ()))
    assert shop.view["sales"] == "open"
    shop.wait(2.5 * HOUR_S)
    assert shop.view["sales"] == "closed_hours"
    shop.wait(2 * HOUR_S)
    assert midnights(shop) == ["11-23T00:00"]


# --- daylight saving ------------------------------------------------------------------------------------------------------------

NIGHT: dict[str, Any] = {"sales_hours": ["Mon-Sun 22:00-02:30"], "closing_grace_s": 60, "max_session_s": 7200}


@pytest.mark.parametrize(
    ("start", "lasts_s"),
    [
        ("2027-03-28T01:50:00+01:00", 600 + 60),  # the clock goes from 02:00 to 03:00, which is after closing
        ("2026-10-25T02:10:00+02:00", 1200 + 60),  # the first 02:30
        ("2026-10-25T02:10:00+01:00", 1200 + 60),  # the wall shows 02:10 for a second time: it is open again
    ],
)
def test_in_a_night_of_daylight_saving_the_hours_end_when_the_wall_says_so(start: str, lasts_s: float) -> None:
    shop = in_rome_at(start, **NIGHT)
    shop.show()
    shop.open_door()
    shop.wait(lasts_s - 5)
    assert not shop.events("session.ended")
    shop.wait(10)
    assert shop.last("session.ended").reason == "timeout"


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2027-03-28T01:59:00.000+01:00", "2027-03-28T03:00"),
        ("2026-10-25T02:59:00.000+02:00", "2026-10-25T02:00"),
    ],
)
def test_a_visit_across_the_change_is_one_visit_of_as_many_seconds_as_it_took(start: str, end: str) -> None:
    shop = in_rome_at(start)
    ended = visit(shop, -1250.0, -1250.0)
    assert (ended.started, ended.duration_s, names(ended.cart)) == (start, pytest.approx(4.0), [(RIESLING, 2)])
    shop.wait(60)
    shop.show()
    shop.open_door()
    assert datetime.fromtimestamp(shop.moment.wall, shop.store.plan.timezone).isoformat()[:16] == end
    shop.weigh("a", -1250.0)
    shop.close_door()
    shop.wait(5)
    assert names(shop.last("session.ended").cart) == [(RIESLING, 1)]


@pytest.mark.parametrize("start", ["2027-03-27T23:30:00+01:00", "2026-10-24T23:30:00+02:00"])
def test_in_a_night_of_daylight_saving_nobody_is_asked_for_an_hour_that_does_not_exist(start: str) -> None:
    shop = in_rome_at(start, sales_hours=["Mon-Sun 00:00-24:00"])
    for _ in range(20):
        visit(shop, -1250.0)
        visit(shop, 1250.0)
        shop.wait(600)
    assert not shop.events("access.denied")
    told = midnights(shop, "shelf.engagement")
    assert len(told) >= 3
    assert all(at.endswith(":00") for at in told)
