"""The page of a whole store: real broker, simulated firmware, the daemon as a process, and a browser in front of it."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
from pathlib import Path

import psutil
import pytest

from device.ports.loopback import free_port
from tests.scenarios.rig import CONFIG, Rig, rig
from tests.web.browser import Browser
from tests.web.visitor import Watcher, ask, get

LIVE = "document.body.dataset.link === 'live'"


def with_page(port: int) -> str:
    return CONFIG + f'\n[web]\nlisten = "127.0.0.1:{port}"\n'


@pytest.mark.timeout(240)
async def test_a_visit_is_seen_on_the_page_and_goes_on_there_after_a_kill(tmp_path: Path) -> None:
    port = free_port()
    async with rig(tmp_path, config=with_page(port)) as store, Browser(tmp_path) as browser:
        await browser.open(f"http://127.0.0.1:{port}/")
        await browser.until(f"{LIVE} && document.querySelectorAll('.slot').length === 4")
        assert "All is well" in await browser.text("header")
        await store.enter()
        await store.take("A")
        await browser.until("document.querySelector('.basket')?.innerText.includes('Riesling 75 cl')")
        assert "12.90 EUR" in await browser.text(".basket")
        assert "Open" in await browser.text(".facts")
        await store.kill_daemon()
        await browser.until("document.body.dataset.link === 'lost'")
        await store.start_daemon()
        await store.ready()
        await browser.until(f"{LIVE} && document.querySelector('.basket')?.innerText.includes('12.90 EUR')")
        assert "after a fault of the program; nothing is lost; 1 visit goes on" in await browser.text("#events")
        ended = await store.leave()
        assert ended["total_minor"] == 1290
        await browser.until(
            "!document.querySelector('.basket') && document.getElementById('events').innerText.includes('The visit is over')"
        )
        assert "anna" not in await browser.value("document.documentElement.outerHTML")
        assert await browser.value("document.querySelector('.count').innerText") == "5"


@pytest.mark.timeout(240)
async def test_a_taken_port_does_not_keep_the_store_from_selling(tmp_path: Path) -> None:
    port = free_port()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        async with rig(tmp_path, config=with_page(port)) as store:
            assert (await store.buy("A"))["total_minor"] == 1290
            assert store.log.count("is tried again") == 1


@pytest.mark.timeout(240)
async def test_watching_costs_next_to_no_memory(tmp_path: Path) -> None:
    port = free_port()
    async with rig(tmp_path, config=with_page(port)) as store:
        before = resident_mb(store)
        assert (await ask(port, get("/state.json"))).status == 200
        async with Watcher.following(port) as one, Watcher.following(port) as other:
            for watcher in (one, other):
                while "changes" not in watcher.kinds:
                    await watcher.next()
            bill = await store.buy("A")
            while not any("visit is over" in event["text"] for event in one.events):
                await one.next()
            assert bill["total_minor"] == 1290
        assert resident_mb(store) - before < 5


def resident_mb(store: Rig) -> float:
    assert store.daemon is not None
    return float(psutil.Process(store.daemon.pid).memory_info().rss / 1e6)


@pytest.mark.timeout(240)
async def test_an_engine_that_stands_still_is_no_live_store(tmp_path: Path) -> None:
    port = free_port()
    async with rig(tmp_path, config=with_page(port)) as store, Browser(tmp_path) as browser:
        await browser.open(f"http://127.0.0.1:{port}/")
        await browser.until(LIVE)
        assert store.daemon is not None
        os.kill(store.daemon.pid, signal.SIGSTOP)
        try:
            await browser.until("document.body.dataset.link === 'lost'")
        finally:
            os.kill(store.daemon.pid, signal.SIGCONT)
        await browser.until(LIVE)
        state = json.loads((await ask(port, get("/state.json"))).body)
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT[0-9:.]+[+-]\d\d:\d\d", state["topics"]["pulse"]["time"])
