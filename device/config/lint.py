"""Lint: what is allowed, and probably not meant."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from device.config.configuration import Configuration
from device.config.planogram import confusions, proposals
from device.config.reach import straddles
from device.domain.layout import Ds18b20, Foreign, GpioInput, GpioLock, Layout, Lock, ModbusLoadcellScale, ShelfBoardScale, Zone
from device.domain.record import record

ROOT = Path("/")


@record
class Advice:
    """One thing to think about, at its path in the file."""

    path: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}: {self.text}"


def lint(configuration: Configuration, root: Path = ROOT) -> list[Advice]:
    """All that there is to say. ``root`` is where the files of the machine are looked for."""
    layout = configuration.layout
    found = (_broker(layout), _people(configuration), _zones(layout), _ways(layout), _plates(configuration), _pins(layout, root))
    advice = [Advice(path, text) for rule in found for path, text in rule]
    for path, confusion in confusions(configuration):
        likely = f"slot {confusion.slot}: weight cannot tell {confusion} apart: wrong in {confusion.probability:.1%} of picks"
        advice.append(Advice(path, f"{likely}; put them in two slots, or tag one"))
    for path, straddle in straddles(configuration):
        across = f"an item that stands across {straddle.slot} and {straddle.other} is one or the other by its weight alone"
        likely = f"{straddle.confusion} are not told apart: wrong in {straddle.probability:.1%} of picks"
        advice.append(Advice(path, f"{across}, and {likely}; put a divider between the plates, or another product"))
    for proposal in proposals(configuration):
        names = {gtin: configuration.products[gtin].name for exchange in proposal.exchanges for gtin in (exchange.gtin, exchange.back)}
        moves = [f"{names[each.gtin]} ({each.slot}) with {names[each.back]} ({each.to})" for each in proposal.exchanges]
        better = f"the worst confusion by weight falls from {proposal.before:.1%} to {proposal.after:.1%} of picks"
        advice.append(Advice("slot", f"zone {proposal.zone}: {better} where these change places: {', '.join(moves)}"))
    return advice


def is_loopback(url: str) -> bool:
    """Whether a broker's URL stays on this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _broker(layout: Layout) -> Iterator[tuple[str, str]]:
    if not is_loopback(layout.mqtt.url):
        if layout.mqtt.url.startswith("mqtt://"):
            yield "mqtt.url", "everybody on the way can read and change what is said: use mqtts:// for a broker on another machine"
        if not layout.access.signed_commands:
            yield "access.signed_commands", "whoever reaches the broker can open the doors: false is for a broker on this machine only"
    if layout.access.signed_commands and not layout.access.command_keys:
        yield "access.command_keys", "without a key every command is refused"
    if layout.clock.trust == "always":
        yield (
            "clock.trust",
            '"always" is for labs: after a power cut the clock of a board without a battery is wrong, and codes expire by it',
        )


def _people(configuration: Configuration) -> Iterator[tuple[str, str]]:
    access = configuration.layout.access
    if access.entry_keys:
        return
    if access.cards_file is None:
        yield "access.entry_keys", "without a key or cards nobody is let in"
    sold = {gtin for slot in configuration.layout.slot for gtin in slot.products}
    aged = sorted(gtin for gtin in sold if configuration.products[gtin].age_limit)
    if aged or any(zone.age_limit for zone in configuration.layout.zone):
        names = f", e.g. {configuration.products[aged[0]].name}" if aged else ""
        yield "access.entry_keys", f"goods with an age limit cannot be sold{names}: only a signed entry code proves an age"


def _zones(layout: Layout) -> Iterator[tuple[str, str]]:
    watched = {zone for entry in layout.input if entry.kind == "fire" for zone in entry.zones}
    stocked = {scale.zone for scale in layout.scale for slot in layout.slot if slot.scale == scale.id}
    rooms = {zone.inside for zone in layout.zone}
    for place, zone in enumerate(layout.zone):
        path = f"zone[{place}]"
        if zone.id not in watched:
            yield path, f"zone {zone.id} has no fire input: its lock is not held open in a fire by this program (it must be by the wiring)"
        if zone.id not in stocked and zone.id not in rooms:
            yield path, f"zone {zone.id} has no slot: nothing in it is sold"


def _ways(layout: Layout) -> Iterator[tuple[str, str]]:
    """Ways in and out."""
    entrances = {reader.zone for reader in layout.reader if reader.direction != "out"}
    for place, zone in enumerate(layout.zone):
        if zone.inside is None and zone.id not in entrances:
            yield f"zone[{place}]", f"zone {zone.id} has no reader: its door opens by command only"
        if zone.kind == "room" and not _can_be_left(layout, zone):
            yield (
                f"zone[{place}]",
                f"room {zone.id} has no reader out, nor inputs of the kinds exit and presence: its sessions end by timeout",
            )


def _can_be_left(layout: Layout, room: Zone) -> bool:
    if any(reader.zone == room.id and reader.direction != "in" for reader in layout.reader):
        return True
    inputs = {entry.kind for entry in layout.input if room.id in entry.zones}
    has_exit = "exit" in inputs or any(lock.zone == room.id and _has_exit_button(lock) for lock in layout.lock)
    return has_exit and "presence" in inputs


def _has_exit_button(lock: Lock) -> bool:
    """What other packages' drivers have is not known here, and not doubted."""
    return isinstance(lock, Foreign) or lock.exit_button is not None


def _plates(configuration: Configuration) -> Iterator[tuple[str, str]]:
    layout = configuration.layout
    zones = {zone.id: zone for zone in layout.zone}
    scales = {scale.id: scale for scale in layout.scale}
    used = {(slot.scale, slot.channel) for slot in layout.slot}
    for place, scale in enumerate(layout.scale):
        if isinstance(scale, ShelfBoardScale | ModbusLoadcellScale) and scale.counts_per_gram is None:
            yield f"scale[{place}].counts_per_gram", f"scale {scale.id} has to be calibrated before it weighs"
        idle = [channel for channel in range(1, scale.channels + 1) if (scale.id, channel) not in used]
        if idle:
            yield f"scale[{place}]", f"scale {scale.id} has no slot on channel {', '.join(map(str, idle))}"
    for place, slot in enumerate(layout.slot):
        scale = scales[slot.scale]
        heaviest = max((configuration.products[gtin] for gtin in slot.products), key=lambda item: item.grams)
        if scale.capacity_g is not None and slot.capacity * heaviest.grams > scale.capacity_g:
            full = f"{slot.capacity} × {heaviest.name} weigh {slot.capacity * heaviest.grams / 1000:.1f} kg"
            yield f"slot[{place}].capacity", f"slot {slot.id}: {full}, over the {scale.capacity_g / 1000:g} kg of scale {scale.id}"
        limits = zones[scale.zone].temperature
        for gtin in slot.products:
            most = configuration.products[gtin].max_celsius
            if limits is not None and most is not None and most < limits.max_celsius:
                name = configuration.products[gtin].name
                yield f"slot[{place}].products", f"slot {slot.id}: {name} keeps to {most:g} °C, its zone to {limits.max_celsius:g} °C"


def _pins(layout: Layout, root: Path) -> Iterator[tuple[str, str]]:
    locks = [(f"lock[{place}]", lock) for place, lock in enumerate(layout.lock) if isinstance(lock, GpioLock)]
    if locks and _is_raspberry_pi(root) and not _strict_gpiod(root):
        advice = 'add "dtparam=strict_gpiod" to /boot/firmware/config.txt, and a pull to the safe level to the wiring'
        for path, lock in locks:
            yield path, f"the kernel keeps the pin of lock {lock.id} as it is when this program dies: {advice}"
    one_wire = any(isinstance(entry, Ds18b20) for entry in layout.thermometer)
    pins = {pin for _, lock in locks for pin in (lock.relay, lock.contact, lock.bolt, lock.exit_button)}
    pins |= {entry.pin for entry in layout.input if isinstance(entry, GpioInput)}
    if one_wire and 4 in pins:
        yield "thermometer", "pin 4 is in use, and it is the 1-wire bus's own where dtoverlay=w1-gpio names no other"


def _is_raspberry_pi(root: Path) -> bool:
    return "Raspberry Pi" in _text(root / "proc/device-tree/model")


def _strict_gpiod(root: Path) -> bool:
    texts = (_text(root / "boot/firmware/config.txt"), _text(root / "boot/config.txt"))
    return any(re.search(r"^\s*dtparam=(?:\S+,)?strict_gpiod\b(?!=(?:off|0))", text, re.MULTILINE) for text in texts)


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
