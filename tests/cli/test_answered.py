"""A cancellation that comes together with a broker's answer is not lost, on whatever Python."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from device.cli.answered import answered


async def an_answer() -> int:
    await asyncio.sleep(0)
    return 7


async def an_answer_that_swallows() -> int:
    """What ``asyncio.wait_for`` does below Python 3.12 when both come at once."""
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.sleep(0)
    return 7


async def test_an_answer_is_given() -> None:
    assert await answered(an_answer()) == 7


async def test_a_cancellation_that_was_swallowed_is_raised_again() -> None:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(answered(an_answer_that_swallows()))
    assert task.cancelled()


async def test_a_time_limit_that_is_over_is_no_cancellation() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await asyncio.Event().wait()
    assert await answered(an_answer()) == 7
