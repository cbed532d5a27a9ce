"""What is told by the clock: engagement each hour, and the stock's account each night, in virtual time. The test begins at noon."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device.domain import facts
from device.domain.layout import Layout
from device.store import inputs
from tests.store.shop import COLA, NOON, RIESLING, Shop, layout

HOUR_S = 3600.0
DAY_S = 86_400.0


@pytest.fixture
def shop() -> Shop:
    return Shop()


def visit(shop: Shop, *moves: tuple[str, float], purpose: str = "shop", **claims: Any) -> None:
    """Somebody comes, moves things (scale, grams), and goes."""
    shop.show(purpose=purpose, **claims)
    shop.open_door()
    for scale, grams in moves:
        shop.weigh(scale, grams)
        shop.wait(3)
    shop.close_door()
    shop.wait(6)


def engagement(shop: Shop) -> dict[str, Any]:
    (event,) = shop.events("shelf.engagement")
    return {product.gtin: product for product in event.products}


def account(shop: Shop, slot: str, gtin: str) -> Any:
    report = [event for event in shop.events("stock.reported") if event.zone == "fridge"][-1]
    (line,) = [line for line in report.lines if (line.slot, line.gtin) == (slot, gtin)]
    return line


# --- engagement -----------------------------------------------------------------------------------------------------------------


def test_each_hour_it_is_told_how_products_fared(shop: Shop) -> None:
    visit(shop, ("a", -1250.0), ("b", -355.0), ("b", 355.0))
    visit(shop, ("a", -1250.0), ("a", -1250.0), ("a", 1250.0))
    shop.wait(HOUR_S)
    products = engagement(shop)
    riesling, cola = products[RIESLING], products[COLA]
    assert (riesling.picks, riesling.put_backs, riesling.sold, riesling.conversion) == (3, 1, 2, pytest.approx(2 / 3, abs=1e-4))
    assert (cola.picks, cola.put_backs, cola.sold, cola.conversion) == (1, 1, 0, 0.0)
    assert cola.in_hand_s == pytest.approx(4.0)  # taken, three seconds later moved back, a second until it settled
    shop.folds()


def test_an_hour_in_which_nobody_touched_anything_is_not_told(shop: Shop) -> None:
    visit(shop)
    shop.wait(5 * HOUR_S)
    assert shop.events("shelf.engagement") == []


def test_each_hour_counts_afresh(shop: Shop) -> None:
    visit(shop, ("a", -1250.0))
    shop.wait(HOUR_S)
    visit(shop, ("b", -355.0))
    shop.wait(HOUR_S)
    first, second = shop.events("shelf.engagement")
    assert [product.gtin for product in second.products] == [COLA]
    assert first.to <= second.from_


def test_what_staff_do_is_no_engagement(shop: Shop) -> None:
    visit(shop, ("a", 1250.0), ("b", -355.0), purpose="restock")
    shop.wait(HOUR_S)
    assert shop.events("shelf.engagement") == []


def test_engagement_says_nothing_of_who_it_was(shop: Shop) -> None:
    visit(shop, ("a", -1250.0), sub="anna")
    shop.wait(HOUR_S)
    (event,) = shop.events("shelf.engagement")
    session = shop.last("session.ended").session
    assert "anna" not in repr(event)
    assert session not in repr(event)


def test_engagement_outlives_a_restart(shop: Shop) -> None:
    visit(shop, ("a", -1250.0))
    shop.restart()
    shop.wait(HOUR_S)
    assert engagement(shop)[RIESLING].picks == 1


# --- stock ----------------------------------------------------------------------------------------------------------------------


def test_at_midnight_a_zone_accounts_for_its_day(shop: Shop) -> None:
    visit(shop, ("a", -1250.0), ("a", -1250.0), ("a", 1250.0))
    visit(shop, ("b", 710.0), purpose="restock")
    shop.wait(12 * HOUR_S)
    riesling, cola = account(shop, "A", RIESLING), account(shop, "B", COLA)
    assert (riesling.opening, riesling.sold, riesling.restocked, riesling.shrink, riesling.count) == (6, 1, 0, 0, 5)
    assert (cola.opening, cola.sold, cola.restocked, cola.shrink, cola.count) == (10, 0, 2, 0, 12)
    assert shop.last("stock.reported").to.startswith("2026-11-23T00:00:00")
    shop.folds()


def test_what_left_with_the_door_shut_is_shrink(shop: Shop) -> None:
    shop.weigh("a", -1250.0)
    shop.wait(12 * HOUR_S)
    line = account(shop, "A", RIESLING)
    assert (line.opening, line.sold, line.shrink, line.count) == (6, 0, 1, 5)


def flow(line: Any) -> tuple[int, int, int, int, int, int]:
    return line.opening, line.sold, line.restocked, line.shrink, line.strayed, line.count


def test_what_is_put_back_on_another_slot_is_sold_when_somebody_buys_it_there(shop: Shop) -> None:
    visit(shop, ("a", -1250.0), ("b", 1250.0))
    shop.wait(12 * HOUR_S)
    assert flow(account(shop, "A", RIESLING)) == (6, 0, 0, 0, 1, 5)
    assert account(shop, "A", RIESLING).days_of_cover is None
    assert account(shop, "B", COLA).misplaced == 1
    visit(shop, ("b", -1250.0))
    shop.wait(DAY_S)
    assert flow(account(shop, "A", RIESLING)) == (5, 1, 0, 0, -1, 5)
    assert account(shop, "B", COLA).misplaced == 0
    shop.folds()


@pytest.mark.parametrize("purpose", ["shop", "restock"])
def test_what_is_put_right_again_was_neither_sold_nor_brought(shop: Shop, purpose: str) -> None:
    visit(shop, ("a", -1250.0), ("b", 1250.0))
    shop.wait(12 * HOUR_S)
    visit(shop, ("b", -1250.0), ("a", 1250.0), purpose=purpose)
    shop.wait(DAY_S)
    assert flow(account(shop, "A", RIESLING)) == (5, 0, 0, 0, -1, 6)
    shop.folds()


def test_a_count_is_its_own_cause(shop: Shop) -> None:
    shop.command("count", slot="A", gtin=RIESLING, count=4)
    shop.wait(12 * HOUR_S)
    line = account(shop, "A", RIESLING)
    assert (line.opening, line.counted, line.shrink, line.count) == (6, -2, 0, 4)


def test_days_of_cover_follow_from_the_mean_rate_of_the_time_that_is_known(shop: Shop) -> None:
    shop.wait(12 * HOUR_S)
    assert account(shop, "A", RIESLING).days_of_cover is None
    visit(shop, ("a", -1250.0), ("a", -1250.0))
    shop.wait(DAY_S)
    assert account(shop, "A", RIESLING).days_of_cover == pytest.approx(4 / (2 / 1.5), abs=0.05)
    shop.wait(DAY_S)
    assert account(shop, "A", RIESLING).days_of_cover == pytest.approx(4 / (2 / 2.5), abs=0.05)


def in_rome() -> Layout:
    plan = layout()
    return plan.model_copy(update={"store": plan.store.model_copy(update={"timezone": "Europe/Rome"})})


@pytest.mark.parametrize(("before", "hours"), [("2026-10-25T00:30:00+02:00", 25), ("2027-03-28T00:30:00+01:00", 23)])
def test_the_day_of_an_account_has_as_many_hours_as_the_wall_shows(before: str, hours: int) -> None:
    shop = Shop(in_rome(), stocked=False)
    shop.moment = replace(shop.moment, wall=datetime.fromisoformat(before).timestamp())
    shop.wake()
    shop.wait(3 * DAY_S)
    told = [datetime.fromisoformat(event.to) for event in shop.events("stock.reported") if event.zone == "fridge"]
    midnights = [time for time in told if (time.hour, time.minute, time.second) == (0, 0, 0)]
    assert len(midnights) >= 2
    assert midnights[0].timestamp() - datetime.fromisoformat(before[:11] + "00:00:00" + before[19:]).timestamp() == hours * HOUR_S


MOVES = st.lists(
    st.one_of(
        st.tuples(st.just("buy"), st.sampled_from(["a", "b"])),
        st.tuples(st.just("restock"), st.sampled_from(["a", "b"])),
        st.tuples(st.just("steal"), st.sampled_from(["a", "b"])),
        st.tuples(st.just("stray"), st.sampled_from(["a"])),
        st.tuples(st.just("wait"), st.sampled_from(["3600", "40000"])),
        st.tuples(st.just("count"), st.sampled_from(["3", "9"])),
    ),
    max_size=8,
)
GRAMS = {"a": 1250.0, "b": 355.0}


@settings(max_examples=25, deadline=None)
@given(MOVES)
def test_every_account_adds_up(moves: list[tuple[str, str]]) -> None:
    shop = Shop()
    for kind, what in moves:
        match kind:
            case "buy":
                visit(shop, (what, -GRAMS[what]))
            case "restock":
                visit(shop, (what, GRAMS[what]), purpose="restock")
            case "steal":
                if shop.plates[what] > GRAMS[what]:
                    shop.weigh(what, -GRAMS[what])
            case "stray":
                visit(shop, (what, -GRAMS[what]), ("b", GRAMS[what]))
            case "wait":
                shop.wait(float(what))
            case "count":
                shop.command("count", slot="A", gtin=RIESLING, count=int(what))
    shop.wait(DAY_S)
    before: dict[tuple[str, str], int | None] = {}
    for report in (event for event in shop.events("stock.reported") if event.zone == "fridge"):
        for line in report.lines:
            if line.opening is not None and line.count is not None:
                assert line.count == line.opening - line.sold + line.restocked + line.counted - line.shrink - line.strayed
            place = (line.slot, line.gtin)
            assert before.get(place, line.opening) == line.opening
            before[place] = line.count
    shop.folds()


def test_a_slot_that_leaves_the_configuration_leaves_the_account(shop: Shop) -> None:
    shop.fact(facts.PlateQuiet("a", 1, shop.now, shop.plates["a"], 0.3, True))
    plan = shop.layout
    shop.layout = plan.model_copy(update={"slot": tuple(slot for slot in plan.slot if slot.id != "A")})
    shop.restart()
    assert "A" not in shop.state.tally.flows
    shop.wait(DAY_S)
    assert {line.slot for line in shop.last("stock.reported").lines} <= {"B", "C"}


# --- what must not upset an account -----------------------------------------------------------------------------------------------


def whole_account(shop: Shop, slot: str = "A", gtin: str = RIESLING) -> Any:
    """All reports of a product as one: opening, sums, count. Each of them adds up, and begins where the last one ended."""
    reports = [event for event in shop.events("stock.reported") if event.zone == "fridge"]
    lines = [line for report in reports for line in report.lines if (line.slot, line.gtin) == (slot, gtin)]
    for line in lines:
        assert line.count == line.opening - line.sold + line.restocked + line.counted - line.shrink - line.strayed
    assert all(later.opening == earlier.count for earlier, later in pairwise(lines))
    return lines[0].opening, sum(line.sold for line in lines), sum(line.restocked for line in lines), lines[-1].count


def restart_of_the_program(shop: Shop) -> None:
    shop.restart(away_s=60)


def power_cut_without_a_clock(shop: Shop) -> None:
    shop.restart(boot="boot-2", away_s=1800)
    shop.moment = replace(shop.moment, wall=1_600_000_000.0, trusted=False)
    shop.step(inputs.ClockState(False, 0.0))


def power_cut_over_midnight(shop: Shop) -> None:
    shop.restart(boot="boot-2", away_s=10 * HOUR_S)


def clock_that_is_trusted_no_more(shop: Shop) -> None:
    shop.moment = replace(shop.moment, trusted=False)
    shop.step(inputs.ClockState(False, 0.0))


def clock_set_back(shop: Shop) -> None:
    shop.moment = replace(shop.moment, wall=shop.moment.wall - 7 * HOUR_S)
    shop.step(inputs.Tick())


def nothing(shop: Shop) -> None:
    """A day like any other."""


UPSETS = [
    restart_of_the_program,
    power_cut_without_a_clock,
    power_cut_over_midnight,
    clock_that_is_trusted_no_more,
    clock_set_back,
    nothing,
]


@pytest.mark.parametrize("upset", UPSETS, ids=lambda upset: upset.__name__)
@pytest.mark.parametrize("start", ["2026-10-24T15:00:00+02:00", "2027-03-27T15:00:00+01:00", "2026-11-22T13:00:00+01:00"])
def test_an_account_adds_up_over_a_night_of_daylight_saving_restarts_and_clocks(start: str, upset: Any) -> None:
    shop = Shop(in_rome(), stocked=False)
    shop.moment = replace(shop.moment, wall=datetime.fromisoformat(start).timestamp())
    shop.wake()
    shop.weigh("a", -1250.0)
    visit(shop, ("a", 2500.0), purpose="restock")
    visit(shop, ("a", -1250.0), ("a", -1250.0), age=18)
    shop.wait(4 * HOUR_S)
    upset(shop)
    shop.wake()
    shop.wait(20 * HOUR_S)
    shop.moment = replace(shop.moment, trusted=True)
    shop.step(inputs.ClockState(True, 0.0))
    visit(shop, ("a", -1250.0), age=18)
    shop.wait(2 * DAY_S)
    assert whole_account(shop) == (6, 3, 2, 4)
    shop.folds()


def test_a_clock_that_jumps_makes_no_days_of_cover(shop: Shop) -> None:
    """A board without a clock that is switched on and off accounts for many days that were none."""
    visit(shop, ("a", -1250.0), ("a", -1250.0))
    shop.wait(DAY_S)
    for day in range(2, 12):
        shop.moment = replace(shop.moment, wall=NOON + day * DAY_S)
        shop.step(inputs.Tick())
        shop.wait(600)
    assert len([event for event in shop.events("stock.reported") if event.zone == "fridge"]) >= 10
    assert account(shop, "A", RIESLING).days_of_cover == pytest.approx(4 / (2 / 1.07), abs=0.1)
    shop.folds()
