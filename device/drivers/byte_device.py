"""The shell of every driver that speaks a stream of bytes: joins a port and a dialogue.

Responsible for waiting, time and back-pressure; not for what the bytes mean. Push-based: bytes go from the round in which a port is read
(``device.ports.rounds``) through the dialogue into the sink in one callback, without waking a task; the coroutine sleeps until something is
wrong or the sink is full.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from types import TracebackType

from device.domain.port import PortAddress
from device.drivers.dialogue import Dialogue, Turn
from device.drivers.driver import Sink
from device.ports.clock import uptime
from device.ports.opening import open_port
from device.ports.rounds import Rounds
from device.ports.stream import BytePort


class ByteDevice:
    """A ``Driver`` behind a byte port. ``begin`` makes the dialogue of one connection, ``baud`` is the usual speed of its kind."""

    def __init__(self, device: str, address: PortAddress, baud: int, begin: Callable[[], Dialogue]) -> None:
        self._id = device
        self._address = address
        self._baud = baud
        self._begin = begin

    @property
    def id(self) -> str:
        return self._id

    async def run(self, sink: Sink) -> None:
        """See ``Driver.run``."""
        port = await open_port(self._id, self._address, self._baud)
        connection = _Connection(port, self._begin(), sink)
        try:
            await connection.serve()
        finally:
            connection.close()


class _Connection:
    """One opening of the port.

    Errors inside the loop's callbacks, our own bugs too, are raised where ``serve`` is awaited, so that they reach the TaskGroup.
    """

    def __init__(self, port: BytePort, dialogue: Dialogue, sink: Sink) -> None:
        self._loop = asyncio.get_running_loop()
        self._port = port
        self._dialogue = dialogue
        self._sink = sink
        self._listening = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = math.inf
        self._attention: asyncio.Future[None] = self._loop.create_future()

    async def serve(self) -> None:
        """Until the device fails: raises its DeviceError."""
        self._carry_out(self._dialogue.opened(uptime()))
        while True:
            if self._sink.full:
                await self._sink.room()
                # What has arrived meanwhile comes before any time-out.
                self._carry_out(self._dialogue.received(self._port.read(), uptime()))
                continue
            self._listen()
            await self._attention
            self._attention = self._loop.create_future()

    def close(self) -> None:
        """Leave nothing behind."""
        self._stop_listening()
        if self._attention.done() and not self._attention.cancelled():
            self._attention.exception()  # a failure that a cancellation overtook
        self._port.close()

    def _listen(self) -> None:
        self._rounds = Rounds.of(self._loop)
        self._rounds.join(self._port.fileno(), self._readable)
        self._listening = True
        self._keep_time()

    def _stop_listening(self) -> None:
        if self._listening:
            self._rounds.leave(self._port.fileno())
            self._listening = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer, self._timer_at = None, math.inf

    def _readable(self, at: float) -> None:
        with self:
            self._carry_out(self._dialogue.received(self._port.read(), at))
            if self._dialogue.deadline < self._timer_at:
                self._keep_time()

    def _time_up(self) -> None:
        self._timer, self._timer_at = None, math.inf
        with self:
            now = uptime()
            if now >= self._dialogue.deadline:
                self._carry_out(self._dialogue.tick(now))
            self._keep_time()

    def _keep_time(self) -> None:
        """One timer, moved only forward in urgency: a deadline that recedes with every reading costs nothing until it fires."""
        deadline = self._dialogue.deadline
        if deadline < self._timer_at and self._listening:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_later(max(0.0, deadline - uptime()), self._time_up)
            self._timer_at = deadline

    def _carry_out(self, turn: Turn) -> None:
        readings, send, failure = turn
        if readings:
            self._sink.put(readings)
        if failure is not None:
            raise failure
        if send:
            self._port.write(send)
        if self._listening and self._sink.full:
            self._stop_listening()
            self._attention.set_result(None)

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> bool:
        if not isinstance(error, Exception):
            return False
        self._stop_listening()
        self._attention.set_exception(error)
        return True
