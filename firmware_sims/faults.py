"""What goes wrong on wires, as wrappers for any simulated device.

A fault is a filter of what the device says (and sometimes of what it hears); a ``Faulty`` device has any number of them, each for a
time or until it is cleared. Pulling the plug is not here: that is the link's (``serve``).
"""

from __future__ import annotations

import random
from typing import Protocol

from firmware_sims.sim import Sim

MOST_HELD_BYTES = 64 * 1024
"""Bytes that a fault keeps back; beyond it the oldest are lost."""


class Fault(Protocol):
    """A filter on one device's wire."""

    def says(self, said: bytes, dt: float) -> bytes:
        """What comes out when the device says this after ``dt`` seconds (0 for an answer)."""

    def hears(self, data: bytes) -> bytes:
        """What the device hears of what was sent to it."""


class _Deaf:
    """What most faults do to what the device hears: nothing."""

    def hears(self, data: bytes) -> bytes:
        return data


class Split(_Deaf):
    """Everything comes in crumbs, a few bytes a tick."""

    def __init__(self, at_most: int = 3) -> None:
        self._at_most = at_most
        self._held = bytearray()

    def says(self, said: bytes, dt: float) -> bytes:
        self._held += said
        del self._held[:-MOST_HELD_BYTES]
        out = bytes(self._held[: self._at_most])
        del self._held[: self._at_most]
        return out


class Merge(_Deaf):
    """Everything is kept for a while and comes in one lump."""

    def __init__(self, for_s: float = 0.5) -> None:
        self._for_s = for_s
        self._waited_s = 0.0
        self._held = bytearray()

    def says(self, said: bytes, dt: float) -> bytes:
        self._held += said
        del self._held[:-MOST_HELD_BYTES]
        self._waited_s += dt
        if self._waited_s < self._for_s:
            return b""
        self._waited_s = 0.0
        out = bytes(self._held)
        self._held.clear()
        return out


class Delay(_Deaf):
    """Everything comes late by the same time."""

    def __init__(self, by_s: float = 0.3) -> None:
        self._by_s = by_s
        self._now_s = 0.0
        self._held: list[tuple[float, bytes]] = []

    def says(self, said: bytes, dt: float) -> bytes:
        self._now_s += dt
        if said:
            self._held.append((self._now_s + self._by_s, said))
            del self._held[:-1024]
        due = [data for at_s, data in self._held if at_s <= self._now_s + 1e-9]
        del self._held[: len(due)]
        return b"".join(due)


class Corrupt(_Deaf):
    """One bit of a byte flips, with ``rate`` a byte."""

    def __init__(self, rate: float = 0.01, seed: int | str = 0) -> None:
        self._rate = rate
        self._random = random.Random(f"corrupt {seed}")

    def says(self, said: bytes, dt: float) -> bytes:
        return bytes([byte ^ 1 << self._random.randrange(8) if self._random.random() < self._rate else byte for byte in said])


class Drop(_Deaf):
    """Bytes go missing, with ``rate`` a byte."""

    def __init__(self, rate: float = 0.01, seed: int | str = 0) -> None:
        self._rate = rate
        self._random = random.Random(f"drop {seed}")

    def says(self, said: bytes, dt: float) -> bytes:
        return bytes([byte for byte in said if self._random.random() >= self._rate])


class Babble(_Deaf):
    """Random bytes between the device's own, as from a wrong baud rate or a neighbour's cable."""

    def __init__(self, a_tick: int = 20, seed: int | str = 0) -> None:
        self._a_tick = a_tick
        self._random = random.Random(f"babble {seed}")

    def says(self, said: bytes, dt: float) -> bytes:
        return self._random.randbytes(self._random.randrange(self._a_tick + 1)) + said if dt else said


class Freeze:
    """The firmware hangs: it says nothing and hears nothing."""

    def says(self, said: bytes, dt: float) -> bytes:
        return b""

    def hears(self, data: bytes) -> bytes:
        return b""


class Faulty:
    """A device with faults. They apply in the order in which they were added."""

    def __init__(self, sim: Sim) -> None:
        self.sim = sim
        self._faults: dict[str, tuple[Fault, float | None]] = {}
        self._reboot_armed = False

    @property
    def quantum_s(self) -> float:
        return self.sim.quantum_s

    @property
    def faults(self) -> tuple[str, ...]:
        """Names of the faults that it has now."""
        return tuple(self._faults)

    def add(self, name: str, fault: Fault, for_s: float | None = None) -> None:
        """Have this fault, for a time or until it is cleared."""
        self._faults[name] = fault, for_s

    def clear(self) -> None:
        """Have no fault any more."""
        self._faults.clear()
        self._reboot_armed = False

    def reboot_in_mid_frame(self) -> None:
        """Break off in the middle of the next thing said, and start again."""
        self._reboot_armed = True

    def power_cycle(self) -> None:
        self.sim.power_cycle()

    def receive(self, data: bytes) -> bytes:
        heard = data
        for fault, _ in self._faults.values():
            heard = fault.hears(heard)
        if data and not heard:
            return b""
        return self._out(self.sim.receive(heard), 0.0)

    def tick(self, dt: float) -> bytes:
        said = self._out(self.sim.tick(dt), dt)
        for name, (fault, left_s) in tuple(self._faults.items()):
            if left_s is None:
                continue
            if left_s <= dt + 1e-9:
                del self._faults[name]
            else:
                self._faults[name] = fault, left_s - dt
        return said

    def _out(self, said: bytes, dt: float) -> bytes:
        if self._reboot_armed and len(said) > 1:
            self._reboot_armed = False
            self.sim.power_cycle()
            said = said[: len(said) // 2]
        for fault, _ in self._faults.values():
            said = fault.says(said, dt)
        return said
