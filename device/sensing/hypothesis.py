"""What a hypothesis about a session holds: the hand, what was put down, and how each step is explained."""

from __future__ import annotations

from typing import NamedTuple

from device.domain.identification import Doubt, Move


class Lot(NamedTuple):
    """Items of one product that moved together, and what they weighed; ``gtin`` None: something unknown. ``slot`` is where they came
    from, or for what was put down where it stands."""

    gtin: str | None
    items: int
    grams: float
    variance: float
    slot: str
    step: int
    doubt: Doubt | None = None
    """What is doubtful as long as it stays where it is."""


class Trail(NamedTuple):
    """How a hypothesis explains the steps, newest first."""

    before: Trail | None
    moves: tuple[Move, ...]


class Hypothesis(NamedTuple):
    log: float
    hand: tuple[Lot, ...]
    placed: tuple[Lot, ...]
    doubts: tuple[Doubt, ...]
    stock: tuple[tuple[str, str, int], ...]
    """What has left (positive) or come to each slot, by (slot, gtin), so far as it is not 0."""
    trail: Trail | None


class Change(NamedTuple):
    """One explanation of a step, put to one hypothesis."""

    log: float
    moves: tuple[Move, ...]
    hand: tuple[Lot, ...]
    placed: tuple[Lot, ...]
    doubts: tuple[Doubt, ...]
