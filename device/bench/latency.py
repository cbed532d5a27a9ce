"""How long after a plate has physically settled a step is told, at each sample rate.

Of what is *taken*, *put back* where it was taken, *put elsewhere* in the zone, and *put on* though nothing like it was taken. A step is
final: the store tells its event in the same turn.

Simulated hands take and put bottles on simulated plates (``firmware_sims.physics``: 5 Hz, damping 0.4; the noise and glitches of the
recording). Every plate has been stocked once, so that it has shown how it swings. A plate has settled when what it would read without
noise stays within 1 g of its new weight. Beside it: how many presses of a hand (0.1 to 4 kg, each doubling alike, up to 4 s) were taken
for a weight, how true the errors are that were told, and the bounds of ``latency_optimum``; a delay under 0 is a step told before the
plate has settled.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from random import Random
from typing import Any, Literal, NamedTuple

from device.bench.latency_optimum import ITEMS_G, WITHIN_G, bound_s, known_s
from device.bench.plot import Panel, figure
from device.bench.result import Options, Result
from device.bench.tables import table
from device.bench.work import spread
from device.domain.facts import WeightStep
from device.domain.layout import StreamScale
from device.domain.port import parse_port
from device.domain.readings import WeightReading
from device.sensing.awaited import Awaited
from device.sensing.scale import ScaleSense
from device.sensing.weight import Calibration
from firmware_sims.physics import Plate

RATES_HZ = (5.0, 10.0, 20.0, 40.0, 60.0, 80.0)
TARGETS_S = {10.0: 0.5, 80.0: 0.15}
PICKS, PRESSES = 400, 1000
QUICK_PICKS, QUICK_PRESSES = 40, 40
LIGHTEST_PRESS_G, HEAVIEST_PRESS_G = 100.0, 4000.0
REST_S, LOOK_S, AFTER_S = 8.0, 4.0, 4.0
STOCKED_S, STOCKED_G = 3.0, 900.0
APART_S = 1.0
"""A step that began so long before its movement is told together with the movement before: odd, and no error of measuring."""

Kind = Literal["taken", "put back", "put elsewhere", "put on"]
KINDS: tuple[Kind, ...] = ("taken", "put back", "put elsewhere", "put on")


class Task(NamedTuple):
    """What one process does: all movements at one rate."""

    rate_hz: float
    picks: int
    presses: int
    seed: int


class Found(NamedTuple):
    """At one rate. ``delays_s`` by kind, sorted; ``scores`` errors over what was told of them; ``odd`` movements without just one step."""

    rate_hz: float
    delays_s: dict[Kind, list[float]]
    scores: list[float]
    errors_g: list[float]
    odd: int
    pressed: int
    presses: int
    bound_s: float
    known_s: float

    @property
    def all_delays_s(self) -> list[float]:
        """Of all kinds alike, sorted."""
        return sorted(delay for delays in self.delays_s.values() for delay in delays)


def run(options: Options) -> Result:
    """Measure every rate."""
    picks, presses = (QUICK_PICKS, QUICK_PRESSES) if options.quick else (PICKS, PRESSES)
    rates = (10.0, 80.0) if options.quick else RATES_HZ
    found = spread(measured, [Task(rate_hz, picks, presses, options.seed) for rate_hz in reversed(rates)], options.jobs)[::-1]
    figures: dict[str, Any] = {"picks_of_each_kind": picks, "presses": presses, "rates": [_figures(each) for each in found]}
    rows = [
        [
            f"{each.rate_hz:g} Hz",
            *[f"{_quantile(each.delays_s[kind], 0.95):.3f}" for kind in KINDS],
            f"{_quantile(each.all_delays_s, 0.95):.3f}",
            f"{each.known_s:.3f}",
            f"{each.bound_s:.3f}",
            f"{each.pressed} of {each.presses}",
            f"{_rms(each.scores):.2f}",
            f"{_rms(each.errors_g):.2f}",
            each.odd,
        ]
        for each in found
    ]
    heads = ("95 % within s", *KINDS, "all", "bound elsewhere", "bound put on", "presses as steps", "SD of z", "error g", "odd")
    return Result("latency", figures, table(heads, rows), {"latency": _picture(found)})


def measured(task: Task) -> Found:
    """All movements at one rate."""
    delays: dict[Kind, list[float]] = {kind: [] for kind in KINDS}
    scores: list[float] = []
    errors: list[float] = []
    odd = 0
    for kind in KINDS:
        for number in range(task.picks):
            steps, watched_at, settled_at, grams = _moved(kind, task.rate_hz, f"{task.seed} {kind} {number}")
            together = any(step.began_at < watched_at - APART_S for step in steps)
            odd += len(steps) != 1 or together
            if steps and not together:
                delays[kind].append(round(steps[-1].at - settled_at, 4))
                errors.append(round(sum(step.delta for step in steps) - grams, 3))
                scores.append(round(errors[-1] / sqrt(sum(step.sd**2 for step in steps)), 3))
        delays[kind].sort()
    pressed = sum(_pressed(task.rate_hz, f"{task.seed} {number}") for number in range(task.presses))
    # none in so many may still be up to three (95 %)
    share = max(pressed, 3) / task.presses
    bounds = bound_s(task.rate_hz, share, task.seed), known_s(task.rate_hz, task.seed)
    return Found(task.rate_hz, delays, scores, errors, odd, pressed, task.presses, *bounds)


def _moved(kind: Kind, rate_hz: float, seed: str) -> tuple[list[WeightStep], float, float, float]:
    """The steps of one movement, when it began, when the plate had settled, and what really changed."""
    chance = Random(f"latency {seed}")
    plate, beside = Plate(f"latency {seed}"), Plate(f"beside {seed}")
    plate.rest(chance.uniform(2000.0, 10_000.0))
    beside.rest(6000.0)
    grams = chance.choice(ITEMS_G) * chance.uniform(0.95, 1.05)
    moves_at = REST_S + chance.random()
    first = {"taken": plate.take, "put back": plate.take, "put elsewhere": beside.take, "put on": plate.put}[kind]
    doings, watched_at = [(STOCKED_S, plate.put, STOCKED_G), (moves_at, first, grams)], moves_at
    if kind in ("put back", "put elsewhere"):
        watched_at = moves_at + LOOK_S
        doings.append((watched_at, plate.put, grams))
    awaited, dt, settled_at = Awaited(), 1 / rate_hz, watched_at
    scale, other = _scale(rate_hz, awaited), _scale(rate_hz, awaited)
    steps: list[WeightStep] = []
    for index in range(round((watched_at + AFTER_S) * rate_hz)):
        at = index * dt
        while doings and doings[0][0] <= at:
            _, do, weight = doings.pop(0)
            do(weight)
        other.take(WeightReading("plate", at, (beside.sample(dt),)))
        value = plate.sample(dt)
        if at >= watched_at and abs(plate.path_g - plate.grams) > WITHIN_G:
            settled_at = at + dt / 2
        steps += [fact for fact in scale.take(WeightReading("plate", at, (value,))) if isinstance(fact, WeightStep)]
    return [step for step in steps if step.at >= watched_at], watched_at, settled_at, -grams if kind == "taken" else grams


def _pressed(rate_hz: float, seed: str) -> bool:
    """Whether a press of a hand was taken for a weight."""
    chance = Random(f"press {seed}")
    plate = Plate(f"press {seed}")
    plate.rest(chance.uniform(0.0, 10_000.0))
    grams = LIGHTEST_PRESS_G * (HEAVIEST_PRESS_G / LIGHTEST_PRESS_G) ** chance.random()
    seconds = chance.uniform(0.3, 4.0)
    scale, dt, pressed, stepped = _scale(rate_hz, Awaited()), 1 / rate_hz, False, False
    for index in range(round((REST_S + seconds + AFTER_S) * rate_hz)):
        if index * dt >= REST_S and not pressed:
            pressed = True
            plate.lean(grams, seconds)
        facts = scale.take(WeightReading("plate", index * dt, (plate.sample(dt),)))
        stepped = stepped or any(isinstance(fact, WeightStep) for fact in facts)
    return stepped


def _scale(rate_hz: float, awaited: Awaited) -> ScaleSense:
    layout = StreamScale(id="plate", zone="z", driver="stream", port=parse_port("tcp:192.0.2.10:4001"), rate_hz=rate_hz)
    return ScaleSense(layout, {1: Calibration(0.0, 1.0)}, "", awaited)


def _figures(found: Found) -> dict[str, Any]:
    shares = (0.5, 0.9, 0.95, 0.99)
    named = {str(kind): delays for kind, delays in found.delays_s.items()} | {"all": found.all_delays_s}
    return {
        "rate_hz": found.rate_hz,
        "settled_to_event_s": {
            kind: {f"p{round(100 * share)}": round(_quantile(delays, share), 4) for share in shares} for kind, delays in named.items()
        },
        "target_p95_s": TARGETS_S.get(found.rate_hz),
        "bound_p95_s": {"put elsewhere": round(found.known_s, 4), "put on": round(found.bound_s, 4)},
        "presses_taken_for_weights": found.pressed,
        "sd_of_z_scores": round(_rms(found.scores), 3),
        "error_rms_g": round(_rms(found.errors_g), 3),
        "movements_without_just_one_step": found.odd,
    }


def _quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _rms(values: Sequence[float]) -> float:
    return sqrt(sum(value * value for value in values) / len(values))


def _picture(found: Sequence[Found]) -> str:
    delay = Panel("Settled to told, 95th percentile", x="samples a second", y="seconds", log_x=True, log_y=True, y_range=(0.02, 3.0))
    for kind in KINDS:
        delay.line([(each.rate_hz, max(0.02, _quantile(each.delays_s[kind], 0.95))) for each in found], kind, dots=True)
    delay.line([(each.rate_hz, max(0.02, each.bound_s)) for each in found], "bound, put on", dashed=True, colour="#616e7c")
    delay.scatter(list(TARGETS_S.items()), "targets", colour="#c0392b", radius=4.5)
    delay.ticks_x = [(each.rate_hz, f"{each.rate_hz:g}") for each in found]
    truth = Panel("Error over the error told (z), all rates", x="z", y="density", x_range=(-4.5, 4.5))
    scores = [score for each in found for score in each.scores]
    width = 0.25
    counts: dict[int, int] = {}
    for score in scores:
        counts[round(score / width)] = counts.get(round(score / width), 0) + 1
    truth.bars([(place * width, number / len(scores) / width) for place, number in sorted(counts.items())], "measured", width=0.9 * width)
    truth.line([(z / 10, 0.39894 * 2.718281828 ** (-(z * z) / 200)) for z in range(-45, 46)], "normal, SD 1")
    return figure([delay, truth], title="How soon, and how true")
