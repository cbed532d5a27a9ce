"""Whatever may reach a store, in any order: a seeded driver that gives it facts, inputs, commands, reloads, restarts and clocks at random.

Each thing by itself is possible in the field; their order need not be. After each of them what must always hold is looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from device.domain import facts
from device.domain.effects import DriveLock
from device.domain.events import ItemReturned, ItemTaken, SessionEnded, SessionStarted
from device.domain.moment import Moment, in_ms
from device.domain.products import Product
from device.engine.records import dump_state, record_from, restore, row_of
from device.sensing import identify
from device.store import inputs
from device.store.access import authentication, codes
from device.store.memory import fold
from device.store.memory.notes import LockOrdered, Record, VisitorMoved
from device.store.memory.state import State
from device.store.plan import Plan
from device.store.store import Input, Store, Trust
from device.store.visits import kinds
from tests.store.shop import COLA, EPOCH, GIN, KEY, ORIGIN, PRODUCTS, RIESLING, Shop, plain_state
from tests.store.wild_layouts import GTINS, a_store, layout_of, reloaded

LATE = 5
"""So many transactions may be lost with the power."""
WALLS = (0.0, 951_782_400.0, 1_743_296_400.0, 1_761_440_400.0, 1_795_348_800.0, 2_147_483_647.0, 4_102_444_800.0)
"""1970; 29 February 2000; the nights on which a summer time began and ended; the tests' own noon; the end of 32 bits; 2100."""
WEIGHTS = (3.0, 355.0, 710.0, 1250.0, 1420.0, 2500.0, 5000.0, 60_000.0)
GRAMS = (5e-324, 1e-300, 0.1, 355.0, 1250.0, 1e6, 1e200, 1.7e308)
DAYS = ("0001-01-01", "2028-02-29", "2026-11-21", "2026-11-24", "9999-12-31")
FILE = {
    RIESLING: Product(RIESLING, "Riesling", 1250.0, 6.0, 1290, age_limit=16, category="wine"),
    COLA: PRODUCTS[COLA],
    GIN: Product(GIN, "Gin", 1420.0, 8.0, 2990, age_limit=18, tagged=True, max_celsius=12.0, category="spirits"),
}


class Wild(Shop):
    """A store to which anything happens."""

    def __init__(self, seed: int) -> None:
        self.chance = Random(seed)
        self.tables = a_store(self.chance)
        self.shadow = State()
        """What the journal's bytes give."""
        self.folded = 0
        self.unanswered: list[Any] = []
        self.codes: list[str] = []
        super().__init__(layout_of(self.tables), stocked=False)

    def _start(self, reason: Any) -> None:
        self.layout = layout_of(self.tables)
        self.store = Store(Plan(self.layout, self.file(), self.state), self.trust(), self.state, identify, EPOCH)
        self.step(inputs.Begin("1.0", reason))

    def file(self) -> dict[str, Product]:
        """The catalogue file, of which an editor may have dropped what no slot has."""
        needed = {gtin for slot in self.layout.slot for gtin in slot.products}
        return {gtin: product for gtin, product in FILE.items() if gtin in needed or self.chance.random() < 0.5}

    def trust(self) -> Trust:
        rules = codes.Rules("test-01", ZoneInfo(self.layout.store.timezone), KEY.keyring)
        return Trust(rules, authentication.Rules("test-01", "smartstore/test-01", KEY.keyring, True))

    # What happens

    def anything(self) -> None:
        """One thing at random."""
        names, weights = zip(*((name, weight) for name, weight in HAPPENINGS.items()), strict=True)
        happening: Callable[[Wild], None] = self.chance.choices(names, weights)[0]
        happening(self)

    def pick(self, *of: Any) -> Any:
        return self.chance.choice(of)

    def one_of(self, known: Any) -> Any:
        return self.chance.choice(sorted(known)) if known else None

    def door(self) -> None:
        lock = self.one_of(self.store.plan.locks)
        if lock:
            self.fact(facts.DoorMoved(lock, self.now, self.pick(True, True, True, False, False, None)))

    def relay(self) -> None:
        lock = self.one_of(self.store.plan.locks)
        if lock:
            state = self.store.state.locks.get(lock)
            as_told = bool(state and state.unlocked)
            self.fact(facts.RelayMoved(lock, self.now, self.pick(as_told, as_told, as_told, True, False, None)))

    def bolt(self) -> None:
        lock = self.one_of(self.store.plan.locks)
        if lock:
            self.fact(facts.BoltMoved(lock, self.now, self.pick(True, False, None)))

    def lock_outcome(self) -> None:
        """Locks stop answering at once, or answer late, in order, what they were asked."""
        self.locks_answer = self.chance.random() < 0.8
        self.refusal = self.pick("", "", "", "no answer", "gone", "busy")
        for lock, order in list(self.store.live.pending.items()):
            self.fact(facts.LockDriven(lock, self.now, order, self.chance.random() < 0.7, "no answer"))

    def plate(self) -> None:
        scale = self.one_of(self.store.plan.scales)
        match self.chance.randrange(6):
            case 0:
                self.fact(facts.PlateMoving(scale, 1, self.now))
            case 1:
                self.fact(facts.PlateUntrusted(scale, 1, self.now, self.pick("lost", "glitching", "uncalibrated")))
            case 2:
                self.fact(facts.PlateTrusted(scale, 1, self.now))
                self.fact(facts.PlateQuiet(scale, 1, self.now, self.plates.get(scale, 0.0), 0.3, True))
            case 3:
                self.fact(facts.PlateQuiet(scale, 1, self.now, self.chance.choice(WEIGHTS), 0.3, self.chance.random() < 0.5))
            case _:
                self.steps(scale, self.chance.choice(WEIGHTS) * self.pick(-1, 1))

    def steps(self, scale: str, delta: float) -> None:
        before = self.plates.get(scale, 7500.0)
        self.plates[scale] = after = before + delta
        began = self.now - self.pick(0.0, 1.0, 30.0)
        sd = self.pick(0.01, 0.4, 50.0)
        self.fact(facts.WeightStep(scale, 1, self.now, began, delta, sd, before, after, f"e.{self.now}", self.pick("", "g")))

    def tag(self) -> None:
        reader = self.one_of(self.store.plan.rfid_zone)
        if reader:
            epc = self.pick("3034257BF7194E4000001A85", "E28011700000020A7D8A1C5E", "00")
            self.fact(self.pick(facts.TagArrived(reader, self.now, epc), facts.TagDeparted(reader, self.now, epc, self.now - 3)))

    def thermometer(self) -> None:
        name = self.one_of(self.store.plan.thermometer_zone)
        if self.chance.random() < 0.15:
            self.fact(facts.ProbeFailed(name, self.now, self.pick("stale", "zero")))
        else:
            self.fact(facts.TemperatureKnown(name, self.now, self.pick(-55.0, 1.9, 7.9, 8.0, 8.1, 13.9, 14.0, 25.0, 125.0)))

    def an_input(self) -> None:
        self.fact(facts.InputChanged(self.one_of(self.store.plan.inputs), self.now, self.chance.random() < 0.4))

    def exit_button(self) -> None:
        lock = self.one_of(self.store.plan.locks)
        if lock:
            self.fact(facts.ExitPressed(lock, self.now))

    def device(self) -> None:
        name = self.one_of(self.store.plan.kinds)
        match self.chance.randrange(4):
            case 0:
                self.fact(facts.DeviceLost(name, self.now, "cable"))
            case 1:
                self.fact(facts.DeviceDegraded(name, self.now, self.pick("noise", None), self.pick(None, None, 1)))
            case _:
                self.fact(facts.DeviceOnline(name, self.now, self.pick(None, 3.0), ""))

    def code(self) -> None:
        reader = self.one_of(self.store.plan.reader_zone)
        if self.codes and self.chance.random() < 0.15:
            text = self.chance.choice(self.codes[-5:])
        else:
            purpose = self.pick("shop", "shop", "pickup", "service", "restock")
            claims: dict[str, Any] = {"purpose": purpose, "sub": f"s{self.chance.randrange(5)}", "age": self.pick(10, 18, 30, 30)}
            if purpose == "pickup":
                claims["order"] = self.an_order()
            text = self.token(**claims)
            self.codes.append(text)
        self.fact(facts.CodeRead(reader, self.now, text, self.chance.random() < 0.2))

    def an_order(self) -> dict[str, Any]:
        lines = [{"gtin": self.chance.choice(GTINS), "quantity": self.pick(1, 2, 10_000)} for _ in range(self.chance.randint(1, 3))]
        return {"id": f"o{self.chance.randrange(6)}", "lines": lines}

    def visit(self) -> None:
        """What usually happens: a code, the door, something is taken, the door. Any of it may be left out."""
        reader = self.one_of(self.store.plan.reader_zone)
        locks = [lock.id for lock in self.store.plan.locks_of(self.store.plan.reader_zone[reader])]
        if self.chance.random() < 0.8:
            self.well()
        self.code()
        for lock in locks:
            self.fact(facts.DoorMoved(lock, self.now, False))
        for _ in range(self.chance.randint(0, 3)):
            self.wait(1.0)
            entry = self.store.plan.slots.get(self.one_of(self.store.plan.slots))
            if entry is None:
                break
            self.steps(entry.scale, FILE[self.chance.choice(entry.products)].grams * self.pick(-1, -1, -2, 1))
        for lock in locks:
            if self.chance.random() < 0.8:
                self.fact(facts.DoorMoved(lock, self.now, True))
        self.wait(self.pick(0.001, 3.0, 10.0))

    def well(self) -> None:
        """Every device answers, doors are shut, plates rest, the clock is right, nothing burns and nobody has stopped anything."""
        self.locks_answer, self.refusal = True, ""
        self.moment = Moment(self.now, self.moment.wall, True, self.moment.boot)
        self.step(inputs.ClockState(True, 0.01))
        self.step(inputs.JournalRoom("ok"))
        self.step(inputs.BrokerState(False))
        for name in self.store.plan.kinds:
            self.fact(facts.DeviceOnline(name, self.now, 1.0, ""))
        for name in self.store.plan.inputs:
            self.fact(facts.InputChanged(name, self.now, False))
        for lock, order in list(self.store.live.pending.items()):
            self.fact(facts.LockDriven(lock, self.now, order, True, ""))
        for lock in self.store.plan.locks:
            self.fact(facts.DoorMoved(lock, self.now, True))
        for name in self.store.plan.thermometer_zone:
            self.fact(facts.TemperatureKnown(name, self.now, 5.0))
        for slot in list(self.store.plan.slots.values()):
            grams = self.plates.setdefault(slot.scale, 7500.0)
            self.fact(facts.PlateTrusted(slot.scale, 1, self.now), facts.PlateQuiet(slot.scale, 1, self.now, grams, 0.3, True))
        for zone in self.store.plan.zones:
            self.command("clear_fire", zone=zone)
            self.command("resume_sales", zone=zone)

    def time(self) -> None:
        self.wait(self.pick(0.001, 0.5, 2.0, 16.0, 100.0, 400.0, 2000.0))

    def night(self) -> None:
        self.wait(self.pick(3600.0, 30_000.0, 90_000.0))

    def clock(self) -> None:
        wall = self.pick(self.moment.wall + self.pick(-1.5, 1.5, 3600.0, -86_400.0), self.chance.choice(WALLS))
        self.moment = Moment(self.now, in_ms(max(0.0, wall)), self.chance.random() < 0.85, self.moment.boot)
        if self.chance.random() < 0.7:
            self.step(inputs.ClockState(self.moment.trusted, 0.01))

    def happening(self) -> None:
        self.step(
            self.pick(
                inputs.JournalRoom(self.pick("ok", "ok", "nearly_full", "full")),
                inputs.BrokerState(self.chance.random() < 0.5),
                inputs.NewChallenge("challenge"),
                inputs.Overload(self.pick(0, 200), self.pick(0, 1)),
                inputs.ClockState(self.moment.trusted, 0.01),
                inputs.Reloaded(None, ()),
            )
        )

    def reload(self) -> None:
        self.tables = reloaded(self.chance, self.tables)
        self.layout = layout_of(self.tables)
        self.store.replan(Plan(self.layout, self.file(), self.store.state), self.trust())
        self.step(inputs.Reloaded(None, ()))

    def dies(self) -> None:
        """The program ends, cleanly or not, its last decisions written down or not, and starts again, maybe as another store."""
        if self.chance.random() < 0.3:
            self.step(inputs.Halt("SIGTERM"))
        elif self.chance.random() < 0.5:
            self._keep(self.commits[-min(len(self.commits), self.chance.randint(1, LATE))])
        if self.chance.random() < 0.3:
            self.tables = a_store(self.chance) if self.chance.random() < 0.5 else reloaded(self.chance, self.tables)
        self.state = self.replayed()
        boot = self.moment.boot if self.chance.random() < 0.5 else f"boot-{len(self.records)}"
        uptime = self.now + 1.0 if boot == self.moment.boot else 20.0
        wall = self.moment.wall + self.pick(1.0, 1.0, 5000.0, 1e8, -500.0)
        self.moment = Moment(in_ms(uptime), in_ms(max(0.0, wall)), self.chance.random() < 0.8, boot)
        self._start("crash" if boot == self.moment.boot else "power_loss")

    def _keep(self, kept: int) -> None:
        self.records = self.records[:kept]
        while self.commits[-1] > kept:
            self.commits.pop()

    def replayed(self) -> State:
        """As ``Shop.replayed``, from a snapshot of what cannot be lost any more."""
        durable = self.commits[-LATE] if len(self.commits) >= LATE else 0
        for record in self.records[self.folded : durable]:
            fold.apply(self.shadow, record_from(row_of(record, ORIGIN)))
        self.folded = max(self.folded, durable)
        return restore(dump_state(self.shadow), [row_of(record, ORIGIN) for record in self.records[self.folded :]])

    def command_at_random(self) -> None:
        name = self.chance.choice(sorted(ARGUMENTS))
        self.command(name, **ARGUMENTS[name](self))

    # What must hold

    def step(self, what: Input) -> None:
        before = len(self.records)
        outcome = self.store.step(what, self.moment)
        self.records += outcome.records
        self.commits.append(len(self.records))
        self.effects = [*self.effects[-50:], *outcome.effects]
        self.look(what, before)
        for effect in outcome.effects:
            if isinstance(effect, DriveLock) and self.locks_answer:
                ok = not self.refusal
                self.step(facts.LockDriven(effect.lock, self.now, effect.order, ok, self.refusal))

    def look(self, what: Input, before: int) -> None:
        """What must hold after every step."""
        state, plan, live = self.store.state, self.store.plan, self.store.live
        new = self.records[before:]
        for record in new:
            if isinstance(record.what, LockOrdered) and record.what.unlock:
                zone = plan.locks[record.what.lock].zone
                entitled = any(isinstance(each.what, SessionStarted | VisitorMoved) for each in new)
                assert entitled or state.zones[zone].fire, f"{record.what.lock} is driven open by {what}"
        for name, lock in plan.locks.items():
            zone_state = state.zones.get(lock.zone)
            phase, fire = (zone_state.phase, zone_state.fire) if zone_state else ("shut", False)
            told = state.locks.get(name)
            waits = name in live.pending or f"relock:{name}" in state.timers or live.online.get(name) is False
            if told and told.unlocked and live.door_closed.get(name) is True and live.relay_unlocked.get(name) is True:
                assert phase == "unlocked" or fire or waits, f"{name} stays unlocked in phase {phase} after {what}"
        for zone in plan.zones:
            assert not kinds.misfits(self.store._turn(self.moment), zone), f"{zone} is in no state of its kind after {what}"
        for zone in live.lock_commands:
            assert any(lock.id in live.pending or lock.id in live.awaiting_bolt for lock in plan.locks_of(zone)), "a lock command waits"
        standing = [(alarm.kind, alarm.place) for alarm in state.alarms.values()]
        assert len(standing) == len(set(standing))
        deadline = self.store.deadline
        assert deadline is None or deadline > self.now or isinstance(what, inputs.Begin) or new, f"due for ever: {state.timers}"
        self._look_at_bills(new)

    def _look_at_bills(self, new: list[Record]) -> None:
        for ended in [record.what for record in new if isinstance(record.what, SessionEnded)]:
            told: dict[str, int] = {}
            for what in (record.what for record in self.records):
                if isinstance(what, ItemTaken | ItemReturned) and what.session == ended.session:
                    sign = 1 if isinstance(what, ItemTaken) else -1
                    told[what.gtin or ""] = told.get(what.gtin or "", 0) + sign * what.quantity
            if ended.purpose in ("shop", "pickup"):
                assert {line.gtin: line.quantity for line in ended.cart} == {gtin: count for gtin, count in told.items() if count > 0}
            assert ended.needs_review == bool(ended.review_reasons)
            assert ended.total_minor == sum(line.quantity * line.unit_price_minor for line in ended.cart)
            bills = [each for each in self.events(SessionEnded) if each.session == ended.session]
            assert len(bills) == 1, "billed twice"

    def compare(self) -> None:
        """The journal's bytes, and a snapshot, give the state that the store has."""
        assert plain_state(self.replayed()) == plain_state(self.store.state)
        seqs = [record.seq for record in self.records if record.seq is not None]
        assert seqs == list(range(1, len(seqs) + 1))
        for zone in self.store.plan.zones:
            self.store.zone_view(zone, self.moment)
        for slot in self.store.plan.slots:
            self.store.slot_view(slot, self.moment)


HAPPENINGS: dict[Callable[[Wild], None], float] = {
    Wild.door: 6,
    Wild.relay: 3,
    Wild.bolt: 2,
    Wild.lock_outcome: 2,
    Wild.plate: 8,
    Wild.tag: 2,
    Wild.thermometer: 3,
    Wild.an_input: 2,
    Wild.exit_button: 1,
    Wild.device: 3,
    Wild.code: 3,
    Wild.visit: 6,
    Wild.well: 3,
    Wild.time: 10,
    Wild.night: 0.2,
    Wild.clock: 1,
    Wild.happening: 2,
    Wild.reload: 1,
    Wild.dies: 1.5,
    Wild.command_at_random: 8,
}


def _zone(wild: Wild) -> str:
    return str(wild.pick(*wild.store.plan.zones, "nowhere"))


def _slot(wild: Wild) -> str:
    return str(wild.pick(*wild.store.plan.slots, "none"))


def _session(wild: Wild) -> str:
    running = [session.id for zone in wild.store.state.zones.values() for session in zone.sessions]
    return str(wild.pick(*running, "nobody"))


def _line(wild: Wild, gtin: str) -> dict[str, Any]:
    line: dict[str, Any] = {"gtin": gtin, "name": "x", "grams": wild.chance.choice(GRAMS), "price_minor": wild.pick(0, 5, 10**9)}
    if wild.chance.random() < 0.7:
        line = line | {"grams": FILE[gtin].grams, "grams_sd": wild.pick(5e-324, 6.0, 1e200)}
    return line | {"tagged": wild.chance.random() < 0.3, "category": wild.pick(None, "wine", "spirits")}


def _planogram(wild: Wild) -> list[dict[str, Any]]:
    plates = wild.chance.sample(sorted(wild.store.plan.scales), wild.chance.randint(1, len(wild.store.plan.scales)))
    ids = wild.chance.sample(["A", "B", "C", "E"], len(plates))
    return [
        {"id": name, "scale": plate, "products": wild.chance.sample(GTINS, wild.pick(1, 1, 2)), "capacity": 12}
        for name, plate in zip(ids, plates, strict=True)
    ]


ARGUMENTS: dict[str, Callable[[Wild], dict[str, Any]]] = {
    "unlock": lambda wild: {"zone": _zone(wild), "purpose": wild.pick("service", "restock")},
    "lock": lambda wild: {"zone": _zone(wild)},
    "stop_sales": lambda wild: {"zone": _zone(wild), "reason": wild.pick("why", "fire", "")},
    "resume_sales": lambda wild: {"zone": _zone(wild)},
    "clear_fire": lambda wild: {"zone": _zone(wild)},
    "end_session": lambda wild: {"session": _session(wild)},
    "acknowledge_alarm": lambda wild: {"alarm": wild.pick(*wild.store.state.alarms, "none"), "note": wild.pick(None, "n")},
    "set_catalogue": lambda wild: {"products": [_line(wild, gtin) for gtin in wild.chance.sample(GTINS, wild.pick(1, 2, 3, 3, 3))]},
    "set_planogram": lambda wild: {"slots": _planogram(wild)},
    "revoke": lambda wild: {wild.pick("jti", "subject"): wild.pick("s1", "j3", "")},
    "assign_order": lambda wild: {"order": wild.an_order(), "zone": _zone(wild)},
    "tare": lambda wild: {"slot": _slot(wild)},
    "calibrate": lambda wild: {"slot": _slot(wild), "grams": wild.chance.choice(GRAMS)},
    "count": lambda wild: {"slot": _slot(wild), "gtin": wild.chance.choice(GTINS), "count": wild.pick(0, 1, 100_000)},
    "set_expiry": lambda wild: {"slot": _slot(wild), "gtin": wild.chance.choice(GTINS), "expires": wild.pick(None, *DAYS)},
    "snapshot": lambda wild: {},
    "resend": lambda wild: {"from": wild.pick(1, 10**30)},
    "reload": lambda wild: {},
}
"""Every command, with arguments that fit its schema and may mean nothing."""
