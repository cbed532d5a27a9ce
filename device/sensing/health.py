"""How a device is: online, degraded or lost, and the counters that its topic shows."""

from __future__ import annotations

from collections import deque
from typing import Literal, NamedTuple

from device.domain.facts import DeviceDegraded, DeviceLost, DeviceOnline, Fact
from device.domain.readings import NoiseReading

NOISY_READINGS = 5
NOISY_WITHIN_S = 10.0
WELL_AFTER_S = 30.0


DeviceState = Literal["online", "degraded", "lost"]


class DeviceView(NamedTuple):
    """A device as it is now. ``since`` and ``last`` are seconds of ``CLOCK_BOOTTIME``, None where there has been nothing yet."""

    state: DeviceState
    since: float | None
    noise: int
    resets: int
    samples: int
    dropped: int
    last: float | None
    firmware: str
    reason: str | None


class Health:
    """The health of one device. Noise that comes in 5 of 10 seconds is a degradation; after 30 s without any the device is well.
    Of a device that has not yet answered, or not again, one noise that looks like something is enough: nothing else is known of it.

    So is a device that is there and has no values to be believed (``doubt``), until it has one (``believe``). Plates see to themselves
    (``trust``).
    """

    def __init__(self, device: str) -> None:
        self._device = device
        self.online = False
        self.since: float | None = None
        self.reason: str | None = "starting"
        self.noise = 0
        self.resets = 0
        self.samples = 0
        self.last: float | None = None
        self.firmware = ""
        self.hint: str | None = None
        self.doubted: str | None = None
        self._noisy: deque[float] = deque(maxlen=NOISY_READINGS)

    def up(self, at: float, firmware: str) -> list[Fact]:
        """It answers. Nothing new where it had not been lost."""
        self.firmware = firmware or self.firmware
        if self.online:
            return []
        out_for_s = None if self.since is None else at - self.since
        self.online, self.since, self.reason = True, at, None
        return [DeviceOnline(self._device, at, out_for_s, self.firmware)]

    def down(self, at: float, reason: str) -> list[Fact]:
        """It is gone. Told once until it is back."""
        self.reason = reason
        if not self.online and self.since is not None:
            return []
        self.online, self.since, self.doubted = False, at, None
        return [DeviceLost(self._device, at, reason)]

    def rebooted(self) -> None:
        """It started anew by itself."""
        self.resets += 1

    def heard(self, at: float) -> None:
        """It said something that made sense."""
        self.samples += 1
        self.last = at

    def doubt(self, at: float, reason: str) -> list[Fact]:
        """It is there, and its values are not to be believed, or it gives none. Told once; of a device that is lost that is told."""
        if not self.online or self.doubted is not None:
            return []
        self.doubted = reason
        return [DeviceDegraded(self._device, at, reason)]

    def believe(self, at: float) -> list[Fact]:
        """It has given a value that is believed."""
        if self.doubted is None:
            return []
        self.doubted = None
        return [DeviceDegraded(self._device, at, None)] if self.hint is None else []

    @property
    def complaint(self) -> str | None:
        """What is wrong with a device that is there; None where it is well."""
        return self.doubted or self.hint

    def noisy(self, reading: NoiseReading) -> list[Fact]:
        """Bytes that made no sense."""
        self.noise += reading.pieces
        self._noisy.append(reading.at)
        lasting = len(self._noisy) == NOISY_READINGS and reading.at - self._noisy[0] <= NOISY_WITHIN_S
        strange = bool(reading.hint) and not self.online
        if self.hint is not None or not (lasting or strange):
            return []
        self.hint = reading.hint or "noise on the line"
        return [DeviceDegraded(self._device, reading.at, self.hint)]

    def tick(self, at: float) -> list[Fact]:
        """Without noise for long enough it is well again; while it is away that proves nothing."""
        deadline = self.deadline
        if deadline is None or at < deadline:
            return []
        self.hint = None
        return [DeviceDegraded(self._device, at, None)] if self.doubted is None else []

    @property
    def deadline(self) -> float | None:
        if self.hint is None or not self.online or self.since is None:
            return None
        return max(self._noisy[-1], self.since) + WELL_AFTER_S
