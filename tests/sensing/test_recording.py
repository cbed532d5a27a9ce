"""The recording of an untouched pot: 83 glitches, gaps, a clock that was set back, 2.4 g of drift. Nothing happened."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from device.domain.facts import PlateQuiet, PlateTrusted, WeightStep
from tests.sensing.signals import facts_of, sense, stream_scale

RECORDING = Path(__file__).parents[1] / "data" / "coffee_pot_2019-12-18_a.csv"


def recorded() -> Iterator[tuple[float, float]]:
    """Its samples on a clock that never goes back, as ``CLOCK_BOOTTIME`` does not."""
    first = newest = 0.0
    for line in RECORDING.read_text(encoding="ascii").splitlines():
        stamp, grams = (float(part) for part in line.split(","))
        first = first or stamp
        newest = max(newest, stamp - first)
        yield newest, float(grams)


def test_nothing_happened_in_the_recording() -> None:
    scale = sense(stream_scale())
    facts = facts_of(scale, recorded())
    assert [type(fact) for fact in facts[:2]] == [PlateTrusted, PlateQuiet]
    assert all(isinstance(fact, PlateQuiet) and not fact.first for fact in facts[2:])
    assert scale.view(1).trusted
    assert scale.samples == 10_000


def test_the_drift_of_the_recording_is_followed() -> None:
    quiet = [fact.grams for fact in facts_of(sense(stream_scale()), recorded()) if isinstance(fact, PlateQuiet)]
    assert quiet[0] - quiet[-1] == pytest.approx(2.3, abs=0.4)
    assert max(abs(one - other) for one, other in pairwise(quiet)) < 0.6


def test_the_noise_of_the_recording_is_measured() -> None:
    scale = sense(stream_scale())
    facts_of(scale, recorded())
    sigma = scale.view(1).sigma
    assert sigma is not None
    assert 0.55 < sigma < 0.95


@pytest.mark.parametrize("at", [300, 1190, 5000, 9000])
def test_a_bottle_taken_from_the_recording_is_seen(at: int) -> None:
    samples = [(when, grams - 750.0 * (index >= at)) for index, (when, grams) in enumerate(recorded())]
    (step,) = [fact for fact in facts_of(sense(stream_scale()), samples) if isinstance(fact, WeightStep)]
    assert abs(step.delta + 750.0) < 4 * step.sd
    assert step.sd < 0.8
    assert step.at - samples[at][0] < 0.75
