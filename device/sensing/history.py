"""A session's steps decided together: a beam of hypotheses over who moved what, each with its hand, its shelf and its probability.

A hypothesis explains every step so far. It knows what is in the hand as *lots* (so many items of a product, and what they weighed
together when they left), what was put down where, and what it could not explain. A step multiplies it by its ``explanations``.

What comes back is compared with what *it* weighed, not with its product: so two bottles of one weight that leave and come back make an
empty cart whichever they were, and a return may say what an earlier step was. A foreign thing that goes again is as if it had not come.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp

from device.domain.events import Alternative
from device.domain.identification import Candidate, Doubt, Move, Step, Story, TagCount, Told, Way
from device.sensing.explanations import StepView
from device.sensing.hypothesis import Hypothesis, Trail
from device.sensing.identify import ALTERNATIVE_MIN, ALTERNATIVES_MAX, log_sum
from device.sensing.tag_evidence import tags_log

BEAM = 64
FORGET = 18.0
"""A hypothesis 10^8 times less likely than the best is dropped, and so are all beyond the 64 likeliest."""
WAYS_MOST = 24
WAY_LEAST = 1e-4

_START = Hypothesis(0.0, (), (), (), (), None)


class JointHistory:
    """The steps of one session and their hypotheses; see ``device.domain.identification.History``."""

    def __init__(self) -> None:
        self._steps: list[tuple[Step, tuple[Candidate, ...]]] = []
        self._given: list[int] = []
        """For each step in the order of time, in which place it was added."""
        self._beams: list[tuple[Hypothesis, ...]] = [(_START,)]

    @property
    def size(self) -> int:
        return len(self._steps)

    def add(self, step: Step, candidates: Sequence[Candidate]) -> None:
        place = len(self._steps)
        while place and self._steps[place - 1][0].began_at > step.began_at:
            place -= 1
        self._steps.insert(place, (step, tuple(candidates)))
        self._given.insert(place, len(self._given))
        del self._beams[place + 1 :]
        for number in range(place, len(self._steps)):
            self._beams.append(_advance(self._beams[-1], number, self._steps))

    def story(self, tags: Sequence[TagCount] = ()) -> Story:
        weighed = _weighed(self._beams[-1], tags)
        groups: dict[tuple[tuple[str, int], ...], float] = {}
        for hypothesis, share in weighed:
            key = _cart(hypothesis)
            groups[key] = groups.get(key, 0.0) + share
        chosen = max(groups, key=lambda key: groups[key])
        best = max((each for each in weighed if _cart(each[0]) == chosen), key=lambda each: each[1])[0]
        cart = dict(chosen)
        lines = dict.fromkeys(cart, 0.0)
        for hypothesis, share in weighed:
            other = dict(_cart(hypothesis))
            for gtin in lines:
                lines[gtin] += share * (other.get(gtin, 0) == cart[gtin])
        settled = sum(share for hypothesis, share in weighed if not hypothesis.doubts and _cart(hypothesis) == chosen)
        doubts: dict[Doubt, float] = {}
        for hypothesis, share in weighed:
            for doubt in set(hypothesis.doubts):
                doubts[doubt] = doubts.get(doubt, 0.0) + share
        return Story(self._told(weighed, best), cart, lines, settled, doubts)

    def ways(self, tags: Sequence[TagCount] = ()) -> tuple[Way, ...]:
        found: dict[tuple[tuple[Move, ...], ...], float] = {}
        as_given = sorted(range(len(self._given)), key=self._given.__getitem__)
        for hypothesis, share in _weighed(self._beams[-1], tags):
            moves = _moves(hypothesis)
            given = tuple(moves[number] for number in as_given)
            found[given] = found.get(given, 0.0) + share
        ranked = sorted(found.items(), key=lambda each: -each[1])[:WAYS_MOST]
        return tuple(Way(share, moves) for moves, share in ranked if share >= WAY_LEAST)

    def _told(self, weighed: Sequence[tuple[Hypothesis, float]], best: Hypothesis) -> tuple[Told, ...]:
        """What each step was by the best hypothesis, and how sure that is by all of them."""
        votes: list[dict[tuple[Move, ...], float]] = [{} for _ in self._steps]
        for hypothesis, share in weighed:
            for number, moves in enumerate(_moves(hypothesis)):
                votes[number][moves] = votes[number].get(moves, 0.0) + share
        told: list[Told | None] = [None] * len(self._steps)
        for number, moves in enumerate(_moves(best)):
            single = [(share, other[0]) for other, share in votes[number].items() if len(other) == 1 and other != moves]
            others = sorted(single, key=lambda each: (-each[0], each[1].gtin, each[1].quantity))
            alternatives = tuple(
                Alternative(move.gtin, abs(move.quantity), share) for share, move in others[:ALTERNATIVES_MAX] if share >= ALTERNATIVE_MIN
            )
            told[self._given[number]] = Told(moves, min(1.0, votes[number][moves]), alternatives)
        return tuple(each for each in told if each is not None)


def _moves(hypothesis: Hypothesis) -> list[tuple[Move, ...]]:
    found = []
    trail = hypothesis.trail
    while trail is not None:
        found.append(trail.moves)
        trail = trail.before
    return found[::-1]


def _cart(hypothesis: Hypothesis) -> tuple[tuple[str, int], ...]:
    held: dict[str, int] = {}
    for lot in hypothesis.hand:
        if lot.gtin is not None:
            held[lot.gtin] = held.get(lot.gtin, 0) + lot.items
    return tuple(sorted(held.items()))


def _weighed(beam: Sequence[Hypothesis], tags: Sequence[TagCount]) -> list[tuple[Hypothesis, float]]:
    """The hypotheses with their probabilities, tags counted in."""
    logs = []
    for hypothesis in beam:
        held = dict(_cart(hypothesis))
        logs.append(hypothesis.log + sum(tags_log(tag, held.get(tag.gtin, 0)) for tag in tags))
    top = max(logs)
    total = sum(exp(weight - top) for weight in logs)
    return [(hypothesis, exp(weight - top) / total) for hypothesis, weight in zip(beam, logs, strict=True)]


def _advance(beam: Sequence[Hypothesis], number: int, steps: Sequence[tuple[Step, tuple[Candidate, ...]]]) -> tuple[Hypothesis, ...]:
    """The hypotheses after one more step."""
    view = StepView(number, [step for step, _ in steps], steps[number][1], [candidates for _, candidates in steps])
    merged: dict[object, Hypothesis] = {}
    for hypothesis in beam:
        for change in view.taken(hypothesis) if view.step.delta < 0 else view.came(hypothesis):
            after = Hypothesis(
                hypothesis.log + change.log,
                change.hand,
                change.placed,
                change.doubts,
                _restocked(hypothesis.stock, view.step.slot, change.moves),
                Trail(hypothesis.trail, change.moves),
            )
            key = (after.hand, after.placed, after.doubts)
            known = merged.get(key)
            if known is None:
                merged[key] = after
            else:
                better = after if after.log > known.log else known
                merged[key] = better._replace(log=log_sum(after.log, known.log))
    ranked = sorted(merged.values(), key=lambda each: -each.log)[:BEAM]
    return tuple(each for each in ranked if each.log > ranked[0].log - FORGET)


def _restocked(stock: tuple[tuple[str, str, int], ...], slot: str, moves: Sequence[Move]) -> tuple[tuple[str, str, int], ...]:
    if not moves:
        return stock
    known = {(where, gtin): count for where, gtin, count in stock}
    for move in moves:
        known[slot, move.gtin] = known.get((slot, move.gtin), 0) + move.quantity
    return tuple((where, gtin, count) for (where, gtin), count in sorted(known.items()) if count)
