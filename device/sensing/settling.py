"""When a plate that moves is believed to have settled: the questions that are put to its last samples, and how many of them must agree.

What goes, and what comes back to where the plate stood before something was taken, is believed after a few samples: hands press, they
hardly pull. Other weight that comes on may be a hand, and is believed once the odds are against one (``hand.py``).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import islice
from math import log, sqrt
from typing import NamedTuple

from device.domain.median import median
from device.sensing.awaited import Awaited
from device.sensing.hand import TREMBLES, odds, usual_odds, waves_of
from device.sensing.pace import Pace
from device.sensing.settle import Level, quick_level, rings, steady_level
from device.sensing.swing import GLITCH_SIGMAS, NOTHING, Swing, swung_level, without_glitch

LIGHTEST_ITEM_G = 25.0
"""Nothing sold is lighter than 30 g; a lighter change is looked at for longer, because a hand takes hold before it takes."""
STEADY_S = 1.5
STEADY_WEIGHT_S = 3.0
NOISY_S = 8.0
"""So long a plate whose noise is not what it was must hold its level: as a rule, when weight came on, and when it is far noisier."""
NOISIER = 3.0
NOISIER_WEIGHT = 1.5
NOISE_G = 3.0
"""What is far noisier: so many times what was known, and less when weight came on; a compressor's hum of 3 g is not."""
FAMILIAR_G = 3.0
FAMILIAR_ERRORS = 5.0
"""How near a plate must come to where it stood: what is put back stands elsewhere on it (corner load), beside the errors of both."""
STOOD = 6
"""Removals of a plate after which it is known where it stood: as many as a zone awaits back."""

ODDS = 4.5
"""Log odds from which weight is no hand: of windows under a hand at most one in 90 shows them, and a press has several."""
ODDS_AWAITED = -3.0
"""What weighs just as much as one of six things that were taken is mostly that: no more than one hand in twenty is held to press so."""
LASTS = 4.0
"""What is put down has soon settled, and a hand that goes on pressing is asked with every window: the odds that are wanted rise with the
fourth power of time, so that a long press has hardly more chances than a short one."""
LIGHT_G = 300.0
LIGHT = 3.0
"""Light touches are commoner than heavy ones: below so many grams the odds that are wanted rise with the cube of how much lighter."""
MARGIN = 2.0
"""A window that in the mean falls short of the odds by more is not asked: it would be lucky to say anything."""
LOOKS = 3
"""Windows that are asked at one time. Each further one is another chance to be mistaken."""
NEAR_G = 3.0
NEAR_SIGMAS = 2.5
"""How near its middle a swing must be: a level is not foretold from far off."""
SWINGS_SIGMAS = 200.0
"""Less than that times the noise swings too little to be told from weight that still comes on or goes; it is soon still."""
HAND_SDS = 3.5
"""Of a hand's tremor: what is further off its level is a glitch, and speaks neither for a hand nor against it."""


class Before(NamedTuple):
    """A plate as it was before it moved: grams and their standard error, the noise of a sample, the correlation of neighbours."""

    grams: float
    se: float
    sigma: float
    rho: float


class Settling:
    """What one plate has learnt for this, and the questions. ``awaited``: what was taken in its zone, from whatever plate."""

    __slots__ = ("_awaited", "_learnt", "_stood")

    def __init__(self, awaited: Awaited) -> None:
        self._awaited = awaited
        self._stood: deque[float] = deque(maxlen=STOOD)
        self._learnt = NOTHING

    def forget(self) -> None:
        """Where the plate stood before."""
        self._stood.clear()

    def forget_swing(self) -> None:
        """How the plate swings: its samples come at another rate."""
        self._learnt = NOTHING

    def stepped(self, recent: Sequence[float], pace: Pace, before: Before, delta: float, at: float) -> None:
        """Learn from a movement that was a step of ``delta`` grams: how the plate swings, what is awaited, where it stood."""
        self._awaited.step(delta, at)
        if delta < 0:
            self._stood.append(before.grams)
        for count in reversed(pace.windows):
            swung = swung_level(recent, count, pace.lag, before.sigma, before.rho) if count >= pace.swing else None
            if swung is not None:
                self._learnt = self._learnt.and_then(swung.shows)
                return

    def level(self, recent: Sequence[float], pace: Pace, before: Before, at: float) -> Level | None:
        """The level to which a plate has come that moved away from ``before``; None while it is not to be known."""
        return self._quick(recent, pace, before, at) or self._swung(recent, pace, before, at) or self._steady(recent, pace, before)

    def _quick(self, recent: Sequence[float], pace: Pace, before: Before, at: float) -> Level | None:
        """A few samples that agree; more of them where the plate rings, or where it may be a hand that holds still."""
        noise = (pace.seconds, before.sigma, before.rho, before.grams)
        level = quick_level(recent, pace.window, *noise)
        if level is None:
            return None
        change = level.grams - before.grams
        if abs(change) < LIGHTEST_ITEM_G:
            return quick_level(recent, pace.touch, *noise)
        if self._hands_do_not(level, before):
            earlier = recent[-3 * pace.window : -pace.window]
            ringing = pace.ringing > pace.window and rings(earlier, level.grams, 3 * before.sigma)
            return quick_level(recent, pace.ringing, *noise) if ringing else level
        least = self._odds_wanted(level, before, pace, at, len(recent))
        hand = (pace.seconds, change, before.sigma, before.rho, Swing())
        worth = (count for count in pace.windows if usual_odds(waves_of(count, *hand), 0) >= least - MARGIN)
        for count in islice(worth, LOOKS):
            found = quick_level(recent, count, *noise)
            if found is None:
                return None
            kept = without_glitch(recent, count, found.grams, HAND_SDS * TREMBLES * change + GLITCH_SIGMAS * before.sigma)
            if odds(waves_of(len(kept), *hand), kept, 0) >= least:
                return found
        return quick_level(recent, pace.longest, *noise)

    def _swung(self, recent: Sequence[float], pace: Pace, before: Before, at: float) -> Level | None:
        """The middle of a swing that is nearly over, where it has been free for long enough."""
        near = NEAR_G + NEAR_SIGMAS * before.sigma
        last = recent[-pace.near :]
        middle = median(last)
        if sum([abs(value - middle) > 2 * near for value in last]) > 1:
            return None
        swung = swung_level(recent, pace.swing, pace.lag, before.sigma, before.rho, self._learnt)
        if swung is None or sum([abs(value - swung.level.grams) > near for value in last]) > 1:
            return None
        change = swung.level.grams - before.grams
        if abs(change) < SWINGS_SIGMAS * before.sigma:
            return None
        if self._hands_do_not(swung.level, before):
            return swung.level
        least = self._odds_wanted(swung.level, before, pace, at, len(recent))
        hand = (pace.seconds, change, before.sigma, before.rho)
        looks = 0
        for count in pace.windows:
            rows = count - 2 * pace.lag
            if count < pace.swing or usual_odds(waves_of(rows, *hand, swung.swing), swung.fitted) < least - MARGIN:
                continue
            looks += 1
            swung = swung_level(recent, count, pace.lag, before.sigma, before.rho, self._learnt) if looks <= LOOKS else None
            if swung is None:
                return None
            if odds(waves_of(rows, *hand, swung.swing), swung.left, swung.fitted) >= least:
                return swung.level
        return None

    def _hands_do_not(self, level: Level, before: Before) -> bool:
        """Whether it is no change that a hand makes: weight has gone, or the plate is back where it stood before something was taken."""
        if level.grams < before.grams:
            return True
        reach = max(FAMILIAR_G, FAMILIAR_ERRORS * level.se)
        return any(abs(level.grams - grams) < reach for grams in self._stood)

    def _odds_wanted(self, level: Level, before: Before, pace: Pace, at: float, samples: int) -> float:
        """Of a movement that has lasted so many ``samples``."""
        change = level.grams - before.grams
        wanted = ODDS + pace.looks + LASTS * max(0.0, log(samples / pace.soon))
        if self._awaited.fits(change, sqrt(before.se * before.se + level.se * level.se), at):
            return wanted + ODDS_AWAITED
        return wanted + LIGHT * max(0.0, log(LIGHT_G / change))

    def _steady(self, recent: Sequence[float], pace: Pace, before: Before) -> Level | None:
        """The longer question, asked ten times a second: of 1.5 s at about the noise known, of 8 s at any (hands can be steady)."""
        if len(recent) * pace.seconds < STEADY_S or len(recent) % max(1, round(0.1 / pace.seconds)):
            return None
        level = steady_level(recent[-max(8, round(STEADY_S / pace.seconds)) :], before.rho)
        if level is None:
            return None
        noise, seconds = max(NOISIER * before.sigma, NOISE_G), STEADY_S
        if level.grams - before.grams > LIGHTEST_ITEM_G and not self._hands_do_not(level, before):
            noise, seconds = NOISIER_WEIGHT * before.sigma, STEADY_WEIGHT_S
        if level.sigma > noise:
            seconds = NOISY_S
        if len(recent) * pace.seconds < seconds:
            return None
        return level if seconds == STEADY_S else steady_level(recent[-round(seconds / pace.seconds) :], before.rho)
