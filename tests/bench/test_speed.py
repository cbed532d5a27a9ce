"""The benchmark of speed: its programs run on the same terminals, every sample arrives, and it says what it could not measure."""

from __future__ import annotations

from pathlib import Path

import pytest

from device.bench import speed, speed_run
from device.bench.speed_feed import ITEM_G, KINDS, plates
from tests.mosquitto import BINARY

needs_broker = pytest.mark.skipif(BINARY is None, reason="mosquitto is not installed")


@pytest.mark.parametrize("kind", list(KINDS))
def test_the_signal_of_a_seed_is_the_same_twice_and_steps_by_an_item_where_it_says(kind: str) -> None:
    fed = KINDS[kind]
    samples, changes = plates(fed, 5)
    assert (samples, changes) == plates(fed, 5)
    assert len(changes) == 2 * fed.visited
    for channel in range(fed.visited):
        taken, back = changes[2 * channel], changes[2 * channel + 1]
        before, between, after = (samples[channel][round(at * fed.rate_hz)] for at in (taken - 1, taken + 10, back + 2))
        assert before - between == pytest.approx(ITEM_G, abs=5)
        assert after - between == pytest.approx(ITEM_G, abs=5)


@needs_broker
@pytest.mark.parametrize("kind", list(KINDS))
def test_each_program_reads_every_sample_of_the_same_terminals(kind: str) -> None:
    columns, missing = speed.compare(kind, 2, 1, 1, warm_s=0.5, flow_s=1.5)
    assert {column.name for column in columns} | set(missing) == {"smartstore", "afternoon", "C reader"}
    for column in columns:
        assert column.samples > 0
        assert column.refused == 0
        assert column.cost > 0
        assert column.samples_read in (None, column.samples_fed)


def test_without_a_compiler_the_reader_in_c_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(speed_run, "PATH", str(tmp_path))
    with pytest.raises(speed_run.Missing, match="no C compiler"):
        speed_run.c_reader("scales", 1883, [], tmp_path)


def test_without_its_header_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    compiler = tmp_path / "cc"
    compiler.write_text("#!/bin/sh\nexit 1\n")
    compiler.chmod(0o755)
    monkeypatch.setattr(speed_run, "PATH", str(tmp_path))
    with pytest.raises(speed_run.Missing, match="libmosquitto-dev"):
        speed_run.c_reader("scales", 1883, [], tmp_path)


@pytest.mark.parametrize("kind", list(KINDS))
def test_sensing_alone_costs_something(kind: str) -> None:
    assert speed.sensing_alone(kind, 1) > 0


def test_a_column_that_is_missing_is_told_in_the_table_with_its_reason() -> None:
    column = speed.Column("smartstore", [40.0, 44.0, 42.0], samples=100, steps_fed=3, steps_told=3)
    lines = "\n".join(speed.lines_of({"scales": speed.Measured([column], {"C reader": "no C compiler"}, 2.5)}))
    assert "C reader: no C compiler" in lines
    assert "42.00" in lines
    assert "3 of 3" in lines
