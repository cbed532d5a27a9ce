"""The benchmarks as a command: they run small, say the same twice, and draw what can be drawn."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

from click.testing import CliRunner

from device.bench.latency import KINDS, Task, measured
from device.bench.latency_optimum import bound_s, known_s
from device.bench.plot import Panel, figure
from device.bench.quiet import Day, live, signal
from device.bench.tags import Cabinet, visited
from device.cli import smartstore
from device.cli.bench import BENCHMARKS


def test_the_command_writes_figures_and_a_picture(tmp_path: Path) -> None:
    done = CliRunner().invoke(smartstore, ["bench", "quiet", "--quick", "--jobs", "1", "--out", str(tmp_path), "--json"])
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    written = json.loads((tmp_path / "quiet.json").read_text())
    assert said["false_steps"] == 0
    assert said["false_steps_of_the_published_rule"] > 0, "it meets the same glitches"
    assert written["rates"] == said["rates"]
    assert written["command"] == "smartstore bench quiet --seed 1 --quick"
    assert ElementTree.parse(tmp_path / "quiet.svg").getroot().tag.endswith("svg")


def test_one_scenario_can_be_played_alone_and_the_command_says_so(tmp_path: Path) -> None:
    asked = ["bench", "accuracy", "--scenario", "mixed slots", "--sessions", "1", "--jobs", "1", "--out", str(tmp_path)]
    assert CliRunner().invoke(smartstore, asked).exit_code == 0
    found = json.loads((tmp_path / "accuracy.json").read_text(encoding="utf-8"))
    assert found["command"] == "smartstore bench accuracy --seed 1 --sessions 1 --scenario 'mixed slots'"
    assert list(found["scenarios"]) == ["mixed slots", "all"]
    assert found["sessions"] == 35
    unknown = CliRunner().invoke(smartstore, ["bench", "accuracy", "--scenario", "no such"])
    assert unknown.exit_code == 2
    assert "near-identical bottles" in unknown.output


def test_help_names_every_benchmark() -> None:
    shown = CliRunner().invoke(smartstore, ["bench", "--help"]).stdout
    assert all(name in shown for name in BENCHMARKS)


def test_a_day_is_the_same_twice_and_another_with_another_seed() -> None:
    assert live(Day(10.0, 0.05, 4)) == live(Day(10.0, 0.05, 4))
    assert list(signal(Day(10.0, 0.01, 4))) != list(signal(Day(10.0, 0.01, 5)))


def test_a_picture_holds_what_was_drawn_and_is_the_same_twice() -> None:
    def drawn() -> str:
        panel = Panel("T & T", x="x", y="y", log_x=True)
        panel.line([(1, 2.0), (10, 3.0)], "rising", dots=True)
        panel.mark_y(2.5, "target")
        other = Panel("bars")
        other.bars([(0, 1.0), (1, 4.0)])
        other.band([(0, 0.0), (1, 1.0)], [(0, 2.0), (1, 3.0)], "spread")
        other.scatter([(0.5, 0.5)], "dots")
        return figure([panel, other], title="Both")

    picture = drawn()
    assert picture == drawn()
    words = [element.text for element in ElementTree.fromstring(picture).iter() if element.text and element.text.strip()]
    assert {"Both", "T & T", "rising", "target", "spread", "dots"} <= set(words)
    assert "nan" not in picture


def test_latency_is_measured_beside_its_optimum() -> None:
    found = measured(Task(10.0, 12, 12, 1))
    assert sorted(found.delays_s) == sorted(KINDS)
    assert all(len(delays) == 12 and delays == sorted(delays) for delays in found.delays_s.values())
    assert found.delays_s["taken"][-1] < 0.6
    assert found.known_s <= found.bound_s < found.delays_s["put on"][-1]


def test_the_bound_is_sooner_where_more_may_be_wrong_and_where_samples_come_faster() -> None:
    assert bound_s(10.0, 0.3, 1) < bound_s(10.0, 0.0005, 1)
    assert bound_s(40.0, 0.003, 1) < bound_s(10.0, 0.003, 1)
    assert known_s(40.0, 1) < known_s(10.0, 1)


def test_of_tags_that_are_read_well_all_that_are_taken_are_gone_in_time_and_no_others() -> None:
    found = visited(Cabinet(0.0, 0.05, 0.25, 12, 3))
    assert (found.in_time, found.doubted, found.false, found.false_later, found.strays) == (found.taken, 0, 0, 0, 0)
    assert 3.0 <= found.worst_s <= 4.5


def test_tags_that_are_read_badly_are_in_doubt_and_not_gone() -> None:
    found = visited(Cabinet(0.8, 0.95, 0.5, 12, 3))
    assert (found.in_time + found.doubted, found.false) == (found.taken, 0)
    assert found.late > 0
    assert found.hesitant > 0


def test_of_tags_that_something_hides_those_that_come_out_again_are_told_to_be_there() -> None:
    found = visited(Cabinet(0.0, 0.05, 0.25, 40, 3, hidden=0.03))
    assert found.hidden_gone > 5, "no reader can know that these stand there"
    assert found.uncovered == found.back > 3
    assert (found.false, found.in_time) == (0, found.taken)
