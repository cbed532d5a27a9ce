"""The "afternoon" baseline of ``bench speed``: what one writes first. asyncio, a reader a port, parse, publish on change with aiomqtt.

``python -m device.bench.speed_afternoon scales|boards BROKER_PORT TERMINAL...``. A plate's weight is published (QoS 0) when it differs from
what was published last by a gram or more. No trust, no detection, no journal. On SIGTERM it prints JSON, samples and published, and ends.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import struct
import sys
import termios
import tty
from binascii import crc_hqx
from collections.abc import Iterator

import aiomqtt

from device.bench.speed_feed import COUNTS_PER_GRAM, ZERO_COUNTS


class Program:
    """Ports in, a queue of changes out."""

    def __init__(self) -> None:
        self.changes: asyncio.Queue[tuple[str, float]] = asyncio.Queue()
        self.samples = 0
        self.published = 0
        self._told: dict[str, float] = {}

    def weighed(self, plate: str, grams: float) -> None:
        self.samples += 1
        if abs(grams - self._told.get(plate, 0.0)) >= 1.0:
            self._told[plate] = grams
            self.changes.put_nowait((plate, grams))

    async def publish(self, client: aiomqtt.Client) -> None:
        while True:
            plate, grams = await self.changes.get()
            await client.publish(f"bench/afternoon/{plate}", f"{grams:.0f}")
            self.published += 1


class Port:
    """One terminal: bytes are collected and cut into lines or frames."""

    def __init__(self, program: Program, number: int, path: str, kind: str) -> None:
        self._program = program
        self._number = number
        self._held = b""
        self._parse = self._frames if kind == "boards" else self._lines
        self.fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        tty.setraw(self.fd, termios.TCSANOW)

    def readable(self) -> None:
        self._held += os.read(self.fd, 4096)
        for channel, grams in self._parse():
            self._program.weighed(f"{self._number}/{channel}", grams)

    def _lines(self) -> Iterator[tuple[int, float]]:
        *lines, self._held = self._held.split(b"\r\n")
        for line in lines:
            words = line.decode().split()
            if len(words) == 4 and words[0] == "S" and words[1] in ("S", "D"):
                yield 1, float(words[2])

    def _frames(self) -> Iterator[tuple[int, float]]:
        while len(self._held) >= 8:
            if self._held[:3] != b"\xa5\x5a\x01":
                self._held = self._held[1:]
                continue
            length = int.from_bytes(self._held[4:6], "little")
            frame, rest = self._held[: length + 8], self._held[length + 8 :]
            if len(frame) < length + 8:
                return
            self._held = rest
            if crc_hqx(frame[2:-2], 0xFFFF) == int.from_bytes(frame[-2:], "little") and frame[3] == 2:
                counts = struct.unpack(f"<{(length - 10) // 4}i", frame[16:-2])
                yield from enumerate(((count - ZERO_COUNTS) / COUNTS_PER_GRAM for count in counts), 1)


async def run(kind: str, broker_port: int, paths: list[str]) -> None:
    loop = asyncio.get_running_loop()
    program, ended = Program(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    async with aiomqtt.Client("127.0.0.1", broker_port) as client, asyncio.TaskGroup() as group:
        publishing = group.create_task(program.publish(client))
        for number, path in enumerate(paths):
            port = Port(program, number, path, kind)
            loop.add_reader(port.fd, port.readable)
        sys.stderr.write("up\n")
        sys.stderr.flush()
        await ended.wait()
        # Below Python 3.12 a cancellation that meets what aiomqtt waits for (asyncio.wait_for) may be lost: said until heard.
        while not publishing.done():
            publishing.cancel()
            await asyncio.wait((publishing,), timeout=0.1)
    sys.stdout.write(json.dumps({"samples": program.samples, "published": program.published}) + "\n")


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], int(sys.argv[2]), sys.argv[3:]))
