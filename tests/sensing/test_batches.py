"""Samples may be taken many plates and many readings at once: what is told is the same, to the last bit, as one by one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import nan
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from device.domain.facts import Fact, PlateMoving, PlateQuiet, PlateUntrusted, WeightStep
from device.domain.readings import DeviceUp, FaultReading, Reading, WeightReading
from device.sensing import Sensing
from device.sensing.awaited import Awaited
from device.sensing.pace import Pace
from device.sensing.trust import ChannelTrust
from device.sensing.weight import _QUIET, Calibration, Plate
from tests.sensing.signals import PORT, store

CHANNELS = 3
COUNTS_PER_GRAM = 100.0

HAPPENINGS = st.lists(
    st.tuples(
        st.sampled_from(("quiet", "quiet", "step", "hand", "glitch", "nan", "creep", "gap", "rail")),
        st.floats(0.1, 7.0),
        st.floats(-900.0, 900.0),
    ),
    max_size=6,
)
ONE_OF_EACH = [
    ("quiet", 7.0, 0.0),
    ("step", 6.5, -750.0),
    ("glitch", 2.0, 600.0),
    ("step", 6.5, 750.0),
    ("hand", 2.0, 300.0),
    ("nan", 1.0, 0.0),
    ("creep", 6.0, 20.0),
    ("gap", 3.0, 0.0),
    ("rail", 4.0, 0.0),
]


def signal(happenings: Sequence[tuple[str, float, float]], rate_hz: float, sigma: float, seed: int) -> Iterator[tuple[float, float]]:
    """A plate's weight with time: what happens, one after the other, each for so many seconds and with so many grams."""
    rng = Random(seed)
    at, level = 100.0, 2000.0
    for what, seconds, grams in [("quiet", 2.0, 0.0), ("quiet", 5.5, 0.0), *happenings, ("quiet", 3.0, 0.0)]:
        if what == "gap":
            at += seconds
            continue
        count = max(1, round(seconds * rate_hz))
        level += grams if what == "step" else 0.0
        for index in range(count):
            at += rng.uniform(0.9, 1.1) / rate_hz
            shown = level + rng.gauss(0.0, sigma)
            if what == "hand":
                shown += grams * rng.random()
            elif what == "glitch" and index % 7 == 0:
                shown += grams
            elif what == "nan" and index % 3 < 2:
                shown = nan
            elif what == "creep":
                shown += grams * index / count
            elif what == "rail":
                shown = (0x7FFFFF - 5000.0) / COUNTS_PER_GRAM
            yield at, shown
        level += grams if what == "creep" else 0.0


def board(rate_hz: int) -> Sensing:
    table = {
        "id": "s",
        "zone": "z",
        "driver": "shelf-board",
        "port": str(PORT),
        "channels": CHANNELS,
        "rate_hz": rate_hz,
        "counts_per_gram": COUNTS_PER_GRAM,
        "zero_counts": 5000.0,
        "capacity_g": 20_000.0,
    }
    return Sensing(store(scale=[table]), {}, "boot")


def readings_of(happenings: Sequence[Sequence[tuple[str, float, float]]], rate_hz: float, sigma: float, seed: int) -> list[Reading]:
    """A board whose plates each have their own day; with a fault now and then."""
    plates = [list(signal(each, rate_hz, sigma, seed + number)) for number, each in enumerate(happenings)]
    rows = zip(*plates, strict=False)
    found: list[Reading] = [DeviceUp("s", 99.9)]
    rng = Random(seed)
    for row in rows:
        at = row[0][0]
        found.append(WeightReading("s", at, tuple(5000.0 + grams * COUNTS_PER_GRAM for _, grams in row)))
        if rng.random() < 0.003:
            found.append(FaultReading("s", at, "no_answer", rng.randint(1, CHANNELS)))
    return found


@settings(max_examples=25, deadline=None)
@given(
    happenings=st.tuples(HAPPENINGS, HAPPENINGS, HAPPENINGS),
    rate_hz=st.sampled_from((10, 80)),
    sigma=st.sampled_from((0.05, 0.5, 3.0)),
    seed=st.integers(0, 1000),
    most=st.integers(1, 60),
)
@example(happenings=(ONE_OF_EACH, ONE_OF_EACH[::-1], ONE_OF_EACH[1:]), rate_hz=80, sigma=0.5, seed=1, most=32)
@example(happenings=(ONE_OF_EACH, ONE_OF_EACH[::-1], ONE_OF_EACH[1:]), rate_hz=10, sigma=0.5, seed=2, most=5)
def test_readings_taken_together_tell_the_same_as_one_by_one(
    happenings: tuple[list[tuple[str, float, float]], ...], rate_hz: int, sigma: float, seed: int, most: int
) -> None:
    readings = readings_of(happenings, rate_hz, sigma, seed)
    one_by_one, together = board(rate_hz), board(rate_hz)
    alone = [fact for reading in readings for fact in one_by_one.take(reading)]
    rng = Random(seed)
    cuts = [0]
    while cuts[-1] < len(readings):
        cuts.append(cuts[-1] + rng.randint(1, most))
    batched = [fact for begin, end in pairwise(cuts) for fact in together.facts(readings[begin:end])]
    assert batched == alone
    assert together.deadline == one_by_one.deadline


def plate(rate_hz: float) -> Plate:
    return Plate(
        "s", 1, Calibration(5000.0, COUNTS_PER_GRAM), 20_000.0, True, Pace.of(rate_hz), ChannelTrust("s", 1, True), "boot.", Awaited()
    )


def told_plainly(one: Plate, at: float, raw: float) -> list[Fact] | None:
    """One sample of one plate as ``docs/sensing.md`` has it, every condition looked at anew each time."""
    grams = (raw - one._zero) * one._factor
    if one._state != _QUIET:
        return one._unquiet(at, grams) if one.moving or one.waiting else one._grow_up(at, grams)
    residual = grams - one._level
    if not (-one._allowance < residual < one._allowance and one._up == 0.0 == one._down):
        return one._suspect(at, grams)
    one.at = at
    one._level += one._pace.drift if residual > 0.0 else -one._pace.drift
    one._learn_noise(grams)
    one._lane -= 1
    return None if one._lane else one._every_so_often(at)


@settings(max_examples=40, deadline=None)
@given(
    happenings=HAPPENINGS,
    rate_hz=st.sampled_from((5.0, 10.0, 50.0, 80.0)),
    sigma=st.sampled_from((0.0, 0.05, 0.5, 3.0)),
    seed=st.integers(0, 1000),
)
@example(happenings=ONE_OF_EACH, rate_hz=50.0, sigma=0.5, seed=3)
@example(happenings=ONE_OF_EACH, rate_hz=10.0, sigma=3.0, seed=4)
def test_the_short_way_of_a_quiet_plate_tells_the_same_as_the_plain_one(
    happenings: list[tuple[str, float, float]], rate_hz: float, sigma: float, seed: int
) -> None:
    samples = [(at, 5000.0 + grams * COUNTS_PER_GRAM) for at, grams in signal(happenings, rate_hz, sigma, seed)]
    short, plain, other = plate(rate_hz), plate(rate_hz), plate(rate_hz)
    for at, raw in samples:
        found = [fact for which, facts in Plate.weigh((other, short), at, (6000.0, raw)) for fact in facts if which is short]
        assert found == (told_plainly(plain, at, raw) or [])
        assert (short.grams, short.sigma, short.at, short.moving) == (plain.grams, plain.sigma, plain.at, plain.moving)


def test_the_signals_have_everything_that_a_plate_can_tell() -> None:
    readings = readings_of((ONE_OF_EACH, ONE_OF_EACH[::-1], ONE_OF_EACH[1:]), 80, 0.5, 1)
    facts = board(80).facts(readings)
    kinds = {type(fact) for fact in facts}
    assert kinds >= {PlateMoving, PlateQuiet, PlateUntrusted, WeightStep}
    assert sum(isinstance(fact, WeightStep) for fact in facts) >= 2


@pytest.mark.parametrize("count", [0, 1, 2])
def test_no_readings_tell_nothing(count: int) -> None:
    assert board(10).facts([WeightReading("s", 1.0 + number, (5000.0,) * CHANNELS) for number in range(count)]) == []
