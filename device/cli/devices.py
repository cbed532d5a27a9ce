"""``smartstore devices``: what is plugged in, and the lines of a configuration for it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

import click

from device.cli.output import json_option, say
from device.errors import DeviceError
from device.ports.listing import ChipSeen, SerialPortSeen, gpio_chips, name_of, one_wire_probes, serial_ports

HEADER = "pinctrl-"
"""How the chip begins that has the pins of a Raspberry Pi's header: ``pinctrl-bcm2711``, ``pinctrl-rp1``."""
PIN: dict[str, Any] = {"id": "input-1", "zones": ["ZONE"], "kind": "tamper", "driver": "gpio", "pin": 17, "normally": "closed"}

USUAL_SPEEDS = {"shelf-board": 115_200, "r200": 115_200, "uhfreader18": 57_600}


@click.command()
@click.option("--probe", is_flag=True, help="Ask politely what is on each serial port; takes up to fifteen seconds a port.")
@click.option("--port", "only", multiple=True, metavar="PATH", help="Only this serial port; repeatable.")
@json_option
def command(probe: bool, only: tuple[str, ...], as_json: bool) -> None:
    """Show serial ports, 1-wire probes and GPIO chips, with the lines to paste into a configuration.

    Without --probe nothing is opened but GPIO chips. With it, ports that another program has open are left alone.
    """
    ports = [_named(path) for path in only] or serial_ports()
    if not ports and not as_json:
        click.echo("No serial ports.")
    counts: dict[str, int] = {}
    for port in ports:
        _port(port, probe, as_json, counts)
    if only:
        return
    probes, chips = one_wire_probes(), gpio_chips()
    for number, serial in enumerate(probes, 1):
        table = {"id": f"thermometer-{number}", "zone": "ZONE", "driver": "ds18b20", "serial": serial}
        say(as_json, f"1-wire probe {serial}\n{_lines('thermometer', table)}\n", kind="1-wire", serial=serial, config=table)
    for chip in chips:
        config = PIN if not chip.problem and chip.label.startswith(HEADER) else None
        say(as_json, _chip(chip) + ("\n" + _lines("input", config) if config else ""), **{"kind": "gpio", **asdict(chip)}, config=config)
    if not as_json:
        if not probes:
            click.echo("No 1-wire probes. (The bus is switched on by dtoverlay=w1-gpio in /boot/firmware/config.txt.)")
        if not chips:
            click.echo("No GPIO chips.")


def _named(path: str) -> SerialPortSeen:
    name, why = name_of(path)
    return SerialPortSeen(path, name, why, "", None)


def _port(port: SerialPortSeen, probe: bool, as_json: bool, counts: dict[str, int]) -> None:
    about = port.path if port.name == port.path else f"{port.path}: {port.name}"
    lines = [about + (f"  ({port.description})" if port.description else "")]
    if port.why:
        lines.append(f"  {port.why}")
    answers, problem = _asked(port) if probe else ([], "")
    configs = []
    for answer in answers:
        kind = answer["kind"]
        counts[kind] = counts.get(kind, 0) + 1
        config = _config(answer, port.name, counts[kind])
        unit = f", unit {answer['settings']['unit']}" if "unit" in answer["settings"] else ""
        parity = " with even parity" if answer["parity"] == "E" else ""
        lines.append(f"  {answer['driver']} at {answer['baud']} baud{parity}{unit}: {answer['words']}")
        if kind != "unknown":
            configs.append({"table": kind, **config})
            lines.append(_lines(kind, config))
    if problem:
        lines.append(f"  {problem}")
    elif probe and not answers:
        lines.append("  nothing known answers; readers of cards and codes that only speak (rdm6300, wiegand, line) cannot be asked")
    if not configs:
        lines.append(f'    port = "serial:{port.name}"')
    fields = {"path": port.path, "name": port.name, "why": port.why, "description": port.description, "serial": port.serial}
    say(as_json, "\n".join(lines) + "\n", kind="serial", **fields, found=answers, problem=problem, config=configs)


def _asked(port: SerialPortSeen) -> tuple[list[dict[str, Any]], str]:
    from device.drivers.asking import ask

    try:
        return [asdict(found) for found in ask(port.name)], ""
    except DeviceError as error:
        return [], error.reason


def _config(answer: Mapping[str, Any], name: str, number: int) -> dict[str, Any]:
    usual = USUAL_SPEEDS.get(answer["driver"], 9600)
    speed = "" if answer["baud"] == usual and answer["driver"] != "modbus-relay" else f"?baud={answer['baud']}"
    if answer["parity"] != "N":
        speed = f"?baud={answer['baud']}&parity={answer['parity']}"
    port = f"serial:{name}{speed}"
    return {"id": f"{answer['kind']}-{number}", "zone": "ZONE", "driver": answer["driver"], "port": port, **answer["settings"]}


def _lines(table: str, config: Mapping[str, Any]) -> str:
    return "\n".join([f"    [[{table}]]", *_pairs(config)])


def _pairs(config: Mapping[str, Any]) -> Iterator[str]:
    for name, value in config.items():
        yield f"    {name} = {json.dumps(value)}"


def _chip(chip: ChipSeen) -> str:
    if chip.problem:
        return f"{chip.path}: {chip.problem}"
    return f"{chip.path}: {chip.label or chip.name}, {chip.lines} lines"
