"""The contract suite as other packages run it: it finds what is wrong with a driver, and says so."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

DRIVER = """
import asyncio, threading
from contextlib import asynccontextmanager
from device.contract.case import Case, Peer
from device.contract.suite import *
from device.domain.readings import DeviceUp, TemperatureReading

class Probe:
    id = "probe"
    async def run(self, sink):
        at = 1.0
        {begin}
        sink.put([DeviceUp("probe", at)])
        while True:
            at += 1
            sink.put([TemperatureReading("{said}", at, 4.0)])
            await asyncio.sleep(0.01)

@asynccontextmanager
async def served(folder):
    yield Peer(driver=Probe(), shows=TemperatureReading)

{cases}
"""
CASES = 'CASES = [Case("probe", served)]'


def run(folder: Path, *, begin: str = "pass", said: str = "probe", cases: str = CASES) -> str:
    (folder / "test_it.py").write_text(DRIVER.format(begin=begin, said=said, cases=cases))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--rootdir", str(folder), "test_it.py"]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder).stdout


def test_a_good_driver_passes_what_applies_to_it(tmp_path: Path) -> None:
    assert "2 passed, 4 skipped" in run(tmp_path)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"begin": 'self.spare = open("/dev/null")'}, "left behind: descriptor"),
        ({"begin": "threading.Thread(target=threading.Event().wait, daemon=True).start()"}, "left behind: thread"),
        ({"said": "another"}, "AssertionError"),
        ({"begin": 'sink.put([TemperatureReading("probe", at, 4.0)])'}, "AssertionError"),
        ({"cases": ""}, "has no list CASES"),
    ],
)
def test_a_bad_one_does_not(wrong: dict[str, str], told: str, tmp_path: Path) -> None:
    heard = run(tmp_path, **wrong)
    assert told in heard, heard
    assert "failed" in heard or "error" in heard
