"""The guard-rails fail the tests that they are there for: shown on small tests of their own, run by a pytest of their own."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SETTINGS = """
[pytest]
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
timeout = 30
filterwarnings = error
addopts = --import-mode=importlib -p no:cacheprovider
markers =
    soak: long campaigns
    hardware: needs real hardware
"""


def outcome(tmp_path: Path, test: str, *options: str) -> str:
    """What pytest says about one small test file under our guard-rails."""
    shutil.copy(HERE / "conftest.py", tmp_path)
    (tmp_path / "pytest.ini").write_text(SETTINGS)
    (tmp_path / "test_small.py").write_text(test)
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *options], cwd=tmp_path, capture_output=True, text=True, timeout=50, check=False
    )
    return run.stdout + run.stderr


LEAKS = {
    "task": "import asyncio, pytest\nasync def test_it():\n    pytest.kept = asyncio.get_running_loop().create_task(asyncio.sleep(9))\n",
    "thread": "import threading\ndef test_it():\n    threading.Thread(target=threading.Event().wait, daemon=True).start()\n",
    "process": "import subprocess\nkept = []\ndef test_it():\n    kept.append(subprocess.Popen(['sleep', '20']))\n",
    "descriptor": "import os\ndef test_it():\n    os.pipe()\n",
}


@pytest.mark.parametrize("leak", LEAKS)
def test_a_test_that_leaves_something_behind_fails(leak: str, tmp_path: Path) -> None:
    said = outcome(tmp_path, LEAKS[leak])
    assert f"left behind: {leak}" in said
    assert "1 passed, 1 error" in said


def test_a_socket_that_is_only_forgotten_fails(tmp_path: Path) -> None:
    assert "ResourceWarning" in outcome(tmp_path, "import socket\ndef test_it():\n    socket.socket()\n")


def test_a_warning_fails(tmp_path: Path) -> None:
    assert "1 failed" in outcome(tmp_path, "import warnings\ndef test_it():\n    warnings.warn('old')\n")


def test_a_test_that_hangs_fails_at_its_limit(tmp_path: Path) -> None:
    said = outcome(tmp_path, "import threading\ndef test_it():\n    threading.Event().wait()\n", "--timeout", "1")
    assert "Timeout" in said
    assert "1 failed" in said


CLEAN = """
import asyncio
import socket
import subprocess
import pytest

@pytest.fixture(scope="module")
def wide():
    with socket.socket() as kept:
        yield kept

@pytest.fixture
async def daemon():
    task = asyncio.get_running_loop().create_task(asyncio.Event().wait())
    yield task
    task.cancel()
    await asyncio.wait([task])

async def test_of_a_daemon(daemon, wide):
    await asyncio.to_thread(sum, [1])

def test_of_a_process(wide):
    subprocess.run(["true"], check=True)
    asyncio.run(asyncio.wait_for(asyncio.to_thread(sum, [1]), 5))
"""


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_test_that_tidies_up_passes(workers: str, tmp_path: Path) -> None:
    assert "2 passed" in outcome(tmp_path, CLEAN, "-n", workers)


MARKED = """
import pytest

@pytest.mark.soak
def test_of_a_night():
    pass

@pytest.mark.hardware
def test_of_a_real_scale():
    pass

def test_of_a_moment():
    pass
"""


def test_long_campaigns_and_hardware_are_for_those_who_ask(tmp_path: Path) -> None:
    assert "1 passed, 2 deselected" in outcome(tmp_path, MARKED)
    assert "1 passed, 2 deselected" in outcome(tmp_path, MARKED, "-m", "soak")
