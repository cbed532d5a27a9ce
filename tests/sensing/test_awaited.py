"""What was taken in a zone is awaited back, on each of its plates."""

from __future__ import annotations

import pytest

from device.sensing.awaited import AWAITED_S, REMEMBERED, Awaited
from tests.sensing.test_gestures import Doing, lived, steps_in


def test_what_was_taken_is_awaited_once_and_for_five_minutes() -> None:
    awaited = Awaited()
    awaited.step(-750.0, 10.0)
    assert awaited.fits(751.5, 0.2, 20.0)
    assert not awaited.fits(760.0, 0.2, 20.0)
    assert not awaited.fits(750.0, 0.2, 10.0 + AWAITED_S)
    awaited.step(751.0, 20.0)
    assert not awaited.fits(750.0, 0.2, 21.0)


def test_only_the_last_removals_are_awaited() -> None:
    awaited = Awaited()
    for number in range(REMEMBERED + 1):
        awaited.step(-100.0 * (number + 1), float(number))
    assert not awaited.fits(100.0, 0.2, 10.0)
    assert awaited.fits(200.0, 0.2, 10.0)


@pytest.mark.parametrize("rate_hz", [10.0, 40.0, 80.0])
def test_a_bottle_put_back_on_another_plate_of_the_zone_is_told_sooner_than_one_that_comes_from_nowhere(rate_hz: float) -> None:
    elsewhere: list[float] = []
    nowhere: list[float] = []
    for seed in range(12):
        back: list[Doing] = [(12.0, lambda plate: plate.put(342.0))]
        (_, step) = steps_in(lived({"a": [(8.0, lambda plate: plate.take(342.0))], "b": back}, rate_hz, seed=seed))
        assert step.scale == "b"
        elsewhere.append(step.at - step.began_at)
        (alone,) = steps_in(lived({"b": back}, rate_hz, seed=seed))
        nowhere.append(alone.at - alone.began_at)
    assert sum(elsewhere) < sum(nowhere)
