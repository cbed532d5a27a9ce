"""What a plate sample costs: ``python -m tests.bench.bench_sensing [--json]``. Microseconds of CPU a plate sample, and memory a plate."""

from __future__ import annotations

import json
import sys
import time
import tracemalloc

from device.domain.readings import WeightReading
from device.sensing import Sensing
from tests.sensing.signals import Signal, Step, store


def scales(number: int, channels: int) -> Sensing:
    table = [
        {
            "id": f"s{index}",
            "zone": "z",
            "driver": "shelf-board",
            "port": f"tcp:192.0.2.1:{4000 + index}",
            "channels": channels,
            "rate_hz": 80,
            "counts_per_gram": 100.0,
        }
        for index in range(number)
    ]
    return Sensing(store(scale=table), {}, "bench")


def readings(channels: int, seconds: float, rate_hz: float, busy: bool) -> list[WeightReading]:
    steps = [Step(10 + 4 * index, (-1) ** index * 750.0) for index in range(200)] if busy else []
    columns = [
        [grams for _, grams in Signal(seed, rate_hz, glitches=0.008, steps=steps).samples(seconds)]
        for seed in range(1 if busy else channels)
    ]
    columns = columns * (channels // len(columns))
    return [
        WeightReading("s0", index / rate_hz, tuple(round(100 * grams) for grams in row))
        for index, row in enumerate(zip(*columns, strict=True))
    ]


def cost_us(channels: int, rate_hz: float, *, busy: bool) -> float:
    """The best of five runs, so that the machine's other work does not count."""
    samples = readings(channels, 60.0, rate_hz, busy)
    best = float("inf")
    for _ in range(5):
        senses = scales(1, channels)
        began = time.process_time()
        for reading in samples:
            senses.take(reading)
        best = min(best, time.process_time() - began)
    return best / len(samples) / channels * 1e6


def memory_kb(channels: int) -> float:
    """Of one board at 80 Hz, its ring full of samples as a driver makes them."""
    samples = readings(1, 20.0, 80.0, busy=False)
    tracemalloc.start()
    senses = scales(1, channels)
    for reading in samples:
        senses.take(WeightReading("s0", reading.at + 0.0, tuple(float(reading.values[0] + channel) for channel in range(channels))))
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return size / 1024


def main() -> None:
    figures = {
        "quiet_1_plate_10_hz_us": round(cost_us(1, 10.0, busy=False), 2),
        "quiet_16_plates_80_hz_us": round(cost_us(16, 80.0, busy=False), 2),
        "a_step_every_4_s_10_hz_us": round(cost_us(1, 10.0, busy=True), 2),
        "a_step_every_4_s_80_hz_us": round(cost_us(1, 80.0, busy=True), 2),
        "board_of_16_at_80_hz_kb": round(memory_kb(16)),
    }
    if "--json" in sys.argv:
        sys.stdout.write(json.dumps(figures) + "\n")
    else:
        sys.stdout.write("".join(f"{name:30} {value:8}\n" for name, value in figures.items()))


if __name__ == "__main__":
    main()
