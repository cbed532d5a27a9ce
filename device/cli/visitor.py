"""A simulated shopper as a process: ``firmware_sims`` and the device know nothing of each other, so its steps come as lines of JSON."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

from device.errors import StoreError


class ShopperFailed(StoreError):
    """The simulated shopper ended without a reason: it was told something that makes no sense, or is broken."""


def mortal(*command: str) -> list[str]:
    """A command that ends when its parent is killed without a chance to end it; as it is where there is no setpriv (util-linux)."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM", *command] if setpriv else list(command)


async def visit(control: Path, code: str, *arguments: str) -> AsyncGenerator[dict[str, Any], None]:
    """One visit to the simulated store at ``control``: each step as it is done, with ``says``; ``cart`` at the end, or ``error``.

    Whoever does not wait for the end closes the iterator, and the shopper ends. Raises ShopperFailed.
    """
    process = await asyncio.create_subprocess_exec(
        *mortal(sys.executable, "-m", "firmware_sims.shopper", "--control", str(control), "--code", code, *arguments),
        stdout=asyncio.subprocess.PIPE,
        stdin=asyncio.subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is for the command, which ends its processes itself
    )
    assert process.stdout is not None
    over = failed = False
    try:
        async for line in process.stdout:
            step: dict[str, Any] = json.loads(line)
            failed = failed or "error" in step
            yield step
        over = True
    finally:
        if not over:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        status = await process.wait()
    if status and not failed:
        raise ShopperFailed(f"the simulated shopper ended with status {status}")
