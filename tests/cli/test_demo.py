"""``smartstore demo``: what it leaves behind, what it refuses, and how it ends. That shoppers buy is the walk-through's."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from device.cli.demo import LOCK, PREFIX, STAFF, _demo, command, prepare, sweep, temporary_folder
from device.cli.simulation import shelves_of
from device.cli.story import Teller
from device.config import simulated_journal

WITHIN_S = 45.0


def test_what_a_killed_demo_left_is_swept_and_a_living_one_is_not(tmp_path: Path) -> None:
    dead, making, other = tmp_path / f"{PREFIX}dead", tmp_path / f"{PREFIX}making", tmp_path / "other"
    for folder in (dead, making, other):
        folder.mkdir()
    for folder in (dead, other):
        (folder / LOCK).touch()
    (tmp_path / f"{PREFIX}link").symlink_to(other)
    with temporary_folder(tmp_path) as living:
        sweep(tmp_path)
        assert living.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other", f"{PREFIX}link", f"{PREFIX}making"]
    assert (other / LOCK).exists()


@pytest.mark.parametrize("arguments", [("--pace", "0"), ("--pace", "-1"), ("--pace", "1000"), ("--shoppers", "-1"), ("--shoppers", "many")])
def test_an_impossible_number_is_refused(arguments: tuple[str, ...]) -> None:
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 2
    assert arguments[0] in result.output


@pytest.mark.timeout(120)
async def test_ctrl_c_ends_it_with_a_goodbye_and_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-u", "-m", "device", "demo", stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    said: list[str] = []
    async with asyncio.timeout(WITHIN_S):
        while "arrives with a code" not in "".join(said[-1:]):
            said.append((await process.stdout.readline()).decode())
            assert said[-1], said
        process.send_signal(signal.SIGINT)
        said.append((await process.stdout.read()).decode())
        assert await process.wait() == 0
    assert "Times are the store's (Europe/Rome).\n" in said
    assert f"watch along with: {sys.executable} -m device watch --url mqtt://127.0.0.1:" in said[0]
    assert said[-1].endswith("The demo is over. Goodbye; nothing of it is left behind.\n")
    assert list(tmp_path.iterdir()) == []  # noqa: ASYNC240  # nothing else runs by now


@pytest.mark.timeout(120)
def test_staff_fills_up_what_shoppers_have_emptied(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with temporary_folder(tmp_path) as folder:
        demo = prepare(folder)
        slots = demo.configuration.layout.slot
        emptied = [slot.id for slot in slots[: len(slots) // 3 + 1]]
        shelves = shelves_of(simulated_journal(demo.configuration.layout.journal.path))
        shelves.write_text(json.dumps({"brought": 1000, "slots": {slot: [] for slot in emptied}}))
        teller = Teller(demo.configuration, as_json=False)
        asyncio.run(_demo(demo, teller, shoppers=1, pace=0.3, seed=23))
        assert teller.empty == []
    story = capsys.readouterr().out
    staff, _, anna = story.partition("Anna arrives with a code on the phone.")
    assert f"{STAFF} comes to fill the shelves up: {len(emptied)} of {len(slots)} slots are empty.\n" in staff
    assert "the code is good: staff may restock" in staff
    assert staff.index(f"{STAFF} opens the door.") < staff.index("-> the door is open")
    end = staff.partition("the visit is over: filled up: ")[2].partition("\n")[0]
    full = {slot.id: f"{slot.capacity} {demo.configuration.products[slot.products[0]].name} on {slot.id}" for slot in slots}
    assert end.split(", ") == [full[slot] for slot in emptied]
    assert "leaves with nothing" not in staff
    assert "which is what left the store" in anna
