"""False steps in a day in which nobody takes anything, at each sample rate.

The plate is that of ``firmware_sims.physics``, whose noise and glitches are those of a recording of a real one: 1 % glitches, creep of
a load put on at midnight, a zero that wanders. On top: a compressor that runs for 10 of every 25 minutes and beats with the mains at some
hertz, people who walk past once a minute, a door slammed nearby every quarter of an hour, times of arrival with jitter, 0.2 % of the
samples lost, and a gap of half a second to 1.3 s about once an hour.

Beside it, on the same samples: the published rule (``accuracy_published``: a moving standard deviation against 40 g), which has no median
before it: a glitch too small to be motion shifts its means, and every larger one is motion.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from math import exp, pi, sin
from random import Random
from typing import Any, NamedTuple

from device.bench.accuracy_published import Detector
from device.bench.plot import Panel, figure
from device.bench.result import Options, Result
from device.bench.tables import table
from device.bench.work import spread
from device.domain.facts import PlateMoving, PlateUntrusted, WeightStep
from device.domain.layout import StreamScale
from device.domain.port import parse_port
from device.domain.readings import WeightReading
from device.sensing.awaited import Awaited
from device.sensing.scale import ScaleSense
from device.sensing.weight import Calibration
from firmware_sims.physics import Plate

RATES_HZ = (5.0, 10.0, 20.0, 40.0, 60.0, 80.0)
HOURS = 24.0
LOAD_G = 12_000.0
BEAT_G, BEAT_HZ = 1.5, 3.1
COMPRESSOR_ON_S, COMPRESSOR_EVERY_S = 600.0, 1500.0
STEP_EVERY_S, WALK_S, WALK_EVERY_S = 0.55, 8.0, 60.0
SHAKE_HZ, SHAKE_TAU_S = 7.0, 0.08
SLAM_EVERY_S = 900.0
SLAM_G = 40.0
SHOWN_S = 90.0


class Day(NamedTuple):
    """One plate's day."""

    rate_hz: float
    hours: float
    seed: int


class Found(NamedTuple):
    """What a day brought. ``shown``: a minute and a half of its samples, for the picture."""

    rate_hz: float
    hours: float
    samples: int
    glitches: int
    moves: int
    steps: int
    untrusted: int
    published: int
    """False steps of the published rule on the same samples."""
    by_hour: tuple[int, ...]
    shown: tuple[tuple[float, float], ...]


def run(options: Options) -> Result:
    """Live a day (quick: an hour) at each rate."""
    hours = 1.0 if options.quick else HOURS
    rates = (10.0, 80.0) if options.quick else RATES_HZ
    days = spread(live, [Day(rate_hz, hours, options.seed) for rate_hz in reversed(rates)], options.jobs)[::-1]
    rows = [
        (
            f"{day.rate_hz:g} Hz",
            f"{day.hours:g} h",
            f"{day.samples:,}",
            f"{day.glitches:,}",
            day.moves,
            day.untrusted,
            day.steps,
            f"{day.published:,}",
        )
        for day in days
    ]
    figures: dict[str, Any] = {
        "hours": hours,
        "false_steps": sum(day.steps for day in days),
        "false_steps_of_the_published_rule": sum(day.published for day in days),
        "rates": [{name: value for name, value in day._asdict().items() if name != "shown"} for day in days],
    }
    lines = table(("", "time", "samples", "glitches", "movements", "trust lost", "false steps", "published rule"), rows)
    return Result("quiet", figures, lines, {"quiet": _picture(days)})


def live(day: Day) -> Found:
    """Give a day's signal to sensing and count what it makes of it."""
    scale = _scale(day.rate_hz)
    kinds: Counter[str] = Counter()
    by_hour = [0] * max(1, round(day.hours))
    samples = glitches = published = 0
    rule = Detector(day.rate_hz)
    shown: list[tuple[float, float]] = []
    for at, grams, wild in signal(day):
        samples += 1
        glitches += wild
        published += rule.take(grams) is not None
        if 1500.0 <= at < 1500.0 + SHOWN_S:
            shown.append((round(at - 1500.0, 3), round(grams - LOAD_G, 2)))
        for fact in scale.take(WeightReading("plate", at, (grams,))):
            kinds[type(fact).__name__] += 1
            if isinstance(fact, PlateMoving):
                by_hour[min(int(at / 3600), len(by_hour) - 1)] += 1
    return Found(
        day.rate_hz,
        day.hours,
        samples,
        glitches,
        kinds[PlateMoving.__name__],
        kinds[WeightStep.__name__],
        kinds[PlateUntrusted.__name__],
        published,
        tuple(by_hour),
        tuple(shown),
    )


def signal(day: Day) -> Iterator[tuple[float, float, bool]]:
    """(time of arrival, grams, whether it is a glitch) of each sample that arrives."""
    chance = Random(f"quiet {day.seed} {day.rate_hz}")
    plate = Plate(f"quiet {day.seed} {day.rate_hz}")
    plate.put(LOAD_G)
    dt = 1 / day.rate_hz
    walk_g, gap_until, slam_at = 6.0, 0.0, 300.0
    for index in range(round(day.hours * 3600 * day.rate_hz)):
        t = index * dt
        if t >= slam_at:
            plate.shake(SLAM_G)
            slam_at += SLAM_EVERY_S
        grams = plate.sample(dt)
        if t % COMPRESSOR_EVERY_S < COMPRESSOR_ON_S:
            grams += BEAT_G * sin(2 * pi * BEAT_HZ * t)
        if t % WALK_EVERY_S < WALK_S:
            since = t % WALK_EVERY_S % STEP_EVERY_S
            if since < dt:
                walk_g = chance.uniform(3.0, 10.0)
            grams += walk_g * exp(-since / SHAKE_TAU_S) * sin(2 * pi * SHAKE_HZ * since)
        if chance.random() < dt / 3600:
            gap_until = t + chance.uniform(0.5, 1.3)
        if t < gap_until or chance.random() < 0.002:
            continue
        yield t + 0.5 * dt * chance.random(), grams, plate.glitched


def _scale(rate_hz: float) -> ScaleSense:
    layout = StreamScale(id="plate", zone="z", driver="stream", port=parse_port("tcp:192.0.2.10:4001"), rate_hz=rate_hz)
    return ScaleSense(layout, {1: Calibration(0.0, 1.0)}, "", Awaited())


def _picture(days: list[Found]) -> str:
    """A minute and a half of what had to be believed to be nothing, and how often it was taken for a movement."""
    slow = next(day for day in days if day.rate_hz == 10.0)
    seen = Panel("90 s of the signal at 10 Hz: someone walks past", x="seconds", y="grams off the load", y_range=(-25.0, 25.0))
    seen.line(slow.shown, "samples (glitches leave the picture)", width=1.0)
    moves = Panel("Movements an hour (each ends as no step)", x="samples a second")
    places = [(float(index), day.moves / day.hours) for index, day in enumerate(days)]
    published = sum(day.published for day in days)
    moves.bars(places, f"false steps in all: {sum(day.steps for day in days)}; of the published rule: {published:,}")
    moves.ticks_x = [(float(index), f"{day.rate_hz:g} Hz") for index, day in enumerate(days)]
    return figure([seen, moves], title=f"A quiet day: {slow.hours:g} h at each rate")
