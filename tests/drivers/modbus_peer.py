"""Relay boards at the other end of a Modbus line: pymodbus servers, on a pseudo-terminal cable or on TCP."""

from __future__ import annotations

import asyncio
import os
import tty
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from pymodbus.constants import ExcCodes
from pymodbus.pdu import ModbusPDU
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from device.domain.port import PortAddress, SerialAddress, TcpAddress
from device.ports.loopback import free_port

COILS, INPUTS, HOLDING, INPUT_REGISTERS, WRITE_COIL = 1, 2, 3, 4, 5


class Asked(NamedTuple):
    """One request as the server understood it."""

    unit: int
    function: int
    address: int


class Cable:
    """A serial cable: two pseudo-terminals and what carries bytes between them. ``noise`` may change what goes to the driver."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "ttyUSB0"
        self.far_path = folder / "ttyFar"
        self.noise: Callable[[bytes], bytes] = lambda data: data
        self._loop = asyncio.get_running_loop()
        self._far, self._far_slave = self._pair(self.far_path)
        self._near = self._near_slave = -1
        self._loop.add_reader(self._far, self._to_driver)
        self.plug()

    def plug(self) -> None:
        self._near, self._near_slave = self._pair(self.path)
        self._loop.add_reader(self._near, self._to_board)

    def unplug(self) -> None:
        self._loop.remove_reader(self._near)
        os.close(self._near)
        os.close(self._near_slave)
        self._near = -1
        self.path.unlink()

    def carried(self, data: bytes) -> None:
        """What the driver has sent, on its way."""

    def say(self, data: bytes) -> None:
        """Bytes that no board sent."""
        os.write(self._near, data)

    def close(self) -> None:
        if self._near != -1:
            self.unplug()
        self._loop.remove_reader(self._far)
        os.close(self._far)
        os.close(self._far_slave)

    @staticmethod
    def _pair(path: Path) -> tuple[int, int]:
        master, slave = os.openpty()
        tty.setraw(slave)
        os.set_blocking(master, False)
        path.symlink_to(os.ttyname(slave))
        return master, slave

    def _to_driver(self) -> None:
        data = self.noise(os.read(self._far, 4096))
        if self._near != -1 and data:
            os.write(self._near, data)

    def _to_board(self) -> None:
        data = os.read(self._near, 4096)
        self.carried(data)
        os.write(self._far, data)


class Boards:
    """All units of one line. ``silent`` units answer nothing; ``asked`` is what came, in order."""

    def __init__(self, units: Iterable[int]) -> None:
        self.devices = [
            SimDevice(
                unit,
                simdata=(
                    [SimData(0, values=[False] * 64, datatype=DataType.BITS)],
                    [SimData(0, values=[False] * 64, datatype=DataType.BITS)],
                    [SimData(0, values=[0] * 64, datatype=DataType.REGISTERS)],
                    [SimData(0, values=[0] * 64, datatype=DataType.REGISTERS)],
                ),
                action=self._act,
            )
            for unit in units
        ]
        self.silent: set[int] = set()
        self.spoil: Callable[[bytes], bytes] = lambda data: data
        self.asked: list[Asked] = []
        self.stuck_relays = False
        self.connections = 0
        self.refusal: int | None = None
        self.refused = {COILS, INPUTS, HOLDING, INPUT_REGISTERS, WRITE_COIL}
        self.server: ModbusSerialServer | ModbusTcpServer
        self._unit_at = 0
        self._news = asyncio.Event()

    async def until_asked(self, times: int) -> None:
        """Return after so many requests."""
        while len(self.asked) < times:
            self._news.clear()
            await self._news.wait()

    async def input(self, unit: int, address: int, closed: bool) -> None:
        await self.server.context.async_setValues(unit, INPUTS, address, [closed])

    async def put_registers(self, unit: int, function: int, address: int, *values: int) -> None:
        """Holding or input registers, by the function that reads them."""
        await self.server.context.async_setValues(unit, function, address, list(values))

    async def relay(self, unit: int, address: int) -> bool:
        values = await self.server.async_getValues(unit, COILS, address, 1)
        return bool(values[0])

    async def put_relay(self, unit: int, address: int, on: bool) -> None:
        await self.server.async_setValues(unit, COILS, address, [on])

    def count(self, unit: int) -> int:
        return sum(asked.unit == unit for asked in self.asked)

    async def _act(
        self, function: int, _start: int, _address: int, _count: int, registers: list[int], _values: list[int] | list[bool] | None
    ) -> ExcCodes | None:
        """Called by the server for every access, before it."""
        if function == COILS and self.stuck_relays:
            registers[:] = [0] * len(registers)
        return None if self.refusal is None or function not in self.refused else ExcCodes(self.refusal)

    def packet(self, sending: bool, data: bytes) -> bytes:
        if not sending or not data:
            return data
        return b"" if data[self._unit_at] in self.silent else self.spoil(data)

    def pdu(self, sending: bool, pdu: ModbusPDU) -> ModbusPDU:
        if not sending:
            self.asked.append(Asked(pdu.dev_id, pdu.function_code, pdu.address))
            self._news.set()
        return pdu

    def connection(self, made: bool) -> None:
        self.connections += made

    @asynccontextmanager
    async def on_cable(self, cable: Cable) -> AsyncIterator[PortAddress]:
        self._unit_at = 0
        self.server = ModbusSerialServer(
            self.devices, port=str(cable.far_path), baudrate=9600, trace_packet=self.packet, trace_pdu=self.pdu, reconnect_delay=0
        )
        async with self._serving():
            yield SerialAddress(str(cable.path))

    @asynccontextmanager
    async def on_tcp(self, port: int = 0) -> AsyncIterator[TcpAddress]:
        self._unit_at = 6
        port = port or free_port()
        self.server = ModbusTcpServer(
            self.devices, address=("127.0.0.1", port), trace_packet=self.packet, trace_pdu=self.pdu, trace_connect=self.connection
        )
        async with self._serving():
            yield TcpAddress("127.0.0.1", port)

    @asynccontextmanager
    async def _serving(self) -> AsyncIterator[None]:
        await self.server.serve_forever(background=True)
        try:
            yield
        finally:
            await self.server.shutdown()  # type: ignore[no-untyped-call]
            ModbusTcpServer.active_server = None
            await asyncio.sleep(0)


def spoil(every: int, at: int | None = None) -> Callable[[bytes], bytes]:
    """Flips a bit of one frame of so many: in its middle, or in byte ``at`` (over TCP the function: values have no checksum there)."""
    pieces = 0

    def spoiled(data: bytes) -> bytes:
        nonlocal pieces
        pieces += 1
        middle = len(data) // 2 if at is None else at
        return data[:middle] + bytes([data[middle] ^ 0x40]) + data[middle + 1 :] if pieces % every == 0 else data

    return spoiled
