from __future__ import annotations

import math

import pytest

from device.domain.readings import WeightReading
from device.drivers.stream import StreamDialogue
from device.errors import DeviceSilent
from firmware_sims.sim import Steady
from firmware_sims.stream import Dialect, StreamScale
from tests.capture import capture
from tests.drivers.conversation import Conversation

GOLDEN = capture("stream")


@pytest.mark.parametrize(("dialect", "grams"), [("a&d", 1234.5), ("a&d-indicator", 1234.0), ("cas", 1234.0)])
def test_a_streaming_scale_is_listened_to_and_asked_nothing(dialect: Dialect, grams: float) -> None:
    talk = Conversation(StreamDialogue("s", 10.0), StreamScale(Steady(grams), dialect))
    talk.run(10.0)
    assert talk.ups == [""]
    assert {round(value, 6) for (value,) in talk.weights} == {grams}
    assert 98 <= len(talk.weights) <= 102
    assert talk.of(WeightReading)[-1] == WeightReading("s", talk.readings[-1].at, talk.weights[-1], True)
    assert talk.sent == b""


@pytest.mark.parametrize("bit", [0, 1])
def test_a_scale_that_says_nothing_is_asked_the_nci_way_and_then_polled(bit: int) -> None:
    talk = Conversation(StreamDialogue("s", 5.0, bit), StreamScale(Steady(2500.0), "nci", stable_bit=bit))
    talk.run(11.0)
    assert talk.ups == [""]
    assert 48 <= len(talk.weights) <= 52
    assert set(talk.weights) == {(2500.0,)}
    last = talk.of(WeightReading)[-1]
    assert isinstance(last, WeightReading)
    assert last.stable is True


def test_an_unstable_scale_is_online_only_with_its_first_valid_line() -> None:
    talk = Conversation(StreamDialogue("s", 10.0))
    talk.say(GOLDEN["ad_stable"][3:])
    assert talk.ups == []
    talk.say(GOLDEN["ad_unstable"])
    assert talk.ups == [""]


@pytest.mark.parametrize("dialect", ["a&d", "cas", "nci"])
def test_overload_is_said_once(dialect: Dialect) -> None:
    load = Steady(100.0)
    talk = Conversation(StreamDialogue("s", 10.0), StreamScale(load, dialect, capacity_g=3000.0))
    talk.run(3.0)
    load.grams = 4000.0
    talk.run(3.0)
    assert talk.faults == [("overload", 1)]
    assert math.isnan(talk.weights[-1][0])
    assert talk.failure is None


def test_the_tare_line_is_no_weight_and_no_noise() -> None:
    talk = Conversation(StreamDialogue("s", 10.0))
    talk.say(GOLDEN["ad_tare"])
    assert talk.weights == []
    assert talk.noise == []
    assert talk.ups == [""]


def test_a_scale_that_falls_silent_is_asked_and_then_given_up() -> None:
    talk = Conversation(StreamDialogue("s", 10.0))
    talk.say(GOLDEN["ad_stable"])
    talk.run(10.0)
    assert isinstance(talk.failure, DeviceSilent)
    assert talk.now == pytest.approx(1005.0)
    assert talk.sent == b"W\r" * 5
