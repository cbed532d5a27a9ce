"""What the store asks of the senses to calibrate a plate that has no grams yet."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class RawLevel(NamedTuple):
    """Where a plate at rest stands, in its device's own units; ``sigma`` is the noise of one sample."""

    raw: float
    sigma: float


Weigh = Callable[[str, int, float], RawLevel | None]
"""(scale, channel, uptime) → the level; None where the plate is not at rest, or has not been heard of lately."""


def nobody_weighs(scale: str, channel: int, at: float) -> RawLevel | None:
    """For a store without senses: nothing is known of any plate."""
    return None
