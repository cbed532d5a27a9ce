"""The documented example of another package's driver: built, installed into an environment of its own, and run there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.config.sample import written

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "driver"


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that sees what this one has, and has the example installed besides; nothing is fetched for it."""
    folder = tmp_path_factory.mktemp("driver")
    package = folder / "package"
    shutil.copytree(EXAMPLE, package, ignore=shutil.ignore_patterns("__pycache__", ".pytest_cache"))
    run([sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")])
    python = folder / "venv" / "bin" / "python"
    here, there = sysconfig.get_path("purelib"), run([str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]).strip()
    Path(there, "outer.pth").write_text(f"import site; site.addsitedir({here!r})\n")
    install = ["install", "--quiet", "--no-build-isolation", "--no-deps", "--no-index", "--disable-pip-version-check", str(package)]
    run([str(python), "-m", "pip", *install])
    return python


def run(command: list[str], *, status: int = 0, cwd: Path | None = None) -> str:
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PIP_ROOT_USER_ACTION": "ignore"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=cwd)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def a_store(folder: Path, *edits: tuple[str, str]) -> Path:
    tables = (EXAMPLE / "store.toml").read_text()
    for old, new in edits:
        assert old in tables
        tables = tables.replace(old, new)
    return written(folder, ("[[rfid]]", tables + "\n[[rfid]]"))


@pytest.mark.timeout(180)
def test_the_example_passes_the_contract_where_it_is_installed(python: Path) -> None:
    package = python.parents[2] / "package"
    told = run([str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", str(package)], cwd=package)
    assert "6 passed, 1 skipped" in told, told


@pytest.mark.timeout(120)
def test_a_store_with_it_is_sound_there_and_its_options_are_checked(python: Path, tmp_path: Path) -> None:
    check = [str(python), "-m", "device", "check"]
    assert "10 devices" in run([*check, str(a_store(tmp_path))])
    told = run([*check, str(a_store(tmp_path, ("port =", "prot =")))], status=78)
    assert 'scale[2].options.prot: "serial:/dev/serial/by-id/usb-example_pad": unknown key; did you mean "port"?' in told
    assert "scale[2].options.port: is required" in told
    told = run([*check, str(a_store(tmp_path, ("by-id/usb-example_pad", "by-id/../../ttyTAGS")))], status=78)
    assert "is the port of" in told


def test_a_store_with_it_says_what_is_missing_where_it_is_not_installed(tmp_path: Path) -> None:
    told = run([sys.executable, "-m", "device", "check", str(a_store(tmp_path))], status=78)
    assert 'scale[2].driver: "example.pad": no installed package brings this driver; those that are brought: none' in told
