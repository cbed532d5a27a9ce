"""What a sample costs: CPU seconds per million plate samples, of sensing alone and of the whole way from bytes to events.

The whole way is ``smartstore run`` as on hardware: drivers, trust, sensing, evidence, engine, journal, uplink to a real Mosquitto. Beside
it, in turn on the same pseudo-terminals and fed with the same bytes, two programs that only parse and publish on change: one as it is
written in an afternoon (``speed_afternoon``), one in C (``speed_reader.c``). The feed and the broker are processes that are not counted.

Two stores: 32 scales that send a line 50 times a second, and 8 boards of 16 plates at 80 Hz. In each about one item a second is taken or
put back, without a door being opened for it, so that each is a change of stock, an alarm and a trace.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from device.bench.plot import Panel, figure
from device.bench.result import Options, Result
from device.bench.speed_feed import COUNTS_PER_GRAM, KINDS, ZERO_COUNTS, plates
from device.bench.speed_run import Feed, Missing, Program, afternoon, broker, c_reader, cpu_s, daemon, resident_mb, running, steps_in
from device.bench.tables import table
from device.domain.layout import MtSicsScale, Scale, ShelfBoardScale
from device.domain.port import parse_port
from device.domain.readings import WeightReading
from device.sensing.awaited import Awaited
from device.sensing.scale import ScaleSense
from device.sensing.weight import Calibration

STORES = {"scales": 32, "boards": 8}
STARTS_WITHIN_S = 30.0
WARM_S = 6.0
"""A plate's first quiet second, the rate of its scale, and the devices' first words are behind it."""
FLOW_S = 29.0
"""Ends in a calm: a step under way would be counted on one side only."""
DRAIN_S = 0.5
"""For the last bytes to be read, before a program is ended."""
TURNS = 3
TARGETS = {"scales": 2.5, "boards": 6.0}
"""At most so many times the C reader; at most so many CPU seconds per million channel samples."""


@dataclass(slots=True)
class Column:
    """What one program has used, turn by turn. ``samples`` are those within the time that is measured; all that were fed, and read
    by the program's own count where it has one, show that none was passed over."""

    name: str
    costs: list[float] = field(default_factory=list)
    samples: int = 0
    samples_fed: int = 0
    samples_read: int | None = None
    refused: int = 0
    resident_mb: float = 0.0
    steps_fed: int = 0
    steps_told: int | None = None

    @property
    def cost(self) -> float:
        """CPU seconds per million samples: the middle of the turns."""
        return sorted(self.costs)[len(self.costs) // 2]


@dataclass(frozen=True, slots=True)
class Measured:
    """One store: its programs, those that could not take part and why, and what sensing costs alone."""

    columns: Sequence[Column]
    missing: Mapping[str, str]
    alone: float

    @property
    def reader(self) -> Column | None:
        """The column that others are compared with."""
        return next((column for column in self.columns if column.name == "C reader"), None)


def run(options: Options) -> Result:
    """Measure both stores; quick: one turn of each program instead of three. Raises Missing where there is no Mosquitto."""
    measured: dict[str, Measured] = {}
    for kind, devices in STORES.items():
        columns, missing = compare(kind, devices, 1 if options.quick else TURNS, options.seed)
        measured[kind] = Measured(columns, missing, min(sensing_alone(kind, options.seed) for _ in range(3)))
    figures: dict[str, Any] = {"unit": "CPU seconds per million plate samples"}
    figures |= {kind: _figures(kind, store) for kind, store in measured.items()}
    return Result("speed", figures, lines_of(measured), {"speed": figure([_panel(kind, store) for kind, store in measured.items()])})


def lines_of(measured: Mapping[str, Measured]) -> list[str]:
    """The table."""
    rows = [row for kind, store in measured.items() for row in _rows(kind, store)]
    return table(("", "CPU s / million", "to C", "turns", "MB", "steps told"), rows)


def compare(
    kind: str, devices: int, turns: int, seed: int, warm_s: float = WARM_S, flow_s: float = FLOW_S
) -> tuple[list[Column], dict[str, str]]:
    """Every program in turn on the same terminals; and which could not take part, and why. Raises Missing where there is no Mosquitto."""
    missing: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="smartstore-bench-") as name:
        folder = Path(name)
        with broker(folder) as port, closing(Feed(kind, devices, seed)) as feed:
            programs: list[Callable[[Path], Program]] = [
                lambda at: daemon(kind, port, feed.ports, at),
                lambda _: afternoon(kind, port, feed.ports),
            ]
            try:
                reader = c_reader(kind, port, feed.ports, folder)
                programs.append(lambda _: reader)
            except Missing as error:
                missing["C reader"] = str(error)
            columns: dict[str, Column] = {}
            for turn in range(turns):
                for number, make in enumerate(programs):
                    own = folder / f"{turn}-{number}"
                    own.mkdir()
                    program = make(own)
                    _take_turn(program, own, feed, columns.setdefault(program.name, Column(program.name)), warm_s, flow_s)
    return list(columns.values()), missing


def _take_turn(program: Program, folder: Path, feed: Feed, column: Column, warm_s: float, flow_s: float) -> None:
    with running(program, folder) as process:
        program.wait_until_up(folder, STARTS_WITHIN_S)
        feed.go()
        time.sleep(warm_s)
        before, used = feed.count(), cpu_s(process.pid)
        time.sleep(flow_s - warm_s)
        used = cpu_s(process.pid) - used
        after = feed.count()
        column.resident_mb = max(column.resident_mb, resident_mb(process.pid))
        end = feed.stop()
        time.sleep(DRAIN_S)
    column.samples_fed += end["samples"]
    if (read := program.samples_read(folder)) is not None:
        column.samples_read = (column.samples_read or 0) + read
    column.samples += after["samples"] - before["samples"]
    column.costs.append(1e6 * used / (after["samples"] - before["samples"]))
    column.refused += end["refused"]
    column.steps_fed += end["steps"]
    if program.journal is not None:
        column.steps_told = (column.steps_told or 0) + steps_in(program.journal)


def sensing_alone(kind: str, seed: int) -> float:
    """CPU seconds per million plate samples of ``ScaleSense.take``: trust, detection and evidence, on one device's minute of signal."""
    fed = KINDS[kind]
    samples, _ = plates(fed, seed)
    scale: Scale
    if fed.channels == 1:
        scale = MtSicsScale(id="s", zone="z", driver="mt-sics", port=parse_port("tcp:192.0.2.1:4001"), rate_hz=fed.rate_hz)
        readings = [WeightReading("s", at / fed.rate_hz, (float(round(row[0])),)) for at, row in enumerate(zip(*samples, strict=True))]
    else:
        port = parse_port("tcp:192.0.2.1:4001")
        scale = ShelfBoardScale(id="s", zone="z", driver="shelf-board", port=port, channels=fed.channels, rate_hz=80)
        readings = [
            WeightReading("s", at / fed.rate_hz, tuple(round(ZERO_COUNTS + grams * COUNTS_PER_GRAM) for grams in row))
            for at, row in enumerate(zip(*samples, strict=True))
        ]
    calibration = Calibration(ZERO_COUNTS, COUNTS_PER_GRAM) if fed.channels > 1 else Calibration(0.0, 1.0)
    sense = ScaleSense(scale, dict.fromkeys(range(1, fed.channels + 1), calibration), "bench.", Awaited())
    began = time.process_time()
    for reading in readings:
        sense.take(reading)
    return 1e6 * (time.process_time() - began) / (len(readings) * fed.channels)


def _figures(kind: str, store: Measured) -> dict[str, Any]:
    fed, reader = KINDS[kind], store.reader
    return {
        "devices": STORES[kind],
        "plates_each": fed.channels,
        "rate_hz": fed.rate_hz,
        "samples_per_s": STORES[kind] * fed.channels * fed.rate_hz,
        "sensing_alone": round(store.alone, 2),
        "programs": {
            column.name: {
                "cpu_s_per_million": round(column.cost, 2),
                "turns": [round(cost, 2) for cost in column.costs],
                "to_c": round(column.cost / reader.cost, 2) if reader else None,
                "resident_mb": column.resident_mb,
                "samples": column.samples,
                "samples_fed": column.samples_fed,
                "samples_read": column.samples_read,
                "writes_refused": column.refused,
                "steps_fed": column.steps_fed,
                "steps_told": column.steps_told,
            }
            for column in store.columns
        },
        "missing": dict(store.missing),
    }


def _rows(kind: str, store: Measured) -> Iterator[tuple[object, ...]]:
    fed, reader = KINDS[kind], store.reader
    yield f"{STORES[kind]} {kind}, {fed.channels} x {fed.rate_hz} Hz", "", "", "", "", ""
    yield "  sensing alone", f"{store.alone:.2f}", "", "", "", ""
    for column in store.columns:
        ratio = f"{column.cost / reader.cost:.2f}" if reader else ""
        turns = f"{min(column.costs):.1f}-{max(column.costs):.1f}"
        told = "" if column.steps_told is None else f"{column.steps_told} of {column.steps_fed}"
        yield f"  {column.name}", f"{column.cost:.2f}", ratio, turns, f"{column.resident_mb:.1f}", told
    for name, why in store.missing.items():
        yield f"  {name}: {why}", "", "", "", "", ""


def _panel(kind: str, store: Measured) -> Panel:
    fed, reader = KINDS[kind], store.reader
    bars = [("sensing alone", store.alone), *((column.name, column.cost) for column in store.columns)]
    panel = Panel(
        f"{STORES[kind]} {kind}, {STORES[kind] * fed.channels * fed.rate_hz:,} plate samples a second",
        y="CPU seconds per million samples",
        ticks_x=[(place, name) for place, (name, _) in enumerate(bars)],
    )
    panel.bars([(place, cost) for place, (_, cost) in enumerate(bars)])
    if kind == "boards":
        panel.mark_y(TARGETS[kind], "target")
    elif reader:
        panel.mark_y(TARGETS[kind] * reader.cost, "target: 2.5 times C")
    return panel
