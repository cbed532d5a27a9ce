"""``smartstore calibrate``: a plate, step by step, with known weights; and how good it is."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from device.cli.hearing import Ear, Enough, calibration_of, hear, state_of
from device.cli.output import json_option, say
from device.cli.signing import key_file
from device.config import Configuration
from device.config.faults import did_you_mean
from device.domain.calibration import RawLevel
from device.domain.envelope import Origin
from device.domain.jws import SigningKey
from device.domain.layout import Slot
from device.domain.moment import Moment
from device.domain.readings import DeviceDown, DeviceUp, FaultReading, Reading, WeightReading
from device.engine.records import restore, row_of
from device.errors import StoreError
from device.journal import Journal
from device.journal.reading import holder
from device.sensing.quality import Calibrated, calibrated, level_at_rest
from device.store.memory import notes
from device.store.memory.notes import Record

MEASURE_S = 3.0
"""So much of a plate at rest makes a level; of a slow scale, 10 samples."""
LEAST_SAMPLES = 10
PATIENCE_S = 60.0
THERE_WITHIN_S = 15.0
"""A scale that is there has said something by then."""
SETTLE_S = 1.0
CORNERS = ("front left", "front right", "back right", "back left")
DRIFT_EVERY_S = 5.0
COMMAND_EXPIRES_S = 30.0
LOADED_G = 100.0
"""What the lightest thing on a plate weighs where no product is known."""


@click.command()
@click.argument("config", type=click.Path(readable=False, path_type=Path))
@click.argument("slot")
@click.option("--grams", type=click.FloatRange(min=0, min_open=True), metavar="GRAMS", help="The known weight; asked for otherwise.")
@click.option(
    "--second", type=click.FloatRange(min=0), metavar="GRAMS", help="A second known weight, for linearity; 0: none. Asked for otherwise."
)
@click.option("--corners/--no-corners", default=None, help="Try the weight in the four corners. Asked otherwise.")
@click.option(
    "--drift",
    type=click.FloatRange(0, 3600),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to watch the weight; 0: not.",
)
@click.option("--key", type=key_file, metavar="FILE", help="Private key (PEM), to command the daemon while it runs.")
@click.option("--unsigned", is_flag=True, help="Command it in plain JSON; for access.signed_commands = false.")
@json_option
def command(config: Path, slot: str, as_json: bool, **options: Any) -> None:
    """Calibrate the plate of SLOT: its zero and a known weight, then a second weight, the corners and a minute of rest.

    While the daemon runs the plate is calibrated by the commands `tare` and `calibrate`, which need --key; unlock its door before, with
    purpose=service, or it will raise alarms. Otherwise the scale is opened here, and the result is kept in the journal for the next start.
    """
    from device.cli.simulation import as_it_runs
    from device.config import load

    configuration = as_it_runs(load(config))
    guide = _Guide(configuration, _slot_of(configuration, slot), as_json, options)
    try:
        found = guide.run()
    except KeyboardInterrupt:
        raise click.Abort from None
    guide.tell(found)


def _slot_of(configuration: Configuration, name: str) -> Slot:
    slots = {entry.id: entry for entry in _planned(configuration)}
    if name not in slots:
        raise StoreError(f"no slot {name}; there are {', '.join(slots)}{did_you_mean(name, slots)}")
    return slots[name]


def _planned(configuration: Configuration) -> tuple[Slot, ...]:
    """The slots of the store: those that a command has set win over the file's."""
    planogram = state_of(configuration.layout.journal.path).planogram
    return configuration.layout.slot if planogram is None else tuple(Slot.model_validate(slot) for slot in planogram)


@dataclass(frozen=True, slots=True)
class _Commander:
    """Sends commands to the running daemon."""

    configuration: Configuration
    key: SigningKey | None

    def send(self, name: str, **args: Any) -> None:
        """Raises StoreError where it is not done."""
        from device.cli.send import Sending, deliver

        command_id = str(uuid.uuid4())
        sending = Sending(
            self.configuration.layout, name, args, self.key, "calibrate", COMMAND_EXPIRES_S, COMMAND_EXPIRES_S, False, command_id
        )
        if not asyncio.run(deliver(sending)):
            raise StoreError(f"the daemon did not {name}: see its answer above; busy means that the plate moves, or somebody shops there")


class _Guide:
    """The steps, with the person who does them."""

    def __init__(self, configuration: Configuration, slot: Slot, as_json: bool, options: dict[str, Any]) -> None:
        self._configuration = configuration
        self._slot = slot
        self._as_json = as_json
        self._options = options
        self._journal = configuration.layout.journal.path
        self._running = holder(self._journal) is not None
        self._commander = None
        if self._running:
            if (options["key"] is None) != options["unsigned"]:
                raise click.UsageError("the daemon runs: either --key FILE or --unsigned, or stop it")
            self._commander = _Commander(configuration, options["key"])
        products = [configuration.products[gtin].grams for gtin in slot.products if gtin in configuration.products]
        self.lightest_g = min(products, default=None)

    def run(self) -> Calibrated:
        """All of it, in order."""
        how = "by commands to the running daemon" if self._running else "with the daemon stopped; the result goes into the journal"
        self._print(f"Slot {self._slot.id}: plate {self._slot.channel} of {self._slot.scale}, {how}.")
        self._require_scale()
        empty = self._empty()
        if self._commander:
            self._commander.send("tare", slot=self._slot.id)
        grams = self._options["grams"] or self._ask_grams("The known weight, in grams")
        loaded = self._level(f"Put {grams:g} g in the middle of the plate.")
        found = calibrated(empty, loaded, grams)
        if found is None:
            raise StoreError("nothing has changed on the plate: is it the right one, and is its cell connected?")
        if self._commander:
            self._commander.send("calibrate", slot=self._slot.id, grams=grams)
        self._print(f"  {found.per_gram:.4g} counts a gram, noise {found.noise_g:.2f} g")
        found = self._drift(found, grams)
        found = self._corners(found, grams)
        found = self._linearity(found, grams)
        back = self._level("Empty the plate again.")
        found = replace(found, return_g=_grams(found, back))
        if not self._running:
            asyncio.run(self._keep(found, _grams(found, back)))
        return found

    def _require_scale(self) -> None:
        """Nobody carries weights to a scale that is not there. Raises StoreError."""
        presence = _Presence()
        hear(self._configuration, self._slot.scale, Ear(presence.take, presence.idle), through_daemon=self._running)
        if presence.problem:
            raise StoreError(f"{self._slot.scale}: {presence.problem}")

    def _empty(self) -> RawLevel:
        """The plate with nothing on it. Raises StoreError where something still seems to stand there, and the person agrees."""
        level = self._level("Empty the plate.")
        known = calibration_of(self._configuration, self._slot.scale, self._slot.channel, state_of(self._journal))
        if known is None:
            return level
        grams = (level.raw - known.zero) / known.per_gram
        question = f"By what is known of it {grams:.0f} g stand on it. Is it empty all the same?"
        if abs(grams) > (self.lightest_g or LOADED_G) / 2 and not click.confirm(question, default=False, err=self._as_json):
            raise StoreError("the plate is not empty: nothing has been changed")
        return level

    def _linearity(self, found: Calibrated, grams: float) -> Calibrated:
        second = self._options["second"]
        if second is None:
            second = self._ask_grams("A second known weight, in grams (0: none)", least=0.0)
        if not second:
            return found
        error_g = _grams(found, self._level(f"Put {second:g} g in the middle of the plate instead.")) - second
        self._print(f"  {second + error_g:.1f} g: {error_g:+.1f} g")
        return replace(found, linearity_g=error_g)

    def _corners(self, found: Calibrated, grams: float) -> Calibrated:
        wanted = self._options["corners"]
        if wanted is None:
            wanted = click.confirm("Try the corners?", default=True, err=self._as_json)
        if not wanted:
            return found
        errors = []
        for corner in CORNERS:
            errors.append(_grams(found, self._level(f"Put {grams:g} g into the corner {corner}.")) - grams)
            self._print(f"  {corner}: {errors[-1]:+.1f} g")
        return replace(found, corner_g=max(errors, key=abs))

    def _drift(self, found: Calibrated, grams: float) -> Calibrated:
        for_s = self._options["drift"]
        if not for_s:
            return found
        self._print(f"Leave it there for {for_s:g} s, and the plate alone.")
        levels: list[float] = []
        until = time.monotonic() + for_s
        while not levels or time.monotonic() < until:
            levels.append(_grams(found, self._measure()))
            left_s = min(DRIFT_EVERY_S - MEASURE_S, until - time.monotonic())
            if left_s > 0:
                time.sleep(left_s)
        drift_g = max((level - levels[0] for level in levels), key=abs)
        self._print(f"  {drift_g:+.2f} g")
        return replace(found, drift_g=drift_g)

    def _level(self, what: str) -> RawLevel:
        """Have something done, and measure the plate once it is at rest."""
        click.prompt(f"{what} Then press Enter", default="", show_default=False, prompt_suffix=" ", err=self._as_json)
        return self._measure()

    def _measure(self) -> RawLevel:
        """The plate at rest. Raises StoreError where it does not come to rest, or says nothing."""
        heard = _Plate(self._slot.channel)
        hear(self._configuration, self._slot.scale, Ear(heard.take, heard.idle), through_daemon=self._running)
        if heard.level is None:
            raise StoreError(f"{self._slot.scale}: {heard.problem or 'the plate does not come to rest'}")
        return heard.level

    async def _keep(self, found: Calibrated, grams: float) -> None:
        """Put the result where the daemon finds it. The note bears the journal's newest time: nothing has happened in the store since."""
        settings = self._configuration.layout.journal
        journal = Journal.open(settings.path, max_mb=settings.max_mb, keep_days=settings.keep_days)
        try:
            state = restore(*journal.recover())
            moment = Moment(state.uptime, state.wall, state.trusted, state.boot)
            slot = self._slot
            note = notes.Calibrated(slot.scale, slot.channel, found.zero, found.per_gram, slot.id, round(grams, 2))
            store = self._configuration.layout.store
            await journal.commit([row_of(Record(note, moment), Origin(store.id, journal.epoch, ZoneInfo(store.timezone), False))])
        finally:
            await journal.close()

    def _ask_grams(self, what: str, least: float = 0.1) -> float:
        grams: float = click.prompt(what, type=click.FloatRange(min=least), err=self._as_json)
        return grams

    def _print(self, text: str) -> None:
        click.echo(text, err=self._as_json)

    def tell(self, found: Calibrated) -> None:
        """The result."""
        kept = None
        if self._running:
            kept = calibration_of(self._configuration, self._slot.scale, self._slot.channel, state_of(self._journal))
        lines = [f"Slot {self._slot.id}: zero {found.zero:.1f}, {found.per_gram:.5g} counts a gram; kept in the journal."]
        names = {"noise_g": "noise of a sample", "linearity_g": "second weight", "corner_g": "worst corner", "drift_g": "drift"}
        for name, label in (names | {"return_g": "zero afterwards"}).items():
            error_g = getattr(found, name)
            if error_g is not None:
                lines.append(f"  {label:<18} {error_g:+8.2f} g" if name != "noise_g" else f"  {label:<18} {error_g:8.2f} g")
        verdict = f"This plate is good to {found.good_to_g:.1f} g."
        fits = None
        if self.lightest_g is not None:
            fits = found.tells(self.lightest_g)
            verdict += f" The lightest product here has {self.lightest_g:g} g: " + ("well enough." if fits else "TOO COARSE for it.")
        lines.append(verdict)
        fields = {**asdict(found), "good_to_g": round(found.good_to_g, 3), "fits": fits, "lightest_g": self.lightest_g}
        in_force = None if kept is None else {"zero": kept.zero, "per_gram": kept.per_gram}
        say(
            self._as_json,
            "\n".join(lines),
            slot=self._slot.id,
            scale=self._slot.scale,
            channel=self._slot.channel,
            **fields,
            in_force=in_force,
        )


class _Presence:
    """Hears whether a scale is there at all; ``problem`` says why not."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until = clock() + THERE_WITHIN_S
        self.problem = ""

    def take(self, reading: Reading) -> None:
        match reading:
            case DeviceUp() | WeightReading():
                raise Enough
            case DeviceDown(_, _, reason):
                self.problem = reason
                raise Enough

    def idle(self) -> None:
        if self._clock() > self._until:
            self.problem = f"has said nothing for {THERE_WITHIN_S:g} s"
            raise Enough


class _Plate:
    """Hears one plate until it has been at rest for long enough."""

    def __init__(self, channel: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._channel = channel
        self._clock = clock
        self._until = clock() + PATIENCE_S
        self._samples: list[tuple[float, float]] = []
        self.level: RawLevel | None = None
        self.problem = ""

    def take(self, reading: Reading) -> None:
        match reading:
            case WeightReading():
                value = reading.values[self._channel - 1]
                if value == value:
                    self._weigh(reading.at, value)
            case FaultReading(_, _, fault, channel, detail) if channel in (None, self._channel):
                self.problem = f"{fault} {detail}".strip()
            case DeviceDown(_, _, reason):
                self.problem = reason
                raise Enough

    def _weigh(self, at: float, value: float) -> None:
        self._samples.append((at, value))
        span_s = at - self._samples[0][0]
        if len(self._samples) < LEAST_SAMPLES or span_s < SETTLE_S + MEASURE_S:
            return
        recent = [value for then, value in self._samples if then > at - MEASURE_S]
        recent = recent if len(recent) >= LEAST_SAMPLES else [value for _, value in self._samples[-LEAST_SAMPLES:]]
        self.level = level_at_rest(recent)
        if self.level is not None:
            raise Enough
        del self._samples[: -max(LEAST_SAMPLES, len(recent))]

    def idle(self) -> None:
        if self._clock() > self._until:
            raise Enough


def _grams(found: Calibrated, level: RawLevel) -> float:
    return (level.raw - found.zero) / found.per_gram
