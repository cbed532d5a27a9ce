"""Pickups by couriers: where an order waits, what was taken of it, and how cold it was kept."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.domain import facts
from device.domain.kinetic import mean_kinetic
from device.store import inputs
from device.store.cold.statement import account
from device.store.goods import orders
from device.store.memory.history import FINE, MOST, Span, add, join
from tests.store.shop import COLA, RIESLING, Shop

ORDER = {"id": "o1", "lines": [{"gtin": COLA, "quantity": 2}]}
WINE = {"min_celsius": 4, "max_celsius": 12, "over_for_s": 1800, "record_every_s": 60}


def air(shop: Shop, celsius: float, minutes: int) -> None:
    """The air has this temperature for so many minutes."""
    for _ in range(minutes):
        shop.fact(facts.TemperatureKnown("t", shop.now, celsius))
        shop.wait(60)


def collect(shop: Shop, order: Any = ORDER, *, colas: int = 2) -> Any:
    """The courier comes, takes so many bottles of cola, and leaves."""
    shop.show(purpose="pickup", order=order)
    shop.open_door()
    for _ in range(colas):
        shop.weigh("b", -355.0)
    shop.close_door()
    shop.wait(4)
    return shop.last("session.ended")


# The order


def test_an_order_that_waits_in_another_zone_is_not_handed_out_here() -> None:
    shop = Shop()
    shop.command("assign_order", order=ORDER, zone="other")
    shop.show(purpose="pickup", order=ORDER)
    assert shop.last("access.denied").reason == "wrong_zone"


def test_the_lines_that_were_assigned_hold_and_not_those_of_an_older_code() -> None:
    shop = Shop()
    shop.command("assign_order", order={"id": "o1", "lines": [{"gtin": COLA, "quantity": 1}]}, zone="fridge")
    ended = collect(shop)
    assert [(line.gtin, line.asked, line.taken, line.missing, line.extra) for line in ended.order.lines] == [(COLA, 1, 2, 0, 1)]


def test_an_order_that_is_being_picked_up_is_not_handed_out_a_second_time_meanwhile() -> None:
    shop = Shop()
    shop.show(purpose="pickup", order=ORDER)
    shop.show(purpose="pickup", order=ORDER)
    assert shop.last("access.denied").reason == "busy"


def test_an_order_and_that_it_was_picked_up_survive_a_restart() -> None:
    shop = Shop()
    shop.command("assign_order", order=ORDER, zone="fridge")
    shop.restart(boot="boot-2")
    shop.wake()
    assert collect(shop).order.lines[0].missing == 0
    shop.restart()
    shop.wake()
    shop.show(purpose="pickup", order=ORDER)
    assert shop.last("access.denied").reason == "used"
    assert shop.command("assign_order", order=ORDER, zone="fridge")["reason"] == "bad_arguments"
    shop.folds()


def test_an_order_with_a_product_that_nobody_knows_is_handed_out_and_reviewed() -> None:
    shop = Shop()
    unknown = {"gtin": "04012345678901", "quantity": 1}
    ended = collect(shop, {"id": "o1", "lines": [{"gtin": COLA, "quantity": 2}, unknown]})
    assert ended.review_reasons == ("unknown_product",)
    assert [(line.gtin, line.missing) for line in ended.order.lines] == [(COLA, 0), (unknown["gtin"], 1)]


def test_what_is_taken_of_an_order_is_shown_while_it_is_taken() -> None:
    shop = Shop()
    shop.show(purpose="pickup", order=ORDER)
    shop.open_door()
    shop.weigh("b", -355.0)
    shop.weigh("a", -1250.0)
    lines = {line["gtin"]: (line["missing"], line["extra"]) for line in shop.view["order"]["lines"]}
    assert lines == {COLA: (1, 0), RIESLING: (0, 1)}
    shop.weigh("a", +1250.0)
    shop.weigh("b", -355.0)
    assert [line["missing"] + line["extra"] for line in shop.view["order"]["lines"]] == [0]
    shop.close_door()
    shop.wait(4)
    assert shop.view["order"] is None


def test_an_order_is_forgotten_90_days_after_it_was_picked_up_and_its_code_is_still_used() -> None:
    shop = Shop()
    code = shop.token(purpose="pickup", order=ORDER, exp=shop.moment.wall + 200 * 86_400)
    shop.show(code)
    shop.open_door()
    shop.close_door()
    shop.wait(89 * 86_400)
    shop.show(sub="somebody")
    shop.wait(20)
    assert list(shop.state.orders) == ["o1"]
    shop.wait(2 * 86_400)
    shop.show(sub="somebody")
    shop.wait(20)
    assert shop.state.orders == {}
    shop.show(code)
    assert shop.last("access.denied").reason == "used"
    shop.folds()


def test_orders_and_revocations_have_a_bound_and_what_may_still_be_collected_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orders, "MOST", 3)
    monkeypatch.setattr(orders, "REVOKED_MOST", 2)
    shop = Shop()
    collect(shop, {"id": "gone", "lines": ORDER["lines"]}, colas=0)
    for number in range(3):
        assert shop.command("assign_order", order=ORDER | {"id": f"o{number}"}, zone="fridge")["status"] == "done"
    assert list(shop.state.orders) == ["o0", "o1", "o2"]
    assert shop.command("assign_order", order=ORDER | {"id": "o9"}, zone="fridge")["reason"] == "busy"
    assert shop.command("assign_order", order=ORDER | {"id": "o1"}, zone="fridge")["status"] == "done"
    for number in range(2):
        shop.command("revoke", jti=f"j{number}")
    assert shop.command("revoke", jti="j2")["reason"] == "busy"
    shop.wait(401 * 86_400)
    assert shop.command("revoke", jti="j2")["status"] == "done"
    assert list(shop.state.revoked_jti) == ["j2"]
    shop.folds()


# The statement


def test_a_pickup_states_how_cold_the_goods_were_kept() -> None:
    shop = Shop(temperature=WINE)
    air(shop, 8.0, 60)
    air(shop, 14.0, 20)
    air(shop, 8.0, 40)
    chain = collect(shop).cold_chain
    assert (chain.min_celsius, chain.max_celsius, chain.limit_celsius) == (8.0, 14.0, 12.0)
    assert chain.minutes_above == pytest.approx(20, abs=1)
    assert chain.mean_celsius == pytest.approx(9.0, abs=0.1)
    assert chain.mkt_celsius == pytest.approx(mean_kinetic([(8.0, 100), (14.0, 20)]), abs=0.05)
    assert chain.gap_minutes < 0.5
    assert chain.held is True


def test_goods_that_were_too_warm_for_too_long_were_not_held() -> None:
    shop = Shop(temperature=WINE)
    air(shop, 8.0, 60)
    air(shop, 14.0, 40)
    air(shop, 8.0, 60)
    assert collect(shop).cold_chain.held is False


def test_where_a_gap_may_hide_warmth_nobody_knows_whether_the_goods_were_held() -> None:
    shop = Shop(temperature=WINE)
    air(shop, 8.0, 60)
    shop.restart(boot="boot-2", away_s=3600)
    shop.wake()
    air(shop, 8.0, 30)
    chain = collect(shop).cold_chain
    assert chain.held is None
    assert chain.gap_minutes == pytest.approx(60, abs=1.5)
    assert (chain.minutes_above, chain.max_celsius) == (0.0, 8.0)


def test_a_short_restart_hides_nothing() -> None:
    shop = Shop(temperature=WINE)
    air(shop, 8.0, 60)
    shop.restart(away_s=30)
    shop.wake()
    air(shop, 8.0, 30)
    assert collect(shop).cold_chain.held is True


@pytest.mark.parametrize("trusted", [True, False])
def test_warmth_in_hours_that_the_clock_shows_twice_is_in_the_statement(trusted: bool) -> None:
    shop = Shop(temperature=WINE)
    air(shop, 8.0, 4 * 60)
    shop.moment = replace(shop.moment, wall=shop.moment.wall - 3 * 3600, trusted=trusted)
    shop.step(inputs.Tick())
    air(shop, 8.0, 30)
    air(shop, 15.0, 40)
    air(shop, 8.0, 30)
    shop.moment = replace(shop.moment, trusted=True)
    chain = collect(shop).cold_chain
    if not trusted:  # it has no label that can be believed
        assert chain.held is not False
        return
    assert (chain.max_celsius, chain.held) == (15.0, False)
    assert chain.minutes_above == pytest.approx(40, abs=1.5)
    assert chain.mean_celsius > 8.5


def test_goods_that_came_in_a_future_that_the_clock_has_left_have_a_statement_of_all_that_is_known() -> None:
    shop = Shop(temperature=WINE)
    air(shop, 8.0, 60)
    shop.command("count", slot="B", gtin=COLA, count=0)
    shop.command("count", slot="B", gtin=COLA, count=10)
    air(shop, 15.0, 40)
    shop.moment = replace(shop.moment, wall=shop.moment.wall - 3 * 3600)
    shop.step(inputs.Tick())
    air(shop, 8.0, 10)
    chain = collect(shop).cold_chain
    assert chain.from_ <= chain.to
    assert (chain.max_celsius, chain.held) == (15.0, False), "nobody can tell where those hours belong, but they were"
    assert chain.minutes_above == pytest.approx(40, abs=1.5)


def test_the_statement_begins_when_the_slot_was_filled_from_nothing() -> None:
    shop = Shop(temperature=WINE)
    air(shop, 14.0, 60)
    shop.command("count", slot="B", gtin=COLA, count=0)
    air(shop, 14.0, 60)
    shop.command("count", slot="B", gtin=COLA, count=10)
    began = shop.moment.wall
    air(shop, 8.0, 60)
    shop.command("count", slot="B", gtin=COLA, count=12)
    chain = collect(shop).cold_chain
    assert chain.from_ == shop.store._turn(shop.moment).time(began)
    assert (chain.max_celsius, chain.minutes_above) == (8.0, 0.0)


def test_an_order_that_empties_the_slot_has_the_statement_of_what_stood_in_it() -> None:
    shop = Shop(temperature=WINE)
    air(shop, 8.0, 60)
    chain = collect(shop, colas=10).cold_chain
    assert shop.state.slots["B"].counts == {COLA: 0}
    assert (chain.gap_minutes < 0.5, chain.held) == (True, True)


def test_goods_with_a_limit_of_their_own_are_held_against_it() -> None:
    shop = Shop(temperature=WINE)
    shop.command(
        "set_catalogue",
        products=[
            {"gtin": RIESLING, "name": "Riesling", "grams": 1250.0, "price_minor": 1},
            {"gtin": COLA, "name": "Oysters", "grams": 355.0, "price_minor": 1, "max_celsius": 5.0},
        ],
    )
    air(shop, 8.0, 60)
    chain = collect(shop).cold_chain
    assert (chain.limit_celsius, chain.held) == (5.0, False)


def test_a_zone_that_is_not_monitored_states_nothing() -> None:
    assert collect(Shop()).cold_chain is None


def test_a_statement_reaches_back_30_days_at_most() -> None:
    shop = Shop(temperature=WINE | {"record_every_s": 3600})
    for _ in range(40 * 24):
        shop.fact(facts.TemperatureKnown("t", shop.now, 8.0))
        shop.wait(3600)
    began = shop.moment.wall - 30 * 86_400
    chain = collect(shop).cold_chain
    assert chain.from_[:10] == shop.store._turn(shop.moment).time(began)[:10]
    assert chain.gap_minutes < 1
    assert len(shop.state.cold["t"]) <= 31 * 24 + 1
    shop.folds()


# What is kept of the record


def spans(seed: int, count: int, every_s: float = 300.0) -> list[Span]:
    source, at, found = random.Random(seed), 1e9, []
    for _ in range(count):
        at += every_s * source.choice([0, 0, 0, 0, 0, 3])
        gap_s = source.choice([0.0, 0.0, 0.0, every_s / 3, every_s])
        low = source.uniform(2, 9)
        high = low + source.uniform(0, 2)
        mean = (low + high) / 2
        known = gap_s < every_s
        low_, high_, mean_ = (low, high, mean) if known else (None, None, None)
        found.append(Span(at, at + every_s, gap_s, low_, high_, mean_, mean_ and mean_ + 0.01))
        at += every_s
    return found


@pytest.mark.parametrize("seed", range(5))
def test_a_month_that_is_kept_coarser_says_the_same_in_sum(seed: int) -> None:
    fine = spans(seed, 4000)
    kept: list[Span] = []
    for span in fine:
        add(kept, Span(span.since, span.upto, span.gap_s, span.low, span.high, span.mean, span.mkt))
    assert FINE < len(kept) <= MOST
    since, upto = kept[0].since, fine[-1].upto
    fine = [span for span in fine if span.since >= since]
    whole, coarse = account(fine, since, upto, 20.0, 1800), account(kept, since, upto, 20.0, 1800)
    assert (coarse.low, coarse.high) == (whole.low, whole.high)
    assert coarse.gap_s == pytest.approx(whole.gap_s)
    assert coarse.mean == pytest.approx(whole.mean)
    assert coarse.mkt == pytest.approx(whole.mkt, abs=1e-6)


@given(st.integers(0, 10_000), st.integers(1, 60), st.floats(0, 20_000), st.floats(1, 20_000))
def test_known_time_and_gaps_add_up_to_the_period(seed: int, count: int, after_s: float, for_s: float) -> None:
    record = spans(seed, count)
    since = 1e9 - 5000 + after_s
    found = account(record, since, since + for_s, 8.0, 1800)
    known_s = sum(
        span.known_s * max(0.0, min(span.upto, since + for_s) - max(span.since, since)) / (span.upto - span.since) for span in record
    )
    assert found.gap_s + known_s == pytest.approx(for_s, abs=1e-3)
    assert found.above_s <= known_s + 1e-3


def test_two_joined_intervals_keep_extremes_means_and_gaps() -> None:
    first = Span(0, 300, 0, 7.0, 9.0, 8.0, 8.1)
    second = Span(300, 600, 300, None, None, None, None)
    assert join(first, second) == Span(0, 600, 300, 7.0, 9.0, 8.0, pytest.approx(8.1))  # type: ignore[arg-type]
    assert join(second, second).mean is None


# Mean kinetic temperature


TEMPERATURES = st.lists(st.tuples(st.floats(-40, 60), st.floats(0.1, 1000)), min_size=1, max_size=30)


@given(TEMPERATURES)
def test_the_mean_kinetic_temperature_is_between_the_extremes_and_not_under_the_mean(
    parts: list[tuple[float, float]],
) -> None:
    found = mean_kinetic(parts)
    assert found is not None
    mean = sum(celsius * spent for celsius, spent in parts) / sum(spent for _, spent in parts)
    assert min(celsius for celsius, _ in parts) - 1e-6 <= found <= max(celsius for celsius, _ in parts) + 1e-6
    assert found >= mean - 1e-6


@given(st.floats(-40, 60), st.lists(st.floats(0.1, 1000), min_size=1, max_size=10))
def test_the_mean_kinetic_temperature_of_a_constant_one_is_that(celsius: float, times: list[float]) -> None:
    assert mean_kinetic([(celsius, spent) for spent in times]) == pytest.approx(celsius, abs=1e-6)


def test_the_mean_kinetic_temperature_of_half_a_year_at_20_and_half_at_30_degrees() -> None:
    # e^(-10000/293.15) = 1.53196e-15, e^(-10000/303.15) = 4.71999e-15; their mean is 3.12597e-15; 10000 / 33.39903 = 299.41 K.
    assert mean_kinetic([(20.0, 1.0), (30.0, 1.0)]) == pytest.approx(26.26, abs=0.01)


def test_no_time_has_no_mean_kinetic_temperature() -> None:
    assert mean_kinetic([]) is None
    with pytest.raises(ValueError, match="no temperature"):
        mean_kinetic([(-273.15, 1.0)])
