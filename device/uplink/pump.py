"""The sending side of one connection: what goes out next, and what an answer means.

Order of precedence: status, replies (somebody is waiting), levels (short and few), events in the order of seq, events again, telemetry.
At most ``link.window`` messages are unanswered at a time, and at most as many events lie between the contiguous settled prefix and the
newest sent one, so this is also the number of duplicates after a disconnection. No single publish is ever timed out: a connection that
does not answer is ended by its keep-alive, and what was unanswered on it is sent again on the next.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from device.uplink.backoff import Backoff
from device.uplink.delivery import Delivery, Patience, Replays, Span
from device.uplink.inbound import Inbound
from device.uplink.levels import Levels
from device.uplink.link import FAILURE, Link, Message, Publication
from device.uplink.outbox import Outbox, OutboxRow
from device.uplink.queues import Replies, Telemetry
from device.uplink.topics import Topics

_log = logging.getLogger("smartstore.uplink")

CLOUDEVENT = "application/cloudevents+json"

REFUSED_FOR_GOOD = {0x87: "not authorized", 0x90: "topic name invalid", 0x95: "packet too large", 0x99: "payload format invalid"}
"""PUBACK reason codes (MQTT 5, 3.4.2.1; 0x95 is Mosquitto's over its message_size_limit) that the same event would get again. All others
from 0x80 on are tried again after a wait."""

_LOST = -1
"""Instead of a reason code: the connection ended before there was one."""

HEADER_ROOM = 64
"""Bytes of a PUBLISH besides topic and payload: fixed header, lengths, packet id, content type."""

ASK_AGAIN_S = 60.0
"""How often a retained topic that was refused is tried again: whoever mends the broker's access list does not restart us."""

SWEEP_S = 3.0
"""Retained messages follow a subscription at once; so long they may take."""


@dataclass(slots=True)
class Counts:
    """For health."""

    published: int = 0
    acknowledged: int = 0
    set_aside: int = 0
    refused: int = 0
    connections: int = 0


@dataclass(slots=True)
class Outgoing:
    """What outlives a connection."""

    topics: Topics
    outbox: Outbox
    delivery: Delivery
    patience: Patience | None
    """With acknowledge = "backend" only."""
    levels: Levels = field(default_factory=Levels)
    replies: Replies = field(default_factory=Replies)
    telemetry: Telemetry = field(default_factory=Telemetry)
    replays: Replays = field(default_factory=Replays)
    refusing: dict[int, tuple[str, str]] = field(default_factory=dict)
    """Events that the broker has refused for good, with type and reason, until that is durable."""
    redelivered: set[int] = field(default_factory=set)
    """Events that the broker has taken a further time, until what was set aside is known to be delivered; at most a window and a turn."""
    counts: Counts = field(default_factory=Counts)
    sweep: set[str] = field(default_factory=set)
    """Filters of retained topics to be looked through for what we no longer have."""
    refused_levels: set[str] = field(default_factory=set)
    """Retained topics that the broker has refused, until it takes them."""
    last_words: bool = False
    """Only the status is still to be said."""


class Pump:
    """One connection's sender. ``wake`` is set when there may be something to do, ``moved`` by us when the cursor may move on."""

    def __init__(self, link: Link, out: Outgoing, inbound: Inbound, wake: asyncio.Event, moved: asyncio.Event, backoff: Backoff) -> None:
        self._link = link
        self._out = out
        self._inbound = inbound
        self._wake = wake
        self._moved = moved
        self._backoff = backoff
        self._loop = asyncio.get_running_loop()
        self._unanswered: dict[int, Callable[[int], None]] = {}
        self._unwritten: dict[int, str] = {}
        self._rows: deque[OutboxRow] = deque()
        self._again: deque[OutboxRow] = deque()
        self._again_from = 0
        self._events_unanswered = 0
        self._hold_until = 0.0
        self._stalled = False
        self._minded_at = 0.0
        self._ask_again_at = self._loop.time() + ASK_AGAIN_S
        self._asked: dict[int, str] = {}
        self._sweeping_until: float | None = None
        self.passed = asyncio.Event()

    @property
    def idle(self) -> bool:
        """Whether all that is to be said has been said and answered."""
        out = self._out
        if out.last_words:
            return out.levels.settled_of(out.topics.status)
        nothing_more = out.outbox.newest_seq < out.delivery.next_seq and not self._stalled and not out.replies
        return nothing_more and out.levels.settled and not self._unanswered

    async def run(self, tick_s: float) -> None:
        """Send and listen until the connection is over. Raises UplinkDown."""
        self._subscribe()
        while True:
            self._wake.clear()
            self._link.check()
            self._take_answers()
            self._take_messages()
            self._mind_receipts()
            self._mind_refused()
            await self._fill()
            self._send_telemetry()
            self._end_sweep()
            self._link.tick()
            self.passed.set()
            try:
                async with asyncio.timeout(tick_s):
                    await self._wake.wait()
            except TimeoutError:
                continue

    def give_back(self) -> None:
        """The connection is over: what was not answered goes back where it came from."""
        self._take_answers()
        for answered in reversed(list(self._unanswered.values())):
            answered(_LOST)
        self._unanswered.clear()

    def _subscribe(self) -> None:
        topics = self._out.topics
        self._asked[self._link.subscribe(topics.commands, own=False)] = topics.commands
        self._asked[self._link.subscribe(topics.receipt, own=False)] = topics.receipt
        for topic in sorted(self._out.sweep):
            self._link.subscribe(topic, qos=0)
        if self._out.sweep:
            self._sweeping_until = self._loop.time() + SWEEP_S

    def _end_sweep(self) -> None:
        if self._sweeping_until is not None and self._loop.time() >= self._sweeping_until:
            self._link.unsubscribe(sorted(self._out.sweep))
            self._out.sweep.clear()
            self._sweeping_until = None

    def _mind_receipts(self) -> None:
        now = self._loop.time()
        if self._out.patience is not None and now >= self._minded_at + 1:
            self._minded_at = now
            self._out.patience.mark(self._out.delivery.next_seq - 1, now)
            for span in self._out.patience.overdue(self._out.outbox.acknowledged, now):
                self._out.replays.add(span)

    def _mind_refused(self) -> None:
        if self._loop.time() >= self._ask_again_at:
            self._ask_again_at = self._loop.time() + ASK_AGAIN_S
            for topic in sorted(self._out.refused_levels):
                self._out.levels.again(topic)

    def _take_messages(self) -> None:
        topics = self._out.topics
        while self._inbound.room and (message := self._link.next_message()) is not None:
            if message.topic == topics.receipt or topics.command(message.topic) is not None:
                self._inbound.put(self._link, message)
            else:
                self._swept(message)
                self._link.acknowledge(message)

    def _swept(self, message: Message) -> None:
        if self._sweeping_until is not None and message.retained and message.payload and not self._out.levels.knows(message.topic):
            self._out.levels.put(message.topic, b"")

    def _take_answers(self) -> None:
        for mid, granted in self._link.take_subscribed():
            topic = self._asked.pop(mid, None)
            if topic is not None and not granted:
                _log.warning("the broker does not let us subscribe to %s", topic)
        for mid, code in self._link.take_acks():
            answered = self._unanswered.pop(mid, None)
            if answered is not None:
                answered(code)
            elif (topic := self._unwritten.pop(mid, None)) is not None:
                self._out.telemetry.written(topic)

    @property
    def _room(self) -> bool:
        return len(self._unanswered) < self._link.window

    async def _fill(self) -> None:
        if self._loop.time() < self._hold_until:
            return
        out = self._out
        self._send_levels(only=out.topics.status)
        if out.last_words:
            return
        while self._room and (reply := out.replies.take()) is not None:
            self._send_reply(reply)
        self._send_levels()
        await self._send_events()
        await self._send_again()

    def _send(self, publication: Publication, answered: Callable[[int], None]) -> None:
        self._unanswered[self._link.publish(publication)] = answered
        self._out.counts.published += 1

    def _send_levels(self, only: str | None = None) -> None:
        while self._room and (level := self._out.levels.next(only)) is not None:
            topic, value = level

            def answered(code: int, topic: str = topic) -> None:
                self._level_answered(topic, code)

            self._send(Publication(topic, value, retain=True), answered)

    def _level_answered(self, topic: str, code: int) -> None:
        if code == _LOST:
            return
        out = self._out
        out.levels.settle(topic)
        if code in REFUSED_FOR_GOOD:
            out.counts.refused += 1
            if topic not in out.refused_levels:
                out.refused_levels.add(topic)
                _log.warning("the broker refuses %s: %s; it is tried again every %.0f s", topic, REFUSED_FOR_GOOD[code], ASK_AGAIN_S)
        elif code >= FAILURE:
            out.levels.again(topic)
            self._hold(code)
        elif topic in out.refused_levels:
            out.refused_levels.discard(topic)
            _log.info("the broker takes %s again", topic)

    def _send_reply(self, reply: Publication) -> None:
        def answered(code: int) -> None:
            if code in REFUSED_FOR_GOOD:
                self._out.counts.refused += 1
                _log.warning("the broker refuses a reply to %s: %s", reply.topic, REFUSED_FOR_GOOD[code])
            elif code == _LOST:
                self._out.replies.put_back(reply)
            elif code >= FAILURE:
                self._out.replies.put_back(reply)
                self._hold(code)

        self._send(reply, answered)

    async def _send_events(self) -> None:
        delivery, outbox = self._out.delivery, self._out.outbox
        if self._stalled:
            if self._events_unanswered:
                return
            # Something in the middle of the window was not taken. All that follows it is sent again after it, so that order is restored.
            delivery.rewind()
            self._rows.clear()
            self._stalled = False
        while self._room and delivery.reach < self._link.window:
            if not self._rows and outbox.newest_seq >= delivery.next_seq:
                self._rows.extend(await outbox.events(delivery.next_seq - 1, self._link.window))
            if not self._rows:
                return
            row = self._rows.popleft()
            if row.seq >= delivery.next_seq:
                self._send_event(row)

    def _send_event(self, row: OutboxRow) -> None:
        topic = self._out.topics.event(row.type)
        self._out.delivery.sent(row.seq)
        if self._link.longest_out is not None and len(topic) + len(row.body) + HEADER_ROOM > self._link.longest_out:
            self._refuse(row, f"over the broker's maximum packet size of {self._link.longest_out} bytes")
            return

        def answered(code: int) -> None:
            self._events_unanswered -= 1
            if code == _LOST:
                return
            if code < FAILURE:
                self._out.counts.acknowledged += 1
                self._out.delivery.settle(row.seq)
                self._backoff.reset()
                self._moved.set()
            elif code in REFUSED_FOR_GOOD:
                self._refuse(row, REFUSED_FOR_GOOD[code])
            else:
                self._stalled = True
                self._hold(code)

        self._events_unanswered += 1
        self._send(Publication(topic, row.body, content_type=CLOUDEVENT), answered)

    def _refuse(self, row: OutboxRow, reason: str) -> None:
        self._out.refusing[row.seq] = row.type, reason
        self._moved.set()

    async def _send_again(self) -> None:
        replays, outbox = self._out.replays, self._out.outbox
        while self._room and (span := replays.next_span) is not None:
            if not self._again or self._again_from != span.first:
                self._again = deque(await outbox.events(span.first - 1, self._link.window))
            row = self._again.popleft() if self._again else None
            if row is None or row.seq > span.last:
                self._again.clear()
                replays.passed(span.last)
            else:
                self._again_from = row.seq + 1
                replays.sent(row.seq)
                self._send_event_again(row)

    def _send_event_again(self, row: OutboxRow) -> None:
        def answered(code: int) -> None:
            if code == _LOST:
                return
            self._out.replays.settle(row.seq)
            if code in REFUSED_FOR_GOOD:
                self._out.counts.refused += 1
            elif code >= FAILURE:
                self._out.replays.add(Span(row.seq, row.seq))
                self._again.clear()
                self._hold(code)
            else:
                self._out.redelivered.add(row.seq)
                self._moved.set()

        self._send(Publication(self._out.topics.event(row.type), row.body, content_type=CLOUDEVENT), answered)

    def _send_telemetry(self) -> None:
        for topic, payload in self._out.telemetry.due(self._loop.time()):
            self._unwritten[self._link.publish(Publication(topic, payload, qos=0))] = topic

    def _hold(self, code: int) -> None:
        if self._loop.time() >= self._hold_until:
            wait_s = self._backoff.next_s()
            self._hold_until = self._loop.time() + wait_s
            _log.warning("the broker takes nothing for now (0x%02x): waiting %.1f s", code, wait_s)
