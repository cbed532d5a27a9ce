"""Guard-rails for every test: nothing leaks, warnings are errors, nothing takes longer than its limit.

A test that passes and leaves something behind breaks another one, later and elsewhere. So after each test, when its own fixtures are gone,
the tasks, threads, processes and descriptors are compared with those before it. Fixtures of a wider scope are set up before and may stay.
Warnings and the time limit are pytest's own (``pyproject.toml``); that no test sleeps is checked by ``test_layers.py``.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from hypothesis import settings

GRACE_S = 10.0
"""How long what was told to end may take to be gone, on a machine that is busy with other tests."""

# The suite tries the same examples every time; make soak tries others, and more of them.
settings.register_profile("suite", derandomize=True, deadline=None)
settings.register_profile("explore", max_examples=1000, deadline=None, print_blob=True)
settings.load_profile("suite")

# Whoever starts the tests in the background of a shell without job control has Ctrl-C ignored, by them and by all that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)

_left_tasks: list[str] = []
_close_runner = asyncio.Runner.close


def _close_and_look(runner: asyncio.Runner) -> None:
    """``Runner.close`` cancels what is left without a word; so look first."""
    with contextlib.suppress(RuntimeError):
        _left_tasks.extend(f"task {task.get_name()}: {task.get_coro()}" for task in asyncio.all_tasks(runner.get_loop()))
    _close_runner(runner)


asyncio.Runner.close = _close_and_look  # type: ignore[method-assign, assignment]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fuzz-seconds", type=int, default=60, metavar="N", help="how long each target of tests/fuzz is fuzzed, with -m soak")


def pytest_configure(config: pytest.Config) -> None:
    """Long campaigns and real hardware are for those who ask for them."""
    if not config.option.markexpr:
        config.option.markexpr = "not soak" if config.getoption("--hardware", default=None) else "not soak and not hardware"


def pytest_collection_finish() -> None:
    """What is loaded by now is no garbage: without it a collection after each test takes a millisecond, not fifty."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def nothing_is_left_behind() -> Iterator[None]:
    """Fail a test that leaves a task, thread, process or descriptor."""
    _left_tasks.clear()
    threads, processes, descriptors = _threads(), _processes(), _descriptors()
    yield
    left = [
        *_left_tasks,
        *_lasting(lambda: _threads() - threads),
        *_lasting(lambda: _processes() - processes),
        *_lasting(lambda: _descriptors() - descriptors),
    ]
    if left:
        pytest.fail(f"left behind: {'; '.join(left)}", pytrace=False)


def _lasting(look: Callable[[], set[str]]) -> list[str]:
    """What is still there after a collection and the grace."""
    if not look():
        return []
    gc.collect()
    patience = time.monotonic() + GRACE_S
    while (left := look()) and time.monotonic() < patience:
        time.sleep(0.01)
    return sorted(left)


def _threads() -> set[str]:
    return {f"thread {thread.name} ({thread.ident})" for thread in threading.enumerate()}


def _processes() -> set[str]:
    found = set()
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            found.add(f"process {process.pid} ({process.name()})")
    return found


def _descriptors() -> set[str]:
    found = set()
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            found.add(f"descriptor {entry.name} ({os.readlink(entry)})")  # noqa: PTH115  # sockets and pipes are no paths
    return {name for name in found if "/proc/" not in name}
