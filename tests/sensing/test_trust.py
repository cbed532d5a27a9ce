"""Which channels are believed, and when again."""

from __future__ import annotations

from random import Random

import pytest

from device.domain.facts import Fact, PlateMoving, PlateQuiet, PlateTrusted, PlateUntrusted, WeightStep
from device.domain.readings import FaultReading, WeightReading
from device.sensing import Calibration
from device.sensing.scale import ScaleSense
from tests.sensing.signals import Signal, Step, board_scale, facts_of, sense, stream_scale


def counts(seed: int, seconds: float, since: float = 0.0, grams: float = 3000.0) -> list[tuple[float, float]]:
    """A board's raw counts, 100 a gram, zero at 5000."""
    return [(at, round(5000 + 100 * value)) for at, value in Signal(seed, base=grams).samples(seconds, since)]


def reasons(facts: list[Fact]) -> list[str | None]:
    """The story of trust: a reason when lost, None when believed again."""
    return [fact.reason if isinstance(fact, PlateUntrusted) else None for fact in facts if isinstance(fact, PlateUntrusted | PlateTrusted)]


def well(scale: ScaleSense, seconds: float = 15.0) -> ScaleSense:
    assert reasons(facts_of(scale, counts(1, seconds))) == [None]
    return scale


def assert_comes_back(facts: list[Fact], since: float) -> None:
    """Believed again after a quiet second, with its level at once."""
    trusted = next(fact for fact in facts if isinstance(fact, PlateTrusted))
    place = facts.index(trusted)
    assert since + 0.85 <= trusted.at <= since + 2.0
    level = facts[place + 1]
    assert isinstance(level, PlateQuiet)
    assert level.first
    assert level.at == trusted.at


def test_counts_that_stand_still_are_a_dead_converter() -> None:
    scale = well(sense(board_scale()))
    frozen = facts_of(scale, [(15 + index / 10, 305_000.0) for index in range(80)])
    assert reasons(frozen) == ["flatline"]
    lost = next(fact for fact in frozen if isinstance(fact, PlateUntrusted))
    assert 17.5 < lost.at < 20.5
    assert_comes_back(facts_of(scale, counts(2, 5, 23.0)), 23.0)


def test_a_scale_that_rounds_to_grams_may_stand_still() -> None:
    facts = facts_of(sense(stream_scale()), [(index / 10, 3000.0) for index in range(600)])
    assert reasons(facts) == [None]


@pytest.mark.parametrize("rail", [8_388_607.0, -8_388_608.0])
def test_counts_at_the_end_of_the_converter_are_saturated(rail: float) -> None:
    scale = well(sense(board_scale()))
    facts = facts_of(scale, [(15 + index / 10, rail) for index in range(40)])
    assert reasons(facts) == ["saturated"]
    assert not any(isinstance(fact, WeightStep) for fact in facts)
    assert_comes_back(facts_of(scale, counts(2, 5, 19.0)), 19.0)


def test_faults_count_from_the_third_in_a_row() -> None:
    scale = well(sense(board_scale()))
    facts: list[Fact] = []
    for at, fault in ((15.0, True), (15.1, True), (15.2, False), (15.3, True), (15.4, True), (15.5, True), (15.6, True)):
        facts += scale.take(WeightReading("shelf", at, (float("nan") if fault else 305_000.0,)))
        if fault:
            facts += scale.fault(FaultReading("shelf", at, "saturated", 1))
    assert [(fact.at, fact.reason) for fact in facts if isinstance(fact, PlateUntrusted)] == [(15.5, "saturated")]
    assert_comes_back(facts_of(scale, counts(2, 5, 15.7)), 15.7)


def test_a_scale_that_is_busy_is_believed() -> None:
    scale = sense(stream_scale())
    facts_of(scale, Signal(1).samples(5))
    assert [fact for at in range(5) for fact in scale.fault(FaultReading("shelf", 5 + at / 10, "not_executable"))] == []


def test_a_fault_of_one_channel_leaves_the_others_alone() -> None:
    scale = sense(board_scale(channels=3))
    rng = Random(5)
    facts: list[Fact] = []
    for index in range(100):
        values = tuple(round(305_000 + rng.gauss(0, 50)) for _ in range(3))
        facts += scale.take(WeightReading("shelf", index / 10, (values[0], float("nan") if index > 50 else values[1], values[2])))
        if index > 50:
            facts += scale.fault(FaultReading("shelf", index / 10, "no_answer", 2))
    assert [(fact.channel, fact.reason) for fact in facts if isinstance(fact, PlateUntrusted)] == [(2, "no_answer")]
    assert [scale.view(channel).trusted for channel in (1, 2, 3)] == [True, False, True]


def test_silence_of_two_seconds_is_stale_whether_somebody_ticks_or_not() -> None:
    for ticking in (True, False):
        scale = well(sense(board_scale()))
        assert scale.tick(16.5) == []
        facts = scale.tick(17.2) if ticking else []
        facts += facts_of(scale, counts(2, 5, 18.0, grams=2250.0))
        assert reasons(facts) == ["stale", None]
        assert not any(isinstance(fact, WeightStep) for fact in facts)
        assert next(fact.grams for fact in facts if isinstance(fact, PlateQuiet)) == pytest.approx(2250, abs=1)


def test_the_deadline_is_when_staleness_would_be() -> None:
    scale = well(sense(board_scale()))
    assert scale.deadline == pytest.approx(14.9 + 2.0, abs=0.01)
    assert scale.deadline is not None
    assert reasons(scale.tick(scale.deadline)) == ["stale"]


def test_one_wild_sample_in_eight_is_glitching_and_one_in_120_is_not() -> None:
    assert reasons(facts_of(sense(stream_scale()), Signal(1, glitches=0.0083).samples(1200))) == [None]
    facts = facts_of(sense(stream_scale()), [*Signal(1).samples(20), *Signal(2, glitches=0.3, glitch_g=(100, 9000)).samples(30, 20)])
    assert reasons(facts)[:2] == [None, "glitching"]
    assert not any(isinstance(fact, WeightStep) for fact in facts)


def test_after_glitching_five_quiet_seconds_are_wanted() -> None:
    scale = sense(stream_scale())
    facts_of(scale, [*Signal(1).samples(20), *Signal(2, glitches=0.4, glitch_g=(100, 9000)).samples(20, 20)])
    assert scale.view(1).reason == "glitching"
    back = facts_of(scale, Signal(3).samples(10, 40))
    trusted = next(fact for fact in back if isinstance(fact, PlateTrusted))
    assert 44.5 < trusted.at < 47


@pytest.mark.parametrize("grams", [21_500.0, -1500.0])
def test_a_weight_that_cannot_be_is_out_of_range(grams: float) -> None:
    signal = Signal(1, base=3000.0, steps=[Step(10.0, grams - 3000.0), Step(20.0, 3000.0 - grams)])
    facts = facts_of(sense(stream_scale(capacity_g=20_000.0)), signal.samples(30))
    assert reasons(facts) == [None, "out_of_range", None]
    assert not any(isinstance(fact, WeightStep) for fact in facts)


def test_a_reboot_in_mid_stream_wants_a_quiet_second() -> None:
    scale = well(sense(board_scale()))
    assert reasons(scale.distrust(15.0, "rebooted")) == ["rebooted"]
    assert_comes_back(facts_of(scale, counts(2, 5, 15.0, grams=2990.0)), 15.0)


def test_a_plate_that_is_touched_while_untrusted_decides_nothing() -> None:
    scale = well(sense(board_scale()))
    scale.distrust(15.0, "lost")
    moving = [(at, 5000 + 100 * value) for at, value in Signal(3, steps=[Step(15.5, -750), Step(16.2, -750)]).samples(5, 15.0)]
    facts = facts_of(scale, moving)
    assert not any(isinstance(fact, WeightStep | PlateMoving) for fact in facts)
    assert [fact.grams for fact in facts if isinstance(fact, PlateQuiet)] == [pytest.approx(1500, abs=1)]


def test_a_board_without_calibration_is_untrusted_until_it_is_calibrated() -> None:
    scale = sense(board_scale(counts_per_gram=None))
    facts = scale.up(0.0)
    assert reasons(facts) == ["uncalibrated"]
    assert facts_of(scale, counts(1, 15)) == []
    assert facts_of(scale, counts(1, 5, 15, grams=2250.0)) == []
    view = scale.view(1)
    assert (view.grams, view.trusted, view.reason) == (None, False, "uncalibrated")
    assert view.raw == pytest.approx(5000 + 225_000, abs=100)
    facts = scale.calibrate(1, Calibration(5000.0, 100.0), 20.0)
    assert [type(fact) for fact in facts] == [PlateTrusted, PlateQuiet]
    level = facts[1]
    assert isinstance(level, PlateQuiet)
    assert level.first
    assert level.grams == pytest.approx(2250, abs=1)
    (step,) = [
        fact for fact in facts_of(scale, [*counts(2, 5, 20, grams=2250.0), *counts(3, 5, 25, grams=1500.0)]) if isinstance(fact, WeightStep)
    ]
    assert step.delta == pytest.approx(-750, abs=3)


def test_a_new_calibration_tells_the_level_by_it_and_invents_no_step() -> None:
    scale = well(sense(board_scale()))
    facts = scale.calibrate(1, Calibration(5000.0, 200.0), 15.0)
    facts += facts_of(scale, counts(2, 20, 15.0))
    assert not any(isinstance(fact, WeightStep | PlateMoving) for fact in facts)
    assert [fact.grams for fact in facts if isinstance(fact, PlateQuiet)] == [pytest.approx(1500, abs=0.5)]
    sigma = scale.view(1).sigma
    assert sigma == pytest.approx(0.28, abs=0.08)


def test_a_calibration_of_nothing_is_refused() -> None:
    scale = sense(board_scale())
    with pytest.raises(ValueError, match="per_gram"):
        scale.calibrate(1, Calibration(0.0, 0.0), 1.0)
    with pytest.raises(ValueError, match="no channel 2"):
        scale.calibrate(2, Calibration(0.0, 1.0), 1.0)


def test_a_cell_wired_the_other_way_round_counts_down() -> None:
    scale = sense(board_scale(counts_per_gram=-100.0, zero_counts=5000.0))
    samples = [(at, round(5000 - 100 * value)) for at, value in Signal(1, steps=[Step(15.0, -750.0)]).samples(20)]
    (step,) = [fact for fact in facts_of(scale, samples) if isinstance(fact, WeightStep)]
    assert step.delta == pytest.approx(-750, abs=3)
    assert step.sd > 0


@pytest.mark.parametrize("rate_hz", [10.0, 40.0, 80.0])
def test_a_slammed_door_shakes_a_plate_and_costs_it_no_trust(rate_hz: float) -> None:
    for seed in range(20):
        rng = Random(seed)

        def slam(t: float, rng: Random = rng) -> float:
            since = (t - 10.0) % 2.5 if t >= 10.0 else None
            return 0.0 if since is None else rng.gauss(0, 60.0) * 2.718 ** (-since / 0.15)

        scale = sense(stream_scale(rate_hz=rate_hz))
        facts = facts_of(scale, Signal(seed, rate_hz=rate_hz, extra=[slam]).samples(30))
        assert reasons(facts) == [None]
        assert [fact for fact in facts if isinstance(fact, WeightStep)] == []


def test_a_fault_that_a_scale_tells_once_is_why_its_plate_is_silent() -> None:
    scale = well(sense(stream_scale()))
    assert scale.fault(FaultReading("shelf", 15.0, "overload")) == []
    assert reasons(scale.tick(30.0)) == ["overload"]
