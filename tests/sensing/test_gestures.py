"""What hands do: one reach or several, a press, a look at a label, a swap, a slow pour. On simulated plates, in virtual time."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from device.domain.facts import Fact, PlateMoving, PlateQuiet, WeightStep
from device.domain.readings import WeightReading
from device.sensing import Sensing
from device.sensing.gestures import Gestures
from firmware_sims.physics import Plate
from tests.sensing.signals import store

RATES = pytest.mark.parametrize("rate_hz", [10.0, 40.0, 80.0])
Doing = tuple[float, Callable[[Plate], None]]


def scale(name: str, rate_hz: float, zone: str = "z") -> dict[str, object]:
    return {"id": name, "zone": zone, "driver": "stream", "port": f"tcp:192.0.2.1:{4000 + ord(name)}", "rate_hz": rate_hz}


def lived(doings: dict[str, list[Doing]], rate_hz: float, seconds: float = 16.0, seed: int = 1) -> list[Fact]:
    """The facts of plates of one zone, 6 kg on each, on which ``doings`` happen at their times."""
    senses = Sensing(store(scale=[scale(name, rate_hz) for name in doings]), {}, "boot")
    plates = {name: Plate(f"{name} {seed}") for name in doings}
    for plate in plates.values():
        plate.rest(6000.0)
    due = sorted([(at, name, do) for name, each in doings.items() for at, do in each], key=lambda one: one[0])
    facts: list[Fact] = []
    for index in range(round(seconds * rate_hz)):
        at = index / rate_hz
        while due and due[0][0] <= at:
            _, name, do = due.pop(0)
            do(plates[name])
        for name, plate in plates.items():
            facts += senses.take(WeightReading(name, at, (plate.sample(1 / rate_hz),)))
    return facts


def steps_in(facts: list[Fact]) -> list[WeightStep]:
    return [fact for fact in facts if isinstance(fact, WeightStep)]


@RATES
def test_what_two_hands_take_at_once_is_one_gesture(rate_hz: float) -> None:
    doings: dict[str, list[Doing]] = {"a": [(8.0, lambda plate: plate.take(750.0))], "b": [(8.2, lambda plate: plate.take(1250.0))]}
    one, other = steps_in(lived(doings, rate_hz))
    assert one.gesture == other.gesture
    assert one.gesture.startswith("boot.z.")
    assert {round(step.delta, -1) for step in (one, other)} == {-750, -1250}


@RATES
def test_two_reaches_are_two_gestures(rate_hz: float) -> None:
    doings: dict[str, list[Doing]] = {"a": [(8.0, lambda plate: plate.take(750.0))], "b": [(11.0, lambda plate: plate.take(1250.0))]}
    one, other = steps_in(lived(doings, rate_hz))
    assert one.gesture != other.gesture


@RATES
def test_a_bottle_lifted_for_a_look_is_two_steps_of_which_the_second_undoes_the_first(rate_hz: float) -> None:
    """It is put back turned, a gram off; the step back is told as soon as the one away."""
    doings: dict[str, list[Doing]] = {"a": [(8.0, lambda plate: plate.take(1250.0)), (12.0, lambda plate: plate.put(1251.2))]}
    taken, back = steps_in(lived(doings, rate_hz))
    assert back.undoes == taken.evidence
    assert taken.undoes is None
    assert abs(taken.delta + back.delta) < 4
    assert back.at - back.began_at < 1.2


@RATES
@pytest.mark.parametrize("seed", range(8))
def test_a_bottle_knocked_and_let_go_is_no_step(rate_hz: float, seed: int) -> None:
    assert steps_in(lived({"a": [(8.0, lambda plate: plate.lean(900.0, 0.4))]}, rate_hz, seed=seed)) == []


@RATES
def test_a_swap_on_one_plate_is_two_steps_that_leave_their_difference(rate_hz: float) -> None:
    doings: dict[str, list[Doing]] = {"a": [(8.0, lambda plate: plate.take(750.0)), (10.5, lambda plate: plate.put(742.0))]}
    away, back = steps_in(lived(doings, rate_hz))
    assert away.delta == pytest.approx(-750, abs=3)
    assert back.delta == pytest.approx(742, abs=3)
    assert back.undoes is None, "it weighs eight grams less"


@RATES
def test_many_small_picks_are_as_many_steps_and_none_is_lost(rate_hz: float) -> None:
    """A handful of 40 g bars, one every second and a half."""
    doings: dict[str, list[Doing]] = {"a": [(8.0 + 1.5 * number, lambda plate: plate.take(40.0)) for number in range(10)]}
    found = steps_in(lived(doings, rate_hz, 28.0))
    assert len(found) == 10
    assert found[-1].after - found[0].before == pytest.approx(-400, abs=2)
    assert all(abs(step.delta + 40) < max(1.5, 4 * step.sd) for step in found)


@RATES
def test_a_slow_pour_is_lost_to_no_step_and_no_level(rate_hz: float) -> None:
    """Half a gram at a time, too little for a step: the levels tell the sum."""
    doings: dict[str, list[Doing]] = {"a": [(8.0 + 0.5 * number, lambda plate: plate.take(0.5)) for number in range(120)]}
    facts = lived(doings, rate_hz, 140.0)
    levels = [fact.grams if isinstance(fact, PlateQuiet) else fact.after for fact in facts if isinstance(fact, PlateQuiet | WeightStep)]
    assert levels[0] - levels[-1] == pytest.approx(60, abs=6)


def move(channel: int, at: float) -> PlateMoving:
    return PlateMoving("a", channel, at)


def step(channel: int, began_at: float, at: float, delta: float) -> WeightStep:
    return WeightStep("a", channel, at, began_at, delta, 0.5, 1000.0, 1000.0 + delta, f"e{channel}.{began_at}")


def gestures_of(facts: list[Fact]) -> list[str]:
    return [fact.gesture for fact in Gestures({"a": "z"}, "").sort(facts) if isinstance(fact, WeightStep)]


def test_movements_that_overlap_are_one_gesture_and_so_is_what_follows_at_once() -> None:
    names = gestures_of(
        [move(1, 1.0), move(2, 1.4), step(1, 1.0, 1.6, -9.0), step(2, 1.4, 2.0, -9.0), move(3, 2.2), step(3, 2.2, 2.7, -9.0)]
    )
    assert len(set(names)) == 1


def test_hands_that_never_rest_do_not_make_one_endless_gesture() -> None:
    facts: list[Fact] = []
    for number in range(40):
        facts += [move(1 + number % 2, number * 0.5), step(1 + number % 2, number * 0.5, number * 0.5 + 0.4, -9.0)]
    assert 3 <= len(set(gestures_of(facts))) <= 5


def test_an_undoing_is_not_undone_in_its_turn() -> None:
    """Up, down, up, down: two pairs, not a chain."""
    facts: list[Fact] = [step(1, float(number), number + 0.5, (-1) ** number * 300.0) for number in range(4)]
    told = [fact.undoes for fact in Gestures({"a": "z"}, "").sort(facts) if isinstance(fact, WeightStep)]
    assert told == [None, "e1.0.0", None, "e1.2.0"]
