"""Whoever follows the feed, however slowly and with whatever interruptions, ends up with the state as it is."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from device.web.feed import KEPT, WAITING, Feed, Follower


class Store:
    """A state of a few topics, and the changes that have not been told."""

    def __init__(self) -> None:
        self.topics: dict[str, Any] = {}
        self.feed = Feed("run", lambda: {"topics": dict(self.topics), "events": []})

    def change(self, topic: str, value: int | None) -> None:
        if value is None:
            self.topics.pop(topic, None)
        else:
            self.topics[topic] = value
        self.feed.tell({"topics": {topic: value}, "events": []})


class Client:
    """What a browser does with the feed (WHATWG HTML, 9.2): it keeps the last id and comes back with it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.topics: dict[str, Any] = {}
        self.last_id = ""
        self.wholes = 0
        self.follower: Follower = store.feed.follow("")

    async def read(self) -> None:
        for message in (await self.follower.next()).decode().split("\n\n"):
            fields = dict(line.split(": ", 1) for line in message.split("\n") if line)
            if not fields:
                continue
            self.last_id = fields["id"]
            told: dict[str, Any] = json.loads(fields["data"])
            if fields["event"] == "state":
                self.wholes += 1
                self.topics = told["topics"]
            for topic, value in told["topics"].items():
                if value is None:
                    self.topics.pop(topic, None)
                else:
                    self.topics[topic] = value

    def come_back(self) -> None:
        self.store.feed.leave(self.follower)
        self.follower = self.store.feed.follow(self.last_id)


steps = st.one_of(
    st.tuples(st.just("change"), st.sampled_from("abc"), st.none() | st.integers(0, 9)),
    st.tuples(st.just("many"), st.just("a"), st.integers(1, KEPT + 20)),
    st.tuples(st.just("read"), st.just(""), st.just(0)),
    st.tuples(st.just("come back"), st.just(""), st.just(0)),
)


@settings(deadline=None)
@given(st.lists(steps, max_size=30))
def test_who_reads_on_has_the_state_as_it_is(script: list[tuple[str, str, int | None]]) -> None:
    async def play() -> None:
        store = Store()
        client = Client(store)
        for what, topic, value in script:
            match what:
                case "change":
                    store.change(topic, value)
                case "many":
                    for number in range(value or 0):
                        store.change(topic, number)
                case "read":
                    store.change("pulse", 1)
                    await client.read()
                    assert client.topics == store.topics
                case "come back":
                    client.come_back()
        store.change("pulse", 2)
        await client.read()
        assert client.topics == store.topics

    asyncio.run(play())


async def test_a_slow_client_is_sent_the_whole_state_and_not_what_it_has_missed() -> None:
    store = Store()
    client = Client(store)
    await client.read()
    for number in range(WAITING):
        store.change("a", number)
    await client.read()
    assert client.wholes == 1
    for number in range(WAITING + 1):
        store.change("a", number)
    await client.read()
    assert client.wholes == 2


async def test_who_comes_back_soon_is_told_what_was_missed_and_who_comes_late_everything() -> None:
    store = Store()
    client = Client(store)
    await client.read()
    for number in range(WAITING):
        store.change("a", number)
    client.come_back()
    await client.read()
    assert (client.wholes, client.topics) == (1, {"a": WAITING - 1})
    for number in range(WAITING + 1):
        store.change("a", number)
    client.come_back()
    await client.read()
    assert (client.wholes, client.topics) == (2, {"a": WAITING})


async def test_who_has_left_is_given_nothing_more() -> None:
    store = Store()
    client = Client(store)
    await client.read()
    store.feed.leave(client.follower)
    store.change("a", 1)
    waiting = asyncio.timeout(0)
    try:
        async with waiting:
            await client.follower.next()
    except TimeoutError:
        pass
    assert waiting.expired()


async def test_text_that_is_no_unicode_does_not_stop_the_feed() -> None:
    store = Store()
    store.feed.tell({"topics": {"a": "\ud800"}, "events": []})
    client = Client(store)
    await client.read()
    store.feed.tell({"topics": {"a": "\ud800 \u2028 \r\n"}, "events": []})
    await client.read()
    assert client.topics == {"a": "\ud800 \u2028 \r\n"}
