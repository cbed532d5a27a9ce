"""The store's own shelf board: one microcontroller, up to 16 HX711 load-cell converters, shelf board protocol version 1.

A frame is ``A5 5A``, version, type, payload length (2), payload, CRC (2), all little endian; the CRC is CRC-16 with polynomial
0x1021 and initial value 0xFFFF over version to payload. The converters are 24 bit; 0x7FFFFF and 0x800000 are saturation codes
(Avia, HX711 data sheet, page 4).
"""

from __future__ import annotations

import binascii
import struct
from collections.abc import Sequence

from firmware_sims.sim import Load, Metronome

MARK = b"\xa5\x5a"
VERSION = 1
HELLO, SAMPLES, CONFIGURE, ANSWER, BOARD = 1, 2, 3, 4, 5
DONE, BAD_VALUE, BUSY = 0, 1, 2
LONGEST_PAYLOAD = 256
HIGHEST, LOWEST = 0x7FFFFF, -0x800000
SETTLING_S = 0.5
"""After power-up the converters give nothing sound for so long (data sheet: 400 ms at 10 Hz); the board waits with its samples."""
REPORT_EVERY_S = 10.0


def frame(kind: int, payload: bytes = b"") -> bytes:
    """One frame of the protocol."""
    body = struct.pack("<BBH", VERSION, kind, len(payload)) + payload
    return MARK + body + struct.pack("<H", binascii.crc_hqx(body, 0xFFFF))


def samples(seq: int, time_us: int, counts: dict[int, int], fault: int = 0) -> bytes:
    """A samples frame with the raw counts by channel, channels from 0."""
    present = sum(1 << channel for channel in counts)
    head = struct.pack("<HIHH", seq & 0xFFFF, time_us & 0xFFFFFFFF, present, fault)
    return frame(SAMPLES, head + b"".join([struct.pack("<i", counts[channel]) for channel in sorted(counts)]))


class ShelfBoard:
    """One board; ``loads`` are its plates in order. Counts are ``zero_counts + grams * counts_per_gram``."""

    def __init__(
        self,
        loads: Sequence[Load],
        *,
        counts_per_gram: Sequence[float] | None = None,
        zero_counts: Sequence[float] | None = None,
        serial: bytes = b"SB000001",
        firmware: tuple[int, int] = (1, 2),
    ) -> None:
        if not 1 <= len(loads) <= 16:
            raise ValueError("a board has 1-16 channels")
        if len(serial) != 8:
            raise ValueError("a serial has 8 bytes")
        self._loads = tuple(loads)
        self._counts_per_gram = tuple(counts_per_gram or [420.0] * len(loads))
        self._zero_counts = tuple(zero_counts or [8388.0] * len(loads))
        self._serial = serial
        self._firmware = firmware
        self._resets = -1
        self.celsius = 21.5
        self.supply_mv = 5020
        self.busy = False
        """Answers every configure with busy while set."""
        self.silent_channels: set[int] = set()
        """Channels, from 0, whose converter does not answer."""
        self.stuck_channels: dict[int, int] = {}
        """Channels, from 0, that give this code whatever lies on them."""
        self.power_cycle()

    @property
    def quantum_s(self) -> float:
        return 1 / self._rate_hz

    def power_cycle(self) -> None:
        self._resets += 1
        self._rate_hz = 10
        self._enabled = (1 << len(self._loads)) - 1
        self._beat = Metronome(1 / self._rate_hz)
        self._report = Metronome(REPORT_EVERY_S)
        self._seq = 0
        self._up_s = 0.0
        self._heard = bytearray()
        self._greet = True

    def tick(self, dt: float) -> bytes:
        said = []
        if self._greet:
            self._greet = False
            said.append(self._hello())
        self._up_s += dt
        beats = self._beat.beats(dt)
        times_s = [self._up_s - later / self._rate_hz for later in range(beats - 1, -1, -1)]
        said += [self._sample(time_s) for time_s in times_s if time_s >= SETTLING_S]
        for _ in range(self._report.beats(dt)):
            supply_and_counts = self.supply_mv, self._resets & 0xFFFF, 0
            said.append(frame(BOARD, struct.pack("<hHHI", round(self.celsius * 100), *supply_and_counts)))
        return b"".join(said)

    def receive(self, data: bytes) -> bytes:
        self._heard += data
        said = []
        while (start := self._heard.find(MARK)) >= 0:
            del self._heard[:start]
            if len(self._heard) < 6:
                break
            version, kind, length = struct.unpack_from("<BBH", self._heard, 2)
            if version != VERSION or length > LONGEST_PAYLOAD:
                del self._heard[0]
                continue
            if len(self._heard) < 8 + length:
                break
            body = bytes(self._heard[2 : 6 + length])
            (crc,) = struct.unpack_from("<H", self._heard, 6 + length)
            if crc != binascii.crc_hqx(body, 0xFFFF):
                del self._heard[0]
                continue
            del self._heard[: 8 + length]
            said.append(self._obey(kind, body[4:]))
        else:
            # Keep what may be the first byte of a mark.
            del self._heard[: len(self._heard) - self._heard.endswith(MARK[:1])]
        return b"".join(said)

    def _obey(self, kind: int, payload: bytes) -> bytes:
        if kind == HELLO and not payload:
            return self._hello()
        if kind != CONFIGURE:
            return b""
        return frame(ANSWER, bytes([self._configure(payload)]))

    def _configure(self, payload: bytes) -> int:
        if len(payload) != 4:
            return BAD_VALUE
        if self.busy:
            return BUSY
        rate_hz, enabled = struct.unpack("<HH", payload)
        if rate_hz not in (10, 80) or enabled >> len(self._loads):
            return BAD_VALUE
        self._rate_hz = rate_hz
        self._enabled = enabled
        self._beat = Metronome(1 / rate_hz)
        return DONE

    def _hello(self) -> bytes:
        return frame(HELLO, struct.pack("<8sBBBBH", self._serial, *self._firmware, len(self._loads), 0, self._rate_hz))

    def _sample(self, time_s: float) -> bytes:
        counts: dict[int, int] = {}
        fault = 0
        for channel, load in enumerate(self._loads):
            grams = load.sample(1 / self._rate_hz)
            if not self._enabled >> channel & 1:
                continue
            if channel in self.silent_channels:
                fault |= 1 << channel
                continue
            raw = round(self._zero_counts[channel] + grams * self._counts_per_gram[channel])
            raw = self.stuck_channels.get(channel, min(max(raw, LOWEST), HIGHEST))
            counts[channel] = raw
            if raw in (LOWEST, HIGHEST):
                fault |= 1 << channel
        said = samples(self._seq, round(time_s * 1e6), counts, fault)
        self._seq = (self._seq + 1) & 0xFFFF
        return said
