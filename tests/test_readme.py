"""The README says what is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from device.cli import COMMANDS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_the_subscriber_in_the_readme_is_the_one_that_is_tested() -> None:
    assert (ROOT / "docs/examples/subscribe.py").read_text().rstrip() in README


@pytest.mark.parametrize("page", [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))], ids=lambda page: page.name)
def test_what_is_linked_is_there(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text())
    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []


def test_every_command_is_in_the_readme() -> None:
    assert [name for name in COMMANDS if f"smartstore {name}" not in README and f"/ `{name}" not in README] == []


def test_the_first_lines_are_the_two_commands() -> None:
    lines = [line.split("#")[0].strip() for line in README.splitlines() if line.startswith("    ")]
    assert lines[:2] == ["make demo", "make test"]
