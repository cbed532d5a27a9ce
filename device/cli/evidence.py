"""A piece of evidence: what the plate read around a step, which step that is, how sure it is, and what was made of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from math import ceil, floor, log10
from statistics import median
from typing import Any

from device.cli.output import certainty
from device.cli.raster import Raster
from device.journal.reading import Stored
from device.journal.trace import Trace

WIDTH, HEIGHT = 960, 540
LEFT, RIGHT, BOTTOM = 84, 28, 52
PAPER, INK, FAINT, GRID = (255, 255, 255), (31, 41, 51), (97, 110, 124), (228, 231, 235)
TRACE, STEP, WILD = (11, 110, 153), (217, 115, 13), (173, 26, 114)
SURE_SDS = 2.0
"""The band around a level: 95 %."""
OUTSIDE = 0.35
"""A sample further off the picture than this share of the change is a glitch, and is shown at its edge."""


def decided(rows: Iterable[Stored], name: str, products: Mapping[str, str]) -> list[str]:
    """What the store made of the evidence ``name``, a line an event; ``products`` are names by GTIN."""
    lines = []
    for stored in rows:
        if stored.seq is None or stored.body is None or name.encode() not in stored.body:
            continue
        data = json.loads(stored.body)["data"]
        if data.get("evidence") == name:
            lines.append(f"{_item(data, products)} (event {stored.seq}, {stored.type})")
            lines += [f"or {_named(other, products)}, {other['confidence']:.2%}" for other in data.get("alternatives", ())]
        elif (data.get("details") or {}).get("evidence") == name:
            lines.append(f"{data.get('kind', 'alarm').replace('_', ' ')} (event {stored.seq}, {stored.type})")
    return lines


def _item(data: Mapping[str, Any], products: Mapping[str, str]) -> str:
    return f"{_named(data, products)} at {data.get('slot')}, {certainty(data.get('confidence', 0.0))}"


def _named(data: Mapping[str, Any], products: Mapping[str, str]) -> str:
    gtin = data.get("gtin")
    return f"{data.get('quantity', 0)} × {products.get(gtin, gtin) if gtin else 'something'}"


def picture(trace: Trace, title: str, decided: Sequence[str]) -> bytes:
    """A PNG of a trace. ``title`` names it, ``decided`` are lines of text on what was made of it."""
    raster = Raster(WIDTH, HEIGHT, PAPER)
    raster.text(LEFT - 56, 34, title, INK, size=14, bold=True)
    lines = [f"step {trace.delta:+.1f} g ± {trace.sd:.1f} g (standard error)", *decided]
    for number, line in enumerate(lines):
        raster.text(LEFT - 56, 58 + 20 * number, line, STEP if number == 0 else FAINT, size=10.5)
    if trace.samples:
        _plot(raster, trace, top=62 + 20 * len(lines))
    return raster.png()


def level_before(trace: Trace) -> float:
    """Where the plate stood before: the middle of what it read until the movement."""
    before = [grams for seconds, grams in trace.samples if seconds < 0]
    return median(before or [trace.samples[0][1]])


class _Axes:
    """From seconds and grams to pixels."""

    def __init__(self, trace: Trace, top: float) -> None:
        self.before = level_before(trace)
        self.after = self.before + trace.delta
        # one wild sample in a hundred must not flatten the rest
        room = max(abs(trace.delta) * OUTSIDE, 8 * trace.sd, 4.0)
        low, high = min(self.before, self.after) - room, max(self.before, self.after) + room
        inside = [grams for _, grams in trace.samples if low <= grams <= high]
        margin = 0.08 * (max(inside) - min(inside)) if inside else room
        self.low, self.high = (min(inside) - margin, max(inside) + margin) if inside else (low, high)
        self.start, self.end = trace.samples[0][0], max(trace.samples[-1][0], trace.samples[0][0] + 0.1)
        self.top, self.bottom = top, HEIGHT - BOTTOM

    def x(self, seconds: float) -> float:
        return LEFT + (seconds - self.start) / (self.end - self.start) * (WIDTH - RIGHT - LEFT)

    def y(self, grams: float) -> float:
        share = (grams - self.low) / (self.high - self.low)
        return self.bottom - min(max(share, -0.01), 1.01) * (self.bottom - self.top)


def _plot(raster: Raster, trace: Trace, top: float) -> None:
    axes = _Axes(trace, top)
    for grams in _ticks(axes.low, axes.high, 6):
        raster.rectangle(LEFT, axes.y(grams), WIDTH - RIGHT, axes.y(grams) + 1, GRID)
        raster.text(LEFT - 10, axes.y(grams) + 4, f"{grams:.10g}", FAINT, size=9, anchor=1)
    for seconds in _ticks(axes.start, axes.end, 8):
        raster.rectangle(axes.x(seconds), axes.bottom, axes.x(seconds) + 1, axes.bottom + 5, FAINT)
        raster.text(axes.x(seconds), axes.bottom + 19, f"{seconds:.10g}", FAINT, size=9, anchor=0.5)
    raster.text(WIDTH - RIGHT, HEIGHT - 12, "seconds after the plate began to move", FAINT, size=9, anchor=1)
    raster.text(LEFT - 56, top - 8, "grams", FAINT, size=9)
    raster.rectangle(LEFT, axes.bottom, WIDTH - RIGHT, axes.bottom + 1, FAINT)
    if axes.start <= 0 <= axes.end:
        raster.dashes((axes.x(0), axes.top), (axes.x(0), axes.bottom), FAINT, dash=2, gap=4)
    _levels(raster, axes, trace)
    _samples(raster, axes, trace)


def _levels(raster: Raster, axes: _Axes, trace: Trace) -> None:
    """The two levels with their bands, and between them the step."""
    settled = next((t for t, _ in reversed(trace.samples) if t <= max(axes.end - 3.0, 0.0)), 0.0)
    for grams, since, until in ((axes.before, axes.start, 0.0), (axes.after, settled, axes.end)):
        half = SURE_SDS * trace.sd
        high, low = axes.y(grams + half), axes.y(grams - half)
        raster.rectangle(axes.x(since), min(high, axes.y(grams) - 1.5), axes.x(until), max(low, axes.y(grams) + 1.5), STEP, 0.22)
        raster.dashes((axes.x(since), axes.y(grams)), (axes.x(until), axes.y(grams)), STEP)
    where = axes.x(max(0.0, settled) + 0.45 * (axes.end - max(0.0, settled)))
    upper, lower = sorted((axes.y(axes.before), axes.y(axes.after)))
    raster.dashes((axes.x(0), axes.y(axes.before)), (where + 8, axes.y(axes.before)), STEP, dash=2, gap=4)
    raster.line([(where, upper), (where, lower)], STEP, 1.5)
    tip, back = axes.y(axes.after), 7 if trace.delta < 0 else -7
    raster.line([(where - 5, tip - back), (where, tip), (where + 5, tip - back)], STEP, 1.5)
    raster.text(where + 12, (upper + lower) / 2 + 4, f"{trace.delta:+.1f} g", STEP, size=11, bold=True)


def _samples(raster: Raster, axes: _Axes, trace: Trace) -> None:
    """The readings, joined; those that leave the picture are marked at its edge."""
    tame = [(t, grams) for t, grams in trace.samples if axes.low <= grams <= axes.high]
    raster.line([(axes.x(t), axes.y(grams)) for t, grams in tame], TRACE, 1.3)
    if len(tame) <= 160:
        for t, grams in tame:
            raster.disc(axes.x(t), axes.y(grams), 1.9, TRACE)
    for t, grams in trace.samples:
        if not axes.low <= grams <= axes.high:
            edge, inward = (axes.bottom - 2, -9) if grams < axes.low else (axes.top + 2, 9)
            x = axes.x(t)
            raster.line([(x - 4, edge + inward), (x, edge), (x + 4, edge + inward)], WILD, 1.5)


def _ticks(low: float, high: float, most: int) -> list[float]:
    size = (high - low) / most
    power = 10.0 ** floor(log10(size))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= size * 0.999)
    return [round(number * step, 6) for number in range(ceil(low / step - 1e-9), floor(high / step + 1e-9) + 1)]
