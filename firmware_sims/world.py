"""The simulated store: doors, plates, goods, air, and the hands in it. What its devices say of it is ``fit_out``'s and theirs."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from firmware_sims.door import Door
from firmware_sims.faults import Faulty
from firmware_sims.goods import Cellar, Impossible, Item, Place
from firmware_sims.physics import Fridge, Plate
from firmware_sims.pin_wires import PinWires
from firmware_sims.plan import Plan, Table
from firmware_sims.radio import Air

SLAM_G = 60.0
OPENING_G = 15.0
HUM_G = 0.3
"""What a running compressor adds to the noise of the plates in its cabinet, standard deviation."""
MOST_HANDS = 64
MOST_TIMERS = 1024
UNCOOLED_CELSIUS = 21.0


class Plug(Protocol):
    """The wire of a device, as far as a hand can reach it."""

    @property
    def plugged(self) -> bool: ...
    def plug(self) -> None: ...
    def unplug(self) -> None: ...


@dataclass
class Equipment:
    """One device of the configuration. ``firmware`` is the simulated device itself, ``sim`` is it with its faults (GPIO has none)."""

    id: str
    kind: str
    driver: str
    zone: str | None
    firmware: Any
    sim: Faulty | None = None
    plates: tuple[Plate, ...] = ()
    pins: tuple[int, ...] = ()
    link: Plug | None = None


@dataclass
class Contact:
    """An input of the store: fire, tamper and so on. ``closed`` is what its wire does."""

    kind: str
    zones: tuple[str, ...]
    normally: str
    active: bool = False

    def closed(self) -> bool:
        return self.active != (self.normally == "closed")


@dataclass
class Zone:
    """A cabinet or a room: what is in it by id, and its air."""

    id: str
    kind: str
    inside: str | None
    fridge: Fridge
    doors: dict[str, Door] = field(default_factory=dict)
    plates: list[Plate] = field(default_factory=list)
    loose_tags: set[str] = field(default_factory=set)


@dataclass
class _Timer:
    left_s: float
    do: Callable[[], None]


class World:
    """The whole store. All methods that a hand calls raise Impossible where the thing cannot be done."""

    quantum_s = 0.02

    def __init__(self, plan: Plan, seed: int = 0) -> None:
        self.plan = plan
        self.seed = seed
        self.cellar = Cellar(plan.products, seed)
        self.zones = {table["id"]: _zone(table) for table in plan.each("zone")}
        self.places: dict[str, Place] = {}
        self.devices: dict[str, Equipment] = {}
        self.contacts: dict[str, Contact] = {}
        self.hands: dict[str, list[Item]] = {}
        self.pins = PinWires()
        self.air = Air(seed)
        self.time_s = 0.0
        self._timers: list[_Timer] = []
        self._air_s = 0.0

    def tick(self, dt: float) -> None:
        """``dt`` seconds pass for everything that is not a device's own."""
        self.time_s += dt
        for zone in self.zones.values():
            for door in zone.doors.values():
                door.tick(dt)
        due = []
        for timer in self._timers:
            timer.left_s -= dt
            if timer.left_s <= 1e-9:
                due.append(timer)
        if due:
            self._timers = [timer for timer in self._timers if timer.left_s > 1e-9]
            for timer in due:
                timer.do()
        self._air_s += dt
        if self._air_s >= 0.5:
            self._breathe(self._air_s)
            self._air_s = 0.0
        self.pins.tick(dt)

    def _breathe(self, dt: float) -> None:
        for zone in self.zones.values():
            zone.fridge.tick(dt, any(door.open for door in zone.doors.values()))
            for plate in zone.plates:
                plate.hum_g = HUM_G * zone.fridge.running

    def later(self, seconds: float, do: Callable[[], None]) -> None:
        """Do something on the store's own clock."""
        if len(self._timers) >= MOST_TIMERS:
            raise Impossible("too much is going on already")
        self._timers.append(_Timer(seconds, do))

    def zone(self, name: str) -> Zone:
        if name not in self.zones:
            raise Impossible(f"no zone {name}")
        return self.zones[name]

    def place(self, name: str) -> Place:
        if name not in self.places:
            raise Impossible(f"no slot {name}")
        return self.places[name]

    def device(self, name: str) -> Equipment:
        if name not in self.devices:
            raise Impossible(f"no device {name}")
        return self.devices[name]

    def door(self, zone: str, lock: str | None = None) -> Door:
        """A door of a zone: the first one, unless a lock is named."""
        doors = self.zone(zone).doors
        if not doors:
            raise Impossible(f"zone {zone} has no door")
        if lock is not None and lock not in doors:
            raise Impossible(f"zone {zone} has no lock {lock}")
        return doors[lock or next(iter(doors))]

    def lock(self, name: str) -> Door:
        for zone in self.zones.values():
            if name in zone.doors:
                return zone.doors[name]
        raise Impossible(f"no lock {name}")

    def hand(self, who: str) -> list[Item]:
        """What somebody holds."""
        if who not in self.hands and len(self.hands) >= MOST_HANDS:
            raise Impossible("too many hands")
        return self.hands.setdefault(who, [])

    def take(self, slot: str, count: int = 1, gtin: str | None = None, who: str = "shopper", anyway: bool = False) -> list[Item]:
        """Lift items off a slot. ``anyway``: through a closed door too."""
        place = self._reach(slot, anyway)
        items = place.take(count, gtin)
        self.hand(who).extend(items)
        return items

    def put(self, slot: str, count: int = 1, gtin: str | None = None, who: str = "shopper", anyway: bool = False) -> list[Item]:
        """Put items down: what the hand holds, the last taken first; what it does not hold is new."""
        place = self._reach(slot, anyway)
        hand = self.hands.get(who, [])
        held = [item for item in reversed(hand) if gtin in (None, item.gtin)][:count]
        wanted = gtin or (held[0].gtin if held else place.products[0])
        items = held + [self.cellar.bring(wanted) for _ in range(count - len(held))]
        hand[:] = [item for item in hand if not any(item is one for one in held)]
        place.put(items)
        return items

    def leave(self, who: str = "shopper") -> list[Item]:
        """Walk away with what the hand holds."""
        return self.hands.pop(who, [])

    def _reach(self, slot: str, anyway: bool) -> Place:
        place = self.place(slot)
        zone = self.zone(place.zone)
        if zone.kind == "cabinet" and zone.doors and not anyway and not any(door.open for door in zone.doors.values()):
            raise Impossible(f"the door of {zone.id} is closed")
        return place

    def open(self, zone: str, lock: str | None = None, by_force: bool = False) -> None:
        """Pull at a door."""
        door = self.door(zone, lock)
        was_open = door.open
        if by_force:
            door.force()
        elif not door.pull():
            raise Impossible("locked")
        if not was_open:
            self._shake(zone, OPENING_G)

    def close(self, zone: str, lock: str | None = None) -> None:
        """Push a door shut."""
        door = self.door(zone, lock)
        if door.open:
            door.close()
            self._shake(zone, SLAM_G)

    def _shake(self, zone: str, grams: float) -> None:
        for plate in self.zone(zone).plates:
            plate.shake(grams)

    def set_input(self, name: str, active: bool) -> None:
        """Fire, tamper and so on. Fire cuts the locks' supply and an exit button draws the bolt, by wire and not by software."""
        if name not in self.contacts:
            raise Impossible(f"no input {name}")
        contact = self.contacts[name]
        contact.active = active
        doors = [door for zone in contact.zones for door in self.zone(zone).doors.values()]
        for door in doors:
            if contact.kind == "fire":
                door.powered = not active
            elif contact.kind == "exit":
                door.exit_pressed_s = math.inf if active else 0.0

    def tags(self, zone: str) -> list[bytes]:
        """EPCs that answer a zone's reader in a round: of what stands in it and in what is inside it, and loose ones."""
        zones = {zone} | {other.id for other in self.zones.values() if other.inside == zone}
        tags = [item.epc for place in self.places.values() if place.zone in zones for item in place.items if item.epc]
        loose = [tag for name in zones for tag in self.zones[name].loose_tags]
        hands = any(door.open for door in self.zones[zone].doors.values())
        return [epc for epc in map(bytes.fromhex, (*tags, *loose)) if self.air.answers(epc, hands=hands)]

    def truth(self) -> dict[str, Any]:
        """What is really so, for whoever checks what the device made of it."""
        return {
            "time_s": round(self.time_s, 3),
            "slots": {name: place.told() for name, place in self.places.items()},
            "zones": {name: _zone_told(zone) for name, zone in self.zones.items()},
            "inputs": {name: contact.active for name, contact in self.contacts.items()},
            "hands": {who: [item.told() for item in items] for who, items in self.hands.items()},
            "devices": {name: _device_told(device) for name, device in self.devices.items()},
        }


def _zone(table: Table) -> Zone:
    limits = table.get("temperature")
    if limits is None:
        fridge = Fridge(set_celsius=UNCOOLED_CELSIUS, ambient_celsius=UNCOOLED_CELSIUS)
    else:
        middle = (limits["min_celsius"] + limits["max_celsius"]) / 2
        swing = min(1.0, (limits["max_celsius"] - limits["min_celsius"]) / 4)
        fridge = Fridge(set_celsius=middle, swing_celsius=swing, ambient_celsius=max(24.0, middle))
    return Zone(table["id"], table.get("kind", "cabinet"), table.get("inside"), fridge)


def _zone_told(zone: Zone) -> dict[str, Any]:
    locks = {
        name: {
            "door": "open" if door.open else "closed",
            "bolt": "locked" if door.bolt_out else "unlocked",
            "energised": door.energised,
            "jammed": door.jammed,
        }
        for name, door in zone.doors.items()
    }
    return {
        "door": "open" if any(door.open for door in zone.doors.values()) else "closed",
        "locks": locks,
        "celsius": round(zone.fridge.celsius, 3),
        "compressor": zone.fridge.running,
        "loose_tags": sorted(zone.loose_tags),
    }


def _device_told(device: Equipment) -> dict[str, Any]:
    return {
        "kind": device.kind,
        "driver": device.driver,
        "plugged": device.link is None or device.link.plugged,
        "faults": list(device.sim.faults) if device.sim is not None else [],
    }
