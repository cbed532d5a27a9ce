"""Readings: what a device said, in its own units, with the time at which it arrived.

``at`` is seconds of ``CLOCK_BOOTTIME``; ``device`` the id in the configuration. Named tuples, because tens of thousands a
second are made on a Raspberry Pi and they are cheaper to make than frozen dataclasses.
"""

from __future__ import annotations

from typing import NamedTuple


class WeightReading(NamedTuple):
    """One sample of all plates of a scale.

    ``values[n]`` belongs to channel n + 1: grams from a scale that weighs, raw counts from a load-cell board (the
    calibration turns them into grams), NaN where this sample has none for the channel.
    ``stable`` is the scale's own word for it, None where it has none. ``lost`` samples went missing right before.
    """

    device: str
    at: float
    values: tuple[float, ...]
    stable: bool | None = None
    lost: int = 0


class TagReading(NamedTuple):
    """One tag seen by one antenna. ``epc`` as on the air, ``rssi_dbm`` None where the reader gives none."""

    device: str
    at: float
    epc: bytes
    rssi_dbm: float | None = None
    antenna: int = 1


class TagRound(NamedTuple):
    """An inventory round ended: what was present and readable has been reported before this."""

    device: str
    at: float


class TemperatureReading(NamedTuple):
    """A temperature that passed the sensor's own checks, in degrees Celsius."""

    device: str
    at: float
    celsius: float


class ContactReading(NamedTuple):
    """Everything that a lock's wires say at one instant; None where there is no such wire.

    ``unlocked`` is the relay as read back, in terms of the lock (the fail mode is accounted for); ``closed`` the door contact;
    ``bolt_locked`` the bolt contact; ``exit_pressed`` the exit button.
    """

    device: str
    at: float
    unlocked: bool | None
    closed: bool | None
    bolt_locked: bool | None = None
    exit_pressed: bool | None = None


class InputReading(NamedTuple):
    """An input in terms of its meaning: ``active`` is fire, tamper, mains lost, exit asked or presence, whatever the wire's polarity."""

    device: str
    at: float
    active: bool


class CodeReading(NamedTuple):
    """A code or card number read: 4 or more printable ASCII characters."""

    device: str
    at: float
    text: str


class FaultReading(NamedTuple):
    """The device says, or its answer shows, that a value is not to be had: never a value in disguise.

    ``fault`` is one of ``saturated``, ``no_answer``, ``overload``, ``underload``, ``power_up`` (a DS18B20's 85 °C),
    ``bad_crc``, ``out_of_range``, ``not_executable``. ``channel`` counts from 1, None for the whole device.
    """

    device: str
    at: float
    fault: str
    channel: int | None = None
    detail: str = ""


class DeviceUp(NamedTuple):
    """The port is open and, where it can be asked, the device has answered. ``firmware`` empty where it has no word for it."""

    device: str
    at: float
    firmware: str = ""


class DeviceDown(NamedTuple):
    """The supervisor has lost the device; it is being retried. ``reason`` is for people."""

    device: str
    at: float
    reason: str


class DeviceRebooted(NamedTuple):
    """The device started anew in mid-stream: its zero, tare and sequence are no longer what they were."""

    device: str
    at: float


class NoiseReading(NamedTuple):
    """Bytes that made no sense have been dropped, in ``pieces`` since the last one of these (at most one a second and device).

    ``hint`` is for people, e.g. what the bytes look like at another baud rate; empty where there is nothing to say.
    """

    device: str
    at: float
    pieces: int
    hint: str = ""


class LockOutcome(NamedTuple):
    """What came of one ``DriveLock``: ``ok`` when the relay was written and read back as asked. ``order`` names the effect."""

    device: str
    at: float
    order: int
    ok: bool
    reason: str = ""


Reading = (
    WeightReading
    | TagReading
    | TagRound
    | TemperatureReading
    | ContactReading
    | InputReading
    | CodeReading
    | FaultReading
    | DeviceUp
    | DeviceDown
    | DeviceRebooted
    | NoiseReading
    | LockOutcome
)
