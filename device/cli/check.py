"""``smartstore check``: every fault of a configuration, or what the store is and what to think about."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import get_args

import click

from device.cli import EX_CONFIG
from device.cli.output import fitted, json_option, say, wrapped
from device.config import Configuration, load
from device.config.faults import shown
from device.config.lint import lint
from device.domain.layout import Device, Foreign, ForeignInput, GpioInput, ModbusInput, OsdpInput, Zone
from device.drivers import DRIVERS, Kind, missing_library
from device.errors import ConfigError, Fault
from device.store.memory.state import State
from device.store.plan import Plan


@click.command("check")
@click.argument("config", type=click.Path(readable=False, path_type=Path))
@json_option
def command(config: Path, as_json: bool) -> None:
    """Validate CONFIG with all files that it names, and lint its planogram.

    Exit status 78 and every fault where it cannot be used; 0, with or without warnings, where it can.
    """
    try:
        configuration = load(config)
        _must_be_drivable(configuration)
    except ConfigError as error:
        if not as_json:
            raise
        for fault in error.faults:
            say(as_json, "", kind="fault", path=fault.path, found=fault.found, allowed=fault.allowed)
        sys.exit(EX_CONFIG)
    _summary(configuration, as_json)
    warnings = lint(configuration)
    for advice in warnings:
        say(as_json, wrapped(f"warning: {advice}", "    "), kind="warning", path=advice.path, advice=advice.text)
    if not as_json:
        click.echo(f"no faults, {len(warnings) or 'no'} {'warning' if len(warnings) == 1 else 'warnings'}")


def _must_be_drivable(configuration: Configuration) -> None:
    """The contract names more drivers than this version may have."""
    faults = []
    for kind in get_args(Kind):
        for place, device in enumerate(getattr(configuration.layout, kind)):
            if isinstance(device, Foreign):
                continue  # those have been checked with their options
            if (kind, device.driver) not in DRIVERS:
                known = ", ".join(name for of, name in DRIVERS if of == kind)
                faults.append(Fault(f"{kind}[{place}].driver", shown(device.driver), f"this version has no such driver, only {known}"))
            elif missing := missing_library(kind, device.driver):
                faults.append(Fault(f"{kind}[{place}].driver", shown(device.driver), missing))
    if faults:
        raise ConfigError(faults)


def _summary(configuration: Configuration, as_json: bool) -> None:
    layout = configuration.layout
    counts = {"zones": layout.zone, "devices": layout.devices, "slots": layout.slot, "products": configuration.products}
    numbers = {name: len(entries) for name, entries in counts.items()}
    words = ", ".join(f"{number} {name if number != 1 else name[:-1]}" for name, number in numbers.items())
    say(
        as_json,
        fitted(f"{configuration.source}: {layout.store.name} ({layout.store.id}) has {words}.", "    "),
        kind="store",
        id=layout.store.id,
        **numbers,
    )
    plan = Plan(layout, configuration.products, State())
    for zone in layout.zone:
        devices = [device.id for device in layout.devices if zone.id in _zones(device)]
        scales = {scale.id for scale in layout.scale if scale.zone == zone.id}
        slots = [slot.id for slot in layout.slot if slot.scale in scales]
        name = f"{zone.id} ({zone.name})" if zone.name else zone.id
        line = f"  {zone.kind} {name}: {_hours(zone, plan)}; slots {', '.join(slots) or 'none'}; {', '.join(devices)}"
        say(as_json, wrapped(line, "    "), kind="zone", id=zone.id, slots=slots, devices=devices)


def _zones(device: Device) -> tuple[str, ...]:
    return device.zones if isinstance(device, GpioInput | ModbusInput | OsdpInput | ForeignInput) else (device.zone,)


def _hours(zone: Zone, plan: Plan) -> str:
    """When a zone sells, and to whom."""
    if zone.sales_hours is None:
        own = "sells at all hours"
    else:
        own = f"sells {', '.join(map(str, zone.sales_hours))}" if zone.sales_hours else "never sells"
    days = [day.date for day in plan.layout.special_day if day.sales_hours is not None and (day.zones is None or zone.id in day.zones)]
    rules = [(rule.name, rule.sales_hours) for rule in plan.rules_of(zone.id) if rule.sales_hours is not None]
    limits = [f"and only {', '.join(map(str, hours))} ({name})" for name, hours in rules]
    age = plan.age_limit(zone.id)
    return ", ".join([own, *(f"other hours on {date}" for date in days), *limits, *([f"from {age} years"] if age else [])])
