"""The protocol side of a driver, without a port and without a clock: bytes and times in, readings and bytes out.

``ByteDevice`` joins a dialogue to a port. All that depends on time (polling, time-outs, silence) is a function of ``at``, in seconds of
``CLOCK_BOOTTIME``, and is tested in virtual time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from device.domain.readings import NoiseReading, Reading
from device.errors import DeviceError, DeviceSilent
from device.wire.noise import Noise

SILENT_S = 5.0
"""A device with a heartbeat that has said nothing valid for so long is silent."""

NOISE_EVERY_S = 1.0
_REMEMBERED = 64

NEVER_SOUND = "nothing of it makes sense: another baud rate, or another kind of device"
"""What is to be said of so many bytes from a device that has never said anything sound: interference would have let something through."""


class Turn(NamedTuple):
    """What a dialogue has to say after an input: readings, in order; bytes to send; and the error that ends it, if any."""

    readings: Sequence[Reading] = ()
    send: bytes = b""
    failure: DeviceError | None = None


class Dialogue(Protocol):
    """One conversation with one device, from the opening of its port to its end. Never raises for what the device says."""

    @property
    def deadline(self) -> float:
        """When ``tick`` is wanted if nothing arrives before; infinite where never."""
        ...

    def opened(self, at: float) -> Turn:
        """The port is open."""
        ...

    def received(self, data: bytes, at: float) -> Turn:
        """Bytes have arrived."""
        ...

    def tick(self, at: float) -> Turn:
        """The deadline has come. Called early it does nothing."""
        ...


class NoiseTally:
    """Counts noise and reports it at most once a second. ``hint`` says what dropped bytes look like."""

    def __init__(self, device: str, hint: Callable[[bytes], str]) -> None:
        self._device = device
        self._hint = hint
        self._pieces = 0
        self._newest = b""
        self._sound = True
        self.doubtful = False
        """Whether ``forget`` has something to do."""
        self._next_at = -math.inf
        self.deadline = math.inf

    def add(self, noise: Noise) -> None:
        """Count one."""
        if not self._pieces:
            self.deadline = self._next_at
        self._pieces += 1
        self._newest = (self._newest + noise.data[-_REMEMBERED:])[-_REMEMBERED:]
        self.doubtful = True

    def report(self, at: float) -> list[Reading]:
        """The reading that is due, if one is."""
        if at < self.deadline:
            return []
        reading = NoiseReading(self._device, at, self._pieces, self.hint)
        self._pieces, self._next_at, self.deadline = 0, at + NOISE_EVERY_S, math.inf
        return [reading]

    @property
    def hint(self) -> str:
        """What the newest noise looks like; empty where it looks like nothing known, or there was none."""
        seen = self._hint(self._newest)
        return seen or (NEVER_SOUND if not self._sound and len(self._newest) == _REMEMBERED else "")

    def expect(self) -> None:
        """The port was opened, and whoever has this will say when something sound has come (``forget``)."""
        self._sound = False
        self.doubtful = True

    @property
    def silence(self) -> bool:
        """Whether nothing has come since the port was opened, neither sound nor noise."""
        return not self._sound and not self._newest

    def forget(self) -> None:
        """Something valid has come: what was noise before says nothing about what comes."""
        self._sound = True
        self._newest = b""
        self.doubtful = False


class Heartbeat:
    """Notices that a device has said nothing valid for ``SILENT_S``."""

    def __init__(self, device: str, noise: NoiseTally) -> None:
        self._device = device
        self._noise = noise
        self._noise.expect()
        self.deadline = math.inf

    def heard(self, at: float) -> None:
        """Something valid has come, or, the first time, the port has been opened."""
        if self._noise.doubtful and self.deadline < math.inf:
            self._noise.forget()
        self.deadline = at + SILENT_S

    def missed(self, at: float, asked: str = "") -> DeviceSilent | None:
        """The error, once it is time. ``asked`` is what it should have answered."""
        if at < self.deadline:
            return None
        reason = f"no answer to {asked}" if asked else "nothing valid came"
        hint = self._noise.hint
        more = f"; its bytes: {hint}" if hint else "; not one byte has come since the port was opened" if self._noise.silence else ""
        return DeviceSilent(self._device, f"{reason} for {SILENT_S:g} s{more}")
