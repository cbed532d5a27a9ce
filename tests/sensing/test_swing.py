"""Plates that swing: the level before the swing is over, and what is no free swing."""

from __future__ import annotations

from math import cos, exp, pi
from random import Random

import pytest

from device.sensing.pace import Pace
from device.sensing.swing import NOTHING, swung_level
from firmware_sims.physics import Plate
from tests.sensing.signals import sense, stream_scale
from tests.sensing.test_gestures import lived, steps_in

SIGMA = 0.7


def swinging(rng: Random, rate_hz: float, count: int, *, start_g: float = 60.0, hertz: float = 4.6, tau_s: float = 0.08) -> list[float]:
    """A plate that comes to 750 g."""
    phase = rng.uniform(0, 2 * pi)
    times = [index / rate_hz for index in range(count)]
    return [750.0 + start_g * exp(-t / tau_s) * cos(2 * pi * hertz * t + phase) + rng.gauss(0, SIGMA) for t in times]


@pytest.mark.parametrize(("hertz", "tau_s"), [(4.6, 0.08), (7.0, 0.1), (12.0, 0.06)])
@pytest.mark.parametrize("rate_hz", [40.0, 80.0])
def test_the_middle_of_a_swing_is_known_before_it_is_over(rate_hz: float, hertz: float, tau_s: float) -> None:
    pace, rng = Pace.of(rate_hz), Random(f"{rate_hz} {hertz}")
    scores, missed = [], 0
    for _ in range(60):
        found = swung_level(swinging(rng, rate_hz, pace.swing, hertz=hertz, tau_s=tau_s), pace.swing, pace.lag, SIGMA, 0.0)
        if found is None:
            missed += 1
        else:
            scores.append((found.level.grams - 750.0) / found.level.se)
    assert missed <= 6
    assert 0.6 < (sum(score * score for score in scores) / len(scores)) ** 0.5 < 1.4


def test_a_glitch_in_a_swing_is_left_out() -> None:
    pace, rng = Pace.of(80.0), Random(3)
    for place in range(pace.swing):
        values = swinging(rng, 80.0, pace.swing)
        values[place] += 500.0
        found = swung_level(values, pace.swing, pace.lag, SIGMA, 0.0)
        assert found is None or abs(found.level.grams - 750.0) < 6 * found.level.se


def test_a_force_that_changes_within_the_window_is_no_free_swing() -> None:
    """A kilogram more, half way: the plate swings about two levels."""
    pace, found = Pace.of(80.0), 0
    for seed in range(40):
        plate = Plate(seed)
        plate.rest(2000.0)
        values = [plate.sample(1 / 80.0) for _ in range(pace.swing // 2)]
        plate.put(1000.0)
        values += [plate.sample(1 / 80.0) for _ in range(pace.swing - len(values))]
        found += swung_level(values, pace.swing, pace.lag, SIGMA, 0.4) is not None
    assert found == 0


def test_a_swing_that_is_known_beforehand_leaves_less_to_fit() -> None:
    pace, rng = Pace.of(10.0), Random(5)
    known = NOTHING
    for _ in range(3):
        shown = swung_level(swinging(rng, 10.0, pace.swing, start_g=200.0), pace.swing, pace.lag, SIGMA, 0.0)
        if shown is not None:
            assert shown.fitted == 2
            known = known.and_then(shown.shows)
    again = swung_level(swinging(rng, 10.0, pace.swing, start_g=20.0), pace.swing, pace.lag, SIGMA, 0.0, known)
    assert again is not None
    assert again.fitted == 0
    assert abs(again.level.grams - 750.0) < 5 * again.level.se


def test_a_plate_that_has_learnt_its_swing_tells_the_next_step_sooner() -> None:
    first: list[float] = []
    later: list[float] = []
    for seed in range(30):
        (one,) = steps_in(lived({"a": [(12.0, lambda plate: plate.put(340.0))]}, 10.0, seed=seed))
        first.append(one.at - one.began_at)
        _, two = steps_in(lived({"a": [(8.0, lambda plate: plate.put(900.0)), (12.0, lambda plate: plate.put(340.0))]}, 10.0, seed=seed))
        later.append(two.at - two.began_at)
    assert sum(later) < sum(first)


def test_what_was_learnt_of_a_swing_is_forgotten_with_the_rate() -> None:
    """A recursion of samples that lie otherwise is another one: the scale is far slower than it says."""
    scale = sense(stream_scale(40.0))
    (plate,) = scale._plates
    plate._settling._learnt = NOTHING._replace(aa=100.0, bb=100.0)
    plate.set_pace(Pace.of(20.0))
    assert plate._settling._learnt == NOTHING
