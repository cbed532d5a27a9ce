"""A Modbus line, shared by all devices on it: RTU on a serial port, or TCP.

Responsible for: opening with the first device and closing with the last, one request in flight, the time-out, sparing the others a silent
unit, and telling an answer from noise. Not responsible for: what coils and inputs mean, how often to poll, trying again.

It stands on pymodbus's asyncio client, of which these habits (3.16) are accounted for:

- It reconnects by itself, unless ``reconnect_delay`` is 0, and it hangs up a TCP connection after a few requests without an answer, for all
  units behind it. Time-outs are therefore kept here, where they do not reach its count.
- It takes any frame of the unit for the answer, drops others with an error in the log, and raises in a callback of the event loop on a
  frame that it cannot decode. ``trace_packet`` sees the bytes first: only what answers the request goes on.
- It waits with ``asyncio.wait_for``, which up to Python 3.11 loses a cancellation that comes together with the answer.
- ``connect`` returns before a serial transport has been set up; closed in between, it would come up as a dead connection.
- It writes each failure to its log. The supervisor says it once.
"""

from __future__ import annotations

import asyncio
import logging
import termios
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from typing import TypeVar
from weakref import WeakValueDictionary

import serial
from pymodbus import ModbusException
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.pdu import ModbusPDU

from device.domain.port import PortAddress, SerialAddress, TcpAddress
from device.errors import DeviceGone, DeviceRefused, DeviceSilent
from device.ports.refusal import why_not
from device.ports.turns import DOUBTFUL, ORDER, POLL, Place, Turns

USUAL_BAUD = 9600
CONNECT_S = 3.0
SILENCE_S = 3.0
"""A unit that has not answered for so long is lost."""

REST_S = 1.0
"""A unit that has twice in a row not answered is asked once in so long, so that it costs the others one time-out a second."""

_UNIT_S = 0.2
_FRAME_CHARACTERS = 40
_CHARACTER_BITS = 11
_STEPS_TO_SET_UP = 3
_REMEMBERED = 64
_NOT_NOW = (5, 6)
_NO_ANSWER_BEHIND_GATEWAY = (10, 11)

_T = TypeVar("_T")
_Client = AsyncModbusSerialClient | AsyncModbusTcpClient

Sift = Callable[[bytes, bytes], bytes | None]
"""Finds, given a request, the frame that answers it in what has been received; None while there is none."""


class ModbusPort:
    """One port of the configuration. Made without I/O; all devices on the port must share the object: see ``shared_port``.

    ``sift`` tells an answer from noise, in the framing of the port.
    """

    def __init__(self, address: PortAddress, sift: Sift) -> None:
        if not isinstance(address, SerialAddress | TcpAddress):
            raise TypeError("Modbus goes over serial: or tcp:")
        self._address = address
        self._sift = sift
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
                self._line = await _Line.open(self._address, self._sift, device)
            line = self._line
            line.members.append(number)
        try:
            yield Unit(line, device, number, place)
        finally:
            line.members.remove(number)
            if not line.members:
                await line.close()


_ports: WeakValueDictionary[str, ModbusPort] = WeakValueDictionary()


def shared_port(address: PortAddress, sift: Sift) -> ModbusPort:
    """The port of this address, the same object for all who ask while one of them keeps it: a wire is one thing in a process."""
    key = address.path if isinstance(address, SerialAddress) else str(address)
    port = _ports.get(key)
    if port is None:
        port = _ports[key] = ModbusPort(address, sift)
    return port


class Unit:
    """One device's access to its unit, within ``ModbusPort.unit``. Questions are asked within a ``turn``.

    Answers are None when none that makes sense came in time. Raises DeviceGone when the port is lost, DeviceSilent when the unit has not
    answered for ``SILENCE_S``, DeviceRefused with the exception code when it answers that it will not.
    """

    def __init__(self, line: _Line, device: str, number: int, place: Place) -> None:
        self._line = line
        self._device = device
        self._number = number
        self._place = place
        self._missed_first: float | None = None
        self.noise: list[bytes] = []
        """What was dropped as nonsense, at most one piece a question; the driver reports and clears it."""

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Hold the line within the block; an order waiting at this place overtakes polling."""
        if self._place.urgency != ORDER:
            self._place.urgency = DOUBTFUL if self._line.doubts(self._number) else POLL
        async with self._line.turns.turn(self._place):
            yield

    async def inputs(self, address: int, count: int = 1) -> tuple[bool, ...] | None:
        """Discrete inputs (FC02), ``count`` of them from ``address``."""
        return await self._bits(lambda client: client.read_discrete_inputs(address, count=count, device_id=self._number), count, "inputs")

    async def coils(self, address: int, count: int = 1) -> tuple[bool, ...] | None:
        """Coils as they are (FC01)."""
        return await self._bits(lambda client: client.read_coils(address, count=count, device_id=self._number), count, "coils")

    async def registers(self, address: int, count: int) -> tuple[int, ...] | None:
        """Holding registers (FC03), ``count`` of them from ``address``, each 0 to 65535."""
        answer = await self._ask(
            lambda client: client.read_holding_registers(address, count=count, device_id=self._number), "reading registers", count
        )
        return None if answer is None else tuple(answer.registers[:count])

    async def input_registers(self, address: int, count: int = 1) -> tuple[int, ...] | None:
        """Input registers (FC04), the same way."""
        answer = await self._ask(
            lambda client: client.read_input_registers(address, count=count, device_id=self._number), "reading input registers", count
        )
        return None if answer is None else tuple(answer.registers[:count])

    async def put_coil(self, address: int, on: bool) -> bool | None:
        """Write one coil (FC05). True when the unit has confirmed it, which says nothing yet about the relay."""
        answer = await self._ask(lambda client: client.write_coil(address, on, device_id=self._number), "writing a coil")
        return None if answer is None else True

    async def _bits(self, question: Callable[[_Client], Awaitable[ModbusPDU]], count: int, what: str) -> tuple[bool, ...] | None:
        answer = await self._ask(question, f"reading {what}")
        return None if answer is None else tuple(answer.bits[:count])

    async def _ask(self, question: Callable[[_Client], Awaitable[ModbusPDU]], what: str, registers: int = 0) -> ModbusPDU | None:
        line = self._line
        if not line.connected:
            raise DeviceGone(self._device, line.lost_because)
        answer = None
        if not line.rests(self._number) or self._place.urgency == ORDER:
            answer = await line.exchange(question, self._number, registers)
            if nonsense := line.take_nonsense():
                self.noise.append(nonsense)
        if not line.connected:
            raise DeviceGone(self._device, line.lost_because)
        if answer is None:
            self._check_silence()
            return None
        self._missed_first = None
        if not answer.isError():
            return answer
        if answer.exception_code in _NOT_NOW:
            return None
        code = answer.exception_code
        raise DeviceRefused(self._device, f"unit {self._number} answers {what} with exception {code}", str(code))

    def _check_silence(self) -> None:
        """Silence begins with the first question that got no answer: a thermometer that is asked once a minute is not silent in between."""
        now = self._line.now()
        if self._missed_first is None:
            self._missed_first = now
        if now - self._missed_first < SILENCE_S:
            return
        if self._line.deaf:
            self._line.drop("no unit on the line answers")
        raise DeviceSilent(self._device, f"unit {self._number} has not answered for {SILENCE_S:g} s")


class _Line:
    """An open port. Never reopened: a new connection is a new line."""

    def __init__(self, address: SerialAddress | TcpAddress, sift: Sift) -> None:
        self.members: list[int] = []
        """The unit of each device that holds the line."""
        self.turns = Turns()
        self.lost_because = f"{address} was lost"
        self.answered_at = self.now()
        self._answer_of = sift
        self._made = asyncio.Event()
        self._request = b""
        self._unanswering = b""
        self._stray = b""
        self._free_at = 0.0
        self._misses: dict[int, int] = {}
        self._rest_until: dict[int, float] = {}
        self._client: _Client
        # Errors are values here, and the supervisor logs each loss once; pymodbus would log every missed answer.
        logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL + 1)
        if isinstance(address, SerialAddress):
            baud = address.baud or USUAL_BAUD
            character_s = _CHARACTER_BITS / baud
            self._gap_s = max(3.5 * character_s, 0.00175)
            self._client = AsyncModbusSerialClient(
                address.path,
                baudrate=baud,
                bytesize=address.bytesize,
                parity=address.parity,
                stopbits=address.stopbits,
                reconnect_delay=0,
                timeout=CONNECT_S,
                retries=0,
                trace_packet=self._sift,
                trace_connect=self._connection,
            )
        else:
            character_s = 0.0
            self._gap_s = 0.0
            self._client = AsyncModbusTcpClient(
                address.host,
                port=address.port,
                reconnect_delay=0,
                timeout=CONNECT_S,
                retries=0,
                trace_packet=self._sift,
                trace_connect=self._connection,
            )
        self._character_s = character_s
        self._answer_s = _UNIT_S + _FRAME_CHARACTERS * character_s

    @classmethod
    async def open(cls, address: SerialAddress | TcpAddress, sift: Sift, device: str) -> _Line:
        """Raises DeviceGone."""
        line = cls(address, sift)
        try:
            connected = await _with_cancellation(line._client.connect())
            if connected:
                await line._made.wait()
        except (OSError, ValueError, termios.error) as error:
            raise DeviceGone(device, f"{address} cannot be set up: {error}") from error
        except asyncio.CancelledError:
            for _ in range(_STEPS_TO_SET_UP):
                await asyncio.sleep(0)
            await line.close()
            raise
        if not connected:
            raise DeviceGone(device, _why_not(address))
        return line

    @property
    def connected(self) -> bool:
        return self._client.connected

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

    async def exchange(self, question: Callable[[_Client], Awaitable[ModbusPDU]], unit: int, registers: int = 0) -> ModbusPDU | None:
        """Ask, and wait for the answer, longer where it carries many registers."""
        await asyncio.sleep(max(0.0, self._free_at - self.now()))
        answer_s = self._answer_s + 2 * registers * self._character_s
        # A late answer to a question whose asker was cancelled must not meet the next question.
        self._free_at = self.now() + answer_s
        answer = None
        try:
            async with asyncio.timeout(answer_s):
                answer = await _with_cancellation(question(self._client))
        except (TimeoutError, ModbusException):
            pass
        finally:
            self._request = b""
        self._free_at = self.now() + self._gap_s
        if answer is not None and answer.exception_code in _NO_ANSWER_BEHIND_GATEWAY:
            answer = None
        self._note(unit, answered=answer is not None)
        return answer

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
        nonsense = (self._stray + self._unanswering)[-_REMEMBERED:]
        self._stray = self._unanswering = b""
        return nonsense

    def _sift(self, sending: bool, data: bytes) -> bytes:
        """See every byte before pymodbus does: all that has come since the request, at each arrival."""
        if sending:
            self._request, self._unanswering = data, b""
            return data
        if not self._request:
            self._stray = data[-_REMEMBERED:]
            return b""
        frame = self._answer_of(self._request, data)
        if frame is None:
            self._unanswering = data
            return b""
        self._unanswering = data.replace(frame, b"", 1)
        self._request = b""
        return frame

    def _connection(self, made: bool) -> None:
        if made:
            self._made.set()

    def drop(self, reason: str) -> None:
        """Hang up: everybody on the line gets DeviceGone with this reason."""
        self.lost_because = reason
        self._client.close()

    async def close(self) -> None:
        """Close, and let the transport finish."""
        self._client.close()
        await asyncio.sleep(0)


async def _with_cancellation(awaitable: Awaitable[_T]) -> _T:
    """Await, and raise the cancellation that ``wait_for`` has swallowed on the way, if one was."""
    task = asyncio.current_task()
    before = task.cancelling() if task else 0
    result = await awaitable
    if task and task.cancelling() > before:
        raise asyncio.CancelledError
    return result


def _why_not(address: SerialAddress | TcpAddress) -> str:
    """Why a port could not be opened, for people; pymodbus keeps the reason to its log, so that it is asked for again."""
    if isinstance(address, TcpAddress):
        return f"no connection to {address}"
    try:
        with closing(
            serial.Serial(
                address.path, address.baud or USUAL_BAUD, address.bytesize, address.parity, address.stopbits, timeout=0, exclusive=True
            )
        ):
            return f"{address.path} was not to be opened, and is now"
    except (OSError, ValueError, termios.error) as error:
        return why_not(address.path, error)
