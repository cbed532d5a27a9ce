"""The uplink: keeps a connection to the broker, drains the outbox over it in order, and hands commands in.

It never stops the store: without a broker events wait in the outbox, levels and the newest replies in memory, telemetry is dropped.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random as randomness
import ssl
from collections.abc import Awaitable, Callable, Mapping
from typing import Literal

from device.domain.commands import InboundCommand
from device.domain.layout import Mqtt
from device.domain.record import record
from device.errors import ClientIdTaken, JournalFull, UplinkDown
from device.uplink.backoff import ATTEMPT_S, Backoff
from device.uplink.delivery import Delivery, Patience, Span
from device.uplink.dial import CLOSED, dial
from device.uplink.endpoint import endpoint_of, expired_before, read_password, tls_context
from device.uplink.inbound import Inbound, read_receipt
from device.uplink.link import Hello, Link, Publication
from device.uplink.outbox import Outbox
from device.uplink.pump import Outgoing, Pump
from device.uplink.topics import Topics, to_json

_log = logging.getLogger("smartstore.uplink")

State = Literal["online", "stopping", "offline"]

WINDOW = 100
"""Messages unanswered at a time: 1,100 a second at 50 ms round trip. The broker's Receive Maximum may make it smaller."""

RECEIPT_WITHIN_S = 60.0
"""How long the backend may take for its receipt before an event is sent again."""

JOURNAL_RETRY_S = 1.0

STEADY_S = 5.0
"""A connection that lasted so long was a success; one that did not counts for the backoff."""

RIVAL_FIRST_S = 15.0
RIVAL_LONGEST_S = 300.0
"""Waits after another client has taken our client id: two that put each other out at once would keep both from working."""

THROWN_OUT_WITHIN_S = 30.0
THROWN_OUT_TIMES = 3
"""A broker that ends so many connections in a row so soon is told of with a hint: MQTT 3.1.1 has no word for a client id that is taken, and
Mosquitto before 2.0.15 does not say it (its issue 2607)."""


@record
class UplinkHealth:
    """Counters since the start of the process."""

    connected: bool
    published: int
    acknowledged: int
    set_aside: int
    refused: int
    reconnects: int
    dropped_replies: int
    dropped_telemetry: int


def _nothing_known() -> float | None:
    return None


def _not_told(seq: int, type_: str, reason: str) -> None:
    _log.error("the broker will not take event %d (%s): %s; it is kept aside", seq, type_, reason)


class Uplink:
    """The way to the broker and back.

    ``settings``, ``store``, ``epoch``: the configuration's, and the journal's epoch. ``outbox``: the events. ``inbound``: takes a command
    and returns once it is durable. ``status``: the fields of ``{root}/status`` for a state. ``refused(seq, type, reason)``: an event was
    set aside, somebody should look. ``receipts_after``: with ``acknowledge = "backend"``, events over this seq wait for the backend's
    receipt. ``discovery``: Home Assistant's payload, None where that is off. ``clock_floor``: the newest time known to have passed (Unix),
    if the wall clock is behind it, else None (see ``endpoint``). ``random``: 0 to 1, for the jitter.
    """

    def __init__(
        self,
        settings: Mqtt,
        store: str,
        epoch: str,
        outbox: Outbox,
        inbound: Callable[[InboundCommand], Awaitable[None]],
        status: Callable[[State], Mapping[str, object]],
        *,
        refused: Callable[[int, str, str], None] = _not_told,
        receipts_after: int = 0,
        discovery: Mapping[str, object] | None = None,
        clock_floor: Callable[[], float | None] = _nothing_known,
        random: Callable[[], float] = randomness.random,
        stop_within_s: float = 3.0,
    ) -> None:
        self._settings = settings
        self._client_id = settings.client_id.replace("{store}", store)
        self._epoch = epoch
        self._outbox = outbox
        self._status = status
        self._refused = refused
        self._receipts_after = receipts_after if settings.acknowledge == "backend" else None
        self._clock_floor = clock_floor
        self._random = random
        self._stop_within_s = stop_within_s
        self._topics = Topics(settings.topic.replace("{store}", store), store)
        patience = Patience(RECEIPT_WITHIN_S) if settings.acknowledge == "backend" else None
        self._out = Outgoing(self._topics, outbox, Delivery(outbox.acknowledged), patience)
        self._out.sweep.update(self._topics.retained)
        self._wake = asyncio.Event()
        self._inbound = Inbound(self._topics, inbound, self._take_receipt, self._wake)
        self._moved = asyncio.Event()
        self._acknowledging = asyncio.Lock()
        self._link: Link | None = None
        self._pump: Pump | None = None
        self._down: str | None = None
        self._up_since: float | None = None
        self._thrown_out = 0
        self._clean_session = False
        self._stopping = False
        self._dropped_telemetry = 0
        if discovery is None:
            self._out.sweep.add(self._topics.discovery)
        else:
            self._out.levels.put(self._topics.discovery, to_json(discovery))

    @property
    def health(self) -> UplinkHealth:
        """How it goes."""
        counts = self._out.counts
        return UplinkHealth(
            connected=self._link is not None,
            published=counts.published,
            acknowledged=counts.acknowledged,
            set_aside=counts.set_aside,
            refused=counts.refused,
            reconnects=max(0, counts.connections - 1),
            dropped_replies=self._out.replies.dropped,
            dropped_telemetry=self._dropped_telemetry,
        )

    def wake(self) -> None:
        """New events are committed. On the loop's thread only."""
        self._wake.set()

    def state(self, suffix: str, payload: Mapping[str, object] | None) -> None:
        """How ``{root}/{suffix}`` stands from now on, retained; None clears the topic. The same again is nothing."""
        if self._out.levels.put(self._topics.level(suffix), b"" if payload is None else to_json(payload)):
            self._wake.set()

    def announce(self, discovery: Mapping[str, object]) -> None:
        """Another discovery payload for Home Assistant: the planogram has changed."""
        if self._out.levels.put(self._topics.discovery, to_json(discovery)):
            self._wake.set()

    def publish_status(self) -> None:
        """Ask for the status again, and publish it if it has changed."""
        if self._link is not None and not self._stopping:
            self._say("online")

    def telemetry(self, device: str, payload: Mapping[str, object]) -> None:
        """Values of a device: at most one a second is sent, the latest; none is kept for a broker that is away."""
        if self._link is None:
            self._dropped_telemetry += 1
        elif self._out.telemetry.put(self._topics.telemetry(device), to_json(payload), asyncio.get_running_loop().time()):
            self._wake.set()

    def reply(
        self, command: str, payload: Mapping[str, object], response_topic: str | None = None, correlation: bytes | None = None
    ) -> None:
        """Answer the command of that id, at its response topic if it may be used, else at ``{root}/reply/{command}``."""
        topic = self._topics.reply(command, response_topic)
        if topic is None:
            self._out.replies.dropped += 1
            return
        self._out.replies.put(Publication(topic, to_json(payload), correlation=correlation))
        self._wake.set()

    def resend(self, from_seq: int) -> None:
        """Publish the events from ``from_seq`` again, as far as they have been published before. They may interleave with new ones."""
        first, last = max(1, from_seq), self._out.delivery.highest
        if first <= last:
            self._out.replays.add(Span(first, last))
            self._wake.set()

    async def run(self) -> None:
        """Keep the connection until cancelled; then say ``stopping``, send what is left, say ``offline``, all within ``stop_within_s``."""
        async with asyncio.TaskGroup() as group:
            children = [
                group.create_task(self._stay_connected(), name="uplink-connection"),
                group.create_task(self._inbound.run(), name="uplink-inbound"),
                group.create_task(self._move_cursor(), name="uplink-cursor"),
            ]
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                # A failing child cancels us too; then there is nobody left who could send.
                if not any(child.done() or child.cancelling() for child in children):
                    await self._farewell()
                raise

    # The connection

    async def _stay_connected(self) -> None:
        backoff, rivals = Backoff(self._random), Backoff(self._random, RIVAL_FIRST_S, RIVAL_LONGEST_S)
        while not self._stopping:
            waits = backoff
            try:
                await self._one_connection()
            except ClientIdTaken as taken:
                self._note_down(str(taken), logging.ERROR)
                waits = rivals
            except UplinkDown as down:
                self._note_down(str(down))
            lasted_s = 0.0 if self._up_since is None else asyncio.get_running_loop().time() - self._up_since
            if lasted_s > RIVAL_LONGEST_S:
                rivals.reset()
            self._count_thrown_out(lasted_s)
            if lasted_s >= STEADY_S and self._thrown_out < THROWN_OUT_TIMES:
                backoff.reset()
            await asyncio.sleep(waits.next_s())

    async def _one_connection(self) -> None:
        self._up_since = None
        try:
            async with asyncio.timeout(ATTEMPT_S):
                link = await self._open()
        except TimeoutError:
            hint = "; one that knows no MQTT 5 needs protocol = 4" if self._settings.protocol == 5 else ""
            raise UplinkDown(f"no answer from the broker{hint}") from None
        out = self._out
        out.counts.connections += 1
        out.delivery.rewind(None if self._receipts_after is None else self._outbox.acknowledged)
        out.replays.rewind(out.delivery.cursor)
        if out.patience is not None:
            out.patience.restart(max(out.delivery.cursor, self._receipts_after or 0))
        self._link, self._clean_session = link, False
        self._say("online")
        out.levels.restart()
        self._pump = Pump(link, out, self._inbound, self._wake, self._moved, Backoff(self._random))
        self._note_up(link)
        try:
            await self._pump.run(tick_s=min(1.0, self._settings.keepalive_s / 20))
        finally:
            link.abort("stopped")
            self._link = None
            self._pump.give_back()
            self._moved.set()
            self._pump.passed.set()
            out.telemetry.clear()
            self._clean_session = link.oversize

    async def _open(self) -> Link:
        settings = self._settings
        endpoint = endpoint_of(settings.url)
        floor = self._clock_floor()
        context = tls_context(settings.ca_file, settings.cert_file, settings.key_file, check_times=floor is None) if endpoint.tls else None
        hello = Hello(
            client_id=self._client_id,
            protocol=settings.protocol,
            keepalive_s=settings.keepalive_s,
            username=settings.username,
            password=read_password(settings.password_file),
            will_topic=self._topics.status,
            will=to_json({"state": "offline"}),
            window=WINDOW,
            clean=self._clean_session,
        )
        sock = await dial(endpoint, context)
        if floor is not None and isinstance(sock, ssl.SSLSocket) and expired_before(sock.getpeercert() or {}, floor):
            sock.close()
            raise UplinkDown("the broker's certificate has expired")
        link = Link(hello, self._wake)
        await link.open(sock)
        return link

    def _note_down(self, reason: str, level: int = logging.WARNING) -> None:
        if self._down is None and not self._stopping:
            _log.log(self._level(level), "no connection to %s: %s", self._settings.url, reason)
        self._down = reason

    def _level(self, level: int) -> int:
        """Of a connection that comes and goes every few seconds for ever, enough has been said."""
        return logging.DEBUG if self._thrown_out >= THROWN_OUT_TIMES else level

    def _count_thrown_out(self, lasted_s: float) -> None:
        if self._down != CLOSED or not 0 < lasted_s < THROWN_OUT_WITHIN_S:
            # A broker that is away for a while does not make the count begin anew.
            self._thrown_out = 0 if lasted_s >= THROWN_OUT_WITHIN_S else self._thrown_out
            return
        self._thrown_out += 1
        if self._thrown_out == THROWN_OUT_TIMES:
            _log.error(
                "the broker has ended %d connections in a row within %.0f s: does another client connect as %r? Two stores must not share a"
                " store.id or mqtt.client_id",
                THROWN_OUT_TIMES,
                THROWN_OUT_WITHIN_S,
                self._client_id,
            )

    def _note_up(self, link: Link) -> None:
        _log.log(self._level(logging.INFO), "connected to %s, window %d", self._settings.url, link.window)
        self._down = None
        self._up_since = asyncio.get_running_loop().time()

    def _say(self, state: State) -> None:
        if self._out.levels.put(self._topics.status, to_json(self._status(state))):
            self._wake.set()

    # The cursor

    async def _move_cursor(self) -> None:
        told = False
        while True:
            await self._moved.wait()
            self._moved.clear()
            try:
                await self._write_down()
            except JournalFull as full:
                # Nothing is lost: what could not be written down is still in memory, and else is only sent once more.
                if not told:
                    _log.error("what the broker has cannot be written down for now: %s", full)
                told = True
                await asyncio.sleep(JOURNAL_RETRY_S)
                self._moved.set()
            else:
                told = False

    async def _write_down(self) -> None:
        out = self._out
        for seq, (type_, reason) in list(out.refusing.items()):
            await self._outbox.set_aside(seq, reason)
            out.counts.set_aside += 1
            self._refused(seq, type_, reason)
            out.delivery.settle(seq)
            del out.refusing[seq]
            self._wake.set()
        await self._acknowledge(self._settled)
        for seq in list(out.redelivered):
            await self._outbox.readmit(seq)
            out.redelivered.discard(seq)

    @property
    def _settled(self) -> int:
        cursor = self._out.delivery.cursor
        return cursor if self._receipts_after is None else min(cursor, self._receipts_after)

    async def _acknowledge(self, upto: int) -> None:
        async with self._acknowledging:
            if upto > self._outbox.acknowledged:
                await self._outbox.acknowledge(upto)

    async def _take_receipt(self, payload: bytes) -> None:
        if self._receipts_after is None:
            return
        upto = read_receipt(payload, self._epoch, self._outbox.newest_seq)
        if upto is None:
            _log.debug("a receipt that is none of ours: %r", payload[:200])
        elif upto > self._receipts_after:
            try:
                await self._acknowledge(upto)
            except JournalFull as full:
                _log.error("a receipt cannot be written down: %s; the events will be sent again", full)
            else:
                self._out.delivery.skip_to(upto)
                self._wake.set()

    # The end

    async def _farewell(self) -> None:
        self._stopping = True
        link, pump = self._link, self._pump
        if link is None or pump is None:
            return
        self._out.replays.clear()
        self._say("stopping")
        await self._within(self._stop_within_s * 0.5, self._until_idle(link, pump))
        self._say("offline")
        self._out.last_words = True
        self._wake.set()
        if await self._within(self._stop_within_s * 0.3, self._until_idle(link, pump)):
            await link.close(self._stop_within_s * 0.1)
        with contextlib.suppress(JournalFull):
            await self._within(self._stop_within_s * 0.1, self._acknowledge(self._settled))

    async def _until_idle(self, link: Link, pump: Pump) -> None:
        while link.alive and not pump.idle:
            pump.passed.clear()
            await pump.passed.wait()

    async def _within(self, seconds: float, waiting: Awaitable[None]) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await waiting
        except TimeoutError:
            return False
        return True
