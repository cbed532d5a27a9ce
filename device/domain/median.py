"""The median, as ``statistics`` has it: that module brings three others with it, and samples need no exact fractions."""

from __future__ import annotations

from collections.abc import Iterable


def median(values: Iterable[float]) -> float:
    """The middle value, or the mean of the two in the middle. Raises ValueError where there is none."""
    ranked = sorted(values)
    if not ranked:
        raise ValueError("the median of nothing")
    half = len(ranked) // 2
    return ranked[half] if len(ranked) % 2 else (ranked[half - 1] + ranked[half]) / 2
