"""A Modbus line, shared by all devices on it: RTU on a serial port, or TCP.

Responsible for: opening with the first device and closing with the last, one request in flight, the silence between frames, the time-out,
and sparing the others a silent unit. Not responsible for: what requests and answers mean, how often to poll, trying again.

Times are those of MODBUS over Serial Line V1.02: a character has 11 bits (2.5.1), and between frames the line is silent for 3.5
characters, 1.75 ms where it is faster than 19200 baud (2.5.1.1). The end of an answer is not told by silence, which a computer with an
operating system cannot measure, but by its length and its sum. What comes while nothing is asked answers nothing, and is thrown away.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol
from weakref import WeakValueDictionary

from device.domain.port import PortAddress, SerialAddress, TcpAddress
from device.errors import DeviceGone, DeviceSilent
from device.ports.opening import open_port
from device.ports.stream import BytePort
from device.ports.turns import DOUBTFUL, ORDER, POLL, Place, Turns

USUAL_BAUD = 9600
SILENCE_S = 3.0
"""A unit that has not answered for so long is lost."""

REST_S = 1.0
"""A unit that has twice in a row not answered is asked once in so long, so that it costs the others one time-out a second."""

_UNIT_S = 0.2
_FRAME_CHARACTERS = 40
_CHARACTER_BITS = 11
_GAP_CHARACTERS = 3.5
_LEAST_GAP_S = 0.00175
_HEARD = 1024
"""The most that is kept of what has come since a request: the newest. An answer has at most 260 bytes, and is sought at each arrival."""

_REMEMBERED = 64
_NUMBERS = 0xFFFF
_EXCEPTION = 0x80
_NO_ANSWER_BEHIND_GATEWAY = (10, 11)


class Framing(Protocol):
    """How requests and answers go over a line: a PDU, which is a function with its data, in a frame. None of it raises for noise."""

    @property
    def request(self) -> Callable[[int, bytes, int], bytes]:
        """The frame of a PDU for a unit; the number (1 to 65535) tells requests apart where frames carry one."""
        ...

    @property
    def answer(self) -> Callable[[bytes, bytes], bytes | None]:
        """The frame that answers a request frame, wherever it is in what has been received since; None while there is none."""
        ...

    @property
    def pdu(self) -> Callable[[bytes], bytes]:
        """What a frame carries."""
        ...


class ModbusPort:
    """One port of the configuration. Made without I/O; all devices on the port must share the object: see ``shared_port``."""

    def __init__(self, address: PortAddress, framing: Framing) -> None:
        if not isinstance(address, SerialAddress | TcpAddress):
            raise TypeError("Modbus goes over serial: or tcp:")
        self._address = address
        self._framing = framing
        self._line: _Line | None = None
        self._opening = asyncio.Lock()

    @asynccontextmanager
    async def unit(self, device: str, number: int, place: Place) -> AsyncIterator[Unit]:
        """One device's access to its unit; the line is open while at least one is held.

        Raises DeviceGone when the port cannot be opened. A line that was lost is not reopened under those who still hold it: each of them
        gets its DeviceGone, and whoever comes after that opens anew.
        """
        async with self._opening:
            if self._line is None or not self._line.connected:
                self._line = _Line(await open_port(device, self._address, USUAL_BAUD), self._address, self._framing)
            line = self._line
            line.members.append(number)
        try:
            yield Unit(line, device, number, place)
        finally:
            line.members.remove(number)
            if not line.members:
                line.hang_up("closed")


_ports: WeakValueDictionary[str, ModbusPort] = WeakValueDictionary()


def shared_port(address: PortAddress, framing: Framing) -> ModbusPort:
    """The port of this address, the same object for all who ask while one of them keeps it: a wire is one thing in a process."""
    key = address.path if isinstance(address, SerialAddress) else str(address)
    port = _ports.get(key)
    if port is None:
        port = _ports[key] = ModbusPort(address, framing)
    return port


class Unit:
    """One device's access to its unit, within ``ModbusPort.unit``. Questions are asked within a ``turn``."""

    def __init__(self, line: _Line, device: str, number: int, place: Place) -> None:
        self._line = line
        self.device = device
        self.number = number
        self._place = place
        self._missed_first: float | None = None
        self.noise: list[bytes] = []
        """What was dropped as nonsense, at most one piece a question; the driver reports and clears it."""

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Hold the line within the block; an order waiting at this place overtakes polling."""
        if self._place.urgency != ORDER:
            self._place.urgency = DOUBTFUL if self._line.doubts(self.number) else POLL
        async with self._line.turns.turn(self._place):
            yield

    async def ask(self, pdu: bytes, registers: int = 0) -> bytes | None:
        """Ask, and return the PDU of the answer, an exception too; None when none that makes sense came in time.

        The answer gets more time where it carries ``registers``. Raises DeviceGone when the port is lost, DeviceSilent when the unit has
        not answered for ``SILENCE_S``.
        """
        line = self._line
        if not line.connected:
            raise DeviceGone(self.device, line.lost_because)
        answer = None
        if not line.rests(self.number) or self._place.urgency == ORDER:
            answer = await line.exchange(pdu, self.number, registers)
            if nonsense := line.take_nonsense():
                self.noise.append(nonsense)
        if not line.connected:
            raise DeviceGone(self.device, line.lost_because)
        if answer is None:
            self._check_silence()
        else:
            self._missed_first = None
        return answer

    def _check_silence(self) -> None:
        """Silence begins with the first question that got no answer: a thermometer that is asked once a minute is not silent in between."""
        now = self._line.now()
        if self._missed_first is None:
            self._missed_first = now
        if now - self._missed_first < SILENCE_S:
            return
        if self._line.deaf:
            self._line.hang_up("no unit on the line answers")
        raise DeviceSilent(self.device, f"unit {self.number} has not answered for {SILENCE_S:g} s")


class _Line:
    """An open port. Never reopened: a new connection is a new line."""

    def __init__(self, port: BytePort, address: SerialAddress | TcpAddress, framing: Framing) -> None:
        self.members: list[int] = []
        """The unit of each device that holds the line."""
        self.turns = Turns()
        self.connected = True
        self.lost_because = ""
        self.answered_at = self.now()
        self._port = port
        self._framing = framing
        self._number = 0
        self._request = b""
        self._answered: asyncio.Future[bytes | None] | None = None
        self._heard = b""
        self._stray = b""
        self._echoes = False
        self._free_at = 0.0
        self._misses: dict[int, int] = {}
        self._rest_until: dict[int, float] = {}
        self._character_s = self._gap_s = 0.0
        if isinstance(address, SerialAddress):
            self._character_s = _CHARACTER_BITS / (address.baud or USUAL_BAUD)
            self._gap_s = max(_GAP_CHARACTERS * self._character_s, _LEAST_GAP_S)
        self._answer_s = _UNIT_S + _FRAME_CHARACTERS * self._character_s
        asyncio.get_running_loop().add_reader(port.fileno(), self._readable)

    @staticmethod
    def now() -> float:
        return asyncio.get_running_loop().time()

    def doubts(self, unit: int) -> bool:
        """Whether the unit did not answer when it was last asked."""
        return self._misses.get(unit, 0) > 0

    def rests(self, unit: int) -> bool:
        """Whether the unit is not to be asked now, for the sake of the others."""
        return self.now() < self._rest_until.get(unit, 0.0)

    @property
    def deaf(self) -> bool:
        """Whether none of the units on the line has answered when it was last asked, for so long that the line itself is to blame."""
        return self.now() - self.answered_at >= SILENCE_S and all(self.doubts(unit) for unit in self.members)

    async def exchange(self, pdu: bytes, unit: int, registers: int) -> bytes | None:
        """Ask, and wait for the PDU of the answer, longer where it carries many registers."""
        await self._until_free()
        answer_s = self._answer_s + 2 * registers * self._character_s
        # A late answer to a question whose asker was cancelled must not meet the next question.
        self._free_at = self.now() + answer_s
        frame = await self._frame(pdu, unit, answer_s)
        self._free_at = self.now() + self._gap_s
        answer = None if frame is None else self._framing.pdu(frame)
        if answer is not None and answer[0] & _EXCEPTION and answer[1] in _NO_ANSWER_BEHIND_GATEWAY:
            answer = None
        self._note(unit, answered=answer is not None)
        return answer

    async def _until_free(self) -> None:
        """Let the line be quiet before anything is asked; on one that babbles, no longer than an answer may take."""
        give_up_at = max(self._free_at, self.now()) + self._answer_s
        self._readable()  # what the loop has not seen yet came before the request
        while self.connected and self.now() < min(self._free_at, give_up_at):
            await asyncio.sleep(self._free_at - self.now())
            self._readable()

    async def _frame(self, pdu: bytes, unit: int, answer_s: float) -> bytes | None:
        if not self.connected:
            return None
        self._number = self._number % _NUMBERS + 1
        self._request, self._heard = self._framing.request(unit, pdu, self._number), b""
        self._answered = asyncio.get_running_loop().create_future()
        try:
            self._port.write(self._request)
            async with asyncio.timeout(answer_s):
                return await self._answered
        except DeviceGone as error:
            self.hang_up(error.reason)
            return None
        except TimeoutError:
            return None
        finally:
            self._answered = None

    def _note(self, unit: int, *, answered: bool) -> None:
        if answered:
            self.answered_at = self.now()
            self._misses.pop(unit, None)
            self._rest_until.pop(unit, None)
            return
        self._misses[unit] = self._misses.get(unit, 0) + 1
        if self._misses[unit] > 1:
            self._rest_until[unit] = self.now() + REST_S

    def take_nonsense(self) -> bytes:
        """Bytes that answered nothing, since this was last asked: between two requests, and up to the newest answer or time-out."""
        nonsense = (self._stray + self._heard)[-_REMEMBERED:]
        self._stray = self._heard = b""
        return nonsense

    def _readable(self) -> None:
        try:
            data = self._port.read()
        except DeviceGone as error:
            self.hang_up(error.reason)
            return
        answered = self._answered
        if answered is not None and not answered.done():
            self._sift(data, answered)
        elif data:
            self._stray = (self._stray + data)[-_REMEMBERED:]
            self._free_at = max(self._free_at, self.now() + self._gap_s)

    def _sift(self, data: bytes, answered: asyncio.Future[bytes | None]) -> None:
        """Look for the answer in all that has come since the request.

        A converter that echoes says each request back, and a write is confirmed by just the same bytes. Whether the line echoes is known
        from the last answer that can be told from its request.
        """
        self._heard += data
        echoed = self._heard.startswith(self._request)
        begin = len(self._request) if echoed and self._echoes else 0
        frame = self._framing.answer(self._request, self._heard[begin:])
        if frame is None:
            self._heard = self._heard[-_HEARD:]
            return
        if frame != self._request:
            self._echoes = echoed
        at = self._heard.find(frame, begin)
        self._heard = self._heard[:at] + self._heard[at + len(frame) :]
        answered.set_result(frame)

    def hang_up(self, reason: str) -> None:
        """Close: everybody on the line gets DeviceGone with this reason. The first reason stays."""
        if not self.connected:
            return
        self.connected = False
        self.lost_because = reason
        asyncio.get_running_loop().remove_reader(self._port.fileno())
        self._port.close()
        if self._answered is not None and not self._answered.done():
            self._answered.set_result(None)
