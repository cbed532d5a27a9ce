"""The far side of ``bench speed``: scales on pseudo-terminals, in a process of its own whose CPU nobody counts.

``python -m device.bench.speed_feed KIND DEVICES SEED``. The first line on stdout is JSON with the ports. Lines on stdin: ``go`` (samples
flow from now on, the beginning of the signal first), ``count`` and ``stop``, both answered with a line of JSON: samples so far, and the
writes that a full terminal has refused. The end of stdin is the end.

The signal of a plate is a minute long and repeats: noise; on the plates that somebody visits one item taken in the first half, with a
hand's tremble and a plate that rings, and put back half a minute later. Devices speak one after another, spread over a sample time.
"""

from __future__ import annotations

import json
import math
import os
import random
import select
import sys
import termios
import time
import tty
from binascii import crc_hqx
from collections.abc import Iterator
from dataclasses import dataclass

from device.wire import shelf_board

PERIOD_S = 60.0
CALM_S = 3.0
"""Nothing changes at the beginning and end of each half."""
ITEM_G = 355.0
HAND_S = 0.3
RING_HZ = 5.0
RING_S = 0.1
COUNTS_PER_GRAM = 200.0
ZERO_COUNTS = 84_213.0


@dataclass(frozen=True, slots=True)
class Kind:
    """What is fed: plates of a device, how many of them are visited, samples a second, baud, and the noise of a sample in grams."""

    driver: str
    channels: int
    visited: int
    rate_hz: int
    baud: int
    noise_g: float


KINDS = {
    "scales": Kind("mt-sics", 1, 1, 50, 38_400, 0.25),
    "boards": Kind("shelf-board", 16, 4, 80, 115_200, 0.5),
}


def plates(kind: Kind, seed: int) -> tuple[list[list[float]], list[float]]:
    """A period of one device: the grams of each plate, and when it is changed."""
    rng = random.Random(seed)
    picks = [rng.uniform(CALM_S, PERIOD_S / 2 - CALM_S) for _ in range(kind.visited)]
    samples = []
    for channel in range(kind.channels):
        load_g = ITEM_G * rng.randint(4, 12) + rng.random()
        picked_at = picks[channel] if channel < kind.visited else math.inf
        samples.append(list(_grams(rng, kind, picked_at, load_g)))
    return samples, [when for pick in picks for when in (pick, pick + PERIOD_S / 2)]


def _grams(rng: random.Random, kind: Kind, picked_at: float, load_g: float) -> Iterator[float]:
    hand_g = 0.0
    for index in range(round(PERIOD_S * kind.rate_hz)):
        at = index / kind.rate_hz
        gone = picked_at <= at < picked_at + PERIOD_S / 2
        since = at - picked_at - (0.0 if gone else PERIOD_S / 2)
        shake_g = 0.0
        if 0 <= since < HAND_S:
            gone = not gone
            hand_g = 0.7 * hand_g + rng.gauss(0, 60)
            shake_g = hand_g
        elif since >= HAND_S:
            settled = since - HAND_S
            shake_g = 0.3 * ITEM_G * math.exp(-settled / RING_S) * math.sin(2 * math.pi * RING_HZ * settled)
        yield load_g - gone * ITEM_G + shake_g + rng.gauss(0, kind.noise_g)


class Feed:
    """The devices, their terminals and what they have to say."""

    def __init__(self, kind: Kind, devices: int, seed: int) -> None:
        self._kind = kind
        self._masters: list[int] = []
        self._held: list[int] = []
        self.ports: list[str] = []
        for _ in range(devices):
            master, slave = os.openpty()
            tty.setraw(slave)
            os.set_blocking(master, False)
            self._masters.append(master)
            self._held.append(slave)
            self.ports.append(os.ttyname(slave))
        self._changes: list[float] = []
        self._said = [self._signal(seed * 1000 + number) for number in range(devices)]
        self._number = {master: number for number, master in enumerate(self._masters)}
        self._index = 0
        self._begun = 0.0
        self._flows = False
        self._samples = self._refused = 0

    def _signal(self, seed: int) -> list[bytes]:
        samples, changes = plates(self._kind, seed)
        self._changes += changes
        if self._kind.driver == "mt-sics":
            (plate,) = samples
            return [_line(now, before) for now, before in zip(plate, [plate[0], *plate], strict=False)]
        return [b"".join(map(_counts, row)) for row in zip(*samples, strict=True)]

    def run(self) -> None:
        """Until stdin ends."""
        period = 1 / self._kind.rate_hz
        spread = period / len(self._masters)
        watched = [sys.stdin.fileno(), *self._masters]
        turn = 0
        while True:
            due = self._begun + self._index * period + turn * spread - time.monotonic() if self._flows else None
            if due is None or due > 0:
                for readable in select.select(watched, [], [], due)[0]:
                    if readable in self._number:
                        self._answer(readable)
                    elif not self._obey(os.read(readable, 100).decode().strip()):
                        return
                    turn = turn if self._flows else 0
                continue
            self._write(self._masters[turn], self._frame(turn))
            self._samples += 1
            turn += 1
            if turn == len(self._masters):
                turn, self._index = 0, self._index + 1

    def _obey(self, order: str) -> bool:
        if order == "go":
            for slave in self._held:
                termios.tcflush(slave, termios.TCIOFLUSH)
            self._index = self._samples = self._refused = 0
            self._begun, self._flows = time.monotonic(), True
            return True
        if order not in ("count", "stop"):
            return False
        self._flows = self._flows and order == "count"
        told = {"samples": self._samples * self._kind.channels, "refused": self._refused, "steps": self._steps()}
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()
        return True

    def _steps(self) -> int:
        """How often something has been taken or put back so far, all plates together."""
        periods, rest = divmod(self._index / self._kind.rate_hz, PERIOD_S)
        return int(periods) * len(self._changes) + sum(when <= rest for when in self._changes)

    def _frame(self, number: int) -> bytes:
        said = self._said[number]
        body = said[self._index % len(said)]
        if self._kind.driver == "mt-sics":
            return body
        return _samples_frame(self._index, round(self._index * 1e6 / self._kind.rate_hz), body)

    def _write(self, master: int, data: bytes) -> None:
        try:
            whole = os.write(master, data) == len(data)
        except BlockingIOError:
            whole = False
        self._refused += not whole

    def _answer(self, master: int) -> None:
        """Whatever is asked gets the one answer that leads a driver on."""
        asked = os.read(master, 4096)
        if self._kind.driver == "mt-sics":
            if b"I3" in asked:
                self._write(master, b'I3 A "1.00 bench"\r\n')
            return
        if shelf_board.hello_request() in asked:
            hello = bytes([self._number[master]]) * 8 + bytes([1, 0, self._kind.channels, 0]) + self._kind.rate_hz.to_bytes(2, "little")
            self._write(master, _board_frame(shelf_board.HELLO, hello))
        if shelf_board.SYNC + bytes([shelf_board.VERSION, shelf_board.CONFIGURE]) in asked:
            self._write(master, _board_frame(shelf_board.ANSWER, bytes([shelf_board.DONE])))


def _line(now: float, before: float) -> bytes:
    stable = "S" if abs(now - before) < 2 else "D"
    return f"S {stable} {now:10.0f} g\r\n".encode()


def _counts(value: float) -> bytes:
    return round(ZERO_COUNTS + value * COUNTS_PER_GRAM).to_bytes(4, "little", signed=True)


def _samples_frame(seq: int, time_us: int, counts: bytes) -> bytes:
    present = (1 << len(counts) // 4) - 1
    head = (seq & 0xFFFF).to_bytes(2, "little") + (time_us & 0xFFFFFFFF).to_bytes(4, "little")
    return _board_frame(shelf_board.SAMPLES, head + present.to_bytes(2, "little") + b"\0\0" + counts)


def _board_frame(kind: int, payload: bytes) -> bytes:
    body = bytes([shelf_board.VERSION, kind]) + len(payload).to_bytes(2, "little") + payload
    return shelf_board.SYNC + body + crc_hqx(body, 0xFFFF).to_bytes(2, "little")


def main() -> None:
    kind, devices, seed = sys.argv[1:]
    feed = Feed(KINDS[kind], int(devices), int(seed))
    sys.stdout.write(json.dumps({"ports": feed.ports}) + "\n")
    sys.stdout.flush()
    feed.run()


if __name__ == "__main__":
    main()
