"""Who is on which wire: ports, pins, Modbus units and their numbers, each used once."""

from __future__ import annotations

import os
from collections.abc import Hashable, Iterator
from typing import TypeGuard

from pydantic import BaseModel

from device.config.draft import Draft
from device.config.faults import Faults, shown
from device.config.rules import DEVICES
from device.domain.layout import (
    Device,
    Ds18b20,
    Foreign,
    GpioInput,
    GpioLock,
    ModbusInput,
    ModbusLoadcellScale,
    ModbusLock,
    ModbusThermometer,
    OsdpInput,
    OsdpLock,
    OsdpReader,
    RfidReader,
)
from device.domain.port import PortAddress, SerialAddress, SysfsAddress, TcpAddress

Modbus = ModbusLock | ModbusLoadcellScale | ModbusThermometer | ModbusInput
MODBUS = (ModbusLock, ModbusLoadcellScale, ModbusThermometer, ModbusInput)
Osdp = OsdpLock | OsdpReader | OsdpInput
OSDP: tuple[type[Osdp], ...] = (OsdpLock, OsdpReader, OsdpInput)


def check_wiring(draft: Draft, faults: Faults) -> None:
    """Add every port, pin and Modbus number that two things claim, and every port of a kind that its driver cannot speak on."""
    _port_kinds(draft, faults)
    _shared_ports(draft, faults)
    _one_key_a_device(draft, faults)
    claimed: dict[Hashable, str] = {}
    for path, device in draft.of(*DEVICES):
        for key, value, what, claim in _claims(device):
            here = f"{path}.{key}"
            if claim in claimed:
                faults.add(here, shown(value), f"{what} is {claimed[claim]} already")
            claimed.setdefault(claim, here)


def wire_of(port: PortAddress) -> Hashable:
    """What two addresses of one port have in common: a serial port is the same under each of its names."""
    match port:
        case SerialAddress(path=path):
            return ("serial", os.path.realpath(path))
        case TcpAddress(host=host, port=number):
            return ("tcp", host.lower(), number)
        case SysfsAddress(path=path):
            return ("sysfs", os.path.realpath(path))


def _is_modbus(device: Device) -> TypeGuard[Modbus]:
    return isinstance(device, MODBUS)


def _port_kinds(draft: Draft, faults: Faults) -> None:
    for path, device in draft.of(*DEVICES):
        if isinstance(device, GpioLock | GpioInput | Foreign):
            continue
        here, found = f"{path}.port", shown(str(device.port))
        if isinstance(device, Ds18b20):
            if not isinstance(device.port, SysfsAddress):
                faults.add(here, found, "must be sysfs:DIR, the folder of the kernel's 1-wire devices")
        elif isinstance(device.port, SysfsAddress):
            faults.add(here, found, "must be serial:PATH or tcp:HOST:PORT")
        elif isinstance(device, RfidReader) and device.driver == "llrp" and not isinstance(device.port, TcpAddress):
            faults.add(here, found, "must be tcp:HOST:PORT: LLRP is spoken over TCP")
        elif isinstance(device.port, SerialAddress) and device.port.bytesize != 8:
            if _is_modbus(device):
                faults.add(here, found, "needs bytesize=8: Modbus RTU has 8 data bits")
            elif isinstance(device, Osdp):
                faults.add(here, found, "needs bytesize=8: OSDP has 8 data bits")


def _shared_ports(draft: Draft, faults: Faults) -> None:
    """A port has one device, or only Modbus devices, or only OSDP devices, that agree on how it is opened."""
    first: dict[Hashable, tuple[str, Device, PortAddress]] = {}
    for path, device in draft.of(*DEVICES):
        for key, port in _ports(device):
            here, wire = f"{path}.{key}", wire_of(port)
            other_path, other, other_port = first.setdefault(wire, (path, device, port))
            found = shown(str(port))
            if device is other:
                continue
            if not (_is_modbus(device) and _is_modbus(other)) and not (isinstance(device, Osdp) and isinstance(other, Osdp)):
                taken = f"is the port of {other_path} ({shown(other.id)}) already; only Modbus devices share a port, and OSDP devices"
                faults.add(here, found, taken)
            elif port != other_port:
                allowed = f"is also the port of {other_path} ({shown(other.id)}), which opens it in another way: write the same"
                faults.add(here, found, allowed)


def _ports(device: Device) -> Iterator[tuple[str, PortAddress]]:
    """The ports that a device opens, by key. Of the options of another package's driver: those that it has declared to be ports."""
    if isinstance(device, Foreign):
        for name, value in device.options if isinstance(device.options, BaseModel) else ():
            if isinstance(value, SerialAddress | TcpAddress):
                yield f"options.{name}", value
    elif not isinstance(device, GpioLock | GpioInput | Ds18b20):
        yield "port", device.port


def _one_key_a_device(draft: Draft, faults: Faults) -> None:
    """Lock, reader and inputs at one OSDP address are one device, which has one key."""
    first: dict[Hashable, tuple[str, Osdp]] = {}
    for path, device in draft.of(*OSDP):
        place = (wire_of(device.port), device.address)
        other_path, other = first.setdefault(place, (path, device))
        if device.key_file != other.key_file:
            faults.add(
                f"{path}.key_file", shown(str(device.key_file)), f"must be that of {other_path}, which is the same device: one address"
            )


def _claims(device: Device) -> Iterator[tuple[str, object, str, Hashable]]:
    """What a device needs for itself: (key, value as written, its name, what may be claimed once)."""
    match device:
        case GpioLock():
            for key in ("relay", "contact", "bolt", "exit_button"):
                pin = getattr(device, key)
                if pin is not None:
                    yield key, pin, f"pin {pin}", ("pin", pin)
        case GpioInput(pin=pin):
            yield "pin", pin, f"pin {pin}", ("pin", pin)
        case ModbusLock(unit=unit):
            yield "relay", device.relay, f"relay {device.relay} of unit {unit}", (wire_of(device.port), unit, "coil", device.relay)
            for key in ("contact", "bolt", "exit_button"):
                number = getattr(device, key)
                if number is not None:
                    yield key, number, f"input {number} of unit {unit}", (wire_of(device.port), unit, "input", number)
        case ModbusInput(unit=unit, input=number):
            yield "input", number, f"input {number} of unit {unit}", (wire_of(device.port), unit, "input", number)
        case OsdpLock(address=address):
            yield (
                "relay",
                device.relay,
                f"output {device.relay} of address {address}",
                (wire_of(device.port), address, "output", device.relay),
            )
            for key in ("contact", "bolt", "exit_button"):
                number = getattr(device, key)
                if number is not None:
                    yield key, number, f"input {number} of address {address}", (wire_of(device.port), address, "input", number)
        case OsdpInput(address=address, input=number):
            yield "input", number, f"input {number} of address {address}", (wire_of(device.port), address, "input", number)
        case OsdpReader(address=address):
            yield "address", address, f"the reader of address {address}", (wire_of(device.port), address, "reader")
        case ModbusThermometer(unit=unit, register_=register):
            yield "register", register, f"input register {register} of unit {unit}", (wire_of(device.port), unit, "register", register)
        case ModbusLoadcellScale(unit=unit):
            for number in range(device.register_, device.register_ + 2 * device.channels):
                yield "register", device.register_, f"register {number} of unit {unit}", (wire_of(device.port), unit, "holding", number)
        case Ds18b20(serial=serial):
            yield "serial", serial, "this sensor", (wire_of(device.port), serial)
        case _:
            pass
