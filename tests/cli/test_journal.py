"""``smartstore journal``: what people and auditors read, from a running store or a stopped one, without changing a byte."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import zlib
from io import FileIO
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner, Result

from device.cli import smartstore
from device.cli.chart import chart
from device.config import load
from device.domain.envelope import Origin, render
from device.domain.events import (
    AccessDenied,
    AccessGranted,
    AlarmRaised,
    Alternative,
    DoorOpened,
    Event,
    ItemTaken,
    SessionStarted,
    StockLow,
    StoreStopping,
)
from device.domain.moment import Moment
from device.errors import StoreError
from device.journal import Evidence, Journal, Row, Trace, encode
from tests.journal.writing import edit

EXAMPLES = Path(__file__).parents[2] / "config"
NOON = 1_795_345_200.0
"""2026-11-22 12:00 in Rome."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that has run for three hours and is stopped; the path of its configuration."""
    folder = tmp_path_factory.mktemp("store")
    shutil.copytree(EXAMPLES, folder, dirs_exist_ok=True)
    asyncio.run(_live(folder / "journal.db"))
    return folder / "cabinet.toml"


@pytest.mark.parametrize("words", [("check",), ("journal", "show")])
def test_lines_fit_a_narrow_terminal_and_lose_nothing(store: Path, words: tuple[str, ...]) -> None:
    columns = 60
    said = _on_a_terminal(columns, words[0], str(store), *words[1:])
    lines = said.splitlines()
    assert all(len(line) <= columns or " " not in line.strip() for line in lines), "but for words that are longer themselves"
    elsewhere = _run(store, *words[1:]).stdout if words[0] == "journal" else said
    assert re.sub(r"\s", "", said) == re.sub(r"\s", "", elsewhere)


def _on_a_terminal(columns: int, *words: str) -> str:
    """What a command writes to a terminal of so many columns."""
    ours, theirs = os.openpty()
    environment = {**os.environ, "COLUMNS": str(columns)}
    with os.fdopen(ours, "rb", 0) as screen:
        command = (sys.executable, "-m", "device", *words)
        with subprocess.Popen(command, stdout=theirs, stderr=subprocess.DEVNULL, env=environment) as process:
            os.close(theirs)
            said = b""
            while chunk := _read(screen):
                said += chunk
        assert process.returncode == 0
    return said.decode().replace("\r\n", "\n")


def _read(screen: FileIO) -> bytes:
    try:
        return screen.read(65536)
    except OSError:  # how Linux says that nobody has the other end open any more
        return b""


async def _live(path: Path) -> None:
    journal = Journal.open(path, max_mb=16, keep_days=400)
    samples = tuple((n / 10, 1500.0 if n < 0 else max(750.0, 1500.0 - n * 150)) for n in range(-30, 40))
    try:
        for hour in range(3):
            await _hour(journal, hour)
        await journal.commit([], evidence=[Evidence("step-1", 2, NOON, encode(Trace(NOON, samples, -750.0, 0.42)))])
        await journal.snapshot(b"state")
    finally:
        await journal.close()


async def _hour(journal: Journal, hour: int) -> None:
    """A door, a shelf that runs low, and a private record, an hour after the ones before."""
    origin = Origin("demo-cellar", journal.epoch, ZoneInfo("Europe/Rome"), False)
    moment = Moment(uptime=100.0 + hour, wall=NOON + 3600 * hour, trusted=True, boot="b00t")
    door = DoorOpened(zone="fridge", lock="fridge-lock", session="s-1", open_for_s=None)
    low = StockLow(slot="A1", gtin="06901234567892", count=1, before=2, reason="sale")
    seq = journal.newest_seq
    rows = [
        Row(seq + 1, door.TYPE, moment.wall, render(door, "fridge", seq + 1, moment, origin)),
        Row(seq + 2, low.TYPE, moment.wall, render(low, "A1", seq + 2, moment, origin)),
        Row(None, "plate.baseline", moment.wall, b'{"scale":"shelf-a","grams":1200.5}'),
    ]
    await journal.commit(rows)


def _run(store: Path, *words: str) -> Result:
    return CliRunner().invoke(smartstore, ["journal", str(store), *words])


def test_show_tells_each_event_in_a_line_with_local_time(store: Path) -> None:
    lines = _run(store, "show").stdout.splitlines()
    assert len(lines) == 6
    assert lines[0].split() == [
        "2026-11-22T12:00:00.000+01:00",
        "1",
        "door.opened",
        "fridge",
        "lock=fridge-lock",
        "session=s-1",
    ]


def test_show_leaves_out_what_was_not_asked_for(store: Path) -> None:
    assert [line.split()[1] for line in _run(store, "show", "--type", "stock.*").stdout.splitlines()] == ["2", "4", "6"]
    assert [line.split()[1] for line in _run(store, "show", "--since", "2026-11-22T14:00").stdout.splitlines()] == ["5", "6"]
    assert [line.split()[1] for line in _run(store, "show", "--since", "2026-11-22T13:00:00Z").stdout.splitlines()] == ["5", "6"]
    assert [line.split()[1] for line in _run(store, "show", "--last", "3").stdout.splitlines()] == ["4", "5", "6"]
    assert [line.split()[1] for line in _run(store, "show", "--last", "2", "--type", "door.*").stdout.splitlines()] == ["3", "5"]


def test_where_nothing_matches_it_says_so_and_what_there_is(store: Path) -> None:
    nothing = _run(store, "show", "--type", "door.open")
    assert (nothing.exit_code, nothing.stdout) == (0, "")
    assert nothing.stderr == 'nothing in this journal is of type door.open; did you mean "door.opened"? There are: door.opened, stock.low\n'
    assert "plate.baseline" in _run(store, "show", "--all", "--type", "nonsense").stderr
    assert _run(store, "show", "--since", "2100-01-01").stderr == "nothing in this journal matches\n"
    empty = _run(store, "export", "--from", "7")
    assert (empty.stdout, empty.stderr) == ("", "nothing in this journal matches\n")


def test_the_help_of_its_commands_is_not_cut(store: Path) -> None:
    said = CliRunner().invoke(smartstore, ["journal", "--help"]).stdout
    assert "Walk the hash chain; 1 where it is broken." in said
    assert "..." not in said.partition("Commands:")[2]


def test_show_has_private_records_when_all_is_asked_for(store: Path) -> None:
    lines = _run(store, "show", "--all").stdout.splitlines()
    assert len(lines) == 10
    assert lines[2].split()[1:] == ["-", "plate.baseline", "scale=shelf-a", "grams=1200.5"]


def test_show_speaks_json_to_programs(store: Path) -> None:
    first = json.loads(_run(store, "show", "--json").stdout.splitlines()[0])
    assert first["seq"] == 1
    assert first["type"] == "door.opened"
    assert first["data"] == {"zone": "fridge", "lock": "fridge-lock", "session": "s-1", "open_for_s": None}


def test_a_time_that_is_none_is_explained(store: Path) -> None:
    result = _run(store, "show", "--since", "yesterday")
    assert result.exit_code == 2
    assert "write 2026-11-22" in result.stderr


def test_export_gives_the_envelopes_as_they_were_published(store: Path) -> None:
    envelopes = [json.loads(line) for line in _run(store, "export").stdout_bytes.splitlines()]
    assert [envelope["seq"] for envelope in envelopes] == [1, 2, 3, 4, 5, 6]
    assert {envelope["specversion"] for envelope in envelopes} == {"1.0"}
    assert all(envelope["id"] == f"{envelope['epoch']}-{envelope['seq']}" for envelope in envelopes)


def test_export_takes_numbers_and_times_as_bounds(store: Path) -> None:
    def numbers(*words: str) -> list[int]:
        return [json.loads(line)["seq"] for line in _run(store, "export", *words).stdout.splitlines()]

    assert numbers("--from", "2", "--to", "4") == [2, 3, 4]
    assert numbers("--from", "2026-11-22T13:00", "--to", "2026-11-22T14:00") == [3, 4]
    assert numbers("--to", "2026-11-22") == []


def test_show_and_export_take_the_same_bounds(store: Path) -> None:
    def shown(*words: str) -> list[str]:
        return [line.split()[1] for line in _run(store, "show", *words).stdout.splitlines()]

    assert shown("--from", "2", "--to", "4") == shown("--since", "2", "--to", "4") == ["2", "3", "4"]
    assert shown("--from", "2026-11-22T13:00", "--to", "2026-11-22T14:00") == ["3", "4"]
    assert shown("--from", "2026-11-22T13:00", "--to", "2026-11-22T14:00", "--all") == ["3", "4", "-"]
    assert shown("--from", "3", "--all") == ["3", "4", "5", "6"], "what has no number is between no numbers"
    assert shown("--to", "4", "--last", "1") == ["4"]
    assert len(_run(store, "export", "--since", "5").stdout.splitlines()) == 2


@pytest.mark.parametrize("words", [["verify"], ["verify", "--json"], ["--simulated", "show", "--last", "3"]])
def test_where_the_configuration_was_left_out_that_is_said(words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(smartstore, ["journal", *words], prog_name="smartstore")
    name = next(word for word in words if not word.startswith("-"))
    assert result.exit_code == 2
    assert f"Error: CONFIG is missing before {name}: smartstore journal CONFIG {name}\n" in result.stderr
    assert CliRunner().invoke(smartstore, ["journal", name, "--help"]).exit_code == 0


def test_verify_says_that_a_sound_journal_is_sound(store: Path) -> None:
    result = _run(store, "verify")
    assert result.exit_code == 0
    assert result.stdout.startswith("sound: epoch ")
    assert "10 rows, 6 events up to seq 6, 1 pieces of evidence" in result.stdout


def test_verify_names_the_first_broken_row_and_fails(store: Path, tmp_path: Path) -> None:
    copy = tmp_path / "journal.db"
    shutil.copy(store.with_name("journal.db"), copy)
    edit(copy, "UPDATE record SET body = x'7b7d' WHERE row = 4")
    result = _run(copy, "verify")
    assert result.exit_code == 1
    assert result.stdout.startswith("BROKEN: row 4: its content does not fit its hash\n")
    answer = json.loads(_run(copy, "verify", "--json").stdout)
    assert (answer["sound"], answer["row"], answer["rows"]) == (False, 4, 3)


def test_verify_holds_the_chain_against_a_hash_that_was_noted(store: Path, tmp_path: Path) -> None:
    head = json.loads(_run(store, "verify", "--json").stdout)["head"]
    assert _run(store, "verify", "--expect", head).exit_code == 0
    other = _run(store, "verify", "--expect", f"3:{'0' * 64}")
    assert other.exit_code == 1
    assert "row 3: it is not the row that was noted" in other.stdout
    copy = tmp_path / "journal.db"
    shutil.copy(store.with_name("journal.db"), copy)
    edit(copy, "DELETE FROM record WHERE row > 8")
    edit(copy, "DELETE FROM evidence")
    edit(copy, "DELETE FROM snapshot")
    assert _run(copy, "verify").exit_code == 0
    cut = _run(copy, "verify", "--expect", head)
    assert cut.exit_code == 1
    assert "the end of the journal is missing" in cut.stdout
    assert _run(store, "verify", "--expect", "3:x").exit_code == 2


def test_evidence_is_drawn_with_its_step_marked(store: Path) -> None:
    result = _run(store, "evidence", "step-1")
    lines = result.stdout.splitlines()
    assert lines[0] == "step-1: -750.0 g ± 0.4 g, from 2026-11-22T12:00:00.000+01:00 (0 s, dotted)"
    assert lines[1].startswith("    1500.0 ┤⠉⠉")
    assert lines[-3].startswith("     750.0 ┤")
    assert lines[-1].split() == ["-3.0", "s", "3.9", "s"]
    assert sum("┊" in line for line in lines[1:-2]) > 5
    assert json.loads(_run(store, "evidence", "step-1", "--json").stdout)["delta"] == -750.0


def test_evidence_says_what_was_made_of_it_and_is_drawn_as_a_picture(store: Path, tmp_path: Path) -> None:
    folder = tmp_path / "store"
    shutil.copytree(EXAMPLES, folder)
    gtin = next(iter(load(folder / "cabinet.toml").products))
    asyncio.run(_picked(folder / "journal.db", gtin))
    shown = _run(folder / "cabinet.toml", "evidence", "step-1", "--png", str(tmp_path / "step.png"))
    assert shown.exit_code == 0, shown.output
    name = load(folder / "cabinet.toml").products[gtin].name
    assert f"1 × {name} at A1, 99.80% sure (event 1, session.item_taken)" in shown.stdout
    assert "or 2 × 00000000000017, 0.15%" in shown.stdout
    assert "unexplained removal (event 2, alarm.raised)" in shown.stdout
    size, pixels = _pixels((tmp_path / "step.png").read_bytes())
    assert size == (960, 540)
    assert len(set(pixels)) > 20
    assert (11, 110, 153) in pixels, "the trace"
    refused = _run(folder / "cabinet.toml", "evidence", "step-1", "--png", str(tmp_path / "no" / "step.png"))
    assert isinstance(refused.exception, StoreError)


async def _picked(path: Path, gtin: str) -> None:
    journal = Journal.open(path, max_mb=16, keep_days=400)
    samples = tuple((n / 10, 1500.0 if n < 0 else max(750.0, 1500.0 - n * 150)) for n in range(-30, 40))
    origin = Origin("demo-cellar", journal.epoch, ZoneInfo("Europe/Rome"), False)
    moment = Moment(uptime=100.0, wall=NOON, trusted=True, boot="b00t")
    other = (Alternative("00000000000017", 2, 0.0015),)
    taken = ItemTaken("s-1", "A1", gtin, 1, 750.0, 0.42, 0.998, other, (), "step-1", 900, None)
    alarm = AlarmRaised("a-1", "unexplained_removal", "fridge", {"slot": "A1", "evidence": "step-1"})
    try:
        rows = [
            Row(1, taken.TYPE, NOON, render(taken, "fridge", 1, moment, origin)),
            Row(2, alarm.TYPE, NOON, render(alarm, "fridge", 2, moment, origin)),
        ]
        await journal.commit(rows, evidence=[Evidence("step-1", 2, NOON, encode(Trace(NOON, samples, -750.0, 0.42)))])
    finally:
        await journal.close()


def _pixels(png: bytes) -> tuple[tuple[int, int], list[tuple[int, int, int]]]:
    """Width and height, and the colour of each pixel, read by the PNG specification; checks each chunk's sum."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    at, packed, size = 8, b"", (0, 0)
    while at < len(png):
        (length,), kind = struct.unpack(">I", png[at : at + 4]), png[at + 4 : at + 8]
        body = png[at + 8 : at + 8 + length]
        assert struct.unpack(">I", png[at + 8 + length : at + 12 + length])[0] == zlib.crc32(kind + body)
        if kind == b"IHDR":
            size = struct.unpack(">II", body[:8])
            assert body[8:] == bytes([8, 2, 0, 0, 0])
        packed += body if kind == b"IDAT" else b""
        at += 12 + length
    raw = zlib.decompress(packed)
    stride = 3 * size[0]
    above, pixels = bytes(stride), []
    for row in range(size[1]):
        start = row * (stride + 1)
        assert raw[start] == 2
        above = bytes((byte + over) & 255 for byte, over in zip(raw[start + 1 : start + 1 + stride], above, strict=True))
        pixels += [(above[x], above[x + 1], above[x + 2]) for x in range(0, stride, 3)]
    return size, pixels


def test_evidence_that_is_not_there_is_a_plain_failure(store: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "device", "journal", str(store), "evidence", "nothing"],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, "there is no evidence nothing, or no longer\n")


def test_a_store_that_has_never_run_has_no_journal() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "device", "journal", str(EXAMPLES / "shop.toml"), "show"],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, f"there is no journal at {EXAMPLES / 'journal.db'}\n")


def test_reading_changes_and_creates_nothing(store: Path) -> None:
    before = {part.name: part.read_bytes() for part in store.parent.iterdir() if part.is_file() and not part.name.endswith("-shm")}
    names = {part.name for part in store.parent.iterdir()}
    for words in (["show"], ["export"], ["verify"], ["evidence", "step-1"]):
        assert _run(store, *words).exit_code == 0
    assert {part.name: part.read_bytes() for part in store.parent.iterdir() if part.name in before} == before
    assert {part.name for part in store.parent.iterdir()} == names


def test_a_copy_of_the_database_alone_is_read_without_anything_beside_it(store: Path, tmp_path: Path) -> None:
    shutil.copy(store.with_name("journal.db"), tmp_path / "copy.db")
    assert _run(tmp_path / "copy.db", "verify").exit_code == 0
    assert [part.name for part in tmp_path.iterdir()] == ["copy.db"]


async def test_follow_tells_what_a_running_store_journals(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "journal.db", max_mb=16, keep_days=400)
    try:
        await _hour(journal, 0)
        words = ["journal", str(tmp_path / "journal.db"), "show", "--follow", "--type", "door.*"]
        process = await asyncio.create_subprocess_exec(sys.executable, "-m", "device", *words, stdout=asyncio.subprocess.PIPE)
        assert process.stdout is not None
        assert (await process.stdout.readline()).split()[1] == b"1"
        await _hour(journal, 1)
        assert (await process.stdout.readline()).split()[1] == b"3"
        await journal.commit([Row(5, StoreStopping.TYPE, NOON, b"{}")])
        await _hour(journal, 2)
        assert (await process.stdout.readline()).split()[1] == b"6"
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 0
    finally:
        await journal.close()


def test_a_chart_of_nothing_is_nothing_and_of_one_point_is_a_point() -> None:
    assert chart([]) == []
    assert sum(line.count("⠁") + line.count("⠄") + line.count("⠂") + line.count("⡀") for line in chart([(0.0, 5.0)])) == 1


async def _visited(path: Path, *, inside: bool) -> None:
    """A journal in which somebody was let in, and is still there or was turned away."""
    journal = Journal.open(path, max_mb=16, keep_days=400)
    origin = Origin("demo-cellar", journal.epoch, ZoneInfo("Europe/Rome"), False)
    moment = Moment(uptime=100.0, wall=NOON, trusted=True, boot="b00t")
    subject = journal.names.subject("guest-7")
    granted = AccessGranted("fridge", "qr", subject, "shop", journal.names.code("j-1", subject, NOON + 300))
    second: Event = SessionStarted("s-1", "fridge", "shop", subject, None)
    if not inside:
        second = AccessDenied("fridge", "qr", subject, "closed_hours")
    told: list[Event] = [granted, second]
    try:
        rows = [Row(seq, what.TYPE, NOON, render(what, "fridge", seq, moment, origin)) for seq, what in enumerate(told, 1)]
        await journal.commit(rows)
    finally:
        await journal.close()


def test_a_person_is_shown_until_they_are_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    asyncio.run(_visited(path, inside=False))
    assert "subject=guest-7" in _run(path, "show").stdout
    assert '"jti":"j-1"' in _run(path, "export").stdout
    said = _run(path, "forget", "guest-7", "--json")
    assert json.loads(said.stdout) == {"subject": "guest-7", "forgotten": True}
    assert "guest-7" not in _run(path, "show").stdout
    assert "subject=p-" in _run(path, "show").stdout
    assert _run(path, "verify").exit_code == 0
    again = _run(path, "forget", "guest-7")
    assert (again.exit_code, type(again.exception)) == (1, StoreError)
    assert "nobody of that name" in str(again.exception)


def test_nobody_is_forgotten_in_the_middle_of_a_visit(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    asyncio.run(_visited(path, inside=True))
    refused = _run(path, "forget", "guest-7")
    assert refused.exit_code == 1
    assert "busy" in str(refused.exception)
    assert "subject=guest-7" in _run(path, "show").stdout


def test_a_damaged_journal_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    asyncio.run(_visited(path, inside=False))
    edit(path, "UPDATE record SET wall = wall + 1 WHERE row = 1")
    refused = _run(path, "forget", "guest-7")
    assert "is damaged, and is left as it is" in str(refused.exception)
    assert [part.name for part in tmp_path.iterdir() if "damaged" in part.name] == []
