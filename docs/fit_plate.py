"""Fit the simulated plate to a recording of a real one: ``python docs/fit_plate.py`` writes ``docs/plate_fit.svg`` and prints the fit.

The same figures are taken of the recording and of as many samples of ``firmware_sims.physics.Plate`` as it ships: the fit is what makes
them agree, and the picture shows both. Nothing else of the recording is known to the simulator.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log, sqrt
from pathlib import Path
from statistics import fmean, median, stdev

from device.bench.plot import Panel, figure
from firmware_sims.physics import MAD_TO_SD, Plate

HERE = Path(__file__).parent
RECORDING = HERE.parent / "tests" / "data" / "coffee_pot_2019-12-18_a.csv"
PICTURE = HERE / "plate_fit.svg"
RATE_HZ = 10.0
LOAD_G = 3150.0
WILD_SDS = 8.0
HALF_WINDOW = 50
AVERAGES = (1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000)


@dataclass(frozen=True, slots=True)
class Fit:
    """What samples at rest show. Grams; ``correlation`` by lag from 0; ``glitches_g`` signed; ``wander`` (seconds, Allan deviation)."""

    samples: int
    sd_g: float
    correlation: tuple[float, ...]
    glitches_g: tuple[float, ...]
    residuals_g: tuple[float, ...]
    wander: tuple[tuple[float, float], ...]

    @property
    def memory(self) -> float:
        """θ of the moving average of two, x = e + θ e', that has this correlation of neighbours: r = θ / (1 + θ²)."""
        r = min(self.correlation[1], 0.499)
        return (1 - sqrt(1 - 4 * r * r)) / (2 * r)

    @property
    def figures(self) -> dict[str, float]:
        sizes = [abs(size) for size in self.glitches_g]
        return {
            "noise_mad_g": self.sd_g / MAD_TO_SD,
            "noise_memory": self.memory,
            "glitch_rate": len(sizes) / self.samples,
            "glitch_median_g": median(sizes),
            "glitch_log_sd": stdev(log(size) for size in sizes),
            "glitch_upwards": sum(size > 0 for size in self.glitches_g) / len(sizes),
            "glitch_most_g": max(sizes),
        }


def recorded() -> list[float]:
    """The samples of the recording, in grams."""
    return [float(line.split(",")[1]) for line in RECORDING.read_text(encoding="ascii").splitlines()]


def simulated(samples: int, seed: int = 1) -> list[float]:
    """As many of a simulated plate at rest under the same load."""
    plate = Plate(f"fit {seed}")
    plate.rest(LOAD_G)
    return [plate.sample(1 / RATE_HZ) for _ in range(samples)]


def fitted(values: Sequence[float]) -> Fit:
    """Take the figures. The level is a running median of 10 s; a glitch is further from it than 8 robust standard deviations."""
    level = [median(values[max(0, index - HALF_WINDOW) : index + HALF_WINDOW + 1]) for index in range(len(values))]
    off = [value - here for value, here in zip(values, level, strict=True)]
    robust_sd = MAD_TO_SD * median([abs(each) for each in off])
    wild = {index for index, each in enumerate(off) if abs(each) > WILD_SDS * robust_sd}
    tame = [None if index in wild else each for index, each in enumerate(off)]
    variance = fmean(each * each for each in tame if each is not None)
    correlation = tuple(
        fmean(one * other for one, other in zip(tame, tame[lag:], strict=False) if one is not None and other is not None) / variance
        for lag in range(11)
    )
    smooth = [level[index] if index in wild else value for index, value in enumerate(values)]
    residuals = tuple(each for each in tame if each is not None)
    return Fit(len(values), sqrt(variance), correlation, tuple(off[index] for index in sorted(wild)), residuals, _wander(smooth))


def _wander(values: Sequence[float]) -> tuple[tuple[float, float], ...]:
    """Allan deviation: how far neighbouring means of so many seconds differ, over √2."""
    found = []
    for count in AVERAGES:
        means = [fmean(values[start : start + count]) for start in range(0, len(values) - count + 1, count)]
        found.append((count / RATE_HZ, sqrt(fmean((later - one) ** 2 for one, later in pairwise(means)) / 2)))
    return tuple(found)


def _density(fit: Fit) -> list[tuple[float, float]]:
    width = 0.2
    counts: dict[int, int] = {}
    for residual in fit.residuals_g:
        counts[round(residual / width)] = counts.get(round(residual / width), 0) + 1
    return [(place * width, counts.get(place, 0) / len(fit.residuals_g) / width) for place in range(-15, 16)]


def _sizes(fit: Fit) -> list[tuple[float, float]]:
    """The share of samples that are glitches of more than this."""
    ordered = sorted((abs(size) for size in fit.glitches_g), reverse=True)
    return [(size, (rank + 1) / fit.samples) for rank, size in enumerate(ordered)]


def draw(real: Fit, model: Fit) -> str:
    """The recording and the simulated plate side by side."""
    panels = [
        Panel("Noise of one sample", x="grams off the level", y="density"),
        Panel("Correlation with later samples", x="samples later", y="correlation"),
        Panel("Glitches", x="grams", y="share of samples beyond", log_x=True, log_y=True),
        Panel("Wander (Allan deviation)", x="seconds averaged", y="grams", log_x=True, log_y=True),
    ]
    kinds = (_density, lambda fit: list(enumerate(fit.correlation)), _sizes, lambda fit: list(fit.wander))
    for panel, points in zip(panels, kinds, strict=True):
        panel.line(points(real), "recorded", dots=panel.title.startswith("Corr"))
        panel.line(points(model), "simulated", dashed=True)
    return figure(panels, columns=2, title="A plate at rest: recorded (HX711, 10 Hz, 16 minutes) and simulated")


def main() -> None:
    """Fit both, print both, draw both."""
    real = fitted(recorded())
    model = fitted(simulated(real.samples))
    for name, value in real.figures.items():
        print(f"{name:16} recorded {value:9.3f}   simulated {model.figures[name]:9.3f}")
    PICTURE.write_text(draw(real, model), encoding="utf-8")


if __name__ == "__main__":
    main()
