"""Mean kinetic temperature: the one constant temperature that would have aged the goods as much as all those that they really saw.

    T = (H / R) / -ln( sum(w e^(-H / (R Ti))) / sum(w) ),  T in kelvin, w the time spent at Ti

J. D. Haynes, Worldwide virtual temperatures for product stability testing, J. Pharm. Sci. 60(6), 1971, 927-929; the same in USP <1079>,
which takes H = 83.144 kJ/mol, so that H / R is 10,000 K with R = 8.3144 J/(mol K). That is a middle value for reactions in solution. It is
the convention also where wine is stored; it is not a measured property of a wine. The rate e^(-H/RT) is convex in T below H / 2R, so the
mean kinetic temperature is never under the arithmetic mean, and lies between the lowest and the highest.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import exp, log

ACTIVATION_J_PER_MOL = 83_144.0
GAS_J_PER_MOL_K = 8.3144
ZERO_CELSIUS_K = 273.15
LOWEST_CELSIUS = -200.0

_H_OVER_R = ACTIVATION_J_PER_MOL / GAS_J_PER_MOL_K


def ageing(celsius: float) -> float:
    """How fast goods age at a temperature, on a scale of its own: it may be summed and averaged. Raises ValueError under -200 °C."""
    if celsius < LOWEST_CELSIUS:
        raise ValueError(f"{celsius} °C is no temperature at which anything is kept")
    return exp(-_H_OVER_R / (celsius + ZERO_CELSIUS_K))


def celsius_of(mean_ageing: float) -> float:
    """The constant temperature, in degrees Celsius, at which goods age so fast: the inverse of ``ageing``."""
    return _H_OVER_R / -log(mean_ageing) - ZERO_CELSIUS_K


def mean_kinetic(parts: Iterable[tuple[float, float]]) -> float | None:
    """The mean kinetic temperature of (degrees Celsius, time spent there); None where no time was spent at all."""
    total = weight = 0.0
    for celsius, spent in parts:
        total += spent * ageing(celsius)
        weight += spent
    return celsius_of(total / weight) if weight > 0 else None
