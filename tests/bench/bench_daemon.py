"""What the whole daemon costs: start to online, memory, and the share of a core of an idle store with eight scales at 10 Hz.

``python -m tests.bench.bench_daemon [SECONDS]``: real Mosquitto, simulated firmware in a process of its own, the daemon as on hardware. The
figures are those of this machine; the share is the daemon's own user and system time over the wall time.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import tempfile
import time
from pathlib import Path

from tests.scenarios.rig import CONFIG, rig

SECONDS = 30.0
TICKS = os.sysconf("SC_CLK_TCK")

MORE_SCALES = """
[[scale]]
id = "plate-{n}"
zone = "fridge"
driver = "mt-sics"
port = "serial:/dev/rig-{n}?baud=9600"
[[slot]]
id = "S{n}"
scale = "plate-{n}"
products = ["09520000001018"]
capacity = 6
"""


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory_kib(pid: int) -> int:
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) if found else 0


async def measure(seconds: float) -> None:
    with tempfile.TemporaryDirectory() as folder:
        # The rig's own store has three scales of four plates; five more make eight.
        more = "".join(MORE_SCALES.format(n=number) for number in range(1, 6))
        async with rig(Path(folder), config=CONFIG + more, start=False) as store:
            began = time.perf_counter()
            await store.start_daemon()
            online_s = time.perf_counter() - began
            await store.ready()
            assert store.daemon is not None
            pid = store.daemon.pid
            await asyncio.sleep(5)  # late on purpose: what a start costs is not what idling costs
            used, began = cpu_s(pid), time.perf_counter()
            await asyncio.sleep(seconds)
            share = (cpu_s(pid) - used) / (time.perf_counter() - began)
            say(f"start to online              {online_s:6.2f} s")
            say(f"idle, 8 scales at 10 Hz      {share:6.1%} of one core, over {seconds:.0f} s")
            say(f"resident                     {memory_kib(pid) / 1024:6.1f} MiB")


def main() -> None:
    asyncio.run(measure(float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS))


if __name__ == "__main__":
    main()
