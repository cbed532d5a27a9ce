"""The sensing stage: every reading goes in at ``Sensing.take``, facts come out. Nothing here knows a session, a product or a price."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from device.domain.calibration import RawLevel
from device.domain.facts import DoorMoved, Fact, LockDriven, ProbeFailed, TemperatureKnown
from device.domain.layout import Layout
from device.domain.readings import (
    CodeReading,
    ContactReading,
    DeviceDown,
    DeviceRebooted,
    DeviceUp,
    FaultReading,
    InputReading,
    LockOutcome,
    NoiseReading,
    Reading,
    TagReading,
    TagRound,
    TemperatureReading,
    WeightReading,
)
from device.sensing.awaited import Awaited
from device.sensing.codes import CodeSense
from device.sensing.door import DoorSense
from device.sensing.gestures import Gestures
from device.sensing.health import DeviceState, DeviceView, Health
from device.sensing.inputs import InputSense
from device.sensing.scale import PlateView, ScaleSense, calibrations_of
from device.sensing.tags import TagSense
from device.sensing.temperature import TemperatureSense
from device.sensing.weight import Calibration

_UNTIMED = frozenset({TagReading, TagRound, CodeReading, LockOutcome})
"""Readings after which there is nothing to wait for."""


class Sensing:
    """Readings to facts, for all devices of a layout. Pure: time comes in with the readings and with ``tick``.

    ``calibrations`` by (scale, channel) win over those of the configuration. ``boot`` is put before the names of evidence, so that
    they are unique over restarts. A reading of a device that is not in the layout raises KeyError: it is a bug.
    """

    def __init__(self, layout: Layout, calibrations: Mapping[tuple[str, int], Calibration], boot: str) -> None:
        awaited = {scale.zone: Awaited() for scale in layout.scale}
        self._scales = {
            scale.id: ScaleSense(scale, calibrations_of(scale, calibrations), f"{boot}.", awaited[scale.zone]) for scale in layout.scale
        }
        self._gestures = Gestures({scale.id: scale.zone for scale in layout.scale}, f"{boot}.")
        self._doors = {lock.id: DoorSense(lock.id) for lock in layout.lock}
        self._inputs = {each.id: InputSense(each.id) for each in layout.input}
        self._shut: dict[str, dict[str, bool]] = {reader.zone: {} for reader in layout.rfid}
        """By zone in which tags are read: whether each of its doors is known to be shut."""
        self._lock_zone = {lock.id: lock.zone for lock in layout.lock if lock.zone in self._shut}
        for lock, zone in self._lock_zone.items():
            self._shut[zone][lock] = False
        self._tags = {
            reader.id: TagSense(reader.id, reader.miss_rate, reader.weakest_dbm, shut=not self._shut[reader.zone]) for reader in layout.rfid
        }
        self._readers_of = {zone: [reader.id for reader in layout.rfid if reader.zone == zone] for zone in self._shut}
        self._codes = {reader.id: CodeSense(reader.id) for reader in layout.reader}
        self._thermometers = {
            each.id: TemperatureSense(each.id, each.every_s, each.offset_celsius, each.frozen_after_s) for each in layout.thermometer
        }
        self._health = {device.id: Health(device.id) for device in layout.devices}
        self._blind: set[str] = set()
        self.deadline: float | None = 0.0
        """When ``tick`` next may have something to do; None while there is nothing to wait for. Never too late, at times too early."""
        self._takers: dict[type, Callable[[Any], list[Fact]]] = {
            TagReading: lambda reading: self._tags[reading.device].take(reading),
            TagRound: lambda reading: self._tags[reading.device].round(reading),
            TemperatureReading: lambda reading: self._judged(self._thermometers[reading.device].take(reading)),
            ContactReading: lambda reading: self._followed(self._doors[reading.device].take(reading)),
            InputReading: lambda reading: self._inputs[reading.device].take(reading),
            CodeReading: lambda reading: self._codes[reading.device].take(reading),
            LockOutcome: lambda reading: [LockDriven(reading.device, reading.at, reading.order, reading.ok, reading.reason)],
        }
        self._reports: dict[type, Callable[[Any], list[Fact]]] = {
            DeviceUp: self._up,
            DeviceDown: self._down,
            DeviceRebooted: self._rebooted,
            FaultReading: self._fault,
            NoiseReading: lambda reading: self._health[reading.device].noisy(reading),
        }

    def facts(self, readings: Sequence[Reading]) -> list[Fact]:
        """Take readings in their order."""
        if len(readings) == 1:
            return self.take(readings[0])
        return [fact for reading in readings for fact in self.take(reading)]

    def take(self, reading: Reading) -> list[Fact]:
        """Take one reading; a quiet weight reading costs some microseconds a plate."""
        if type(reading) is WeightReading:
            facts = self._scales[reading.device].take(reading)
            if facts:
                self.deadline = 0.0
                facts = self._gestures.sort(facts)
            return facts
        taker = self._takers.get(type(reading))
        if taker is None:
            facts = self._gestures.sort(self._reports[type(reading)](reading))
        else:
            health = self._health[reading.device]
            health.heard(reading.at)
            facts = taker(reading)
            if health.doubted is not None and reading.device not in self._thermometers:
                facts = [*health.believe(reading.at), *facts]
        if type(reading) not in _UNTIMED:
            self.deadline = 0.0
        return facts

    def tick(self, at: float) -> list[Fact]:
        """Let time pass: what has held, what is stale, what is complete. Harmless when nothing is due."""
        facts: list[Fact] = []
        for part in self._timed():
            facts.extend(part.tick(at))
        facts = self._followed(self._judged(facts))
        times = [part.deadline for part in self._timed()]
        self.deadline = min((time for time in times if time is not None), default=None)
        return facts

    def calibrate(self, scale: str, channel: int, zero: float, per_gram: float, at: float) -> list[Fact]:
        """From now on grams are ``(raw - zero) / per_gram``.

        A quiet plate tells its level by it at once (``PlateQuiet(first=True)``). Raises ValueError for a channel that is not there or
        ``per_gram`` 0, KeyError for an unknown scale.
        """
        self.deadline = 0.0
        return self._gestures.sort(self._scales[scale].calibrate(channel, Calibration(zero, per_gram), at))

    def raw_level(self, scale: str, channel: int, at: float) -> RawLevel | None:
        """Where a plate at rest stands in the device's own units (``device.domain.calibration.Weigh``); None while it is not at rest.

        Raises KeyError for an unknown scale, ValueError for a channel that is not there.
        """
        return self._scales[scale].raw_level(channel, at)

    def plate(self, scale: str, channel: int) -> PlateView:
        """One plate as it is now. Raises KeyError for an unknown scale, ValueError for a channel that is not there."""
        return self._scales[scale].view(channel)

    def device(self, device: str) -> DeviceView:
        """One device as it is now. Raises KeyError for an unknown one."""
        health = self._health[device]
        samples, dropped, last, reason = health.samples, 0, health.last, health.reason
        scale = self._scales.get(device)
        if scale is not None:
            samples, dropped, last = scale.samples, scale.dropped, scale.last
            reason = reason or scale.complaint
        reason = reason or health.complaint
        state: DeviceState = "lost" if not health.online else "online" if reason is None else "degraded"
        return DeviceView(state, health.since, health.noise, health.resets, samples, dropped, last, health.firmware, reason)

    def devices(self) -> dict[str, DeviceView]:
        """All devices of the layout as they are now, in its order."""
        return {device: self.device(device) for device in self._health}

    def _timed(self) -> list[Any]:
        groups = (self._scales, self._doors, self._inputs, self._thermometers, self._health)
        return [part for group in groups for part in group.values()]

    def _up(self, reading: DeviceUp) -> list[Fact]:
        facts = self._health[reading.device].up(reading.at, reading.firmware)
        if reading.device in self._scales:
            facts.extend(self._scales[reading.device].up(reading.at))
        if reading.device in self._doors:
            self._doors[reading.device].up()
        return facts

    def _down(self, reading: DeviceDown) -> list[Fact]:
        device, at = reading.device, reading.at
        facts = self._health[device].down(at, reading.reason)
        if device in self._scales:
            facts.extend(self._scales[device].distrust(at, "lost"))
        if device in self._doors:
            facts.extend(self._followed(self._doors[device].lost(at)))
        if device in self._inputs:
            self._inputs[device].lost()
        if device in self._tags:
            self._tags[device].pause()
        return facts

    def _rebooted(self, reading: DeviceRebooted) -> list[Fact]:
        self._health[reading.device].rebooted()
        if reading.device in self._tags:
            self._tags[reading.device].pause()
        scale = self._scales.get(reading.device)
        return scale.distrust(reading.at, "rebooted") if scale is not None else []

    def _fault(self, reading: FaultReading) -> list[Fact]:
        if reading.device in self._scales:
            return self._scales[reading.device].fault(reading)
        if reading.device in self._tags and reading.channel is not None:
            self._tags[reading.device].deaf(reading.channel)
        thermometer = self._thermometers.get(reading.device)
        if thermometer is None:
            return self._health[reading.device].doubt(reading.at, reading.fault)
        facts = self._judged(thermometer.fault(reading))
        # One that failed while it was away is not told to have failed again.
        return facts + self._health[reading.device].doubt(reading.at, reading.fault) if reading.device in self._blind else facts

    def _followed(self, facts: list[Fact]) -> list[Fact]:
        """Let the readers of tags know of doors that have moved."""
        for fact in facts:
            if isinstance(fact, DoorMoved) and fact.lock in self._lock_zone:
                zone = self._lock_zone[fact.lock]
                doors = self._shut[zone]
                doors[fact.lock] = fact.closed is True
                for reader in self._readers_of[zone]:
                    self._tags[reader].door(fact.at, all(doors.values()))
        return facts

    def _judged(self, facts: list[Fact]) -> list[Fact]:
        """With what a thermometer's facts say of its health: one that fails is degraded until it is believed again."""
        told: list[Fact] = []
        for fact in facts:
            told.append(fact)
            if isinstance(fact, ProbeFailed):
                self._blind.add(fact.thermometer)
                told += self._health[fact.thermometer].doubt(fact.at, fact.reason)
            elif isinstance(fact, TemperatureKnown):
                self._blind.discard(fact.thermometer)
                told += self._health[fact.thermometer].believe(fact.at)
        return told
