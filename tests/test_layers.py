"""House rules that no linter knows. The layers themselves are import-linter's (``make lint``)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted(path for folder in ("device", "firmware_sims") for path in (ROOT / folder).rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))

LONGEST_SLEEP_S = 0.05
"""A test may look again this soon for what it waits for, under a limit; longer is a guess at how fast the machine is."""

NOT_IN_NAMES = ("Manager", "Handler", "Helper", "Util", "Service", "Base", "Common", "Data", "Info", "Misc")


def guessed_sleeps(tree: ast.AST) -> Iterator[int]:
    """Lines on which something sleeps for a constant time that is no mere pause between two looks."""
    calls = sorted((node for node in ast.walk(tree) if isinstance(node, ast.Call)), key=lambda node: node.lineno)
    for node in calls:
        if ast.unparse(node.func) in ("asyncio.sleep", "time.sleep", "sleep") and node.args:
            seconds = node.args[0]
            if isinstance(seconds, ast.Constant) and isinstance(seconds.value, int | float) and seconds.value > LONGEST_SLEEP_S:
                yield node.lineno


@pytest.mark.parametrize("path", TESTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_test_sleeps_a_guessed_time(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    # a peer that is to be late on purpose says so on the line
    assert [line for line in guessed_sleeps(ast.parse(text)) if "# late on purpose" not in lines[line - 1]] == []


def test_a_guessed_sleep_would_be_seen() -> None:
    assert list(guessed_sleeps(ast.parse("asyncio.sleep(0.01)\nasyncio.sleep(1)\ntime.sleep(2.5)"))) == [2, 3]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_names_say_what_a_thing_is(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    classes = [node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    names = [*classes, path.stem.title().replace("_", "")]
    assert [name for name in names if any(name.startswith(word) or name.endswith((word, word + "s")) for word in NOT_IN_NAMES)] == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_says_what_it_is_for(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not text.strip() or ast.get_docstring(ast.parse(text)), "no docstring"


def test_every_logger_has_the_programs_name_and_is_in_the_documentation() -> None:
    found = set()
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "logging.getLogger" and path.parts[-2] != "cli":
                assert isinstance(node.args[0], ast.Constant), f"{path} line {node.lineno}"
                found.add(str(node.args[0].value))
    documented = (ROOT / "docs" / "architecture.md").read_text()
    assert [name for name in found if f"| `{name}` |" not in documented] == []
    assert "smartstore.uplink" in found


def test_functions_are_short() -> None:
    lengths = sorted(
        (node.end_lineno or node.lineno) - node.lineno + 1
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    assert lengths[len(lengths) * 9 // 10] < 40
