"""``smartstore report``: the cold-chain record that an inspector is given, and the proof that it is the journal's."""

from __future__ import annotations

import asyncio
import csv
import json
import random
import re
import shutil
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from device.cli import cold_pdf, cold_record, smartstore
from device.cli.cold_record import Frame, Kept, Record
from device.cli.pdf import Pdf, width_of
from device.domain import facts
from device.domain.envelope import Origin
from device.engine.records import row_of
from device.journal import Journal
from device.store import inputs
from device.store.memory.history import Span
from firmware_sims.physics import Fridge
from tests.journal.writing import edit
from tests.store.shop import NOON, Shop

CONFIG = """
[store]
id = "test-01"
name = "Test cellar"
timezone = "Europe/Rome"
currency = "EUR"

[mqtt]
url = "mqtt://127.0.0.1:1883"

[access]
signed_commands = false

[catalogue]
file = "products.csv"

[[zone]]
id = "fridge"
name = "White wines (left)"
kind = "room"

[zone.temperature]
min_celsius = 4.0
max_celsius = 12.0

[[lock]]
id = "lock"
zone = "fridge"
driver = "gpio"
relay = 17
contact = 27

[[thermometer]]
id = "t"
zone = "fridge"
driver = "ds18b20"
serial = "28-0000075c1b2a"
calibration = "ice point 2026-03-01, reference no. 4711"
"""
PRODUCTS = "gtin,name,grams,grams_sd,price_minor,age_limit,max_celsius,tagged\n04006381333931,Riesling,1250,6,1290,16,,\n"
PERIOD = ("--from", "2026-11-22T13:00", "--to", "2026-11-25T13:00")


def days_of_a_fridge(shop: Shop) -> None:
    """Three days: visits, a probe that fails for a while, a power cut, and a compressor that stops on the last evening."""
    fridge = Fridge()
    for minute in range(3 * 1440):
        fridge.broken = 3600 <= minute < 4000
        for _ in range(12):
            fridge.tick(5.0, minute % 97 == 0)
        if minute == 700:
            shop.fact(facts.ProbeFailed("t", shop.now, "no_answer"))
        if minute == 2000:
            shop.restart(boot="boot-2", away_s=7200)
        if not 700 <= minute < 760:
            shop.fact(facts.TemperatureKnown("t", shop.now, round(fridge.celsius * 16) / 16 + 3 * fridge.broken))
        shop.wait(60)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with three days in its journal; the path of its configuration."""
    folder = tmp_path_factory.mktemp("store")
    shop = Shop(temperature={"min_celsius": 4, "max_celsius": 12})
    days_of_a_fridge(shop)
    shop.step(inputs.Halt("signal"))
    asyncio.run(_write(folder / "journal.db", shop))
    (folder / "store.toml").write_text(CONFIG, encoding="utf-8")
    (folder / "products.csv").write_text(PRODUCTS, encoding="utf-8")
    return folder / "store.toml"


async def _write(path: Path, shop: Shop, *, simulated: bool = False) -> None:
    journal = Journal.open(path, max_mb=64, keep_days=4000)
    try:
        origin = Origin("test-01", journal.epoch, ZoneInfo("Europe/Rome"), simulated)
        rows = [row_of(record, origin) for record in shop.records]
        for first in range(0, len(rows), 500):
            await journal.commit(rows[first : first + 500])
    finally:
        await journal.close()


def run(store: Path, *words: str) -> Result:
    return CliRunner().invoke(smartstore, ["report", str(store), "temperature", *words])


def report(store: Path, tmp_path: Path, kind: str) -> Path:
    path = tmp_path / f"report.{kind}"
    result = run(store, *PERIOD, "-o", str(path))
    assert result.exit_code == 0, result.output
    return path


def test_the_figures_of_the_json_report_are_those_of_its_intervals(store: Path, tmp_path: Path) -> None:
    made = json.loads(report(store, tmp_path, "json").read_text(encoding="utf-8"))
    of_t = made["thermometers"]["t"]
    known = [each for each in of_t["intervals"] if each["mean"] is not None]
    assert of_t["figures"]["min"] == pytest.approx(min(each["min"] for each in known), abs=0.001)
    assert of_t["figures"]["max"] == pytest.approx(max(each["max"] for each in known), abs=0.001)
    assert of_t["figures"]["max"] > 12.0
    assert of_t["figures"]["min"] < of_t["figures"]["mean"] <= of_t["figures"]["mkt"] < of_t["figures"]["max"]
    assert sum(gap["seconds"] for gap in of_t["gaps"]) / 60 == pytest.approx(of_t["figures"]["gap_minutes"], abs=0.1)
    assert of_t["figures"]["gap_minutes"] == pytest.approx(60 + 120, abs=12)
    assert set(of_t["days"]) == {"2026-11-22", "2026-11-23", "2026-11-24", "2026-11-25"}
    kinds = {event["type"] for event in made["events"]} | {event["data"].get("kind") for event in made["events"]}
    assert {"temperature.excursion_started", "temperature.excursion_ended", "too_warm", "probe_failed"} <= kinds
    assert made["report"]["thermometers"] == {"t": "ice point 2026-03-01, reference no. 4711"}


def test_the_csv_report_has_every_interval_with_its_event(store: Path, tmp_path: Path) -> None:
    lines = report(store, tmp_path, "csv").read_text(encoding="utf-8").splitlines()
    rows = list(csv.DictReader(lines[1:]))
    assert len(rows) > 800
    assert all(int(row["seq"]) > 0 for row in rows)
    assert any(row["mean_celsius"] == "" and float(row["gap_s"]) > 0 for row in rows)


def test_the_pdf_report_is_a_pdf_whose_table_of_objects_is_right(store: Path, tmp_path: Path) -> None:
    content = report(store, tmp_path, "pdf").read_bytes()
    start = int(content.rsplit(b"startxref\n", 1)[1].split()[0])
    assert content[start:].startswith(b"xref\n")
    places = [int(line[:10]) for line in content[start:].splitlines()[3:] if line.endswith(b" n ")]
    assert len(places) > 8
    for number, place in enumerate(places, 1):
        assert content[place:].startswith(f"{number} 0 obj".encode())
    for length, stream in re.findall(rb"/Length (\d+) >>\nstream\n(.*?)\nendstream", content, re.DOTALL):
        assert len(stream) == int(length)
    assert rb"White wines \(left\)" in content


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="needs poppler-utils")
def test_a_reader_of_pdfs_finds_the_figures_on_the_page(store: Path, tmp_path: Path) -> None:
    import subprocess

    made = json.loads(report(store, tmp_path, "json").read_text(encoding="utf-8"))["thermometers"]["t"]["figures"]
    path = report(store, tmp_path, "pdf")
    text = subprocess.run(["pdftotext", "-layout", str(path), "-"], capture_output=True, check=True, text=True).stdout
    for name in ("min", "max", "mean", "mkt"):
        assert f"{made[name]:.2f}" in text
    assert "ice point 2026-03-01, reference no. 4711" in text


@pytest.mark.parametrize("kind", ["csv", "json", "pdf"])
def test_a_report_is_verified_by_the_journal_it_was_made_from(store: Path, tmp_path: Path, kind: str) -> None:
    path = report(store, tmp_path, kind)
    assert path.read_bytes() == report(store, tmp_path, kind).read_bytes()
    result = run(store, "--verify", str(path))
    assert (result.exit_code, result.output.split(":")[0]) == (0, "verified")


@pytest.mark.parametrize("kind", ["csv", "json", "pdf"])
def test_a_figure_that_was_changed_is_found(store: Path, tmp_path: Path, kind: str) -> None:
    path = report(store, tmp_path, kind)
    content = path.read_bytes()
    place = content.rindex(b"7.")
    path.write_bytes(content[:place] + b"6." + content[place + 2 :])
    result = run(store, "--verify", str(path))
    assert result.exit_code == 1
    assert result.output.startswith("NOT VERIFIED")


def test_a_journal_that_was_changed_is_found(store: Path, tmp_path: Path) -> None:
    path = report(store, tmp_path, "pdf")
    copy = tmp_path / "copy"
    shutil.copytree(store.parent, copy)
    edit(
        copy / "journal.db",
        "UPDATE record SET body = CAST(replace(CAST(body AS TEXT), '\"max\":', '\"max\": ') AS BLOB) WHERE type = 'temperature.recorded'",
    )
    result = run(copy / store.name, "--verify", str(path))
    assert result.exit_code == 1
    assert "chain is broken" in result.output


def test_a_report_goes_on_being_verified_while_the_journal_grows_and_names_a_changed_calibration(store: Path, tmp_path: Path) -> None:
    path = report(store, tmp_path, "json")
    copy = tmp_path / "copy"
    shutil.copytree(store.parent, copy)
    other = Shop(temperature={"min_celsius": 4, "max_celsius": 12})
    asyncio.run(_append(copy / "journal.db", other))
    (copy / store.name).write_text(CONFIG.replace("4711", "4712"), encoding="utf-8")
    result = run(copy / store.name, "--verify", str(path))
    assert result.exit_code == 0, result.output
    assert "note: thermometers is {'t': 'ice point 2026-03-01, reference no. 4712'} in the configuration now" in result.output


async def _append(path: Path, shop: Shop) -> None:
    journal = Journal.open(path, max_mb=64, keep_days=4000)
    try:
        origin = Origin("test-01", journal.epoch, ZoneInfo("Europe/Rome"), False)
        await journal.commit([row for record in shop.records if record.seq is None for row in [row_of(record, origin)]])
    finally:
        await journal.close()


def test_what_is_no_report_is_said_to_be_none(store: Path, tmp_path: Path) -> None:
    path = tmp_path / "letter.pdf"
    path.write_bytes(b"%PDF-1.4\nDear inspector\n")
    assert run(store, "--verify", str(path)).exit_code == 1
    assert "--zone must name a zone" in run(store, "--zone", "cellar").output
    assert "nothing of this period" in str(run(store, "--from", "2030-01-01").exception)


def test_a_report_that_is_not_there_is_said_to_be_no_such_file(store: Path, tmp_path: Path) -> None:
    result = run(store, "--verify", str(tmp_path / "gone.pdf"))
    assert (result.exit_code, str(result.exception)) == (1, f"{tmp_path / 'gone.pdf'}: no such file")


@pytest.mark.parametrize("name", ["t.txt", "report", "report.pdf.gz"])
def test_a_file_that_ends_like_no_report_is_refused(store: Path, tmp_path: Path, name: str) -> None:
    result = run(store, *PERIOD, "-o", str(tmp_path / name))
    assert result.exit_code == 2
    assert ".csv, .json and .pdf" in result.output
    assert not (tmp_path / name).exists()
    assert run(store, *PERIOD, "-o", str(tmp_path / name), "--format", "csv").exit_code == 0


def test_a_journal_in_the_place_of_the_configuration_is_told_from_it(store: Path) -> None:
    result = run(store.with_name("journal.db"))
    assert result.exit_code == 2
    assert "is a journal" in result.output
    assert "name the configuration of its store" in result.output


# Simulated runs


@pytest.fixture(scope="module")
def simulation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that ran only simulated, for six hours; the path of its configuration."""
    folder = tmp_path_factory.mktemp("simulation")
    asyncio.run(_write(folder / "journal.simulated.db", warm_hours(), simulated=True))
    (folder / "store.toml").write_text(CONFIG, encoding="utf-8")
    (folder / "products.csv").write_text(PRODUCTS, encoding="utf-8")
    return folder / "store.toml"


def warm_hours() -> Shop:
    shop = Shop(temperature={"min_celsius": 4, "max_celsius": 12})
    for _ in range(360):
        shop.fact(facts.TemperatureKnown("t", shop.now, 14.0))
        shop.wait(60)
    return shop


def marks(content: bytes, kind: str) -> int:
    """How often a report says that it is of simulated runs."""
    if kind == "json":
        return int(json.loads(content).get("simulated") is True)
    return content.count(cold_record.SIMULATED.encode())


@pytest.mark.parametrize("kind", ["csv", "json", "pdf"])
def test_a_report_of_a_simulation_says_so_and_so_does_its_proof(simulation: Path, tmp_path: Path, kind: str) -> None:
    path = report(simulation, tmp_path, kind)
    content = path.read_bytes()
    assert marks(content, kind) == (content.count(b"/Type /Page ") if kind == "pdf" else 1)
    result = run(simulation, "--verify", str(path))
    assert result.exit_code == 0, result.output
    assert f"note: {cold_record.SIMULATED}" in result.stdout


@pytest.mark.parametrize("kind", ["csv", "json", "pdf"])
def test_a_report_of_the_real_store_has_no_such_mark(store: Path, tmp_path: Path, kind: str) -> None:
    content = report(store, tmp_path, kind).read_bytes()
    assert marks(content, kind) == 0
    assert b'"simulated"' not in content


def test_every_page_of_a_long_paper_is_marked(tmp_path: Path) -> None:
    record = Record({"t": []})
    period = replace(frame(NOON, NOON + 90 * 86_400), simulated=True)
    content = cold_pdf.pdf_of(record, period, "x")
    pages = content.count(b"/Type /Page ")
    assert pages > 2
    assert marks(content, "pdf") == pages


def test_a_report_whose_mark_was_taken_away_is_not_verified(simulation: Path, tmp_path: Path) -> None:
    path = report(simulation, tmp_path, "csv")
    lines = path.read_text(encoding="utf-8").replace(',"simulated":true', "").splitlines(keepends=True)
    path.write_text("".join(line for line in lines if cold_record.SIMULATED not in line), encoding="utf-8")
    result = run(simulation, "--verify", str(path))
    assert result.exit_code == 1
    assert "the report does not say so" in result.output


def test_the_simulated_journal_is_read_where_there_is_no_other_and_where_it_is_asked_for(
    store: Path, simulation: Path, tmp_path: Path
) -> None:
    alone = run(simulation, *PERIOD, "--format", "json")
    assert "journal.db is not there yet; this is" in alone.stderr
    both = tmp_path / "both"
    shutil.copytree(simulation.parent, both)
    shutil.copy(store.with_name("journal.db"), both / "journal.db")
    assert "simulated" not in json.loads(run(both / "store.toml", *PERIOD, "--format", "json").stdout)
    for words in (["--simulated", str(both / "store.toml"), "temperature"], [str(both / "store.toml"), "temperature", "--simulated"]):
        asked = CliRunner().invoke(smartstore, ["report", *words, *PERIOD, "--format", "json"])
        assert (asked.stderr, asked.stdout) == ("", alone.stdout)
    made = report(simulation, tmp_path, "json")
    assert "whose journal --simulated reads" in run(both / "store.toml", "--verify", str(made)).output


# On paper


def rows_on(content: bytes) -> dict[tuple[int, float], list[tuple[float, float, str]]]:
    """Texts of each line of each page: from, to, what; by page and height."""
    found: dict[tuple[int, float], list[tuple[float, float, str]]] = {}
    for page, stream in enumerate(re.findall(rb"stream\n(.*?)\nendstream", content, re.DOTALL)):
        for size, x, y, text in re.findall(r"/F\d ([\d.]+) Tf ([\d.]+) ([\d.]+) Td \((.*)\) Tj", stream.decode("latin-1")):
            found.setdefault((page, float(y)), []).append((float(x), float(x) + width_of(text, float(size)), text))
    return found


@pytest.mark.parametrize("days", [1, 22, 400])
def test_columns_of_the_paper_stand_apart_however_long_the_gaps(days: int) -> None:
    name = "thermometer-of-the-cellar"
    hot = [Kept(number, Span(NOON + 300 * number, NOON + 300 * (number + 1), 0.0, -18.25, 41.5, 14, 14), 60, True) for number in range(240)]
    period = replace(frame(NOON, NOON + days * 86_400 + 3600), thermometers={name: ""})
    content = cold_pdf.pdf_of(Record({name: hot}), period, "x")
    rows = rows_on(content)
    assert any("Day's swing" in [text for _, _, text in row] for row in rows.values())
    for row in rows.values():
        ordered = sorted(row)
        for (_, end, left), (begin, _, right) in pairwise(ordered):
            assert end + 4 <= begin, f"{left!r} runs into {right!r}"


def test_a_day_that_is_one_gap_has_no_time_above_the_limit() -> None:
    known = [Kept(1, Span(NOON, NOON + 3600, 0.0, 5, 6, 5.5, 5.5), 60, True)]
    period = frame(NOON, NOON + 3 * 86_400)
    rows = [[text for _, _, text in sorted(row)] for row in rows_on(cold_pdf.pdf_of(Record({"t": known}), period, "x")).values()]
    assert ["2026-11-24", "t", "-", "-", "-", "-", "-", "24 h 00 min"] in rows
    assert ["2026-11-22", "t", "5.00", "6.00", "5.50", "5.50", "0 min"] in [row[:7] for row in rows]


# Figures


def frame(since: float, upto: float) -> Frame:
    return Frame("s", "", "z", "", "Europe/Rome", since, upto, upto, 4, 12, "wine", 1800, {"t": ""}, "e", 1, "")


@settings(deadline=None)
@given(st.integers(0, 10_000), st.floats(0, 30_000), st.floats(60, 30_000))
def test_recorded_time_and_gaps_add_up_to_the_period_in_minutes(seed: int, after_s: float, for_s: float) -> None:
    source, at, kept = random.Random(seed), NOON, []
    for number in range(60):
        at += source.choice([0, 0, 0, 700, -150])
        gap_s = source.choice([0.0, 0.0, 0.0, 300.0])
        known = (5.0, 9.0, 7.0, 7.1) if gap_s == 0 else (None, None, None, None)
        kept.append(Kept(number, Span(at, at + 300, gap_s, *known), 60, True))
        at += 300
    kept.sort(key=lambda each: each.span.since)
    record, period = Record({"t": kept}), frame(NOON + after_s, NOON + after_s + for_s)
    seconds = range(int(period.since), int(period.upto), 10)
    spans = [each.span for each in kept if each.span.mean is not None]
    covered = 10 * sum(any(span.since <= second < span.upto for span in spans) for second in seconds)
    found = cold_record.figures(record, period, "t")
    assert found.gap_s == pytest.approx(for_s - covered, abs=60)
    assert sum(seconds_ for _, _, seconds_ in cold_record.gaps(record, period, "t")) == pytest.approx(found.gap_s, abs=60)


def test_what_was_recorded_before_the_clock_was_trusted_stands_where_it_belongs(tmp_path: Path) -> None:
    shop = Shop(temperature={"min_celsius": 4, "max_celsius": 12})
    shop.moment = replace(shop.moment, wall=1000.0, trusted=False)
    for _ in range(60):
        shop.fact(facts.TemperatureKnown("t", shop.now, 8.0))
        shop.wait(60)
    shop.moment = replace(shop.moment, wall=NOON + 3600, trusted=True)
    shop.step(inputs.ClockState(True, 0.01))
    asyncio.run(_write(tmp_path / "journal.db", shop))
    (tmp_path / "store.toml").write_text(CONFIG, encoding="utf-8")
    (tmp_path / "products.csv").write_text(PRODUCTS, encoding="utf-8")
    made: dict[str, Any] = json.loads(run(tmp_path / "store.toml", "--from", "2026-11-22T13:00", "--format", "json").stdout)
    assert made["thermometers"]["t"]["figures"]["gap_minutes"] == pytest.approx(0, abs=6)
    assert {each["clock"] for each in made["thermometers"]["t"]["intervals"]} == {"trusted"}


def test_a_pdf_shows_what_its_fonts_do_not_have_as_question_marks() -> None:
    pdf = Pdf("白酒", "x")
    pdf.page()
    pdf.text(10, 10, "白酒 (6 °C) \\")
    assert rb"(?? \(6 " + "°".encode("latin-1") + rb"C\) \\)" in pdf.render()


def test_the_paper_says_when_the_program_was_away_and_what_is_over_without_its_old_figures(store: Path, tmp_path: Path) -> None:
    made = json.loads(report(store, tmp_path, "json").read_text(encoding="utf-8"))
    told = [(each["type"], each["data"].get("reason")) for each in made["events"]]
    assert ("store.started", "power_loss") in told
    raised = cold_record.Told(1, 0.0, "alarm.raised", {"kind": "too_warm", "details": {"celsius": 13.0, "limit": 12.0}})
    assert cold_record.in_words(raised) == "alarm too_warm raised (13.00 °C)"
    assert cold_record.in_words(replace(raised, type="alarm.cleared")) == "alarm too_warm over"
    swung = {"kind": "temperature_swing", "details": {"thermometer": "t", "low": 8.0, "high": 14.25, "limit": 5.0}}
    assert cold_record.in_words(replace(raised, data=swung)) == "alarm temperature_swing raised (t, hours from 8.00 to 14.25 °C)"
