"""The main job, whole: a code, a door, bottles, a bill; seen by a stranger over MQTT."""

from __future__ import annotations

from pathlib import Path

from tests.scenarios.rig import COLA, RIESLING, rig


async def test_a_stranger_sees_the_whole_purchase_from_the_code_to_the_bill(tmp_path: Path) -> None:
    async with rig(tmp_path) as store:
        heard = store.stranger
        await store.show()
        await heard.event("access.granted", subject="anna")
        await store.pull()
        await heard.event("door.opened")
        first = await store.take("A", 2)
        assert (first["data"]["gtin"], first["data"]["quantity"]) == (RIESLING, 2)
        await store.hand.do("put", slot="A", gtin=RIESLING)
        back = await heard.event("session.item_returned")
        assert (back["data"]["gtin"], back["data"]["quantity"]) == (RIESLING, 1)
        await store.take("C")
        await store.hand.do("close", zone="fridge")
        ended = (await heard.event("session.ended"))["data"]
        assert [(line["gtin"], line["quantity"]) for line in ended["cart"]] == [(RIESLING, 1), (COLA, 1)]
        assert (ended["total_minor"], ended["currency"], ended["reason"]) == (1540, "EUR", "door_closed")
        assert (ended["needs_review"], ended["review_reasons"]) == (False, [])
        await heard.event("door.locked")
        await heard.level("zone/fridge", door="closed", lock_commanded="locked", lock_observed="locked", session=None)
        await heard.level("slot/A", count=5)
        heard.gapless()
        assert heard.events[0]["type"] == "store.started"
        assert {event["source"] for event in heard.events} == {"smartstore/rig-01"}
        assert {event["simulated"] for event in heard.events} == {False}
        assert await store.stop_daemon() == 0
        stopping = await heard.event("store.stopping")
        assert stopping["data"]["open_doors"] == []
        await heard.level("status", state="offline")


async def test_a_daemon_killed_between_two_picks_goes_on_with_the_session(tmp_path: Path) -> None:
    async with rig(tmp_path) as store:
        heard = store.stranger
        await store.show()
        await store.pull()
        session = (await store.take("A"))["data"]["session"]
        await store.kill_daemon()
        await store.start_daemon()
        started = await heard.event("store.started", 1)
        assert (started["data"]["reason"], started["data"]["resumed"]) == ("crash", [session])
        await store.ready()
        second = await store.take("D")
        assert second["data"]["session"] == session
        await store.hand.do("close", zone="fridge")
        ended = (await heard.event("session.ended"))["data"]
        assert (ended["session"], [(line["gtin"], line["quantity"]) for line in ended["cart"]]) == (session, [(RIESLING, 2)])
        heard.gapless()
        assert [event["type"] for event in heard.events].count("access.granted") == 1


async def test_what_is_taken_while_the_daemon_is_dead_is_charged_with_review(tmp_path: Path) -> None:
    async with rig(tmp_path) as store:
        heard = store.stranger
        await store.show()
        await store.pull()
        await heard.event("door.opened")
        await store.kill_daemon()
        await store.hand.do("take", slot="A", count=1)
        await store.start_daemon()
        await heard.event("session.item_taken", slot="A")
        await store.hand.do("close", zone="fridge")
        ended = (await heard.event("session.ended"))["data"]
        assert [(line["gtin"], line["quantity"]) for line in ended["cart"]] == [(RIESLING, 1)]
        assert ended["review_reasons"] == ["gap"]


async def test_a_used_code_and_a_seen_command_stay_so_after_a_kill(tmp_path: Path) -> None:
    async with rig(tmp_path) as store:
        heard = store.stranger
        code = store.code()
        await store.show(code)
        await store.pull()
        await heard.event("door.opened")
        await store.hand.do("close", zone="fridge")
        await heard.event("session.ended")
        payload = store.command("stop_sales", "c1", zone="fridge", reason="cleaning")
        await heard.reply("c1", "done")
        await store.kill_daemon()
        await store.start_daemon()
        await store.ready()
        await store.show(code)
        await heard.event("access.denied", reason="used")
        heard.replies.clear()
        heard.send("stop_sales", payload)
        assert (await heard.reply("c1", "done"))["result"] == {"reasons": ["cleaning"]}
        assert [event["type"] for event in heard.events].count("sales.stopped") == 1


async def test_an_unlock_by_command_answers_with_what_was_observed(tmp_path: Path) -> None:
    async with rig(tmp_path) as store:
        heard = store.stranger
        store.command("unlock", "u1", zone="fridge", purpose="service")
        await heard.reply("u1", "accepted")
        await store.pull()
        done = await heard.reply("u1", "done", "failed")
        assert (done["status"], done["result"]["unlocked"], done["result"]["opened"]) == ("done", True, True)
        await store.hand.do("close", zone="fridge")
        await heard.event("session.ended", purpose="service")
