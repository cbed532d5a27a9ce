"""A fixed UHF reader on LLRP: one client at a time over TCP, one inventory, reports as tags are read.

All numbers are big endian. A message: version and type (16 bits), length of the whole (32), number (32, repeated by its answer), fields,
parameters. A parameter with a length: type (16), length of the whole (16), fields; a short one: a byte with its highest bit set, fields.

Source: EPCglobal Low Level Reader Protocol 1.0.1, chapters 13 (connection), 16 (binary encoding) and 17.2 (parameters).
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from firmware_sims.sim import Metronome

VERSION = 1
GET_CAPABILITIES, SET_CONFIG, CLOSE = 1, 3, 14
ADD, DELETE, START, STOP, ENABLE, DISABLE = 20, 21, 22, 23, 24, 25
REPORT, KEEPALIVE, NOTIFICATION, EVENTS_AND_REPORTS, KEEPALIVE_ACK, ERROR = 61, 62, 63, 64, 72, 100
CLOSED = 4
"""The one answer whose type is not its request's plus ten."""
SUCCESS, FIELD_ERROR, UNSUPPORTED_MESSAGE, INVALID = 0, 101, 109, 300
CLIENT_ALREADY = 2
UTC, GENERAL, SENSITIVITY, GPIO, AIR_PROTOCOL = 128, 137, 139, 141, 140
ROSPEC, RO_REPORT, CONTENT, KEEPALIVE_SPEC, TAG, EPC_OF_ANY_LENGTH = 177, 237, 238, 220, 240, 241
EVENT_DATA, ATTEMPT, STATUS = 246, 256, 287
EPC_96, ANTENNA_ID, FIRST_SEEN, LAST_SEEN, PEAK_RSSI, CHANNEL, SEEN_COUNT, ROSPEC_ID = 13, 1, 2, 4, 6, 7, 8, 9
CONTENT_ROSPEC, CONTENT_ANTENNA, CONTENT_CHANNEL, CONTENT_RSSI = 1 << 15, 1 << 12, 1 << 11, 1 << 10
CONTENT_FIRST, CONTENT_LAST, CONTENT_COUNT = 1 << 9, 1 << 8, 1 << 7

HEADER = 10
LONGEST = 64 * 1024
ROUND_S = 0.1
MAKER, MODEL, FIRMWARE = 161, 96, "3.1.7"
"""The maker is a private enterprise number: Motorola's, whose fixed readers are Zebra's today and need no messages of their own."""


class Seen(NamedTuple):
    """One tag as one antenna read it: dBm, and microseconds of UTC."""

    epc: bytes
    antenna: int
    rssi_dbm: int
    at_us: int


def message(kind: int, number: int, body: bytes = b"") -> bytes:
    """One whole message."""
    return struct.pack(">HII", VERSION << 10 | kind, HEADER + len(body), number) + body


def parameter(kind: int, body: bytes) -> bytes:
    """A parameter with a length."""
    return struct.pack(">HH", kind, 4 + len(body)) + body


def short(kind: int, form: str, value: int) -> bytes:
    """A parameter without one."""
    return struct.pack(f">B{form}", 0x80 | kind, value)


def status(code: int = SUCCESS, text: str = "") -> bytes:
    """What became of a request."""
    words = text.encode()
    return parameter(STATUS, struct.pack(">HH", code, len(words)) + words)


def greeting(attempt: int = SUCCESS, at_us: int = 0) -> bytes:
    """What a client is told when it has connected."""
    event = parameter(UTC, struct.pack(">Q", at_us)) + parameter(ATTEMPT, struct.pack(">H", attempt))
    return message(NOTIFICATION, 0, parameter(EVENT_DATA, event))


def report(number: int, seen: Sequence[Seen], content: int = CONTENT_ANTENNA | CONTENT_RSSI | CONTENT_FIRST) -> bytes:
    """Tags, each with what ``content`` asks for."""
    return message(REPORT, number, b"".join(parameter(TAG, _told(tag, content)) for tag in seen))


def _told(tag: Seen, content: int) -> bytes:
    wanted = (
        (CONTENT_ROSPEC, short(ROSPEC_ID, "I", 1)),
        (CONTENT_ANTENNA, short(ANTENNA_ID, "H", tag.antenna)),
        (CONTENT_RSSI, short(PEAK_RSSI, "b", tag.rssi_dbm)),
        (CONTENT_CHANNEL, short(CHANNEL, "H", 1)),
        (CONTENT_FIRST, short(FIRST_SEEN, "Q", tag.at_us)),
        (CONTENT_LAST, short(LAST_SEEN, "Q", tag.at_us)),
        (CONTENT_COUNT, short(SEEN_COUNT, "H", 1)),
    )
    fixed = struct.pack(">B", 0x80 | EPC_96) + tag.epc
    epc = fixed if len(tag.epc) == 12 else parameter(EPC_OF_ANY_LENGTH, struct.pack(">H", len(tag.epc) * 8) + tag.epc)
    return epc + b"".join(part for bit, part in wanted if content & bit)


def parameters(body: bytes) -> Iterator[tuple[int, bytes]]:
    """The parameters with a length that ``body`` consists of. Raises ValueError where they do not fit into it."""
    while body:
        if len(body) < 4:
            raise ValueError("a parameter is cut off")
        kind, length = struct.unpack_from(">HH", body)
        if not 4 <= length <= len(body):
            raise ValueError(f"parameter {kind} says it has {length} bytes")
        yield kind & 0x3FF, body[4:length]
        body = body[length:]


class LlrpReader:
    """One reader. ``tags`` says which EPCs are in the field now; ``read_rate`` is the chance that a tag answers in a round.

    It speaks first when somebody connects: its link tells it (``connected``, ``left``), and hangs up when it is no longer ``open``.
    """

    quantum_s = ROUND_S

    def __init__(self, tags: Callable[[], Sequence[bytes]], *, seed: int = 0, read_rate: float = 0.9, antennas: int = 1) -> None:
        self._tags = tags
        self._random = random.Random(f"llrp {seed}")
        self._read_rate = read_rate
        self._antennas = antennas
        self._rssi: dict[bytes, float] = {}
        self._now_us = 0
        self.power_cycle()

    @property
    def open(self) -> bool:
        """Whether it keeps its connection."""
        return self._open

    @property
    def refusal(self) -> bytes:
        """What a second client is told before it is hung up on."""
        return greeting(CLIENT_ALREADY, self._now_us)

    def power_cycle(self) -> None:
        self._heard = bytearray()
        self._open = self._greets = False
        self._number = 0
        self._inventory: bytes | None = None
        self._enabled = self._running = False
        self._content = 0
        self._beat = Metronome(ROUND_S)
        self._alive: Metronome | None = None

    def connected(self) -> None:
        """Somebody has connected."""
        self._open = self._greets = True
        self._heard.clear()

    def left(self) -> None:
        """Nobody is connected any more."""
        self._open = self._greets = False
        self._alive = None

    def tick(self, dt: float) -> bytes:
        self._now_us += round(dt * 1e6)
        said = greeting(at_us=self._now_us) if self._greets else b""
        self._greets = False
        for _ in range(self._beat.beats(dt)):
            said += self._round() if self._running else b""
        for _ in range(self._alive.beats(dt) if self._alive else 0):
            said += message(KEEPALIVE, self._next())
        return said

    def receive(self, data: bytes) -> bytes:
        self._heard += data
        said = b""
        while len(self._heard) >= HEADER:
            head, length, number = struct.unpack_from(">HII", self._heard)
            if head >> 10 != VERSION or not HEADER <= length <= LONGEST:
                # Who does not speak the protocol is hung up on: there is no way back into step.
                self._heard.clear()
                self._open = False
                break
            if len(self._heard) < length:
                break
            body = bytes(self._heard[HEADER:length])
            del self._heard[:length]
            said += self._answer(head & 0x3FF, number, body)
        return said

    def _answer(self, kind: int, number: int, body: bytes) -> bytes:
        if kind == KEEPALIVE_ACK:
            return b""
        if kind == CLOSE:
            self._open = self._running = False
            return message(CLOSED, number, status())
        try:
            answered = _DOES[kind](self, body)
        except KeyError:
            return message(ERROR, number, status(UNSUPPORTED_MESSAGE, f"message {kind} is not supported"))
        except (ValueError, struct.error) as error:
            return message(kind + 10, number, status(FIELD_ERROR, str(error)))
        return b"" if answered is None else message(kind + 10, number, answered)

    def _capabilities(self, body: bytes) -> bytes:
        firmware = FIRMWARE.encode()
        general = struct.pack(">HHIIH", self._antennas, 0x4000, MAKER, MODEL, len(firmware)) + firmware
        general += parameter(SENSITIVITY, struct.pack(">Hh", 1, -80)) + parameter(GPIO, struct.pack(">HH", 4, 4))
        for antenna in range(1, self._antennas + 1):
            general += parameter(AIR_PROTOCOL, struct.pack(">HHB", antenna, 1, 1))
        return status() + (parameter(GENERAL, general) if body[:1] in (b"\0", b"\x01") else b"")

    def _configure(self, body: bytes) -> bytes:
        for kind, fields in parameters(body[1:]):
            if kind == KEEPALIVE_SPEC:
                periodic, period_ms = struct.unpack(">BI", fields)
                self._alive = Metronome(period_ms / 1000) if periodic and period_ms else None
        return status()

    def _add(self, body: bytes) -> bytes:
        ((kind, spec),) = parameters(body)
        if kind != ROSPEC or not any(spec[:4]):
            return status(FIELD_ERROR, "ADD_ROSPEC needs a ROSpec with a number")
        if self._inventory is not None:
            return status(INVALID, "there is room for one ROSpec")
        for within, fields in parameters(spec[6:]):
            if within == RO_REPORT:
                selectors = [selector for each, selector in parameters(fields[3:]) if each == CONTENT]
                self._content = struct.unpack_from(">H", selectors[0])[0] if selectors else 0
        self._inventory = spec[:4]
        return status()

    def _delete(self, body: bytes) -> bytes:
        if any(body) and body != self._inventory:
            return status(INVALID, "no such ROSpec")
        self._inventory = None
        self._enabled = self._running = False
        return status()

    def _set(self, body: bytes, *, enabled: bool | None = None, running: bool | None = None) -> bytes:
        if self._inventory is None or (any(body) and body != self._inventory):
            return status(INVALID, "no such ROSpec")
        if running and not self._enabled:
            return status(INVALID, "the ROSpec is not enabled")
        self._enabled = self._enabled if enabled is None else enabled
        self._running = self._enabled and (self._running if running is None else running)
        return status()

    def _round(self) -> bytes:
        seen = []
        for epc in sorted(set(self._tags())):
            if self._random.random() < self._read_rate:
                mean = self._rssi.setdefault(epc, self._random.uniform(-66, -48))
                rssi = round(self._random.gauss(mean, 1.5))
                seen.append(Seen(epc, self._random.randrange(self._antennas) + 1, rssi, self._now_us))
                if len(self._rssi) > 4096:
                    self._rssi.clear()
        return report(self._next(), seen, self._content) if seen else b""

    def _next(self) -> int:
        self._number = self._number % 0xFFFFFFFF + 1
        return self._number


_DOES: dict[int, Callable[[LlrpReader, bytes], bytes | None]] = {
    GET_CAPABILITIES: LlrpReader._capabilities,
    SET_CONFIG: LlrpReader._configure,
    ADD: LlrpReader._add,
    DELETE: LlrpReader._delete,
    ENABLE: lambda reader, body: reader._set(body, enabled=True),
    DISABLE: lambda reader, body: reader._set(body, enabled=False),
    START: lambda reader, body: reader._set(body, running=True),
    STOP: lambda reader, body: reader._set(body, running=False),
    EVENTS_AND_REPORTS: lambda reader, body: None,
}
