"""Pins of the computer itself, through gpiozero's default pin factory.

Responsible for: claiming pins without a jump in level, and telling every edge with its time from whatever thread it comes. Not responsible
for: what a level means, debouncing. gpiozero's ``bounce_time`` is not used: with lgpio it loses edges and makes some up (gpiozero issues
1090 and 1138), and a mock pin ignores it.

What lgpio, the only factory that works on all boards, does with an output (gpiozero 2.0.1, ``pins/lgpio.py``):

- Making the pin object claims the line as an input without a pull. An output that an earlier process left driven is let go at that moment,
  and when the pin is closed again. So what a relay does while nobody drives it is decided by a resistor, and the wiring must have one.
- ``output_with_state`` is not overridden: the line is claimed as an output, which is low, and then written. What is on when low is on
  between these two calls: too short for a relay, not for a transistor. Boards that are on when high have no such pulse.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import warnings
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from gpiozero import Device, GPIODevice, InputDevice
from gpiozero.exc import GPIOZeroError

from device.errors import DeviceGone
from device.ports.refusal import no_permission

EDGES = 256
"""Edges that may wait to be looked at. A contact that chatters beyond it loses the oldest; the levels are read anyway."""


class Edge(NamedTuple):
    """``pin`` went to ``high`` at ``at`` (seconds of ``CLOCK_BOOTTIME``)."""

    pin: int
    at: float
    high: bool


class Pins:
    """The pins of one device, claimed until ``close``; ``wake`` is set when there are edges.

    Every method but ``take_edges`` and ``close`` raises DeviceGone.
    """

    def __init__(self, device: str, now: Callable[[], float], wake: asyncio.Event) -> None:
        self._device = device
        self._now = now
        self._loop = asyncio.get_running_loop()
        self._claimed: dict[int, GPIODevice] = {}
        self._listeners: list[Callable[[Any, Any], None]] = []
        self._edges: deque[Edge] = deque(maxlen=EDGES)
        self._wake = wake
        self._ringing = False
        self.dropped = 0
        """Edges lost because they came faster than they were taken."""
        with warnings.catch_warnings(record=True) as why_not:
            warnings.simplefilter("always")
            try:
                Device.ensure_pin_factory()
            except _faults(ImportError) as error:
                reasons = "; ".join([*(str(warning.message) for warning in why_not), *_closed_chips()])
                raise DeviceGone(device, f"no GPIO here: {error}" + (f" ({reasons})" if reasons else "")) from error

    def claim_input(self, pin: int) -> None:
        """Claim a pin with a pull-up and listen to its edges: a closed contact to ground reads low, an open or cut wire high."""
        try:
            device = self._claimed[pin] = InputDevice(pin, pull_up=True)
            device.pin.edges = "both"
            device.pin.when_changed = self._listener(pin)
        except _faults() as error:
            raise self._gone(pin, error) from error

    def claim_output(self, pin: int, resting: bool) -> None:
        """Claim a pin as an output. One that is driven already keeps its level, any other gets ``resting``."""
        try:
            device = self._claimed[pin] = GPIODevice(pin)
            if device.pin.function != "output":
                device.pin.output_with_state(resting)
        except _faults() as error:
            raise self._gone(pin, error) from error

    def put(self, pin: int, high: bool) -> None:
        """Drive an output."""
        try:
            self._claimed[pin].pin.state = high
        except _faults() as error:
            raise self._gone(pin, error) from error

    def high(self, pin: int) -> bool:
        """The level of a pin as it is now; of an output, as read back."""
        try:
            return bool(self._claimed[pin].pin.state)
        except _faults() as error:
            raise self._gone(pin, error) from error

    def take_edges(self) -> list[Edge]:
        """The edges since the last time, oldest first."""
        self._ringing = False
        edges: list[Edge] = []
        while self._edges:
            edges.append(self._edges.popleft())
        return edges

    def close(self) -> None:
        """Stop listening and give the pins back. No level is written."""
        for device in self._claimed.values():
            with contextlib.suppress(*_faults()):
                device.pin.when_changed = None
            with contextlib.suppress(*_faults()):
                device.close()
        self._claimed.clear()
        self._listeners.clear()

    def _listener(self, pin: int) -> Callable[[Any, Any], None]:
        def changed(_ticks: Any, state: Any) -> None:
            """Runs on the thread of whoever saw the edge."""
            if len(self._edges) == EDGES:
                self.dropped += 1
            self._edges.append(Edge(pin, self._now(), bool(state)))
            if not self._ringing:
                self._ringing = True
                # The loop may have ended between the edge and this line.
                with contextlib.suppress(RuntimeError):
                    self._loop.call_soon_threadsafe(self._wake.set)

        self._listeners.append(changed)  # gpiozero holds it by a weak reference only
        return changed

    def _gone(self, pin: int, error: Exception) -> DeviceGone:
        return DeviceGone(self._device, "; ".join([f"GPIO{pin}: {error}", *_closed_chips()]))


def _closed_chips(dev: Path = Path("/dev")) -> list[str]:
    """What to do about it where chips are there and none may be opened: lgpio only says that it cannot."""
    chips = sorted(dev.glob("gpiochip*"))
    if not chips or any(os.access(chip, os.R_OK | os.W_OK) for chip in chips):
        return []
    return [no_permission(str(chips[0]))]


def _faults(*also: type[Exception]) -> tuple[type[Exception], ...]:
    """What the pin libraries raise; lgpio's error is no kin of gpiozero's."""
    lgpio = sys.modules.get("lgpio")
    faults: tuple[type[Exception], ...] = (GPIOZeroError, OSError, *also)
    return faults if lgpio is None else (*faults, lgpio.error)
