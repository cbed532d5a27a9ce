"""Brokers that are gone, killed, frozen, slow, or say no: the store sells all the same, and nothing is lost of what it has told."""

from __future__ import annotations

from pathlib import Path

from tests.mosquitto import BrokerTls, Mosquitto
from tests.scenarios.rig import COLA, GIN, RIESLING, cart, rig, seen
from tests.scenarios.stranger import ROOT, Login
from tests.uplink.certificates import Authority
from tests.uplink.proxy import proxying

BACKLOG_WITHIN_S = 30.0
"""CONTRACT 8: broker back to the start of the backlog."""
USERS = {"store": "secret", "stranger": "other"}
AS_STORE = 'username = "store"\npassword_file = "password"'


async def test_a_store_sells_without_a_broker_and_tells_everything_once_there_is_one(tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path)
    async with proxying(broker.port) as proxy, rig(tmp_path, broker=broker, url=proxy.url, start=False) as store:
        proxy.let_up.clear()
        await store.launch()
        await store.logged("ready after")
        for slot in "ABCD":
            await store.written("stock.changed", slot=slot, reason="inferred")
        await store.show()
        await store.pull()
        await store.written("door.opened")
        await store.hand.do("take", slot="A", count=2)
        await store.written("session.item_taken", slot="A")
        await store.hand.do("close", zone="fridge")
        ended = await store.written("session.ended")
        assert cart(ended["data"]) == [(RIESLING, 2)]
        assert not ended["data"]["needs_review"]
        async with broker:
            await store.stranger.listening()
            proxy.let_up.set()
            told = await store.stranger.event("session.ended", within_s=BACKLOG_WITHIN_S)
            assert told == ended
            await store.stranger.level("zone/fridge", door="closed", session=None)
            assert [event["id"] for event in store.stranger.events] == [event["id"] for event in store.journalled()]
            store.stranger.gapless()
            assert cart(await store.buy("B")) == [(GIN, 1)]


async def test_a_broker_killed_in_mid_session_costs_nothing(tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path)
    async with broker, proxying(broker.port) as proxy, rig(tmp_path, broker=broker, url=proxy.url) as store:
        heard = store.stranger
        session = await store.enter()
        await store.take("A")
        await heard.until(lambda: heard.latest == len(store.journalled()), "all that was told so far")
        await broker.kill()
        await heard.cut_off()
        await store.hand.do("take", slot="C", count=2)
        await store.written("session.item_taken", slot="C")
        proxy.let_up.clear()  # this broker keeps nothing for a subscriber who comes late
        await broker.start()
        await heard.listening()
        proxy.let_up.set()
        taken = await heard.event("session.item_taken", within_s=BACKLOG_WITHIN_S, slot="C")
        assert taken["data"]["session"] == session
        await heard.level("status", state="online")
        await heard.level("zone/fridge", door="open", session=session)
        ended = await store.leave()
        assert (cart(ended), ended["needs_review"]) == ([(RIESLING, 1), (COLA, 2)], False)
        heard.gapless()


async def test_a_frozen_broker_is_noticed_and_told_everything_when_it_thaws(tmp_path: Path) -> None:
    async with rig(tmp_path, mqtt="keepalive_s = 2") as store:
        heard = store.stranger
        await store.enter()
        store.broker.freeze()
        try:
            await store.hand.do("take", slot="B", count=1)
            await store.written("session.item_taken", slot="B")
            await store.logged("no connection to")
        finally:
            store.broker.thaw()
        await heard.event("session.item_taken", within_s=BACKLOG_WITHIN_S, slot="B")
        ended = await store.leave()
        assert (cart(ended), ended["needs_review"]) == ([(GIN, 1)], False)
        heard.gapless()


async def test_what_a_broker_refuses_is_set_aside_with_an_alarm_and_can_be_sent_again(tmp_path: Path) -> None:
    refusing = f"user store\ntopic read {ROOT}/command/+\nuser stranger\ntopic #\n"
    allowing = f"user store\ntopic readwrite {ROOT}/#\nuser stranger\ntopic #\n"
    (tmp_path / "password").write_text("secret\n")
    broker = Mosquitto(tmp_path, users=USERS, acl=refusing)
    async with broker, rig(tmp_path, broker=broker, login=Login("stranger", "other"), mqtt=AS_STORE, start=False) as store:
        heard = store.stranger
        await heard.listening()
        await store.launch()
        await store.logged("ready after")
        for slot in "ABCD":
            await store.written("stock.changed", slot=slot)
        await store.written("alarm.raised", kind="overload")
        assert "not authorized" in store.log
        await store.show()
        await store.pull()
        await store.written("door.opened")
        await store.hand.do("take", slot="A", count=1)
        await store.written("session.item_taken", slot="A")
        await store.hand.do("close", zone="fridge")
        ended = await store.written("session.ended")
        assert cart(ended["data"]) == [(RIESLING, 1)]
        assert heard.events == []
        broker.set_acl(allowing)
        broker.reload()
        await seen(lambda: "Reloading config" in broker.log, "the broker's new rules", lambda: broker.log)
        store.command("resend", "r1", **{"from": 1})
        # The end of the session may have waited for the new rules, and come before what is sent again.
        await heard.until(lambda: len({event["seq"] for event in heard.events}) >= len(store.journalled()), "all events")
        written = store.journalled()
        assert sorted(event["seq"] for event in heard.events) == [event["seq"] for event in written]
        assert all(event in written for event in heard.events)
        raised = [event for event in written if event["type"] == "alarm.raised" and event["data"]["kind"] == "overload"]
        assert len(raised) == 1
        await heard.event("alarm.cleared", kind="overload")


async def test_over_a_slow_line_a_purchase_is_told_whole(tmp_path: Path) -> None:
    async with (
        Mosquitto(tmp_path) as broker,
        proxying(broker.port, delay_s=0.4) as proxy,
        rig(tmp_path, broker=broker, url=proxy.url) as store,
    ):
        ended = await store.buy("C", 3)
        assert (cart(ended), ended["needs_review"]) == ([(COLA, 3)], False)
        store.stranger.gapless()


async def test_a_broker_of_mqtt_3_1_1_is_told_the_same(tmp_path: Path) -> None:
    async with rig(tmp_path, mqtt="protocol = 4") as store:
        ended = await store.buy("A")
        assert (cart(ended), ended["needs_review"]) == ([(RIESLING, 1)], False)
        store.command("stop_sales", "c1", zone="fridge", reason="cleaning")
        assert (await store.stranger.reply("c1", "done"))["result"] == {"reasons": ["cleaning"]}
        store.stranger.gapless()
        await store.stop_daemon()
        await store.stranger.level("status", state="offline")


async def test_a_killed_store_is_offline_by_its_will(tmp_path: Path) -> None:
    async with rig(tmp_path) as store:
        await store.kill_daemon()
        await store.stranger.level("status", state="offline")


async def test_without_a_receipt_events_are_sent_again_and_with_it_not(tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path)
    async with broker, proxying(broker.port) as proxy, rig(tmp_path, broker=broker, url=proxy.url, mqtt='acknowledge = "backend"') as store:
        heard = store.stranger
        await store.buy("A")
        await heard.event("door.locked")
        newest = heard.latest
        epoch = heard.events[0]["epoch"]
        proxy.cut()
        await heard.until(lambda: [event["seq"] for event in heard.deliveries].count(newest) == 2, "everything again")
        assert sorted(event["seq"] for event in heard.deliveries) == sorted([*range(1, newest + 1)] * 2)
        heard.receipt(epoch, newest - 2)
        await seen(lambda: store.acknowledged() == newest - 2, "the receipt in the journal")
        proxy.cut()
        await heard.until(lambda: [event["seq"] for event in heard.deliveries].count(newest) == 3, "the rest again")
        again = [event["seq"] for event in heard.deliveries[2 * newest :]]
        assert again == [newest - 1, newest]
        heard.gapless()


async def test_over_tls_both_ends_prove_who_they_are(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    server, client, watcher = authority.issue("broker", server=True), authority.issue("store"), authority.issue("stranger")
    broker = Mosquitto(tmp_path, tls=BrokerTls(authority.ca_file, server.cert_file, server.key_file, require_client=True))
    login = Login(ca_file=authority.ca_file, cert_file=watcher.cert_file, key_file=watcher.key_file)
    ours = f'ca_file = "{authority.ca_file}"\ncert_file = "{client.cert_file}"\nkey_file = "{client.key_file}"'
    async with broker, rig(tmp_path, broker=broker, login=login, mqtt=ours) as store:
        ended = await store.buy("D")
        assert (cart(ended), ended["needs_review"]) == ([(RIESLING, 1)], False)
        store.stranger.gapless()


async def test_a_broker_of_another_authority_is_not_believed(tmp_path: Path) -> None:
    authority, other = Authority(tmp_path), Authority(tmp_path, "other")
    server, client, watcher = other.issue("broker", server=True), authority.issue("store"), other.issue("stranger")
    broker = Mosquitto(tmp_path, tls=BrokerTls(other.ca_file, server.cert_file, server.key_file))
    login = Login(ca_file=other.ca_file, cert_file=watcher.cert_file, key_file=watcher.key_file)
    ours = f'ca_file = "{authority.ca_file}"\ncert_file = "{client.cert_file}"\nkey_file = "{client.key_file}"'
    async with broker, rig(tmp_path, broker=broker, login=login, mqtt=ours, start=False) as store:
        await store.stranger.listening()
        await store.launch()
        await store.logged("ready after")
        await store.logged("no connection to")
        assert "certificate" in store.log
        assert store.stranger.messages == []
