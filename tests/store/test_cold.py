"""The cold in virtual time: limits and the grace of the door, food and wine, failing probes, and what is foretold. One rule a test."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from math import sin
from typing import Any

import pytest

from device.domain import facts
from device.domain.layout import Layout
from device.store import inputs
from device.store.plan import Plan
from firmware_sims.physics import Fridge
from tests.store.shop import PRODUCTS, Shop, layout

WINE = {"min_celsius": 4, "max_celsius": 12, "over_for_s": 1800, "record_every_s": 300, "door_grace_s": 300}
FOOD = {"min_celsius": 0, "max_celsius": 5, "regime": "food", "over_for_s": 1800, "record_every_s": 300}


def wine(**temperature: Any) -> Shop:
    return Shop(temperature=WINE | temperature)


def two_probes(**temperature: Any) -> Shop:
    plan = layout(age_limit=0, temperature=WINE | temperature)
    second = plan.thermometer[0].model_copy(update={"id": "t2", "serial": "28-0000075c1b2b"})
    return Shop(plan.model_copy(update={"thermometer": (*plan.thermometer, second)}))


def air(shop: Shop, celsius: float, for_s: float = 0.0, every_s: float = 5.0, probe: str = "t") -> None:
    """The air has this temperature now, and stays so for a while."""
    shop.fact(facts.TemperatureKnown(probe, shop.now, celsius))
    end = shop.now + for_s
    while shop.now + every_s <= end:
        shop.wait(every_s)
        shop.fact(facts.TemperatureKnown(probe, shop.now, celsius))


def alarms(shop: Shop) -> list[str]:
    return [alarm.kind for alarm in shop.state.alarms.values()]


def live(shop: Shop, fridge: Fridge, hours: float, *, door_open: bool = False) -> None:
    """A simulated fridge runs for hours, read every five seconds in steps of a sixteenth of a degree."""
    for _ in range(int(hours * 720)):
        for _ in range(5):
            fridge.tick(1.0, door_open)
        shop.wait(5.0)
        shop.fact(facts.TemperatureKnown("t", shop.now, round(fridge.celsius * 16) / 16))


# Limits and the door


def test_a_zone_that_leaves_its_limits_is_an_excursion_with_its_worst_and_its_dose() -> None:
    shop = wine()
    air(shop, 8.0, 60)
    air(shop, 14.0, 600)
    assert shop.last("temperature.excursion_started").limit == 12.0
    air(shop, 8.0)
    ended = shop.last("temperature.excursion_ended")
    assert (ended.worst, ended.limit, ended.celsius) == (14.0, 12.0, 8.0)
    assert ended.for_s == pytest.approx(600, abs=6)
    assert ended.degree_minutes == pytest.approx(2.0 * 10, abs=0.2)
    assert "too_warm" not in alarms(shop)
    shop.folds()


def test_a_zone_that_is_too_warm_for_the_configured_time_raises_the_alarm_and_in_the_regime_of_wine_goes_on_selling() -> None:
    shop = wine()
    air(shop, 13.0, 1790)
    assert alarms(shop) == []
    air(shop, 13.0, 20)
    assert alarms(shop) == ["too_warm"]
    assert shop.view["sales"] == "open"
    air(shop, 11.9)
    assert alarms(shop) == ["too_warm"]
    air(shop, 11.7)
    assert alarms(shop) == []


def test_a_zone_that_is_too_cold_raises_its_own_alarm() -> None:
    shop = wine()
    air(shop, 2.0, 1810)
    assert alarms(shop) == ["too_cold"]
    assert shop.last("temperature.excursion_started").limit == 4.0
    air(shop, 5.0)
    assert shop.last("temperature.excursion_ended").worst == 2.0
    assert alarms(shop) == []


def test_warm_air_of_an_opened_door_that_is_gone_within_the_grace_is_no_excursion() -> None:
    shop = wine()
    air(shop, 8.0, 60)
    shop.show()
    shop.open_door()
    air(shop, 15.0, 120)
    shop.close_door()
    air(shop, 14.0, 120)
    air(shop, 9.0, 600)
    assert shop.events("temperature.excursion_started") == []


def test_warmth_that_outlasts_the_grace_of_the_door_counts_from_its_beginning() -> None:
    shop = wine()
    air(shop, 8.0, 60)
    shop.show()
    shop.open_door()
    began = shop.now
    air(shop, 15.0, 310)
    assert shop.last("temperature.excursion_started").for_s == pytest.approx(300, abs=6)
    air(shop, 15.0, 1810 - 310)
    assert "too_warm" in alarms(shop)
    assert shop.now - began < 1815


def test_opening_the_door_again_gives_no_new_grace_to_a_zone_that_is_too_warm() -> None:
    shop = wine(door_grace_s=300)
    air(shop, 8.0, 60)
    for _ in range(4):
        shop.open_door("lock")
        air(shop, 15.0, 60)
        shop.close_door("lock")
        air(shop, 15.0, 30)
    assert len(shop.events("temperature.excursion_started")) == 1


def test_an_excursion_goes_on_over_a_restart_and_keeps_its_dose() -> None:
    shop = wine()
    air(shop, 14.0, 900)
    shop.restart(away_s=10)
    shop.wake()
    air(shop, 14.0, 300)
    air(shop, 8.0)
    ended = shop.last("temperature.excursion_ended")
    assert len(shop.events("temperature.excursion_started")) == 1
    assert ended.for_s == pytest.approx(1210, abs=10)
    assert 2.0 * 20 * 0.9 < ended.degree_minutes < 2.0 * 20.3
    shop.folds()


def test_time_in_which_nothing_is_known_adds_nothing_to_the_dose() -> None:
    shop = wine()
    air(shop, 14.0, 60)
    shop.fact(facts.ProbeFailed("t", shop.now, "no_answer"))
    shop.wait(3600)
    air(shop, 14.0, 60)
    air(shop, 8.0)
    assert shop.last("temperature.excursion_ended").degree_minutes < 2.0 * 2.2


def test_the_noise_of_a_sensor_at_the_limit_is_one_excursion() -> None:
    shop = wine()
    for number in range(400):
        air(shop, 12.0 + 0.0625 * sin(number))
        shop.wait(5)
    assert len(shop.events("temperature.excursion_started")) == 1


# Food


def test_food_code_4_204_111_food_that_was_too_warm_for_30_minutes_is_not_sold_until_it_is_inspected_and_resumed() -> None:
    shop = Shop(temperature=FOOD)
    air(shop, 4.0, 60)
    air(shop, 6.0, 1810)
    assert shop.last("sales.stopped").reasons == ("too_warm",)
    shop.show()
    assert shop.last("access.denied").reason == "sales_stopped"
    assert shop.command("resume_sales", zone="fridge")["reason"] == "still_warm"
    air(shop, 4.0, 7200)
    shop.show()
    assert shop.last("access.denied").reason == "sales_stopped"
    assert shop.command("resume_sales", zone="fridge")["status"] == "done"
    assert shop.last("sales.resumed").by == "operator"
    shop.show()
    assert shop.last("access.granted").zone == "fridge"


def test_food_whose_sales_are_stopped_stays_so_over_a_restart() -> None:
    shop = Shop(temperature=FOOD)
    air(shop, 6.0, 1810)
    shop.restart(boot="boot-2", away_s=60)
    shop.wake()
    air(shop, 3.0, 60)
    assert shop.view["reasons"] == ["too_warm"]


def test_food_of_which_nobody_knew_the_temperature_is_not_sold() -> None:
    shop = Shop(temperature=FOOD)
    air(shop, 4.0, 60)
    shop.fact(facts.ProbeFailed("t", shop.now, "no_answer"))
    shop.wait(1790)
    assert shop.view["sales"] == "open"
    shop.wait(20)
    assert shop.view["reasons"] == ["no_temperature"]
    assert shop.command("resume_sales", zone="fridge")["reason"] == "still_warm"


def test_food_is_not_sold_after_an_outage_in_which_nobody_watched_it() -> None:
    shop = Shop(temperature=FOOD)
    air(shop, 4.0, 900)
    shop.restart(boot="boot-2", away_s=7200)
    shop.wake()
    air(shop, 4.0, 60)
    assert shop.view["reasons"] == ["no_temperature"]
    assert shop.command("resume_sales", zone="fridge")["status"] == "done"


def test_after_a_short_outage_food_is_sold() -> None:
    shop = Shop(temperature=FOOD)
    air(shop, 4.0, 900)
    shop.restart(boot="boot-2", away_s=600)
    shop.wake()
    air(shop, 4.0, 60)
    assert shop.view["sales"] == "open"


def test_one_of_two_thermometers_that_is_believed_is_enough_to_sell_food() -> None:
    shop = two_probes(**FOOD)
    air(shop, 4.0)
    air(shop, 4.0, probe="t2")
    shop.fact(facts.ProbeFailed("t2", shop.now, "no_answer"))
    air(shop, 4.0, 3600)
    assert alarms(shop) == ["probe_failed"]
    assert shop.view["sales"] == "open"


# Probes


def test_a_probe_that_fails_is_neither_warm_nor_cold() -> None:
    shop = wine()
    air(shop, 8.0, 60)
    shop.fact(facts.ProbeFailed("t", shop.now, "power_up"))
    assert alarms(shop) == ["probe_failed"]
    assert shop.view["celsius"] is None
    shop.wait(7200)
    assert alarms(shop) == ["probe_failed"]
    air(shop, 8.0)
    assert alarms(shop) == []


def test_two_probes_that_drift_apart_are_told_and_the_warmer_one_decides() -> None:
    shop = two_probes(probes_apart_celsius=2.0)
    for minute in range(720):
        air(shop, 8.0)
        air(shop, 8.0 + 5.0 * minute / 720, probe="t2")
        shop.wait(60)
        if "sensor_untrusted" in alarms(shop):
            break
    told = [alarm for alarm in shop.state.alarms.values() if alarm.kind == "sensor_untrusted"]
    assert {alarm.place for alarm in told} == {"t", "t2"}
    assert 10.0 < shop.store.cold.celsius["t2"] < 11.5
    assert shop.view["celsius"] == shop.store.cold.celsius["t2"]
    for _ in range(360):
        air(shop, 8.0)
        air(shop, 8.5, probe="t2")
        shop.wait(60)
    assert alarms(shop) == []
    shop.folds()


def test_two_probes_of_which_a_door_reaches_one_first_do_not_contradict_each_other() -> None:
    shop = two_probes(probes_apart_celsius=2.0)
    for minute in range(300):
        air(shop, 8.0)
        air(shop, 16.0 if minute % 60 < 5 else 8.5, probe="t2")
        shop.wait(60)
    assert "sensor_untrusted" not in alarms(shop)


# What is foretold


@pytest.mark.parametrize("ambient", [24.0, 34.0])
def test_a_fridge_whose_compressor_has_failed_is_foretold_before_it_is_too_warm(ambient: float) -> None:
    shop = wine()
    fridge = Fridge(ambient_celsius=ambient)
    live(shop, fridge, 6)
    assert alarms(shop) == []
    fridge.broken = True
    began, told_at = shop.now, 0.0
    while not shop.events("temperature.excursion_started"):
        assert shop.now - began < 20 * 3600
        stood = "will_be_too_warm" in alarms(shop)
        live(shop, fridge, 1 / 60)
        if not stood and "will_be_too_warm" in alarms(shop):
            told_at = shop.now
    assert "will_be_too_warm" in alarms(shop)
    assert 1200 < shop.now - told_at < 5400
    assert shop.last("alarm.raised").details["limit_in_s"] == pytest.approx(shop.now - told_at, rel=0.4)


def test_warmth_that_is_foretold_and_turns_back_ends_its_alarm() -> None:
    shop = wine()
    fridge = Fridge()
    live(shop, fridge, 4)
    fridge.broken = True
    for _ in range(20 * 12):
        live(shop, fridge, 1 / 12)
        if "will_be_too_warm" in alarms(shop):
            break
    assert alarms(shop) == ["will_be_too_warm"]
    fridge.broken = False
    live(shop, fridge, 2)
    assert alarms(shop) == []
    assert shop.events("temperature.excursion_started") == []


def test_a_fridge_that_warms_towards_something_under_its_limit_is_not_foretold() -> None:
    shop = wine()
    fridge = Fridge(set_celsius=6.0, ambient_celsius=11.0)
    fridge.broken = True
    live(shop, fridge, 10)
    assert shop.events("alarm.raised") == []


@pytest.mark.parametrize("ambient", [16.0, 24.0, 32.0])
def test_a_fridge_that_works_as_it_should_raises_nothing_for_two_days(ambient: float) -> None:
    shop = wine()
    fridge = Fridge(ambient_celsius=ambient)
    for hour in range(48):
        live(shop, fridge, 0.98)
        if hour % 3 == 0:
            shop.open_door("lock")
            live(shop, fridge, 0.02, door_open=True)
            shop.close_door("lock")
    assert {event.kind for event in shop.events("alarm.raised")} <= {"door_forced", "door_held"}


def test_a_compressor_that_works_too_hard_is_noticed_and_a_relieved_one_too() -> None:
    shop = wine()
    fridge = Fridge()
    live(shop, fridge, 4)
    fridge.COOLING_PER_S = 0.00185  # dust on the condenser, on this fridge only
    live(shop, fridge, 12)
    assert alarms(shop) == ["cooling_strained"]
    assert shop.last("alarm.raised").details["duty"] >= 0.8
    del fridge.COOLING_PER_S
    live(shop, fridge, 8)
    assert alarms(shop) == []


# The record


def intervals(shop: Shop) -> list[Any]:
    return shop.events("temperature.recorded")


def test_the_record_is_written_at_fixed_intervals_whatever_happens() -> None:
    shop = wine()
    air(shop, 8.0, 895)
    shop.wait(5)
    shop.fact(facts.ProbeFailed("t", shop.now, "no_answer"))
    shop.wait(900)
    air(shop, 8.5, 900)
    recorded = intervals(shop)
    assert [event.celsius for event in recorded[3:6]] == [None] * 3
    assert [event.gap_s for event in recorded[3:6]] == [300.0] * 3
    assert all(earlier.to == later.from_ for earlier, later in pairwise(recorded))
    assert recorded[0].samples == 60
    assert (recorded[0].mkt, recorded[0].mean) == (8.0, 8.0)


def test_an_interval_that_is_written_late_does_not_move_those_that_follow() -> None:
    shop = wine()
    air(shop, 8.0)
    shop._advance(shop.now + 420)
    shop.step(inputs.Tick())
    shop.wait(181)
    assert len(intervals(shop)) == 2
    assert intervals(shop)[1].to[:19] == "2026-11-22T12:10:00"


def test_part_of_an_interval_without_a_temperature_is_told_as_a_gap() -> None:
    shop = wine()
    air(shop, 8.0, 100)
    shop.fact(facts.ProbeFailed("t", shop.now, "no_answer"))
    shop.wait(50)
    air(shop, 8.0, 160)
    assert intervals(shop)[0].gap_s == 50.0


@pytest.mark.parametrize("boot", [None, "boot-2"])
def test_an_outage_is_one_gap_from_the_last_record_to_the_start(boot: str | None) -> None:
    shop = wine()
    air(shop, 8.0, 650)
    shop.restart(boot=boot, away_s=3600)
    gap = intervals(shop)[-1]
    assert (gap.samples, gap.mean, gap.from_) == (0, None, intervals(shop)[-2].to)
    assert gap.gap_s == pytest.approx(3650, abs=1)
    shop.folds()


def test_an_outage_after_which_the_time_is_not_known_is_recorded_once_the_clock_is_trusted() -> None:
    shop = wine()
    air(shop, 8.0, 600)
    shop.state = shop.replayed()
    end = shop.moment.wall
    shop.moment = replace(shop.moment, uptime=20.0, wall=1000.0, trusted=False, boot="boot-2")
    shop._start("power_loss")
    assert len(intervals(shop)) == 2
    shop.wait(600)
    shop.moment = replace(shop.moment, wall=end + 4200, trusted=True)
    shop.step(inputs.ClockState(True, 0.01))
    assert intervals(shop)[-1].gap_s == pytest.approx(3600, abs=1)
    shop.folds()


def test_a_stop_writes_down_what_has_been_gathered() -> None:
    shop = wine()
    air(shop, 8.0, 100)
    shop.step(inputs.Halt("signal"))
    assert intervals(shop)[-1].samples == 21
    assert shop.types()[-1] == "store.stopping"


def begun_to_be_watched() -> Shop:
    """A fridge that a reload has just given limits."""
    shop = Shop()
    shop.wait(1000)
    watched = layout(temperature={"min_celsius": 2.0, "max_celsius": 12.0, "regime": "food", "over_for_s": 900})
    shop.store.replan(Plan(watched, PRODUCTS, shop.state), shop.store.trust)
    shop.step(inputs.Reloaded(None, ()))
    return shop


def test_a_zone_that_a_reload_begins_to_watch_is_recorded_from_then_on() -> None:
    shop = begun_to_be_watched()
    air(shop, 8.0, 650)
    assert [each.gap_s for each in intervals(shop)] == [0.0, 0.0]
    assert shop.view["reasons"] == []
    shop.folds()


def test_food_that_a_reload_begins_to_watch_is_not_sold_while_nobody_knows_its_temperature() -> None:
    shop = begun_to_be_watched()
    shop.wait(1000)
    assert "no_temperature" in shop.view["reasons"]


def reloaded(shop: Shop, plan: Layout) -> None:
    shop.layout = plan
    shop.store.replan(Plan(plan, PRODUCTS, shop.state), shop.store.trust)
    shop.step(inputs.Reloaded(None, ()))


@pytest.mark.parametrize("away_s", [60.0, 2000.0])
def test_an_excess_from_before_nobody_watched_is_not_kept_when_somebody_watches_again(away_s: float) -> None:
    shop = wine()
    watched, unwatched = shop.layout, layout(age_limit=0)
    air(shop, 14.0, 900)
    reloaded(shop, unwatched)
    kept = shop.last("temperature.recorded")
    shop.wait(away_s)
    reloaded(shop, watched)
    again = shop.now
    air(shop, 14.0, 1700)
    assert "too_warm" not in alarms(shop), "nobody knows how warm it was in between"
    started = shop.last("temperature.excursion_started")
    assert (started.for_s, started.degree_minutes) == (0.0, 0.0)
    air(shop, 8.0)
    assert shop.last("temperature.excursion_ended").for_s == pytest.approx(shop.now - again, abs=1)
    later = [each for each in intervals(shop) if each.from_ >= kept.to]
    assert later[0].from_ > kept.to, "what was not watched is not recorded"
    shop.folds()


def test_food_whose_probe_failed_before_it_was_watched_is_not_sold_after_its_time() -> None:
    shop = wine()
    air(shop, 8.0, 100)
    shop.fact(facts.ProbeFailed("t", shop.now, "no_answer"))
    reloaded(shop, layout(age_limit=0, temperature=FOOD))
    shop.wait(1790)
    assert shop.view["reasons"] == []
    shop.wait(20)
    assert shop.view["reasons"] == ["no_temperature"]


def apart() -> Shop:
    """Two thermometers that have contradicted each other for hours."""
    shop = two_probes(probes_apart_celsius=2.0)
    for _ in range(300):
        air(shop, 8.0)
        air(shop, 12.0, probe="t2")
        shop.wait(60)
    assert alarms(shop).count("sensor_untrusted") == 2
    return shop


def test_a_thermometer_that_is_alone_after_a_restart_contradicts_nobody() -> None:
    shop = apart()
    shop.layout = layout(age_limit=0, temperature=WINE)
    shop.restart()
    assert "sensor_untrusted" not in alarms(shop)
    assert [told.details["reason"] for told in shop.events("alarm.cleared") if told.kind == "sensor_untrusted"] == ["probes_disagree"] * 2
    shop.folds()


def test_thermometers_of_a_zone_that_nobody_watches_any_more_contradict_nobody() -> None:
    shop = apart()
    zones = tuple(zone.model_copy(update={"temperature": None}) for zone in shop.layout.zone)
    reloaded(shop, shop.layout.model_copy(update={"zone": zones}))
    assert alarms(shop) == []
    shop.folds()


def test_thermometers_that_still_contradict_each_other_after_a_reload_are_told_once() -> None:
    shop = apart()
    raised = len(shop.events("alarm.raised"))
    reloaded(shop, shop.layout)
    assert alarms(shop).count("sensor_untrusted") == 2
    air(shop, 8.0, 60)
    assert len(shop.events("alarm.raised")) == raised
