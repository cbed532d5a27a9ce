"""How long things take, by the store's own clock: no longer than twice the contract's limits, however busy the machine is.

The figures themselves are recorded as properties of the tests: ``--junitxml=FILE -o junit_family=xunit1``.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import psutil

from device.engine.clock import uptime
from tests.scenarios.rig import CONFIG, rig

Record = Callable[[str, object], None]

SLACK = 2.0
LIFTED_S = 0.8
"""From the order to take something to the plate at rest: grip 0.2 s, lift 0.3 s, and the plate rings at 5 Hz with a damping of 0.4."""
MOST_MB = 60.0
"""As ps, top and systemd count: 1024 times 1024 bytes."""
MOST_IDLE = 0.05
IDLE_S = 10.0


async def test_the_times_of_a_purchase(tmp_path: Path, record_property: Record) -> None:
    async with rig(tmp_path, start=False) as store:
        heard = store.stranger
        await heard.listening()

        def took(what: str, since: float, until: float, limit_s: float) -> None:
            record_property(what, round(until - since, 3))
            assert until - since < SLACK * limit_s, what

        began = uptime()
        await store.start_daemon()
        took("start to online", began, uptime(), 20.0)
        await store.ready()
        for visit in range(3):
            before = heard.latest
            shown = uptime()
            await store.show()
            unlocked = await heard.event("door.unlocked", before)
            took(f"code to relay {visit}", shown, float(unlocked["uptime"]), 1.0)
            await store.pull()
            pulled = uptime()
            opened = await heard.event("door.opened", before)
            took(f"door to event {visit}", pulled, float(opened["uptime"]), 0.5)
            lifted = uptime() + LIFTED_S
            taken = await store.take("ABC"[visit])
            took(f"settled to item {visit}", lifted, float(taken["uptime"]), 0.5)
            shut = uptime()
            await store.leave()
            closed, locked, ended = [heard.told(kind, after=before)[0] for kind in ("door.closed", "door.locked", "session.ended")]
            took(f"door shut to event {visit}", shut, float(closed["uptime"]), 0.5)
            took(f"door closed to locked {visit}", float(closed["uptime"]), float(locked["uptime"]), 1.0)
            took(f"door closed to session ended {visit}", float(closed["uptime"]), float(ended["uptime"]), 1.0 + 3.0)
        asked = uptime()
        store.command("snapshot", "c1")
        await heard.reply("c1", "done")
        took("command to reply", asked, uptime(), 2.0)


EIGHT_SCALES = CONFIG[: CONFIG.index("[[scale]]")] + "".join(
    f'[[scale]]\nid = "plate-{n}"\nzone = "fridge"\ndriver = "{driver}"\nport = "serial:/dev/rig-{n}?baud=9600"\n'
    f'[[slot]]\nid = "S{n}"\nscale = "plate-{n}"\nproducts = ["09520000001018"]\ncapacity = 6\n'
    for n, driver in enumerate(["mt-sics", "stream"] * 4)
)


async def test_an_idle_store_with_eight_scales_is_small_and_quiet(tmp_path: Path, record_property: Record) -> None:
    async with rig(tmp_path, config=EIGHT_SCALES) as store:
        assert store.daemon is not None
        daemon = psutil.Process(store.daemon.pid)
        before, began = daemon.cpu_times(), uptime()
        await store.stranger.until(lambda: uptime() - began >= IDLE_S, "ten idle seconds")  # telemetry comes each second
        after, passed_s = daemon.cpu_times(), uptime() - began
        share = (after.user + after.system - before.user - before.system) / passed_s
        resident_mb = daemon.memory_info().rss / 1024**2
        record_property("share of a core", round(share, 4))
        record_property("resident MB", round(resident_mb, 1))
        record_property("processors", os.cpu_count())
        assert resident_mb < MOST_MB
        assert share < SLACK * MOST_IDLE
