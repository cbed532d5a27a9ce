"""Samples as the daemon reads them: in rounds, several at once and with one time. It costs no step, no gram, and hardly any time."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil
from random import Random

import pytest

from device.domain.facts import TraceCaptured, WeightStep
from device.ports.rounds import ROUND_S
from tests.sensing.signals import Signal, Step, facts_of, sense, stream_scale


def in_rounds(samples: Iterator[tuple[float, float]], phase: float) -> Iterator[tuple[float, float]]:
    """The same samples, each at the time of the round in which it is read."""
    for at, grams in samples:
        yield (ceil(at / ROUND_S - phase) + phase) * ROUND_S, grams


@pytest.mark.parametrize(("rate_hz", "sigma", "limit_s"), [(10.0, 0.55, 0.5), (50.0, 0.8, 0.2), (80.0, 1.0, 0.15)])
def test_a_pick_is_still_told_in_time(rate_hz: float, sigma: float, limit_s: float) -> None:
    delays = []
    for seed in range(60):
        rng = Random(seed)
        step = Step(12 + rng.random(), rng.choice((-1200.0, -750.0, -340.0)), 0.03)
        signal = Signal(seed, rate_hz, sigma=sigma, memory=0.3, glitches=0.004, steps=[step])
        facts = facts_of(sense(stream_scale(rate_hz)), in_rounds(signal.samples(15), rng.random()))
        (found,) = [fact for fact in facts if isinstance(fact, WeightStep)]
        delays.append(found.at - step.settled_at())
    assert sorted(delays)[56] < limit_s


@pytest.mark.parametrize("rate_hz", [10.0, 50.0, 80.0])
def test_what_is_found_is_the_same_as_sample_by_sample(rate_hz: float) -> None:
    for seed in range(20):
        steps = [Step(8.0, -750.0), Step(16.0, 340.0), Step(24.0, -60.0)]
        signal = Signal(seed, rate_hz, glitches=0.008, steps=steps)
        alone = facts_of(sense(stream_scale(rate_hz)), signal.samples(40))
        together = facts_of(sense(stream_scale(rate_hz)), in_rounds(signal.samples(40), 0.3))
        one, other = ([fact for fact in facts if isinstance(fact, WeightStep)] for facts in (alone, together))
        assert len(one) == len(other)
        for left, right in zip(one, other, strict=True):
            assert left.delta == pytest.approx(right.delta, abs=4 * (left.sd + right.sd))


def test_evidence_has_every_sample_though_several_bear_one_time() -> None:
    signal = Signal(3, 80.0, steps=[Step(10.0, -750.0)])
    heard = list(in_rounds(signal.samples(20), 0.0))
    (trace,) = [fact for fact in facts_of(sense(stream_scale(80.0)), iter(heard)) if isinstance(fact, TraceCaptured)]
    first, last = (trace.began_at + trace.samples[place][0] for place in (0, -1))
    # The trace is closed with the first sample that is late enough; others that bear the same time come after it.
    wanted = [round(grams, 3) for at, grams in heard if first - 1e-3 < at < last - 1e-3]
    assert [grams for _, grams in trace.samples[: len(wanted)]] == wanted
    assert len(wanted) <= len(trace.samples) <= len(wanted) + 2
    assert len({at for at, _ in trace.samples}) < len(trace.samples)
