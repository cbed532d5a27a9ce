"""Whatever happens in whatever order, what must never happen does not: random days of a cabinet, replayed from the journal."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from device.domain import facts
from device.domain.effects import DriveLock
from device.domain.events import SessionStarted
from device.store.memory.notes import LockOrdered
from tests.store.shop import COLA, RIESLING, Shop

GRAMS = {"a": (RIESLING, 1250.0), "b": (COLA, 355.0)}


class Days(RuleBasedStateMachine):
    """People, commands and faults at a cabinet whose plates are trusted: its carts must be right or say that they need review."""

    def __init__(self) -> None:
        super().__init__()
        self.shop = Shop()
        self.hands: dict[str, int] = {}
        self.sound = True
        self.door_open = False
        self.seen = 0

    @property
    def unlocked(self) -> bool:
        return bool(self.shop.driven) and [unlock for lock, unlock in self.shop.driven if lock == "lock"][-1:] == [True]

    @rule(age=st.sampled_from([10, 18]), purpose=st.sampled_from(["shop", "service"]))
    def somebody_shows_a_code(self, age: int, purpose: str) -> None:
        before = len(self.shop.events("session.started"))
        self.shop.show(age=age, purpose=purpose)
        if len(self.shop.events("session.started")) > before:
            self.hands, self.sound = {}, True

    @precondition(lambda self: self.unlocked and not self.door_open)
    @rule()
    def the_door_is_opened(self) -> None:
        self.door_open = True
        self.shop.open_door()

    @precondition(lambda self: not self.unlocked and not self.door_open)
    @rule()
    def the_door_is_forced(self) -> None:
        self.door_open = True
        self.sound = False
        self.shop.open_door()

    @precondition(lambda self: self.door_open)
    @rule()
    def the_door_is_closed(self) -> None:
        self.door_open = False
        self.shop.close_door()

    @precondition(lambda self: self.door_open)
    @rule(plate=st.sampled_from(["a", "b"]))
    def something_is_taken(self, plate: str) -> None:
        gtin, grams = GRAMS[plate]
        if self.shop.plates[plate] >= grams:
            self.hands[gtin] = self.hands.get(gtin, 0) + 1
            self.shop.weigh(plate, -grams)

    @precondition(lambda self: self.door_open and any(self.hands.values()))
    @rule(plate=st.sampled_from(["a", "b"]))
    def something_is_put_back(self, plate: str) -> None:
        gtin, grams = GRAMS[plate]
        if self.hands.get(gtin):
            self.hands[gtin] -= 1
            self.shop.weigh(plate, +grams)

    @rule(seconds=st.sampled_from([0.3, 2.5, 20.0, 400.0]))
    def time_passes(self, seconds: float) -> None:
        self.shop.wait(seconds)

    @rule(name=st.sampled_from(["stop_sales", "resume_sales", "lock", "unlock"]))
    def somebody_commands(self, name: str) -> None:
        before = len(self.shop.events("session.started"))
        self.shop.command(name, zone="fridge")
        if len(self.shop.events("session.started")) > before:
            self.hands, self.sound = {}, True

    @rule()
    def the_lock_goes_and_comes_back(self) -> None:
        self.shop.fact(facts.DeviceLost("lock", self.shop.now, "cable"), facts.DoorMoved("lock", self.shop.now, None))
        self.shop.wait(1)
        self.shop.fact(facts.DeviceOnline("lock", self.shop.now, 1.0, ""))
        self.shop.fact(facts.RelayMoved("lock", self.shop.now, self.unlocked))
        self.shop.fact(facts.DoorMoved("lock", self.shop.now, not self.door_open))

    @rule(other_boot=st.booleans())
    def the_program_dies(self, other_boot: bool) -> None:
        self.shop.restart(boot=f"boot-{self.shop.now}" if other_boot else None)
        for lock, closed in (("lock", not self.door_open), ("other-lock", True)):
            self.shop.fact(facts.DeviceOnline(lock, self.shop.now, None, ""))
            self.shop.fact(facts.RelayMoved(lock, self.shop.now, lock == "lock" and self.unlocked))
            self.shop.fact(facts.DoorMoved(lock, self.shop.now, closed))
        for scale, grams in self.shop.plates.items():
            self.shop.fact(facts.PlateQuiet(scale, 1, self.shop.now, grams, 0.3, True))

    @invariant()
    def the_records_alone_give_the_state(self) -> None:
        self.shop.folds()

    @invariant()
    def a_relay_is_unlocked_only_for_a_session_that_has_just_started(self) -> None:
        records = self.shop.records
        for place in range(self.seen, len(records)):
            what = records[place].what
            if isinstance(what, LockOrdered) and what.unlock:
                assert any(isinstance(record.what, SessionStarted) for record in records[max(0, place - 8) : place])
        unlocks = sum(isinstance(effect, DriveLock) and effect.unlock for effect in self.shop.effects)
        assert unlocks <= len(self.shop.events("session.started"))
        self.seen = len(records)

    @invariant()
    def sessions_of_a_cabinet_follow_one_another(self) -> None:
        running = 0
        for kind in self.shop.types():
            running += {"session.started": 1, "session.ended": -1}.get(kind, 0)
            assert running in (0, 1)

    @invariant()
    def a_cart_is_what_the_item_events_add_up_to(self) -> None:
        for ended in self.shop.events("session.ended"):
            if ended.purpose != "shop":
                assert ended.cart == ()
                continue
            told: dict[str, int] = {}
            for event in self.shop.events("session.item_taken", "session.item_returned"):
                if event.session == ended.session:
                    sign = 1 if event.TYPE == "session.item_taken" else -1
                    told[event.gtin] = told.get(event.gtin, 0) + sign * event.quantity
            assert {line.gtin: line.quantity for line in ended.cart} == {gtin: count for gtin, count in told.items() if count}
            assert ended.needs_review == bool(ended.review_reasons)

    @invariant()
    def seqs_are_gapless(self) -> None:
        assert [record.seq for record in self.shop.records if record.seq is not None] == list(range(1, self.shop.state.seq + 1))


TestDays = pytest.mark.timeout(240)(Days.TestCase)
TestDays.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
