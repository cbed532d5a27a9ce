"""The daemon as a service: how it starts, reloads and ends, and what it says to systemd."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

from device.engine.clock import uptime
from firmware_sims.control import hand as simulated_hand
from tests.scenarios.rig import RIESLING, cart, rig
from tests.scenarios.stranger import WITHIN_S

ROOT = Path(__file__).parents[2]
STOPS_WITHIN_S = 5.0
"""CONTRACT 7."""


class Systemd:
    """The end of a NOTIFY_SOCKET."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.heard: list[str] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.bind(str(path))
        self._any = asyncio.Event()

    def _read(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                self.heard += self._socket.recv(4096).decode().splitlines()
                self._any.set()

    def __enter__(self) -> Systemd:
        asyncio.get_running_loop().add_reader(self._socket, self._read)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()

    async def hears(self, line: str, times: int = 1) -> None:
        """Until it was said so often."""
        async with asyncio.timeout(WITHIN_S):
            while self.heard.count(line) < times:
                self._any.clear()
                await self._any.wait()


async def test_systemd_is_told_that_it_is_ready_that_it_lives_and_that_it_stops(tmp_path: Path) -> None:
    with Systemd(tmp_path / "notify") as systemd:
        environment = {"NOTIFY_SOCKET": str(systemd.path), "WATCHDOG_USEC": "2000000"}
        async with rig(tmp_path, environment=environment) as store:
            await systemd.hears("READY=1")
            await systemd.hears("WATCHDOG=1", 3)
            assert systemd.heard.count("READY=1") == 1
            await store.stop_daemon()
            await systemd.hears("STOPPING=1")
            assert systemd.heard.index("READY=1") < systemd.heard.index("STOPPING=1")


async def test_without_a_broker_systemd_is_told_the_same(tmp_path: Path) -> None:
    with Systemd(tmp_path / "notify") as systemd:
        environment = {"NOTIFY_SOCKET": str(systemd.path), "WATCHDOG_USEC": "2000000"}
        async with rig(tmp_path, environment=environment, start=False) as store:
            await store.broker.kill()
            await store.launch()
            await systemd.hears("READY=1")
            await systemd.hears("WATCHDOG=1", 3)


async def test_sigterm_names_the_open_door_leaves_it_unlocked_and_ends_in_time(tmp_path: Path) -> None:
    async with rig(tmp_path) as store:
        heard = store.stranger
        session = await store.enter()
        await store.take("A")
        began = uptime()
        assert await store.stop_daemon() == 0
        assert uptime() - began < STOPS_WITHIN_S
        stopping = await heard.event("store.stopping")
        assert (stopping["data"]["reason"], stopping["data"]["open_doors"]) == ("SIGTERM", ["fridge"])
        states = [level["state"] for topic, level in heard.messages if topic == "status"]
        await heard.level("status", state="offline")
        assert states[0] == "online"
        assert "stopping" in [level["state"] for topic, level in heard.messages if topic == "status"]
        assert heard.told("session.ended") == []
        lock = (await store.hand.state())["zones"]["fridge"]["locks"]["lock"]
        assert (lock["door"], lock["bolt"]) == ("open", "unlocked")
        await store.start_daemon()
        started = await heard.event("store.started", stopping["seq"])
        assert (started["data"]["reason"], started["data"]["resumed"]) == ("clean", [session])
        await store.ready()
        ended = await store.leave()
        assert (cart(ended), ended["session"]) == ([(RIESLING, 1)], session)
        heard.gapless()


async def test_sigterm_ends_a_session_whose_door_has_not_opened_and_locks_it(tmp_path: Path) -> None:
    async with rig(tmp_path) as store:
        heard = store.stranger
        await store.show()
        await heard.event("door.unlocked")
        assert await store.stop_daemon() == 0
        stopping = await heard.event("store.stopping")
        ended = await heard.event("session.ended")
        assert (ended["data"]["reason"], ended["seq"] < stopping["seq"]) == ("never_opened", True)
        assert stopping["data"]["open_doors"] == []
        lock = (await store.hand.state())["zones"]["fridge"]["locks"]["lock"]
        assert (lock["bolt"], lock["energised"]) == ("locked", False)
        await store.start_daemon()
        await store.ready()
        assert heard.told("sales.stopped") == []
        assert cart(await store.buy("A")) == [(RIESLING, 1)]


async def test_sigterm_ends_in_time_with_the_broker_frozen_and_the_lock_hung(tmp_path: Path) -> None:
    async with rig(tmp_path) as store:
        await store.show()
        await store.stranger.event("door.unlocked")
        await store.hand.do("fault", device="lock", kind="freeze")
        store.broker.freeze()
        try:
            began = uptime()
            assert await store.stop_daemon() == 0
            assert uptime() - began < 2 * STOPS_WITHIN_S
        finally:
            store.broker.thaw()
        last_words = store.journalled()
        stopping = [event["type"] for event in last_words].index("store.stopping")
        # That the lock did not obey is worth an alarm; that scales are no longer listened to is not.
        assert all(event["data"].get("kind") == "lock_jammed" for event in last_words[stopping + 1 :]), last_words[stopping:]


async def test_a_door_unlocked_when_the_power_failed_is_locked_at_the_start(tmp_path: Path) -> None:
    async with rig(tmp_path, zone="unlock_window_s = 2.0") as store:
        heard = store.stranger
        await store.show()
        await heard.event("door.unlocked")
        await store.kill_daemon()
        await heard.level("status", state="offline")
        assert (await store.hand.state())["zones"]["fridge"]["locks"]["lock"]["bolt"] == "unlocked"
        await store.start_daemon()
        ended = await heard.event("session.ended")
        assert ended["data"]["reason"] == "never_opened"
        await heard.event("door.locked")
        assert (await store.hand.state())["zones"]["fridge"]["locks"]["lock"]["bolt"] == "locked"


async def test_sighup_puts_new_prices_into_force_and_refuses_a_broken_list(tmp_path: Path) -> None:
    async with rig(tmp_path) as store:
        products = store.folder / "products.csv"
        assert (await store.buy("A"))["total_minor"] == 1290
        products.write_text(products.read_text().replace(",1290,", ",1390,"))
        store.reload()
        await store.logged("reloaded")
        assert (await store.buy("A"))["total_minor"] == 1390
        products.write_text(products.read_text().replace(",1390,", ",cheap,"))
        store.reload()
        await store.logged("not reloaded")
        assert "products.csv" in store.log.split("not reloaded")[1]
        assert (await store.buy("A"))["total_minor"] == 1390


async def test_sighup_in_mid_session_keeps_the_prices_of_the_session(tmp_path: Path) -> None:
    async with rig(tmp_path) as store:
        products = store.folder / "products.csv"
        await store.enter()
        products.write_text(products.read_text().replace(",1290,", ",1390,"))
        store.reload()
        await store.logged("reloaded")
        await store.take("A")
        assert (await store.leave())["total_minor"] == 1290
        assert (await store.buy("A"))["total_minor"] == 1390


async def test_sighup_puts_a_special_day_into_force(tmp_path: Path) -> None:
    async with rig(tmp_path) as store:
        today = datetime.now(UTC).date()
        days = [f'[[special_day]]\ndate = "{today + timedelta(days=by)}"\nsales_hours = []\n' for by in (-1, 0, 1)]
        store.config.write_text("\n".join([store.config.read_text(), *days]))
        store.reload()
        await store.logged("reloaded")
        after = store.stranger.latest
        await store.show()
        await store.stranger.event("access.denied", after, reason="closed_hours")


async def test_sighup_does_not_take_what_needs_a_restart(tmp_path: Path) -> None:
    async with rig(tmp_path) as store:
        store.config.write_text(store.config.read_text().replace("keep_days", "").replace('id = "qr"', 'id = "qr-2"'))
        store.reload()
        await store.logged("reader: changed, which takes a restart")
        assert cart(await store.buy("A")) == [(RIESLING, 1)]


async def test_every_message_of_a_simulated_store_says_so(tmp_path: Path) -> None:
    async with rig(tmp_path, start=False, mqtt="homeassistant = true") as store:
        heard = store.stranger
        await heard.listening()
        control = tmp_path / "simulated" / "control.sock"
        control.parent.mkdir()
        await store.start_daemon("--simulate", "--control", str(control))
        await store.ready()
        async with simulated_hand(control) as hand:
            await hand.do("show", reader="qr", code=store.code())
            await hand.open("fridge", WITHIN_S)
            await heard.event("door.opened")
            await hand.do("take", slot="A", count=1)
            await heard.event("session.item_taken")
            await hand.do("close", zone="fridge")
            ended = await heard.event("session.ended")
        assert cart(ended["data"]) == [(RIESLING, 1)]
        store.command("stop_sales", "c1", zone="fridge", reason="cleaning")
        await heard.reply("c1", "done")
        await heard.until(lambda: "health" in heard.levels, "health")
        await heard.until(lambda: any(topic.startswith("telemetry/") for topic in heard.levels), "telemetry")
        await store.stop_daemon()
        await heard.level("status", state="offline")
        kinds = {topic.partition("/")[0] for topic, _ in heard.messages}
        assert kinds == {"status", "event", "zone", "slot", "device", "health", "telemetry", "reply"}
        silent = {topic for topic, what in heard.messages if what.get("simulated") is not True}
        assert silent == set()
        # The store's own hand, on the wires of the configuration, was never felt.
        assert (await store.hand.state())["slots"]["A"]["count"] == 6


async def test_a_store_without_its_devices_does_not_pretend(tmp_path: Path) -> None:
    async with rig(tmp_path, start=False) as store:
        heard = store.stranger
        await heard.listening()
        for device in ("lock", "qr", "plate-a", "plate-b", "board"):
            await store.hand.do("unplug", device=device)
        await store.start_daemon()
        for device in ("lock", "qr", "plate-a", "plate-b", "board"):
            await heard.event("device.lost", device=device)
            await heard.level(f"device/{device}", state="lost")
        await heard.event("sales.stopped", zone="fridge", reasons=["device_lost"])
        assert all(what["simulated"] is False for topic, what in heard.messages if topic == "status" or topic.startswith("event/"))
        grams = [what["grams"] for topic, what in heard.messages if topic.startswith("telemetry/")]
        assert all(value is None for values in grams for value in values)
        assert heard.levels["zone/fridge"]["door"] == "unknown"
        for device in ("lock", "qr", "plate-a", "plate-b", "board"):
            await store.hand.do("plug", device=device)
        await store.ready()
        assert cart(await store.buy("A")) == [(RIESLING, 1)]


async def test_a_bad_configuration_ends_with_78_and_every_fault(tmp_path: Path) -> None:
    async with rig(tmp_path, start=False) as store:
        broken = store.config.read_text().replace("capacity = 12", "capacity = 0").replace("Europe/Rome", "Mars/Crater")
        store.config.write_text(broken)
        await store.launch()
        assert await store.ended() == 78
        assert "capacity" in store.log
        assert "Mars/Crater" in store.log
        assert "Traceback" not in store.log
        assert not store.journal.exists()


async def test_a_second_daemon_on_the_same_journal_is_refused(tmp_path: Path) -> None:
    async with rig(tmp_path) as store:
        first, store.daemon = store.daemon, None
        assert first is not None
        await store.launch()
        assert await store.ended() == 1
        store.daemon = first
        assert f"process {first.pid} already runs on" in store.log
        assert "Traceback" not in store.log
        assert cart(await store.buy("A")) == [(RIESLING, 1)]


async def test_ctrl_c_ends_it_like_sigterm(tmp_path: Path) -> None:
    async with rig(tmp_path) as store:
        assert store.daemon is not None
        store.daemon.send_signal(signal.SIGINT)
        assert await store.ended() == 0
        assert (await store.stranger.event("store.stopping"))["data"]["reason"] == "SIGINT"


async def test_a_journal_of_a_simulated_store_is_no_real_stores_and_the_other_way_round(tmp_path: Path) -> None:
    async with rig(tmp_path, start=False) as store:
        await store.stranger.listening()
        await store.start_daemon("--simulate")
        simulated = store.journal
        assert simulated == tmp_path / "journal.simulated.db"
        assert all(event["simulated"] for event in store.journalled())
        store.reload()
        await store.logged("reloaded")
        assert await store.stop_daemon() == 0
        assert not (tmp_path / "journal.db").exists()

        simulated.rename(tmp_path / "journal.db")
        (tmp_path / "journal.simulated.db-wal").unlink()
        await store.launch()
        assert await store.ended() == 78
        assert "was written by a simulated store; move it (with its -wal)" in store.log
        assert "Traceback" not in store.log

        (tmp_path / "journal.db").rename(tmp_path / "kept.db")
        await store.start_daemon()
        await store.ready()
        assert not any(event["simulated"] for event in store.journalled())
        first, store.daemon = store.daemon, None
        assert first is not None
        await store.launch("--simulate")
        assert await store.ended() == 1
        assert f"process {first.pid} runs the real store" in store.log
        store.daemon = first
        store._simulated = False
        assert await store.stop_daemon() == 0

        (tmp_path / "journal.db").rename(tmp_path / "journal.simulated.db")
        await store.launch("--simulate")
        assert await store.ended() == 78
        assert "was written by a real store" in store.log


async def test_a_second_simulation_is_refused_and_takes_nothing_from_the_first(tmp_path: Path) -> None:
    async with rig(tmp_path, start=False) as store:
        await store.stranger.listening()
        await store.start_daemon("--simulate")
        await store.ready()
        first, store.daemon = store.daemon, None
        assert first is not None
        await store.launch("--simulate")
        assert await store.ended() == 1
        assert f"process {first.pid} already runs on {tmp_path / 'journal.simulated.db'}" in store.log
        assert json.loads(store.log.splitlines()[-1])["level"] == "critical", "a log for programs has no other lines"
        store.daemon = first
        async with simulated_hand(tmp_path / "journal.simulated.db.hand") as hand:
            await hand.do("show", reader="qr", code=store.code())
            await store.stranger.event("access.granted")
        assert await store.stop_daemon() == 0


async def test_a_clock_that_nobody_keeps_is_told_with_its_remedy_and_a_simulation_believes_it(tmp_path: Path) -> None:
    unsynchronised = {"PYTHONPATH": f"{_patch(tmp_path)}:{ROOT}"}
    async with rig(tmp_path, start=False, environment=unsynchronised) as store:
        text = store.config.read_text().replace('trust = "always"', 'trust = "kernel"')
        store.config.write_text(text)
        await store.stranger.listening()
        await store.start_daemon()
        await store.ready()
        await store.show()
        denied = await store.stranger.event("access.denied")
        assert denied["data"]["reason"] == "clock_untrusted"
        assert store.log.count("the clock is not believed") == 1
        assert '[clock] trust = \\"always\\"' in store.log
        assert await store.stop_daemon() == 0

        control = tmp_path / "hand"
        await store.start_daemon("--simulate", "--control", str(control))
        await store.ready()
        async with simulated_hand(control) as hand:
            after = store.stranger.latest
            await hand.do("show", reader="qr", code=store.code())
            await store.stranger.event("access.granted", after)
        assert "the clock is believed without asking the kernel" in store.log
        assert store.log.count("the clock is not believed") == 1


def _patch(folder: Path) -> Path:
    """A folder whose ``sitecustomize`` makes adjtimex(2) say what it says on a machine without NTP, whatever this one says."""
    patch = folder / "patch"
    patch.mkdir()
    (patch / "sitecustomize.py").write_text("import device.engine.kernel_clock as clock\nclock.kernel_clock = lambda: (False, 16.0)\n")
    return patch
