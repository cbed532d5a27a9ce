"""Steps, and what is none: one plate at a time, in virtual time."""

from __future__ import annotations

from itertools import pairwise
from math import sin
from random import Random
from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device.domain.facts import Fact, PlateMoving, PlateQuiet, PlateTrusted, PlateUntrusted, TraceCaptured, WeightStep
from firmware_sims.physics import Plate
from tests.sensing.signals import Signal, Step, creep, drift, facts_of, footsteps, hum, lean, sense, stream_scale


def steps_in(facts: list[Fact]) -> list[WeightStep]:
    return [fact for fact in facts if isinstance(fact, WeightStep)]


def moves_in(facts: list[Fact]) -> list[PlateMoving]:
    return [fact for fact in facts if isinstance(fact, PlateMoving)]


def run(signal: Signal, seconds: float) -> list[Fact]:
    return facts_of(sense(stream_scale(signal.rate_hz)), signal.samples(seconds))


def assert_well_formed(facts: list[Fact]) -> None:
    """Every movement ends in one step or one quiet level, in order, and levels join up."""
    moving = False
    for fact in facts:
        if isinstance(fact, PlateMoving):
            assert not moving
            moving = True
        elif isinstance(fact, WeightStep):
            assert moving
            assert fact.began_at <= fact.at
            assert fact.before + fact.delta == pytest.approx(fact.after)
            assert fact.sd > 0
            moving = False
        elif isinstance(fact, PlateQuiet | PlateUntrusted):
            moving = False


def test_the_first_quiet_second_gives_the_first_level() -> None:
    facts = run(Signal(1), 3)
    assert [type(fact) for fact in facts] == [PlateTrusted, PlateQuiet]
    level = facts[1]
    assert isinstance(level, PlateQuiet)
    assert level.first
    assert 1.0 <= level.at <= 1.5
    assert abs(level.grams - 3000) < 1.5


@pytest.mark.parametrize("rate_hz", [5.0, 10.0, 20.0, 40.0, 60.0, 80.0])
@pytest.mark.parametrize("grams", [-1500.0, -750.0, -30.0, 330.0])
def test_a_step_is_found_at_every_rate(rate_hz: float, grams: float) -> None:
    facts = run(Signal(7, rate_hz, glitches=0.008, jitter=0.6, lost=0.02, steps=[Step(20.0, grams)]), 30)
    (step,) = steps_in(facts)
    assert abs(step.delta - grams) < max(5 * step.sd, 1.0)
    assert 20.0 <= step.began_at <= 20.0 + 2.5 / rate_hz
    assert_well_formed(facts)


LIMITS = pytest.mark.parametrize(
    ("rate_hz", "sigma", "limit_s"), [(10.0, 0.55, 0.5), (10.0, 3.0, 0.5), (40.0, 0.8, 0.2), (80.0, 1.0, 0.15), (80.0, 2.5, 0.15)]
)


@LIMITS
def test_a_pick_is_told_soon_after_the_plate_has_settled(rate_hz: float, sigma: float, limit_s: float) -> None:
    delays = []
    for seed in range(60):
        rng = Random(seed)
        step = Step(12 + rng.random(), rng.choice((-1200.0, -750.0, -340.0, -40.0)), 0.03)
        found = steps_in(run(Signal(seed, rate_hz, sigma=sigma, memory=0.3, glitches=0.004, steps=[step]), 15))
        assert len(found) == 1
        delays.append(found[0].at - step.settled_at())
    assert sorted(delays)[56] < limit_s


@LIMITS
def test_what_comes_back_is_told_as_soon(rate_hz: float, sigma: float, limit_s: float) -> None:
    """A bottle taken for a look: the plate has stood at this weight before."""
    delays = []
    for seed in range(60):
        rng = Random(seed)
        grams = rng.choice((1200.0, 750.0, 340.0))
        back = Step(15 + rng.random(), grams, 0.03)
        found = steps_in(run(Signal(seed, rate_hz, sigma=sigma, memory=0.3, glitches=0.004, steps=[Step(12, -grams, 0.03), back]), 18))
        assert len(found) == 2
        delays.append(found[1].at - back.settled_at())
    assert sorted(delays)[56] < limit_s


@pytest.mark.parametrize(("rate_hz", "limit_s"), [(10.0, 0.65), (80.0, 0.4)])
def test_a_weight_that_is_not_known_is_told_once_it_is_no_hand(rate_hz: float, limit_s: float) -> None:
    """What is restocked, on a plate that has shown no swing before and shows none now."""
    delays = []
    for seed in range(60):
        rng = Random(seed)
        step = Step(12 + rng.random(), rng.choice((1200.0, 750.0, 340.0)), 0.03)
        (found,) = steps_in(run(Signal(seed, rate_hz, sigma=0.8, memory=0.3, glitches=0.004, steps=[step]), 15))
        delays.append(found.at - step.settled_at())
    assert sorted(delays)[56] < limit_s


@pytest.mark.parametrize("rate_hz", [10.0, 20.0, 40.0, 60.0, 80.0])
def test_hands_that_press_as_evenly_as_hands_can_give_no_step(rate_hz: float) -> None:
    """Presses of 0.2 to 4 kg, of up to 4 s, which the simulator's muscles hold as steadily as real ones do."""
    for seed in range(40):
        rng = Random(f"press {seed}")
        plate = Plate(f"press {seed}")
        plate.rest(rng.uniform(0.0, 10_000.0))
        grams, seconds = rng.uniform(200.0, 4000.0), rng.uniform(0.3, 4.0)
        samples, pressed = [], False
        for index in range(round((8.0 + seconds + 6.0) * rate_hz)):
            if index / rate_hz >= 8.0 and not pressed:
                pressed = True
                plate.lean(grams, seconds)
            samples.append((index / rate_hz, plate.sample(1 / rate_hz)))
        facts = facts_of(sense(stream_scale(rate_hz)), samples)
        assert steps_in(facts) == []
        assert moves_in(facts)
        assert not facts_end_moving(facts)


@pytest.mark.parametrize("rate_hz", [5.0, 10.0, 20.0, 40.0, 60.0, 80.0])
def test_the_error_of_a_pick_from_a_simulated_shelf_is_what_it_is_said_to_be(rate_hz: float) -> None:
    """Hands, plates and noise of the simulator: the errors over what was said of them have a standard deviation near 1."""
    scores = []
    for seed in range(80):
        rng = Random(f"pick {seed}")
        plate = Plate(f"pick {seed}")
        plate.rest(rng.uniform(2000.0, 10_000.0))
        grams, sign, at = rng.uniform(100.0, 1600.0), rng.choice((-1, 1)), 8.0 + rng.random()
        samples, moved = [], False
        for index in range(round(12.5 * rate_hz)):
            if index / rate_hz >= at and not moved:
                moved = True
                (plate.take if sign < 0 else plate.put)(grams)
            samples.append((index / rate_hz, plate.sample(1 / rate_hz)))
        (found,) = steps_in(facts_of(sense(stream_scale(rate_hz)), samples))
        scores.append((found.delta - sign * grams) / found.sd)
    assert abs(fmean(scores)) < 0.4
    assert 0.7 < fmean(score * score for score in scores) ** 0.5 < 1.25
    assert max(map(abs, scores)) < 5


@pytest.mark.parametrize(
    ("rate_hz", "sigma", "memory", "tau", "ring_hz"),
    [
        (10.0, 0.55, 0.44, 0.08, 4.6),
        (10.0, 3.0, 0.0, 0.1, 0.0),
        (40.0, 1.0, 0.2, 0.05, 0.0),
        (80.0, 1.5, 0.3, 0.08, 4.6),
        (5.0, 0.5, 0.0, 0.1, 0.0),
    ],
)
def test_the_standard_error_of_a_step_is_true(rate_hz: float, sigma: float, memory: float, tau: float, ring_hz: float) -> None:
    scores = []
    for seed in range(120):
        rng = Random(seed)
        step = Step(14 + rng.random(), rng.choice((-1500.0, -750.0, -340.0, 40.0)), tau, ring_hz)
        (found,) = steps_in(run(Signal(seed, rate_hz, sigma=sigma, memory=memory, steps=[step]), 18))
        scores.append((found.delta - step.grams) / found.sd)
    assert abs(fmean(scores)) < 0.6
    assert 0.6 < fmean(score * score for score in scores) ** 0.5 < 1.5
    assert max(map(abs, scores)) < 5


def test_glitches_of_any_size_are_neither_movements_nor_steps() -> None:
    facts = run(Signal(3, glitches=0.008), 1800)
    assert moves_in(facts) == []
    assert not any(isinstance(fact, PlateUntrusted) for fact in facts)


@pytest.mark.parametrize("rate_hz", [10.0, 80.0])
def test_two_glitches_side_by_side_are_no_movement(rate_hz: float) -> None:
    samples = list(Signal(4, rate_hz).samples(30))
    for index, grams in ((200, -7386.0), (201, -13247.0), (250, 22_000.0), (251, 21_999.0)):
        samples[index] = (samples[index][0], samples[index][1] + grams)
    facts = facts_of(sense(stream_scale(rate_hz)), samples)
    assert moves_in(facts) == []


def test_a_glitch_while_settling_costs_a_sample_and_no_truth() -> None:
    for place in range(6):
        samples = list(Signal(5, steps=[Step(20.0, -750.0)]).samples(25))
        samples[201 + place] = (samples[201 + place][0], samples[201 + place][1] + 5000)
        (step,) = steps_in(facts_of(sense(stream_scale()), samples))
        assert abs(step.delta + 750) < 5 * step.sd
        assert step.at < 20.9


def test_drift_and_creep_are_followed_without_a_step() -> None:
    facts = run(Signal(6, base=20_000, extra=[drift(-2.4 / 1050), creep(6.0, 600.0)]), 3600)
    assert moves_in(facts) == []
    last = [fact for fact in facts if isinstance(fact, PlateQuiet)][-1]
    assert abs(last.grams - (20_000 - 2.4 / 1050 * last.at + creep(6.0, 600.0)(last.at))) < 1.0


def test_the_quiet_level_is_told_once_a_minute() -> None:
    quiet = [fact.at for fact in run(Signal(6), 600) if isinstance(fact, PlateQuiet)]
    assert 9 <= len(quiet) <= 10
    assert all(later - earlier >= 60 for earlier, later in pairwise(quiet))


def test_a_slow_removal_is_not_taken_for_drift() -> None:
    """Nuts out of a jar, half a gram at a time: more than drift may be, so it shows as movement, and nothing is lost of the sum."""
    facts = run(Signal(8, extra=[lambda t: -0.5 * max(0.0, min(t - 60, 60.0))]), 200)
    assert moves_in(facts)
    told = [fact for fact in facts if isinstance(fact, PlateQuiet | WeightStep)]
    last = told[-1]
    assert (last.grams if isinstance(last, PlateQuiet) else last.after) == pytest.approx(2970, abs=1.5)


@pytest.mark.parametrize("grams", [2.0, 6.0])
def test_a_change_too_small_to_be_an_item_is_a_level_not_a_step(grams: float) -> None:
    facts = run(Signal(9, sigma=0.3, steps=[Step(20.0, grams)]), 200)
    assert steps_in(facts) == []
    last = [fact for fact in facts if isinstance(fact, PlateQuiet)][-1]
    assert last.grams == pytest.approx(3000 + grams, abs=0.6)


@pytest.mark.parametrize("rate_hz", [10.0, 80.0])
def test_a_lean_moves_the_plate_and_changes_nothing(rate_hz: float) -> None:
    for seed in range(30):
        facts = run(Signal(seed, rate_hz, extra=[lean(15.0, 600.0 + 100 * seed, 3.0 + seed % 4, seed)]), 30)
        assert steps_in(facts) == []
        assert moves_in(facts)
        assert not facts_end_moving(facts)
        assert_well_formed(facts)


def facts_end_moving(facts: list[Fact]) -> bool:
    ends = [fact for fact in facts if isinstance(fact, PlateMoving | PlateQuiet | WeightStep)]
    return isinstance(ends[-1], PlateMoving)


def test_a_bottle_taken_and_put_back_is_two_steps_that_cancel() -> None:
    facts = run(Signal(11, steps=[Step(15.0, -1250.0), Step(22.0, 1250.0, 0.08, 4.6)]), 30)
    taken, back = steps_in(facts)
    assert taken.delta == pytest.approx(-1250, abs=3)
    assert taken.delta + back.delta == pytest.approx(0, abs=3)
    assert back.before == pytest.approx(taken.after, abs=1.5)


@pytest.mark.parametrize("apart_s", [0.15, 0.3, 0.5, 1.0, 1.5])
@pytest.mark.parametrize("rate_hz", [10.0, 80.0])
def test_two_picks_in_quick_succession_add_up(apart_s: float, rate_hz: float) -> None:
    for seed in range(10):
        facts = run(Signal(seed, rate_hz, steps=[Step(15.0, -750.0), Step(15.0 + apart_s, -1180.0)]), 25)
        found = steps_in(facts)
        assert 1 <= len(found) <= 2
        assert sum(step.delta for step in found) == pytest.approx(-1930, abs=5)
        if len(found) == 2:
            assert found[0].delta == pytest.approx(-750, abs=5)


@pytest.mark.parametrize("gap_s", [0.6, 1.2, 1.8])
def test_a_level_that_changed_within_a_gap_is_a_step(gap_s: float) -> None:
    samples = [(at, grams) for at, grams in Signal(12, steps=[Step(20.1, -750.0)]).samples(30) if not 20 <= at < 20 + gap_s]
    (step,) = steps_in(facts_of(sense(stream_scale()), samples))
    assert step.delta == pytest.approx(-750, abs=3)


def test_a_scale_slower_than_configured_is_understood() -> None:
    scale = sense(stream_scale(10.0))
    facts = facts_of(scale, Signal(13, 1.5, steps=[Step(120.0, -750.0)]).samples(200))
    (step,) = steps_in(facts)
    assert step.delta == pytest.approx(-750, abs=3)


def test_samples_that_arrive_in_bursts_do_no_harm() -> None:
    """A busy machine reads five at once: they have one time of arrival."""
    samples = list(Signal(14, 80.0, glitches=0.008, steps=[Step(20.0, -750.0)]).samples(30))
    burst = [(samples[index - index % 8 + 7][0], grams) for index, (_, grams) in enumerate(samples[: len(samples) // 8 * 8])]
    (step,) = steps_in(facts_of(sense(stream_scale(80.0)), burst))
    assert step.delta == pytest.approx(-750, abs=3)


def test_a_noisier_plate_is_learnt_and_its_steps_still_found() -> None:
    rng = Random(15)
    facts = run(
        Signal(15, sigma=0.5, extra=[lambda t: rng.gauss(0, 4.0) if t > 30 else 0.0], steps=[Step(120.0, -750.0), Step(150.0, 60.0)]), 200
    )
    found = steps_in(facts)
    assert [step.delta > 0 for step in found] == [False, True]
    assert all(abs(step.delta - truth) < 5 * step.sd for step, truth in zip(found, (-750.0, 60.0), strict=True))


def busy_hour(seed: int, rate_hz: float, seconds: float) -> list[Fact]:
    """Everything at once but a hand: glitches, drift, creep, compressor, footsteps, jitter, lost samples."""
    signal = Signal(
        seed,
        rate_hz,
        base=12_000.0,
        sigma=0.8,
        glitches=0.0083,
        jitter=0.5,
        lost=0.002,
        extra=[drift(-0.002), creep(3.6, 500.0), hum(1.5, 3.1), footsteps(6.0)],
    )
    return run(signal, seconds)


@pytest.mark.parametrize("rate_hz", [10.0, 40.0])
def test_an_hour_of_drift_hum_footsteps_and_glitches_gives_no_step(rate_hz: float) -> None:
    facts = busy_hour(21, rate_hz, 3600 if rate_hz == 10 else 1200)
    assert steps_in(facts) == []
    assert not any(isinstance(fact, PlateUntrusted) for fact in facts)
    assert len(moves_in(facts)) < 30


@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("seed", "rate_hz", "hours"), [(1, 10.0, 24.0), (2, 80.0, 8.0)])
def test_a_day_of_it_gives_no_step(seed: int, rate_hz: float, hours: float) -> None:
    facts = busy_hour(seed, rate_hz, 3600 * hours)
    assert steps_in(facts) == []
    assert not any(isinstance(fact, PlateUntrusted) for fact in facts)


def test_the_trace_is_kept_from_3_s_before_to_3_s_after() -> None:
    facts = run(Signal(16, steps=[Step(20.0, -750.0)]), 30)
    (step,) = steps_in(facts)
    (trace,) = [fact for fact in facts if isinstance(fact, TraceCaptured)]
    assert trace.evidence == step.evidence == f"boot.shelf.1.{round(step.began_at * 1000)}"
    assert trace.began_at == step.began_at
    assert trace.at == pytest.approx(step.at + 3.0, abs=0.11)
    times = [when for when, _ in trace.samples]
    assert times == sorted(set(times))
    assert -3.0 <= times[0] < -2.89
    assert step.at - step.began_at + 2.89 < times[-1] < step.at - step.began_at + 3.01
    assert len(times) == pytest.approx((6 + step.at - step.began_at) * 10, abs=2)
    assert fmean(grams for when, grams in trace.samples if when < 0) == pytest.approx(3000, abs=1)
    assert fmean(grams for when, grams in trace.samples if when > 0.5) == pytest.approx(2250, abs=1)


def test_a_trace_is_completed_when_samples_cease() -> None:
    scale = sense(stream_scale())
    facts = facts_of(scale, Signal(16, steps=[Step(20.0, -750.0)]).samples(21))
    assert steps_in(facts)
    assert scale.deadline is not None
    late = scale.tick(30.0)
    assert [fact.evidence for fact in late if isinstance(fact, TraceCaptured)] == [steps_in(facts)[0].evidence]


def test_a_long_movement_keeps_its_beginning_and_its_end() -> None:
    """A bottle is taken out of a crate that somebody goes on pushing about for half a minute."""
    push = [lambda t: 300 * sin(5.6 * t) + 200 * sin(14.5 * t) if 20 <= t < 50 else 0.0]
    facts = run(Signal(17, extra=push, steps=[Step(40.0, -750.0)]), 80)
    (step,) = steps_in(facts)
    (trace,) = [fact for fact in facts if isinstance(fact, TraceCaptured)]
    assert step.at - step.began_at > 29
    assert trace.samples[0][0] < -2.8
    assert trace.samples[-1][0] == pytest.approx(step.at - step.began_at + 3, abs=0.15)
    assert len(trace.samples) < 190


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    rate_hz=st.sampled_from([5.0, 10.0, 33.0, 80.0]),
    changes=st.lists(st.tuples(st.floats(0.05, 8.0), st.sampled_from([-1500.0, -750.0, -60.0, 60.0, 750.0, 1500.0])), max_size=6),
    sigma=st.floats(0.05, 3.0),
)
def test_whatever_hands_do_the_steps_add_up(seed: int, rate_hz: float, changes: list[tuple[float, float]], sigma: float) -> None:
    at, steps = 12.0, []
    for wait, grams in changes:
        at += wait
        steps.append(Step(at, grams, 0.05))
    facts = run(Signal(seed, rate_hz, base=9000.0, sigma=sigma, memory=0.2, glitches=0.004, steps=steps), at + 15)
    assert_well_formed(facts)
    assert not facts_end_moving(facts)
    total = sum(step.delta for step in steps_in(facts))
    assert total == pytest.approx(sum(grams for _, grams in changes), abs=10 + 6 * sigma)
