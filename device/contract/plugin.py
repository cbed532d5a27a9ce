"""The pytest plugin ``smartstore-driver-contract``: runs the suite on the cases of whichever file has taken it in.

Loaded by its entry point wherever smartstore and pytest are installed together, so it loads nothing of a driver by itself.
"""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

if TYPE_CHECKING:
    from device.contract.case import Case, Peer

GRACE_S = 10.0
"""How long what was told to end may take to be gone, on a machine that is busy."""

pytest.register_assert_rewrite("device.contract.suite")


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--hardware FILE``."""
    group = parser.getgroup("smartstore", "smartstore driver contract")
    group.addoption("--hardware", metavar="FILE", type=Path, help="run the driver contract on the real devices of this store configuration")


def pytest_configure(config: pytest.Config) -> None:
    """The mark of tests on real devices."""
    config.addinivalue_line("markers", "hardware: runs on the real devices of --hardware FILE")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each test of the suite once a case; with ``--hardware`` once a device of its file instead."""
    if "contract_case" not in metafunc.fixturenames:
        return
    if file := metafunc.config.getoption("--hardware"):
        devices = _devices(file)
        metafunc.parametrize("contract_case", [pytest.param(case, id=case.name, marks=pytest.mark.hardware) for case in devices])
        return
    cases: list[Case] | None = getattr(metafunc.module, "CASES", None)
    if cases is None:
        raise pytest.UsageError(f"{metafunc.module.__name__} runs the driver contract and has no list CASES of what to run it on")
    metafunc.parametrize("contract_case", cases, ids=[case.name for case in cases])


def _devices(file: Path) -> list[Case]:
    from device.contract.hardware import cases_of
    from device.errors import ConfigError

    try:
        return cases_of(file)
    except ConfigError as error:
        raise pytest.UsageError(f"--hardware {file}: {error}") from error


@pytest.fixture
def nothing_of_a_driver_is_left() -> Iterator[None]:
    """Fail where a driver or its peer leaves a thread or a descriptor behind."""
    before = _threads() | _descriptors()
    yield
    patience = time.monotonic() + GRACE_S
    while (left := (_threads() | _descriptors()) - before) and time.monotonic() < patience:
        gc.collect()
        time.sleep(0.01)
    if left:
        pytest.fail(f"left behind: {'; '.join(sorted(left))}", pytrace=False)


@pytest_asyncio.fixture
async def peer(
    nothing_of_a_driver_is_left: None, contract_case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Peer]:
    """The served device of the case under test."""
    hurry: Callable[[pytest.MonkeyPatch], None] = contract_case.hurry
    hurry(monkeypatch)
    async with contract_case.serve(tmp_path) as served:
        yield served


def _threads() -> set[str]:
    return {f"thread {thread.name} ({thread.ident})" for thread in threading.enumerate()}


def _descriptors() -> set[str]:
    found = set()
    for number in os.listdir("/proc/self/fd"):  # noqa: PTH208  # names are wanted, not paths
        try:
            found.add(f"descriptor {number} ({os.readlink(f'/proc/self/fd/{number}')})")  # noqa: PTH115
        except OSError:
            continue  # the one that listed them
    # The event loop of a test is made before its fixtures and outlives them.
    return {name for name in found if "anon_inode" not in name}
