"""One turn of the store: one input, and the records and effects that come of it."""

from __future__ import annotations

from datetime import UTC, datetime

from device.domain.calibration import Weigh, nobody_weighs
from device.domain.effects import DriveLock, Effect
from device.domain.envelope import rfc3339
from device.domain.events import Event
from device.domain.identification import Identify
from device.domain.layout import Zone
from device.domain.moment import Moment
from device.domain.names import AS_THEY_ARE, Names
from device.store.memory import fold
from device.store.memory.notes import LockOrdered, Note, Record, TimerSet
from device.store.memory.state import Live, LockState, SlotState, State, ZoneState
from device.store.plan import Plan


class Turn:
    """Collects what one input causes. Each record changes the state at once, so that what follows sees it."""

    def __init__(
        self,
        plan: Plan,
        state: State,
        live: Live,
        moment: Moment,
        identify: Identify,
        epoch: str,
        weigh: Weigh = nobody_weighs,
        names: Names = AS_THEY_ARE,
    ) -> None:
        self.plan = plan
        self.state = state
        self.live = live
        self.moment = moment
        self.identify = identify
        self.weigh = weigh
        self.names = names
        self.epoch = epoch
        self.records: list[Record] = []
        self.effects: list[Effect] = []

    def tell(self, event: Event, subject: str) -> int:
        """Record an event; returns its number."""
        seq = self.state.seq + 1
        self._record(Record(event, self.moment, subject, seq))
        return seq

    def note(self, note: Note) -> None:
        """Record what is nobody else's business."""
        self._record(Record(note, self.moment))

    def effect(self, effect: Effect) -> None:
        """Ask for something to be done once all records of this turn are durable."""
        self.effects.append(effect)

    def start_timer(self, timer: str, after_s: float) -> None:
        self.note(TimerSet(timer, self.moment.uptime + after_s))

    def stop_timer(self, timer: str) -> None:
        if timer in self.state.timers:
            self.note(TimerSet(timer, None))

    def order_lock(self, lock: str, unlock: bool, *, for_people: bool = False) -> int:
        """Have a lock driven, after the order is durable."""
        order = self.state.orders_issued + 1
        self.note(LockOrdered(lock, unlock, order))
        self.live.pending[lock] = order
        self.live.awaiting_bolt.pop(lock, None)
        self.effect(DriveLock(lock, unlock, order, for_people))
        return order

    def zone(self, zone: str) -> ZoneState:
        """To be read only, like the next two: the state changes by records."""
        return self.state.zones.get(zone) or ZoneState()

    def lock(self, lock: str) -> LockState:
        return self.state.locks.get(lock) or LockState()

    def slot(self, slot: str) -> SlotState:
        return self.state.slots.get(slot) or SlotState()

    def rules(self, zone: str) -> Zone:
        """The zone as configured."""
        return self.plan.zones[zone]

    def time(self, wall: float | None = None) -> str:
        """Now, or another Unix time, as the contract writes it."""
        return rfc3339(self.moment.wall if wall is None else wall, self.plan.timezone)

    @property
    def local(self) -> datetime:
        """Now, on the clock of the store's wall."""
        return datetime.fromtimestamp(self.moment.wall, UTC).astimezone(self.plan.timezone)

    def door_shut(self, zone: str) -> bool:
        """Whether every door of the zone is known to be shut."""
        return all(self.live.door_closed.get(lock.id) is True for lock in self.plan.locks_of(zone))

    def _record(self, record: Record) -> None:
        fold.apply(self.state, record)
        self.records.append(record)
