"""The board: the retained topics and the telemetry, made of what the store and the senses know now. It decides nothing."""

from __future__ import annotations

import math
import os
import resource
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from device.domain.envelope import rfc3339
from device.domain.moment import Moment
from device.engine.core import Core

Publish = Callable[[str, Mapping[str, Any] | None], None]
"""(topic below the root, payload or None to clear)."""

DEVICE_EVERY_S = 60.0
"""Counters of a device that is otherwise unchanged are told this often."""

_STATM = Path("/proc/self/statm")


class Board:
    """Remembers what it has put up, so that it only looks again at what may have changed."""

    def __init__(self, core: Core, publish: Publish, telemetry: Callable[[str, Mapping[str, Any]], None]) -> None:
        self._core = core
        self._publish = publish
        self._telemetry = telemetry
        self._devices_told: dict[str, tuple[str, str | None, float]] = {}
        self._told: dict[str, dict[str, Any]] = {}

    def levels(self, moment: Moment) -> None:
        """Zones and slots; those that have left the plan are cleared."""
        store = self._core.store
        shown = {f"zone/{zone}": store.zone_view(zone, moment) for zone in store.plan.zones}
        shown |= {f"slot/{slot}": store.slot_view(slot, moment) for slot in store.plan.slots}
        for topic, payload in shown.items():
            if self._told.get(topic) != payload:
                self._publish(topic, payload)
        for topic in self._told.keys() - shown.keys():
            self._publish(topic, None)
        self._told = shown

    def devices(self, moment: Moment) -> None:
        """Devices: at once when their state changes, their counters each minute."""
        plan = self._core.store.plan
        for device, view in self._core.sensing.devices().items():
            state, reason, at = self._devices_told.get(device, ("", None, -math.inf))
            if (view.state, view.reason) == (state, reason) and moment.uptime - at < DEVICE_EVERY_S:
                continue
            self._devices_told[device] = (view.state, view.reason, moment.uptime)
            payload = {
                "state": view.state,
                "since": self._time(view.since, moment),
                "kind": plan.kinds[device],
                "driver": plan.drivers[device],
                "noise": view.noise,
                "resets": view.resets,
                "samples": view.samples,
                "dropped": view.dropped,
                "last": self._time(view.last, moment),
                "firmware": view.firmware,
                "reason": view.reason,
            }
            self._publish(f"device/{device}", payload)

    def measure(self) -> None:
        """The live values of scales and thermometers."""
        core = self._core
        for scale in core.store.plan.layout.scale:
            plates = [core.sensing.plate(scale.id, channel) for channel in range(1, scale.channels + 1)]
            grams = [None if plate.grams is None else round(plate.grams, 1) for plate in plates]
            self._telemetry(scale.id, {"grams": grams, "moving": [plate.moving for plate in plates]})
        for thermometer, celsius in core.store.cold.celsius.items():
            self._telemetry(thermometer, {"celsius": celsius})

    def _time(self, uptime: float | None, moment: Moment) -> str | None:
        return None if uptime is None else rfc3339(moment.wall - (moment.uptime - uptime), self._core.store.plan.timezone)


def process_figures() -> dict[str, float]:
    """What the machine and this process are at: load average of a minute, resident MB, CPU seconds used."""
    pages = int(_STATM.read_text().split()[1])
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "load": round(os.getloadavg()[0], 2),
        "memory_mb": round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1),
        "cpu_s": round(usage.ru_utime + usage.ru_stime, 2),
    }
