"""Seeded load-cell signals in virtual time, with their truth. Written for the tests of sensing alone: not the simulator's physics."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from math import cos, exp, pi, sin
from random import Random

from device.domain.facts import Fact
from device.domain.layout import Layout, Scale, ShelfBoardScale, StreamScale
from device.domain.port import parse_port
from device.domain.readings import WeightReading
from device.sensing.awaited import Awaited
from device.sensing.scale import ScaleSense, calibrations_of

PORT = parse_port("tcp:192.0.2.10:4001")


def stream_scale(rate_hz: float = 10.0, capacity_g: float | None = None) -> StreamScale:
    return StreamScale(id="shelf", zone="z", driver="stream", port=PORT, rate_hz=rate_hz, capacity_g=capacity_g)


def board_scale(channels: int = 1, counts_per_gram: float | None = 100.0, zero_counts: float = 5000.0) -> ShelfBoardScale:
    return ShelfBoardScale(
        id="shelf",
        zone="z",
        driver="shelf-board",
        port=PORT,
        channels=channels,
        capacity_g=20_000.0,
        counts_per_gram=counts_per_gram,
        zero_counts=zero_counts,
    )


def sense(layout: Scale) -> ScaleSense:
    return ScaleSense(layout, calibrations_of(layout, {}), "boot.", Awaited())


def store(**tables: object) -> Layout:
    """A layout with one zone and whatever tables a test is about."""
    return Layout.model_validate(
        {
            "store": {"id": "s", "name": "S", "timezone": "Europe/Rome", "currency": "EUR"},
            "mqtt": {"url": "mqtt://127.0.0.1:1883"},
            "catalogue": {"file": "products.csv"},
            "zone": [{"id": "z"}],
            **tables,
        }
    )


@dataclass
class Step:
    """Weight that comes on at ``at`` and is there, but for ``exp(-t/tau)`` ringing at ``ring_hz``, at once."""

    at: float
    grams: float
    tau: float = 0.04
    ring_hz: float = 0.0

    def part(self, t: float) -> float:
        if t < self.at:
            return 0.0
        since = t - self.at
        return self.grams * (1 - exp(-since / self.tau) * cos(2 * pi * self.ring_hz * since))

    def settled_at(self, within: float = 1.0) -> float:
        """When the plate is physically within ``within`` grams of its new weight for good."""
        t = self.at
        while abs(self.grams) * exp(-(t - self.at) / self.tau) > within:
            t += 0.001
        return t


@dataclass
class Signal:
    """One plate. ``sigma`` white noise, of which each sample keeps ``memory`` of the last; ``extra`` anything else, a function of time."""

    seed: int
    rate_hz: float = 10.0
    base: float = 3000.0
    sigma: float = 0.55
    memory: float = 0.44
    glitches: float = 0.0
    glitch_g: tuple[float, float] = (4.0, 22_000.0)
    jitter: float = 0.0
    lost: float = 0.0
    steps: list[Step] = field(default_factory=list)
    extra: list[Callable[[float], float]] = field(default_factory=list)

    def samples(self, seconds: float, since: float = 0.0) -> Iterator[tuple[float, float]]:
        rng = Random(self.seed)
        noise = 0.0
        fresh = (1 - self.memory**2) ** 0.5
        for index in range(round(seconds * self.rate_hz)):
            t = since + index / self.rate_hz
            noise = self.memory * noise + fresh * rng.gauss(0, self.sigma)
            grams = self.base + noise + sum(step.part(t) for step in self.steps) + sum(each(t) for each in self.extra)
            if rng.random() < self.glitches:
                low, high = self.glitch_g
                grams += rng.choice((-1, 1)) * low * (high / low) ** rng.random()
            if rng.random() >= self.lost:
                yield t + rng.random() * self.jitter / self.rate_hz, grams


def drift(g_per_s: float) -> Callable[[float], float]:
    return lambda t: g_per_s * t


def creep(grams: float, tau_s: float, since: float = 0.0) -> Callable[[float], float]:
    return lambda t: grams * (1 - exp(-(t - since) / tau_s)) if t > since else 0.0


def hum(grams: float, hz: float, on_s: float = 600.0, off_s: float = 900.0) -> Callable[[float], float]:
    """A compressor: a beat of its 50 Hz with the converter, for minutes at a time."""
    return lambda t: grams * sin(2 * pi * hz * t) if t % (on_s + off_s) < on_s else 0.0


def footsteps(grams: float, every_s: float = 0.55, of_s: float = 60.0, walking_s: float = 8.0) -> Callable[[float], float]:
    """Somebody walks past once a minute: a damped 7 Hz shake at each step."""

    def shake(t: float) -> float:
        if t % of_s > walking_s:
            return 0.0
        since = (t % of_s) % every_s
        return grams * exp(-since / 0.08) * sin(2 * pi * 7 * since)

    return shake


def lean(at: float, grams: float, for_s: float, seed: int) -> Callable[[float], float]:
    """Somebody leans on the shelf: a force that wanders and trembles, then nothing."""
    rng = Random(seed)
    phases = [rng.random() * 2 * pi for _ in range(6)]

    def force(t: float) -> float:
        if not at <= t < at + for_s:
            return 0.0
        since = t - at
        edge = min(1.0, since / 0.4, (for_s - since) / 0.3)
        wander = sum(sin(2 * pi * hz * since + phase) for hz, phase in zip((0.3, 0.7, 1.6, 3.1, 8.5, 11.0), phases, strict=True))
        return grams * edge * (1 + 0.02 * wander)

    return force


def facts_of(scale: ScaleSense, samples: Iterable[tuple[float, float]]) -> list[Fact]:
    """All facts of a scale with one plate that is given ``samples``; ticks twice a second as an engine might."""
    facts: list[Fact] = []
    ticked = 0.0
    for at, value in samples:
        facts.extend(scale.take(WeightReading("shelf", at, (value,))))
        if at - ticked > 0.5:
            ticked = at
            facts.extend(scale.tick(at))
    return facts
