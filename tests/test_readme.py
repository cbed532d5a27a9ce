"""The README says what is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from device.cli import COMMANDS
from device.config import load
from device.domain.layout import GpioInput, GpioLock

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_the_subscriber_in_the_readme_is_the_one_that_is_tested() -> None:
    assert (ROOT / "docs/examples/subscribe.py").read_text().rstrip() in README


@pytest.mark.parametrize("page", [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))], ids=lambda page: page.name)
def test_what_is_linked_is_there(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text())
    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []


def wiring() -> tuple[str, str]:
    """The drawing of the wiring, and the configuration under it."""
    section = README.partition("**Wire the lock")[2].partition("**Install.**")[0]
    _, drawing, _, toml, *_ = section.split("```")
    return drawing, toml.removeprefix("toml\n")


def test_the_configuration_under_the_wiring_is_one_and_has_the_pins_of_the_drawing(tmp_path: Path) -> None:
    drawing, toml = wiring()
    text = (ROOT / "config" / "cabinet.toml").read_text()
    doors = re.compile(r"^\[\[(?:lock|input)\]\]\n(?:[^\[\n#].*\n)*", re.MULTILINE)
    (tmp_path / "store.toml").write_text(f"{doors.sub('', text)}\n{toml}")
    for name in ("cabinet.products.csv", "keys"):
        (tmp_path / name).symlink_to(ROOT / "config" / name)
    layout = load(tmp_path / "store.toml").layout
    lock, fire = layout.lock[0], layout.input[0]
    assert (len(layout.lock), len(layout.input)) == (1, 1)
    assert isinstance(lock, GpioLock)
    assert isinstance(fire, GpioInput)
    pins = {"relay board": lock.relay, "door contact": lock.contact, "exit button": lock.exit_button, "fire contact": fire.pin}
    assert {name: int(pin) for name, pin in re.findall(r"(\w+ \w+) +(?:IN )?── GPIO (\d+)", drawing)} == pins
    shop = load(ROOT / "config" / "shop.toml").layout
    entrance = next(lock for lock in shop.lock if isinstance(lock, GpioLock))
    assert (entrance.relay, entrance.contact, entrance.exit_button) == (lock.relay, lock.contact, lock.exit_button)
    assert [entry.pin for entry in shop.input if entry.kind == "fire" and isinstance(entry, GpioInput)] == [fire.pin]


def test_every_command_is_in_the_readme() -> None:
    assert [name for name in COMMANDS if f"smartstore {name}" not in README and f"/ `{name}" not in README] == []


def test_the_first_lines_are_the_two_commands() -> None:
    lines = [line.split("#")[0].strip() for line in README.splitlines() if line.startswith("    ")]
    assert lines[:2] == ["make demo", "make test"]
