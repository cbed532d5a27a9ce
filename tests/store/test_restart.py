"""Restarts: the program dies at any moment, and the journal's records are all that is left."""

from __future__ import annotations

import pytest

from device.domain import facts
from device.store import inputs
from device.store.plan import Plan
from tests.store.shop import PRODUCTS, RIESLING, Shop, names


def test_a_session_goes_on_after_a_crash_between_two_picks() -> None:
    shop = Shop()
    shop.show(sub="anna")
    shop.open_door()
    shop.weigh("a", -1250.0)
    session = shop.last("session.started").session
    shop.restart()
    assert shop.last("store.started").resumed == (session,)
    shop.fact(facts.DoorMoved("lock", shop.now, False), facts.RelayMoved("lock", shop.now, True))
    for scale, grams in shop.plates.items():
        shop.fact(facts.PlateQuiet(scale, 1, shop.now, grams, 0.3, True))
    shop.weigh("a", -1250.0)
    shop.close_door()
    shop.wait(3)
    ended = shop.last("session.ended")
    assert (ended.session, ended.subject, names(ended.cart), ended.needs_review) == (session, "anna", [(RIESLING, 2)], False)
    shop.folds()


def test_a_plate_that_is_well_after_a_crash_ends_the_alarm_from_before_it() -> None:
    shop = Shop()
    shop.fact(facts.PlateUntrusted("a", 1, shop.now, "flatline"))
    shop.restart()
    for scale in ("c", "b"):
        shop.fact(facts.PlateTrusted(scale, 1, shop.now), facts.PlateQuiet(scale, 1, shop.now, shop.plates[scale], 0.3, True))
    assert shop.events("alarm.cleared") == []
    shop.fact(facts.PlateTrusted("a", 1, shop.now))
    assert shop.last("alarm.cleared").kind == "sensor_untrusted"
    shop.folds()


def test_what_changed_while_the_program_was_dead_is_charged_to_the_resumed_session_with_review() -> None:
    shop = Shop()
    shop.show()
    shop.open_door()
    shop.restart(plates={"a": 6250.0})
    shop.wake_door_open()
    shop.close_door()
    shop.wait(5)
    ended = shop.last("session.ended")
    assert names(ended.cart) == [(RIESLING, 1)]
    assert ended.review_reasons == ("gap",)
    shop.folds()


def test_what_changed_with_the_door_shut_while_the_program_was_dead_is_an_unexplained_removal() -> None:
    shop = Shop()
    shop.restart(plates={"a": 6250.0})
    shop.wake()
    alarm = shop.last("alarm.raised")
    assert (alarm.kind, alarm.details["slot"], alarm.details["gtin"]) == ("unexplained_removal", "A", RIESLING)
    shop.folds()


def test_drift_while_the_program_was_dead_is_not_a_sale() -> None:
    shop = Shop()
    shop.restart(boot="boot-2", away_s=86_400, plates={"a": 7488.0})
    shop.wake()
    assert shop.events("alarm.raised") == []


def test_a_door_closed_while_the_program_was_dead_ends_its_session_with_a_cart() -> None:
    shop = Shop()
    shop.show()
    shop.open_door()
    shop.weigh("a", -1250.0)
    shop.restart()
    shop.fact(facts.RelayMoved("lock", shop.now, True))
    shop.wake()
    shop.wait(3)
    assert names(shop.last("session.ended").cart) == [(RIESLING, 1)]
    assert shop.driven[-1] == ("lock", False)
    shop.folds()


def test_nothing_is_unlocked_by_a_restart() -> None:
    shop = Shop()
    shop.locks_answer = False
    shop.show()
    shop.driven.clear()
    shop.restart()
    shop.locks_answer = True
    shop.wake()
    shop.wait(30)
    assert ("lock", True) not in shop.driven
    assert shop.last("session.ended").reason == "never_opened"
    shop.folds()


def test_a_relay_found_open_after_the_window_has_passed_is_locked_within_five_seconds() -> None:
    shop = Shop()
    shop.show()
    shop.restart(away_s=60)
    shop.fact(facts.DoorMoved("lock", shop.now, True), facts.RelayMoved("lock", shop.now, True))
    shop.driven.clear()
    shop.wait(5)
    assert shop.driven[:1] == [("lock", False)]
    shop.folds()


def test_a_door_found_open_with_its_session_alive_is_left_alone() -> None:
    shop = Shop()
    shop.show()
    shop.restart(away_s=60)
    shop.driven.clear()
    shop.fact(facts.DoorMoved("lock", shop.now, False), facts.RelayMoved("lock", shop.now, True))
    shop.wait(10)
    assert shop.driven == []
    assert shop.events("session.ended") == []


def test_a_used_code_stays_used() -> None:
    shop = Shop()
    code = shop.show()
    shop.wait(20)
    shop.restart()
    shop.wake()
    shop.show(code)
    assert shop.last("access.denied").reason == "used"


def test_a_command_that_was_under_way_has_failed_and_does_not_move_again() -> None:
    shop = Shop()
    shop.command("unlock", inbound={"id": "u1"}, zone="fridge")
    shop.driven.clear()
    shop.restart()
    assert shop.reply("u1") == {"status": "failed", "reason": "interrupted", "result": None}
    assert shop.command("unlock", inbound={"id": "u1"}, zone="fridge")["reason"] == "interrupted"
    assert shop.driven == []


def test_a_power_cut_moves_deadlines_to_the_new_boot() -> None:
    shop = Shop()
    shop.show()
    shop.open_door()
    shop.wait(600)
    shop.restart(boot="boot-2", away_s=120)
    shop.fact(facts.DoorMoved("lock", shop.now, False))
    shop.wait(1800 - 600 - 120 - 5)
    assert shop.events("session.ended") == []
    shop.wait(10)
    assert shop.last("session.ended").reason == "timeout"
    shop.folds()


@pytest.mark.parametrize("boot", [None, "boot-2"])
def test_counts_alarms_and_stopped_sales_outlive_a_restart(boot: str | None) -> None:
    shop = Shop()
    shop.open_door()
    shop.close_door()
    shop.command("stop_sales", zone="fridge")
    alarms = set(shop.state.alarms)
    shop.restart(boot=boot)
    shop.wake()
    assert set(shop.state.alarms) == alarms
    assert shop.store.slot_view("A", shop.moment)["count"] == 6
    assert shop.view["sales"] == "stopped"


def test_a_device_that_did_poorly_before_a_crash_is_told_to_be_well_once_it_answers() -> None:
    shop = Shop()
    shop.fact(facts.DeviceDegraded("qr", shop.now, "noise on the line"))
    shop.restart()
    assert shop.events("device.recovered") == []
    shop.wake()
    assert [(told.device, told.reason, told.channel) for told in shop.events("device.recovered")] == [
        ("qr", "answers after a restart", None)
    ]
    shop.fact(facts.DeviceDegraded("qr", shop.now, "noise on the line"))
    shop.fact(facts.DeviceDegraded("qr", shop.now, None))
    assert [told.reason for told in shop.events("device.recovered")] == ["answers after a restart", "well again"]
    shop.folds()


def test_a_plate_that_did_poorly_before_a_crash_is_told_to_be_well_once_it_is_believed() -> None:
    shop = Shop()
    shop.fact(facts.PlateUntrusted("a", 1, shop.now, "flatline"))
    shop.restart()
    shop.wake()
    assert shop.events("device.recovered") == []
    shop.fact(facts.PlateTrusted("a", 1, shop.now), facts.PlateTrusted("b", 1, shop.now))
    assert [(told.device, told.reason, told.channel) for told in shop.events("device.recovered")] == [("a", "flatline", 1)]
    shop.folds()


def test_a_device_that_did_poorly_and_has_left_the_configuration_is_forgotten() -> None:
    shop = Shop()
    shop.fact(facts.DeviceDegraded("qr", shop.now, "noise on the line"), facts.DeviceDegraded("fire", shop.now, "noise on the line"))
    shop.layout = shop.layout.model_copy(update={"reader": ()})
    shop.restart()
    assert list(shop.store.state.degraded) == ["fire"]
    shop.folds()


COLD = {"min_celsius": 4.0, "max_celsius": 8.0, "regime": "food", "over_for_s": 60}


@pytest.mark.parametrize("again", ["restart", "reload"])
def test_alarms_of_a_temperature_that_nobody_watches_any_more_are_over(again: str) -> None:
    shop = Shop(temperature=COLD)
    shop.fact(facts.TemperatureKnown("t", shop.now, 11.0))
    shop.wait(61)
    shop.fact(facts.ProbeFailed("t", shop.now, "no reading"))
    assert [alarm.kind for alarm in shop.store.state.alarms.values()] == ["too_warm", "probe_failed"]
    zones = tuple(zone.model_copy(update={"temperature": None}) for zone in shop.layout.zone)
    shop.layout = shop.layout.model_copy(update={"zone": zones})
    if again == "restart":
        shop.restart()
    else:
        shop.store.replan(Plan(shop.layout, PRODUCTS, shop.state), shop.store.trust)
        shop.step(inputs.Reloaded(None, ()))
    assert [told.kind for told in shop.events("alarm.cleared")] == ["too_warm", "probe_failed"]
    assert "too_warm" in shop.store.state.zones["fridge"].stopped, "what was too warm is not sold because nobody looks"
    assert not any(timer.startswith(("warm:", "cold:", "blind:")) for timer in shop.store.state.timers)
    assert shop.command("resume_sales", zone="fridge")["status"] == "done"
    shop.folds()
