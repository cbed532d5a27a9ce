"""The ledger of weights: what each plate should weigh by all that was told of it, and what to think when it does not.

``books`` is a slot's weight when it was last put right, plus every step since. What the plate weighs beyond that came or went in changes
too small to be steps: drift and creep, which are slow and bounded, or a hand that takes a little at a time.

- While a session runs nothing is forgiven: a plate that ends further from its books than ``stock.astray`` and the errors of its steps
  makes the session need review.
- Otherwise the books follow, at most ``FOLLOW_G_PER_S`` (the recorded load cell drifts by 2.5 g an hour, item by item less). What is faster
  parts from the books, and at the limit it is an unexplained removal (or addition), told with ``slow``.
- What the books have followed is added up (``followed``). Past ``FOLLOWED_MOST_G``, or half the lightest item of the slot where that is
  more, it is no drift either: a theft slower than drift is found by its sum. The sum begins anew when the plate is known anew (a start, a
  calibration, trust regained).
"""

from __future__ import annotations

from math import sqrt

from device.store.goods import basket, stock
from device.store.memory.notes import PlateWeight
from device.store.turn import Turn

STEP_G = 3.0
"""What each step of a session may add to the difference (with their root)."""
FOLLOW_G_PER_S = 4.0 / 3600
FOLLOWED_MOST_G = 60.0
NOTE_G = 2.0
"""A quiet plate's weight is journalled again when it has drifted this far."""


def known(turn: Turn, slot: str, grams: float) -> None:
    """A plate is known for the first time (again): books and plate are at one."""
    turn.note(PlateWeight(slot, round(grams, 2)))


def stepped(turn: Turn, slot: str, delta: float, after: float) -> None:
    """A step is in the books at once, whatever it was."""
    state = turn.slot(slot)
    books = after if state.books is None else state.books + delta
    turn.note(PlateWeight(slot, round(after, 2), round(books, 2), state.followed))


def quiet(turn: Turn, slot: str, grams: float, sd: float, *, watched: bool) -> None:
    """A plate rests; ``watched``: nobody has a right to be at it."""
    state = turn.slot(slot)
    if state.grams is None or state.books is None:
        known(turn, slot, grams)
        return
    if watched:
        away = grams - state.books
        if abs(away) > stock.astray(state.books):
            _missed(turn, slot, away, sd, grams)
            return
    if abs(grams - state.grams) > NOTE_G or (watched and abs(grams - state.books) > NOTE_G):
        _follow(turn, slot, grams, FOLLOW_G_PER_S * (turn.moment.uptime - state.books_at) if watched else 0.0, sd)


def opened(turn: Turn, slot: str) -> None:
    """A session begins: what was away until now is not its doing."""
    state = turn.slot(slot)
    grams = turn.live.grams.get(slot)
    if grams is not None and state.books is not None and slot in turn.live.based and abs(grams - state.books) > NOTE_G:
        _follow(turn, slot, grams, abs(grams - state.books), 1.0)


def closed(turn: Turn, slot: str, steps: int) -> bool:
    """A session ends: whether a plate is further from its books than its ``steps`` account for. The books, and the count, are put right."""
    state = turn.slot(slot)
    grams = turn.live.grams.get(slot)
    if grams is None or state.books is None or slot not in turn.live.based:
        return False
    away = grams - state.books
    if abs(away) > NOTE_G:
        turn.note(PlateWeight(slot, round(grams, 2), None, state.followed))
    if steps:
        stock.reconcile(turn, slot)
    return abs(away) > stock.astray(state.books) + STEP_G * sqrt(steps)


def _follow(turn: Turn, slot: str, grams: float, most: float, sd: float) -> None:
    """Let the books follow by at most so many grams, and add it up."""
    state = turn.slot(slot)
    books = state.books if state.books is not None else grams
    part = max(-most, min(most, grams - books))
    followed = state.followed + part
    lightest = min((turn.plan.products[gtin].grams for gtin in turn.plan.slots[slot].products if gtin in turn.plan.products), default=0.0)
    if abs(followed) > max(FOLLOWED_MOST_G, 0.5 * lightest):
        _missed(turn, slot, followed, sd, grams)
    else:
        turn.note(PlateWeight(slot, round(grams, 2), round(books + part, 2), round(followed, 3)))


def _missed(turn: Turn, slot: str, away: float, sd: float, grams: float) -> None:
    turn.note(PlateWeight(slot, round(grams, 2)))
    basket.unexplained(turn, slot, away, max(sd, 1.0), None, slow=True)
