"""The front: what the store shows and says to the broker and on the page. It is told by the engine, and decides nothing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol
from zoneinfo import ZoneInfo

from device import __version__
from device.domain.effects import Reply
from device.domain.envelope import rfc3339
from device.domain.moment import Moment
from device.engine.board import Board, process_figures
from device.engine.clock import Clock
from device.engine.core import Core
from device.errors import JournalFull
from device.journal import Journal, Row
from device.store.plan import Plan
from device.uplink import UplinkHealth, discovery

if TYPE_CHECKING:
    from device.web import Web  # a store without a page does not load it

log = logging.getLogger("smartstore")

STATUS_EVERY_S = 60.0
TOLD_AGAIN = 500
"""Events from before a start that the page is told: its list, and the baskets of visits that go on."""


class Broker(Protocol):
    """What the front needs of the uplink."""

    @property
    def health(self) -> UplinkHealth: ...

    def wake(self) -> None: ...

    def state(self, suffix: str, payload: Mapping[str, object] | None) -> None: ...

    def publish_status(self) -> None: ...

    def telemetry(self, device: str, payload: Mapping[str, object]) -> None: ...

    def reply(
        self, command: str, payload: Mapping[str, object], response_topic: str | None = None, correlation: bytes | None = None
    ) -> None: ...

    def resend(self, from_seq: int) -> None: ...

    def announce(self, discovery: Mapping[str, object]) -> None: ...


class Front:
    """One store's face. ``simulated``: every message says so. ``broker`` is set once there is one; nothing is said before."""

    broker: Broker

    def __init__(self, core: Core, journal: Journal, clock: Clock, web: Web | None, *, simulated: bool) -> None:
        self.since = clock.now()
        self._core = core
        self._journal = journal
        self._clock = clock
        self._web = web
        self._simulated = simulated
        self._timezone = ZoneInfo(core.store.plan.layout.store.timezone)
        self._board = Board(core, self._publish, self._measured)
        self._shown_plan: Plan | None = None
        self._announced_plan = core.store.plan
        self._told_status = float("-inf")
        self._told_trust = self.since.trusted
        self._samples = 0
        self._counted = (0, core.store.state.seq, self.since.uptime)

    def committed(self, rows: Sequence[Row]) -> None:
        """New rows are in the journal. The page is told them with pseudonyms: whoever passes by may look at it."""
        self.broker.wake()
        if self._web:
            self._web.events(row.body for row in rows if row.seq is not None)

    def reply(self, reply: Reply) -> None:
        payload = {"id": reply.command, "status": reply.status, "reason": reply.reason, "result": reply.result, "time": reply.time}
        self.broker.reply(reply.command, self._marked(payload), reply.topic, reply.correlation)

    def resend(self, from_seq: int) -> None:
        self.broker.resend(from_seq)

    def levels(self, moment: Moment) -> None:
        """Zones and slots may have changed."""
        plan = self._core.store.plan
        if plan is not self._announced_plan and plan.layout.mqtt.homeassistant:
            self._announced_plan = plan
            layout = plan.layout.model_copy(update={"slot": tuple(plan.slots.values())})
            self.broker.announce(discovery(layout, plan.products))
        self._furnish_page()
        self._board.levels(moment)

    def second(self, moment: Moment, samples: int) -> None:
        """A second has passed; ``samples`` readings have come in since the start."""
        self._samples = samples
        self._board.devices(moment)
        self._board.measure()
        if self._web:
            self._web.picture.pulse(self._pulse(moment))
        due = moment.uptime - self._told_status >= STATUS_EVERY_S
        if due:
            self._told_status = moment.uptime
            self._publish("health", self._health(moment))
        if due or not moment.trusted or moment.trusted != self._told_trust:
            self._told_trust = moment.trusted
            self.broker.publish_status()

    def status(self, state: str) -> dict[str, object]:
        """The payload of ``{root}/status``."""
        store = self._core.store
        moment = self._clock.now()
        return {
            "state": state,
            "since": rfc3339(self.since.wall, self._timezone),
            "epoch": self._journal.epoch,
            "boot": moment.boot,
            "version": __version__,
            "simulated": self._simulated,
            "clock": "trusted" if moment.trusted else "untrusted",
            "challenge": store.challenges[0].value if store.challenges else None,
            "seq": self._journal.newest_seq,
        }

    async def open_page(self, group: asyncio.TaskGroup) -> list[asyncio.Task[None]]:
        """Start the page, with what happened last before this start; no task where there is no page."""
        if self._web is None:
            return []
        self._furnish_page()
        try:
            rows = await self._journal.events_unnamed(max(0, self._journal.newest_seq - TOLD_AGAIN), TOLD_AGAIN)
            self._web.events(row.body for row in rows)
        except JournalFull as full:
            log.warning("the page does not tell what was before: %s", full)
        return [group.create_task(self._web.run(), name="web")]

    def _health(self, moment: Moment) -> dict[str, Any]:
        samples, events, at = self._counted
        passed = max(moment.uptime - at, 1e-3)
        seq = self._core.store.state.seq
        self._counted = (self._samples, seq, moment.uptime)
        pressure = self._journal.pressure
        return {
            "uptime_s": round(moment.uptime - self.since.uptime, 1),
            **process_figures(),
            "journal_unsent": pressure.unsent,
            "journal_mb": round(pressure.mb, 2),
            "samples_per_s": round((self._samples - samples) / passed, 1),
            "events_per_s": round((seq - events) / passed, 3),
            "refused_unsigned": self._core.store.refused_unsigned,
            "restarts": self._core.store.state.starts - 1,
            "clock": "trusted" if moment.trusted else "untrusted",
        }

    def _pulse(self, moment: Moment) -> dict[str, Any]:
        """What the page's head says; each second, which is also how the page knows that the store lives."""
        return {
            "time": rfc3339(moment.wall, self._timezone),
            "clock": "trusted" if moment.trusted else "untrusted",
            "backend": self.broker.health.connected,
            "unsent": self._journal.pressure.unsent,
            "room": self._core.store.live.journal_room,
        }

    def _furnish_page(self) -> None:
        if self._web is None:
            return
        store = self._core.store
        if store.plan is not self._shown_plan:
            self._shown_plan = store.plan
            self._web.picture.furnish(store.plan.layout, store.plan.products, store.plan.slots.values())
        self._web.picture.alarms(store.state.alarms.values())

    def _publish(self, topic: str, payload: Mapping[str, Any] | None) -> None:
        self.broker.state(topic, None if payload is None else self._marked(payload))
        if self._web:
            self._web.picture.level(topic, payload)

    def _measured(self, device: str, payload: Mapping[str, Any]) -> None:
        self.broker.telemetry(device, self._marked(payload))
        if self._web:
            self._web.picture.telemetry(device, payload)

    def _marked(self, payload: Mapping[str, Any]) -> Mapping[str, Any]:
        return {**payload, "simulated": True} if self._simulated else payload
