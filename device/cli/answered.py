"""What a broker answers, without losing a cancellation that comes together with it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


async def answered(waiting: Awaitable[T]) -> T:
    """Await a call of aiomqtt. It waits by ``asyncio.wait_for``, which below Python 3.12 swallows a cancellation that meets the answer."""
    answer = await waiting
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
    return answer
