"""One scale: its plates, its sample rate, its evidence. Hands each sample to its plate and judges what concerns the device as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import takewhile
from typing import NamedTuple

from device.domain.calibration import RawLevel
from device.domain.facts import Fact, WeightStep
from device.domain.layout import ModbusLoadcellScale, Scale, ShelfBoardScale
from device.domain.readings import FaultReading, WeightReading
from device.sensing.awaited import Awaited
from device.sensing.evidence import Evidence
from device.sensing.pace import Pace
from device.sensing.quality import REST_SAMPLES, level_at_rest
from device.sensing.trust import FLATLINE_S, FLATLINE_SAMPLES, STALE_S, STALE_SAMPLES, ChannelTrust, flatlined
from device.sensing.weight import Calibration, Plate

_LANE = 16
GAPS_IN_A_ROW = 4
REST_S = 1.5
_NOMINAL = Calibration(0.0, 200.0)
"""For a board that nobody has calibrated: 20 kg at 1 mV/V on an HX711, so that the detector's figures fit. Its plate decides nothing."""


class PlateView(NamedTuple):
    """A plate as it is now, for telemetry, tare and calibration.

    ``grams`` filtered, None without a sample or a calibration; ``raw`` the filtered value in the device's own units (counts for a board);
    ``sigma`` the noise of one sample in grams; ``reason`` why it is not trusted, ``starting`` before its first settled weight.
    """

    grams: float | None
    raw: float | None
    sigma: float | None
    trusted: bool
    reason: str | None
    moving: bool
    calibration: Calibration | None


def calibrations_of(scale: Scale, learnt: Mapping[tuple[str, int], Calibration]) -> dict[int, Calibration]:
    """A scale's calibrations by channel: the learnt one by (scale, channel), else the configured one, else none."""
    found: dict[int, Calibration] = {}
    for channel in range(1, scale.channels + 1):
        if (scale.id, channel) in learnt:
            found[channel] = learnt[scale.id, channel]
        elif isinstance(scale, ShelfBoardScale | ModbusLoadcellScale) and scale.counts_per_gram is not None:
            found[channel] = Calibration(_of(scale.zero_counts, channel), _of(scale.counts_per_gram, channel))
    return found


def _of(values: float | tuple[float, ...], channel: int) -> float:
    return values[channel - 1] if isinstance(values, tuple) else values


class ScaleSense:
    """The sense of one scale. ``boot`` goes before the names of evidence, which are to be unique over restarts; ``awaited`` is what was
    taken in its zone, from whatever scale."""

    def __init__(self, layout: Scale, calibrations: dict[int, Calibration], boot: str, awaited: Awaited) -> None:
        self.id = layout.id
        self.samples = 0
        self.dropped = 0
        self.last: float | None = None
        self._rate_hz = float(layout.rate_hz)
        self._pace = Pace.of(self._rate_hz)
        self._spacing = 1 / self._rate_hz
        self._gap_s = max(0.5, 4 * self._spacing)
        self._gaps = 0
        self._lane_from = 0.0
        self._converter = isinstance(layout, ShelfBoardScale)
        self._counts = isinstance(layout, ShelfBoardScale | ModbusLoadcellScale)
        self._evidence = Evidence(self._rate_hz)
        self._lane = _LANE
        self._here = False
        self._stale_from = float("inf")
        self._plates = [
            Plate(
                layout.id,
                channel,
                calibrations.get(channel, _NOMINAL if self._counts else Calibration(0.0, 1.0)),
                layout.capacity_g,
                self._converter,
                self._pace,
                ChannelTrust(layout.id, channel, channel in calibrations or not self._counts),
                boot,
                awaited,
            )
            for channel in range(1, layout.channels + 1)
        ]

    def take(self, reading: WeightReading) -> list[Fact]:
        """One sample of all plates."""
        facts: list[Fact] = []
        at = reading.at
        if self.last is None:
            self._here = True
            self._stale_from = self._lane_from = at
        elif at - self.last > self._gap_s:
            self._gap(at, at - self.last, facts)
        self.last = at
        self.samples += 1
        if reading.lost:
            self.dropped += reading.lost
        self._evidence.ring.append(reading)
        for plate, found in Plate.weigh(self._plates, at, reading.values):
            self._tell(plate, found, facts)
        self._lane -= 1
        if not self._lane:
            self._every_so_often(at, facts)
        if at >= self._evidence.due:
            facts.extend(self._evidence.complete(at))
        return facts

    def fault(self, reading: FaultReading) -> list[Fact]:
        """No value, and the device says why."""
        facts: list[Fact] = []
        for plate in self._plates:
            if reading.channel in (None, plate.channel):
                lost = plate.trust.fault(reading.at, reading.fault, plate.at)
                if plate.trust.reason == reading.fault:
                    plate.wait()
                facts.extend(lost)
        return facts

    def up(self, at: float) -> list[Fact]:
        """The device is there: samples are to be expected from now on."""
        self._here = True
        self.last = None
        self._stale_from = at
        return [fact for plate in self._plates for fact in plate.trust.announce(at)]

    def distrust(self, at: float, reason: str) -> list[Fact]:
        """All plates: the device was ``lost``, or has ``rebooted``."""
        if reason == "lost":
            self._here = False
        return [fact for plate in self._plates for fact in plate.distrust(at, reason)]

    def tick(self, at: float) -> list[Fact]:
        """Plates without a sample, traces that are complete."""
        facts: list[Fact] = []
        facts.extend(self._evidence.complete(at))
        if self._here:
            for plate in self._plates:
                if plate.trust.reason in (None, "starting") and at - max(plate.at, self._stale_from) > self._patience:
                    facts.extend(plate.distrust(at, plate.trust.why_silent(plate.at)))
        return facts

    @property
    def deadline(self) -> float | None:
        """When ``tick`` may have something to do."""
        times = [self._evidence.due] if self._evidence.due < float("inf") else []
        if self._here:
            patience = self._patience + 0.001
            times += [max(p.at, self._stale_from) + patience for p in self._plates if p.trust.reason in (None, "starting")]
        return min(times) if times else None

    def calibrate(self, channel: int, calibration: Calibration, at: float) -> list[Fact]:
        """From now on ``channel`` goes by ``calibration``. Raises ValueError for a channel that is not there or 0 counts a gram."""
        plate = self._plate(channel)
        if calibration.per_gram == 0:
            raise ValueError(f"{self.id} channel {channel}: per_gram must not be 0")
        plate.trust.calibrate()
        return plate.recalibrate(calibration, at)

    def view(self, channel: int) -> PlateView:
        """One plate as it is now. Raises ValueError for a channel that is not there."""
        plate = self._plate(channel)
        grams = plate.grams
        calibration = plate.calibration
        raw = None if grams is None else grams * calibration.per_gram + calibration.zero
        reason = plate.trust.reason
        if not plate.trust.is_calibrated:
            return PlateView(None, raw, None, False, reason, plate.moving, None)
        return PlateView(grams, raw, plate.sigma, reason is None, reason, plate.moving, calibration)

    def raw_level(self, channel: int, at: float) -> RawLevel | None:
        """Where a plate stands in the device's own units, whatever its calibration: the middle of the last 1.5 s.

        None while it is not at rest (``quality.level_at_rest``) or not there.
        Raises ValueError for a channel that is not there.
        """
        index = self._plate(channel).channel - 1
        since = at - max(REST_S, REST_SAMPLES / self._rate_hz)
        newest = takewhile(lambda reading: reading.at >= since, reversed(self._evidence.ring))
        raw = [reading.values[index] for reading in newest]
        raw = [value for value in raw if value == value]
        return level_at_rest(raw[::-1]) if self._here else None

    @property
    def complaint(self) -> str | None:
        """What is wrong with the device's plates, in one line; None when all are well."""
        wrong = [
            f"channel {plate.channel}: {plate.trust.reason}"
            for plate in self._plates
            if plate.trust.reason not in (None, "starting", "lost")
        ]
        return ", ".join(wrong) or None

    @property
    def _patience(self) -> float:
        return max(STALE_S, STALE_SAMPLES * self._pace.seconds)

    def _plate(self, channel: int) -> Plate:
        if not 1 <= channel <= len(self._plates):
            raise ValueError(f"{self.id} has no channel {channel}")
        return self._plates[channel - 1]

    def _tell(self, plate: Plate, found: list[Fact], facts: list[Fact]) -> None:
        """Pass on what a plate found, unless its counts mean nothing yet, and see to the evidence."""
        if plate.trust.reason == "uncalibrated":
            return
        for fact in found:
            facts.append(fact)
            if isinstance(fact, WeightStep):
                facts.extend(self._evidence.keep(fact, plate.calibration))
        if plate.moving:
            self._evidence.begin(plate.channel, plate.calibration)

    def _gap(self, at: float, spacing: float, facts: list[Fact]) -> None:
        """Samples are missing, or the scale is far slower than thought; a gap too long to be bridged makes its plates stale."""
        self._gaps += 1
        if self._gaps >= GAPS_IN_A_ROW:
            self._set_rate(1 / spacing)
            return
        for plate in self._plates:
            plate.gap()
        self._lane = _LANE
        self._lane_from = at
        if spacing > self._patience:
            facts.extend(self.tick(at))

    def _every_so_often(self, at: float, facts: list[Fact]) -> None:
        spacing = (at - self._lane_from) / _LANE
        self._lane = _LANE
        self._lane_from = at
        self._gaps = 0
        self._spacing += (spacing - self._spacing) / 4
        rate_hz = min(200.0, max(0.2, 1 / max(self._spacing, 1e-6)))
        if not 0.75 < rate_hz / self._rate_hz < 1.33:
            self._set_rate(rate_hz)
        if self._converter:
            self._judge_counts(at, facts)

    def _set_rate(self, rate_hz: float) -> None:
        self._rate_hz = rate_hz
        self._spacing = 1 / rate_hz
        self._pace = Pace.of(rate_hz)
        self._gap_s = max(0.5, 4 / rate_hz)
        self._gaps = 0
        self._evidence.set_rate(rate_hz)
        for plate in self._plates:
            plate.set_pace(self._pace)

    def _judge_counts(self, at: float, facts: list[Fact]) -> None:
        """Counts that stand still are no weights."""
        wanted = max(FLATLINE_SAMPLES, round(FLATLINE_S * self._rate_hz))
        ring = self._evidence.ring
        if len(ring) < wanted:
            return
        for index, plate in enumerate(self._plates):
            if ring[-1].values[index] == ring[-2].values[index] and flatlined([ring[-back].values[index] for back in range(1, wanted + 1)]):
                facts.extend(plate.distrust(at, "flatline"))
