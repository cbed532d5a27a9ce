"""Random days of a room with a cabinet inside: people who come, take, stand about and go while everything fails.

The world has people, and knows who is inside and what is in whose hands; the store knows codes, wires and plates. What the law and the till
need is held after each step against the world. ``test_random_days`` is the same for a cabinet of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from device.domain import facts
from device.domain.layout import Layout
from device.store import inputs
from device.store.memory.notes import FireChanged, LockOrdered, VisitorMoved
from device.store.memory.state import Session, ZoneState
from tests.store.shop import COLA, RIESLING
from tests.store.test_rooms import Room, room

GRAMS = {"a": (RIESLING, 1250.0), "b": (COLA, 355.0)}
SLOTS = {"a": "A", "b": "B"}
STANDING = {"a": 6, "b": 10}
OPEN = {"shop": (8, 22), "cooler": (10, 20)}
GRACE_S = 60.0
AGE = 18
PURPOSES = ("shop", "shop", "shop", "pickup", "restock")
LOCKS = {"lock": "shop", "other-lock": "cooler"}
FAULTS = (
    *("clock unknown", "journal full", "no broker", "fire", "lock lost", "other-lock lost", "plate a", "plate b", "no mains"),
    *("no way in", "lock refuses", "crash", "power cut", "shop stopped", "cooler stopped", "presence lost"),
)


def a_shop(*, presence: bool, most: int, way_out: bool, relock: str) -> Layout:
    """A room that is open from 8 to 22 and its cabinet from 10 to 20; nothing is sold without mains, only orders without a broker."""
    hours = {zone: [f"Mon-Sun {opens}:00-{closes}:00"] for zone, (opens, closes) in OPEN.items()}
    cooler = {"sales_hours": hours["cooler"], "closing_grace_s": GRACE_S, "age_limit": AGE}
    plan = room(presence=presence, max_sessions=most, sales_hours=hours["shop"], closing_grace_s=GRACE_S, cooler=cooler)
    mains = {"id": "mains", "zones": ("shop", "cooler"), "kind": "mains", "driver": "gpio", "pin": 24}
    locks = tuple(lock.model_copy(update={"relock": relock}) for lock in plan.lock)
    degraded = plan.degraded.model_copy(update={"broker_down": "pickups", "clock_untrusted": "all", "mains_lost": "nothing"})
    readers = plan.reader if way_out else plan.reader[:1]
    entry = plan.input[0].model_copy(update=mains)
    return plan.model_copy(update={"lock": locks, "degraded": degraded, "reader": readers, "input": (*plan.input, entry)})


@dataclass
class Person:
    """Somebody who is in the room, with the code that opened it (None: by command) and the session that it began."""

    session: str
    code: str
    purpose: str
    hands: dict[str, int] = field(default_factory=dict)


@dataclass
class Visit:
    """What somebody does, and what comes in between. ``goes``: whether they show the code, and when of it the program dies."""

    calm: bool
    hour: int | None
    purpose: str
    joins: str | None
    moves: list[tuple[str, bool]]
    fault: str | None
    at: int
    stays_s: float
    goes: tuple[bool, str | None]


VISITS = st.builds(
    Visit,
    calm=st.sampled_from([True, True, True, False]),
    hour=st.sampled_from([None, 12, 12, 19, 21, 23]),
    purpose=st.sampled_from(PURPOSES),
    joins=st.sampled_from([None, None, None, *PURPOSES]),
    moves=st.lists(st.tuples(st.sampled_from(["a", "b", "b"]), st.sampled_from([False, False, True])), min_size=1, max_size=5),
    fault=st.none() | st.sampled_from(FAULTS) | st.sampled_from(["cooler stopped", "power cut"]),
    at=st.integers(0, 4),
    stays_s=st.sampled_from([1.0, 1.0, 400.0, 3500.0]),
    goes=st.tuples(st.booleans(), st.sampled_from([None, None, None, "before", "within", "after"])),
)


class RandomRoomDays(RuleBasedStateMachine):
    """The room's world. ``taken`` is what left the shelves in truth while exactly that session could have taken it."""

    shop: Room

    @initialize(presence=st.booleans(), most=st.integers(1, 3), way_out=st.booleans(), relock=st.sampled_from(["on_open", "on_close"]))
    def a_room(self, presence: bool, most: int, way_out: bool, relock: str) -> None:
        self.most, self.presence, self.way_out = most, presence, way_out
        self.shop = Room(a_shop(presence=presence, most=most, way_out=way_out, relock=relock))
        self.standing = dict(STANDING)
        self.people: list[Person] = []
        self.hands: dict[str, dict[str, int]] = {}
        self.open = {"lock": False, "other-lock": False}
        self.online = {"lock": True, "other-lock": True}
        self.believed = {"a": True, "b": True}
        self.stopped = {"shop": False, "cooler": False}
        self.journal_full = self.broker_down = self.fire = self.no_mains = False
        self.presence_online = True
        self.orders = 0
        self.records_seen = self.ended_seen = self.denied_seen = 0
        self.clock_set_at = -GRACE_S
        self.fires: dict[str, bool] = {}

    # The world

    def _zone(self, zone: str) -> ZoneState:
        return self.shop.state.zones.get(zone) or ZoneState()

    @property
    def sessions(self) -> list[Session]:
        return self._zone("shop").sessions

    @property
    def inside(self) -> list[Session]:
        return [session for session in self.sessions if session.inside]

    def _relay_open(self, lock: str) -> bool:
        return self.shop.orders(lock)[-1:] == [True]

    def _within(self, zone: str, slack_s: float = 0.0) -> bool:
        opens, closes = OPEN[zone]
        wall = self.shop.moment.wall
        return any(opens <= datetime.fromtimestamp(wall - back, UTC).hour < closes for back in {0.0, slack_s})

    def _nothing_sold(self, zone: str) -> bool:
        lock = next(each for each, where in LOCKS.items() if where == zone)
        return self.stopped[zone] or self.journal_full or not self.online[lock] or self._zone(zone).fire or self.no_mains

    def _may_shop(self, zone: str) -> bool:
        return self.shop.moment.trusted and self._within(zone) and not self._nothing_sold(zone) and not self.broker_down

    def _show(self, **claims: Any) -> tuple[str, str | None]:
        """The code, and the session that it began."""
        before = len(self.shop.events("session.started"))
        code = self.shop.show(**claims)
        started = self.shop.events("session.started")[before:]
        return code, started[0].session if started else None

    def _entrance(self, is_open: bool) -> None:
        self.open["lock"] = is_open
        if self.online["lock"]:
            self.shop.fact(facts.DoorMoved("lock", self.shop.now, not is_open))

    def _see(self) -> None:
        if self.presence and self.presence_online:
            self.shop.present(bool(self.people))

    def _move(self, plate: str, units: int, person: Person | None) -> None:
        """Units come to a plate or leave it."""
        self._close_the_books()
        gtin, grams = GRAMS[plate]
        self.standing[plate] += units
        if person is not None:
            person.hands[gtin] = person.hands.get(gtin, 0) - units
            self.hands.setdefault(person.session, {})
            self.hands[person.session][gtin] = self.hands[person.session].get(gtin, 0) - units
        if self.believed[plate]:
            self.shop.weigh(plate, units * grams)
        else:
            self.shop.plates[plate] += units * grams

    def _believe(self, plate: str) -> None:
        self.believed[plate] = True
        self.shop.fact(facts.PlateTrusted(plate, 1, self.shop.now))
        self.shop.fact(facts.PlateQuiet(plate, 1, self.shop.now, self.shop.plates[plate], 0.3, True))

    def _heard(self, lock: str) -> None:
        self.online[lock] = True
        self.shop.fact(facts.DeviceOnline(lock, self.shop.now, None, ""))
        self.shop.fact(facts.RelayMoved(lock, self.shop.now, self._relay_open(lock)))
        self.shop.fact(facts.DoorMoved(lock, self.shop.now, not self.open[lock]))

    # People

    @rule(visits=st.lists(VISITS, min_size=1, max_size=4))
    def people_visit(self, visits: list[Visit]) -> None:
        for visit in visits:
            self._visit(visit)

    def _visit(self, visit: Visit) -> None:
        """Somebody comes, takes and puts back, and goes; another may join, and a fault come in between."""
        if visit.calm:
            self._make_room(visit.hour)
        if not self.open["lock"]:
            self._come_in(AGE, visit.purpose, follows=True)
        if visit.joins is not None and not self.open["lock"]:
            self._come_in(AGE, visit.joins, follows=True)
        for number, (plate, put_back) in enumerate(visit.moves):
            self.shop.wait(visit.stays_s if number == 1 else 1.0)
            if visit.fault and number == visit.at:
                self.something_fails(visit.fault)
            self.a_shopper_finds_the_cabinet_locked_where_it_may_not_sell()
            if plate == "b" and not self.open["other-lock"] and self._relay_open("other-lock") and self.people:
                self._cabinet(True)
            if self.people:
                self.somebody_takes_or_puts_back(number, plate, put_back)
        if self.open["other-lock"]:
            self._cabinet(False)
        if self.people and not self.open["lock"]:
            self.somebody_goes(0, *visit.goes)
        self.shop.wait(10)

    def _make_room(self, hour: int | None) -> None:
        """Everybody goes, all is well, and it is some hour of the next day."""
        for lock in [lock for lock, is_open in self.open.items() if is_open]:
            (self._entrance if lock == "lock" else self._cabinet)(False)
        while self.people:
            self.somebody_goes(0, True, None)
        self.everything_is_well_again()
        self.shop.wait(100)
        for session in list(self.sessions):
            self.shop.command("end_session", session=session.id)
        if hour is not None:
            wall = self.shop.moment.wall
            self._set_clock(wall - wall % 86_400 + 86_400 + hour * 3600.0)

    @precondition(lambda self: not self.open["lock"])
    @rule(age=st.sampled_from([17, 18, 18, 70]), purpose=st.sampled_from(PURPOSES), follows=st.booleans())
    def somebody_shows_a_code_and_comes_in(self, age: int, purpose: str, follows: bool) -> None:
        self._come_in(age, purpose, follows)

    def _come_in(self, age: int, purpose: str, follows: bool) -> None:
        claims: dict[str, Any] = {"age": age, "purpose": purpose, "sub": f"s{len(self.shop.records)}"}
        if purpose == "pickup":
            self.orders += 1
            claims["order"] = {"id": f"o{self.orders}", "lines": [{"gtin": RIESLING, "quantity": 1}]}
        code, session = self._show(**claims)
        if session is None:
            return
        stopped = self._nothing_sold("shop")
        assert purpose != "shop" or (age >= AGE and self._may_shop("shop"))
        assert purpose != "pickup" or (self.shop.moment.trusted and not stopped)
        if not self._relay_open("lock"):
            return  # the lock would not open
        if not follows:
            self.shop.wait(20)
            return
        self._entrance(True)
        self.people.append(Person(session, code, purpose))
        self._see()
        self.shop.wait(1)
        self._entrance(False)

    @precondition(lambda self: self.people)
    @rule(which=st.integers(0, 5), plate=st.sampled_from(["a", "b"]), put_back=st.booleans())
    def somebody_takes_or_puts_back(self, which: int, plate: str, put_back: bool) -> None:
        person = self.people[which % len(self.people)]
        if plate == "b" and not self.open["other-lock"]:
            return
        if put_back and person.hands.get(GRAMS[plate][0], 0) > 0:
            self._move(plate, 1, person)
        elif not put_back and self.standing[plate] > 0:
            self._move(plate, -1, person)

    @precondition(lambda self: any(person.purpose == "restock" for person in self.people))
    @rule(plate=st.sampled_from(["a", "b"]), units=st.integers(1, 4))
    def staff_fill_a_slot(self, plate: str, units: int) -> None:
        staff = next(person for person in self.people if person.purpose == "restock")
        if self.standing[plate] + units <= 10 and (plate == "a" or self.open["other-lock"]):
            self._move(plate, units, staff)

    @precondition(lambda self: self.people and not self.open["other-lock"] and self._relay_open("other-lock"))
    @rule()
    def the_cabinet_is_opened(self) -> None:
        self._cabinet(True)

    @precondition(lambda self: self.open["other-lock"])
    @rule()
    def the_cabinet_is_closed(self) -> None:
        self._cabinet(False)

    def _cabinet(self, is_open: bool) -> None:
        self.open["other-lock"] = is_open
        if self.online["other-lock"]:
            self.shop.fact(facts.DoorMoved("other-lock", self.shop.now, not is_open))

    @precondition(lambda self: self.people and not self.open["lock"])
    @rule(which=st.integers(0, 5), shows=st.booleans(), dies=st.sampled_from([None, None, "before", "within", "after"]))
    def somebody_goes(self, which: int, shows: bool, dies: str | None) -> None:
        """By the exit device or the code; the program may die at any moment of it."""
        person = self.people[which % len(self.people)]
        forced = len([alarm for alarm in self.shop.events("alarm.raised") if alarm.kind == "door_forced"])
        inside = any(session.id == person.session for session in self.inside)
        if shows and self.way_out:
            self.shop.show_out(person.code)
            lets_out = self.online["lock"] and not self.shop.refusal and self._zone("shop").phase != "forced"
            assert not (inside and lets_out) or self._relay_open("lock")
        else:
            self.shop.press_exit()
        if dies == "before":
            self.the_program_dies(other_boot=False)
        self._entrance(True)
        if dies == "within":
            self.the_program_dies(other_boot=True)
        self.people.remove(person)
        self.shop.wait(1)
        self._entrance(False)
        if dies == "after":
            self.the_program_dies(other_boot=False)
        self._see()
        if dies is None:
            now = len([alarm for alarm in self.shop.events("alarm.raised") if alarm.kind == "door_forced"])
            assert now == forced or shows or self._zone("shop").phase == "forced"

    @precondition(lambda self: self.people and not self.open["lock"])
    @rule(which=st.integers(0, 5))
    def somebody_slips_out_while_the_program_is_dead(self, which: int) -> None:
        self.people.remove(self.people[which % len(self.people)])
        self.the_program_dies(other_boot=True)

    @rule()
    def the_door_is_forced(self) -> None:
        self._entrance(not self.open["lock"])

    # Time, commands and faults

    @rule(seconds=st.sampled_from([0.3, 2.5, 20.0, 70.0, 400.0, 5 * 3600.0]))
    def time_passes(self, seconds: float) -> None:
        self.shop.wait(seconds)

    @rule(hours=st.sampled_from([-26, -5, -1, 1, 5, 26]))
    def the_clock_is_set(self, hours: int) -> None:
        self._set_clock(self.shop.moment.wall + hours * 3600.0)

    def _set_clock(self, wall: float) -> None:
        self.clock_set_at = self.shop.now
        self.shop.moment = replace(self.shop.moment, wall=wall)
        self.shop.step(inputs.Tick())

    @precondition(lambda self: self.shop.moment.trusted)
    @rule(name=st.sampled_from(["lock", "clear_fire"]), zone=st.sampled_from(["shop", "cooler"]))
    def people_command(self, name: str, zone: str) -> None:
        self.shop.command(name, zone=zone)

    @precondition(lambda self: self.shop.moment.trusted and self.sessions)
    @rule(which=st.integers(0, 5))
    def people_end_a_session(self, which: int) -> None:
        self.shop.command("end_session", session=self.sessions[which % len(self.sessions)].id)

    @rule(fault=st.sampled_from(FAULTS))
    def something_fails(self, fault: str) -> None:
        match fault.split():
            case ["clock", _]:
                self._clock(trusted=False)
            case ["journal", _]:
                self._journal("full")
            case ["no", "broker"]:
                self._broker(down=True)
            case ["no", "mains"]:
                self._mains(lost=True)
            case ["no", "way", "in"]:
                self.shop.fact(facts.DeviceLost("qr", self.shop.now, "cable"))
            case ["fire"]:
                self._fire(active=True)
            case [lock, "lost"] if lock in LOCKS and self.online[lock]:
                self.online[lock] = False
                self.shop.fact(facts.DeviceLost(lock, self.shop.now, "cable"), facts.DoorMoved(lock, self.shop.now, None))
            case ["presence", _] if self.presence:
                self.presence_online = False
                self.shop.fact(facts.DeviceLost("presence", self.shop.now, "cable"))
            case ["plate", plate] if self.believed[plate]:
                self.believed[plate] = False
                self.shop.fact(facts.PlateUntrusted(plate, 1, self.shop.now, "glitching"))
            case ["lock", "refuses"]:
                self.shop.refusal = "no answer"
            case ["crash"] | ["power", _]:
                self.the_program_dies(other_boot=fault == "power cut")
            case [zone, "stopped"] if self.shop.moment.trusted:
                self._stop(zone, stop=True)
            case _:
                pass

    @rule()
    def everything_is_well_again(self) -> None:
        self._clock(trusted=True)
        self._journal("ok")
        self._broker(down=False)
        self._mains(lost=False)
        self.shop.refusal = ""
        for lock in LOCKS:
            if not self.online[lock]:
                self._heard(lock)
        for plate in ("a", "b"):
            if not self.believed[plate]:
                self._believe(plate)
        self.shop.fact(facts.DeviceOnline("qr", self.shop.now, None, ""))
        if self.presence:
            self.presence_online = True
            self.shop.fact(facts.DeviceOnline("presence", self.shop.now, None, ""))
            self._see()
        self._fire(active=False)
        for zone in ("shop", "cooler"):
            self.shop.command("clear_fire", zone=zone)
            self._stop(zone, stop=False)

    def _clock(self, trusted: bool) -> None:
        self.shop.moment = replace(self.shop.moment, trusted=trusted)
        self.shop.step(inputs.ClockState(trusted, 0.0))

    def _journal(self, room: Any) -> None:
        self.journal_full = room == "full" or (self.journal_full and room != "ok")
        self.shop.step(inputs.JournalRoom(room))

    def _broker(self, down: bool) -> None:
        self.broker_down = down
        self.shop.step(inputs.BrokerState(down))

    def _mains(self, lost: bool) -> None:
        self.no_mains = lost
        self.shop.fact(facts.InputChanged("mains", self.shop.now, lost))

    def _fire(self, active: bool) -> None:
        self.fire = active
        self.shop.fact(facts.InputChanged("fire", self.shop.now, active))

    def _stop(self, zone: str, stop: bool) -> None:
        if self.shop.command("stop_sales" if stop else "resume_sales", zone=zone)["status"] == "done":
            self.stopped[zone] = stop

    def the_program_dies(self, other_boot: bool) -> None:
        trusted = self.shop.moment.trusted
        self.shop.restart(boot=f"boot-{self.shop.now}-{len(self.shop.records)}" if other_boot else None)
        self.shop.moment = replace(self.shop.moment, trusted=trusted)
        for lock in LOCKS:
            self._heard(lock)
        self.shop.fact(facts.InputChanged("fire", self.shop.now, self.fire), facts.InputChanged("mains", self.shop.now, self.no_mains))
        self.shop.step(inputs.BrokerState(self.broker_down))
        self.shop.step(inputs.ClockState(trusted, 0.0))
        self._see()
        for plate in self.shop.plates:
            self._believe(plate)

    # What must hold

    @invariant()
    def a_session_that_needs_no_review_is_charged_what_left_in_its_hands(self) -> None:
        self._close_the_books()

    def _close_the_books(self) -> None:
        ended = self.shop.events("session.ended")
        for event in ended[self.ended_seen :]:
            held = {gtin: units for gtin, units in self.hands.get(event.session, {}).items() if units}
            cart = {line.gtin: line.quantity for line in event.cart}
            if event.purpose in ("restock", "service"):
                assert cart == {}
            elif not event.needs_review:
                assert cart == held
        self.ended_seen = len(ended)

    @invariant()
    def an_item_is_told_of_one_session_and_is_in_its_cart_or_of_several_and_in_none(self) -> None:
        told: dict[str, dict[str, int]] = {}
        for event in self.shop.events("session.item_taken", "session.item_returned"):
            if event.session is None:
                assert len(event.candidates) > 1
                continue
            items = told.setdefault(event.session, {})
            items[event.gtin] = items.get(event.gtin, 0) + (event.quantity if event.TYPE == "session.item_taken" else -event.quantity)
        for ended in self.shop.events("session.ended"):
            if ended.purpose in ("shop", "pickup"):
                cart = {line.gtin: line.quantity for line in ended.cart}
                assert cart == {gtin: units for gtin, units in told.get(ended.session, {}).items() if units > 0}

    @invariant()
    def whoever_may_have_taken_what_is_nobodys_is_looked_at(self) -> None:
        doubtful = {each for event in self.shop.events("session.item_taken") for each in event.candidates}
        assert all(event.needs_review for event in self.shop.events("session.ended") if event.session in doubtful)

    @invariant()
    def a_count_is_what_was_there_less_what_left_wherever_the_plate_is_believed(self) -> None:
        for plate, slot in SLOTS.items():
            count = self.shop.state.slots[slot].counts.get(GRAMS[plate][0])
            assert count in (None, self.standing[plate]) or not self.believed[plate]

    @invariant()
    def there_are_no_more_parties_than_allowed_and_none_in_the_cabinet_itself(self) -> None:
        running: set[str] = set()
        for event in self.shop.events("session.started", "session.ended"):
            assert event.zone == "shop"
            (running.add if event.TYPE == "session.started" else running.remove)(event.session)
            assert len(running) <= self.most

    @invariant()
    def an_order_is_handed_out_once(self) -> None:
        done = [event.order.id for event in self.shop.events("session.ended") if event.order and event.reason != "never_opened"]
        assert len(done) == len(set(done))

    @invariant()
    def a_relay_opens_for_a_cause_that_the_journal_has(self) -> None:
        """The entrance for a session or somebody on the way out, the cabinet for somebody who came in and may take, either for a fire."""
        starts = [0, *self.shop.commits]
        for number, length in enumerate(self.shop.commits):
            if length <= self.records_seen:
                continue
            turn = [record.what for record in self.shop.records[starts[number] : length]]
            moved = [what for what in turn if isinstance(what, VisitorMoved)]
            self.fires |= {what.zone: what.fire for what in turn if isinstance(what, FireChanged)}
            for order in (what for what in turn if isinstance(what, LockOrdered) and what.unlock):
                let_in = any(what.TYPE == "session.started" for what in turn) or any(what.leaving for what in moved)
                cause = let_in if order.lock == "lock" else any(what.inside for what in moved)
                assert cause or self.fires.get(LOCKS[order.lock])
        self.records_seen = len(self.shop.records)

    @invariant()
    def a_shopper_finds_the_cabinet_locked_where_it_may_not_sell(self) -> None:
        """Outside its hours and its grace (anew when the clock is set), or while it is stopped; who has its door open may finish."""
        shut = not self.open["other-lock"] and self.online["other-lock"] and not self.shop.refusal
        buyers = [session for session in self.inside if session.purpose == "shop"]
        if not shut or not buyers or self._zone("cooler").fire or not self.shop.moment.trusted:
            return
        hours = self._within("cooler", GRACE_S) or 0 <= self.shop.now - self.clock_set_at <= GRACE_S
        sells = hours and not self._nothing_sold("cooler")
        assert sells or not self._relay_open("other-lock")

    @invariant()
    def nobody_is_in_the_room_and_the_cabinet_open(self) -> None:
        shut = not self.open["other-lock"] and self.online["other-lock"] and not self.shop.refusal
        if shut and not self.inside and not self._zone("cooler").fire:
            assert not self._relay_open("other-lock")

    @invariant()
    def in_a_fire_the_maglock_was_last_told_to_let_go(self) -> None:
        if self.fire:
            assert self._relay_open("lock")

    @invariant()
    def the_records_alone_give_the_state(self) -> None:
        self.shop.folds()

    def teardown(self) -> None:
        """When all is put right everybody has had a bill, and the next one is let in, charged rightly and let out."""
        if not hasattr(self, "shop"):
            return
        shop = self.shop
        noon = shop.moment.wall - shop.moment.wall % 86_400 + 86_400 + 43_200
        shop.moment = replace(shop.moment, trusted=True, wall=noon)
        self.open = dict.fromkeys(LOCKS, False)
        self.people.clear()
        self.online = dict.fromkeys(LOCKS, False)
        self.everything_is_well_again()
        shop.wait(2000)
        assert len(shop.events("session.ended")) == len(shop.events("session.started"))
        assert not any(self._relay_open(lock) for lock in LOCKS)
        plate = max(self.standing, key=lambda each: self.standing[each])
        if self.standing[plate] == 0:
            return
        code = shop.come_in(sub="next", age=AGE)
        if plate == "b":
            shop.open_door("other-lock")
        shop.weigh(plate, -GRAMS[plate][1])
        shop.show_out(code)
        shop.press_exit()
        shop.open_door()
        shop.close_door()
        shop.present(False)
        shop.wait(10)
        ended = shop.last("session.ended")
        assert (ended.subject, [line.gtin for line in ended.cart], ended.reason) == ("next", [GRAMS[plate][0]], "exit")
        assert "timeout" not in ended.review_reasons


TestRandomRoomDays = RandomRoomDays.TestCase
TestRandomRoomDays.settings = settings(max_examples=30, stateful_step_count=30, deadline=None, derandomize=True)
TestRandomRoomDays = pytest.mark.timeout(180)(TestRandomRoomDays)
