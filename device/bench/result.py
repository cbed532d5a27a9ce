"""What a benchmark is asked, and what it answers: figures for programs, a table for people, pictures for the documentation."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import device


class NoSuchScenario(ValueError):
    """A scenario that the benchmark does not have; the text says which there are."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to run. ``quick``: a smaller sample, for a look or a test; ``jobs``: processes that may work at once.

    ``sessions`` of each scenario at least, and ``scenario`` the only one, are for ``accuracy``; None: as many as it has.
    """

    seed: int = 1
    quick: bool = False
    jobs: int = 1
    sessions: int | None = None
    scenario: str | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What came out. ``figures`` is JSON; ``table`` lines for people; ``pictures`` SVG documents by file name without its ending."""

    name: str
    figures: Mapping[str, Any]
    table: Sequence[str]
    pictures: Mapping[str, str] = field(default_factory=dict)


def command_of(name: str, options: Options) -> str:
    """The command line that gives this result again."""
    more = [" --quick"] if options.quick else []
    more += [f" --sessions {options.sessions}"] if options.sessions is not None else []
    more += [f" --scenario '{options.scenario}'"] if options.scenario is not None else []
    return f"smartstore bench {name} --seed {options.seed}{''.join(more)}"


def machine() -> dict[str, Any]:
    """What ran it, as far as it matters for figures of time."""
    return {"python": platform.python_version(), "machine": platform.machine(), "cores": os.cpu_count()}


def write(result: Result, options: Options, folder: Path) -> list[Path]:
    """Write ``NAME.json`` and each picture as SVG into ``folder``, which is made where it is missing; returns what was written."""
    folder.mkdir(parents=True, exist_ok=True)
    head = {"benchmark": result.name, "command": command_of(result.name, options), "version": device.__version__, **machine()}
    written = [folder / f"{result.name}.json"]
    written[0].write_text(json.dumps({**head, **result.figures}, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for name, picture in result.pictures.items():
        path = folder / f"{name}.svg"
        path.write_text(picture, encoding="utf-8")
        written.append(path)
    return written
