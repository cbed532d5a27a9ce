"""Spreads independent pieces of a benchmark over processes; the order of what comes back is that of what went in."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

_Piece = TypeVar("_Piece")
_Found = TypeVar("_Found")


def spread(work: Callable[[_Piece], _Found], pieces: Sequence[_Piece], jobs: int) -> list[_Found]:
    """``work`` of each piece; in this process with one job. Both must pickle: ``work`` is a function of a module."""
    if jobs == 1 or len(pieces) < 2:
        return [work(piece) for piece in pieces]
    with ProcessPoolExecutor(min(jobs, len(pieces)), mp_context=multiprocessing.get_context("spawn")) as pool:
        return list(pool.map(work, pieces))
