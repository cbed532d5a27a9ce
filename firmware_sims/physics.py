"""What the sensors of a store feel: plates that settle, shake, creep and drift, and the air of a fridge.

Everything is a function of the time that passes and of a seed. The figures of the default ``PlateNature`` are those of a published
recording: an HX711 on a Raspberry Pi, four cells, 10 Hz (ijl20/cambridge_coffee_pot, file 2019-12-18_a): noise of 0.73 g that its filter
correlates between neighbours, 1 % glitches of mostly one sample, four in five upwards, from some grams to 22 kg, and a zero that wanders
slowly and smoothly. ``docs/fit_plate.py`` fits them and draws how well they fit.
Creep is 0.03 % of the load in 30 minutes, the usual figure of load-cell data sheets (OIML R60-1, 5.5.1 bounds it).
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

MAD_TO_SD = 1.4826
CREEP_TAU_S = 600.0
SUBSTEP_S = 0.01
INSTANT_S = 1e-9
"""Less than this is what rounding leaves of a time that has passed."""
GRAVITY_OF_HABIT = 0.35
"""How hard things are put down, as a part of their weight."""


@dataclass(frozen=True, slots=True)
class PlateNature:
    """How one plate behaves. Weights in grams."""

    noise_mad_g: float = 0.49
    noise_memory: float = 0.58
    """How much of one sample's noise goes into the next as well: a correlation of 0.43 between neighbours, none between others."""
    glitch_rate: float = 0.0100
    glitch_median_g: float = 770.0
    glitch_log_sd: float = 2.3
    glitch_least_g: float = 6.0
    glitch_most_g: float = 22_000.0
    glitch_upwards: float = 0.8
    natural_hz: float = 5.0
    damping: float = 0.4
    creep: float = 0.0003
    drift_sd_g: float = 2.5
    drift_tau_s: float = 3600.0
    drift_lag_s: float = 600.0
    """The zero follows what it wanders to with this lag: over a minute it drifts evenly."""


QUIET = PlateNature(noise_mad_g=0.0, glitch_rate=0.0, creep=0.0, drift_sd_g=0.0)
"""A plate of a text book, for tests of other things."""


TREMOR = 0.03
"""Standard deviation of a held force as a share of it: a few per cent (Jones, Hamilton and Wolpert, J. Neurophysiol. 88, 2002)."""
TREMOR_SLICE_S = 0.03
TREMOR_SLICES_MOST = 200


@dataclass(slots=True)
class _Push:
    """A force for a time: a hand that leans, a ramp by which a weight leaves, the knock of a bottle put down."""

    grams: float
    delay_s: float
    left_s: float
    ramp_s: float = 0.0

    def now_g(self) -> float:
        if self.delay_s > INSTANT_S:
            return self.grams if self.ramp_s else 0.0
        return self.grams * self.left_s / self.ramp_s if self.ramp_s else self.grams


class Plate:
    """One plate on its cell. ``grams`` is the truth; ``sample`` is what the cell converts."""

    def __init__(self, seed: int | str, nature: PlateNature = PlateNature()) -> None:
        self.nature = nature
        self.grams = 0.0
        self.bias_g = 0.0
        """A wrong value: added to every sample."""
        self.hum_g = 0.0
        """Standard deviation of what a running compressor adds."""
        self.fault_noise_g = 0.0
        """Standard deviation of what a bad cable adds."""
        self.stuck = False
        """The cell gives its last sample for ever."""
        self._random = random.Random(f"plate {seed}")
        self._at_g = 0.0
        self._speed = 0.0
        self._creep_g = 0.0
        self._drift_g = self._drift_aim_g = self._random.gauss(0, nature.drift_sd_g)
        self._fresh = 0.0
        self._shake_g = 0.0
        self._pushes: list[_Push] = []
        self.glitched = False
        """Whether the last sample was a glitch."""
        self._last_g = 0.0
        self._still_s = 0.0

    def rest(self, grams: float) -> None:
        """Have this weight on the plate since for ever."""
        self.grams = self._at_g = grams
        self._creep_g = self.nature.creep * grams
        self._speed = 0.0
        self._pushes.clear()

    def take(self, grams: float) -> None:
        """A hand lifts this weight off: it takes hold, with some pressure, then the weight leaves within a quarter of a second."""
        press_s = self._random.uniform(0.05, 0.2)
        self._pushes.append(_Push(self._random.uniform(-0.05, 0.25) * grams, 0.0, press_s))
        self.grams -= grams
        self._pushes.append(_Push(grams, press_s, *[self._random.uniform(0.12, 0.3)] * 2))

    def put(self, grams: float) -> None:
        """A hand puts this weight down: it comes on within a quarter of a second and knocks."""
        ramp_s = self._random.uniform(0.05, 0.25)
        self.grams += grams
        self._pushes.append(_Push(-grams, 0.0, ramp_s, ramp_s))
        knock_g = self._random.uniform(0.05, GRAVITY_OF_HABIT) * grams
        self._pushes.append(_Push(knock_g, ramp_s, self._random.uniform(0.03, 0.1)))

    def lean(self, grams: float, seconds: float) -> None:
        """A hand or an elbow presses for a time, and never evenly: a muscle's force wanders in proportion to itself."""
        self._pushes.append(_Push(grams, 0.0, seconds))
        halves = self._random.uniform(-0.1, 0.1) * grams
        self._pushes.append(_Push(halves, seconds * 0.3, seconds * 0.4))
        slice_s = max(TREMOR_SLICE_S, seconds / TREMOR_SLICES_MOST)
        for number in range(int(seconds / slice_s)):
            self._pushes.append(_Push(self._random.gauss(0, TREMOR) * grams, number * slice_s, slice_s))

    def shake(self, grams: float) -> None:
        """A slammed door, a footstep: an oscillation of about this size that dies away in half a second."""
        self._shake_g = math.hypot(self._shake_g, grams)

    @property
    def path_g(self) -> float:
        """What the plate itself does, without creep, drift, noise and glitches: where it is on its way to ``grams``."""
        return self._at_g

    @property
    def pushed(self) -> bool:
        """Whether a hand, a knock or weight that comes or goes is at work on it."""
        return bool(self._pushes)

    def sample(self, dt: float) -> float:
        """``dt`` later: grams as the cell converts them."""
        self._move(dt)
        self._age(dt)
        sd_g = math.hypot(self.nature.noise_mad_g * MAD_TO_SD, self._shake_g, self.hum_g, self.fault_noise_g)
        noise_g = self._noise(sd_g) if sd_g else 0.0
        if not self.stuck:
            self._last_g = self._at_g + self._creep_g + self._drift_g + self.bias_g + noise_g + self._glitch()
        return self._last_g

    def _noise(self, sd_g: float) -> float:
        """A moving average of two: what a converter's filter makes of white noise."""
        memory = self.nature.noise_memory
        before, self._fresh = self._fresh, self._random.gauss(0, 1)
        return sd_g * (self._fresh + memory * before) / math.sqrt(1 + memory * memory)

    def _glitch(self) -> float:
        """Mostly nothing; rarely, and never twice running, something far off for one sample."""
        if self.glitched or self._random.random() >= self.nature.glitch_rate:
            self.glitched = False
            return 0.0
        self.glitched = True
        nature = self.nature
        size_g = nature.glitch_median_g * math.exp(self._random.gauss(0, nature.glitch_log_sd))
        upwards = self._random.random() < nature.glitch_upwards
        return math.copysign(min(max(size_g, nature.glitch_least_g), nature.glitch_most_g), 1.0 if upwards else -1.0)

    def _age(self, dt: float) -> None:
        nature = self.nature
        self._shake_g *= math.exp(-dt / 0.15)
        if self._shake_g < 0.01:
            self._shake_g = 0.0
        self._still_s += dt
        if self._still_s < 1.0:
            return
        self._creep_g += (nature.creep * self.grams - self._creep_g) * -math.expm1(-self._still_s / CREEP_TAU_S)
        if nature.drift_sd_g:
            kept = math.exp(-self._still_s / nature.drift_tau_s)
            self._drift_aim_g = kept * self._drift_aim_g + self._random.gauss(0, nature.drift_sd_g * math.sqrt(1 - kept * kept))
            self._drift_g += (self._drift_aim_g - self._drift_g) * -math.expm1(-self._still_s / nature.drift_lag_s)
        self._still_s = 0.0

    def _move(self, dt: float) -> None:
        """A damped second-order response, exact for a force that is constant over a substep."""
        if not self._pushes and abs(self._at_g - self.grams) < 1e-3 and abs(self._speed) < 1e-2:
            self._at_g = self.grams
            self._speed = 0.0
            return
        steps = max(1, math.ceil(dt / SUBSTEP_S - 1e-9))
        step_s = dt / steps
        omega = 2 * math.pi * self.nature.natural_hz
        ratio = self.nature.damping / math.sqrt(1 - self.nature.damping**2)
        turn = omega * math.sqrt(1 - self.nature.damping**2)
        decay = math.exp(-self.nature.damping * omega * step_s)
        sine, cosine = math.sin(turn * step_s), math.cos(turn * step_s)
        for _ in range(steps):
            aim_g = self.grams + sum([push.now_g() for push in self._pushes])
            error_g = self._at_g - aim_g
            new_error_g = decay * ((cosine + ratio * sine) * error_g + sine / turn * self._speed)
            self._speed = decay * ((cosine - ratio * sine) * self._speed - (1 + ratio * ratio) * turn * sine * error_g)
            self._at_g = aim_g + new_error_g
            self._pass(step_s)

    def _pass(self, step_s: float) -> None:
        for push in self._pushes:
            if push.delay_s > INSTANT_S:
                push.delay_s -= step_s
            else:
                push.left_s -= step_s
        self._pushes = [push for push in self._pushes if push.left_s > INSTANT_S]


class Fridge:
    """The air of a cabinet: it leaks, it warms while the door is open, its contents hold it, and a compressor cycles."""

    LEAK_TAU_S = 3 * 3600.0
    DOOR_TAU_S = 240.0
    CONTENTS_TAU_S = 1200.0
    CONTENTS_SHARE = 0.04
    COOLING_PER_S = 0.012

    def __init__(self, *, set_celsius: float = 8.0, swing_celsius: float = 1.0, ambient_celsius: float = 24.0) -> None:
        self.celsius = set_celsius
        self.contents_celsius = set_celsius
        self.ambient_celsius = ambient_celsius
        self.broken = False
        """The compressor does not start any more."""
        self.running = False
        self._set_celsius = set_celsius
        self._swing_celsius = swing_celsius
        self._held: tuple[float, float] | None = None

    def become(self, celsius: float) -> None:
        """Air and contents are at this temperature now."""
        self.celsius = self.contents_celsius = celsius

    def hold(self, celsius: float, seconds: float) -> None:
        """Be at this temperature for a time, whatever the compressor does."""
        self.become(celsius)
        self._held = celsius, seconds

    def tick(self, dt: float, door_open: bool) -> None:
        """``dt`` seconds pass; at most a few seconds at a time."""
        if self._held is not None:
            celsius, left_s = self._held
            self._held = (celsius, left_s - dt) if left_s > dt else None
            return
        if self.celsius > self._set_celsius + self._swing_celsius:
            self.running = not self.broken
        elif self.celsius < self._set_celsius - self._swing_celsius or self.broken:
            self.running = False
        to_ambient = self.ambient_celsius - self.celsius
        to_contents = self.contents_celsius - self.celsius
        flow = to_ambient / self.LEAK_TAU_S + to_contents / self.CONTENTS_TAU_S - self.COOLING_PER_S * self.running
        if door_open:
            flow += to_ambient / self.DOOR_TAU_S
        self.celsius += flow * dt
        self.contents_celsius -= self.CONTENTS_SHARE * to_contents / self.CONTENTS_TAU_S * dt
