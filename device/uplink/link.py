"""One connection to the broker, from CONNECT to its end: paho on the asyncio loop, without a thread.

paho's ``loop_read``, ``loop_write`` and ``loop_misc`` are called when its ``on_socket_*`` hooks say so; the one thing for which it has no
public hook is a socket that is already connected (see ``dial``), so ``_create_socket`` is overridden. Should a paho of the future not call
that, it would connect by itself, blocking; a test holds it to this.

paho's callbacks only note what came and set ``changed``; whoever owns the link looks. So nothing of ours runs inside paho. What is
here knows packets, acknowledgements and messages; what they mean is ``uplink``'s business.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from itertools import chain
from types import MappingProxyType

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from device.domain.record import record
from device.errors import ClientIdTaken, UplinkDown
from device.uplink.dial import BrokerSocket

LONGEST_PACKET = 65536
"""Bytes. A command is at most 8 KiB; longer ones are handed on so that they can be refused, up to here."""

INBOX = 16
"""Messages that may wait here, announced as MQTT 5's Receive Maximum. Brokers send more (Mosquitto 2.0.11 answers each PUBACK with
another 20), so with as many waiting nothing is read from the socket until some are taken: TCP then holds the broker back."""

SESSION_KEPT_S = 86400
"""How long the broker keeps commands for a store that is away (MQTT 5; with 3.1.1 the broker's own rule holds)."""

FAILURE = 0x80
"""Reason codes from here on are failures (MQTT 5, 2.4)."""

_TAKEN_OVER = 0x8E

# Brokers answer a PUBLISH with codes that MQTT 5 does not list for PUBACK: Mosquitto over its message_size_limit with 0x95, "packet too
# large". paho takes such an answer for a protocol error and ends the connection, on each attempt, with the same event. So it is told of it.
_listed = {code for code, names in ReasonCode.names.items() if PacketTypes.PUBACK in chain(*names.values())}
_unlisted = {code: {f"0x{code:02x}": [PacketTypes.PUBACK]} for code in range(FAILURE, 0x100) if code not in _listed}
ReasonCode.names = MappingProxyType(
    {**ReasonCode.names, **{code: {**ReasonCode.names.get(code, {}), **name} for code, name in _unlisted.items()}}
)


@record
class Hello:
    """What a connection is opened with."""

    client_id: str
    protocol: int
    keepalive_s: int
    username: str | None
    password: str | None
    will_topic: str
    will: bytes
    window: int
    clean: bool


@record
class Message:
    """A message that came in; ``mid`` is what acknowledges it."""

    topic: str
    payload: bytes
    retained: bool
    qos: int
    mid: int
    response_topic: str | None
    correlation: bytes | None


@record
class Publication:
    """A message that goes out. ``content_type``, ``correlation``: MQTT 5 only."""

    topic: str
    payload: bytes
    qos: int = 1
    retain: bool = False
    content_type: str | None = None
    correlation: bytes | None = None


def _properties(packet: int) -> Properties:
    return Properties(packet)  # type: ignore[no-untyped-call]


class _Client(mqtt.Client):
    """paho with a socket that is already connected."""

    connected_socket: BrokerSocket

    def _create_socket(self) -> BrokerSocket:
        return self.connected_socket


class Link:
    """One connection. ``changed`` is set whenever there is something new to look at."""

    def __init__(self, hello: Hello, changed: asyncio.Event) -> None:
        self._hello = hello
        self._changed = changed
        self._five = hello.protocol == 5
        self._loop = asyncio.get_running_loop()
        self._connack: tuple[ReasonCode, Properties | None] | None = None
        self._ended: str | None = None
        self._taken_over = False
        self._socket: BrokerSocket | None = None
        self._acks: list[tuple[int, int]] = []
        self._subscribed: list[tuple[int, bool]] = []
        self._messages: deque[Message] = deque()
        self._paused = False
        self.window = hello.window
        self.longest_out: int | None = None
        self.session_present = False
        self._client = self._make_client()

    def _make_client(self) -> _Client:
        hello = self._hello
        client = _Client(
            CallbackAPIVersion.VERSION2,
            client_id=hello.client_id,
            clean_session=None if self._five else hello.clean,
            protocol=MQTTProtocolVersion.MQTTv5 if self._five else MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        client.max_inflight_messages_set(hello.window)  # 20 otherwise; paho wants it before the broker has said what it takes
        client.username_pw_set(hello.username, hello.password)
        client.will_set(hello.will_topic, hello.will, qos=1, retain=True)
        client.on_socket_open = self._on_socket_open
        client.on_socket_close = self._on_socket_close
        client.on_socket_register_write = self._on_register_write
        client.on_socket_unregister_write = self._on_unregister_write
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        return client

    async def open(self, sock: socket.socket) -> None:
        """Say CONNECT on a connected socket and wait for the answer. Takes the socket over. Raises UplinkDown."""
        self._socket = self._client.connected_socket = BrokerSocket(sock, LONGEST_PACKET)
        try:
            self._connect()
            while self._connack is None:
                self.check()
                await self._change()
            self._judge(*self._connack)
        except BaseException:
            self.abort("not connected")
            raise

    def _connect(self) -> None:
        # Host and port are not used: the socket is there. paho only wants them not to be empty.
        if self._five:
            properties = _properties(PacketTypes.CONNECT)
            properties.SessionExpiryInterval = SESSION_KEPT_S
            properties.ReceiveMaximum = INBOX
            properties.MaximumPacketSize = LONGEST_PACKET
            self._client.connect("broker", 1883, self._hello.keepalive_s, clean_start=self._hello.clean, properties=properties)
        else:
            self._client.connect("broker", 1883, self._hello.keepalive_s)

    def _judge(self, reason: ReasonCode, properties: Properties | None) -> None:
        if reason.is_failure:
            raise UplinkDown(f"the broker refuses us: {reason}")
        if getattr(properties, "MaximumQoS", 2) < 1:
            raise UplinkDown("the broker takes no QoS 1")
        if not getattr(properties, "RetainAvailable", 1):
            raise UplinkDown("the broker keeps no retained messages")
        self.window = min(self._hello.window, getattr(properties, "ReceiveMaximum", 65535))
        self.longest_out = getattr(properties, "MaximumPacketSize", None)

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    @property
    def alive(self) -> bool:
        """Whether the connection still stands, as far as we know."""
        return self._ended is None

    @property
    def oversize(self) -> bool:
        """Whether the connection ended because the broker sent more than we take."""
        return self._socket is not None and self._socket.oversize

    def check(self) -> None:
        """Raises UplinkDown once the connection is over, ClientIdTaken where another client has taken our place."""
        if self._taken_over:
            raise ClientIdTaken(self._hello.client_id)
        if self._ended is not None:
            raise UplinkDown(self._ended)

    def publish(self, publication: Publication) -> int:
        """Hand a message to paho; its id comes back in ``take_acks`` (for QoS 0 once it is written). Raises UplinkDown."""
        info = self._client.publish(
            publication.topic, publication.payload, publication.qos, publication.retain, self._properties(publication)
        )
        if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            self.abort(f"publish: {mqtt.error_string(info.rc)}")
            self.check()
        return info.mid

    def _properties(self, publication: Publication) -> Properties | None:
        if not self._five or (publication.content_type is None and publication.correlation is None):
            return None
        properties = _properties(PacketTypes.PUBLISH)
        if publication.content_type is not None:
            properties.ContentType = publication.content_type
        if publication.correlation is not None:
            properties.CorrelationData = publication.correlation
        return properties

    def subscribe(self, topic: str, qos: int = 1, own: bool = True) -> int:
        """Ask for a topic; the answer comes in ``take_subscribed``. ``own`` False: not what we publish there ourselves (MQTT 5)."""
        if self._five:
            # A retained message is told once a session, and a live one keeps its retain flag: a command that anybody has published with
            # retain is to be refused.
            handling = SubscribeOptions.RETAIN_SEND_IF_NEW_SUB if qos else SubscribeOptions.RETAIN_SEND_ON_SUBSCRIBE
            options = SubscribeOptions(qos=qos, noLocal=not own, retainAsPublished=qos > 0, retainHandling=handling)
            code, mid = self._client.subscribe(topic, options=options)
        else:
            code, mid = self._client.subscribe(topic, qos)
        if code != MQTTErrorCode.MQTT_ERR_SUCCESS or mid is None:
            self.abort(f"subscribe: {mqtt.error_string(code)}")
            self.check()
        return mid or 0

    def unsubscribe(self, topics: list[str]) -> None:
        """Ask for no more of these topics."""
        self._client.unsubscribe(topics)

    def next_message(self) -> Message | None:
        """The oldest message that has come in and was not taken yet."""
        message = self._messages.popleft() if self._messages else None
        if self._paused and len(self._messages) < INBOX and self.alive and self._socket is not None:
            self._paused = False
            self._loop.add_reader(self._socket.fileno(), self._read)
            self._loop.call_soon(self._read)  # what the socket has already handed over, the loop does not tell of
        return message

    def acknowledge(self, message: Message) -> None:
        """Tell the broker that a message is ours now."""
        if self.alive and message.qos > 0:
            self._client.ack(message.mid, message.qos)

    def take_acks(self) -> list[tuple[int, int]]:
        """Message ids that have been answered since last time, with their reason codes."""
        taken, self._acks = self._acks, []
        return taken

    def take_subscribed(self) -> list[tuple[int, bool]]:
        """Subscriptions that have been answered since last time, and whether they were granted."""
        taken, self._subscribed = self._subscribed, []
        return taken

    def tick(self) -> None:
        """Keep-alive; to be called at least every second."""
        self._client.loop_misc()

    def abort(self, reason: str) -> None:
        """End the connection without a goodbye, so that the broker publishes the will."""
        if self._socket is not None and self.alive:
            self._socket.condemn(reason)
            self._client.loop_read()
        self._ended = self._ended or reason

    async def close(self, within_s: float) -> None:
        """Say goodbye (the will is then not published) and end the connection; abort it if that takes too long."""
        if self.alive:
            self._client.disconnect()
            try:
                async with asyncio.timeout(within_s):
                    while self.alive:
                        await self._change()
            except TimeoutError:
                self.abort("the goodbye was not taken")

    def _read(self) -> None:
        sock = self._socket
        again = sock is not None and not self._paused and self.alive
        while again and sock is not None:
            self._client.loop_read()
            again = sock.pending and not self._paused and self.alive

    def _write(self) -> None:
        self._client.loop_write()

    def _on_socket_open(self, _client: mqtt.Client, _userdata: object, sock: mqtt.SocketLike) -> None:
        self._loop.add_reader(sock.fileno(), self._read)

    def _on_socket_close(self, _client: mqtt.Client, _userdata: object, sock: mqtt.SocketLike) -> None:
        self._loop.remove_reader(sock.fileno())
        self._loop.remove_writer(sock.fileno())

    def _on_register_write(self, _client: mqtt.Client, _userdata: object, sock: mqtt.SocketLike) -> None:
        self._loop.add_writer(sock.fileno(), self._write)

    def _on_unregister_write(self, _client: mqtt.Client, _userdata: object, sock: mqtt.SocketLike) -> None:
        self._loop.remove_writer(sock.fileno())

    def _on_connect(
        self, _client: mqtt.Client, _userdata: object, flags: mqtt.ConnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        self._connack = reason, properties
        self.session_present = flags.session_present
        self._changed.set()

    def _on_disconnect(
        self, _client: mqtt.Client, _userdata: object, flags: mqtt.DisconnectFlags, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        fault = self._socket.fault if self._socket is not None else None
        told = f"the broker disconnects us: {reason}" if flags.is_disconnect_packet_from_server else str(reason)
        self._taken_over = flags.is_disconnect_packet_from_server and reason.value == _TAKEN_OVER
        self._ended = self._ended or fault or told
        self._changed.set()

    def _on_publish(self, _client: mqtt.Client, _userdata: object, mid: int, reason: ReasonCode, _properties: Properties | None) -> None:
        self._acks.append((mid, reason.value))
        self._changed.set()

    def _on_subscribe(
        self, _client: mqtt.Client, _userdata: object, mid: int, reasons: list[ReasonCode], _properties: Properties | None
    ) -> None:
        self._subscribed.append((mid, all(reason.value < FAILURE for reason in reasons)))
        self._changed.set()

    def _on_message(self, _client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            return
        properties = message.properties
        self._messages.append(
            Message(
                topic,
                bytes(message.payload),
                message.retain,
                message.qos,
                message.mid,
                getattr(properties, "ResponseTopic", None),
                getattr(properties, "CorrelationData", None),
            )
        )
        self._changed.set()
        if len(self._messages) >= INBOX and not self._paused and self._socket is not None:
            self._paused = True
            self._loop.remove_reader(self._socket.fileno())
