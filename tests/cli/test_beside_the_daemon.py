"""Recording, probing and calibrating while the daemon runs: real Mosquitto, the daemon as a process, the commands beside it."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from device.cli import calibrate, probe, record, replay
from device.cli import calibrate as calibrating
from device.cli.hearing import state_of
from device.journal.reading import holder
from device.recording.tap import socket_of
from firmware_sims.modbus import RtuSlave
from firmware_sims.modbus_relay import RelayBoard
from firmware_sims.mt_sics import MtSicsScale
from firmware_sims.serve import Rig
from firmware_sims.shelf_board import ShelfBoard
from tests.cli.bench_of_scales import Hands, Trembling, invoke, write_store
from tests.mosquitto import BINARY, Mosquitto

pytestmark = pytest.mark.skipif(BINARY is None, reason="Mosquitto is not installed")

PER_GRAM = 417.0


class Store:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "store.toml"
        self.plate = Trembling()

    def put(self, grams: float) -> Callable[[], None]:
        def do() -> None:
            self.plate.grams = grams

        return do


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Store]:
    store = Store(folder)
    config = write_store(folder)
    board = ShelfBoard([Trembling(), store.plate], counts_per_gram=[400.0, PER_GRAM], zero_counts=[0.0, -52_000.0])
    relays = RelayBoard(1, input_closed=lambda number: number == 0)
    async with Mosquitto(folder) as broker, Rig() as rig:
        config.write_text(config.read_text(encoding="utf-8").replace("mqtt://127.0.0.1:1", broker.url), encoding="utf-8")
        rig.pty(board, folder / "board")
        rig.pty(MtSicsScale(Trembling(1250.0, sd_g=0.1)), folder / "balance")
        rig.pty(RtuSlave(relays), folder / "relay")
        with (folder / "daemon.log").open("wb") as log:
            daemon = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "device", "run", str(config), stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            await until(lambda: socket_of(folder / "journal.db").exists())
            yield store
        finally:
            daemon.terminate()
            async with asyncio.timeout(20):
                assert await daemon.wait() == 0, (folder / "daemon.log").read_text()


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110  # what is waited for is a file of another process
            await asyncio.sleep(0.05)


def told(result: Any) -> dict[str, Any]:
    assert result.exit_code == 0, (result.output, result.exception)
    found: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return found


async def test_a_running_store_is_probed_calibrated_and_recorded_and_the_recording_played(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibrating, "MEASURE_S", 1.0)
    monkeypatch.setattr(calibrating, "SETTLE_S", 0.3)
    async with running(tmp_path) as store:
        config = store.config
        assert "has board; stop it" in str((await invoke(probe.command, config, "board")).exception)
        heard = told(await invoke(probe.command, config, "board", "--listen", "--for", "3s", "--json"))
        assert heard["state"] == "online"
        assert heard["readings"] > 10
        assert "grams" not in heard["plates"][1]

        assert told(await invoke(record.command, config, "--keep", "5", "--json")) == {"keep_minutes": 5.0}
        assert (await invoke(calibrate.command, config, "A")).exit_code == 2, "the daemon has to be commanded, which takes a key"
        steps = [(store.put(0.0), ""), (store.put(2000.0), ""), (store.put(0.0), "")]
        options = ("--grams", 2000, "--second", 0, "--no-corners", "--drift", 0, "--unsigned")
        result = await invoke(calibrate.command, config, "A", *options, hands=Hands(steps))
        assert result.exit_code == 0, (result.output, result.exception)
        assert "calibrate: done" in result.output
        assert "well enough" in result.output
        found = state_of(tmp_path / "journal.db").calibrations["board/2"]
        assert found.per_gram == pytest.approx(PER_GRAM, rel=2e-3)

        store.put(1250.0)()
        live, past = tmp_path / "live.trace", tmp_path / "past.trace"
        recorded = told(await invoke(record.command, config, "-o", live, "--for", "4s", "--json"))
        assert recorded["bytes"] == live.stat().st_size
        assert live.stat().st_mode & 0o777 == 0o600
        told(await invoke(record.command, config, "-o", past, "--last", "5m", "--json"))
        running_holder = holder(tmp_path / "journal.db")
    assert running_holder is not None
    assert running_holder.isdecimal()
    summary = told(await invoke(replay.command, live, "--json"))
    assert 3.0 < summary["seconds"] < 8.0
    assert summary["readings"] > 60
    assert not summary["cut_short"]
    lines = (await invoke(replay.command, past, "--json")).stdout.splitlines()
    events = [json.loads(line) for line in lines[:-1]]
    commands = [event["data"]["name"] for event in events if event["type"] == "command.done"]
    assert commands == ["tare", "calibrate"], "the commands were recorded, and decided again"
    assert any(event["type"] == "device.recovered" for event in events)
    assert (await invoke(replay.command, past, "--json")).stdout.splitlines() == lines


async def test_without_a_daemon_nothing_is_recorded(tmp_path: Path) -> None:
    config = write_store(tmp_path)
    assert "no daemon is running" in str((await invoke(record.command, config, "-o", tmp_path / "x.trace")).exception)
    assert not (tmp_path / "x.trace").exists()
    assert (await invoke(record.command, config)).exit_code == 2
