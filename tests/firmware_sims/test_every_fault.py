"""Every fault of a wire, on every simulated device: what it does to the bytes, and that the device is well again afterwards."""

from __future__ import annotations

import asyncio
import inspect
import pkgutil
import struct
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import serial

import firmware_sims
from firmware_sims import llrp, modbus, r200, uhfreader18
from firmware_sims.ds18b20 import Ds18b20
from firmware_sims.faults import Babble, Corrupt, Delay, Drop, Faulty, Freeze, Merge, Split
from firmware_sims.gm65 import Gm65
from firmware_sims.line_reader import LineReader
from firmware_sims.llrp import LlrpReader
from firmware_sims.modbus import RtuSlave, TcpSlaves
from firmware_sims.modbus_registers import LoadCellTransmitter, Thermometer
from firmware_sims.modbus_relay import RelayBoard
from firmware_sims.mt_sics import MtSicsScale
from firmware_sims.osdp import OsdpDevice
from firmware_sims.r200 import R200
from firmware_sims.rdm6300 import Rdm6300
from firmware_sims.serve import Rig, served
from firmware_sims.shelf_board import ShelfBoard
from firmware_sims.sim import Recorded, Sim
from firmware_sims.stream import StreamScale
from firmware_sims.uhfreader18 import UhfReader18
from firmware_sims.wiegand import WiegandBridge
from tests.capture import capture

EPC = bytes.fromhex("30751FEB705C5904E3D50D70")
TICKS = 400


def rising() -> Recorded:
    return Recorded([float(number) for number in range(10_000)])


def rtu(body: str) -> bytes:
    data = bytes.fromhex(body)
    return data + modbus.crc(data)


@dataclass
class Wired:
    """A device, and what makes it speak: called before each tick; what the device says at once is what it returns."""

    sim: Sim
    provoke: Callable[[Sim, Any], bytes]


def asked(make: Callable[[], Sim], question: bytes) -> Callable[[], Wired]:
    return lambda: Wired(make(), lambda wire, _: wire.receive(question))


def speaking(make: Callable[[], Sim], first: bytes = b"") -> Callable[[], Wired]:
    def wired() -> Wired:
        once = [first] if first else []
        return Wired(make(), lambda wire, _: wire.receive(once.pop()) if once else b"")

    return wired


def shown(make: Callable[[], Any], code: str) -> Callable[[], Wired]:
    def provoke(wire: Sim, device: Any) -> bytes:
        device.show(code)
        return b""

    return lambda: Wired(make(), provoke)


def inventory() -> bytes:
    """What has an LLRP reader report all that it sees."""
    spec = llrp.parameter(llrp.ROSPEC, struct.pack(">IBB", 1, 0, 0))
    asked = ((llrp.DELETE, bytes(4)), (llrp.ADD, spec), (llrp.ENABLE, bytes(4)), (llrp.START, bytes(4)))
    return b"".join(llrp.message(kind, number, body) for number, (kind, body) in enumerate(asked, 1))


def transmitter() -> LoadCellTransmitter:
    return LoadCellTransmitter([rising()], counts_per_gram=[10.0], zero_counts=[0.0])


DEVICES: dict[str, Callable[[], Wired]] = {
    "mt-sics": speaking(lambda: MtSicsScale(rising()), b"SIR\r\n"),
    "stream a&d": speaking(lambda: StreamScale(rising())),
    "stream cas": speaking(lambda: StreamScale(rising(), "cas")),
    "stream nci": asked(lambda: StreamScale(rising(), "nci"), b"W\r"),
    "shelf-board": speaking(lambda: ShelfBoard([rising(), rising()])),
    "modbus-loadcell": asked(lambda: RtuSlave(transmitter()), rtu("010300000002")),
    "modbus-loadcell over tcp": asked(lambda: TcpSlaves([transmitter()]), struct.pack(">HHHBBHH", 1, 0, 6, 1, 3, 0, 2)),
    "modbus-relay": asked(lambda: RtuSlave(RelayBoard(1)), rtu("010100000008")),
    "thermometer": asked(lambda: RtuSlave(Thermometer(lambda: 7.5)), rtu("010400010001")),
    "ds18b20": asked(lambda: Ds18b20(lambda: 7.5), b""),
    "r200": asked(lambda: R200(lambda: [EPC]), r200.frame(0, 0x22)),
    "llrp": asked(lambda: LlrpReader(lambda: [EPC]), inventory()),
    "uhfreader18": asked(lambda: UhfReader18(lambda: [EPC]), uhfreader18.frame(0, b"\x01")),
    "uhfreader18 scanning": speaking(lambda: UhfReader18(lambda: [EPC], scanning=True)),
    "gm65": shown(Gm65, "06901234567892"),
    "line": shown(LineReader, "06901234567892"),
    "rdm6300": shown(Rdm6300, "010063E9AE"),
    "wiegand": shown(WiegandBridge, "212:7041"),
    "osdp": asked(lambda: OsdpDevice(101, bytes(range(16))), capture("osdp")["id"]),
}
OWN_WIRE = {
    "Bus": "several of them",
    "Faulty": "the wrapper",
}
"""Simulated devices that no fault is put on here, and why."""


def test_every_simulated_device_has_its_faults_tried() -> None:
    modules = [
        import_module(f"firmware_sims.{module.name}")
        for module in pkgutil.iter_modules(firmware_sims.__path__)
        if module.name != "__main__"
    ]
    kinds = {
        name
        for module in modules
        for name, kind in inspect.getmembers(module, inspect.isclass)
        if kind.__module__ == module.__name__ and name != "Sim" and all(hasattr(kind, part) for part in ("receive", "tick", "power_cycle"))
    }
    tried = {type(make().sim).__name__ for make in DEVICES.values()}
    assert kinds == tried | OWN_WIRE.keys()


every_device = pytest.mark.parametrize("device", DEVICES)


def hear(wired: Wired, wire: Sim, ticks: int = TICKS) -> list[bytes]:
    """What is heard in each tick, answers and all; the device is provoked as if it were well."""
    return [wired.provoke(wire, wired.sim) + wire.tick(wired.sim.quantum_s) for _ in range(ticks)]


def both(device: str) -> tuple[list[bytes], Wired, Faulty]:
    """What the device says when it is well, and another one like it, to be made ill."""
    well = DEVICES[device]()
    ill = DEVICES[device]()
    return hear(well, well.sim), ill, Faulty(ill.sim)


@every_device
def test_a_device_with_faults_of_none_is_the_device(device: str) -> None:
    clean, ill, wire = both(device)
    assert sum(map(len, clean)) > 200, "the device speaks at all"
    assert hear(ill, wire) == clean


@every_device
def test_split_bytes_come_in_crumbs_and_in_order(device: str) -> None:
    clean, ill, wire = both(device)
    wire.add("split", Split(5))
    crumbs = hear(ill, wire)
    assert max(map(len, crumbs)) <= 10, "five for the answer, five for the tick"
    assert sum(map(len, crumbs)) > 100
    assert b"".join(clean).startswith(b"".join(crumbs))


@every_device
def test_merged_bytes_are_all_there_in_fewer_pieces(device: str) -> None:
    clean, ill, wire = both(device)
    wire.add("merge", Merge(ill.sim.quantum_s * 7))
    lumps = hear(ill, wire)
    assert 0 < sum(map(bool, lumps)) <= TICKS // 7 + 1
    whole = b"".join(lumps)
    assert b"".join(clean).startswith(whole)
    assert len(whole) > sum(map(len, clean)) * 0.9


@every_device
def test_delayed_bytes_are_the_same_and_later(device: str) -> None:
    clean, ill, wire = both(device)
    wire.add("delay", Delay(ill.sim.quantum_s * 5))
    late = hear(ill, wire)
    assert b"".join(late[:4]) == b""
    assert b"".join(clean).startswith(b"".join(late))
    assert any(late)


@every_device
def test_corrupted_bytes_are_as_many_and_some_are_others(device: str) -> None:
    clean, ill, wire = both(device)
    wire.add("corrupt", Corrupt(0.05, device))
    whole, heard = b"".join(clean), b"".join(hear(ill, wire))
    assert len(heard) == len(whole)
    wrong = sum(one != other for one, other in zip(heard, whole, strict=True))
    assert 0.02 < wrong / len(whole) < 0.09


@every_device
def test_dropped_bytes_are_missing_and_nothing_is_new(device: str) -> None:
    clean, ill, wire = both(device)
    wire.add("drop", Drop(0.05, device))
    whole, heard = b"".join(clean), b"".join(hear(ill, wire))
    assert 0.9 < len(heard) / len(whole) < 0.98
    left = iter(whole)
    assert all(byte in left for byte in heard)


@every_device
def test_babble_is_added_to_what_is_said(device: str) -> None:
    clean, ill, wire = both(device)
    wire.add("babble", Babble(20, device))
    noisy = hear(ill, wire)
    assert sum(map(len, noisy)) > sum(map(len, clean)) + TICKS * 5
    assert all(surrounds(noise, said) for noise, said in zip(noisy, clean, strict=True))


def surrounds(noise: bytes, said: bytes) -> bool:
    """Babble comes after what is answered in a tick and before what is said unasked."""
    return any(noise.startswith(said[:place]) and noise.endswith(said[place:]) for place in range(len(said) + 1))


@every_device
def test_a_frozen_device_says_nothing_and_speaks_again_when_its_time_is_over(device: str) -> None:
    _, ill, wire = both(device)
    frozen_ticks = 50
    wire.add("freeze", Freeze(), for_s=ill.sim.quantum_s * frozen_ticks)
    said = hear(ill, wire)
    assert b"".join(said[:frozen_ticks]) == b""
    wire.receive(b"SIR\r\n")  # the one request of the scale that repeats itself was not heard
    assert b"".join([*said[frozen_ticks:], *hear(ill, wire)])


@every_device
def test_a_reboot_in_mid_frame_cuts_one_piece_in_two_and_the_device_goes_on(device: str) -> None:
    clean, ill, wire = both(device)
    wire.reboot_in_mid_frame()
    said = hear(ill, wire)
    first = next(number for number, piece in enumerate(clean) if len(piece) > 1)
    assert said[:first] == clean[:first]
    assert len(said[first]) < len(clean[first])
    wire.receive(b"SIR\r\n")
    assert b"".join(hear(ill, wire))


@pytest.mark.parametrize("device", [name for name in DEVICES if name != "ds18b20"])
async def test_an_unplugged_device_speaks_again_under_the_same_name(device: str, tmp_path: Path) -> None:
    wired = DEVICES[device]()
    async with served(wired.sim, tmp_path / "port") as link:
        for _ in range(2):
            with serial.Serial(str(link.path), 115_200, timeout=0, exclusive=True) as port:
                await speak(wired, port)
                link.unplug()
                assert not link.path.exists()
            link.plug()


class _Host:
    """The device as the host has it: what it is asked goes through the port."""

    quantum_s = 0.0

    def __init__(self, port: serial.Serial) -> None:
        self._port = port

    def receive(self, data: bytes) -> bytes:
        self._port.write(data)
        return b""

    def tick(self, dt: float) -> bytes:
        return bytes(self._port.read(4096))

    def power_cycle(self) -> None:
        raise NotImplementedError


async def test_an_unplugged_probe_is_gone_from_its_folder_and_comes_back(tmp_path: Path) -> None:
    async with Rig() as rig:
        link = rig.folder(Ds18b20(lambda: 7.5), tmp_path, "28-000000000001")
        assert "YES" in (tmp_path / link.serial / "w1_slave").read_text()
        link.unplug()
        assert not (tmp_path / link.serial).exists()
        link.plug()
        assert "YES" in (tmp_path / link.serial / "w1_slave").read_text()


async def speak(wired: Wired, port: serial.Serial) -> None:
    """Provoke the device through the port until something is heard."""
    host = _Host(port)
    async with asyncio.timeout(30):
        while not host.tick(0.0):
            wired.provoke(host, wired.sim)
            await asyncio.sleep(0.02)
