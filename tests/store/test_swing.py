"""The swing of a day, in virtual time: hours that lie too far apart are told while it happens. One rule a test."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from device.domain import facts
from device.store import inputs
from device.store.plan import Plan
from tests.store.shop import PRODUCTS, Shop, layout

HOUR_S = 3600.0
WINE = {"min_celsius": 4, "max_celsius": 20, "record_every_s": 300, "swing_celsius": 5.0}


def cellar(**temperature: Any) -> Shop:
    return Shop(temperature=WINE | temperature)


def hours(shop: Shop, celsius: float, number: float = 1.0, probe: str = "t") -> None:
    """So many hours of one temperature, read every five minutes."""
    for _ in range(int(number * 12)):
        shop.fact(facts.TemperatureKnown(probe, shop.now, celsius))
        shop.wait(300.0)


def swings(shop: Shop) -> list[Any]:
    return [alarm for alarm in shop.state.alarms.values() if alarm.kind == "temperature_swing"]


def test_two_hours_of_a_day_that_are_too_far_apart_are_told_within_limits_though_they_are() -> None:
    shop = cellar()
    hours(shop, 9.0, 6)
    hours(shop, 13.9, 3)
    assert swings(shop) == []
    hours(shop, 14.5, 3)
    (alarm,) = swings(shop)
    assert (alarm.place, alarm.zone) == ("fridge", "fridge")
    assert {name: alarm.details[name] for name in ("thermometer", "low", "limit")} == {"thermometer": "t", "low": 9.0, "limit": 5.0}
    assert 14.0 < alarm.details["high"] <= 14.5
    assert shop.events("temperature.excursion_started") == []
    assert shop.view["sales"] == "open"
    shop.folds()


def test_a_swing_is_over_when_the_last_24_hours_are_near_each_other_again() -> None:
    shop = cellar()
    hours(shop, 9.0, 3)
    hours(shop, 15.0, 23)
    assert len(swings(shop)) == 1
    hours(shop, 15.0, 3)
    assert swings(shop) == []
    assert [event.kind for event in shop.events("alarm.raised", "alarm.cleared")] == ["temperature_swing"] * 2


def test_days_that_grow_warmer_slowly_are_no_swing() -> None:
    shop = cellar()
    for day in range(8):
        hours(shop, 8.0 + day, 24)
    assert shop.events("alarm.raised") == []


def test_the_warm_air_of_a_door_and_the_wave_of_a_compressor_are_no_swing() -> None:
    shop = cellar()
    for number in range(24 * 12):
        shop.fact(facts.TemperatureKnown("t", shop.now, 18.0 if number % 24 == 0 else 8.0 + 3.0 * (number % 12 < 6)))
        shop.wait(300.0)
    assert shop.events("alarm.raised") == []


@pytest.mark.parametrize("boot", [None, "boot-2"])
def test_a_swing_is_seen_over_a_restart(boot: str | None) -> None:
    shop = cellar()
    hours(shop, 9.0, 5)
    shop.restart(boot=boot, away_s=1800)
    shop.wake()
    hours(shop, 15.0, 3)
    assert swings(shop)[0].details["low"] == 9.0
    shop.folds()


def test_a_swing_that_stands_is_told_once_though_the_program_starts_anew() -> None:
    shop = cellar()
    hours(shop, 9.0, 5)
    hours(shop, 15.0, 3)
    shop.restart(away_s=60)
    shop.wake()
    hours(shop, 15.0, 3)
    assert [event.kind for event in shop.events("alarm.raised", "alarm.cleared")] == ["temperature_swing"]


@pytest.mark.parametrize("by_s", [5 * HOUR_S, -5 * HOUR_S])
def test_a_clock_that_is_set_makes_no_swing_and_hides_none(by_s: float) -> None:
    shop = cellar()
    hours(shop, 9.0, 4)
    shop.moment = replace(shop.moment, wall=shop.moment.wall + by_s)
    shop.step(inputs.Tick())
    hours(shop, 9.0, 19)
    assert swings(shop) == []
    hours(shop, 15.0, 3)
    assert len(swings(shop)) == 1


def test_while_the_clock_is_not_trusted_a_swing_is_told_all_the_same() -> None:
    shop = cellar()
    shop.moment = replace(shop.moment, trusted=False)
    shop.step(inputs.ClockState(False, 0.0))
    hours(shop, 9.0, 3)
    hours(shop, 15.0, 3)
    assert len(swings(shop)) == 1


def test_of_several_thermometers_the_one_that_swings_most_is_named() -> None:
    plan = layout(age_limit=0, temperature=WINE | {"probes_apart_celsius": 50.0})
    second = plan.thermometer[0].model_copy(update={"id": "t2", "serial": "28-0000075c1b2b"})
    shop = Shop(plan.model_copy(update={"thermometer": (*plan.thermometer, second)}))
    for number in range(6 * 12):
        shop.fact(facts.TemperatureKnown("t", shop.now, 9.0))
        shop.fact(facts.TemperatureKnown("t2", shop.now, 9.0 if number < 36 else 16.0))
        shop.wait(300.0)
    assert swings(shop)[0].details["thermometer"] == "t2"


def test_an_hour_of_which_little_is_known_says_nothing() -> None:
    shop = cellar()
    hours(shop, 9.0, 4)
    shop.fact(facts.ProbeFailed("t", shop.now, "no_answer"))
    shop.wait(3 * HOUR_S + 2700)
    hours(shop, 19.0, 0.25)
    shop.fact(facts.ProbeFailed("t", shop.now, "no_answer"))
    shop.wait(4 * HOUR_S)
    assert swings(shop) == []


def test_who_does_not_want_it_is_not_told_and_a_reload_that_says_so_ends_it() -> None:
    shop = cellar()
    hours(shop, 9.0, 3)
    hours(shop, 15.0, 3)
    shop.layout = layout(age_limit=0, temperature=WINE | {"swing_celsius": 0})
    shop.store.replan(Plan(shop.layout, PRODUCTS, shop.state), shop.store.trust)
    shop.step(inputs.Reloaded(None, ()))
    hours(shop, 15.0, 1)
    hours(shop, 5.0, 2)
    assert swings(shop) == []
    assert len(shop.events("alarm.raised")) == 1
