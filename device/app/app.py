"""One running store: everything made, started in order, and ended in order."""

from __future__ import annotations

import asyncio
import gc
import logging
import secrets
import signal
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, cast
from zoneinfo import ZoneInfo

from device import __version__, watchdog
from device.app.assembly import calibrations_of, drivers_of, public_keys_of, recover, trust_of
from device.app.front import Front
from device.config import Configuration, load
from device.domain.commands import InboundCommand
from device.domain.effects import Reply
from device.domain.envelope import Origin
from device.domain.events import StartReason
from device.domain.layout import Layout
from device.domain.moment import Moment
from device.domain.names import HERE, UNKNOWN
from device.drivers.driver import LockDriver
from device.engine.clock import Clock
from device.engine.core import Core
from device.engine.loop import Engine
from device.engine.playback import keyframe
from device.engine.records import dump_state
from device.errors import ConfigError, JournalFull
from device.journal import Row
from device.recording import Header, Keyframe
from device.recording.tap import Tap, socket_of
from device.sensing import Sensing, identify
from device.store.inputs import Begin, Halt, NewChallenge, Reloaded
from device.store.plan import Plan
from device.store.store import Store
from device.supervise import supervise
from device.uplink import Outbox, Uplink, discovery
from device.watchdog import Watchdog

if TYPE_CHECKING:
    from device.engine.veil import Veil
    from device.web import Web

log = logging.getLogger("smartstore")

LOCKS_WITHIN_S = 1.5
"""At the end, so long is waited for locks to confirm that they are shut."""
HALT_WITHIN_S = 1.0
FAREWELL_WITHIN_S = 2.0
READY_WITHIN_S = 3.0
BROKER_DOWN_S = 60.0
"""Shorter is a reconnect, of which nobody needs to be told."""
"""So long a start waits for its locks to be heard; one that is lost by then is told as lost."""

STARTED: Mapping[StartReason, str] = {
    "first_start": "for the first time",
    "clean": "again after a proper stop",
    "crash": "again after an end without a stop (killed, or a fault of the program); its journal goes on where it was",
    "power_loss": "again after a reboot or a power cut; its journal goes on where it was",
}
"""How the last run ended, in words."""

FIXED = ("store", "mqtt", "journal", "web", "clock", "lock", "scale", "rfid", "thermometer", "reader", "input")
"""Tables of the configuration that hold until the next start."""
RENEWED = ("zone", "slot", "access", "special_day", "rule", "degraded")
"""Tables that a reload puts into force; the catalogue comes with them."""
FIXED_SIMULATED = ("store", "mqtt", "web")
"""The same while devices are simulated: their ports, the journal and the clock are not those of the file."""


class App:
    """One running store. ``simulated``: its devices are simulated firmware, and every message says so."""

    def __init__(self, configuration: Configuration, *, simulated: bool = False) -> None:
        layout = configuration.layout
        self._configuration = configuration
        self._simulated = simulated
        self._clock = clock = Clock(layout.clock.trust, floor=0.0)
        self._recovered = recover(configuration, clock.boot, simulated=simulated)
        state, journal = self._recovered.state, self._recovered.journal
        clock.floor = state.wall
        clock.look()
        store = Store(Plan(layout, configuration.products, state), trust_of(configuration), state, identify, journal.epoch, journal.names)
        self._core = Core(Sensing(layout, calibrations_of(state), clock.boot[:8]), store)
        self._drivers = drivers_of(configuration)
        locks = {lock.id: cast("LockDriver", self._drivers[lock.id]) for lock in layout.lock}
        origin = Origin(layout.store.id, journal.epoch, ZoneInfo(layout.store.timezone), simulated)
        self._engine = Engine(self._core, journal, locks, self, clock, origin, _challenge)
        web = _page(layout, simulated)
        self._broker_seen = clock.now().uptime
        self._front = Front(self._core, journal, clock, web, simulated=simulated)
        self._front.broker = self._uplink = Uplink(
            layout.mqtt,
            layout.store.id,
            journal.epoch,
            cast("Outbox", journal),  # its rows may lack a seq, those of ``events`` never do
            self._inbound,
            self._front.status,
            receipts_after=(state.receipts_from or state.seq + 1) - 1,
            discovery=discovery(layout, configuration.products) if layout.mqtt.homeassistant else None,
            clock_floor=self._clock_floor,
            stop_within_s=FAREWELL_WITHIN_S,
        )
        tapped = socket_of(layout.journal.path)
        self._tap = Tap(tapped, self._describe, self._keyframe, self._hand_over, lambda: clock.now().uptime, self._forget, self._veiled)
        self._veil: Veil | None = None
        self._group: asyncio.TaskGroup | None = None
        self._forgetting: asyncio.Task[None] | None = None
        self._watchdog = Watchdog(("engine",))
        self._stop = asyncio.Event()
        self._stop_reason = "stop"
        self._locks_settled = asyncio.Event()
        self._ready = False
        self._believed = clock.now().trusted

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
        self._group = group
        inbox, recovered = self._engine.inbox, self._recovered
        others = await self._front.open_page(group)
        try:
            await self._tap.open()
        except OSError as error:
            log.warning("nobody can record what the devices say: %s", error)
        engine = group.create_task(self._engine.run(), name="engine")
        await inbox.tell(Begin(__version__, recovered.reason))
        await inbox.tell(NewChallenge(_challenge()))
        if not self._believed:
            log.warning("%s", _doubt(self._clock))
        store = self._configuration.layout.store.id
        log.info("%s %s started %s; journal %s", store, __version__, STARTED[recovered.reason], recovered.journal.epoch)
        devices = [group.create_task(supervise(driver, inbox), name=f"device:{device}") for device, driver in self._drivers.items()]
        uplink = group.create_task(self._uplink.run(), name="uplink")
        others.append(group.create_task(self._watchdog.run(), name="watchdog"))
        await self._stop.wait()
        log.info("stopping: %s", self._stop_reason)
        watchdog.stopping(self._stop_reason)
        await self._halt()
        await self._tap.close()
        # The engine before the uplink, which says goodbye for up to three seconds: by then the devices are silent, and that means nothing.
        for task in (*devices, engine, uplink, *others):
            task.cancel()
            await asyncio.wait([task])

    async def _halt(self) -> None:
        """Lock what is shut, and write down that the end was clean; within a bound, whatever hangs."""
        try:
            async with asyncio.timeout(HALT_WITHIN_S):
                await self._engine.inbox.tell(Halt(self._stop_reason))
            async with asyncio.timeout(LOCKS_WITHIN_S):
                await self._locks_settled.wait()
        except TimeoutError:
            log.warning("not everything was settled in time; the journal tells what was")

    async def _close_journal(self) -> None:
        journal = self._recovered.journal
        try:
            if self._engine.durable:
                await journal.snapshot(dump_state(self._core.store.state))
            else:
                log.warning("no snapshot at the end: the newest records are not in the journal")
        except JournalFull as full:
            log.warning("no snapshot at the end: %s", full)
        await journal.close()

    # What the engine hands out (``device.engine.loop.Outlets``)

    def committed(self, rows: Sequence[Row]) -> None:
        self._front.committed(rows)

    def reply(self, reply: Reply) -> None:
        self._front.reply(reply)

    def resend(self, from_seq: int) -> None:
        self._front.resend(from_seq)

    def reload(self, command: str | None) -> None:
        """Read catalogue, planogram, hours and keys again; keep what is in force where anything is wrong, and say why."""
        faults = self._read_again()
        for fault in faults:
            log.error("not reloaded: %s", fault)
        if not faults:
            log.info("reloaded %s", self._configuration.source)
        self._engine.inbox.tell(Reloaded(command, tuple(faults)))

    def levels(self, moment: Moment) -> None:
        self._front.levels(moment)
        self._announce(moment)
        if self._core.store.live.pending:
            self._locks_settled.clear()
        else:
            self._locks_settled.set()

    def broker_down(self, moment: Moment) -> bool:
        if self._front.broker.health.connected:
            self._broker_seen = moment.uptime
        return moment.uptime - self._broker_seen >= BROKER_DOWN_S

    def second(self, moment: Moment) -> None:
        if moment.trusted != self._believed:
            self._believed = moment.trusted
            if moment.trusted:
                log.info("the clock is believed now, and entry codes with it")
            else:
                log.warning("%s", _doubt(self._clock))
        self._watchdog.beat("engine")
        self._front.second(moment, self._engine.inbox.samples)
        self._tap.flush()

    def forgotten(self) -> None:
        """The codes that were shown are in what is kept for recordings."""
        self._tap.drop_past()

    def _forget(self, subject: str, answer: Callable[[str | None], None]) -> None:
        """What ``journal forget`` asks for; one at a time."""
        if self._forgetting is not None and not self._forgetting.done():
            answer("busy: somebody is being forgotten")
        elif self._group is None:
            answer("the store is only starting")
        else:
            self._forgetting = self._group.create_task(self._forget_for(subject, answer), name="forget")

    async def _forget_for(self, subject: str, answer: Callable[[str | None], None]) -> None:
        if self._core.store.is_here(subject):
            answer(HERE)
            return
        try:
            known = await self._engine.forget(subject)
        except JournalFull as full:
            answer(str(full))
        else:
            answer(None if known else UNKNOWN)

    async def _inbound(self, inbound: InboundCommand) -> None:
        await self._engine.inbox.tell(inbound)

    # What whoever records asks for (``device.recording.tap``)

    def _describe(self) -> Header:
        moment, plan = self._clock.now(), self._core.store.plan
        return Header(
            version=__version__,
            epoch=self._recovered.journal.epoch,
            boot=moment.boot,
            uptime=moment.uptime,
            wall=moment.wall,
            trusted=moment.trusted,
            simulated=self._simulated,
            layout=plan.layout,
            products=tuple(plan.products.values()),
            keys=public_keys_of(self._configuration) | self._keys_of_recordings(),
        )

    def _keys_of_recordings(self) -> dict[str, list[str]]:
        """Codes are written down anew, so those who signed them have no part in it; commands are where they name a person."""
        own = [self._veiled().public_pem]
        return {"entry": own, "command": public_keys_of(self._configuration)["command"] + own}

    def _veiled(self) -> Veil:
        """Made when somebody first records."""
        if self._veil is None:
            from device.engine.veil import Veil

            store = self._core.store
            self._veil = Veil(self._recovered.journal.names, store.state, lambda: store.trust)
        return self._veil

    def _keyframe(self) -> Keyframe:
        return keyframe(self._core, self._clock.now().uptime)

    def _hand_over(self, wanted: bool) -> None:
        self._engine.inbox.listener = self._tap if wanted else None

    def _clock_floor(self) -> float | None:
        return None if self._clock.now().wall >= self._clock.floor else self._clock.floor

    def _announce(self, moment: Moment) -> None:
        """Tell systemd once that the doors are known to be safe, or known not to be known."""
        if self._ready:
            return
        live, started = self._core.store.live, self._front.since.uptime
        heard = all(lock in live.relay_unlocked or live.online.get(lock) is False for lock in self._core.store.plan.locks)
        if heard or moment.uptime - started > READY_WITHIN_S:
            self._ready = True
            # What a start has made stays until the end: the collector need not look at it again each time.
            gc.collect()
            gc.freeze()
            watchdog.ready("selling")
            devices = [device.id for device in self._core.store.plan.layout.devices]
            lost = [device for device in devices if live.online.get(device) is False]
            if lost:
                gone = f"{len(lost)} of {len(devices)} devices cannot be reached: {', '.join(lost)}"
                log.warning("ready after %.2f s, but %s", moment.uptime - started, gone)
            else:
                log.info("ready after %.2f s", moment.uptime - started)

    def _read_again(self) -> list[str]:
        try:
            new = load(self._configuration.source)
        except ConfigError as error:
            return [str(fault) for fault in error.faults]
        old = self._configuration.layout
        fixed = FIXED_SIMULATED if self._simulated else FIXED
        changed = [name for name in fixed if getattr(new.layout, name) != getattr(old, name)]
        if [zone.id for zone in new.layout.zone] != [zone.id for zone in old.zone]:
            changed.append("zone ids")
        if changed:
            return [f"{name}: changed, which takes a restart" for name in changed]
        layout = old.model_copy(update={name: getattr(new.layout, name) for name in RENEWED})
        self._core.store.replan(Plan(layout, new.products, self._core.store.state), trust_of(new))
        return []


def _page(layout: Layout, simulated: bool) -> Web | None:
    if layout.web is None:
        return None
    from device.web import Picture, Web  # a store without a page does not load it

    return Web(layout.web.listen, Picture(simulated=simulated, version=__version__))


def _doubt(clock: Clock) -> str:
    """Why entry codes are denied, and what helps."""
    if clock.now().wall < clock.floor:
        why = "it is before the newest time in the journal"
    else:
        why = "the kernel does not say that it is synchronised"
    return (
        f"the clock is not believed: {why}. Until it is, every entry code is denied (clock_untrusted), because codes expire. "
        'Have NTP set it (timedatectl shows how it stands); on a bench without NTP, [clock] trust = "always"'
    )


def _challenge() -> str:
    """128 random bits, new at each start: a command that names it was made after it was published."""
    return secrets.token_hex(16)
