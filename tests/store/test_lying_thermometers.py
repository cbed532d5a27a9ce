"""Thermometers that lie, from what they say to what the store tells, in virtual time: senses and store as the program has them."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from device.domain.readings import FaultReading, TemperatureReading
from device.sensing.temperature import TemperatureSense
from tests.store.shop import Shop, layout

EVERY_S = 60.0
HOUR = 60
"""Readings of an hour."""
FOOD = {"min_celsius": -2, "max_celsius": 5, "regime": "food", "over_for_s": 1800, "record_every_s": 300}
WINE = FOOD | {"regime": "wine"}


def moving(number: int) -> float:
    """Air that is all right: it moves by steps of the sensor."""
    return 3.0 + (number % 5) / 16


class Watched:
    """A fridge and what its thermometers say, a reading a minute each."""

    def __init__(self, rules: dict[str, Any], probes: tuple[str, ...] = ("t",)) -> None:
        plan = layout(age_limit=0, temperature=rules)
        first = plan.thermometer[0]
        thermometers = tuple(first.model_copy(update={"id": name, "serial": f"28-00000000000{n}"}) for n, name in enumerate(probes))
        self.shop = Shop(plan.model_copy(update={"thermometer": thermometers}))
        self._senses = {name: TemperatureSense(name, EVERY_S) for name in probes}
        self._number = 0

    def say(self, readings: int, **says: Callable[[int], float | None]) -> None:
        """So many readings; None is none, as of a probe that does not answer. A thermometer that is not named says what is true."""
        for _ in range(readings):
            for name, sense in self._senses.items():
                celsius = says.get(name, moving)(self._number)
                at = self.shop.now
                found = (
                    sense.fault(FaultReading(name, at, "no_answer"))
                    if celsius is None
                    else sense.take(TemperatureReading(name, at, celsius))
                )
                self.shop.fact(*found)
            self._number += 1
            self.shop.wait(EVERY_S)

    def told(self) -> list[str]:
        """What the store has told of the cold, without the record."""
        shown = []
        for event in self.shop.events("alarm.raised", "alarm.cleared", "temperature.excursion_started", "sales.stopped", "sales.resumed"):
            kind = getattr(event, "kind", None) or ", ".join(getattr(event, "reasons", ()))
            reason = getattr(event, "details", {}).get("reason", "")
            shown.append(" ".join(word for word in (event.TYPE, kind, reason) if word))
        return shown

    def gaps_s(self) -> float:
        gaps_s: list[float] = [event.gap_s for event in self.shop.events("temperature.recorded")]
        return sum(gaps_s)


LIES: dict[str, tuple[Callable[[int], float | None], str]] = {
    "85 degrees": (lambda number: 85.0, "power_up"),
    "0 degrees": (lambda number: 0.0, "zero"),
    "out of its range": (lambda number: -127.0, "out_of_range"),
    "nothing": (lambda number: None, "no_answer"),
}


@pytest.mark.parametrize(("lie", "reason"), LIES.values(), ids=LIES)
def test_a_lie_is_neither_warm_nor_cold_stops_food_after_its_time_and_is_a_gap_in_the_record(
    lie: Callable[[int], float | None], reason: str
) -> None:
    watched = Watched(FOOD)
    watched.say(HOUR)
    watched.say(HOUR, t=lie)
    assert watched.told() == [f"alarm.raised probe_failed {reason}", "sales.stopped no_temperature"]
    assert 3600 - 300 <= watched.gaps_s() <= 3600
    assert watched.shop.command("resume_sales", zone="fridge")["reason"] == "still_warm"
    watched.say(HOUR)
    assert watched.told()[2:] == [f"alarm.cleared probe_failed {reason}"]
    assert watched.shop.view["reasons"] == ["no_temperature"], "who knows what it went through while nobody looked"
    assert watched.shop.command("resume_sales", zone="fridge")["status"] == "done"
    assert watched.told()[3:] == ["sales.resumed"]
    watched.shop.folds()


@pytest.mark.parametrize(("lie", "reason"), LIES.values(), ids=LIES)
def test_a_lie_in_a_wine_fridge_is_an_alarm_and_nothing_else(lie: Callable[[int], float | None], reason: str) -> None:
    watched = Watched(WINE)
    watched.say(HOUR)
    watched.say(6 * HOUR, t=lie)
    assert watched.told() == [f"alarm.raised probe_failed {reason}"]
    assert watched.shop.view["sales"] == "open"


@pytest.mark.parametrize("lie", [85.0, 0.0])
def test_one_lie_among_true_readings_is_not_noticed_by_anybody(lie: float) -> None:
    watched = Watched(FOOD)
    watched.say(6 * HOUR, t=lambda number: lie if number % 7 == 3 else moving(number))
    assert watched.told() == []
    recorded = watched.shop.events("temperature.recorded")
    assert max(event.max for event in recorded) < 4.0
    assert min(event.min for event in recorded) == 3.0


def test_a_frozen_value_is_believed_for_four_hours_and_not_longer() -> None:
    watched = Watched(FOOD)
    watched.say(HOUR)
    watched.say(4 * HOUR - 5, t=lambda number: 3.5)
    assert watched.told() == []
    watched.say(HOUR, t=lambda number: 3.5)
    assert watched.told() == ["alarm.raised probe_failed frozen", "sales.stopped no_temperature"]
    watched.say(3)
    assert watched.told()[2:] == ["alarm.cleared probe_failed frozen"]
    watched.shop.folds()


def test_of_two_probes_the_one_that_is_frozen_stops_nothing_while_the_other_is_believed() -> None:
    watched = Watched(FOOD, ("t", "t2"))
    watched.say(6 * HOUR, t2=lambda number: 3.5)
    assert watched.told() == ["alarm.raised probe_failed frozen"]
    assert watched.shop.view["sales"] == "open"


def test_two_probes_that_drift_apart_slowly_are_told_before_the_warmer_one_stops_the_sale() -> None:
    """A third of a degree an hour: nobody's jump, nobody's failure."""
    watched = Watched(FOOD | {"max_celsius": 7, "probes_apart_celsius": 2.0}, ("t", "t2"))
    watched.say(24 * HOUR, t2=lambda number: moving(number) + round(number / HOUR / 3 * 16) / 16)
    told = watched.told()
    assert told[:2] == ["alarm.raised sensor_untrusted probes_disagree"] * 2
    assert told.index("sales.stopped too_warm") > 1
    assert "alarm.raised probe_failed" not in " ".join(told)


def test_the_record_accounts_for_every_minute_whatever_the_thermometer_says() -> None:
    watched = Watched(WINE)
    for lie, _ in LIES.values():
        watched.say(17)
        watched.say(23, t=lie)
    recorded = watched.shop.events("temperature.recorded")
    assert all(earlier.to == later.from_ for earlier, later in pairwise(recorded))
    assert all(0.0 <= event.gap_s <= 300.0 and (event.mean is None) == (event.samples == 0) for event in recorded)
    assert len(recorded) == 4 * 40 // 5
