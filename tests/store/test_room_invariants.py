"""Whatever happens in whatever order in a room, it goes on, keeps nobody's money wrongly, and sells again: random days, in virtual time."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from device.domain import facts
from device.store import inputs
from tests.store.shop import RIESLING
from tests.store.test_rooms import Room, room

LOCKS = ("lock", "other-lock")


class RoomDays(RuleBasedStateMachine):
    """Visitors, doors, presence, fire, commands, faults and restarts, in orders that real devices could give."""

    shop: Room
    codes: list[str]

    @initialize(presence=st.booleans(), most=st.integers(1, 3), relock=st.sampled_from(["on_open", "on_close"]))
    def a_room(self, presence: bool, most: int, relock: str) -> None:
        plan = room(presence=presence, max_sessions=most)
        self.shop = Room(plan.model_copy(update={"lock": tuple(lock.model_copy(update={"relock": relock}) for lock in plan.lock)}))
        self.codes = []
        self.shut = dict.fromkeys(LOCKS, True)
        self.online = dict.fromkeys(LOCKS, True)
        self.fire = False
        self.stopped = False

    @rule(purpose=st.sampled_from(["shop", "service", "restock"]))
    def a_code_is_shown(self, purpose: str) -> None:
        self.codes.append(self.shop.show(purpose=purpose, sub=f"s{len(self.codes)}"))

    @precondition(lambda self: self.shut["lock"] and self.online["lock"])
    @rule()
    def somebody_comes_in(self) -> None:
        self.codes.append(self.shop.come_in(sub=f"s{len(self.codes)}"))

    @precondition(lambda self: self.codes)
    @rule(back=st.integers(0, 2))
    def somebody_shows_the_code_on_the_way_out(self, back: int) -> None:
        self.shop.fact(facts.CodeRead("out", self.shop.now, self.codes[-1 - back % len(self.codes)], False))

    @precondition(lambda self: self.codes)
    @rule(which=st.integers(0, 50), reader=st.sampled_from(["qr", "out"]), held=st.booleans())
    def a_code_is_shown_again(self, which: int, reader: str, held: bool) -> None:
        self.shop.fact(facts.CodeRead(reader, self.shop.now, self.codes[which % len(self.codes)], held))

    @rule(lock=st.sampled_from(LOCKS), flaps=st.integers(1, 3))
    def a_door_moves(self, lock: str, flaps: int) -> None:
        for _ in range(flaps):
            self.shut[lock] = not self.shut[lock]
            if self.online[lock]:
                self.shop.fact(facts.DoorMoved(lock, self.shop.now, self.shut[lock]))

    @rule(active=st.booleans(), flicker=st.booleans())
    def presence_changes(self, active: bool, flicker: bool) -> None:
        self.shop.present(active)
        if flicker:
            self.shop.present(not active)

    @rule()
    def the_exit_is_used(self) -> None:
        self.shop.press_exit()

    @rule(scale=st.sampled_from(["a", "b"]), grams=st.sampled_from([-1250.0, 1250.0, -355.0, 355.0]))
    def something_is_moved(self, scale: str, grams: float) -> None:
        if self.shop.plates[scale] + grams >= 0:
            self.shop.weigh(scale, grams)

    @rule(scale=st.sampled_from(["a", "b"]))
    def a_plate_is_doubted_and_believed_again(self, scale: str) -> None:
        self.shop.fact(facts.PlateMoving(scale, 1, self.shop.now), facts.PlateUntrusted(scale, 1, self.shop.now, "glitching"))
        self.shop.wait(1)
        self.shop.fact(facts.PlateTrusted(scale, 1, self.shop.now))
        self.shop.fact(facts.PlateQuiet(scale, 1, self.shop.now, self.shop.plates[scale], 0.3, True))

    @rule(seconds=st.sampled_from([0.2, 1.0, 2.5, 16.0, 2000.0]))
    def time_passes(self, seconds: float) -> None:
        self.shop.wait(seconds)

    @rule(active=st.booleans())
    def the_fire_input_changes(self, active: bool) -> None:
        self.fire = active
        self.shop.fact(facts.InputChanged("fire", self.shop.now, active))

    @rule(zone=st.sampled_from(["shop", "cooler"]))
    def the_fire_is_cleared(self, zone: str) -> None:
        self.shop.command("clear_fire", zone=zone)

    @rule(name=st.sampled_from(["lock", "unlock", "stop_sales", "resume_sales"]), zone=st.sampled_from(["shop", "cooler"]))
    def somebody_commands(self, name: str, zone: str) -> None:
        self.shop.command(name, zone=zone)

    @rule(which=st.integers(0, 50))
    def a_session_is_ended(self, which: int) -> None:
        started = self.shop.events("session.started")
        if started:
            self.shop.command("end_session", session=started[-1 - which % len(started)].session)

    @rule(lock=st.sampled_from(LOCKS))
    def a_lock_goes_or_comes_back(self, lock: str) -> None:
        self.online[lock] = not self.online[lock]
        if self.online[lock]:
            self._heard(lock)
        else:
            self.shop.fact(facts.DeviceLost(lock, self.shop.now, "cable"), facts.DoorMoved(lock, self.shop.now, None))

    @rule(refusal=st.sampled_from(["", "", "no answer", "gone"]))
    def locks_obey_or_not(self, refusal: str) -> None:
        self.shop.refusal = refusal

    @rule(room=st.sampled_from(["full", "nearly_full", "ok"]))
    def the_journal_fills(self, room: str) -> None:
        self.shop.step(inputs.JournalRoom(room))  # type: ignore[arg-type]  # sampled from what it may be

    @rule(other_boot=st.booleans(), clean=st.booleans())
    def the_program_starts_again(self, other_boot: bool, clean: bool) -> None:
        if clean:
            self.shop.step(inputs.Halt("SIGTERM"))
        self.shop.restart(boot=f"boot-{self.shop.now}" if other_boot else None)
        for lock in LOCKS:
            self.online[lock] = True
            self._heard(lock)
        self.shop.fact(facts.InputChanged("fire", self.shop.now, self.fire))
        for scale, grams in self.shop.plates.items():
            self.shop.fact(facts.PlateQuiet(scale, 1, self.shop.now, grams, 0.3, True))

    def _heard(self, lock: str) -> None:
        self.shop.fact(facts.DeviceOnline(lock, self.shop.now, None, ""))
        told = self.shop.orders(lock)[-1:] == [True]
        self.shop.fact(facts.RelayMoved(lock, self.shop.now, told), facts.DoorMoved(lock, self.shop.now, self.shut[lock]))

    @invariant()
    def the_records_alone_give_the_state(self) -> None:
        self.shop.folds()

    @invariant()
    def in_a_fire_the_maglock_was_last_told_to_let_go(self) -> None:
        if self.fire:
            assert self.shop.orders("lock")[-1] is True

    @invariant()
    def nothing_is_due_for_ever(self) -> None:
        assert self.shop.store.deadline is None or self.shop.store.deadline > self.shop.now - 1e-6

    @invariant()
    def who_is_charged_took_it(self) -> None:
        for ended in self.shop.events("session.ended"):
            taken = [event for event in self.shop.events("session.item_taken") if event.session == ended.session]
            for line in ended.cart:
                assert sum(event.quantity for event in taken if event.gtin == line.gtin) >= line.quantity

    @invariant()
    def every_command_that_has_time_has_an_answer(self) -> None:
        for seen in self.shop.state.commands.values():
            if seen.name in ("clear_fire", "stop_sales", "resume_sales", "end_session"):
                assert seen.status != "accepted"

    def teardown(self) -> None:
        """When all is put right the room is empty, everybody has been billed, and the next one is let in and out."""
        if not hasattr(self, "shop"):
            return
        shop, self.shop.refusal = self.shop, ""
        for lock in LOCKS:
            if not self.online[lock]:
                self.online[lock] = True
                self._heard(lock)
            if not self.shut[lock]:
                self.shut[lock] = True
                shop.fact(facts.DoorMoved(lock, shop.now, True))
        shop.fact(facts.InputChanged("fire", shop.now, False))
        for zone in ("shop", "cooler"):
            shop.command("clear_fire", zone=zone)
        shop.step(inputs.JournalRoom("ok"))
        shop.wait(4000)
        for zone in ("shop", "cooler"):
            shop.command("resume_sales", zone=zone)
        assert len(shop.events("session.ended")) == len(shop.events("session.started"))
        assert all(seen.status != "accepted" for seen in shop.state.commands.values())
        assert not any(shop.store.state.locks[lock].unlocked for lock in LOCKS if lock in shop.store.state.locks)
        shop.plates["a"] = 7500.0
        shop.fact(facts.PlateUntrusted("a", 1, shop.now, "stale"), facts.PlateTrusted("a", 1, shop.now))
        shop.fact(facts.PlateQuiet("a", 1, shop.now, 7500.0, 0.3, True))
        code = shop.come_in(sub="next")
        shop.weigh("a", -1250.0)
        shop.show_out(code)
        shop.open_door()
        shop.close_door()
        shop.present(False)
        shop.wait(10)
        ended = shop.last("session.ended")
        assert (ended.subject, [(line.gtin, line.quantity) for line in ended.cart]) == ("next", [(RIESLING, 1)])
        shop.folds()


TestRoomDays = pytest.mark.timeout(240)(RoomDays.TestCase)
TestRoomDays.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
