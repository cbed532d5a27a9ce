"""Thermometers that lie: 85 °C, 0 °C, a value that never changes."""

from __future__ import annotations

from math import sin

from hypothesis import given
from hypothesis import strategies as st

from device.domain.facts import Fact, ProbeFailed, TemperatureKnown
from device.domain.readings import FaultReading, TemperatureReading
from device.sensing.temperature import TemperatureSense


def said(sense: TemperatureSense, celsius: list[float], start: float = 0.0, every_s: float = 5.0) -> list[Fact]:
    """Readings one after the other, the time between them passing."""
    facts: list[Fact] = []
    for number, value in enumerate(celsius):
        facts += sense.take(TemperatureReading("air", start + number * every_s, value))
    return facts


def believed(facts: list[Fact]) -> list[float]:
    return [fact.celsius for fact in facts if isinstance(fact, TemperatureKnown)]


def failures(facts: list[Fact]) -> list[str]:
    return [fact.reason for fact in facts if isinstance(fact, ProbeFailed)]


def test_85_degrees_are_not_believed_however_often_they_are_said() -> None:
    facts = said(TemperatureSense("air", 5.0), [8.0, 8.1, *[85.0] * 100])
    assert believed(facts) == [8.0, 8.1]
    assert failures(facts) == ["power_up"]


def test_0_degrees_out_of_nowhere_are_not_believed_however_often_they_are_said() -> None:
    facts = said(TemperatureSense("air", 5.0), [8.0, 8.1, *[0.0] * 500])
    assert believed(facts) == [8.0, 8.1]
    assert failures(facts) == ["zero"]


def test_a_thermometer_that_only_ever_says_0_has_failed() -> None:
    facts = said(TemperatureSense("air", 5.0), [0.0] * 10)
    assert (believed(facts), failures(facts)) == ([], ["zero"])


def test_air_that_is_really_freezing_is_believed() -> None:
    values = [1.0 - number / 16 for number in range(32)]
    assert believed(said(TemperatureSense("air", 5.0), values)) == values


def test_a_value_that_has_not_moved_for_four_hours_is_frozen_and_one_that_moves_is_believed_again() -> None:
    sense = TemperatureSense("air", 5.0)
    facts = said(sense, [6.5] * 2881)
    assert failures(facts) == ["frozen"]
    assert len(believed(facts)) == 2880
    assert believed(said(sense, [6.5, 6.5, 6.5625, 6.5], start=14_405.0)) == [6.5625, 6.5]


def test_a_thermometer_that_was_away_begins_its_hours_anew() -> None:
    sense = TemperatureSense("air", 5.0)
    said(sense, [6.5] * 100)
    for number in range(2000):
        sense.fault(FaultReading("air", 500 + number * 10.0, "no_answer"))
    assert failures(said(sense, [6.5] * 100, start=20_500.0)) == []


def test_a_cellar_whose_air_moves_by_single_steps_is_not_frozen() -> None:
    values = [round((11.0 + 0.1 * sin(number / 400)) * 16) / 16 for number in range(20_000)]
    assert failures(said(TemperatureSense("air", 5.0), values)) == []


def test_an_offset_corrects_what_is_believed_and_not_what_is_judged() -> None:
    facts = said(TemperatureSense("air", 5.0, offset_celsius=-0.5), [85.0, 4.0, 4.5])
    assert believed(facts) == [3.5, 4.0]


@given(st.lists(st.sampled_from([85.0, -127.0, 127.9375, 0.0, 300.0]), max_size=40), st.floats(2.0, 20.0))
def test_lies_between_true_values_never_get_through(lies: list[float], true: float) -> None:
    facts = said(TemperatureSense("air", 5.0), [true, *lies, true])
    assert set(believed(facts)) == {true}
