"""Things that come on, and hands that press: the odds."""

from __future__ import annotations

from itertools import pairwise
from math import exp, sqrt
from random import Random
from statistics import fmean

import pytest

from device.domain.facts import Fact
from device.domain.readings import WeightReading
from device.sensing.hand import odds, usual_odds, waves_of
from device.sensing.swing import Swing
from firmware_sims.physics import Plate
from tests.sensing.signals import sense, stream_scale
from tests.sensing.test_gestures import steps_in


def noise_of_plate(rng: Random, count: int, sigma: float, rho: float) -> list[float]:
    """A moving average of two whose neighbours correlate by ``rho``."""
    memory = (1 - sqrt(1 - 4 * rho * rho)) / (2 * rho)
    fresh = [rng.gauss(0, sigma / sqrt(1 + memory * memory)) for _ in range(count + 1)]
    return [now + memory * before for before, now in pairwise(fresh)]


def off_their_mean(values: list[float]) -> list[float]:
    middle = sum(values) / len(values)
    return [value - middle for value in values]


@pytest.mark.parametrize(("rate_hz", "count"), [(10.0, 6), (20.0, 8), (80.0, 24)])
def test_the_odds_of_a_plate_at_rest_are_what_they_are_said_to_be_in_the_mean(rate_hz: float, count: int) -> None:
    rng, waves = Random(4), waves_of(count, 1 / rate_hz, 330.0, 0.73, 0.43, Swing())
    found = [odds(waves, off_their_mean(noise_of_plate(rng, count, 0.73, 0.43)), 0) for _ in range(400)]
    assert fmean(found) == pytest.approx(usual_odds(waves, 0), abs=0.5)


@pytest.mark.parametrize(("rate_hz", "count"), [(10.0, 6), (20.0, 8), (80.0, 24)])
def test_of_hands_no_more_reach_odds_than_their_likelihood_allows(rate_hz: float, count: int) -> None:
    """That odds of n come up under a hand has a probability of at most exp(-n); a hand here is the simulator's."""
    waves, reached = waves_of(count, 1 / rate_hz, 330.0, 0.73, 0.43, Swing()), 0
    tries = 1500
    for seed in range(tries // 10):
        plate = Plate(f"odds {seed}")
        plate.lean(330.0, 10.0)
        samples = [plate.sample(1 / rate_hz) for _ in range(round(9.0 * rate_hz))]
        for piece in range(10):
            first = round((1.0 + 0.7 * piece) * rate_hz)
            reached += odds(waves, off_their_mean(samples[first : first + count]), 0) > 3.0
    assert reached < tries * exp(-3.0)


def test_the_heavier_a_thing_and_the_quieter_its_plate_the_more_a_window_shows() -> None:
    def best(grams: float, sigma: float, count: int) -> float:
        return usual_odds(waves_of(count, 0.1, grams, sigma, 0.4, Swing()), 0)

    assert best(750.0, 0.73, 6) > best(330.0, 0.73, 6) > best(100.0, 0.73, 6)
    assert best(330.0, 0.73, 6) > best(330.0, 2.0, 6)
    assert best(330.0, 0.73, 8) > best(330.0, 0.73, 6)


def test_what_was_fitted_to_a_window_cannot_speak_against_a_hand() -> None:
    waves = waves_of(20, 0.025, 750.0, 0.73, 0.4, Swing(0.6, -0.4, 1))
    assert usual_odds(waves, 0) > usual_odds(waves, 1) > usual_odds(waves, 2)


def told_as_things(presses: int, name: str, grams: tuple[float, float], seconds: float, rate_hz: float) -> int:
    """How many presses of so many seconds, and of a force in this range, gave a step."""
    told = 0
    for seed in range(presses):
        rng = Random(f"{name} {seed}")
        plate = Plate(f"{name} {seed}")
        plate.rest(rng.uniform(0.0, 10_000.0))
        senses, force = sense(stream_scale(rate_hz)), rng.uniform(*grams)
        facts: list[Fact] = []
        for index in range(round((11.0 + seconds) * rate_hz)):
            if index == round(8.0 * rate_hz):
                plate.lean(force, seconds)
            facts += senses.take(WeightReading("shelf", index / rate_hz, (plate.sample(1 / rate_hz),)))
        told += bool(steps_in(facts))
    return told


@pytest.mark.parametrize("rate_hz", [10.0, 20.0, 80.0])
def test_of_light_hands_that_hold_still_for_seconds_hardly_one_is_taken_for_a_thing(rate_hz: float) -> None:
    """Their tremor is as small as the noise, so they are asked for a second and more."""
    assert told_as_things(60, "light", (100.0, 150.0), 3.0, rate_hz) <= 1


def test_a_hand_that_presses_for_long_has_hardly_more_chances_than_one_that_does_so_shortly() -> None:
    """With the same odds all the time ten of these would be taken for a thing."""
    assert told_as_things(400, "long", (250.0, 1500.0), 4.0, 10.0) <= 3
