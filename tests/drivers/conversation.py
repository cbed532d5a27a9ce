"""A dialogue and a simulated device (or a script) talking in virtual time."""

from __future__ import annotations

import math
from collections.abc import Sequence

from device.domain.readings import DeviceUp, FaultReading, NoiseReading, Reading, WeightReading
from device.drivers.dialogue import Dialogue, Turn
from device.errors import DeviceError
from firmware_sims.sim import Sim


class Conversation:
    """``device`` None: the test says what the device says. ``sent`` is what the dialogue has sent."""

    def __init__(self, dialogue: Dialogue, device: Sim | None = None) -> None:
        self.dialogue = dialogue
        self.device = device
        self.now = 1000.0
        self.readings: list[Reading] = []
        self.sent = b""
        self.failure: DeviceError | None = None
        self.deaf = False
        """The device's words do not arrive."""
        self._next_tick = self.now
        self._take(dialogue.opened(self.now))

    def run(self, seconds: float) -> None:
        """Let time pass, until it is over or the dialogue has failed."""
        end = self.now + seconds
        while self.failure is None:
            device_at = self._next_tick if self.device is not None else math.inf
            at = min(device_at, max(self.dialogue.deadline, self.now))
            if at > end:
                break
            self.now = at
            if self.device is not None and device_at <= at:
                quantum = self.device.quantum_s
                self._next_tick = at + quantum
                self.say(self.device.tick(quantum))
            else:
                before = self.dialogue.deadline
                self._take(self.dialogue.tick(self.now))
                assert self.failure is not None or self.dialogue.deadline > before, "a tick that moves no deadline spins"
        self.now = end if self.failure is None else self.now

    def say(self, data: bytes) -> None:
        """The device says something now."""
        if data and not self.deaf:
            self._take(self.dialogue.received(data, self.now))

    def take_sent(self) -> bytes:
        """What was sent since the last time this was asked."""
        sent, self.sent = self.sent, b""
        return sent

    def of(self, *kinds: type[Reading]) -> list[Reading]:
        """The readings of some kinds, in order."""
        return [reading for reading in self.readings if isinstance(reading, kinds)]

    @property
    def weights(self) -> list[tuple[float, ...]]:
        return [reading.values for reading in self.readings if isinstance(reading, WeightReading)]

    @property
    def faults(self) -> list[tuple[str, int | None]]:
        return [(reading.fault, reading.channel) for reading in self.readings if isinstance(reading, FaultReading)]

    @property
    def noise(self) -> list[tuple[float, int]]:
        return [(reading.at, reading.pieces) for reading in self.readings if isinstance(reading, NoiseReading)]

    @property
    def ups(self) -> list[str]:
        return [reading.firmware for reading in self.readings if isinstance(reading, DeviceUp)]

    def _take(self, turn: Turn) -> None:
        self.readings += turn.readings
        self.failure = turn.failure
        self.sent += turn.send
        if turn.send and self.device is not None:
            self.say(self.device.receive(turn.send))


def kinds(readings: Sequence[Reading]) -> list[str]:
    """The names of the kinds of readings."""
    return [type(reading).__name__ for reading in readings]
