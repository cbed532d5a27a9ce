"""``smartstore probe``: rate, noise, glitches and errors of one device, as they are."""

from __future__ import annotations

import fcntl
import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from device.cli.probe import _plate_line, command
from device.sensing.quality import level_at_rest, noise_of
from firmware_sims.ds18b20 import Ds18b20
from firmware_sims.faults import Babble, Faulty
from firmware_sims.mt_sics import MtSicsScale
from firmware_sims.serve import Rig
from firmware_sims.shelf_board import ShelfBoard
from tests.cli.bench_of_scales import Trembling, invoke, write_store


def objects(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, (result.output, result.exception)
    return [json.loads(line) for line in result.stdout.splitlines()]


async def test_a_board_is_told_with_rate_and_noise_in_counts_until_it_is_calibrated(tmp_path: Path) -> None:
    config = write_store(tmp_path)
    board = ShelfBoard([Trembling(100.0), Trembling(50.0, sd_g=2.0)], counts_per_gram=[400.0, 400.0], zero_counts=[0.0, 0.0])
    async with Rig() as rig:
        rig.pty(board, tmp_path / "board")
        told = objects(await invoke(command, config, "board", "--for", "4s", "--json"))
        assert len(told) in (4, 5)
        last = told[-1]
        assert (last["state"], last["firmware"][:3], last["lost"], last["noise"]) == ("online", "1.2", 0, 0)
        assert last["rate_hz"] == pytest.approx(10, rel=0.2)
        first, second = last["plates"]
        assert first["raw"] == pytest.approx(40_000, abs=800)
        assert first["robust_sd"] < second["robust_sd"]
        assert second["robust_sd"] == pytest.approx(800, rel=0.6)
        assert "grams" not in first
        result = await invoke(command, config, "board", "--for", "1s")
    assert "not calibrated" in result.output
    assert re.search(r"plate 1: raw [34]\d{4}(\.\d+)?   noise", result.output), "counts are written out"
    assert (_plate_line({"channel": 1, "raw": 4241220.0, "sd": 1.0, "robust_sd": 1.0, "glitches": 0})).startswith("  plate 1: raw 4241220 ")
    assert result.output.startswith("board: online (1.2, board")


async def test_a_scale_that_weighs_is_told_in_grams_and_line_noise_with_its_reason(tmp_path: Path) -> None:
    config = write_store(tmp_path)
    sim = Faulty(MtSicsScale(Trembling(1234.5)))
    sim.add("noise", Babble(30))
    async with Rig() as rig:
        rig.pty(sim, tmp_path / "balance")
        last = objects(await invoke(command, config, "balance", "--for", "4s", "--json"))[-1]
    (plate,) = last["plates"]
    assert plate["grams"] == pytest.approx(1234.5, abs=2)
    assert plate["robust_sd_g"] == pytest.approx(0.4, abs=0.35)
    assert last["noise"] > 0
    assert last["last_error"]


async def test_a_thermometer_is_told_in_degrees(tmp_path: Path) -> None:
    config = write_store(tmp_path)
    async with Rig() as rig:
        rig.folder(Ds18b20(lambda: 7.5), tmp_path, "28-000000000001")
        result = await invoke(command, config, "air", "--for", "2.5s")
    assert "7.50 °C" in result.output


async def test_a_device_that_is_not_there_is_told_as_lost_with_its_reason(tmp_path: Path) -> None:
    result = await invoke(command, write_store(tmp_path), "board", "--for", "1s")
    assert "board: lost" in result.output
    assert "last error: no such port" in result.output
    assert result.exit_code == 1


async def test_an_unknown_device_is_told_with_the_known_ones(tmp_path: Path) -> None:
    result = await invoke(command, write_store(tmp_path), "attic")
    assert "no device attic; there are lock, board, balance, air" in str(result.exception)


async def test_while_the_daemon_has_the_devices_it_says_so_and_opens_nothing(tmp_path: Path) -> None:
    config = write_store(tmp_path)
    with (tmp_path / "journal.db.lock").open("w") as lock:
        lock.write("4711\n")
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        result = await invoke(command, config, "board", "--for", "1s")
        assert "the daemon (process 4711) has board; stop it, or hear what it hears with --listen" in str(result.exception)
    result = await invoke(command, config, "board", "--listen", "--for", "1s")
    assert "no daemon is running" in str(result.exception)


def test_noise_tells_wild_samples_from_noise() -> None:
    quiet = [1000.0 + (-1) ** place * 0.5 for place in range(100)]
    wild = [*quiet[:50], 1800.0, *quiet[51:]]
    assert noise_of(quiet).glitches == 0
    assert noise_of(quiet).sd == pytest.approx(0.5)
    noise = noise_of(wild)
    assert noise.glitches == 1
    assert noise.sd > 50
    assert noise.robust_sd == pytest.approx(0.74, abs=0.01)
    assert noise_of([5.0]).sd == 0


def test_a_plate_that_rises_is_not_at_rest_and_one_that_jumps_between_two_numbers_is() -> None:
    assert level_at_rest([float(number) for number in range(20)]) is None
    assert level_at_rest([100.0, 101.0] * 10) is not None
    assert level_at_rest([100.0] * 7) is None
