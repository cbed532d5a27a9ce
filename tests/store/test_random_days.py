"""Random days of a cabinet with hours, age, orders, restocks and every fault: what the law and the till need holds after each step.

What the store is told is made from a small world of its own (bottles on plates, hands, a door, a clock that is set), so the store's counts
and carts are held against what was there and what left. ``test_invariants`` has what must hold of the records alone.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from device.domain import facts
from device.domain.layout import Layout
from device.store import inputs
from device.store.memory.notes import LockOrdered
from device.store.memory.state import ZoneState
from tests.store.shop import COLA, RIESLING, Shop, layout

GRAMS = {"a": (RIESLING, 1250.0), "b": (COLA, 355.0)}
SLOTS = {"a": "A", "b": "B"}
OPEN = (10, 22)
FAULTS = (
    *("clock unknown", "journal full", "no broker", "fire", "lock lost", "plate a", "plate b"),
    *("lock refuses", "crash", "power cut", "sales stopped"),
)
AGE = 18


def a_fridge() -> Layout:
    """Hours, an age limit, a lock that lets go in a fire, and a table that hands out only orders without a broker."""
    plan = layout(age_limit=AGE, sales_hours=[f"Mon-Sun {OPEN[0]}:00-{OPEN[1]}:00"], closing_grace_s=60)
    locks = tuple(lock.model_copy(update={"fail": "safe"}) for lock in plan.lock)
    degraded = plan.degraded.model_copy(update={"broker_down": "pickups", "clock_untrusted": "all"})
    return plan.model_copy(update={"lock": locks, "degraded": degraded})


class RandomDays(RuleBasedStateMachine):
    """People, staff, couriers, commands and faults. ``hands`` are what each session has taken in truth."""

    def __init__(self) -> None:
        super().__init__()
        self.shop = Shop(a_fridge())
        self.standing = {"a": 6, "b": 10}
        self.hands: dict[str, dict[str, int]] = {}
        self.restocked: set[str] = set()
        self.door_open = False
        self.believed = {"a": True, "b": True}
        self.stopped_by_people = False
        self.journal_full = False
        self.broker_down = False
        self.fire = False
        self.lock_online = True
        self.orders = 0
        self.records_seen = 0
        self.ended_seen = 0

    # The world

    @property
    def relay_open(self) -> bool:
        return [unlock for lock, unlock in self.shop.driven if lock == "lock"][-1:] == [True]

    @property
    def zone(self) -> ZoneState:
        return self.shop.state.zones.get("fridge") or ZoneState()

    @property
    def session(self) -> Any:
        return self.zone.session

    @property
    def nothing_sold(self) -> bool:
        return self.stopped_by_people or self.journal_full or not self.lock_online or self.zone.fire

    @property
    def open_hours(self) -> bool:
        return OPEN[0] <= datetime.fromtimestamp(self.shop.moment.wall, UTC).hour < OPEN[1]

    def _granted(self, **claims: Any) -> bool:
        before = len(self.shop.events("access.granted"))
        self.shop.show(**claims)
        return len(self.shop.events("access.granted")) > before

    def _move(self, plate: str, units: int) -> None:
        """Units come to a plate or leave it, by whoever is there."""
        self.a_session_that_needs_no_review_is_charged_what_left_in_its_hands()
        gtin, grams = GRAMS[plate]
        self.standing[plate] += units
        session = self.session
        if session is not None and self.zone.phase in ("open", "settling"):
            held = self.hands.setdefault(session.id, {})
            held[gtin] = held.get(gtin, 0) - units
        if self.believed[plate]:
            self.shop.weigh(plate, units * grams)
        else:
            self.shop.plates[plate] += units * grams

    def _believe(self, plate: str) -> None:
        self.believed[plate] = True
        self.shop.fact(facts.PlateTrusted(plate, 1, self.shop.now))
        self.shop.fact(facts.PlateQuiet(plate, 1, self.shop.now, self.shop.plates[plate], 0.3, True))

    def _heard(self) -> None:
        """The lock answers and says how things stand."""
        self.lock_online = True
        self.shop.fact(facts.DeviceOnline("lock", self.shop.now, None, ""))
        self.shop.fact(facts.RelayMoved("lock", self.shop.now, self.relay_open))
        self.shop.fact(facts.DoorMoved("lock", self.shop.now, not self.door_open))

    # Who comes

    @rule(
        age=st.sampled_from([17, 18, 70]),
        purpose=st.sampled_from(["shop", "shop", "pickup", "restock"]),
        moves=st.lists(st.tuples(st.sampled_from(["a", "b"]), st.sampled_from([-1, -1, 1])), max_size=4),
        fault=st.none() | st.sampled_from(FAULTS),
        at=st.integers(0, 4),
    )
    def a_whole_visit(self, age: int, purpose: str, moves: list[tuple[str, int]], fault: str | None, at: int) -> None:
        """Somebody comes, takes, puts back or fills up, and goes; a fault may come in between."""
        if self.door_open:
            self.the_door_is_closed()
            self.shop.wait(10)
        if fault and at == 0:
            self.something_fails(fault)
        before = len(self.shop.events("session.started"))
        match purpose:
            case "shop":
                self.a_shopper_shows_a_code(age)
            case "pickup":
                self.a_courier_shows_a_code(known=True)
            case _:
                self.staff_show_a_code(purpose)
        if len(self.shop.events("session.started")) == before:
            return
        self.the_door_is_opened()
        for number, (plate, units) in enumerate(moves):
            self.shop.wait(1.0)
            if fault and number + 1 == at:
                self.something_fails(fault)
            if units < 0:
                self.something_is_taken(plate)
            elif self.session is not None and purpose == "restock":
                self.staff_fill_a_slot(plate, 2)
            elif self.session is not None:
                self.something_is_put_back(plate)
        self.the_door_is_closed()
        self.shop.wait(10)

    @rule(fault=st.sampled_from(FAULTS))
    def something_fails(self, fault: str) -> None:
        match fault:
            case "clock unknown":
                self.the_clock_is_believed_or_not(trusted=False)
            case "journal full":
                self.the_journal_fills("full")
            case "no broker":
                self.the_broker_goes_or_comes_back(down=True)
            case "fire":
                self.the_fire_input_changes(active=True)
            case "lock lost" if self.lock_online:
                self.the_lock_goes_or_comes_back()
            case "plate a" | "plate b" if self.believed[fault[-1]]:
                self.a_plate_is_doubted_or_believed_again(fault[-1])
            case "lock refuses":
                self.shop.refusal = "no answer"
            case "crash" | "power cut":
                self.the_program_dies(other_boot=fault == "power cut")
            case "sales stopped" if self.shop.moment.trusted:
                self.people_stop_sales_or_resume_them(stop=True)
            case _:
                pass

    @rule()
    def everything_is_well_again(self) -> None:
        self.the_clock_is_believed_or_not(trusted=True)
        self.the_journal_fills("ok")
        self.the_broker_goes_or_comes_back(down=False)
        self.shop.refusal = ""
        if not self.lock_online:
            self._heard()
        for plate in ("a", "b"):
            if not self.believed[plate]:
                self._believe(plate)
        self.the_fire_input_changes(active=False)
        self.people_command("clear_fire")
        self.people_stop_sales_or_resume_them(stop=False)

    @rule(age=st.sampled_from([12, 17, 18, 70]))
    def a_shopper_shows_a_code(self, age: int) -> None:
        allowed = age >= AGE and self.open_hours and self.shop.moment.trusted and not self.nothing_sold and not self.broker_down
        assert not self._granted(age=age) or allowed

    @rule(known=st.booleans())
    def a_courier_shows_a_code(self, known: bool) -> None:
        self.orders += 1
        order = {"id": f"o{self.orders}", "lines": [{"gtin": RIESLING, "quantity": 1}]}
        if known and not self.journal_full:
            self.shop.command("assign_order", order=order, zone="fridge")
        assert not self._granted(purpose="pickup", order=order) or (self.shop.moment.trusted and not self.nothing_sold)

    @precondition(lambda self: self.orders)
    @rule(number=st.integers(1, 50))
    def the_code_of_an_older_order_is_shown(self, number: int) -> None:
        order = {"id": f"o{1 + number % self.orders}", "lines": [{"gtin": RIESLING, "quantity": 1}]}
        self._granted(purpose="pickup", order=order)

    @rule(purpose=st.sampled_from(["restock", "service"]))
    def staff_show_a_code(self, purpose: str) -> None:
        self._granted(purpose=purpose)

    @precondition(lambda self: not self.door_open)
    @rule()
    def the_door_is_opened(self) -> None:
        """With the relay open by right, else by force."""
        self.door_open = True
        if self.lock_online:
            self.shop.open_door()

    @precondition(lambda self: self.door_open)
    @rule()
    def the_door_is_closed(self) -> None:
        self.door_open = False
        if self.lock_online:
            self.shop.close_door()

    @precondition(lambda self: self.door_open)
    @rule(plate=st.sampled_from(["a", "b"]))
    def something_is_taken(self, plate: str) -> None:
        if self.standing[plate] > 0:
            self._move(plate, -1)

    @precondition(lambda self: self.door_open and self.session is not None)
    @rule(plate=st.sampled_from(["a", "b"]))
    def something_is_put_back(self, plate: str) -> None:
        if self.hands.get(self.session.id, {}).get(GRAMS[plate][0], 0) > 0:
            self._move(plate, 1)

    @precondition(lambda self: self.door_open and self.session is not None and self.session.purpose == "restock")
    @rule(plate=st.sampled_from(["a", "b"]), units=st.integers(1, 4))
    def staff_fill_a_slot(self, plate: str, units: int) -> None:
        if self.standing[plate] + units <= 10:
            self.restocked.add(self.session.id)
            self._move(plate, units)

    # Time, and the clock on the wall

    @rule(seconds=st.sampled_from([0.3, 2.5, 20.0, 400.0, 5 * 3600.0]))
    def time_passes(self, seconds: float) -> None:
        self.shop.wait(seconds)

    @rule(hours=st.sampled_from([-26, -5, -1, 1, 5, 26]))
    def the_clock_is_set(self, hours: int) -> None:
        self.shop.moment = replace(self.shop.moment, wall=self.shop.moment.wall + hours * 3600.0)
        self.shop.step(inputs.Tick())

    def the_clock_is_believed_or_not(self, trusted: bool) -> None:
        self.shop.moment = replace(self.shop.moment, trusted=trusted)
        self.shop.step(inputs.ClockState(trusted, 0.0))

    # Commands and faults

    def people_stop_sales_or_resume_them(self, stop: bool) -> None:
        if self.shop.command("stop_sales" if stop else "resume_sales", zone="fridge")["status"] == "done":
            self.stopped_by_people = stop

    @precondition(lambda self: self.shop.moment.trusted)
    @rule(name=st.sampled_from(["lock", "unlock", "clear_fire"]))
    def people_command(self, name: str) -> None:
        self.shop.command(name, zone="fridge")

    @precondition(lambda self: self.shop.moment.trusted and self.session is not None)
    @rule()
    def people_end_the_session(self) -> None:
        self.shop.command("end_session", session=self.session.id)

    @precondition(lambda self: self.shop.moment.trusted)
    @rule(plate=st.sampled_from(["a", "b"]), expires=st.sampled_from(["2026-11-20", "2027-01-01", None]))
    def a_date_is_set(self, plate: str, expires: str | None) -> None:
        self.shop.command("set_expiry", slot=SLOTS[plate], gtin=GRAMS[plate][0], expires=expires)

    def the_journal_fills(self, room: Any) -> None:
        self.journal_full = room == "full" or (self.journal_full and room != "ok")
        self.shop.step(inputs.JournalRoom(room))

    def the_broker_goes_or_comes_back(self, down: bool) -> None:
        self.broker_down = down
        self.shop.step(inputs.BrokerState(down))

    def the_fire_input_changes(self, active: bool) -> None:
        self.fire = active
        self.shop.fact(facts.InputChanged("fire", self.shop.now, active))

    def the_lock_goes_or_comes_back(self) -> None:
        if self.lock_online:
            self.lock_online = False
            self.shop.fact(facts.DeviceLost("lock", self.shop.now, "cable"), facts.DoorMoved("lock", self.shop.now, None))
        else:
            self._heard()

    def a_plate_is_doubted_or_believed_again(self, plate: str) -> None:
        if self.believed[plate]:
            self.believed[plate] = False
            self.shop.fact(facts.PlateUntrusted(plate, 1, self.shop.now, "glitching"))
        else:
            self._believe(plate)

    def the_program_dies(self, other_boot: bool) -> None:
        trusted = self.shop.moment.trusted
        self.shop.restart(boot=f"boot-{self.shop.now}" if other_boot else None)
        self.shop.moment = replace(self.shop.moment, trusted=trusted)
        self._heard()
        self.shop.fact(facts.DeviceOnline("other-lock", self.shop.now, None, ""), facts.DoorMoved("other-lock", self.shop.now, True))
        self.shop.fact(facts.InputChanged("fire", self.shop.now, self.fire))
        self.shop.step(inputs.BrokerState(self.broker_down))
        self.shop.step(inputs.ClockState(trusted, 0.0))
        for plate in self.shop.plates:
            self._believe(plate)

    # What must hold

    @invariant()
    def a_session_that_needs_no_review_is_charged_what_left_in_its_hands(self) -> None:
        ended = self.shop.events("session.ended")
        for event in ended[self.ended_seen :]:
            held = {gtin: units for gtin, units in self.hands.get(event.session, {}).items() if units}
            cart = {line.gtin: line.quantity for line in event.cart}
            if event.purpose in ("restock", "service"):
                assert cart == {}
            elif not event.needs_review:
                assert cart == held
            if event.restock is not None and not event.needs_review:
                assert {line.slot: line.measured for line in event.restock if line.slot != "C"} == {
                    slot: self.standing[plate] for plate, slot in SLOTS.items()
                }
        self.ended_seen = len(ended)

    @invariant()
    def an_item_is_told_of_one_session_and_is_in_its_cart_alone(self) -> None:
        told: dict[str, dict[str, int]] = {}
        for event in self.shop.events("session.item_taken", "session.item_returned"):
            items = told.setdefault(event.session, {})
            items[event.gtin] = items.get(event.gtin, 0) + (event.quantity if event.TYPE == "session.item_taken" else -event.quantity)
        for ended in self.shop.events("session.ended"):
            if ended.purpose in ("shop", "pickup"):
                cart = {line.gtin: line.quantity for line in ended.cart}
                assert cart == {gtin: units for gtin, units in told.get(ended.session, {}).items() if units > 0}

    @invariant()
    def a_count_is_what_was_there_less_what_left_wherever_the_plate_is_believed(self) -> None:
        for plate, slot in SLOTS.items():
            count = self.shop.state.slots[slot].counts.get(GRAMS[plate][0])
            assert count in (None, self.standing[plate]) or not self.believed[plate]

    @invariant()
    def what_nobody_was_charged_for_is_an_alarm(self) -> None:
        """All that ever left is in a cart, in hands still, with staff, or somebody is told to look."""
        if any(event.needs_review for event in self.shop.events("session.ended")) or not all(self.believed.values()):
            return
        if any(alarm.kind == "unexplained_removal" for alarm in self.shop.state.alarms.values()):
            return
        for plate, (gtin, _) in GRAMS.items():
            known = sum(units.get(gtin, 0) for units in self.hands.values())
            assert self.standing[plate] == {"a": 6, "b": 10}[plate] - known

    @invariant()
    def a_relay_opens_for_a_session_or_a_fire_that_the_journal_has(self) -> None:
        starts = [0, *self.shop.commits]
        for number, length in enumerate(self.shop.commits):
            if length <= self.records_seen:
                continue
            turn = self.shop.records[starts[number] : length]
            if any(isinstance(record.what, LockOrdered) and record.what.unlock for record in turn):
                started = any(record.what.TYPE == "session.started" for record in turn)
                assert started or self.zone.fire
        self.records_seen = len(self.shop.records)

    @invariant()
    def there_is_one_session_at_a_time(self) -> None:
        running = 0
        for event in self.shop.events("session.started", "session.ended"):
            running += 1 if event.TYPE == "session.started" else -1
            assert running in (0, 1)

    @invariant()
    def an_order_is_handed_out_once(self) -> None:
        done = [event.order.id for event in self.shop.events("session.ended") if event.order and event.reason != "never_opened"]
        assert len(done) == len(set(done))

    @invariant()
    def in_a_fire_the_lock_was_last_told_to_let_go(self) -> None:
        if self.fire:
            assert self.relay_open

    @invariant()
    def the_records_alone_give_the_state(self) -> None:
        self.shop.folds()

    def teardown(self) -> None:
        """When all is put right the next one is let in and charged rightly, and everybody before has had a bill."""
        shop, shop.refusal = self.shop, ""
        self.fire, self.door_open = False, False
        self._heard()
        shop.fact(facts.InputChanged("fire", shop.now, False))
        noon = shop.moment.wall - shop.moment.wall % 86_400 + 86_400 + 43_200
        shop.moment = replace(shop.moment, trusted=True, wall=noon)
        for happening in (inputs.ClockState(True, 0.0), inputs.JournalRoom("ok"), inputs.BrokerState(False)):
            shop.step(happening)
        for plate in ("a", "b"):
            self._believe(plate)
        shop.command("clear_fire", zone="fridge")
        shop.command("resume_sales", zone="fridge")
        shop.wait(2000)
        assert len(shop.events("session.ended")) == len(shop.events("session.started"))
        assert not self.relay_open
        for plate, slot in SLOTS.items():
            shop.command("set_expiry", slot=slot, gtin=GRAMS[plate][0], expires=None)
        plate = max(self.standing, key=lambda each: self.standing[each])
        if self.standing[plate] == 0:
            return
        shop.show(sub="next")
        shop.open_door()
        shop.weigh(plate, -GRAMS[plate][1])
        shop.close_door()
        shop.wait(10)
        ended = shop.last("session.ended")
        assert (ended.subject, [line.gtin for line in ended.cart], ended.review_reasons) == ("next", [GRAMS[plate][0]], ())


TestRandomDays = RandomDays.TestCase
TestRandomDays.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestRandomDays = pytest.mark.timeout(180)(TestRandomDays)
