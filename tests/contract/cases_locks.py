"""What is asked in turn: everything on Modbus, on pymodbus servers and on our own simulated firmware; mock pins, and a 1-wire folder."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from gpiozero import Device
from gpiozero.pins.mock import MockFactory

from device.contract.case import Case, Peer
from device.domain.layout import Ds18b20, GpioInput, GpioLock, ModbusInput, ModbusLoadcellScale, ModbusLock, ModbusThermometer
from device.domain.port import SysfsAddress
from device.domain.readings import ContactReading, InputReading, Reading, TemperatureReading, WeightReading
from device.drivers import Kind, driver_for, ds18b20, gpio, modbus_relay, modbus_thermometer
from device.ports import modbus as modbus_port
from device.ports.loopback import free_port
from firmware_sims import modbus
from firmware_sims.faults import Babble, Faulty, Freeze
from firmware_sims.modbus_registers import LoadCellTransmitter, Thermometer
from firmware_sims.modbus_relay import RelayBoard
from firmware_sims.serve import Rig
from firmware_sims.sim import Steady
from tests.capture import capture
from tests.drivers.modbus_peer import HOLDING, INPUT_REGISTERS, INPUTS, WRITE_COIL, Boards, Cable, spoil

Serve = Callable[[Path], Any]


def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(modbus_port, "SILENCE_S", 1.5)
    monkeypatch.setattr(modbus_port, "REST_S", 0.5)
    monkeypatch.setattr(modbus_relay, "REPEAT_S", 0.1)
    monkeypatch.setattr(gpio, "REPEAT_S", 0.1)
    monkeypatch.setattr(ds18b20, "RETRY_S", 0.1)
    monkeypatch.setattr(modbus_thermometer, "RETRY_S", 0.1)


def _does(act: Callable[[], object]) -> Callable[[], Any]:
    async def do() -> None:
        act()

    return do


SHOWS: dict[Kind, type[Reading]] = {
    "lock": ContactReading,
    "input": InputReading,
    "scale": WeightReading,
    "thermometer": TemperatureReading,
}
ASKED_WITH: dict[Kind, int] = {"lock": WRITE_COIL, "input": INPUTS, "scale": HOLDING, "thermometer": INPUT_REGISTERS}


def _entry(kind: Kind, port: Any) -> Any:
    match kind:
        case "lock":
            return ModbusLock(id="device", zone="z", driver="modbus-relay", port=port, relay=0, contact=0, bolt=1)
        case "input":
            return ModbusInput(id="device", zones=("z",), kind="fire", driver="modbus-relay", port=port, input=3, normally="closed")
        case "scale":
            return ModbusLoadcellScale(id="device", zone="z", driver="modbus-loadcell", port=port, channels=4)
        case _:
            return ModbusThermometer(id="device", zone="z", driver="modbus", port=port, every_s=1.0)


def _refuse(boards: Boards, kind: Kind) -> None:
    boards.refusal = 2
    boards.refused = {ASKED_WITH[kind]}


def _simulated_unit(kind: Kind) -> modbus.Unit:
    match kind:
        case "scale":
            loads = [Steady(float(grams)) for grams in (100, 200, 300, 400)]
            return LoadCellTransmitter(loads, counts_per_gram=[10.0] * 4, zero_counts=[0.0] * 4)
        case "thermometer":
            return Thermometer(lambda: 7.5)
        case _:
            return RelayBoard(1)


def _on_cable(kind: Kind) -> Serve:
    @asynccontextmanager
    async def serve(folder: Path) -> AsyncIterator[Peer]:
        cable, boards = Cable(folder), Boards([1])
        try:
            async with boards.on_cable(cable) as port:
                yield Peer(
                    driver=driver_for(kind, _entry(kind, port)),
                    shows=SHOWS[kind],
                    unplug=_does(cable.unplug),
                    plug=_does(cable.plug),
                    noise=_does(lambda: setattr(cable, "noise", spoil(every=3))),
                    quiet=_does(lambda: setattr(cable, "noise", lambda data: data)),
                    freeze=_does(lambda: boards.silent.add(1)),
                    refuse=_does(lambda: _refuse(boards, kind)),
                )
        finally:
            cable.close()

    return serve


def _on_tcp(kind: Kind) -> Serve:
    @asynccontextmanager
    async def serve(_folder: Path) -> AsyncIterator[Peer]:
        number, boards = free_port(), Boards([1])
        async with AsyncExitStack() as server:
            port = await server.enter_async_context(boards.on_tcp(number))

            async def plug() -> None:
                await server.enter_async_context(boards.on_tcp(number))

            yield Peer(
                driver=driver_for(kind, _entry(kind, port)),
                shows=SHOWS[kind],
                unplug=server.aclose,
                plug=plug,
                noise=_does(lambda: setattr(boards, "spoil", spoil(every=3, at=7))),
                quiet=_does(lambda: setattr(boards, "spoil", lambda data: data)),
                freeze=_does(lambda: boards.silent.add(1)),
                refuse=_does(lambda: _refuse(boards, kind)),
            )

    return serve


def _simulated(kind: Kind, *, tcp: bool) -> Serve:
    @asynccontextmanager
    async def serve(folder: Path) -> AsyncIterator[Peer]:
        board = _simulated_unit(kind)
        faulty = Faulty(modbus.TcpSlaves([board]) if tcp else modbus.RtuSlave(board))
        async with Rig() as rig:
            link = rig.tcp(faulty) if tcp else rig.pty(faulty, folder / "port")
            yield Peer(
                driver=driver_for(kind, _entry(kind, link.port)),
                shows=SHOWS[kind],
                unplug=_does(link.unplug),
                plug=_does(link.plug),
                noise=_does(lambda: faulty.add("noise", Babble())),
                quiet=_does(faulty.clear),
                freeze=_does(lambda: faulty.add("frozen", Freeze())),
                refuse=_does(lambda: setattr(board, "refuse_with", 4)) if kind == "lock" else None,
            )

    return serve


def _on_pins(kind: Kind, shows: type[Reading], entry: Any) -> Serve:
    @asynccontextmanager
    async def serve(_folder: Path) -> AsyncIterator[Peer]:
        factory = Device.pin_factory = MockFactory()
        try:
            yield Peer(
                driver=driver_for(kind, entry),
                shows=shows,
                refuse=_does(lambda: setattr(factory.pin(entry.relay), "_change_state", lambda _: False)) if kind == "lock" else None,
            )
        finally:
            factory.reset()
            Device.pin_factory = None

    return serve


@asynccontextmanager
async def _in_a_folder(folder: Path) -> AsyncIterator[Peer]:
    golden = capture("ds18b20")
    file = folder / "28-0000075c1b2a" / "w1_slave"
    file.parent.mkdir()
    entry = Ds18b20(id="device", zone="z", driver="ds18b20", serial=file.parent.name, port=SysfsAddress(str(folder)), every_s=1.0)

    def shows(name: str) -> None:
        fresh = file.with_suffix(".new")
        fresh.write_bytes(golden[name])
        fresh.rename(file)

    shows("warm")
    yield Peer(
        driver=driver_for("thermometer", entry),
        shows=TemperatureReading,
        unplug=_does(file.unlink),
        plug=_does(lambda: shows("cool")),
        freeze=_does(lambda: shows("all_ones")),
    )


CASES = [
    Case("modbus-relay-lock", _on_cable("lock"), _hurry),
    Case("modbus-relay-input", _on_cable("input"), _hurry),
    Case("modbus-relay-lock-tcp", _on_tcp("lock"), _hurry),
    Case("modbus-relay-input-tcp", _on_tcp("input"), _hurry),
    Case("modbus-relay-lock-simulated", _simulated("lock", tcp=False), _hurry),
    Case("modbus-relay-lock-simulated-tcp", _simulated("lock", tcp=True), _hurry),
    Case("modbus-loadcell", _on_cable("scale"), _hurry),
    Case("modbus-loadcell-tcp", _on_tcp("scale"), _hurry),
    Case("modbus-loadcell-simulated", _simulated("scale", tcp=False), _hurry),
    Case("modbus-thermometer", _on_cable("thermometer"), _hurry),
    Case("modbus-thermometer-simulated", _simulated("thermometer", tcp=False), _hurry),
    Case("gpio-lock", _on_pins("lock", ContactReading, GpioLock(id="device", zone="z", driver="gpio", relay=17, contact=27)), _hurry),
    Case("gpio-input", _on_pins("input", InputReading, GpioInput(id="device", zones=("z",), kind="fire", driver="gpio", pin=5)), _hurry),
    Case("ds18b20", _in_a_folder, _hurry),
]
