"""The walk-through for newcomers, with its own commands: docs/first-store.md."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.mosquitto import BINARY, Mosquitto

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(r"```sh\n(.*?)```", (ROOT / "docs/first-store.md").read_text(), re.DOTALL)
WITHIN_S = 60.0

pytestmark = [pytest.mark.skipif(BINARY is None, reason="Mosquitto is not installed"), pytest.mark.timeout(240)]


class Terminal:
    """Where somebody types. ``folder`` is where he is."""

    def __init__(self, folder: Path) -> None:
        tools = folder / "bin"
        tools.mkdir()
        program = tools / "smartstore"
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m device "$@"\n')
        program.chmod(0o755)
        shutil.copytree(ROOT / "config", folder / "config")
        self.folder = folder
        self._environment = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}

    async def types(self, commands: str, status: int = 0) -> str:
        """What they say, both streams."""
        process = await asyncio.create_subprocess_exec(
            "bash", "-ec", commands, cwd=self.folder, env=self._environment,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        async with asyncio.timeout(WITHIN_S):
            said, _ = await process.communicate()
        assert process.returncode == status, said.decode()
        return said.decode()

    @asynccontextmanager
    async def beside(self, command: str, log: Path) -> AsyncIterator[asyncio.subprocess.Process]:
        """A command that stays, until Ctrl-C."""
        with log.open("wb") as file:
            process = await asyncio.create_subprocess_exec(
                "bash", "-ec", f"exec {command}", cwd=self.folder, env=self._environment,
                stdin=asyncio.subprocess.DEVNULL, stdout=file, stderr=file,
            )  # fmt: skip
        try:
            yield process
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGINT)
            async with asyncio.timeout(WITHIN_S):
                await process.wait()


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(WITHIN_S):
        while not condition():  # noqa: ASYNC110  # what is waited for is a file of another process
            await asyncio.sleep(0.05)


async def test_a_newcomer_gets_to_a_purchase_with_the_commands_of_the_walk_through(tmp_path: Path) -> None:
    make, run, watch, shop, show_code, look_back, probe = BLOCKS
    here = Terminal(tmp_path)
    said = await here.types(make)
    assert "signs; keep it secret" in said
    here.folder = tmp_path / "my-store"
    log, watched = tmp_path / "run.log", tmp_path / "watch.log"
    async with Mosquitto(tmp_path) as broker:
        config = here.folder / "cabinet.toml"
        config.write_text(config.read_text().replace("mqtt://127.0.0.1:1883", broker.url))
        async with here.beside(f"{watch.strip()} --url {broker.url}", watched), here.beside(run, log) as store:
            await until(lambda: "slot/C4: count 8" in watched.read_text())

            said = await here.types(shop)
            assert "takes two Podere Sereno Chianti 75 cl from A1" in said
            assert "1 x Podere Sereno Chianti 75 cl           14.50 EUR" in said
            assert "which is what left the store" in said
            assert "-> the code is good: shopper may shop" in said
            assert "session.ended" in watched.read_text()

            said = await here.types(show_code)
            assert "1 x Quinta da Gralha Tawny 50 cl" in said
            again = show_code.replace("--age 30", "")
            said = await here.types(again, status=1)
            assert "the code is refused: the proven age is too low" in said
            assert "the door of fridge stayed locked" in said

            said = await here.types(look_back)
            assert "session.ended" in said
            assert "sound: epoch" in said
            assert "The staff puts 1 of Podere Sereno Chianti 75 cl on A1." in said
            assert "-> the visit is over: filled up: 1 Podere Sereno Chianti 75 cl on A1, 1 Quinta da Gralha Tawny 50 cl on C1\n" in said
            assert "The staff leaves.\n" in said
            assert "EUR" not in said[said.index("may restock") :]
            assert "  plate 4: " in await here.types(probe)
            assert store.returncode is None
        assert "the journal is" in log.read_text()
        assert "journal.simulated.db" in log.read_text()
    assert not (here.folder / "journal.db").exists()


async def test_a_second_life_finds_the_shelves_as_they_were_and_raises_no_alarm(tmp_path: Path) -> None:
    make, run, _, shop, *_ = BLOCKS
    here = Terminal(tmp_path)
    await here.types(make)
    here.folder = tmp_path / "my-store"
    config = here.folder / "cabinet.toml"
    config.write_text(config.read_text().replace("127.0.0.1:1883", "127.0.0.1:1"))
    hand = here.folder / "journal.simulated.db.hand"
    async with here.beside(run, tmp_path / "first.log"):
        await until(hand.exists)
        assert "which is what left the store" in await here.types(shop)
    assert "no simulated store runs on cabinet.toml" in await here.types(shop, status=1)
    async with here.beside(run, tmp_path / "second.log") as store:
        await until(lambda: hand.exists() and "ready after" in (tmp_path / "second.log").read_text())
        assert "there are only 11 on A1" in await here.types("smartstore shop cabinet.toml take=A1:12", status=1)
        said = await here.types("smartstore shop cabinet.toml --pace 0.7 take=A1:3")
        assert "takes two" in said
        assert "3 x Podere Sereno Chianti 75 cl" in said
        assert "which is what left the store" in said
        refused = await here.types("smartstore run cabinet.toml", status=1)
        assert f"process {store.pid} runs a simulation of this store" in refused
    alarms = await here.types("smartstore journal cabinet.toml show --simulated --type 'alarm.*'")
    assert alarms.startswith("nothing in this journal is of type alarm.*")
