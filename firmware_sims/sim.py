"""What a simulated device is: bytes in, bytes out, and time as an argument."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Sim(Protocol):
    """One device's firmware. It holds no clock, does no I/O, and with the same seed and calls says the same bytes."""

    @property
    def quantum_s(self) -> float:
        """How often it wants to be ticked, in seconds; it may change while the device runs."""

    def receive(self, data: bytes) -> bytes:
        """Bytes from the host, in any pieces; the answer that the firmware gives at once."""

    def tick(self, dt: float) -> bytes:
        """``dt`` seconds pass; what the firmware says by itself in that time."""

    def power_cycle(self) -> None:
        """Power off and on: volatile state is lost, and the next tick begins with whatever the device says at power-up."""


class Session(Protocol):
    """What a device with a socket of its own has besides: it speaks first to who connects, and serves one at a time."""

    @property
    def open(self) -> bool:
        """Whether it keeps its connection."""

    @property
    def refusal(self) -> bytes:
        """What a second client is told before it is hung up on."""

    def connected(self) -> None:
        """Somebody has connected; the next tick may greet."""

    def left(self) -> None:
        """Nobody is connected any more."""


class NotInstalled(ValueError):
    """The library that a simulated device is made of is not there."""


class Load(Protocol):
    """What a load cell feels."""

    def sample(self, dt: float) -> float:
        """``dt`` seconds pass; the grams that the cell converts now, noise and all."""


class Steady:
    """A load that never moves; ``grams`` may be set."""

    def __init__(self, grams: float = 0.0) -> None:
        self.grams = grams

    def sample(self, dt: float) -> float:
        return self.grams


class Recorded:
    """A recording, one sample a step of time; the last one stays when it is played out."""

    def __init__(self, grams: Sequence[float]) -> None:
        if not grams:
            raise ValueError("a recording has at least one sample")
        self._grams = grams
        self._next = 0

    @property
    def played(self) -> int:
        """How many samples were given."""
        return self._next

    def sample(self, dt: float) -> float:
        grams = self._grams[min(self._next, len(self._grams) - 1)]
        self._next += dt > 0
        return grams


class Metronome:
    """Counts how many periods end in the time that passes, without losing fractions."""

    def __init__(self, period_s: float) -> None:
        self.period_s = period_s
        self._elapsed_s = 0.0

    def reset(self) -> None:
        self._elapsed_s = 0.0

    def beats(self, dt: float) -> int:
        self._elapsed_s += dt
        count = int(self._elapsed_s / self.period_s + 1e-6)
        self._elapsed_s -= count * self.period_s
        return count


class Bus:
    """Several devices on one line (RS-485): all hear all, and whoever is meant answers."""

    def __init__(self, sims: Sequence[Sim]) -> None:
        self.sims = tuple(sims)

    @property
    def quantum_s(self) -> float:
        return min(sim.quantum_s for sim in self.sims)

    def receive(self, data: bytes) -> bytes:
        return b"".join([sim.receive(data) for sim in self.sims])

    def tick(self, dt: float) -> bytes:
        return b"".join([sim.tick(dt) for sim in self.sims])

    def power_cycle(self) -> None:
        for sim in self.sims:
            sim.power_cycle()
