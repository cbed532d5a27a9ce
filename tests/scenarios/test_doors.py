"""Locks and doors that misbehave: what happens is told, and no door opens that nobody paid for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scenarios.rig import COLA, RIESLING, Rig, cart, rig
from tests.scenarios.test_wires import after_plugging, after_unplugging


async def is_locked(store: Rig) -> bool:
    """Whether the bolt is out, in truth."""
    lock = (await store.hand.state())["zones"]["fridge"]["locks"]["lock"]
    return bool(lock["bolt"] == "locked")


async def test_a_lock_unplugged_behind_a_shut_door_stops_sales_and_stays_locked_when_it_is_back(tmp_path: Path) -> None:
    async with rig(tmp_path) as store:
        heard = store.stranger
        await after_unplugging(store, "lock")
        await heard.event("sales.stopped", zone="fridge", reasons=["device_lost"])
        await heard.level("zone/fridge", sales="stopped", reasons=["device_lost"])
        await store.show()
        await heard.event("access.denied", reason="sales_stopped")
        await after_plugging(store, "lock")
        await heard.event("sales.resumed", zone="fridge")
        await heard.level("zone/fridge", sales="open", door="closed", lock_observed="locked")
        assert await is_locked(store)
        assert heard.told("door.unlocked") == []
        assert cart(await store.buy("A")) == [(RIESLING, 1)]


async def test_a_lock_unplugged_in_mid_session_finds_the_door_shut_when_it_is_back(tmp_path: Path) -> None:
    async with rig(tmp_path) as store:
        heard = store.stranger
        session = await store.enter()
        await store.take("A")
        await after_unplugging(store, "lock")
        await store.take("C")
        await store.hand.do("close", zone="fridge")
        after = heard.latest
        await after_plugging(store, "lock")
        ended = (await heard.event("session.ended", after, session=session))["data"]
        assert (cart(ended), ended["reason"]) == ([(RIESLING, 1), (COLA, 1)], "door_closed")
        await heard.level("zone/fridge", door="closed", lock_commanded="locked", lock_observed="locked", session=None, sales="open")
        assert await is_locked(store)


async def test_a_relay_board_that_loses_power_before_the_door_opens_lets_nobody_in(tmp_path: Path) -> None:
    async with rig(tmp_path, zone="unlock_window_s = 3.0") as store:
        heard = store.stranger
        await store.show()
        await heard.event("door.unlocked")
        await store.hand.do("power_cycle", device="lock")
        ended = await heard.event("session.ended")
        assert (ended["data"]["reason"], cart(ended["data"])) == ("never_opened", [])
        assert await is_locked(store)
        assert len(heard.told("door.unlocked")) == 1


async def test_a_relay_board_that_loses_power_while_the_door_is_open_costs_nothing(tmp_path: Path) -> None:
    async with rig(tmp_path) as store:
        await store.enter()
        await store.hand.do("power_cycle", device="lock")
        await store.take("A")
        ended = await store.leave()
        assert (cart(ended), ended["needs_review"]) == ([(RIESLING, 1)], False)
        await store.stranger.level("zone/fridge", lock_commanded="locked", lock_observed="locked")


@pytest.mark.parametrize("kind", ["corrupt", "drop"])
async def test_a_relay_board_on_a_bad_wire_still_opens_for_a_code_and_for_nothing_else(tmp_path: Path, kind: str) -> None:
    async with rig(tmp_path) as store:
        await store.hand.do("fault", device="lock", kind=kind, rate=0.01)
        await store.enter()
        await store.take("A")
        ended = await store.leave()
        assert cart(ended) == [(RIESLING, 1)]
        await store.stranger.event("door.locked")
        assert len(store.stranger.told("door.unlocked")) == 1
        assert store.stranger.told("alarm.raised") == []


async def test_a_lock_that_hangs_is_lost_and_stays_locked_when_it_is_found(tmp_path: Path) -> None:
    async with rig(tmp_path) as store:
        heard = store.stranger
        await store.hand.do("fault", device="lock", kind="freeze")
        await heard.event("device.lost", device="lock")
        await heard.event("sales.stopped", zone="fridge")
        after = heard.latest
        await store.hand.do("fault", device="lock", kind="none")
        await heard.event("device.recovered", after, device="lock")
        await heard.event("sales.resumed", zone="fridge")
        assert await is_locked(store)
        assert cart(await store.buy("A")) == [(RIESLING, 1)]


async def test_a_relay_that_refuses_opens_nothing_and_the_session_ends(tmp_path: Path) -> None:
    async with rig(tmp_path) as store:
        await store.hand.do("fault", device="lock", kind="refuse")
        await store.show()
        ended = await store.stranger.event("session.ended")
        assert (ended["data"]["reason"], cart(ended["data"])) == ("never_opened", [])
        assert await is_locked(store)
        await store.hand.do("fault", device="lock", kind="none")
        assert cart(await store.buy("A")) == [(RIESLING, 1)]


async def test_a_jammed_bolt_raises_an_alarm(tmp_path: Path) -> None:
    async with rig(tmp_path, zone="unlock_window_s = 3.0") as store:
        heard = store.stranger
        await store.hand.do("jam", lock="lock")
        await store.show()
        alarm = await heard.event("alarm.raised", kind="lock_jammed")
        assert alarm["data"]["details"]["lock"] == "lock"
        await heard.event("session.ended", reason="never_opened")
        await heard.level("zone/fridge", lock_observed="locked")
        await store.hand.do("jam", lock="lock", jammed=False)
        store.command("acknowledge_alarm", "k1", alarm=alarm["data"]["alarm"], note="oiled")
        await heard.reply("k1", "done")
        await heard.event("alarm.cleared", kind="lock_jammed")
        assert cart(await store.buy("A")) == [(RIESLING, 1)]


async def test_a_bolt_that_does_not_come_out_again_raises_an_alarm(tmp_path: Path) -> None:
    async with rig(tmp_path) as store:
        heard = store.stranger
        await store.enter()
        await store.hand.do("jam", lock="lock")
        await store.leave()
        await heard.event("alarm.raised", kind="lock_jammed")
        await heard.level("zone/fridge", lock_commanded="locked", lock_observed="unlocked")


async def test_a_forced_door_and_what_is_taken_through_it_are_alarms_at_once(tmp_path: Path) -> None:
    async with rig(tmp_path) as store:
        heard = store.stranger
        await store.hand.do("force", zone="fridge")
        await heard.event("alarm.raised", kind="door_forced")
        opened = await heard.event("door.opened")
        assert opened["data"]["session"] is None
        await store.hand.do("take", slot="A", count=2)
        removal = await heard.event("alarm.raised", kind="unexplained_removal")
        assert (removal["data"]["details"]["slot"], removal["data"]["details"]["quantity"]) == ("A", 2)
        await heard.level("slot/A", count=4)
        await store.hand.do("close", zone="fridge")
        await heard.event("door.closed")
        await heard.level("zone/fridge", door="closed", lock_commanded="locked", session=None)
        kinds = {alarm["kind"] for alarm in heard.levels["zone/fridge"]["alarms"]}
        assert kinds == {"door_forced", "unexplained_removal"}
        assert heard.told("session.started", "session.item_taken") == []


async def test_a_door_held_open_is_an_alarm_until_it_is_shut(tmp_path: Path) -> None:
    async with rig(tmp_path, zone="door_held_s = 2.0") as store:
        heard = store.stranger
        await store.enter()
        held = await heard.event("alarm.raised", kind="door_held")
        opened = heard.told("door.opened")[0]
        assert 2.0 <= float(held["uptime"]) - float(opened["uptime"]) < 7.0
        await store.take("A")
        ended = await store.leave()
        assert cart(ended) == [(RIESLING, 1)]
        await heard.event("alarm.cleared", kind="door_held")
