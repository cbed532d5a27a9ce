"""One plate: samples in, movements and steps out. The heart of the cart, and the hottest code of the program.

A plate waits for its first settled weight, then is quiet; a change makes it move; when it has settled again the difference of the
two levels is the step. Three things make that work on real load cells (figures and sources: ``docs/sensing.md``):

- *Change detection* is Page's two-sided cumulative sum (Biometrika 41, 1954) on the residual against the followed baseline, with a
  bounded contribution per sample (Huber's score; minimax robust by Unnikrishnan et al., IEEE Trans. IT 57(3), 2011). The reference value
  is half the smallest step of interest; one sample adds at most as much again, and the threshold is 2.5 of these at 10 Hz. So three
  samples in a row decide, and one or two glitches of any size never do: what a median filter is for, without its delay.
- *The baseline* follows as the running median does: by a fixed small distance toward each sample, 1.5 g a minute, so that drift and
  creep are followed, a glitch weighs no more than any sample, and a slow removal is faster than it can follow.
- *Noise* and the correlation of neighbours are measured from the differences of samples one and two apart, with a memory of about 10 s:
  residuals would not do, because a slow removal would raise the noise, and with it the threshold that is to find it.

``weigh`` is all that a quiet plate costs; what is needed less often is done every 16th sample.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from math import inf, sqrt
from typing import NamedTuple

from device.domain.facts import Fact, PlateMoving, PlateQuiet, WeightStep
from device.domain.median import median
from device.sensing.awaited import Awaited
from device.sensing.pace import Pace
from device.sensing.settle import TWO_APART, Level, inflation, steady_level
from device.sensing.settling import NOISY_S, Before, Settling
from device.sensing.trust import CONSTANT, GLITCH_SPAN_SAMPLES, GLITCHES, ChannelTrust, out_of_range, saturated

SMALLEST_STEP_G = 8.0
"""Nothing sold is lighter than 30 g; below this a change is told as a new quiet level, not as a step."""

SMALLEST_STEP_SIGMAS = 5.0
SMALLEST_STEP_ERRORS = 6.0
BASELINE_S = 5.0
REPORT_EVERY_S = 60.0
ALONE_SAMPLES = 3.5
"""A wild sample is a glitch where so many before it were not wild: a slammed door shakes a plate for many in a row."""
_LANE = 16
_FIRST_SIGMA_G = 1.0
_FIRST_RHO = 0.3

_WAITING, _YOUNG, _QUIET, _MOVING = range(4)


class Calibration(NamedTuple):
    """What turns a raw value into grams: ``(raw - zero) / per_gram``."""

    zero: float
    per_gram: float


class Plate:
    """The detector of one channel. Created ``waiting``; every method takes or gives grams but ``weigh``, which takes raw values."""

    __slots__ = (
        "_allowance",
        "_band",
        "_born",
        "_cap",
        "_capacity_g",
        "_converter",
        "_down",
        "_drift",
        "_factor",
        "_gain",
        "_glitches",
        "_lane",
        "_last",
        "_last_but_one",
        "_level",
        "_next_report",
        "_off_at",
        "_ones",
        "_pace",
        "_recent",
        "_run",
        "_samples",
        "_se",
        "_settling",
        "_since",
        "_state",
        "_twos",
        "_up",
        "_var",
        "_zero",
        "at",
        "boot",
        "channel",
        "scale",
        "trust",
    )

    def __init__(
        self,
        scale: str,
        channel: int,
        calibration: Calibration,
        capacity_g: float | None,
        converter: bool,
        pace: Pace,
        trust: ChannelTrust,
        boot: str,
        awaited: Awaited,
    ) -> None:
        self.scale = scale
        self.channel = channel
        self.boot = boot
        self.trust = trust
        self.at = float("-inf")
        self._capacity_g = capacity_g
        self._converter = converter
        self._settling = Settling(awaited)
        self._band = 0.0  # the allowance while the plate is quiet and both sums are zero, else nothing
        self._know_noise(_FIRST_SIGMA_G**2, _FIRST_RHO)
        self._level = self._last = self._last_but_one = 0.0
        self._se = 0.0
        self._samples = 0
        self._born = 0.0
        self._next_report = 0.0
        self._glitches: deque[float] = deque(maxlen=GLITCHES)
        self._off_at = -inf
        self._set_calibration(calibration)
        self.set_pace(pace)
        self.wait()

    # The quiet path: everything else is below.

    @staticmethod
    def weigh(plates: Sequence[Plate], at: float, raw: Sequence[float]) -> Sequence[tuple[Plate, list[Fact]]]:
        """Take one sample of each plate of a scale, at one time and in one order; gives the plates that have something to tell, and it.

        One call for all of them, and no other for a plate that stays within its band: a call costs a fifth of what a quiet sample does.
        """
        told: Sequence[tuple[Plate, list[Fact]]] = ()
        for plate, value in zip(plates, raw, strict=False):
            grams = (value - plate._zero) * plate._factor
            level = plate._level
            residual = grams - level
            band = plate._band
            if -band < residual < band:
                plate.at = at
                plate._level = level + plate._drift if residual > 0.0 else level - plate._drift
                last = plate._last
                one = grams - last
                two = grams - plate._last_but_one
                plate._last_but_one = last
                plate._last = grams
                one *= one
                two *= two
                cap = plate._cap
                gain = plate._gain
                ones = plate._ones
                twos = plate._twos
                plate._ones = ones + ((one if one < cap else cap) - ones) * gain  # noqa: FURB136 — a call of min costs as much as the rest
                plate._twos = twos + ((two if two < cap else cap) - twos) * gain  # noqa: FURB136
                lane = plate._lane = plate._lane - 1
                found = None if lane else plate._every_so_often(at)
            elif plate._state == _YOUNG:
                found = plate._grow_up(at, grams)
            else:
                found = plate._suspect(at, grams) if plate._state == _QUIET else plate._unquiet(at, grams)
            if found:
                told = [*told, (plate, found)]
        return told

    # What others ask.

    @property
    def moving(self) -> bool:
        """Whether something touches the plate."""
        return self._state == _MOVING

    @property
    def waiting(self) -> bool:
        """Whether the plate has no settled weight to compare with."""
        return self._state == _WAITING

    @property
    def grams(self) -> float | None:
        """The weight now: the followed baseline while quiet, the middle of the last samples while not; None before the first sample."""
        if self._state in (_QUIET, _YOUNG):
            return self._level
        return median(self._recent) if self._recent else None

    @property
    def sigma(self) -> float:
        """The noise of one sample, in grams."""
        return sqrt(self._var)

    @property
    def calibration(self) -> Calibration:
        return Calibration(self._zero, 1 / self._factor)

    # What others tell.

    def set_pace(self, pace: Pace) -> None:
        """Go by another sample rate."""
        self._pace = pace
        self._settling.forget_swing()
        self._drift = pace.drift
        self._gain = pace.gain
        self._tune()
        self._lane = _LANE

    def wait(self) -> None:
        """Forget the level: the next quiet time gives the first one again."""
        self._state = _WAITING
        self._band = 0.0
        self._settling.forget()
        self._recent: list[float] = []
        self._since = float("inf")
        self._up = self._down = 0.0
        self._run = 0

    def recalibrate(self, calibration: Calibration, at: float) -> list[Fact]:
        """Take another calibration; a quiet plate tells its level by it at once, any other one after its next quiet time."""
        quiet = self._state in (_QUIET, _YOUNG)
        raw_level = self._level / self._factor + self._zero
        scaling = abs(self._factor * calibration.per_gram)
        self._set_calibration(calibration)
        self._know_noise(self._var / scaling**2, self._rho)
        self._se /= scaling
        if not quiet or self._impossible((raw_level - self._zero) * self._factor):
            self.wait()
            return []
        self._level = self._last = self._last_but_one = (raw_level - self._zero) * self._factor
        return self._believe(at, first=True)

    def gap(self) -> None:
        """Samples are missing: those before and after do not make one window."""
        self._recent.clear()
        if self._state == _WAITING:
            self._since = float("inf")

    def distrust(self, at: float, reason: str) -> list[Fact]:
        """Stop deciding, for ``reason``."""
        self.wait()
        self._glitches.clear()
        return self.trust.lose(at, reason)

    # The rest of the machine.

    def _set_calibration(self, calibration: Calibration) -> None:
        if calibration.per_gram == 0:
            raise ValueError(f"{self.scale} channel {self.channel}: per_gram must not be 0")
        self._zero = calibration.zero
        self._factor = 1 / calibration.per_gram

    def _know_noise(self, variance: float, rho: float) -> None:
        """Take the noise from elsewhere; ``_tune`` is then at one with it."""
        self._twos = 2 * variance / TWO_APART
        self._ones = self._twos * (1 - rho)
        self._tune()

    def _tune(self) -> None:
        """Draw the conclusions from the noise as it is known by now."""
        self._var = TWO_APART * self._twos / 2
        self._allowance = max(SMALLEST_STEP_G, SMALLEST_STEP_SIGMAS * sqrt(self._var)) / 2
        self._cap = max(18 * self._var, 0.02)
        if self._band:
            self._band = self._allowance

    @property
    def _rho(self) -> float:
        """Correlation of neighbours: between what an MA(1) and what an AR(1) process would have to show these differences."""
        if not 0 < self._ones < self._twos:
            return 0.0
        ratio = self._twos / self._ones
        return min(0.8, ((1 - 1 / ratio) + (ratio - 1)) / 2)

    def _unquiet(self, at: float, grams: float) -> list[Fact] | None:
        if grams != grams:
            return None
        self.at = at
        recent = self._recent
        if self.trust.reason in CONSTANT and recent and recent[-1] == grams:
            self.gap()
        recent.append(grams)
        if len(recent) > 4 * self._pace.window and len(recent) * self._pace.seconds > NOISY_S + 0.5:
            del recent[0]
        if self._spiked():
            self._glitches.append(at)
            if self._glitching(at):
                return self.distrust(at, "glitching")
        return self._settle_first(at) if self._state == _WAITING else self._settle_again(at)

    def _grow_up(self, at: float, grams: float) -> list[Fact] | None:
        """The first seconds at a new level: its mean becomes better with each sample, then the slow following takes over."""
        residual = grams - self._level
        if not (-self._allowance < residual < self._allowance and self._up == 0.0 == self._down):
            return self._suspect(at, grams)
        self.at = at
        self._samples += 1
        self._level += residual / self._samples
        self._learn_noise(grams)
        if at - self._born >= BASELINE_S and self._samples * self._pace.seconds >= 0.5 * BASELINE_S:
            self._state = _QUIET
            self._band = self._allowance
        self._lane -= 1
        return None if self._lane > 0 else self._every_so_often(at)

    def _suspect(self, at: float, grams: float) -> list[Fact] | None:
        """A sample off the baseline, or one after such: the cumulative sums decide."""
        if grams != grams:
            return None
        self.at = at
        residual = grams - self._level
        allowance = self._allowance
        bounded = max(-2 * allowance, min(2 * allowance, residual))
        self._up = max(0.0, self._up + bounded - allowance)
        self._down = max(0.0, self._down - bounded - allowance)
        if bounded == residual:
            self._learn_noise(grams)
        if self._up == 0.0 == self._down:
            self._run = 0
            self._band = allowance if self._state == _QUIET else 0.0
            return None
        self._band = 0.0
        if self._run == 0:
            self._since = at
        self._run += 1
        self._recent.append(grams)
        del self._recent[: -4 * self._pace.window]
        if bounded != residual:
            alone, self._off_at = at - self._off_at > ALONE_SAMPLES * self._pace.seconds, at
            if alone:
                self._glitches.append(at)
            if alone and self._glitching(at):
                return self.distrust(at, "glitching")
        return self._start_moving(at) if max(self._up, self._down) > self._pace.onset * allowance else None

    def _start_moving(self, at: float) -> list[Fact]:
        self._recent = self._recent[-self._run :]
        while self._glitches and self._glitches[-1] >= self._since:
            self._glitches.pop()
        self._se = self._settled_se()
        self._state = _MOVING
        self._up = self._down = 0.0
        self._run = 0
        return [PlateMoving(self.scale, self.channel, at), *(self._settle_again(at) or [])]

    def _settle_again(self, at: float) -> list[Fact] | None:
        level = self._settling.level(self._recent, self._pace, self._before, at)
        if level is None:
            return None
        if impossible := self._impossible(level.grams):
            return self.distrust(at, impossible)
        before, before_se, began = self._level, self._se, self._since
        delta = level.grams - before
        sd = sqrt(before_se * before_se + level.se * level.se)
        told = abs(delta) >= max(SMALLEST_STEP_G, SMALLEST_STEP_ERRORS * sd)
        if told:
            self._settling.stepped(self._recent, self._pace, self._before, delta, at)
        self._adopt(level, at)
        if not told:
            return [PlateQuiet(self.scale, self.channel, at, level.grams, level.se, False)]
        name = f"{self.boot}{self.scale}.{self.channel}.{round(began * 1000)}"
        return [WeightStep(self.scale, self.channel, at, began, delta, sd, before, level.grams, name)]

    @property
    def _before(self) -> Before:
        return Before(self._level, self._se, sqrt(self._var), self._rho)

    def _settle_first(self, at: float) -> list[Fact] | None:
        if self._since > at:
            self._since = at
        wanted = self.trust.quiet_s
        count = max(8, round(wanted / self._pace.seconds))
        if at - self._since < wanted or len(self._recent) < count:
            return None
        level = steady_level(self._recent[-count:], _FIRST_RHO, 0.03 if self.trust.reason == "glitching" else 0.1)
        if level is None:
            return None
        if impossible := self._impossible(level.grams):
            return self.trust.lose(at, impossible)
        self._adopt(level, at)
        return self._believe(at, first=True)

    def _adopt(self, level: Level, at: float) -> None:
        """Stand at a new level; where the window showed far more or, at first, any other noise than known, that is the noise now."""
        variance = max(level.sigma * level.sigma, 0.01)
        if self._state == _WAITING or variance > 4 * self._var:
            self._know_noise(variance, self._rho)
        self._level = self._last = self._last_but_one = level.grams
        self._se = level.se
        self._samples = level.samples
        self._born = at
        self._state = _YOUNG
        self._recent = []
        self._up = self._down = 0.0
        self._run = 0
        self._lane = _LANE
        self._next_report = at + REPORT_EVERY_S

    def _believe(self, at: float, *, first: bool) -> list[Fact]:
        facts = self.trust.regain(at)
        if facts is None:
            return []
        return [*facts, PlateQuiet(self.scale, self.channel, at, self._level, self._se, first)]

    def _every_so_often(self, at: float) -> list[Fact] | None:
        self._lane = _LANE
        self._tune()
        if self._state == _QUIET:
            self._samples += _LANE
        if impossible := self._impossible(self._level):
            return self.distrust(at, impossible)
        if at < self._next_report or self.trust.reason is not None:
            return None
        self._next_report = at + REPORT_EVERY_S
        return [PlateQuiet(self.scale, self.channel, at, self._level, self._settled_se(), False)]

    def _settled_se(self) -> float:
        """Standard error of the baseline: of a mean over what it remembers, and never under what following costs."""
        memory = max(1, min(self._samples, round(BASELINE_S / self._pace.seconds)))
        return max(0.05, sqrt(self._var * inflation(memory, self._rho) / memory))

    def _learn_noise(self, grams: float) -> None:
        one, two = grams - self._last, grams - self._last_but_one
        self._last_but_one, self._last = self._last, grams
        one *= one
        two *= two
        cap, gain = self._cap, self._gain
        self._ones += ((one if one < cap else cap) - self._ones) * gain  # noqa: FURB136
        self._twos += ((two if two < cap else cap) - self._twos) * gain  # noqa: FURB136

    def _impossible(self, grams: float) -> str | None:
        """Why a settled weight cannot be one."""
        if self._converter and saturated(grams / self._factor + self._zero):
            return "saturated"
        return "out_of_range" if out_of_range(grams, self._capacity_g) else None

    def _spiked(self) -> bool:
        """Whether the last sample but one stood alone: far from its neighbours, which agree."""
        if len(self._recent) < 3:
            return False
        before, middle, after = self._recent[-3:]
        away = min(abs(middle - before), abs(middle - after))
        return away > max(2 * SMALLEST_STEP_G, 4 * self._allowance) and abs(after - before) < 0.1 * away

    def _glitching(self, at: float) -> bool:
        glitches = self._glitches
        return len(glitches) == GLITCHES and at - glitches[0] < GLITCH_SPAN_SAMPLES * self._pace.seconds
