"""``smartstore probe``: one device, live: what it says, how often, and how well."""

from __future__ import annotations

import sys
import time
from collections import Counter, deque
from pathlib import Path
from typing import Any

import click

from device.cli.hearing import Ear, Enough, calibration_of, device_of, hear, state_of
from device.cli.output import json_option
from device.cli.signing import time_span
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
    TemperatureReading,
    WeightReading,
)
from device.errors import StoreError
from device.journal.reading import holder
from device.sensing.quality import Noise, noise_of
from device.sensing.weight import Calibration

WINDOW_S = 60.0
MOST_SAMPLES = 8192
MOST_TAGS = 10


@click.command()
@click.argument("config", type=click.Path(readable=False, path_type=Path))
@click.argument("device")
@click.option("--for", "for_s", type=time_span, metavar="TIME", help="So long, e.g. 30s; default: until Ctrl-C.")
@click.option("--every", "every_s", type=time_span, metavar="TIME", default="1s", show_default=True, help="How often to tell.")
@click.option("--listen", is_flag=True, help="Hear what the running daemon hears, instead of opening the device.")
@json_option
def command(config: Path, device: str, for_s: float | None, every_s: float, listen: bool, as_json: bool) -> None:
    """Show what DEVICE of CONFIG says, with its rate, its noise over the last minute, and what was wrong.

    Noise is the standard deviation, and the same by median, which single wild samples do not move; wild ones are counted as glitches.
    The exit status is 1 where the device was not there at the end.
    """
    from device.cli.simulation import as_it_runs
    from device.config import load

    configuration = as_it_runs(load(config))
    kind, entry = device_of(configuration, device)
    journal = configuration.layout.journal.path
    running = holder(journal)
    if running is not None and not listen:
        reason = f"the daemon (process {running}) has {device}; stop it, or hear what it hears with --listen"
        raise StoreError(reason)
    calibrations: list[Calibration | None] = []
    if kind == "scale":
        state = state_of(journal)
        calibrations = [calibration_of(configuration, device, channel, state) for channel in range(1, entry.channels + 1)]
    probe = _Probe(device, calibrations)
    screen = _Screen(probe, as_json, every_s, for_s)
    try:
        hear(configuration, device, Ear(probe.take, screen.idle), through_daemon=listen)
    except KeyboardInterrupt:
        click.echo("", err=True)
    screen.show()
    if probe.state != "online":
        raise SystemExit(1)


class _Probe:
    """What has been heard. Samples of the last minute are kept, of the rest the newest."""

    def __init__(self, device: str, calibrations: list[Calibration | None]) -> None:
        self.device = device
        self.state = "opening"
        self.firmware = ""
        self.last_error = ""
        self.readings = self.lost = self.noise = self.resets = 0
        self._calibrations = calibrations
        self._times: deque[float] = deque(maxlen=MOST_SAMPLES)
        self._plates: list[deque[float]] = [deque(maxlen=MOST_SAMPLES) for _ in calibrations]
        self._celsius: deque[float] = deque(maxlen=MOST_SAMPLES)
        self._tags: Counter[str] = Counter()
        self._rssi: dict[str, float | None] = {}
        self._newest: dict[str, Any] = {}

    def take(self, reading: Reading) -> None:
        match reading:
            case DeviceUp(_, _, firmware):
                self.state, self.firmware = "online", firmware or self.firmware
            case DeviceDown(_, _, reason):
                self.state, self.last_error = "lost", reason
            case DeviceRebooted():
                self.resets += 1
            case NoiseReading(_, _, pieces, hint):
                self.noise += pieces
                self.last_error = hint or "bytes that make no sense"
            case FaultReading(_, _, fault, channel, detail):
                where = f"channel {channel}: " if channel is not None else ""
                self.last_error = f"{where}{fault}{': ' + detail if detail else ''}"
            case _:
                self._value(reading)

    def _value(self, reading: Reading) -> None:
        self.readings += 1
        self._times.append(reading.at)
        while self._times[0] < reading.at - WINDOW_S:
            self._times.popleft()
        match reading:
            case WeightReading():
                self.lost += reading.lost
                for plate, value in zip(self._plates, reading.values, strict=False):
                    if value == value:
                        plate.append(value)
                    while len(plate) > len(self._times):
                        plate.popleft()
            case TemperatureReading():
                self._celsius.append(reading.celsius)
                while len(self._celsius) > len(self._times):
                    self._celsius.popleft()
            case TagReading():
                epc = reading.epc.hex().upper()
                self._tags[epc] += 1
                self._rssi[epc] = reading.rssi_dbm
            case CodeReading():
                self._newest["code"] = reading.text
            case ContactReading():
                self._newest |= {"unlocked": reading.unlocked, "closed": reading.closed}
                self._newest |= {"bolt_locked": reading.bolt_locked, "exit_pressed": reading.exit_pressed}
            case InputReading():
                self._newest["active"] = reading.active
            case LockOutcome():
                self._newest["outcome"] = "ok" if reading.ok else reading.reason

    @property
    def rate_hz(self) -> float | None:
        """Readings a second, over the last minute."""
        times = self._times
        return (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 and times[-1] > times[0] else None

    def told(self) -> dict[str, Any]:
        """Everything, as JSON has it."""
        fields: dict[str, Any] = {"device": self.device, "state": self.state, "firmware": self.firmware, "readings": self.readings}
        fields["rate_hz"] = None if self.rate_hz is None else round(self.rate_hz, 2)
        fields |= {"lost": self.lost, "noise": self.noise, "resets": self.resets, "last_error": self.last_error}
        if self._plates:
            fields["plates"] = [self._plate(number, plate) for number, plate in enumerate(self._plates, 1)]
        if self._celsius:
            noise = noise_of(list(self._celsius))
            fields |= {"celsius": self._celsius[-1], "min": min(self._celsius), "max": max(self._celsius), "sd": round(noise.sd, 3)}
        if self._tags:
            fields["tags"] = [{"epc": epc, "reads": count, "rssi_dbm": self._rssi[epc]} for epc, count in sorted(self._tags.items())]
        return fields | self._newest

    def _plate(self, channel: int, plate: deque[float]) -> dict[str, Any]:
        calibration = self._calibrations[channel - 1]
        if not plate:
            return {"channel": channel, "raw": None}
        noise = noise_of(list(plate))
        fields: dict[str, Any] = {"channel": channel, "raw": plate[-1], "sd": round(noise.sd, 3), "robust_sd": round(noise.robust_sd, 3)}
        fields["glitches"] = noise.glitches
        if calibration is not None:
            fields |= _in_grams(plate[-1], noise, calibration)
        return fields

    def lines(self) -> list[str]:
        """Everything, for people."""
        told = self.told()
        rate = "" if told["rate_hz"] is None else f", {told['rate_hz']:g} a second"
        head = f"{self.device}: {self.state}{f' ({self.firmware})' if self.firmware else ''}, {self.readings} readings{rate}"
        troubles = [f"{told[name]} {name}" for name in ("lost", "noise", "resets") if told[name]]
        lines = [", ".join([head, *troubles])]
        lines += [_plate_line(plate) for plate in told.get("plates", ())]
        if "celsius" in told:
            lines.append(f"  {told['celsius']:.2f} °C, {told['min']:.2f} to {told['max']:.2f}, SD {told['sd']:.3f}")
        tags = told.get("tags", [])
        lines += [f"  {tag['epc']}  {tag['reads']} reads, {tag['rssi_dbm']} dBm" for tag in tags[:MOST_TAGS]]
        if len(tags) > MOST_TAGS:
            lines.append(f"  and {len(tags) - MOST_TAGS} more tags")
        if self._newest:
            lines.append("  " + ", ".join(f"{name} {value}" for name, value in self._newest.items() if value is not None))
        if self.last_error:
            lines.append(f"  last error: {self.last_error}")
        return lines


def _in_grams(raw: float, noise: Noise, calibration: Calibration) -> dict[str, float]:
    factor = abs(calibration.per_gram)
    grams = (raw - calibration.zero) / calibration.per_gram
    return {"grams": round(grams, 2), "sd_g": round(noise.sd / factor, 3), "robust_sd_g": round(noise.robust_sd / factor, 3)}


def _plate_line(plate: dict[str, Any]) -> str:
    if plate["raw"] is None:
        return f"  plate {plate['channel']}: no value yet"
    glitches = f", {plate['glitches']} glitches" if plate["glitches"] else ""
    if "grams" in plate:
        noise = f"noise SD {plate['sd_g']:.2f} g, robust {plate['robust_sd_g']:.2f} g"
        return f"  plate {plate['channel']}: {plate['grams']:9.1f} g   {noise}{glitches}   raw {plate['raw']:.12g}"
    noise = f"noise SD {plate['sd']:.1f}, robust {plate['robust_sd']:.1f}"
    return f"  plate {plate['channel']}: raw {plate['raw']:.12g}   {noise}{glitches}   not calibrated"


class _Screen:
    """Tells every so often: over itself on a terminal, line after line elsewhere."""

    def __init__(self, probe: _Probe, as_json: bool, every_s: float, for_s: float | None) -> None:
        self._probe = probe
        self._as_json = as_json
        self._every_s = every_s
        now = time.monotonic()
        self._next = now + every_s
        self._until = float("inf") if for_s is None else now + for_s
        self._shown = 0

    def idle(self) -> None:
        now = time.monotonic()
        if now >= self._until:
            raise Enough
        if now >= self._next:
            self._next = now + self._every_s
            self.show()

    def show(self) -> None:
        if self._as_json:
            import json

            click.echo(json.dumps(self._probe.told(), ensure_ascii=False))
            return
        lines = self._probe.lines()
        if sys.stdout.isatty() and self._shown:
            click.echo(f"\x1b[{self._shown}F\x1b[J", nl=False)
        click.echo("\n".join(lines))
        self._shown = len(lines)
