"""The contract suite on all drivers of ours: the ``CASES`` of the files ``cases_*.py`` beside this one."""

from __future__ import annotations

import importlib
from pathlib import Path

from device.contract.case import Case
from device.contract.suite import *  # noqa: F403

CASES: list[Case] = [
    case
    for file in sorted(Path(__file__).parent.glob("cases_*.py"))
    for case in importlib.import_module(f"tests.contract.{file.stem}").CASES
]
