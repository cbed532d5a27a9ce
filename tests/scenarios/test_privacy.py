"""Who shops is told to the backend and to nobody else, is not in the journal's files, and can be forgotten by it."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest

from device.ports.loopback import free_port
from device.store.access.codes import card_hmac
from tests.scenarios.rig import CONFIG, Rig, rig
from tests.web.visitor import Watcher, ask, get

ANNA, JTI = "anna.abendstern-4711@example.org", "code-of-anna-0815"
CARLA, CARD = "Carla Kartenfrau", "99887766554433"
CARDS_KEY = b"a key of cards, long enough"
SECRETS = [word.encode() for word in (ANNA, JTI, CARLA, CARD)]


def config(port: int) -> str:
    cards = '[access]\ncards_file = "cards.csv"\ncards_key_file = "cards.key"\n'
    return CONFIG.replace("[access]\n", cards) + f'\n[web]\nlisten = "127.0.0.1:{port}"\n'


def write_cards(folder: Path) -> None:
    (folder / "cards.key").write_bytes(CARDS_KEY)
    (folder / "cards.csv").write_text(f"card_hmac,name,purpose,zones\n{card_hmac(CARD, CARDS_KEY)},{CARLA},service,\n", encoding="utf-8")


async def journal(store: Rig, *words: str, status: int = 0) -> str:
    """``smartstore journal``; what it said."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "device", "journal", str(store.config), *words,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    async with asyncio.timeout(40):
        output, _ = await process.communicate()
    assert process.returncode == status, output
    return output.decode()


def found_in(content: bytes) -> list[bytes]:
    return [secret for secret in SECRETS if secret in content]


def files_of(store: Rig) -> bytes:
    parts = [part for part in store.journal.parent.iterdir() if part.name.startswith(store.journal.name) and part.is_file()]
    assert {f"{store.journal.name}{end}" for end in ("", "-wal")} <= {part.name for part in parts}
    return b"".join(part.read_bytes() for part in parts)


async def page(port: int) -> bytes:
    """All that a browser is sent."""
    document = (await ask(port, get("/"))).body
    async with Watcher.following(port) as watcher:
        await watcher.next()
        return document + json.dumps([watcher.topics, watcher.events]).encode()


async def shop_and_serve(store: Rig, code: str) -> None:
    """Anna buys a bottle, and cannot be forgotten meanwhile; Carla comes to see to the store."""
    heard = store.stranger
    await store.show(code)
    await store.pull()
    await heard.event("door.opened")
    assert (await heard.event("access.granted"))["data"].items() >= {"subject": ANNA, "jti": JTI}.items()
    await store.take("A")
    store.command("forget", "too-soon", subject=ANNA)
    assert (await heard.reply("too-soon", "refused"))["reason"] == "busy"
    assert "busy" in await journal(store, "forget", ANNA, status=1)
    ended = await store.leave()
    assert (ended["subject"], ended["total_minor"]) == (ANNA, 1290)
    await store.show(CARD)
    await store.pull()
    assert (await heard.event("session.started", purpose="service"))["data"]["subject"] == CARLA
    assert (await store.leave())["subject"] == CARLA


@pytest.mark.timeout(300)
async def test_a_person_is_told_to_the_backend_alone_and_forgotten_when_that_is_asked(tmp_path: Path) -> None:
    port = free_port()
    write_cards(tmp_path)
    async with rig(tmp_path, config=config(port)) as store:
        heard = store.stranger
        code = store.code(sub=ANNA, jti=JTI)
        await shop_and_serve(store, code)
        assert ANNA in await journal(store, "export")
        assert CARLA in await journal(store, "show")
        said = json.dumps([[topic, what] for topic, what in heard.messages if not topic.startswith("event/")]).encode()
        assert "health" in said.decode()
        assert found_in(said) == []
        assert found_in(await page(port)) == []
        assert found_in(files_of(store)) == []

        store.command("forget", "f1", subject=ANNA)
        assert (await heard.reply("f1", "done"))["result"] == {"known": True}
        assert "no longer knows" in await journal(store, "forget", CARLA)
        assert "nobody of that name" in await journal(store, "forget", CARLA, status=1)
        exported = await journal(store, "export")
        assert found_in(exported.encode()) == []
        subjects = [json.loads(line)["data"]["subject"] for line in exported.splitlines() if json.loads(line)["type"] == "session.ended"]
        assert len({*subjects}) == 2
        assert all(subject.startswith("p-") for subject in subjects)
        assert (await journal(store, "verify")).startswith("sound")
        store.command("resend", "r1", **{"from": 1})
        await heard.until(
            lambda: any(each["type"] == "session.ended" and each["data"]["subject"] == subjects[0] for each in heard.deliveries), "it again"
        )

        await store.show(code)
        assert (await heard.event("access.denied", reason="used"))["data"]["subject"] == ANNA
        store.command("revoke", "v1", subject=CARLA)
        await heard.reply("v1", "done")
        await store.show(CARD)
        await heard.event("access.denied", reason="revoked")
        store.command("forget", "f2", subject=CARLA)
        await heard.reply("f2", "done")

        assert await store.stop_daemon() == 0
        assert "no longer knows" in await journal(store, "forget", ANNA)
        assert (await journal(store, "verify")).startswith("sound")
        assert found_in((await journal(store, "export")).encode()) == []
        assert found_in(files_of(store)) == []
        await store.start_daemon()
        await store.ready()
        after = heard.latest
        await store.show(code)
        await heard.event("access.denied", after, reason="used")
        assert found_in(store.log.encode()) == []


@pytest.mark.timeout(120)
async def test_a_power_cut_right_after_the_code_was_read_loses_no_name(tmp_path: Path) -> None:
    async with rig(tmp_path) as store:
        await store.broker.stop()
        await store.show(store.code(sub=ANNA, jti=JTI))
        await store.written("access.granted")
        await store.kill_daemon()
        assert ANNA in await journal(store, "export")
        assert found_in(files_of(store)) == []
        await store.broker.start()
        await store.stranger.listening()
        await store.start_daemon()
        assert (await store.stranger.event("access.granted"))["data"]["subject"] == ANNA
