"""Doors, inputs, codes, tags, temperatures, devices: everything but weight."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.domain.facts import (
    BoltMoved,
    CodeRead,
    DeviceDegraded,
    DeviceLost,
    DeviceOnline,
    DoorMoved,
    ExitPressed,
    Fact,
    InputChanged,
    LockDriven,
    PlateQuiet,
    PlateTrusted,
    PlateUntrusted,
    ProbeFailed,
    RelayMoved,
    TemperatureKnown,
    WeightStep,
)
from device.domain.readings import (
    CodeReading,
    ContactReading,
    DeviceDown,
    DeviceRebooted,
    DeviceUp,
    FaultReading,
    InputReading,
    LockOutcome,
    NoiseReading,
    Reading,
    TemperatureReading,
    WeightReading,
)
from device.sensing import Calibration, Sensing
from tests.sensing.signals import Signal, Step, store

SENSING_LAYOUT = store(
    lock=[{"id": "lock", "zone": "z", "driver": "gpio", "relay": 17, "contact": 27, "bolt": 22, "exit_button": 23}],
    scale=[
        {"id": "board", "zone": "z", "driver": "shelf-board", "port": "tcp:192.0.2.1:1", "channels": 2, "counts_per_gram": [100.0, 50.0]},
        {"id": "till", "zone": "z", "driver": "mt-sics", "port": "tcp:192.0.2.1:2"},
    ],
    rfid=[{"id": "rfid", "zone": "z", "driver": "r200", "port": "tcp:192.0.2.1:3"}],
    thermometer=[{"id": "air", "zone": "z", "driver": "ds18b20", "serial": "28-0000075c1b2a"}],
    reader=[{"id": "qr", "zone": "z", "driver": "line", "port": "tcp:192.0.2.1:4"}],
    input=[{"id": "fire", "zones": ["z"], "kind": "fire", "driver": "gpio", "pin": 5}],
)


def sensing() -> Sensing:
    return Sensing(SENSING_LAYOUT, {}, "b00t")


def play(senses: Sensing, readings: Iterable[Reading], until: float | None = None) -> list[Fact]:
    """As an engine does: ticks at each deadline that comes before the next reading."""
    facts: list[Fact] = []

    def pass_time(to: float) -> None:
        at = -1.0
        while senses.deadline is not None and senses.deadline <= to and at < to:
            at = max(senses.deadline, at)
            facts.extend(senses.tick(at))

    for reading in readings:
        pass_time(reading.at)
        facts.extend(senses.take(reading))
    if until is not None:
        pass_time(until)
    return facts


def of(facts: list[Fact], *kinds: type) -> list[Fact]:
    return [fact for fact in facts if isinstance(fact, kinds)]


def contact(at: float, closed: bool, unlocked: bool = False, bolt: bool | None = None, pressed: bool | None = None) -> ContactReading:
    return ContactReading("lock", at, unlocked, closed, bolt, pressed)


def test_the_first_state_of_a_door_is_told_at_once() -> None:
    facts = play(sensing(), [contact(1.0, True, bolt=True, pressed=False)])
    assert facts == [RelayMoved("lock", 1.0, False), BoltMoved("lock", 1.0, True), DoorMoved("lock", 1.0, True)]


def test_a_door_that_opens_is_told_once_it_has_been_open_for_50_ms() -> None:
    facts = play(sensing(), [contact(1.0, True), contact(5.0, False)], until=6.0)
    assert of(facts, DoorMoved)[1:] == [DoorMoved("lock", pytest.approx(5.05), False)]  # type: ignore[arg-type]


def test_a_contact_that_bounces_has_moved_once() -> None:
    bounces = [contact(5.0 + index * 0.004, bool(index % 2)) for index in range(9)]
    facts = play(sensing(), [contact(1.0, True), *bounces], until=6.0)
    moved = of(facts, DoorMoved)
    assert len(moved) == 2
    assert moved[1].at == pytest.approx(5.032 + 0.05)


def test_a_spike_on_the_contact_wire_is_no_door() -> None:
    facts = play(sensing(), [contact(1.0, True), contact(5.0, False), contact(5.02, True)], until=9.0)
    assert len(of(facts, DoorMoved)) == 1


def test_the_relay_is_told_before_the_door_it_releases() -> None:
    facts = play(sensing(), [contact(1.0, True), contact(2.0, True, unlocked=True), contact(2.1, False, unlocked=True)], until=3.0)
    assert [type(fact) for fact in facts] == [RelayMoved, DoorMoved, RelayMoved, DoorMoved]


def test_the_exit_button_is_told_when_pressed_not_when_released() -> None:
    presses = [(2.0, True), (2.5, False), (3.0, True), (3.01, False)]
    readings = [contact(1.0, True, pressed=False), *(contact(at, True, pressed=pressed) for at, pressed in presses)]
    assert len(of(play(sensing(), readings, until=4.0), ExitPressed)) == 1


def test_a_lost_lock_leaves_nothing_known_and_tells_all_when_it_is_back() -> None:
    senses = sensing()
    play(senses, [DeviceUp("lock", 0.5), contact(1.0, True, bolt=True)])
    lost = play(senses, [DeviceDown("lock", 2.0, "unplugged")])
    assert lost == [
        DeviceLost("lock", 2.0, "unplugged"),
        RelayMoved("lock", 2.0, None),
        BoltMoved("lock", 2.0, None),
        DoorMoved("lock", 2.0, None),
    ]
    back = play(senses, [DeviceUp("lock", 7.0, "v2"), contact(7.1, True, bolt=True)])
    assert back[0] == DeviceOnline("lock", 7.0, 5.0, "v2")
    assert {type(fact) for fact in back[1:]} == {RelayMoved, BoltMoved, DoorMoved}


def test_a_door_that_moves_as_its_device_is_lost_is_unknown() -> None:
    facts = play(sensing(), [contact(1.0, True), contact(2.0, False), DeviceDown("lock", 2.02, "gone")], until=9.0)
    assert [fact.closed for fact in facts if isinstance(fact, DoorMoved)] == [True, None]


def test_what_came_of_driving_a_lock_is_passed_on() -> None:
    assert play(sensing(), [LockOutcome("lock", 3.0, 7, False, "busy")]) == [LockDriven("lock", 3.0, 7, False, "busy")]


def test_an_input_is_told_first_and_when_it_changes() -> None:
    readings = [InputReading("fire", at, active) for at, active in ((1.0, False), (2.0, False), (3.0, True), (3.01, False), (4.0, True))]
    facts = play(sensing(), readings, until=5.0)
    assert facts == [InputChanged("fire", 1.0, False), InputChanged("fire", pytest.approx(4.05), True)]  # type: ignore[arg-type]


def test_an_input_is_not_over_because_its_device_is_gone() -> None:
    readings: list[Reading] = [InputReading("fire", 1.0, True), InputReading("fire", 2.0, False), DeviceDown("fire", 2.01, "gone")]
    assert of(play(sensing(), readings, until=9.0), InputChanged) == [InputChanged("fire", 1.0, True)]


@given(st.lists(st.tuples(st.floats(0.001, 0.2), st.booleans()), max_size=30))
def test_a_debounced_input_ends_where_its_wire_does(changes: list[tuple[float, bool]]) -> None:
    at, readings = 1.0, [InputReading("fire", 1.0, False)]
    for wait, active in changes:
        at += wait
        readings.append(InputReading("fire", at, active))
    told = [fact.active for fact in play(sensing(), readings, until=at + 1) if isinstance(fact, InputChanged)]
    assert told[-1] == readings[-1].active
    assert all(one != other for one, other in pairwise(told))


def test_a_code_read_again_and_again_is_one_reading_and_then_held() -> None:
    facts = play(sensing(), [CodeReading("qr", index * 0.5, "CODE-1") for index in range(25)])
    assert facts == [CodeRead("qr", 0.0, "CODE-1", False), CodeRead("qr", 5.0, "CODE-1", True), CodeRead("qr", 10.0, "CODE-1", True)]


def test_a_code_shown_again_later_is_a_new_reading() -> None:
    facts = play(sensing(), [CodeReading("qr", at, "CODE-1") for at in (0.0, 4.9, 10.0)])
    assert [(fact.at, fact.held) for fact in facts if isinstance(fact, CodeRead)] == [(0.0, False), (10.0, False)]


def test_two_codes_in_turn_are_told_once_each() -> None:
    facts = play(sensing(), [CodeReading("qr", index * 0.4, f"CODE-{index % 2}") for index in range(10)])
    assert [fact.text for fact in facts if isinstance(fact, CodeRead)] == ["CODE-0", "CODE-1"]


def warm(*values: tuple[float, float]) -> list[Reading]:
    return [TemperatureReading("air", at, celsius) for at, celsius in values]


def test_each_good_temperature_is_told() -> None:
    facts = play(sensing(), warm((0, 6.0), (5, 6.1), (10, 6.4)))
    assert facts == [TemperatureKnown("air", 0, 6.0), TemperatureKnown("air", 5, 6.1), TemperatureKnown("air", 10, 6.4)]


@pytest.mark.parametrize("wild", [85.0, -127.0, 127.9, 40.0, -40.0])
def test_a_single_wild_temperature_is_not_believed(wild: float) -> None:
    facts = play(sensing(), warm((0, 6.0), (5, 6.1), (10, wild), (15, 6.2)))
    assert [fact.celsius for fact in facts if isinstance(fact, TemperatureKnown)] == [6.0, 6.1, 6.2]


def test_a_temperature_that_has_really_jumped_is_believed_from_its_second_reading_on() -> None:
    facts = play(sensing(), warm((0, 6.0), (5, 22.0), (10, 22.5), (15, 22.4)))
    assert [fact.celsius for fact in facts if isinstance(fact, TemperatureKnown)] == [6.0, 22.5, 22.4]


def test_a_probe_without_a_good_reading_for_15_s_has_failed_once() -> None:
    faults: list[Reading] = [FaultReading("air", 5.0 * index, "bad_crc") for index in range(1, 12)]
    facts = play(sensing(), [*warm((0, 6.0)), *faults], until=100.0)
    assert of(facts, ProbeFailed) == [ProbeFailed("air", pytest.approx(15.0), "bad_crc")]  # type: ignore[arg-type]
    again = sensing()
    facts = play(again, [*warm((0, 6.0), (40, 6.5), (45, 6.5))], until=100.0)
    assert [type(fact) for fact in facts] == [TemperatureKnown, ProbeFailed, TemperatureKnown, TemperatureKnown, ProbeFailed]


def test_a_probe_that_never_answers_fails_15_s_after_the_start() -> None:
    senses = sensing()
    assert senses.deadline == 0.0
    assert senses.tick(100.0) == []
    assert senses.deadline == pytest.approx(115.0)
    assert senses.tick(115.0) == [ProbeFailed("air", 115.0, "stale")]
    assert senses.deadline is None


def test_noise_that_lasts_degrades_a_device_until_it_has_been_quiet_for_half_a_minute() -> None:
    senses = sensing()
    noise: list[Reading] = [NoiseReading("qr", 1.0 + index, 3, "looks like 4800 baud") for index in range(20)]
    facts = play(senses, [DeviceUp("qr", 0.0), *noise])
    assert of(facts, DeviceDegraded) == [DeviceDegraded("qr", 5.0, "looks like 4800 baud")]
    view = senses.device("qr")
    assert (view.state, view.noise, view.reason) == ("degraded", 60, "looks like 4800 baud")
    well = of(play(senses, [], until=60.0), DeviceDegraded)
    assert well == [DeviceDegraded("qr", 50.0, None)]
    assert senses.device("qr").state == "online"


def test_a_little_noise_is_counted_and_no_more() -> None:
    senses = sensing()
    facts = play(senses, [DeviceUp("qr", 0.0), *(NoiseReading("qr", 20.0 * index, 1) for index in range(10))], until=300.0)
    assert of(facts, DeviceDegraded) == []
    assert senses.device("qr").noise == 10


def test_a_device_is_lost_once_and_online_once() -> None:
    facts = play(
        sensing(),
        [
            DeviceDown("qr", 1.0, "no port"),
            DeviceDown("qr", 2.0, "no port"),
            DeviceUp("qr", 9.0),
            DeviceUp("qr", 10.0),
            DeviceDown("qr", 11.0, "x"),
        ],
    )
    assert facts == [DeviceLost("qr", 1.0, "no port"), DeviceOnline("qr", 9.0, 8.0, ""), DeviceLost("qr", 11.0, "x")]


def test_a_device_is_online_for_the_first_time_without_having_been_away() -> None:
    assert play(sensing(), [DeviceUp("qr", 9.0, "1.2")]) == [DeviceOnline("qr", 9.0, None, "1.2")]


def weights(seed: int, since: float, seconds: float, *steps: Step) -> list[Reading]:
    """Both channels of the board, 100 and 50 counts a gram."""
    one = Signal(seed, base=2000.0, steps=list(steps)).samples(seconds, since)
    other = Signal(seed + 1, base=1000.0).samples(seconds, since)
    return [WeightReading("board", at, (round(a * 100), round(b * 50)), None, 0) for (at, a), (_, b) in zip(one, other, strict=True)]


def test_a_scale_lost_and_found_is_trusted_after_a_quiet_second() -> None:
    senses = sensing()
    play(senses, [DeviceUp("board", 0.0), *weights(1, 0.1, 5)])
    lost = play(senses, [DeviceDown("board", 6.0, "unplugged")])
    assert lost == [DeviceLost("board", 6.0, "unplugged"), PlateUntrusted("board", 1, 6.0, "lost"), PlateUntrusted("board", 2, 6.0, "lost")]
    assert senses.device("board").state == "lost"
    back = [fact for fact in play(senses, [DeviceUp("board", 20.0), *weights(3, 20.1, 3)]) if not isinstance(fact, ProbeFailed)]
    assert [type(fact) for fact in back] == [DeviceOnline, PlateTrusted, PlateQuiet, PlateTrusted, PlateQuiet]
    assert back[1].at < 21.5


def test_a_board_that_answers_but_sends_no_sample_is_stale() -> None:
    facts = play(sensing(), [DeviceUp("board", 0.0)], until=5.0)
    assert [(fact.channel, fact.reason) for fact in facts if isinstance(fact, PlateUntrusted)] == [(1, "stale"), (2, "stale")]


def test_a_device_shows_its_counters_and_its_troubles() -> None:
    senses = sensing()
    play(senses, [DeviceUp("board", 0.0, "1.4"), *weights(1, 0.1, 5)])
    senses.take(WeightReading("board", 5.2, (200_000, float("nan")), None, 3))
    senses.take(DeviceRebooted("board", 5.3))
    view = senses.device("board")
    assert (view.samples, view.dropped, view.resets, view.last, view.firmware) == (51, 3, 1, 5.2, "1.4")
    assert (view.state, view.reason) == ("degraded", "channel 1: rebooted, channel 2: rebooted")
    assert list(senses.devices()) == [device.id for device in SENSING_LAYOUT.devices]


def test_a_plate_can_be_looked_at() -> None:
    senses = sensing()
    assert senses.plate("board", 2).reason == "starting"
    play(senses, weights(1, 0.1, 5))
    view = senses.plate("board", 2)
    assert view.grams == pytest.approx(1000, abs=1)
    assert view.raw == pytest.approx(50_000, abs=50)
    assert (view.trusted, view.moving) == (True, False)
    with pytest.raises(ValueError, match="no channel 3"):
        senses.plate("board", 3)
    with pytest.raises(KeyError):
        senses.plate("nowhere", 1)


def test_a_learnt_calibration_wins_over_the_configured_one() -> None:
    senses = Sensing(SENSING_LAYOUT, {("board", 1): Calibration(1000.0, 200.0)}, "b00t")
    play(senses, weights(1, 0.1, 5))
    assert senses.plate("board", 1).grams == pytest.approx((200_000 - 1000) / 200, abs=1)
    senses.calibrate("board", 1, 0.0, 100.0, 5.0)
    assert senses.plate("board", 1).grams == pytest.approx(2000, abs=1)


def test_evidence_is_named_after_boot_plate_and_time() -> None:
    facts = play(sensing(), weights(1, 0.1, 20, Step(10.0, -750.0)))
    (step,) = (fact for fact in facts if isinstance(fact, WeightStep))
    assert step.evidence == f"b00t.board.1.{round(step.began_at * 1000)}"


def test_time_may_pass_at_any_grain_with_the_same_facts() -> None:
    """Ticks too many change nothing: what is due is told once, at its time or the first look after."""
    readings: list[Reading] = [DeviceUp("board", 0.0), contact(0.05, True), *weights(1, 0.1, 20, Step(10.0, -750.0)), contact(20.3, False)]
    few, many = sensing(), sensing()
    sparse = play(few, readings, until=30.0)
    dense: list[Fact] = []
    at = 0.0
    for reading in readings:
        while at < reading.at:
            dense.extend(many.tick(at))
            at += 0.01
        dense.extend(many.take(reading))
    while at < 30.0:
        dense.extend(many.tick(at))
        at += 0.01
    strip = [(type(fact), round(fact.at, 1)) for fact in sparse]
    assert [(type(fact), round(fact.at, 1)) for fact in dense] == strip
