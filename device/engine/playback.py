"""Playing a recording: its readings go through the same sensing and store as in the daemon, in virtual time.

Nothing is driven, written or published. What the locks did is in the recording, so that what is decided from it is decided again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from zoneinfo import ZoneInfo

from device import __version__
from device.domain.events import StoreStarted
from device.domain.facts import Fact
from device.domain.moment import Moment
from device.domain.readings import ContactReading, DeviceUp, InputReading, Reading
from device.engine.core import Core
from device.engine.records import dump_state, restore
from device.recording import Entry, Header, Keyframe, Taken
from device.sensing import Calibration, Sensing, identify
from device.store.inputs import Begin, Tick
from device.store.memory.notes import Record
from device.store.memory.state import State
from device.store.plan import Plan
from device.store.store import Input, Store, Trust

LEAST_STEP_S = 0.001
"""Virtual time between two looks at what is due: what stays due is looked at again, as the daemon does."""


def keyframe(core: Core, at: float) -> Keyframe:
    """What a replay can start from: the durable state, and what the senses know of devices, doors and inputs, as readings."""
    live, levels = core.store.live, []
    for device, view in core.sensing.devices().items():
        if view.state != "lost":
            levels.append(DeviceUp(device, at, view.firmware))
    readings: list[Reading] = [*levels]
    for lock in core.store.plan.locks:
        if lock in live.door_closed or lock in live.relay_unlocked:
            door, relay = live.door_closed.get(lock), live.relay_unlocked.get(lock)
            readings.append(ContactReading(lock, at, relay, door, live.bolt_locked.get(lock)))
    readings += [InputReading(name, at, active) for name, active in live.inputs.items()]
    return Keyframe(at, dump_state(core.store.state), tuple(readings))


class Player:
    """One replay. ``told`` hears every fact, with its moment; records come out of ``play``."""

    def __init__(self, header: Header, trust: Trust, told: Callable[[Fact, Moment], None] | None = None) -> None:
        self.header = header
        self.timezone = ZoneInfo(header.layout.store.timezone)
        self._trust = trust
        self._told = told
        self._core: Core | None = None
        self._store_due = float("inf")
        self._now = float("-inf")

    def play(self, entries: Iterable[Entry]) -> Iterator[Record]:
        """All records that come of the entries, in order; numbered as they were, where a keyframe tells the number.

        From a keyframe on the store did not start: it ran. So the start of the replay is not told, and takes the number of the last event
        before the recording.
        """
        for entry in entries:
            if self._core is None:
                if isinstance(entry, Keyframe):
                    state = restore(entry.state, ())
                    before = self._begin(replace(state, seq=state.seq - 1), entry.at, entry.levels)
                    yield from (record for record in before if not isinstance(record.what, StoreStarted))
                    continue
                yield from self._begin(State(), entry.at, ())
            yield from self._take(entry)

    def moment(self, at: float) -> Moment:
        """Virtual time, labelled as the recording's clocks would have."""
        header = self.header
        return Moment(at, header.wall + (at - header.uptime), header.trusted, header.boot)

    def _begin(self, state: State, at: float, levels: Iterable[Reading]) -> Iterator[Record]:
        header = self.header
        learnt = {}
        for key, found in state.calibrations.items():
            scale, _, channel = key.rpartition("/")
            learnt[scale, int(channel)] = Calibration(found.zero, found.per_gram)
        plan = Plan(header.layout, {product.gtin: product for product in header.products}, state)
        store = Store(plan, self._trust, state, identify, header.epoch)
        self._now = at
        self._core = Core(Sensing(header.layout, learnt, header.boot[:8]), store)
        yield from self._step(Begin(__version__, "clean"), at)
        for level in levels:
            yield from self._take(level)

    def _take(self, entry: Entry) -> Iterator[Record]:
        core = self._core
        assert core is not None
        at = max(self._now, entry.at)
        due = core.sensing.deadline
        if at >= self._store_due or (due is not None and at >= due):
            yield from self._pass_time(at)
        self._now = at
        if isinstance(entry, Keyframe):
            return
        if isinstance(entry, Taken):
            yield from self._step(entry.command, at)
            return
        for fact in core.sensing.take(entry):
            yield from self._step(fact, at)

    def _pass_time(self, until: float) -> Iterator[Record]:
        """Let everything happen that is due before ``until``, each when it is due."""
        core = self._core
        assert core is not None
        at = self._now
        while (due := core.deadline) is not None and due <= until:
            at = min(max(due, at + LEAST_STEP_S), until)
            facts = core.sensing.tick(at)
            for fact in facts:
                yield from self._step(fact, at)
            if not facts and self._store_due <= at:
                yield from self._step(Tick(), at)
            if at >= until:
                return

    def _step(self, what: Input, at: float) -> Iterator[Record]:
        core = self._core
        assert core is not None
        moment = self.moment(at)
        if self._told is not None and isinstance(what, Fact):
            self._told(what, moment)
        yield from core.step(what, moment).records
        due = core.store.deadline
        self._store_due = float("inf") if due is None else due
