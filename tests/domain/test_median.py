import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as some

from device.domain.median import median


@given(some.lists(some.floats(-1e6, 1e6), min_size=1))
def test_the_median_is_that_of_the_standard_library(values: list[float]) -> None:
    assert median(values) == statistics.median(values)


def test_values_may_come_once() -> None:
    assert median(value for value in (3.0, 1.0, 2.0)) == 2.0


def test_nothing_has_no_median() -> None:
    with pytest.raises(ValueError, match="nothing"):
        median([])
