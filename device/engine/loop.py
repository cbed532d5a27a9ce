"""The engine: take input, step, commit, perform, publish. One task, the sole writer of the store's state."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from device.domain.effects import Calibrate, DriveLock, Effect, ForgetSubject, Reload, Reply, Resend
from device.domain.envelope import Origin
from device.domain.facts import LockDriven, PlateMoving, TraceCaptured
from device.domain.moment import Moment
from device.drivers.driver import LockDriver
from device.engine.clock import Clock
from device.engine.core import Core
from device.engine.inbox import Inbox
from device.engine.records import dump_state, in_use, row_of
from device.errors import JournalFull
from device.journal import Evidence, Journal, Room, Row, Trace, encode
from device.store.inputs import BrokerState, ClockState, JournalRoom, NewChallenge, Overload, SubjectForgotten, Tick
from device.store.memory.notes import Record
from device.store.store import Input

log = logging.getLogger("smartstore.engine")

SNAPSHOT_EVERY = 2_000
"""Records between two snapshots: replaying so many takes well under a second on a Raspberry Pi."""
HELD_RECORDS = 10_000
"""So many records wait in memory while the journal cannot be written: some hours of a busy store. Then the process ends."""
RETRY_S = 1.0
SECOND_S = 1.0
CLOCK_EVERY_S = 10.0
_UNSEEN = frozenset({PlateMoving, TraceCaptured})
"""What no level shows. A hand on a shelf of 128 slots would otherwise have them all looked at again."""
TRIM_EVERY_S = 60.0


class Outlets(Protocol):
    """Where the engine's results go besides the journal and the locks."""

    def committed(self, rows: Sequence[Row]) -> None:
        """New records are in the journal, these."""
        ...

    def reply(self, reply: Reply) -> None: ...

    def resend(self, from_seq: int) -> None: ...

    def reload(self, command: str | None) -> None: ...

    def forgotten(self) -> None:
        """Somebody has been forgotten: what is held in memory about people is to go, too."""
        ...

    def levels(self, moment: Moment) -> None:
        """The store's levels may have changed."""
        ...

    def broker_down(self, moment: Moment) -> bool:
        """Whether the broker has not been reached for a while."""
        ...

    def second(self, moment: Moment) -> None:
        """A second has passed: telemetry, health."""
        ...


class Engine:
    """Owns the core. Everybody else puts into its inbox."""

    def __init__(
        self,
        core: Core,
        journal: Journal,
        locks: Mapping[str, LockDriver],
        outlets: Outlets,
        clock: Clock,
        origin: Origin,
        challenge: Callable[[], str],
    ) -> None:
        self.core = core
        self.clock = clock
        plates = sum(scale.channels for scale in core.store.plan.layout.scale)
        self.inbox = Inbox(core.sensing.facts, lambda: core.sensing.deadline, plates)
        self.written = 0
        self._journal = journal
        self._locks = locks
        self._outlets = outlets
        self._origin = origin
        self._challenge = challenge
        self._held: list[Row] = []
        self._evidence: list[Evidence] = []
        self._undone: list[asyncio.Future[None]] = []
        self._since_snapshot = 0
        self._next_second = 0.0
        self._next_clock = 0.0
        self._next_trim = 0.0
        self._stuck_until: float | None = None
        self._told_trusted: bool | None = None
        self._told_broker: bool | None = None
        self._told_overload: Overload | None = None
        self._told_room: Room | None = None
        self._most_waiting = 0
        self._later: list[Effect] = []

    @property
    def durable(self) -> bool:
        """Whether the journal has everything that the store's state is made of. Where a commit was cancelled it is taken not to."""
        return not self._held

    async def run(self) -> None:
        """For ever."""
        while True:
            now = self.clock.now().uptime
            await self.inbox.wait(now, self._wake_at(now))
            await self.turn()

    async def turn(self) -> None:
        """Decide all that waits, make it durable, then let it have its effects."""
        moment = self.clock.now()
        self.inbox.put_facts(self.core.sensing.tick(moment.uptime))
        taken = self.inbox.take()
        self._most_waiting = max(self._most_waiting, len(taken))
        due = self.core.store.deadline
        inputs: list[Input] = [what for what, _ in taken]
        inputs += self._own_inputs(moment)
        if due is not None and due <= moment.uptime and not inputs:
            inputs.append(Tick())
        records: list[Record] = []
        effects: list[Effect] = []
        for what in inputs:
            if isinstance(what, TraceCaptured):
                self._evidence.append(_evidence(what, moment))
            outcome = self.core.step(what, moment)
            records += outcome.records
            effects += outcome.effects
        durable = await self._commit(records)
        self._later += [effect for effect in effects if not isinstance(effect, DriveLock)]
        self._perform([effect for effect in effects if isinstance(effect, DriveLock)], durable, moment)
        if durable:
            self._perform(self._later, durable, moment)
            await self._forget([effect for effect in self._later if isinstance(effect, ForgetSubject)])
            self._later.clear()
        self._undone += [done for _, done in taken if done]
        if durable:
            self._tell_done()
        if not all(type(what) in _UNSEEN for what in inputs):
            self._outlets.levels(moment)
        await self._tidy(moment)
        if durable and self._since_snapshot >= SNAPSHOT_EVERY:
            self._since_snapshot = 0
            await self._snapshot()

    async def _snapshot(self) -> None:
        try:
            await self._journal.snapshot(dump_state(self.core.store.state))
        except JournalFull as full:
            log.warning("no snapshot, the next start takes longer: %s", full)

    def _tell_done(self) -> None:
        """Whoever waits for an outcome may believe it now."""
        for done in self._undone:
            if not done.done():
                done.set_result(None)
        self._undone.clear()

    def _wake_at(self, now: float) -> float:
        due = [at for at in (self.core.deadline, self._stuck_until) if at is not None]
        return max(min([*due, self._next_second]), now)

    def _own_inputs(self, moment: Moment) -> list[Input]:
        """What the engine itself has to tell the store, once a second at most."""
        if moment.uptime < self._next_second:
            return []
        self._next_second = moment.uptime + SECOND_S
        self._outlets.second(moment)
        own: list[Input] = []
        if moment.uptime >= self._next_clock:
            self._next_clock = moment.uptime + CLOCK_EVERY_S
            own += self._look_at_clock()
        overload = Overload(self._most_waiting if self._most_waiting >= self.inbox.bound // 2 else 0, self._journal.pressure.aside)
        self._most_waiting = 0
        if overload != self._told_overload:
            self._told_overload = overload
            own.append(overload)
        down = self._outlets.broker_down(moment)
        if down != self._told_broker:
            self._told_broker = down
            own.append(BrokerState(down))
        room: Room = "full" if self._held else self._journal.pressure.room
        if room != self._told_room:
            self._log_room(room)
            self._told_room = room
            own.append(JournalRoom(room))
        return own

    def _log_room(self, room: Room) -> None:
        pressure = self._journal.pressure
        used = f"{pressure.mb:.0f} of {pressure.max_mb} MB, {pressure.unsent} events not sent, {pressure.aside} refused by the broker"
        if room == "full":
            log.error("the journal or its disk is full, nothing is sold; what a visit still has to tell goes into the reserve: %s", used)
        elif room == "nearly_full":
            log.warning("the journal or its disk is nearly full: %s", used)
        elif self._told_room is not None:
            log.info("the journal has room again: %s", used)

    def _look_at_clock(self) -> list[Input]:
        """A clock that is not believed needs a fresh challenge every time, so that commands can be told from old ones."""
        trusted = self.clock.look()
        own: list[Input] = [] if trusted else [NewChallenge(self._challenge())]
        if trusted != self._told_trusted:
            self._told_trusted = trusted
            own.append(ClockState(trusted, self.clock.error_s))
        return own

    async def _commit(self, records: Sequence[Record]) -> bool:
        """Make records durable. False while the journal cannot be written: they are kept, in order, and tried again each second."""
        rows = [row_of(record, self._origin) for record in records]
        self._held += rows
        if not self._held and not self._evidence:
            return True
        now = self.clock.now().uptime
        if self._stuck_until is not None and now < self._stuck_until:
            return False
        try:
            await self._store(self._held, self._evidence)
        except JournalFull as full:
            if self._stuck_until is None:
                log.error("the journal cannot be written, nothing is sold: %s", full)
            if len(self._held) > HELD_RECORDS:
                raise
            self._stuck_until = now + RETRY_S
            self._evidence.clear()
            return False
        if self._stuck_until is not None:
            log.warning("the journal can be written again; %d records were kept in memory", len(self._held))
            self._stuck_until = None
        self.written += len(self._held)
        self._since_snapshot += len(self._held)
        stored, self._held, self._evidence = self._held, [], []
        self._outlets.committed(stored)
        return True

    async def _store(self, rows: Sequence[Row], evidence: Sequence[Evidence]) -> None:
        """Commit; where there is no room, without the evidence and into the reserve, which is kept for just this."""
        try:
            await self._journal.commit(rows, evidence=evidence)
        except JournalFull:
            await self._journal.commit(rows, force=True)

    async def _tidy(self, moment: Moment) -> None:
        """Once a minute: let old records go, and, while the journal cannot be written, see whether it can again."""
        if moment.uptime < self._next_trim:
            return
        self._next_trim = moment.uptime + (RETRY_S if self._held else TRIM_EVERY_S)
        try:
            wall = moment.wall if moment.trusted else self.clock.floor
            await self._journal.trim(wall)
            state = self.core.store.state
            await self._journal.let_go(wall, in_use(state))
            self._journal.names.keep_codes(state.used)
        except JournalFull as full:
            log.debug("no room after a trim: %s", full)

    def _perform(self, effects: Sequence[Effect], durable: bool, moment: Moment) -> None:
        for effect in effects:
            match effect:
                case DriveLock():
                    self._drive(effect, durable, moment)
                case Reply():
                    self._outlets.reply(effect)
                case Resend(from_seq):
                    self._outlets.resend(from_seq)
                case Reload(command):
                    self._outlets.reload(command)
                case Calibrate() | ForgetSubject():
                    pass

    async def _forget(self, effects: Sequence[ForgetSubject]) -> None:
        for effect in effects:
            if self.core.store.is_here(effect.subject):
                # They have come in since the command was let in.
                self.inbox.tell(SubjectForgotten(effect.command, True, "busy"))
                continue
            try:
                known = await self.forget(effect.subject)
            except JournalFull as full:
                log.error("nobody can be forgotten while the journal cannot be written: %s", full)
                self.inbox.tell(SubjectForgotten(effect.command, True, "journal_full"))
            else:
                self.inbox.tell(SubjectForgotten(effect.command, known))

    async def forget(self, subject: str) -> bool:
        """Destroy what leads back to a person, who must have no session that runs; False: the journal knew nobody of that name.

        Raises JournalFull.
        """
        known = await self._journal.forget(subject)
        self._outlets.forgotten()
        return known

    def _drive(self, what: DriveLock, durable: bool, moment: Moment) -> None:
        """Locking may be done before it is written down; unlocking may not, unless there is a fire."""
        if what.unlock and not durable and not what.for_people:
            self.inbox.put_facts([LockDriven(what.lock, moment.uptime, what.order, False, "journal_full")])
        else:
            self._locks[what.lock].drive(what.order, what.unlock)


def _evidence(fact: TraceCaptured, moment: Moment) -> Evidence:
    began_wall = moment.wall - (moment.uptime - fact.began_at)
    return Evidence(fact.evidence, None, moment.wall, encode(Trace(began_wall, fact.samples, fact.delta, fact.sd)))
