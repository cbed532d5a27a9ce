"""Things that come on, and hands that press: how long each is asked to hold still, and what is awaited back."""

from __future__ import annotations

from math import exp, lgamma, log, sqrt
from random import Random

import pytest

from device.domain.facts import Fact
from device.domain.readings import WeightReading
from device.sensing import hand
from device.sensing.hand import Awaited, values_wanted
from firmware_sims.physics import Plate
from tests.sensing.signals import sense, stream_scale
from tests.sensing.test_gestures import Doing, lived, steps_in


def chi_square(x: float, freedom: int) -> float:
    """The distribution function, by the series of the incomplete gamma function."""
    half, x = freedom / 2, x / 2
    term = total = 1 / half
    count = 1
    while term > 1e-16 * total:
        term *= x / (half + count)
        total += term
        count += 1
    return total * exp(half * log(x) - x - lgamma(half))


def quantile(share: float, freedom: int) -> float:
    low, high = 1e-9, 200.0
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if chi_square(middle, freedom) < share else (low, middle)
    return low


@pytest.mark.parametrize(("table", "alpha"), [(hand._ALONE, 0.001), (hand._AWAITED, 0.03)])
def test_the_tables_are_what_chi_square_says(table: tuple[tuple[int, float], ...], alpha: float) -> None:
    for count, least in table:
        assert sqrt(quantile(0.99, count - 1) / quantile(alpha, count - 1) - 1) == pytest.approx(least, abs=0.006)


def test_the_heavier_a_thing_the_fewer_values_it_takes_and_a_noisier_plate_takes_more() -> None:
    wanted = [values_wanted(grams, 0.73, awaited=False) for grams in (50.0, 150.0, 330.0, 500.0, 750.0)]
    assert wanted == sorted(wanted, reverse=True)
    assert wanted[0] == 20
    assert wanted[-1] == 5
    assert values_wanted(330.0, 2.0, awaited=False) > values_wanted(330.0, 0.73, awaited=False)
    assert values_wanted(330.0, 0.73, awaited=True) < values_wanted(330.0, 0.73, awaited=False)


def test_what_was_taken_is_awaited_once_and_for_five_minutes() -> None:
    awaited = Awaited()
    awaited.step(-750.0, 10.0)
    assert awaited.fits(751.5, 0.2, 20.0)
    assert not awaited.fits(760.0, 0.2, 20.0)
    assert not awaited.fits(750.0, 0.2, 10.0 + hand.AWAITED_S)
    awaited.step(751.0, 20.0)
    assert not awaited.fits(750.0, 0.2, 21.0)


def test_only_the_last_removals_are_awaited() -> None:
    awaited = Awaited()
    for number in range(hand.REMEMBERED + 1):
        awaited.step(-100.0 * (number + 1), float(number))
    assert not awaited.fits(100.0, 0.2, 10.0)
    assert awaited.fits(200.0, 0.2, 10.0)


@pytest.mark.parametrize("rate_hz", [10.0, 40.0, 80.0])
def test_a_bottle_put_back_on_another_plate_of_the_zone_is_told_sooner_than_one_that_comes_from_nowhere(rate_hz: float) -> None:
    elsewhere: list[float] = []
    nowhere: list[float] = []
    for seed in range(12):
        back: list[Doing] = [(12.0, lambda plate: plate.put(752.0))]
        (_, step) = steps_in(lived({"a": [(8.0, lambda plate: plate.take(752.0))], "b": back}, rate_hz, seed=seed))
        assert step.scale == "b"
        elsewhere.append(step.at - step.began_at)
        (alone,) = steps_in(lived({"b": back}, rate_hz, seed=seed))
        nowhere.append(alone.at - alone.began_at)
    assert sorted(elsewhere)[6] < sorted(nowhere)[6]


@pytest.mark.parametrize("rate_hz", [10.0, 20.0, 80.0])
def test_of_light_hands_that_hold_still_for_seconds_hardly_one_is_taken_for_a_thing(rate_hz: float) -> None:
    """100 to 150 g for 3 s: their tremor is as small as the noise, so they are asked for a second and more."""
    told = 0
    for seed in range(60):
        rng = Random(f"light {seed}")
        plate = Plate(f"light {seed}")
        plate.rest(rng.uniform(0.0, 10_000.0))
        senses, grams = sense(stream_scale(rate_hz)), rng.uniform(100.0, 150.0)
        facts: list[Fact] = []
        for index in range(round(14.0 * rate_hz)):
            if index == round(8.0 * rate_hz):
                plate.lean(grams, 3.0)
            facts += senses.take(WeightReading("shelf", index / rate_hz, (plate.sample(1 / rate_hz),)))
        told += bool(steps_in(facts))
    assert told <= 1
