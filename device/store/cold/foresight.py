"""Where a temperature is going, and how hard the compressor works: both from the temperature alone.

**The trend.** Twenty minutes of rise with the door shut are cut into thirds; m1, m2, m3 are their means. Where both differences are
positive, what is still to come is foretold as of a body that takes the temperature of its surroundings (Newton's law of cooling): the
differences shrink by q = (m3 - m2) / (m2 - m1) each third, so the limit is never reached where m3 + (m3 - m2) q / (1 - q) is under it, and
in a number of thirds that a logarithm gives where it is over. Where they do not shrink, the last one goes on. Two hours are looked at in
the same way: goods hold the air of a full cabinet, and it warms by tenths of a degree an hour. A compressor's ordinary rise must not be
foretold to go on for ever: the temperature has to have risen above the peaks of its own wave first, or, while no peak is known, into the
upper quarter between the limits.

**The duty.** A thermostat makes a wave: the temperature falls while the compressor runs and rises while it rests. Turning points are found
with a hysteresis of 0.3 °C; the share of the falling time in the last three whole waves, peak to peak, is the duty; a fall that has gone on
for longer than any of them is one more. Waves in which the door was open do not count.
"""

from __future__ import annotations

from collections import deque
from math import log

from device.domain.record import record

WINDOWS_S = (1200.0, 7200.0)
STEPS = 40
LEAST_RISE_CELSIUS = 0.05
SHRINKING = 0.98
"""Differences that shrink by less than this are taken for a straight line: the noise of the means does not tell more."""
TURN_CELSIUS = 0.3
WAVES = 12
WAVES_FOR_S = 12 * 3600.0
LEAST_WAVES = 3
LEAST_S = 1800.0


class Trend:
    """The means of the last ``window_s``, in forty steps. ``forget`` what was before a disturbance."""

    def __init__(self, window_s: float) -> None:
        self._third_s, self._step_s = window_s / 3, window_s / STEPS
        self._means: deque[tuple[float, float, int]] = deque(maxlen=STEPS)

    def take(self, at: float, celsius: float) -> None:
        """A temperature with the door shut."""
        if self._means and at - self._means[-1][0] < self._step_s:
            began, mean, samples = self._means[-1]
            self._means[-1] = began, mean + (celsius - mean) / (samples + 1), samples + 1
        else:
            self._means.append((at, celsius, 1))

    def forget(self) -> None:
        self._means.clear()

    def reaches(self, limit: float, at: float) -> Forecast | None:
        """When a limit will be reached if nothing changes; None: never, or nobody knows."""
        if not self._means or at - self._means[0][0] < 3 * self._third_s - self._step_s:
            return None
        first, middle, last = self._thirds(at)
        before, latest = middle - first, last - middle
        if min(before, latest) < LEAST_RISE_CELSIUS or last >= limit:
            return None
        shrink = latest / before
        if shrink < SHRINKING:
            left = 1 - (limit - last) * (1 - shrink) / (latest * shrink)
            if left <= 0:
                return None
            thirds = log(left) / log(shrink)
        else:
            thirds = (limit - last) / latest
        return Forecast(max(0.0, (thirds - 0.5) * self._third_s), latest * 3600 / self._third_s)

    def _thirds(self, at: float) -> list[float]:
        sums = [[0.0, 0] for _ in range(3)]
        for began, mean, samples in self._means:
            third = sums[min(2, max(0, 2 - int((at - began) // self._third_s)))]
            third[0] += mean * samples
            third[1] += samples
        return [total / count if count else 0.0 for total, count in sums]


@record
class Forecast:
    """The limit is reached in ``in_s`` seconds; now it gets warmer by ``celsius_per_h``."""

    in_s: float
    celsius_per_h: float


@record
class Wave:
    """From one peak to the next; ``ended`` is an uptime."""

    ended: float
    falling_s: float
    rising_s: float


class Duty:
    """The waves that the compressor makes. ``disturbed``: the wave that is under way is not its doing alone."""

    def __init__(self) -> None:
        self._waves: deque[Wave] = deque(maxlen=WAVES)
        self._peaks: deque[tuple[float, float]] = deque(maxlen=WAVES)
        self._rising: bool | None = None
        self._extreme: tuple[float, float] | None = None
        self._peak: tuple[float, float] | None = None
        self._trough_at: float | None = None

    def take(self, at: float, celsius: float) -> bool:
        """One temperature. Returns whether it shows that the temperature has turned from falling to rising."""
        if self._extreme is None:
            self._extreme = at, celsius
            return False
        turned_at, extreme = self._extreme
        if self._rising is None:
            if abs(celsius - extreme) >= TURN_CELSIUS:
                self._rising, self._extreme = celsius > extreme, (at, celsius)
        elif (celsius >= extreme) if self._rising else (celsius <= extreme):
            self._extreme = at, celsius
        elif abs(celsius - extreme) >= TURN_CELSIUS:
            if self._rising:
                self._peaked(turned_at, extreme)
            else:
                self._trough_at = turned_at
            self._rising, self._extreme = not self._rising, (at, celsius)
            return self._rising
        return False

    def disturbed(self) -> None:
        self._rising = self._extreme = self._peak = self._trough_at = None

    def share(self, at: float) -> float | None:
        """The share of the time for which the compressor has run; None where too few waves tell."""
        waves = self._recent(at)[-LEAST_WAVES:]
        longest_s = max((wave.falling_s + wave.rising_s for wave in waves), default=0.0)
        if waves and self._peak and self._rising is False and at - self._peak[0] > longest_s:
            waves.append(Wave(at, at - self._peak[0], 0.0))
        total = sum(wave.falling_s + wave.rising_s for wave in waves)
        if len(waves) < LEAST_WAVES or total < LEAST_S:
            return None
        return sum(wave.falling_s for wave in waves) / total

    def highest(self, at: float) -> float | None:
        """The highest that it rose by itself in the last hours before it fell again; None where it has not."""
        return max((celsius for peaked_at, celsius in self._peaks if at - peaked_at <= WAVES_FOR_S), default=None)

    def _peaked(self, at: float, celsius: float) -> None:
        self._peaks.append((at, celsius))
        if self._peak is not None and self._trough_at is not None:
            since, _ = self._peak
            self._waves.append(Wave(at, self._trough_at - since, at - self._trough_at))
        self._peak, self._trough_at = (at, celsius), None

    def _recent(self, at: float) -> list[Wave]:
        return [wave for wave in self._waves if at - wave.ended <= WAVES_FOR_S]
