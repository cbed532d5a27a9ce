"""``smartstore replay``: traces of stores and plain CSVs, the same every time."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from device.cli.replay import command
from device.domain.readings import ContactReading, DeviceUp
from device.recording import Entry
from tests.recording.recordings import GTIN, UPTIME, days, layout, write

DATA = Path(__file__).parents[1] / "data" / "coffee_pot_2019-12-18_a.csv"
PLAN = layout(2, 2)
STEP = [(second / 10, 3000.0 - 1250.0 * (second > 100)) for second in range(200)]

STORE = f"""
[store]
id = "csv-01"
name = "CSV"
timezone = "UTC"
currency = "EUR"
[mqtt]
url = "mqtt://127.0.0.1:1883"
[catalogue]
file = "products.csv"
[[zone]]
id = "fridge"
[[lock]]
id = "lock"
zone = "fridge"
driver = "gpio"
relay = 17
contact = 27
[[scale]]
id = "board"
zone = "fridge"
driver = "shelf-board"
port = "serial:/dev/board"
channels = 2
counts_per_gram = 420.0
[[scale]]
id = "plain"
zone = "fridge"
driver = "mt-sics"
port = "serial:/dev/plain"
[[scale]]
id = "raw"
zone = "fridge"
driver = "shelf-board"
port = "serial:/dev/raw"
[[slot]]
id = "A"
scale = "board"
products = ["{GTIN}"]
[[slot]]
id = "B"
scale = "plain"
products = ["{GTIN}"]
"""


def replay(*arguments: object) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def objects(result: Result) -> list[dict[str, object]]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    wake: list[Entry] = [DeviceUp("lock", UPTIME), ContactReading("lock", UPTIME, False, True)]
    return write(tmp_path / "store.trace", PLAN, [*wake, *days(PLAN, 45.0, takes_every_s=20.0)])


@pytest.fixture
def steps(tmp_path: Path) -> Path:
    path = tmp_path / "steps.csv"
    path.write_text(
        "unix_ts,grams\n" + "".join(f"{1.7e9 + at},{grams + 0.05 * math.sin(at * 77)}\n" for at, grams in STEP), encoding="utf-8"
    )
    return path


@pytest.fixture
def store(tmp_path: Path) -> Path:
    (tmp_path / "products.csv").write_text(f"gtin,name,grams,grams_sd,price_minor\n{GTIN},Riesling,1250,6,1290\n", encoding="utf-8")
    config = tmp_path / "store.toml"
    config.write_text(STORE, encoding="utf-8")
    return config


def test_the_events_of_a_trace_are_told_in_sentences_and_twice_the_same(trace: Path) -> None:
    first, second = replay(trace), replay(trace)
    lines = first.stdout.splitlines()
    assert lines[0].endswith("store.started: started, version 0.1.0, after clean") or "store.started" in lines[0]
    assert lines[0].startswith("13:00:00.000"), "the store's own time, as it was"
    assert sum("unexplained_removal" in line for line in lines) == 2
    assert first.stdout == second.stdout
    assert "readings of 45 s" in first.stderr
    assert "times as fast" in first.stderr


def test_as_json_the_events_are_envelopes_and_nothing_depends_on_the_machine(trace: Path) -> None:
    told = objects(replay(trace, "--json"))
    assert [event["seq"] for event in told[:-1]] == list(range(1, len(told)))
    assert all(event["specversion"] == "1.0" and event["simulated"] for event in told[:-1])
    assert told[-1] == {"trace": str(trace), "seconds": 45.0, "readings": 904, "events": len(told) - 1, "facts": 0, "cut_short": False}
    assert replay(trace, "--json").stdout == replay(trace, "--json").stdout


def test_facts_say_what_the_readings_mean(trace: Path) -> None:
    told = objects(replay(trace, "--json", "--facts"))
    steps = [fact for fact in told if fact.get("fact") == "WeightStep"]
    assert [fact["delta"] for fact in steps] == [pytest.approx(-1250, abs=4)] * 2


def test_a_csv_alone_tells_its_steps_and_the_published_recording_has_none(steps: Path) -> None:
    told = objects(replay(steps, "--json"))
    (step,) = [fact for fact in told if fact.get("fact") == "WeightStep"]
    assert step["delta"] == pytest.approx(-1250, abs=0.2)
    assert step["time"] == "2023-11-14T22:13:30.400+00:00"
    quiet = objects(replay(DATA, "--json"))
    assert {fact["fact"] for fact in quiet if "fact" in fact} == {"DeviceOnline", "PlateTrusted", "PlateQuiet"}
    assert quiet[-1]["readings"] == 10_001


@pytest.mark.parametrize(("scale", "slot"), [(None, "A"), ("board", "A"), ("plain", "B")])
def test_a_csv_becomes_the_first_plate_of_a_stores_scale(steps: Path, store: Path, scale: str | None, slot: str) -> None:
    told = objects(replay(steps, "--json", "--config", store, *(("--scale", scale) if scale else ())))
    (alarm,) = [event for event in told if event.get("type") == "alarm.raised" and event["data"]["kind"] == "unexplained_removal"]  # type: ignore[index]
    assert alarm["subject"] == slot


def test_another_configuration_decides_where_its_devices_are_the_recorded_ones(trace: Path, store: Path) -> None:
    assert "other devices than the recording" in str(replay(trace, "--config", store).exception)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no line"),
        ("a,b\n", "no line"),
        ("1,2\nx,y\n", "line 2"),
        ("1\n", "line 1"),
        ("1,nan\n2,3\n4,\n", "line 3"),
        ("\x00\n", "line 1"),
    ],
)
def test_a_file_that_is_neither_is_told_so(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text, encoding="utf-8")
    assert said in str(replay(path).exception)


def test_a_scale_that_is_not_there_or_has_no_calibration_is_told_so(steps: Path, store: Path, trace: Path) -> None:
    assert "there are board, plain, raw" in str(replay(steps, "--config", store, "--scale", "attic").exception)
    assert "counts_per_gram" in str(replay(steps, "--config", store, "--scale", "raw").exception)
    assert replay(trace, "--scale", "board-0").exit_code == 2


def test_a_trace_that_was_cut_short_is_played_up_to_there(trace: Path) -> None:
    trace.write_bytes(trace.read_bytes()[:-15])
    told = objects(replay(trace, "--json"))
    assert told[-1]["cut_short"] is True
    assert int(str(told[-1]["readings"])) > 600
    assert "cut short" in replay(trace).stderr
