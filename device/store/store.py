"""The store: one input in, records and effects out. All there is to know about order and time is here; what things mean is elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Container, Set
from typing import Any

from device.domain import facts
from device.domain.calibration import Weigh, nobody_weighs
from device.domain.commands import Command, InboundCommand
from device.domain.effects import Calibrate, Effect, Reply
from device.domain.events import ClockCorrelated, StoreStarted, StoreStopping
from device.domain.facts import Fact
from device.domain.identification import Identify
from device.domain.moment import Moment
from device.domain.names import AS_THEY_ARE, KEEP_AFTER_EXPIRY_S, Names
from device.domain.record import record
from device.store import alarms, answers, commands, degraded, devices, inputs, reports, sales, views
from device.store.access import authentication, codes
from device.store.access.authentication import Challenge, Refusal
from device.store.cold import ColdStore
from device.store.goods import basket, orders, shelves, standing, tags
from device.store.inputs import Happening
from device.store.memory.notes import CatalogueSet, CommandSeen, Forgotten, PlanogramSet, Rebased, ReceiptsFrom, Record
from device.store.memory.state import Live, State
from device.store.plan import Plan
from device.store.turn import Turn
from device.store.visits import doors, entrance, kinds, niches, rooms, sessions, visits

Input = Fact | InboundCommand | Happening

REFUSALS_TOLD_EVERY_S = 60.0
"""Commands that cannot be authenticated are journalled at most this often, so that nobody can fill the disk."""
START_GRACE_S = 3.0
"""What fell due while the program was dead waits this long for the contacts and plates to be heard first."""
CLOCK_STEP_S = 1.0
"""By more than this against the uptime, the wall clock has been set."""
LONGEST_NAME = 64
"""Of a command's name, which is the end of a topic that anybody may have chosen, at most so much is journalled."""
REMEMBERED = 4096
"""From so many on, expired codes and commands are forgotten."""


@record
class Outcome:
    """What one input causes. Effects may be performed once all records are durable."""

    records: tuple[Record, ...]
    effects: tuple[Effect, ...]


@record
class Trust:
    """Who may enter, and who may command."""

    codes: codes.Rules
    commands: authentication.Rules


class Store:
    """A store's state and the one way to change it: ``step``."""

    def __init__(self, plan: Plan, trust: Trust, state: State, identify: Identify, epoch: str, names: Names = AS_THEY_ARE) -> None:
        self.plan = plan
        self.trust = trust
        self.state = state
        self.live = Live()
        self.cold = ColdStore()
        self.challenges: tuple[Challenge, ...] = ()
        self.refused_unsigned = 0
        self._next: tuple[Plan, Trust] | None = None
        self._waiting: Plan | None = None
        self._held: Set[str] = frozenset()
        self._refusal_told_at: float | None = None
        self._wall_ahead: float | None = None
        self.weigh: Weigh = nobody_weighs
        """How a plate without a calibration stands; the core sets it."""
        self._identify = identify
        self._epoch = epoch
        self._names = names
        self._lockouts: dict[str, codes.Lockout] = {}

    @property
    def deadline(self) -> float | None:
        """The uptime at which a ``Tick`` has something to do."""
        return min(self.state.timers.values(), default=None)

    def step(self, what: Input, moment: Moment) -> Outcome:
        """Take one input. Whatever was due before it happens first; at a start, nothing is due before the doors have been heard."""
        turn = self._turn(moment)
        moved_s = self._clock_moved(moment)
        if not isinstance(what, inputs.Begin):
            if moved_s:
                reports.clock_moved(turn, moved_s)
                sales.clock_moved(turn)
                niches.clock_moved(turn)
            self._run_timers(turn)
        _STEPS[type(what)](self, turn, what)
        if self._waiting and not self._held <= self._visited():
            self._take_over(turn, self._waiting.renewed(self.state), self._held)
        if type(what) in _MAY_CHANGE_MODES:
            degraded.follow(turn)
            niches.obey_stops(turn)
        return Outcome(tuple(turn.records), tuple(turn.effects))

    def is_here(self, subject: str) -> bool:
        """Whether a person has a session that runs."""
        return commands.is_here(self.state, self._names, subject)

    def replan(self, plan: Plan, trust: Trust) -> None:
        """Have a new configuration ready, which ``Reloaded`` then puts into force: all of it at once, but slots that have changed,
        each zone's when no session runs there. What stands where does not change under anybody's hands.
        """
        self._next = (plan, trust)

    def zone_view(self, zone: str, moment: Moment) -> dict[str, Any]:
        return views.zone_view(self._turn(moment), self.cold, zone)

    def slot_view(self, slot: str, moment: Moment) -> dict[str, Any]:
        return views.slot_view(self._turn(moment), slot)

    def _turn(self, moment: Moment) -> Turn:
        return Turn(self.plan, self.state, self.live, moment, self._identify, self._epoch, self.weigh, self._names)

    def _clock_moved(self, moment: Moment) -> float:
        """By how much the wall clock was set since it was last looked at, in seconds; 0 where it only ran."""
        ahead, before = moment.wall - moment.uptime, self._wall_ahead
        if before is not None and abs(ahead - before) <= CLOCK_STEP_S:
            return 0.0
        self._wall_ahead = ahead
        return 0.0 if before is None else ahead - before

    def _run_timers(self, turn: Turn) -> None:
        """Let what is due happen, earliest first. Each timer stops itself, so this ends."""
        while True:
            due = [(at, name) for name, at in self.state.timers.items() if at <= turn.moment.uptime]
            if not due:
                return
            _, name = min(due)
            kind, _, place = name.partition(":")
            if place in self._places_of(kind):
                self._due(turn, kind, place)
            else:
                self._visitor_due(turn, kind, place)
            if self.state.timers.get(name, turn.moment.uptime + 1) <= turn.moment.uptime:
                turn.stop_timer(name)

    def _places_of(self, kind: str) -> Container[str]:
        """What a timer of this kind belongs to. What had its name under another configuration may have been something else."""
        if kind in ("bolt", "relock"):
            return self.plan.locks
        return self.plan.thermometer_zone if kind == "record" else self.plan.zones

    def _due(self, turn: Turn, kind: str, place: str) -> None:
        match kind:
            case "window":
                turn.stop_timer(f"window:{place}")
                self._window_passed(turn, place)
            case "closing" if self.plan.zones[place].inside:
                niches.forbid(turn, place)
            case "empty":
                rooms.found_empty(turn, place)
            case "session" | "closing":
                turn.stop_timer(f"{kind}:{place}")
                if sessions.in_phase(turn, place, "time_up"):
                    sessions.trigger(turn, place, "time_up")
            case "settle":
                sessions.settling_time_over(turn, place)
            case "rest":
                sessions.rest_limit(turn, place)
            case "held":
                doors.held_too_long(turn, place)
            case "bolt":
                doors.bolt_is_late(turn, place)
            case "relock":
                doors.retry(turn, place)
            case "tags":
                tags.overdue(turn, place)
            case "record":
                self.cold.record(turn, place)
            case "engagement":
                reports.tell_engagement(turn, place)
            case "stock":
                reports.tell_stock(turn, place)
            case "warm" | "cold" | "blind":
                self.cold.too_long(turn, kind, place)
            case _:
                raise KeyError(f"no such timer: {kind}")

    def _visitor_due(self, turn: Turn, kind: str, session: str) -> None:
        """A timer of one visitor of a room; of somebody or something that is no longer there it means nothing."""
        for zone, state in self.state.zones.items():
            visitor = state.visitor(session)
            if visitor and zone in self.plan.zones:
                rooms.due(turn, kind, zone, visitor)
                return
        turn.stop_timer(f"{kind}:{session}")

    def _window_passed(self, turn: Turn, zone: str) -> None:
        if self.plan.zones[zone].kind == "room":
            if turn.zone(zone).phase == "unlocked":
                rooms.trigger(turn, zone, "window_passed")
        elif sessions.in_phase(turn, zone, "window_passed"):
            sessions.trigger(turn, zone, "window_passed")

    def _begin(self, turn: Turn, what: inputs.Begin) -> None:
        last_wall = self.state.wall if self.state.trusted else 0.0
        if self.state.boot and self.state.boot != turn.moment.boot:
            away_s = max(0.0, turn.moment.wall - self.state.wall) if turn.moment.trusted and self.state.trusted else 0.0
            shift = turn.moment.uptime - (self.state.uptime + away_s)
            turn.note(Rebased(shift))
        resumed = tuple(session.id for zone in self.state.zones.values() for session in zone.sessions)
        turn.tell(StoreStarted(what.version, turn.moment.boot, what.reason, resumed), self.plan.layout.store.id)
        for command in [name for name, seen in self.state.commands.items() if seen.status == "accepted"]:
            answers.finish(turn, command, "failed", reason="interrupted")
        self._forget_places(turn)
        for zone in self.plan.zones:
            rooms.unwatched(turn, zone)
        for timer, at in list(self.state.timers.items()):
            if at < turn.moment.uptime + START_GRACE_S:
                turn.start_timer(timer, START_GRACE_S)
        wanted = turn.state.seq + 1 if self.plan.layout.mqtt.acknowledge == "backend" else None
        if (wanted is None) != (self.state.receipts_from is None):
            turn.note(ReceiptsFrom(wanted))
        self.cold.begin(turn, last_wall)
        reports.begin(turn)

    def _forget_places(self, turn: Turn) -> None:
        """What has left the configuration: its session ends, with review, its alarms are over, its counts mean nothing."""
        zones = tuple(zone for zone in self.state.zones if zone not in self.plan.zones)
        for zone in zones:
            for session in list(turn.zone(zone).sessions):
                visits.finish(turn, session, "timeout")
        for zone in self.plan.zones:
            if kinds.misfits(turn, zone):
                kinds.begin_anew(turn, zone)
        for zone in self.plan.zones:
            for session in turn.zone(zone).sessions:
                if any(
                    slot not in self.plan.slots or {*counts} != {*self.plan.slots[slot].products}
                    for slot, counts in session.expected.items()
                ):
                    basket.review(turn, session, "gap")
        slots = tuple(slot for slot in self.state.slots if slot not in self.plan.slots)
        places = {self.plan.layout.store.id, *self.plan.zones, *self.plan.slots, *self.plan.kinds}
        for alarm in [alarm for alarm in self.state.alarms.values() if alarm.place not in places]:
            alarms.clear(turn, alarm, None)
        self.cold.follow_plan(turn)
        known = {*self.state.lost, *self.state.cold, *(part.partition("/")[0] for part in self.state.degraded)}
        devices = tuple(sorted(known - self.plan.kinds.keys()))
        if slots or zones or devices:
            turn.note(Forgotten(slots=slots, zones=zones, devices=devices))

    def _halt(self, turn: Turn, what: inputs.Halt) -> None:
        open_doors = []
        for zone in self.plan.zones:
            if turn.zone(zone).phase == "unlocked" and not self.plan.zones[zone].inside:
                self._window_passed(turn, zone)
            elif turn.door_shut(zone) and not turn.zone(zone).fire:
                for lock in self.plan.locks_of(zone):
                    if turn.live.relay_unlocked.get(lock.id) is not False:
                        turn.order_lock(lock.id, False)
            if any(turn.live.door_closed.get(lock.id) is False for lock in self.plan.locks_of(zone)):
                open_doors.append(zone)
        self.cold.close(turn)
        turn.tell(StoreStopping(what.reason, tuple(open_doors)), self.plan.layout.store.id)

    def _clock_state(self, turn: Turn, what: inputs.ClockState) -> None:
        moment, place = turn.moment, self.plan.layout.store.id
        if not what.trusted:
            alarms.raise_alarm(turn, "clock_untrusted", place, None)
            return
        undated = [zone for zone in self.state.tally.undated if zone in self.plan.zones]
        alarms.end_alarm(turn, "clock_untrusted", place)
        if self.state.correlated_boot != moment.boot:
            event = ClockCorrelated(moment.boot, f"{moment.uptime:.3f}", turn.time(), round(what.error_s, 6))
            turn.tell(event, place)
        self.cold.clock_trusted(turn)
        for zone in undated:
            reports.tell_dates(turn, zone)

    def _journal_room(self, turn: Turn, what: inputs.JournalRoom) -> None:
        self.live.journal_room = what.room
        place = self.plan.layout.store.id
        if what.room == "full":
            alarms.raise_alarm(turn, "journal_full", place, None)
            for zone in self.plan.zones:
                sales.stop(turn, zone, "journal_full")
        elif what.room == "ok":
            alarms.end_alarm(turn, "journal_full", place)
            for zone in self.plan.zones:
                sales.resume(turn, zone, "journal_full")

    def _broker_state(self, turn: Turn, what: inputs.BrokerState) -> None:
        self.live.broker_down = what.down

    def _new_challenge(self, turn: Turn, what: inputs.NewChallenge) -> None:
        self.challenges = (Challenge(what.value, turn.moment.uptime), *self.challenges[:1])

    def _reloaded(self, turn: Turn, what: inputs.Reloaded) -> None:
        if self._next:
            plan, self.trust = self._next
            self._next = None
            self._take_over(turn, plan, plan.differ(self.plan))
        if what.command is None:
            return
        if what.faults:
            answers.finish(turn, what.command, "failed", reason="bad_configuration", result={"faults": list(what.faults)})
        else:
            answers.finish(turn, what.command, "done")

    def _take_over(self, turn: Turn, plan: Plan, changes: Set[str]) -> None:
        """Put a plan into force, but for the slots of those of the zones that it changes in which somebody is: they wait."""
        self._held = changes & self._visited()
        self._waiting = plan if self._held else None
        self._adopt(turn, plan.with_slots_of(self.plan, self._held, self.state) if self._held else plan)

    def _visited(self) -> set[str]:
        return {name for name, zone in self.state.zones.items() if zone.sessions}

    def _subject_forgotten(self, turn: Turn, what: inputs.SubjectForgotten) -> None:
        if what.reason is None:
            answers.finish(turn, what.command, "done", result={"known": what.known})
        else:
            answers.finish(turn, what.command, "failed", reason=what.reason)

    def _overload(self, turn: Turn, what: inputs.Overload) -> None:
        place = self.plan.layout.store.id
        if what.waiting or what.aside:
            alarms.raise_alarm(turn, "overload", place, None, waiting=what.waiting, events_set_aside=what.aside)
        else:
            alarms.end_alarm(turn, "overload", place)

    def _code_read(self, turn: Turn, fact: facts.CodeRead) -> None:
        entrance.code_read(turn, fact, self.trust.codes, self._lockouts)
        self._forget_expired(turn)

    def _door_moved(self, turn: Turn, fact: facts.DoorMoved) -> None:
        zone = self.plan.locks[fact.lock].zone
        tags.door_moved(turn, zone)
        is_open = doors.door_moved(turn, fact)
        if is_open is not None:
            self.cold.door_moved(turn, zone, is_open)
        if is_open is None:
            pass
        elif self.plan.zones[zone].kind == "room":
            rooms.door_moved(turn, zone, is_open)
        elif self.plan.zones[zone].inside:
            niches.trigger(turn, zone, "opened" if is_open else "closed")
        else:
            sessions.trigger(turn, zone, "opened" if is_open else "closed")
        doors.secure(turn, fact.lock)

    def _lock_driven(self, turn: Turn, fact: facts.LockDriven) -> None:
        failed = doors.lock_driven(turn, fact)
        if not failed:
            return
        if self.plan.zones[failed].kind == "room":
            rooms.unlock_failed(turn, failed, fact.reason)
        elif self.plan.zones[failed].inside:
            alarms.raise_alarm(turn, "lock_jammed", failed, failed, lock=fact.lock, reason=fact.reason)
        else:
            sessions.unlock_failed(turn, failed, fact.reason)

    def _device_lost(self, turn: Turn, fact: facts.DeviceLost) -> None:
        pending = turn.live.pending.get(fact.device)
        if pending is not None:
            self._lock_driven(turn, facts.LockDriven(fact.device, fact.at, pending, False, "gone"))
        tags.lost(turn, fact.device)
        devices.lost(turn, fact)

    def _at_rest(self, turn: Turn, zone: str | None) -> None:
        if zone is None:
            return
        visited = self.plan.visited(zone)
        if self.plan.zones[visited].kind == "room":
            rooms.settled(turn, visited)
        else:
            sessions.settle_if_at_rest(turn, zone)

    def _exit_pressed(self, turn: Turn, fact: facts.ExitPressed) -> None:
        zone = self.plan.locks[fact.lock].zone
        if self.plan.zones[zone].kind == "room":
            rooms.exit_used(turn, zone)

    def _inbound(self, turn: Turn, inbound: InboundCommand) -> None:
        """Let a command in: once, durably, before anything moves."""
        rules = self.trust.commands
        found = authentication.authenticate(inbound, rules, turn.moment, self.challenges)
        topic = authentication.response_topic(inbound, rules.root)
        if isinstance(found, Refusal) and not found.remember:
            self._refuse_unknown(turn, inbound, found, topic)
            return
        known = found.id or ""
        if known in self.state.commands:
            seen = self.state.commands[known]
            shown = views.whole(turn, self.cold) if (seen.name, seen.status) == ("snapshot", "done") else None
            answers.repeat(turn, known, topic, inbound.correlation, shown)
            return
        correlation = inbound.correlation.hex() if inbound.correlation is not None else None
        expires = found.expires if found.expires is not None else turn.moment.wall
        turn.note(CommandSeen(known, _bounded(inbound.name), found.by, expires, topic, correlation))
        if isinstance(found, Command):
            commands.perform(turn, found, self.cold)
            self._follow_plan(turn)
        else:
            answers.finish(turn, known, "refused", reason=found.reason)
        self._forget_expired(turn)

    def _follow_plan(self, turn: Turn) -> None:
        """A catalogue or planogram that a command has set holds at once."""
        if any(isinstance(record.what, CatalogueSet | PlanogramSet) for record in turn.records):
            self._adopt(turn, self.plan.renewed(self.state))

    def _adopt(self, turn: Turn, plan: Plan) -> None:
        """Put a plan into force: plates of new slots are asked for their weight, and slots that are gone are forgotten."""
        visits.keep_lines(turn, plan.products)
        before, self.plan = self.plan, plan
        turn.plan = plan
        self._forget_places(turn)
        self.cold.watch(turn)
        reports.begin(turn)
        plates = {(slot.id, slot.scale, slot.channel) for slot in before.slots.values()}
        moved = tuple(slot.id for slot in plan.slots.values() if (slot.id, slot.scale, slot.channel) not in plates)
        if moved:
            turn.note(Forgotten(slots=moved))
        for slot in self.plan.slots.values():
            known = before.slots.get(slot.id)
            if known is not None and set(known.products) != set(slot.products):
                standing.reset(turn, slot.id)
            if known != slot:
                self.live.based.discard(slot.id)
                calibration = self.plan.calibration(slot.scale, slot.channel, self.state)
                if calibration is not None:
                    turn.effect(Calibrate(slot.scale, slot.channel, calibration.zero, calibration.per_gram))

    def _refuse_unknown(self, turn: Turn, inbound: InboundCommand, refusal: Refusal, topic: str | None) -> None:
        self.refused_unsigned += 1
        if refusal.answerable:
            turn.effect(Reply(refusal.id or "", "refused", refusal.reason, None, turn.time(), topic, inbound.correlation))
        told_at = self._refusal_told_at
        if told_at is None or turn.moment.uptime - told_at >= REFUSALS_TOLD_EVERY_S:
            self._refusal_told_at = turn.moment.uptime
            answers.tell_refused(turn, refusal.id or "", _bounded(inbound.name), refusal.reason)

    def _forget_expired(self, turn: Turn) -> None:
        """Forget what is over for good, by a trusted clock: orders after 90 days, codes and commands once there are many."""
        if not turn.moment.trusted:
            return
        over = orders.expired(self.state.orders, turn.moment.wall)
        used: tuple[str, ...] = ()
        seen: tuple[str, ...] = ()
        if max(len(self.state.used), len(self.state.commands)) >= REMEMBERED:
            before = turn.moment.wall - KEEP_AFTER_EXPIRY_S
            used = tuple(jti for jti, expires in self.state.used.items() if expires < before)
            seen = tuple(
                name for name, command in self.state.commands.items() if command.expires_wall < before and command.status != "accepted"
            )
        if used or seen or over:
            turn.note(Forgotten(codes=used, commands=seen, orders=over))


def _bounded(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"


_STEPS: dict[type, Callable[[Store, Turn, Any], object]] = {
    facts.PlateMoving: lambda store, turn, fact: shelves.moving(turn, fact),
    facts.WeightStep: lambda store, turn, fact: store._at_rest(turn, shelves.step(turn, fact)),
    facts.PlateQuiet: lambda store, turn, fact: store._at_rest(turn, shelves.quiet(turn, fact)),
    facts.PlateUntrusted: lambda store, turn, fact: store._at_rest(turn, shelves.untrusted(turn, fact)),
    facts.PlateTrusted: lambda store, turn, fact: shelves.trusted(turn, fact),
    facts.TraceCaptured: lambda store, turn, fact: None,
    facts.DoorMoved: Store._door_moved,
    facts.BoltMoved: lambda store, turn, fact: doors.bolt_moved(turn, fact),
    facts.RelayMoved: lambda store, turn, fact: doors.relay_moved(turn, fact),
    facts.ExitPressed: Store._exit_pressed,
    facts.InputChanged: lambda store, turn, fact: devices.input_changed(turn, fact),
    facts.CodeRead: Store._code_read,
    facts.TagArrived: lambda store, turn, fact: tags.arrived(turn, fact),
    facts.TagDeparted: lambda store, turn, fact: tags.departed(turn, fact),
    facts.InventoryTaken: lambda store, turn, fact: store._at_rest(turn, tags.inventory(turn, fact)),
    facts.TemperatureKnown: lambda store, turn, fact: store.cold.known(turn, fact),
    facts.ProbeFailed: lambda store, turn, fact: store.cold.failed(turn, fact),
    facts.DeviceOnline: lambda store, turn, fact: devices.online(turn, fact),
    facts.DeviceLost: Store._device_lost,
    facts.DeviceDegraded: lambda store, turn, fact: devices.degraded(turn, fact),
    facts.LockDriven: Store._lock_driven,
    InboundCommand: Store._inbound,
    inputs.Begin: Store._begin,
    inputs.Halt: Store._halt,
    inputs.Tick: lambda store, turn, what: None,
    inputs.ClockState: Store._clock_state,
    inputs.JournalRoom: Store._journal_room,
    inputs.BrokerState: Store._broker_state,
    inputs.NewChallenge: Store._new_challenge,
    inputs.Reloaded: Store._reloaded,
    inputs.Overload: Store._overload,
    inputs.SubjectForgotten: Store._subject_forgotten,
}

_MAY_CHANGE_MODES = frozenset(
    {
        *(facts.DeviceOnline, facts.DeviceLost, facts.PlateTrusted, facts.PlateUntrusted, facts.PlateQuiet),
        *(facts.TemperatureKnown, facts.ProbeFailed, facts.InputChanged, InboundCommand),
        *(inputs.ClockState, inputs.JournalRoom, inputs.BrokerState, inputs.Begin, inputs.Reloaded, inputs.Tick),
    }
)
"""After which a zone may have another fault, or another table."""
