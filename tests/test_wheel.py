"""The package as it is installed from its wheel, without the repository beside it."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PREPARE = """
import sys
from pathlib import Path
from device.cli import demo
print(demo.examples())
print(demo.prepare(Path(sys.argv[1])).configuration.layout.store.id)
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a wheel built of this tree, where nothing else is."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (wheel,) = folder.glob("*.whl")
    site = folder / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    return site


def test_the_demo_of_an_installed_package_finds_its_store(installed: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    done = subprocess.run(
        [sys.executable, "-c", PREPARE, str(tmp_path)], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    where, store = done.stdout.split()
    assert where == str(installed / "device" / "examples")
    assert store


def test_the_examples_travel_whole(installed: Path) -> None:
    names = sorted(path.relative_to(ROOT / "config").as_posix() for path in (ROOT / "config").rglob("*") if path.is_file())
    packed = sorted(
        path.relative_to(installed / "device/examples").as_posix() for path in (installed / "device/examples").rglob("*") if path.is_file()
    )
    assert packed == names


def test_the_documentation_is_where_the_unit_says(installed: Path) -> None:
    (place,) = installed.glob("smartstore-*.data/data/share/doc/smartstore")
    assert (place / "README.md").read_bytes() == (ROOT / "README.md").read_bytes()
    assert (place / "docs" / "mqtt.md").is_file()
    assert "\nDocumentation=file:/opt/smartstore/share/doc/smartstore/README.md\n" in (ROOT / "systemd/smartstore.service").read_text()
