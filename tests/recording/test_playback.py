"""A recording played again gives what the store gave, every time, and fast."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from device.app.assembly import trust_of_recording
from device.domain.envelope import data_of
from device.domain.events import AlarmRaised
from device.domain.facts import Fact, WeightStep
from device.domain.moment import Moment
from device.domain.readings import ContactReading, DeviceUp, Reading
from device.engine.core import Core
from device.engine.playback import Player, keyframe
from device.recording import Entry, read_trace
from device.sensing import Sensing, identify
from device.store.inputs import Begin, Tick
from device.store.memory.notes import Record
from device.store.memory.state import State
from device.store.plan import Plan
from device.store.store import Store
from tests.recording.recordings import PRODUCT, UPTIME, WALL, days, header, layout, write

PLAN = layout(2, 2)


def play(path: Path) -> list[Record]:
    with path.open("rb") as file:
        trace = read_trace(file)
        return list(Player(trace.header, trust_of_recording(trace.header)).play(trace.entries))


def told(records: list[Record]) -> list[str]:
    return [
        json.dumps([record.seq, record.what.TYPE, record.moment.wall, data_of(record.what)]) for record in records if record.seq is not None
    ]


class Live:
    """The store as it runs: the same core, fed reading by reading with the daemon's own order of things."""

    def __init__(self) -> None:
        state = State()
        trust = trust_of_recording(header(PLAN))
        store = Store(Plan(PLAN, {PRODUCT.gtin: PRODUCT}, state), trust, state, identify, "0a1b2c3d")
        self.core = Core(Sensing(PLAN, {}, "boot-1"), store)
        self.records: list[Record] = []
        self.step(Begin("1.0", "first_start"), UPTIME)

    def step(self, what: object, at: float) -> None:
        self.records += self.core.step(what, Moment(at, WALL + at - UPTIME, True, "boot-1")).records  # type: ignore[arg-type]

    def take(self, reading: Reading) -> None:
        while (due := self.core.deadline) is not None and due <= reading.at:
            for fact in self.core.sensing.tick(reading.at):
                self.step(fact, reading.at)
            self.step(Tick(), reading.at)
            if self.core.deadline == due:
                break
        for fact in self.core.sensing.take(reading):
            self.step(fact, reading.at)

    def told_after(self, at: float) -> list[Record]:
        return [record for record in self.records if record.seq is not None and record.moment.uptime > at]


def summary(record: Record) -> tuple[str, str, float]:
    data = data_of(record.what)
    return record.what.TYPE, data.get("slot") or record.subject, round(data.get("grams") or 0.0)


def wake() -> list[Reading]:
    return [DeviceUp("lock", UPTIME), ContactReading("lock", UPTIME, False, True)]


def test_two_replays_are_identical(tmp_path: Path) -> None:
    entries: list[Entry] = [*wake(), *days(PLAN, 120.0, takes_every_s=20.0)]
    path = write(tmp_path / "a.trace", PLAN, entries)
    first = told(play(path))
    assert len([line for line in first if "unexplained_removal" in line]) == 4, "one a slot stands while nobody clears it"
    assert told(play(path)) == first


def test_a_replay_from_the_middle_tells_what_the_store_told_from_there(tmp_path: Path) -> None:
    live = Live()
    readings = [*wake(), *days(PLAN, 90.0, takes_every_s=25.0)]
    middle = len(readings) // 3
    for reading in readings[:middle]:
        live.take(reading)
    at = readings[middle - 1].at
    entries: list[Entry] = [keyframe(live.core, at)]
    for reading in readings[middle:]:
        live.take(reading)
        entries.append(reading)
    assert live.core.store.state.seq > 3
    replayed = [record for record in play(write(tmp_path / "b.trace", PLAN, entries)) if record.seq is not None]
    recorded = live.told_after(at)
    assert sorted(map(summary, replayed)) == sorted(map(summary, recorded))
    assert [record.seq for record in replayed] == [record.seq for record in recorded], "the numbers that they had"
    alarms = [[record.what.alarm for record in told if isinstance(record.what, AlarmRaised)] for told in (replayed, recorded)]
    assert alarms[0] == alarms[1] != []


def test_time_passes_at_its_own_pace_between_two_readings(tmp_path: Path) -> None:
    readings: list[Entry] = [*wake(), *days(PLAN, 5.0)]
    later = [ContactReading("lock", UPTIME + 300.0, False, True)]
    stale = [record for record in play(write(tmp_path / "c.trace", PLAN, [*readings, *later])) if record.what.TYPE == "device.degraded"]
    assert len(stale) == 4
    assert all(record.moment.uptime == pytest.approx(UPTIME + 7.0, abs=0.2) for record in stale)


def test_facts_are_told_with_their_time() -> None:
    steps: list[float] = []

    def hear(fact: Fact, moment: Moment) -> None:
        if isinstance(fact, WeightStep):
            assert moment.wall == pytest.approx(WALL + fact.at - UPTIME, abs=0.01)
            steps.append(fact.delta)

    player = Player(header(PLAN), trust_of_recording(header(PLAN)), hear)
    for _ in player.play(days(PLAN, 30.0, takes_every_s=10.0)):
        pass
    assert steps == [pytest.approx(-1250, abs=4)] * len(steps)
    assert len(steps) in (2, 3), "the third bottle leaves as the recording ends"


@pytest.mark.soak
@pytest.mark.parametrize(("boards", "channels"), [(32, 1), (8, 4), (2, 16)])
def test_32_plates_at_10_hz_play_a_hundred_times_as_fast_as_they_were(tmp_path: Path, boards: int, channels: int) -> None:
    plan = layout(boards, channels)
    path = write(tmp_path / "many.trace", plan, list(days(plan, 300.0)), second=boards * 10)
    began = time.monotonic()
    play(path)
    assert 300.0 / (time.monotonic() - began) > 100
