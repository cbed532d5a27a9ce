"""How fast a backlog drains: ``python -m tests.bench.bench_uplink [--json] [EVENTS] [ROUND_TRIP_MS]``.

A real Mosquitto behind a proxy that delays each direction by half the round trip; events of 280 bytes from memory. The figure to hold is
10,000 events at 50 ms round trip, window 100, in at most 10 s.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path

from device.uplink import Uplink
from device.uplink.uplink import WINDOW
from tests.mosquitto import Mosquitto
from tests.uplink.memory import EPOCH, Inbox, MemoryOutbox, plain_status, running, settings_for
from tests.uplink.proxy import proxying


async def drain(events: int, round_trip_s: float, protocol: int) -> dict[str, float]:
    outbox = MemoryOutbox()
    outbox.add(events, size=180)
    with tempfile.TemporaryDirectory() as folder:
        settings = [f"max_inflight_messages {WINDOW}"]
        async with Mosquitto(Path(folder), settings=settings) as broker, proxying(broker.port, round_trip_s / 2) as proxy:
            uplink = Uplink(settings_for(proxy.url, protocol=protocol), "test-01", EPOCH, outbox, Inbox().take, plain_status)
            began, worked = time.perf_counter(), time.process_time()
            async with running(uplink):
                while outbox.acknowledged < events:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
                took, cpu = time.perf_counter() - began, time.process_time() - worked
            return {
                "seconds": round(took, 2),
                "events_per_s": round(events / took),
                "cpu_us_an_event_with_the_proxy": round(cpu / events * 1e6),
                "most_in_flight": proxy.most_in_flight,
            }


def main() -> None:
    numbers = [int(word) for word in sys.argv[1:] if word.isdigit()]
    events, round_trip_ms = (*numbers, *(10_000, 50)[len(numbers) :])
    for protocol in (5, 4):
        figures = asyncio.run(drain(events, round_trip_ms / 1000, protocol))
        told = {"events": events, "round_trip_ms": round_trip_ms, "protocol": protocol, **figures}
        sys.stdout.write(
            json.dumps(told) + "\n" if "--json" in sys.argv else ", ".join(f"{key} {value}" for key, value in told.items()) + "\n"
        )


if __name__ == "__main__":
    main()
