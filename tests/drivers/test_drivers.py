from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from device.domain.layout import (
    CodeReader,
    Ds18b20,
    GpioInput,
    GpioLock,
    ModbusInput,
    ModbusLoadcellScale,
    ModbusLock,
    ModbusThermometer,
    MtSicsScale,
    OsdpInput,
    OsdpLock,
    OsdpReader,
    RfidReader,
    ShelfBoardScale,
    StreamScale,
    Table,
)
from device.domain.port import parse_port
from device.drivers import DRIVERS, Kind, driver_for
from device.errors import ConfigError

PORT = parse_port("serial:/dev/no-such-port")
KEY_FILE = Path("/no/such/key")


def test_a_driver_has_the_id_of_its_entry() -> None:
    entry = MtSicsScale(id="shelf-a", zone="z", driver="mt-sics", port=parse_port("serial:/dev/ttyUSB0"))
    assert driver_for("scale", entry).id == "shelf-a"


def test_a_driver_that_is_not_there_is_a_fault_that_names_those_that_are() -> None:
    entry = CodeReader(id="qr", zone="z", driver="gm65", port=parse_port("serial:/dev/ttyUSB0"))
    with pytest.raises(ConfigError) as faults:
        driver_for("scale", entry)
    (fault,) = faults.value.faults
    assert fault.path == "scale qr: driver"
    assert "mt-sics" in fault.allowed


ENTRIES: dict[tuple[Kind, str], Table] = {
    ("lock", "modbus-relay"): ModbusLock(id="d", zone="z", driver="modbus-relay", port=PORT, relay=0, contact=0),
    ("lock", "gpio"): GpioLock(id="d", zone="z", driver="gpio", relay=17, contact=27),
    ("lock", "osdp"): OsdpLock(id="d", zone="z", driver="osdp", port=PORT, key_file=KEY_FILE, relay=0, contact=0),
    ("reader", "osdp"): OsdpReader(id="d", zone="z", driver="osdp", port=PORT, key_file=KEY_FILE),
    ("input", "osdp"): OsdpInput(id="d", zones=("z",), kind="fire", driver="osdp", port=PORT, key_file=KEY_FILE, input=0),
    ("scale", "mt-sics"): MtSicsScale(id="d", zone="z", driver="mt-sics", port=PORT),
    ("scale", "stream"): StreamScale(id="d", zone="z", driver="stream", port=PORT),
    ("scale", "shelf-board"): ShelfBoardScale(id="d", zone="z", driver="shelf-board", port=PORT),
    ("scale", "modbus-loadcell"): ModbusLoadcellScale(id="d", zone="z", driver="modbus-loadcell", port=PORT, channels=16),
    ("rfid", "r200"): RfidReader(id="d", zone="z", driver="r200", port=PORT),
    ("rfid", "uhfreader18"): RfidReader(id="d", zone="z", driver="uhfreader18", port=PORT),
    ("rfid", "llrp"): RfidReader(id="d", zone="z", driver="llrp", port=parse_port("tcp:h:5084")),
    ("reader", "gm65"): CodeReader(id="d", zone="z", driver="gm65", port=PORT),
    ("reader", "line"): CodeReader(id="d", zone="z", driver="line", port=PORT),
    ("reader", "rdm6300"): CodeReader(id="d", zone="z", driver="rdm6300", port=PORT),
    ("reader", "wiegand"): CodeReader(id="d", zone="z", driver="wiegand", port=PORT),
    ("thermometer", "ds18b20"): Ds18b20(id="d", zone="z", driver="ds18b20", serial="28-0000075c1b2a"),
    ("thermometer", "modbus"): ModbusThermometer(id="d", zone="z", driver="modbus", port=PORT),
    ("input", "modbus-relay"): ModbusInput(id="d", zones=("z",), kind="fire", driver="modbus-relay", port=PORT, input=0),
    ("input", "gpio"): GpioInput(id="d", zones=("z",), kind="fire", driver="gpio", pin=5),
}


@pytest.mark.parametrize("pair", DRIVERS, ids=" ".join)
def test_every_driver_of_the_table_is_made_without_touching_its_port(pair: tuple[Kind, str]) -> None:
    assert driver_for(pair[0], ENTRIES[pair]).id == "d"


def test_no_driver_is_loaded_before_it_is_used() -> None:
    """In a process of its own: what a daemon with one scale has in memory."""
    program = """
import sys
from device.domain.layout import MtSicsScale
from device.domain.port import parse_port
from device.drivers import driver_for
driver_for("scale", MtSicsScale(id="s", zone="z", driver="mt-sics", port=parse_port("tcp:h:1")))
print(*sorted(name for name in sys.modules if name.startswith(("device.drivers.", "device.wire.", "serial", "pymodbus", "gpiozero"))))
"""
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert "device.drivers.mt_sics" in loaded
    assert not {name.partition(".")[0] for name in loaded} & {"serial", "pymodbus", "gpiozero"}
    assert "device.drivers.r200" not in loaded
    assert "device.wire.shelf_board" not in loaded
