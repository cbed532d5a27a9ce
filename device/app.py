"""The composition root: a configuration becomes objects, and the objects one TaskGroup. Knows everyone, decides nothing."""

from __future__ import annotations

import asyncio
import logging
import secrets
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from device import __version__, watchdog
from device.config import Configuration, load
from device.domain.commands import InboundCommand
from device.domain.effects import Reply
from device.domain.envelope import Origin, rfc3339
from device.domain.events import StartReason
from device.domain.jws import Keyring
from device.domain.moment import Moment
from device.drivers import Kind, driver_for
from device.drivers.driver import Driver, LockDriver
from device.engine.board import Board, process_figures
from device.engine.clock import Clock
from device.engine.core import Core
from device.engine.loop import Engine
from device.engine.records import dump_state, restore
from device.errors import ConfigError, JournalDamaged, JournalFull
from device.journal import Journal, Row
from device.sensing import Calibration, Sensing, identify
from device.store import authentication, codes
from device.store.inputs import Begin, Halt, NewChallenge, Reloaded
from device.store.plan import Plan
from device.store.state import State
from device.store.store import Store, Trust
from device.supervise import supervise
from device.uplink import Outbox, Uplink, discovery
from device.watchdog import Watchdog
from device.web import Picture, Web

log = logging.getLogger("smartstore")

LOCKS_WITHIN_S = 1.5
"""At the end, so long is waited for locks to confirm that they are shut."""
HALT_WITHIN_S = 1.0
STATUS_EVERY_S = 60.0
TOLD_AGAIN = 500
"""Events from before a start that the page is told: its list, and the baskets of visits that go on."""
READY_WITHIN_S = 3.0
"""So long a start waits for its locks to be heard; one that is lost by then is told as lost."""


@dataclass(frozen=True, slots=True)
class Recovered:
    """What a start finds: the journal, the state in it, and why the last run ended."""

    journal: Journal
    state: State
    reason: StartReason


def recover(configuration: Configuration, boot: str) -> Recovered:
    """Open the journal and fold it. A damaged one is set aside, said loudly, and a new one begun.

    Raises JournalFull where there is no room even to begin.
    """
    settings = configuration.layout.journal
    try:
        journal = Journal.open(settings.path, max_mb=settings.max_mb, keep_days=settings.keep_days)
    except JournalDamaged as damaged:
        log.error("the journal is damaged: %s; a new one is begun, with a new epoch", damaged)
        journal = Journal.open(settings.path, max_mb=settings.max_mb, keep_days=settings.keep_days)
    snapshot, rows = journal.recover()
    state = restore(snapshot, rows)
    if not state.boot:
        return Recovered(journal, state, "first_start")
    if not state.running:
        return Recovered(journal, state, "clean")
    return Recovered(journal, state, "crash" if state.boot == boot else "power_loss")


def trust_of(configuration: Configuration) -> Trust:
    """Who may enter and command, by the configuration's keys and cards."""
    layout = configuration.layout
    store = layout.store.id
    root = layout.mqtt.topic.replace("{store}", store)
    return Trust(
        codes.Rules(
            store=store,
            timezone=ZoneInfo(layout.store.timezone),
            keyring=_keyring(configuration.entry_keys),
            issuer=layout.access.issuer,
            cards=codes.Cards(configuration.cards_key or b"", tuple(configuration.cards.values())),
        ),
        authentication.Rules(store=store, root=root, keyring=_keyring(configuration.command_keys), signed=layout.access.signed_commands),
    )


def _keyring(keys: tuple[Ed25519PublicKey, ...]) -> Keyring:
    return Keyring.of(key.public_bytes_raw() for key in keys)


def drivers_of(configuration: Configuration) -> dict[str, Driver]:
    """A driver for each configured device, by id; nothing is opened."""
    layout = configuration.layout
    tables: Mapping[Kind, tuple[Any, ...]] = {
        "lock": layout.lock,
        "scale": layout.scale,
        "rfid": layout.rfid,
        "thermometer": layout.thermometer,
        "reader": layout.reader,
        "input": layout.input,
    }
    return {entry.id: driver_for(kind, entry) for kind, entries in tables.items() for entry in entries}


class App:
    """One running store. ``simulated``: its devices are simulated firmware, and every message says so."""

    def __init__(self, configuration: Configuration, *, simulated: bool = False, reloads_from: Path | None = None) -> None:
        layout = configuration.layout
        self._configuration = configuration
        self._source = reloads_from or configuration.source
        self._simulated = simulated
        clock = Clock(layout.clock.trust, floor=0.0)
        self._recovered = recover(configuration, clock.boot)
        state, self._journal = self._recovered.state, self._recovered.journal
        clock.floor = state.wall
        clock.look()
        self._clock = clock
        self._timezone = ZoneInfo(layout.store.timezone)
        origin = Origin(layout.store.id, self._journal.epoch, self._timezone, simulated)
        calibrations = {
            (key.rpartition("/")[0], int(key.rpartition("/")[2])): Calibration(found.zero, found.per_gram)
            for key, found in state.calibrations.items()
        }
        sensing = Sensing(layout, calibrations, clock.boot[:8])
        store = Store(Plan(layout, configuration.products, state), trust_of(configuration), state, identify, self._journal.epoch)
        self._core = Core(sensing, store)
        self._drivers = drivers_of(configuration)
        locks = {lock.id: cast("LockDriver", self._drivers[lock.id]) for lock in layout.lock}
        self.engine = Engine(self._core, self._journal, locks, self, clock, origin, _challenge)
        self._uplink = Uplink(
            layout.mqtt,
            layout.store.id,
            self._journal.epoch,
            cast("Outbox", self._journal),  # its rows may lack a seq, those of ``events`` never do
            self._inbound,
            self._status,
            refused=self._event_refused,
            receipts_after=(state.receipts_from or state.seq + 1) - 1,
            discovery=discovery(layout, configuration.products) if layout.mqtt.homeassistant else None,
            clock_floor=self._clock_floor,
        )
        self._board = Board(self._core, self._publish, self._measured)
        self._web = Web(layout.web.listen, Picture(simulated=simulated, version=__version__)) if layout.web else None
        self._shown_plan: Plan | None = None
        self._watchdog = Watchdog(("engine",))
        self._stop = asyncio.Event()
        self._locks_settled = asyncio.Event()
        self._stop_reason = "stop"
        self._since = clock.now()
        self._told_status = float("-inf")
        self._told_trust = clock.now().trusted
        self._counted = (0, 0, clock.now().uptime)
        self._ready = False

    def stop(self, reason: str) -> None:
        """Begin the end."""
        self._stop_reason = reason
        self._stop.set()

    async def run(self) -> None:
        """Run the store until it is stopped. Raises what a bug raises."""
        loop = asyncio.get_running_loop()
        for number, name in ((signal.SIGTERM, "SIGTERM"), (signal.SIGINT, "SIGINT")):
            loop.add_signal_handler(number, self.stop, name)
        loop.add_signal_handler(signal.SIGHUP, self.reload, None)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._life(group), name="smartstore")
        finally:
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                loop.remove_signal_handler(number)
            await self._close_journal()
        log.info("stopped: %s", self._stop_reason)

    async def _life(self, group: asyncio.TaskGroup) -> None:
        others = await self._open_page(group)
        engine = group.create_task(self.engine.run(), name="engine")
        await self.engine.inbox.tell(Begin(__version__, self._recovered.reason))
        await self.engine.inbox.tell(NewChallenge(_challenge()))
        log.info(
            "%s %s started: %s, journal %s", self._configuration.layout.store.id, __version__, self._recovered.reason, self._journal.epoch
        )
        for zone in self._core.store.plan.zones.values():
            if zone.kind == "room":
                log.warning("%s is a room: nobody is let into rooms by this version; its devices are only watched", zone.id)
        devices = [
            group.create_task(supervise(driver, self.engine.inbox), name=f"device:{device}") for device, driver in self._drivers.items()
        ]
        uplink = group.create_task(self._uplink.run(), name="uplink")
        others.append(group.create_task(self._watchdog.run(), name="watchdog"))
        await self._stop.wait()
        log.info("stopping: %s", self._stop_reason)
        watchdog.stopping(self._stop_reason)
        await self._halt()
        for task in (*devices, uplink, *others, engine):
            task.cancel()
            await asyncio.wait([task])

    async def _open_page(self, group: asyncio.TaskGroup) -> list[asyncio.Task[None]]:
        """The page, with what happened last before this start."""
        if self._web is None:
            return []
        self._furnish_page()
        try:
            rows = await self._journal.events(max(0, self._journal.newest_seq - TOLD_AGAIN), TOLD_AGAIN)
            self._web.events(row.body for row in rows)
        except JournalFull as full:
            log.warning("the page does not tell what was before: %s", full)
        return [group.create_task(self._web.run(), name="web")]

    async def _halt(self) -> None:
        """Lock what is shut, and write down that the end was clean; within a bound, whatever hangs."""
        try:
            async with asyncio.timeout(HALT_WITHIN_S):
                await self.engine.inbox.tell(Halt(self._stop_reason))
            async with asyncio.timeout(LOCKS_WITHIN_S):
                await self._locks_settled.wait()
        except TimeoutError:
            log.warning("not everything was settled in time; the journal tells what was")

    async def _close_journal(self) -> None:
        try:
            await self._journal.snapshot(dump_state(self._core.store.state))
        except JournalFull as full:
            log.warning("no snapshot at the end: %s", full)
        await self._journal.close()

    # What the engine hands out (``device.engine.loop.Outlets``)

    def committed(self, rows: Sequence[Row]) -> None:
        self._uplink.wake()
        if self._web:
            self._web.events(row.body for row in rows if row.seq is not None)

    def reply(self, reply: Reply) -> None:
        payload = {"id": reply.command, "status": reply.status, "reason": reply.reason, "result": reply.result, "time": reply.time}
        self._uplink.reply(reply.command, self._marked(payload), reply.topic, reply.correlation)

    def resend(self, from_seq: int) -> None:
        self._uplink.resend(from_seq)

    def reload(self, command: str | None) -> None:
        """Read catalogue, planogram, hours and keys again; keep what is in force where anything is wrong, and say why."""
        faults = self._reloaded()
        for fault in faults:
            log.error("not reloaded: %s", fault)
        if not faults:
            log.info("reloaded %s", self._source)
        self.engine.inbox.tell(Reloaded(command, tuple(faults)))

    def levels(self, moment: Moment) -> None:
        self._furnish_page()
        self._board.levels(moment)
        self._announce(moment)
        if self._core.store.live.pending:
            self._locks_settled.clear()
        else:
            self._locks_settled.set()
        self._watchdog.beat("engine")

    def second(self, moment: Moment) -> None:
        self._watchdog.beat("engine")
        self._board.devices(moment)
        self._board.measure()
        if self._web:
            self._web.picture.pulse(self._pulse(moment))
        if moment.uptime - self._told_status >= STATUS_EVERY_S or moment.trusted != self._told_trust or not moment.trusted:
            if moment.uptime - self._told_status >= STATUS_EVERY_S:
                self._told_status = moment.uptime
                self._publish("health", self._health(moment))
            self._told_trust = moment.trusted
            self._uplink.publish_status()

    # What others ask for

    async def _inbound(self, inbound: InboundCommand) -> None:
        await self.engine.inbox.tell(inbound)

    def _status(self, state: str) -> dict[str, object]:
        store = self._core.store
        moment = self._clock.now()
        return {
            "state": state,
            "since": rfc3339(self._since.wall, self._timezone),
            "epoch": self._journal.epoch,
            "boot": moment.boot,
            "version": __version__,
            "simulated": self._simulated,
            "clock": "trusted" if moment.trusted else "untrusted",
            "challenge": store.challenges[0].value if store.challenges else None,
            "seq": self._journal.newest_seq,
        }

    def _health(self, moment: Moment) -> dict[str, Any]:
        samples, events, at = self._counted
        passed = max(moment.uptime - at, 1e-3)
        seq = self._core.store.state.seq
        self._counted = (self.engine.inbox.samples, seq, moment.uptime)
        figures = process_figures()
        return {
            "uptime_s": round(moment.uptime - self._since.uptime, 1),
            "load": figures["load"],
            "memory_mb": figures["memory_mb"],
            "cpu_s": figures["cpu_s"],
            "journal_unsent": self._journal.pressure.unsent,
            "journal_mb": round(self._journal.pressure.mb, 2),
            "samples_per_s": round((self.engine.inbox.samples - samples) / passed, 1),
            "events_per_s": round((seq - events) / passed, 3),
            "refused_unsigned": self._core.store.refused_unsigned,
            "restarts": self._core.store.state.starts - 1,
            "clock": "trusted" if moment.trusted else "untrusted",
        }

    def _furnish_page(self) -> None:
        if self._web is None:
            return
        store = self._core.store
        if store.plan is not self._shown_plan:
            self._shown_plan = store.plan
            self._web.picture.furnish(store.plan.layout, store.plan.products, store.plan.slots.values())
        self._web.picture.alarms(store.state.alarms.values())

    def _pulse(self, moment: Moment) -> dict[str, Any]:
        """What the page's head says; each second, which is also how the page knows that the store lives."""
        return {
            "time": rfc3339(moment.wall, self._timezone),
            "clock": "trusted" if moment.trusted else "untrusted",
            "backend": self._uplink.health.connected,
            "unsent": self._journal.pressure.unsent,
            "room": self._core.store.live.journal_room,
        }

    def _publish(self, topic: str, payload: Mapping[str, Any] | None) -> None:
        self._uplink.state(topic, None if payload is None else self._marked(payload))
        if self._web:
            self._web.picture.level(topic, payload)

    def _measured(self, device: str, payload: Mapping[str, Any]) -> None:
        self._uplink.telemetry(device, self._marked(payload))
        if self._web:
            self._web.picture.telemetry(device, payload)

    def _marked(self, payload: Mapping[str, Any]) -> Mapping[str, Any]:
        return {**payload, "simulated": True} if self._simulated else payload

    def _event_refused(self, seq: int, type_: str, reason: str) -> None:
        log.error("the broker will not take event %d (%s): %s; it is kept aside", seq, type_, reason)

    def _clock_floor(self) -> float | None:
        moment = self._clock.now()
        return None if moment.wall >= self._clock.floor else self._clock.floor

    def _announce(self, moment: Moment) -> None:
        """Tell systemd once that the doors are known to be safe, or known not to be known."""
        if self._ready:
            return
        live = self._core.store.live
        heard = all(lock in live.relay_unlocked or live.online.get(lock) is False for lock in self._core.store.plan.locks)
        if heard or moment.uptime - self._since.uptime > READY_WITHIN_S:
            self._ready = True
            watchdog.ready("selling")
            log.info("ready after %.2f s", moment.uptime - self._since.uptime)

    def _reloaded(self) -> list[str]:
        try:
            new = load(self._source)
        except ConfigError as error:
            return [str(fault) for fault in error.faults]
        old = self._configuration.layout
        fixed = ("store", "mqtt", "journal", "web", "clock") if self._simulated else _FIXED
        changed = [name for name in fixed if getattr(new.layout, name) != getattr(old, name)]
        if [zone.id for zone in new.layout.zone] != [zone.id for zone in old.zone]:
            changed.append("zone ids")
        if changed:
            return [f"{name}: changed, which takes a restart" for name in changed]
        layout = old.model_copy(update={"zone": new.layout.zone, "slot": new.layout.slot, "access": new.layout.access})
        store = self._core.store
        store.replan(Plan(layout, new.products, store.state), trust_of(new))
        return []


_FIXED = ("store", "mqtt", "journal", "web", "clock", "lock", "scale", "rfid", "thermometer", "reader", "input")
"""Tables that hold until the next start."""


def _challenge() -> str:
    """128 random bits, new at each start: a command that names it was made after it was published."""
    return secrets.token_hex(16)


async def serve(configuration: Configuration, *, simulated: bool = False, started: Callable[[App], None] | None = None) -> None:
    """Run one store until SIGTERM or SIGINT."""
    app = App(configuration, simulated=simulated)
    if started:
        started(app)
    await app.run()
