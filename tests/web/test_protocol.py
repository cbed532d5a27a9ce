"""The page's server over raw sockets: what it gives, to whom, and what it does with clients that are slow, many, or not what they seem."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import socket
from contextlib import AsyncExitStack

import pytest

from device.web import Web, exchange, web
from tests.web.fed import ZONE, furnished, served
from tests.web.visitor import WITHIN_S, Watcher, ask, get, parse, seen

PATHS = ("/", "/page.css", "/page.js", "/icon.svg", "/favicon.ico", "/state.json", "/events")


def port_of(page: Web) -> int:
    assert page.port is not None
    return page.port


@pytest.mark.parametrize(
    ("path", "kind", "has"),
    [
        ("/", "text/html; charset=utf-8", b"<!doctype html>"),
        ("/page.css", "text/css; charset=utf-8", b":root"),
        ("/page.js", "text/javascript; charset=utf-8", b"EventSource"),
        ("/state.json", "application/json", b"The little cellar"),
        ("/?from=a-bookmark", "text/html; charset=utf-8", b"<!doctype html>"),
    ],
)
async def test_the_page_and_its_files_are_there(path: str, kind: str, has: bytes) -> None:
    async with served() as page:
        got = await ask(port_of(page), get(path))
    assert (got.status, got.headers["content-type"]) == (200, kind)
    assert int(got.headers["content-length"]) == len(got.body)
    assert has in got.body


@pytest.mark.parametrize("path", [*PATHS, "/nothing"])
async def test_every_answer_keeps_the_browser_to_our_own_files(path: str) -> None:
    async with served() as page:
        got = await ask(port_of(page), get(path, "HEAD"))
    assert got.headers["content-security-policy"].startswith("default-src 'self';")
    assert got.headers["x-content-type-options"] == "nosniff"
    assert got.headers["cache-control"] == "no-store"
    assert got.headers["cross-origin-resource-policy"] == "same-origin"
    assert "access-control-allow-origin" not in got.headers


@pytest.mark.parametrize("path", PATHS)
async def test_head_gets_the_head_only(path: str) -> None:
    async with served() as page:
        head = await ask(port_of(page), get(path, "HEAD"))
        assert (head.status, head.body) == (200, b"")
        if path != "/events":
            assert int(head.headers["content-length"]) == len((await ask(port_of(page), get(path))).body)
        await seen(lambda: page.connections == 0)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
async def test_nothing_can_be_changed(path: str, method: str) -> None:
    async with served() as page:
        got = await ask(port_of(page), get(path, method))
    assert (got.status, got.headers["allow"]) == (405, "GET, HEAD")


async def test_who_sends_a_body_can_still_read_that_nobody_wants_it() -> None:
    body = b"x" * (exchange.BODY_BYTES // 2)
    async with served() as page:
        got = await ask(port_of(page), get("/", "POST", "localhost", f"Content-Length: {len(body)}") + body)
    assert got.status == 405


@pytest.mark.parametrize("path", ["/nothing", "/page.js/", "/../etc/passwd", "/%2e%2e/web.py", "//", "/index.html", "/page/index.html"])
async def test_there_is_nothing_else(path: str) -> None:
    async with served() as page:
        assert (await ask(port_of(page), get(path))).status == 404


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),  # TLS that has come to the wrong port
        (b"hello\r\n\r\n", 400),
        (b"GET /\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost : localhost\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 2 * exchange.HEAD_BYTES + b"\r\n\r\n", 431),
        (b"GET /" + b"x" * 2 * exchange.HEAD_BYTES + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 431),
        (b"GET / HTTP/1.0\r\n\r\n", 421),
        (b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n", 200),
    ],
)
async def test_what_is_no_request_is_told_so(request_: bytes, status: int) -> None:
    async with served() as page:
        assert (await ask(port_of(page), request_)).status == status
        assert (await ask(port_of(page), get())).status == 200


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8080", "127.0.0.1", "127.0.0.1:8080", "[::1]", "[::1]:8080"])
async def test_this_machine_may_be_called_by_its_own_names(host: str) -> None:
    async with served() as page:
        assert (await ask(port_of(page), get(host=host))).status == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8080",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "192.0.2.7",
        "[::2]",
        "",
        ":80",
        "::1",
        "a:b",
    ],
)
async def test_a_name_that_somebody_else_has_pointed_at_us_gets_nothing(host: str) -> None:
    async with served() as page:
        for path in PATHS:
            assert (await ask(port_of(page), get(path, host=host))).status == 421


async def test_where_every_address_is_listened_on_the_one_that_was_called_is_a_good_name() -> None:
    async with served(listen="0.0.0.0:0") as page:
        assert (await ask(port_of(page), get(host=f"127.0.0.2:{page.port}"), "127.0.0.2")).status == 200
        assert (await ask(port_of(page), get(host=f"127.0.0.3:{page.port}"), "127.0.0.2")).status == 421


async def test_a_configured_name_is_a_good_name() -> None:
    async with served(listen="localhost:0") as page:
        assert (await ask(port_of(page), get(host="localhost"))).status == 200


@pytest.mark.parametrize("path", ["/page.css", "/page.js", "/state.json", "/events"])
@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_other_sites_may_link_to_the_page_and_get_nothing_of_it(path: str, site: str) -> None:
    async with served() as page:
        assert (await ask(port_of(page), get(path, "GET", "localhost", f"Sec-Fetch-Site: {site}"))).status == 403
        assert (await ask(port_of(page), get("/", "GET", "localhost", f"Sec-Fetch-Site: {site}"))).status == 200


async def test_who_dribbles_a_request_is_told_and_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "REQUEST_WITHIN_S", 0.2)
    async with served() as page, asyncio.timeout(WITHIN_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port_of(page))
        answer = asyncio.Event()

        async def dribble() -> None:
            writer.write(b"GET / HTTP/1.1\r\n")
            while not answer.is_set():
                writer.write(b"X-A: b\r\n")
                await asyncio.sleep(0.02)

        async with asyncio.TaskGroup() as group:
            group.create_task(dribble())
            got = parse(await reader.readuntil(b"\r\n\r\n"))
            answer.set()
        assert got.status == 408
        writer.close()
        await seen(lambda: page.connections == 0)


async def test_who_connects_and_says_nothing_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "REQUEST_WITHIN_S", 0.1)
    async with served() as page:
        assert (await ask(port_of(page), b"")).status == 408


async def test_who_leaves_before_asking_is_forgotten() -> None:
    async with served() as page:
        for sent in (b"", b"GET / HT"):
            _, writer = await asyncio.open_connection("127.0.0.1", port_of(page))
            writer.write(sent)
            writer.close()
            await writer.wait_closed()
        await seen(lambda: page.connections == 0)


async def test_the_seventeenth_has_to_wait_until_one_leaves() -> None:
    async with served() as page, AsyncExitStack() as stack:
        watchers = [await stack.enter_async_context(Watcher.following(port_of(page))) for _ in range(web.MOST_CONNECTIONS)]
        refused = await ask(port_of(page), b"")
        assert (refused.status, refused.headers["retry-after"]) == (503, "5")
        watchers[0].writer.close()
        await seen(lambda: page.connections == web.MOST_CONNECTIONS - 1)
        assert (await ask(port_of(page), get())).status == 200
        assert await watchers[1].next() == "state"


async def test_who_does_not_read_is_dropped_and_the_others_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "SENT_WITHIN_S", 0.3)
    monkeypatch.setattr(web, "GAP_S", 0.01)
    async with served() as page, Watcher.following(port_of(page)) as reads:
        with socket.socket() as lazy:
            lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            lazy.setblocking(False)
            await asyncio.get_running_loop().sock_connect(lazy, ("127.0.0.1", port_of(page)))
            await asyncio.get_running_loop().sock_sendall(lazy, get("/events"))
            await seen(lambda: page.connections == 2)
            async with asyncio.timeout(WITHIN_S):
                number = 0
                while page.connections == 2:
                    number += 1
                    page.picture.level("device/talker", {"reason": f"{number} " + "x" * 50_000})
                    await reads.until("device/talker", {"reason": f"{number} " + "x" * 50_000})
            assert page.connections == 1


async def test_a_port_that_is_taken_is_told_once_and_had_as_soon_as_it_is_free(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(web, "FIRST_PAUSE_S", 0.01)
    tries = 0
    start_server = asyncio.start_server

    async def counted(*arguments: object, **options: object) -> asyncio.Server:
        nonlocal tries
        tries += 1
        return await start_server(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(asyncio, "start_server", counted)
    caplog.set_level(logging.INFO, "smartstore.web")
    page = Web("127.0.0.1:1", furnished())
    async with asyncio.TaskGroup() as group:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            page = Web(f"127.0.0.1:{port}", furnished())
            task = group.create_task(page.run())
            await seen(lambda: tries >= 4)
            assert page.port is None
        await seen(lambda: page.port is not None)
        assert (await ask(port, get())).status == 200
        task.cancel()
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


async def test_an_end_ends_every_connection() -> None:
    async with AsyncExitStack() as stack:
        async with served() as page:
            watcher = await stack.enter_async_context(Watcher.following(port_of(page)))
            await watcher.next()
            port = port_of(page)
        await watcher.closed()
        with pytest.raises(ConnectionRefusedError):
            await ask(port, get())


async def test_who_was_away_for_a_moment_is_told_only_what_was_missed() -> None:
    async with served(beats=False) as page:
        async with Watcher.following(port_of(page)) as first:
            assert await first.next() == "state"
        page.picture.level("zone/fridge", ZONE | {"door": "open"})
        async with Watcher.following(port_of(page), first.last_id, first.topics) as second:
            while second.topics["zone/fridge"]["door"] != "open":
                assert await second.next() == "changes"
        assert "state" not in second.kinds


@pytest.mark.parametrize("last_id", ["nonsense", "deadbeef-1", "-", "deadbeef-", "-99999999999999999999999", "x-1e5"])
async def test_who_comes_from_another_run_is_told_everything(last_id: str) -> None:
    async with served() as page, Watcher.following(port_of(page), last_id) as watcher:
        assert await watcher.next() == "state"


async def test_state_json_is_what_the_feed_tells() -> None:
    async with served(beats=False) as page, Watcher.following(port_of(page)) as watcher:
        await watcher.next()
        got = await ask(port_of(page), get("/state.json"))
        assert json.loads(got.body)["topics"] == watcher.topics


@pytest.mark.parametrize("turns", range(8))
async def test_a_client_that_comes_as_the_page_ends_is_not_left_hanging(turns: int) -> None:
    """At whichever turn of the loop that is: before it is accepted, before it is served, or while it is."""
    loop = asyncio.get_running_loop()
    page = Web("127.0.0.1:0", furnished())
    with socket.socket() as client:
        client.setblocking(False)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(page.run())
            await seen(lambda: page.port is not None)
            await loop.sock_connect(client, ("127.0.0.1", port_of(page)))
            for _ in range(turns):
                await asyncio.sleep(0)
            running.cancel()
        async with asyncio.timeout(WITHIN_S):
            with contextlib.suppress(ConnectionResetError):
                assert await loop.sock_recv(client, 1) == b""
    assert page.connections == 0
