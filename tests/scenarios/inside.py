"""A store inside the test: real ports, drivers, supervisor, senses, engine and journal; no broker, and no process of its own.

What would go to the broker, events and the levels of devices, is kept here. Cheaper than ``rig`` where only devices are looked at.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

from device.app.assembly import calibrations_of, drivers_of, recover, trust_of
from device.config import load
from device.domain.effects import Reply
from device.domain.envelope import Origin
from device.domain.moment import Moment
from device.drivers.driver import Driver, LockDriver, Sink
from device.engine.board import Board
from device.engine.clock import Clock
from device.engine.core import Core
from device.engine.loop import Engine
from device.journal import Row
from device.sensing import Sensing, identify
from device.store.inputs import Begin
from device.store.plan import Plan
from device.store.store import Store
from device.supervise import supervise

WITHIN_S = 40.0
GTIN = "09520000001018"
CONFIG = """
[store]
id = "inside-01"
name = "Inside"
timezone = "UTC"
currency = "EUR"
[mqtt]
url = "mqtt://127.0.0.1:1"
[clock]
trust = "always"
[access]
signed_commands = false
[catalogue]
file = "products.csv"
[[zone]]
id = "fridge"
[[lock]]
id = "lock"
zone = "fridge"
driver = "modbus-relay"
port = "serial:/dev/serial/by-id/none"
relay = 0
contact = 0
"""


class Inside:
    """What the store has told: ``events`` in order, ``levels`` as they are now, and how often each device was ``tried``."""

    def __init__(self) -> None:
        self.core: Core
        self.events: list[dict[str, Any]] = []
        self.levels_of: dict[str, dict[str, Any]] = {}
        self.tried: dict[str, int] = {}
        self._board: Board
        self._news = asyncio.Event()

    async def until(self, look: Callable[[], Any], what: str) -> Any:
        """What ``look`` gives, once that is true."""
        try:
            async with asyncio.timeout(WITHIN_S):
                while not (found := look()):
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"never saw {what}; events {self.events}, levels {self.levels_of}") from None
        return found

    def told(self, device: str, *kinds: str, after: int = 0) -> list[dict[str, Any]]:
        """The events ``device.…`` of one device."""
        of = [event for event in self.events if event["type"].startswith("device.") and event["data"]["device"] == device]
        return [event for event in of if event["seq"] > after and (not kinds or event["type"] in kinds)]

    async def event(self, kind: str, device: str, after: int = 0) -> dict[str, Any]:
        found: dict[str, Any] = (await self.until(lambda: self.told(device, kind, after=after), f"{kind} of {device}"))[0]
        return found

    async def level(self, device: str, **fields: Any) -> dict[str, Any]:
        """The level of a device once it has these fields."""
        await self.until(lambda: fields.items() <= self.levels_of.get(device, {}).items(), f"{device} with {fields}")
        return self.levels_of[device]

    async def well(self, device: str) -> None:
        """Until the device is online and, if it is a scale, its plates are believed."""
        scales = {scale.id: scale.channels for scale in self.core.store.plan.layout.scale}
        await self.level(device, state="online", reason=None)
        await self.until(
            lambda: all(self.core.sensing.plate(device, channel + 1).trusted for channel in range(scales.get(device, 0))),
            f"{device} trusted",
        )

    @property
    def latest(self) -> int:
        return self.events[-1]["seq"] if self.events else 0

    # What the engine hands out (``device.engine.loop.Outlets``)

    def committed(self, rows: Sequence[Row]) -> None:
        self.events += [json.loads(row.body) for row in rows if row.seq is not None]
        self._news.set()

    def reply(self, reply: Reply) -> None: ...

    def resend(self, from_seq: int) -> None: ...

    def reload(self, command: str | None) -> None: ...

    def forgotten(self) -> None: ...

    def levels(self, moment: Moment) -> None:
        self._board.devices(moment)
        self._news.set()

    def broker_down(self, moment: Moment) -> bool:
        return False

    def second(self, moment: Moment) -> None:
        self.levels(moment)

    def begin(self, core: Core) -> None:
        self.core = core

        def publish(topic: str, payload: Mapping[str, Any] | None) -> None:
            kind, _, device = topic.partition("/")
            if kind == "device" and payload is not None:
                self.levels_of[device] = dict(payload)

        self._board = Board(core, publish, lambda device, payload: None)

    def counted(self, driver: Driver) -> Driver:
        return _Counted(driver, self)


class _Counted:
    """A driver whose attempts are counted."""

    def __init__(self, driver: Driver, inside: Inside) -> None:
        self._driver = driver
        self._inside = inside
        self.id = driver.id

    async def run(self, sink: Sink) -> None:
        self._inside.tried[self.id] = self._inside.tried.get(self.id, 0) + 1
        self._inside._news.set()
        await self._driver.run(sink)


@asynccontextmanager
async def inside(folder: Path, devices: str) -> AsyncIterator[Inside]:
    """A store with these tables besides a zone ``fridge`` and a lock that is not there."""
    (folder / "products.csv").write_text(f"gtin,name,grams,grams_sd,price_minor\n{GTIN},Riesling,1250,6,1290\n", encoding="utf-8")
    path = folder / "store.toml"
    path.write_text(CONFIG + devices, encoding="utf-8")
    configuration = load(path)
    layout = configuration.layout
    clock = Clock("always", 0.0)
    recovered = recover(configuration, clock.boot)
    journal = recovered.journal
    try:
        store = Store(
            Plan(layout, configuration.products, recovered.state), trust_of(configuration), recovered.state, identify, journal.epoch
        )
        core = Core(Sensing(layout, calibrations_of(recovered.state), clock.boot[:8]), store)
        told = Inside()
        told.begin(core)
        drivers = drivers_of(configuration)
        locks = {lock.id: cast("LockDriver", drivers[lock.id]) for lock in layout.lock}
        origin = Origin(layout.store.id, journal.epoch, ZoneInfo("UTC"), True)
        engine = Engine(core, journal, locks, told, clock, origin, lambda: "challenge")
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(engine.run(), name="engine")]
            await engine.inbox.tell(Begin("1.0", recovered.reason))
            tasks += [
                group.create_task(supervise(told.counted(driver), engine.inbox), name=f"device:{device}")
                for device, driver in drivers.items()
            ]
            yield told
            for task in reversed(tasks):
                task.cancel()
                await asyncio.wait([task])
    finally:
        await journal.close()
