"""What one step may have been, put to one hypothesis: each explanation with its prior and likelihood.

    something left    items of a candidate · two products at once · what was put there before · one taken and another put back at once ·
                      the rest of an item that went in two parts · a change too small for an item ·
                      nothing known (an unknown lot in the hand)
    something came    a lot or a part of it · two lots at once · a swap · a bottle emptier than it went · a product that was never taken ·
                      a foreign thing put down · a change too small for an item

The likelihoods are those of ``identify``; the derivation, and the reason for each prior, is in ``docs/identification.md``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from math import log, sqrt

from device.domain.identification import Candidate, Doubt, Move, Step
from device.sensing.hypothesis import Change, Hypothesis, Lot
from device.sensing.identify import (
    MORE,
    item_variance,
    none_log,
    plate_variance,
    quantities,
    reach,
    shares,
    weight_log,
)

PAIR_PRIOR = 0.02
"""Two products of one slot leave it in one movement: two hands."""
PAIR_MOST = 8
SWAP_PRIOR = 0.005
"""One thing is taken and another put down on the same plate before it has settled."""
STRADDLE_PRIOR = 0.02
STRADDLE_S = 2.0
"""An item stood on, or was pushed across, two plates, or left one in two movements: two steps of one reach, or (where sensing does not
say) that began within this time."""
EMPTY_PRIOR = 0.005
"""More leaves than the books have: they can be wrong, but seldom are."""
STRAYED_PRIOR = 0.0001
"""The same of what does not belong there, of which there are books only because it may have been put there."""
PLACED_PRIOR = 0.5
"""What somebody put down where it does not belong is taken up again."""
HOME_PRIOR = 0.95
AWAY_PRIOR = 0.05
"""Something in the hand that is put down where it does not belong: most people put a bottle back where they found it."""
RETURN_PAIR_PRIOR = 0.05
STRANGER_PRIOR = 0.0001
"""A product of the slot that comes without having been taken: brought along, put down to deceive, or an earlier step misread."""
EMPTIED_PRIOR = 0.005
EMPTIED_LEAST = 0.15
"""A bottle that was opened and put back: anything from an empty one upwards, and by its own weight clearly not what it was."""
EMPTIED_SDS = 4.0
SHIFT_TIMES = 90.0
SHIFT_SHARE = 0.3
SHIFT_MOST_G = 30.0
"""A change of less than this share of the lightest item around, and of this many grams, is nothing that is sold: things were moved about
(corner load), a hand lay on the edge. It takes the place of "none of these", is likelier than that by ``SHIFT_TIMES``, and is no doubt by
itself: the store watches the sum of them."""


class StepView:
    """One step: what it may have been. What does not depend on the hypothesis is worked out once.

    ``stood`` are the candidates of each step so far: an item that stood across two plates belongs to the slot of either.
    """

    def __init__(self, number: int, steps: Sequence[Step], candidates: Sequence[Candidate], stood: Sequence[Sequence[Candidate]]) -> None:
        self.number = number
        self.step = steps[number]
        self.grams = abs(self.step.delta)
        self.error = plate_variance(self.grams, self.step.sd)
        self.candidates = [candidate for candidate in candidates if candidate.grams > 0 and candidate.prior > 0]
        self.scale = shares(self.candidates)
        self.none = none_log(self.grams)
        self.own = {candidate.gtin for candidate in self.candidates if candidate.belongs == "own"}
        mine = [candidate for candidate in self.candidates if candidate.belongs != "stranger"]
        self.counted = mine if all(candidate.counts is not None for candidate in mine) else []
        self.shift = self._shift()
        self._left = list(self._leaving()) if self.step.delta < 0 else []
        self._reach = {place: self._across(stood[place]) for place in range(number) if self._one_reach(steps[place])}

    def _one_reach(self, other: Step) -> bool:
        """Whether another step belongs to the same reach: sensing says so, or where it says nothing the time does."""
        if self.step.gesture and other.gesture:
            return self.step.gesture == other.gesture
        return self.step.began_at - other.began_at <= STRADDLE_S

    def _across(self, others: Sequence[Candidate]) -> list[Candidate]:
        """What may have stood on this plate and another one: what belongs to either, and, hardly, strangers."""
        near = {each.gtin: each for each in (*others, *self.candidates) if each.grams > 0 and each.prior > 0 and each.belongs != "stranger"}
        return [*near.values(), *(each for each in self.candidates if each.gtin not in near)]

    # Something left.

    def taken(self, now: Hypothesis) -> Iterator[Change]:
        """What may have left the slot."""
        for weight, lots, strange in self._left:
            short = self._short(now, lots)
            moves = tuple(Move(lot.gtin or "", lot.items) for lot in lots)
            doubts: tuple[Doubt, ...] = now.doubts if not strange else (*now.doubts, "misplaced")
            yield Change(weight + short, moves, now.hand + lots, now.placed, doubts)
        yield from self._taken_up(now)
        yield from self._swaps(now)
        yield from self._straddled(now)
        if self.shift is not None:
            yield Change(self.shift, (), now.hand, now.placed, now.doubts)
            return
        unknown = Lot(None, 1, self.grams, self.error, self.step.slot, self.number)
        yield Change(self.none, (), (*now.hand, unknown), now.placed, (*now.doubts, "unexplained_step"))

    def _leaving(self) -> Iterator[tuple[float, tuple[Lot, ...], bool]]:
        """Items of one candidate, or of two, with their log weights, and whether they are strangers to the slot."""
        for candidate in self.candidates:
            for quantity, weight in quantities(self.grams, self.step.sd, candidate):
                yield weight - self.scale, (self._lot(candidate, quantity),), candidate.belongs == "stranger"
        near = [candidate for candidate in self.candidates if candidate.belongs != "stranger" and candidate.grams < self.grams]
        if len(near) > PAIR_MOST:
            return
        for one, other in combinations(near, 2):
            for first, second in ((1, 1), (1, 2), (2, 1)):
                spread = item_variance(one, first) + item_variance(other, second)
                away = self.grams - first * one.grams - second * other.grams
                if abs(away) <= reach(self.error + spread):
                    prior = log(PAIR_PRIOR * one.prior * other.prior) - self.scale + (first + second - 2) * log(MORE)
                    yield prior + weight_log(away, self.error + spread), self._two(one, first, other, second, away, spread), False

    def _two(self, one: Candidate, first: int, other: Candidate, second: int, away: float, spread: float) -> tuple[Lot, ...]:
        """Two lots that were weighed together: what is too much or too little is shared out by their spreads."""
        share = item_variance(one, first) / spread if spread else 0.5
        variance = spread * share * (1 - share) + self.error
        return (
            Lot(one.gtin, first, first * one.grams + share * away, variance, self.step.slot, self.number),
            Lot(other.gtin, second, second * other.grams + (1 - share) * away, variance, self.step.slot, self.number),
        )

    def _lot(self, candidate: Candidate, quantity: int) -> Lot:
        """So many items, weighed: the product's weight and the plate's, each for what it is worth."""
        before = item_variance(candidate, quantity)
        trust = before / (before + self.error)
        mean = quantity * candidate.grams
        grams = mean + trust * (self.grams - mean)
        return Lot(candidate.gtin, quantity, grams, trust * self.error, self.step.slot, self.number)

    def _short(self, now: Hypothesis, lots: Sequence[Lot]) -> float:
        """What the books say: of what there is more of more is taken, and more than there is hardly."""
        return sum(self._short_of(now, lot) for lot in lots)

    def _short_of(self, now: Hypothesis, lot: Lot) -> float:
        known = next((each for each in self.candidates if each.gtin == lot.gtin), None)
        if known is None or known.counts is None:
            return 0.0
        gone = _gone(now, self.step.slot, known.gtin)
        there = sum(share for count, share in known.counts if count - gone >= lot.items)
        least = EMPTY_PRIOR if known.belongs == "own" else STRAYED_PRIOR
        if self.counted and there > least:
            standing = sum(_expected(each, _gone(now, self.step.slot, each.gtin)) for each in self.counted)
            there *= _expected(known, gone) / standing * len(self.counted)
        return log(max(least, there))

    def _taken_up(self, now: Hypothesis) -> Iterator[Change]:
        """What was put down here in this session, and does not belong here, goes again."""
        for place, lot in enumerate(now.placed):
            if lot.slot != self.step.slot:
                continue
            variance = lot.variance + self.error
            away = self.grams - lot.grams
            if abs(away) > reach(variance):
                continue
            placed = now.placed[:place] + now.placed[place + 1 :]
            weight = log(PLACED_PRIOR) + weight_log(away, variance)
            if lot.gtin is None:
                yield Change(weight, (), now.hand, placed, _without(now.doubts, lot.doubt or "unexplained_step"))
            else:
                taken = lot._replace(step=self.number)
                yield Change(weight, (Move(lot.gtin, lot.items),), (*now.hand, taken), placed, now.doubts)

    # Something came.

    def came(self, now: Hypothesis) -> Iterator[Change]:
        """What may have come to the slot."""
        yield from self._returns(now)
        yield from self._swaps(now)
        yield from self._emptied(now)
        yield from self._never_taken(now)
        yield from self._straddled(now)
        if self.shift is not None:
            yield Change(self.shift, (), now.hand, now.placed, now.doubts)
            return
        foreign = Lot(None, 1, self.grams, self.error, self.step.slot, self.number)
        yield Change(self.none, (), now.hand, (*now.placed, foreign), (*now.doubts, "unexplained_step"))

    def _returns(self, now: Hypothesis) -> Iterator[Change]:
        held = len(now.hand)
        parts = [(place, part, rest) for place, lot in enumerate(now.hand) for part, rest in self._parts(lot)]
        for place, part, rest in parts:
            change = self._put(now, ((place, part, rest),))
            if change is not None:
                yield change._replace(log=change.log - log(held))
        whole = [(place, lot, None) for place, lot in enumerate(now.hand)]
        for one, other in combinations(whole, 2):
            change = self._put(now, (one, other))
            if change is not None:
                yield change._replace(log=change.log + log(RETURN_PAIR_PRIOR) - log(held * (held - 1) / 2))

    def _parts(self, lot: Lot) -> Iterator[tuple[Lot, Lot | None]]:
        """All of a lot, or some of its items, with what stays in the hand."""
        yield lot, None
        spread = self._spread(lot)
        for count in range(1, lot.items):
            share = count / lot.items
            variance = count * (lot.items - count) / lot.items * spread + share * share * lot.variance
            if abs(self.grams - share * lot.grams) > reach(variance + self.error):
                continue
            part = lot._replace(items=count, grams=share * lot.grams, variance=variance)
            yield part, lot._replace(items=lot.items - count, grams=lot.grams - self.grams, variance=lot.variance + self.error)

    def _spread(self, lot: Lot) -> float:
        """Variance of one item of a lot: the product's, where it is known here, else 1 % of its weight."""
        known = next((each.grams_sd for each in self.candidates if each.gtin == lot.gtin), 0.01 * lot.grams / lot.items)
        return known * known

    def _put(self, now: Hypothesis, parts: Sequence[tuple[int, Lot, Lot | None]]) -> Change | None:
        """These lots come to this slot."""
        total = sum(part.grams for _, part, _ in parts)
        variance = sum(part.variance for _, part, _ in parts) + self.error
        away = self.grams - total
        if abs(away) > reach(variance):
            return None
        weight = weight_log(away, variance)
        hand = list(now.hand)
        placed = now.placed
        moves: dict[str, int] = {}
        doubts = now.doubts
        for place, part, rest in sorted(parts, key=lambda each: -each[0]):
            weight += log(HOME_PRIOR if part.slot == self.step.slot or part.gtin in self.own else AWAY_PRIOR)
            hand[place : place + 1] = [] if rest is None else [rest]
            if part.gtin is None:
                doubts = _without(doubts, "unexplained_step")
            else:
                moves[part.gtin] = moves.get(part.gtin, 0) - part.items
                if part.gtin not in self.own:
                    grams = part.grams + away * part.variance / variance
                    placed = (*placed, part._replace(slot=self.step.slot, grams=grams, step=self.number))
        return Change(weight, tuple(Move(gtin, count) for gtin, count in moves.items()), tuple(hand), placed, doubts)

    def _swaps(self, now: Hypothesis) -> Iterator[Change]:
        """One of the hand comes, and one of the slot goes, before the plate has settled."""
        for place, lot in enumerate(now.hand):
            if lot.gtin is None:
                continue
            for candidate in self.candidates:
                if candidate.belongs == "stranger":
                    continue
                spread = item_variance(candidate, 1)
                away = self.step.delta - (lot.grams - candidate.grams)
                variance = spread + lot.variance + self.error
                if candidate.gtin == lot.gtin or abs(away) > reach(variance):
                    continue
                home = log(HOME_PRIOR if lot.gtin in self.own else AWAY_PRIOR)
                weight = log(SWAP_PRIOR * candidate.prior / len(now.hand)) - self.scale + home + weight_log(away, variance)
                taken = Lot(
                    candidate.gtin, 1, candidate.grams - away * spread / variance, spread / 2 + self.error, self.step.slot, self.number
                )
                hand = (*now.hand[:place], *now.hand[place + 1 :], taken)
                placed = now.placed if lot.gtin in self.own else (*now.placed, lot._replace(slot=self.step.slot, step=self.number))
                yield Change(weight, (Move(candidate.gtin, 1), Move(lot.gtin, -lot.items)), hand, placed, now.doubts)

    def _emptied(self, now: Hypothesis) -> Iterator[Change]:
        """A bottle of the hand comes back, and some of it is missing: nothing is credited."""
        for lot in now.hand:
            if lot.gtin is None or lot.items > 1:
                continue
            clearly = EMPTIED_SDS * sqrt(lot.variance + self.error)
            if EMPTIED_LEAST * lot.grams < self.grams < lot.grams - clearly or lot.grams + clearly < self.grams < 1.5 * lot.grams:
                home = HOME_PRIOR if lot.slot == self.step.slot or lot.gtin in self.own else AWAY_PRIOR
                weight = log(EMPTIED_PRIOR * home / len(now.hand)) - log((1.5 - EMPTIED_LEAST) * lot.grams)
                placed = (*now.placed, Lot(None, 1, self.grams, self.error, self.step.slot, self.number, "swap_suspected"))
                yield Change(weight, (), now.hand, placed, (*now.doubts, "swap_suspected"))

    def _never_taken(self, now: Hypothesis) -> Iterator[Change]:
        """It weighs like a product of the slot, and nobody has taken one."""
        for candidate in self.candidates:
            if candidate.belongs != "own":
                continue
            for quantity, weight in quantities(self.grams, self.step.sd, candidate):
                foreign = log(STRANGER_PRIOR) + weight - self.scale + (quantity - 1) * log(MORE)
                yield Change(foreign, (), now.hand, now.placed, (*now.doubts, "swap_suspected"))

    # Both.

    def _straddled(self, now: Hypothesis) -> Iterator[Change]:
        """The second half of an item that two plates carried, or one plate in two movements (a hand that rested between)."""
        if not self._reach:
            return
        if self.step.delta > 0:
            for place, half in enumerate(now.placed):
                if half.gtin is None and half.step in self._reach:
                    whole = now._replace(
                        placed=now.placed[:place] + now.placed[place + 1 :], doubts=_without(now.doubts, "unexplained_step")
                    )
                    yield from self._put_whole(whole, half)
            return
        for place, half in enumerate(now.hand):
            if half.gtin is not None or half.step not in self._reach:
                continue
            either = self._reach[half.step]
            scale = shares(either)
            for candidate in either:
                spread = item_variance(candidate, 1)
                variance = spread + half.variance + self.error
                away = half.grams + self.grams - candidate.grams
                if abs(away) <= reach(variance):
                    weight = log(STRADDLE_PRIOR * candidate.prior) - scale + weight_log(away, variance)
                    lot = Lot(
                        candidate.gtin, 1, candidate.grams + away * spread / variance, spread / 2 + self.error, self.step.slot, self.number
                    )
                    hand = (*now.hand[:place], *now.hand[place + 1 :], lot)
                    yield Change(weight, (Move(candidate.gtin, 1),), hand, now.placed, _without(now.doubts, "unexplained_step"))

    def _put_whole(self, now: Hypothesis, half: Lot) -> Iterator[Change]:
        for place, lot in enumerate(now.hand):
            if lot.gtin is None:
                continue
            variance = lot.variance + half.variance + self.error
            away = half.grams + self.grams - lot.grams
            if abs(away) <= reach(variance):
                weight = log(STRADDLE_PRIOR / len(now.hand)) + weight_log(away, variance)
                hand = now.hand[:place] + now.hand[place + 1 :]
                yield Change(weight, (Move(lot.gtin, -lot.items),), hand, now.placed, now.doubts)

    def _shift(self) -> float | None:
        lightest = min((candidate.grams for candidate in self.candidates), default=0.0)
        return None if self.grams > min(SHIFT_MOST_G, SHIFT_SHARE * lightest) else self.none + log(SHIFT_TIMES)


def _gone(now: Hypothesis, slot: str, gtin: str) -> int:
    """How many of a product have left a slot, by this hypothesis."""
    return next((count for where, what, count in now.stock if where == slot and what == gtin), 0)


def _expected(candidate: Candidate, gone: int) -> float:
    """How many are left on average, which is never less than none."""
    return sum(share * max(0, count - gone) for count, share in candidate.counts or ())


def _without(doubts: tuple[Doubt, ...], doubt: Doubt) -> tuple[Doubt, ...]:
    """One doubt of a kind less."""
    if doubt not in doubts:
        return doubts
    place = doubts.index(doubt)
    return doubts[:place] + doubts[place + 1 :]
