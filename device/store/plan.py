"""The plan: what the configuration, and the commands that change it, say there is. Read-only; indexed for the questions the store asks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from device.domain.commands import ProductLine
from device.domain.events import Purpose
from device.domain.law import SalesRule, pickup_opening, sales_opening
from device.domain.layout import Layout, Lock, ModbusLoadcellScale, ShelfBoardScale, Slot, Zone
from device.domain.opening import ALWAYS, Opening
from device.domain.products import Product
from device.store.memory.fold import calibration_key
from device.store.memory.state import Calibration, State

SPREAD = 0.01
"""Item spread as a share of the weight, where the catalogue has none."""


class Plan:
    """One store's zones, devices, slots and products, with everything that belongs together already found."""

    def __init__(self, layout: Layout, products: Mapping[str, Product], state: State) -> None:
        self.layout = layout
        self._of_file = products
        self._openings: dict[tuple[str, Purpose], Opening] = {}
        self.timezone = ZoneInfo(layout.store.timezone)
        self.products = products if state.catalogue is None else {line["gtin"]: product_of(line) for line in state.catalogue}
        slots = layout.slot if state.planogram is None else _still_there(layout, state.planogram)
        self.zones: dict[str, Zone] = {zone.id: zone for zone in layout.zone}
        self.locks: dict[str, Lock] = {lock.id: lock for lock in layout.lock}
        self.slots: dict[str, Slot] = {slot.id: slot for slot in slots}
        self.scales = {scale.id: scale for scale in layout.scale}
        self.scale_zone = {scale.id: scale.zone for scale in layout.scale}
        self.reader_zone = {reader.id: reader.zone for reader in layout.reader}
        self.directions = {reader.id: reader.direction for reader in layout.reader}
        self.rfid_zone = {reader.id: reader.zone for reader in layout.rfid}
        self.thermometer_zone = {thermometer.id: thermometer.zone for thermometer in layout.thermometer}
        self.inputs = {entry.id: entry for entry in layout.input}
        self.slot_on = {(slot.scale, slot.channel): slot.id for slot in slots}
        self.drivers = {device.id: device.driver for device in layout.devices}
        self.kinds = {
            **dict.fromkeys(self.locks, "lock"),
            **dict.fromkeys(self.scale_zone, "scale"),
            **dict.fromkeys(self.reader_zone, "reader"),
            **dict.fromkeys(self.rfid_zone, "rfid"),
            **dict.fromkeys(self.thermometer_zone, "thermometer"),
            **dict.fromkeys(self.inputs, "input"),
        }

    def renewed(self, state: State) -> Plan:
        """The same store with the catalogue and planogram that commands have set since."""
        return Plan(self.layout, self._of_file, state)

    def with_slots_of(self, other: Plan, zones: Set[str], state: State) -> Plan:
        """The same store with the slots that another plan has in these zones, and the products that only that one knows.

        A slot that moves between one of them and another zone stays where it was.
        """
        there = (slot for slot in other.slots.values() if slot.scale in self.scale_zone)
        held = {slot.id: slot for slot in there if other.visited(other.zone_of_slot(slot.id)) in zones}
        plates = {(slot.scale, slot.channel) for slot in held.values()}
        free = [
            slot
            for slot in self.slots.values()
            if slot.id not in held and (slot.scale, slot.channel) not in plates and self.visited(self.zone_of_slot(slot.id)) not in zones
        ]
        return Plan(self.layout.model_copy(update={"slot": (*held.values(), *free)}), {**other._of_file, **self._of_file}, state)

    def differ(self, other: Plan) -> set[str]:
        """The visited zones whose slots another plan has otherwise."""
        return self.changed_by(other.slots.values()) | other.changed_by(self.slots.values())

    def changed_by(self, slots: Iterable[Slot]) -> set[str]:
        """The visited zones to which these slots would be others than those that are."""
        wanted = {slot.id: slot for slot in slots}
        own = [slot for name, slot in self.slots.items() if wanted.get(name) != slot]
        new = [slot for name, slot in wanted.items() if self.slots.get(name) != slot and slot.scale in self.scale_zone]
        return {self.visited(self.scale_zone[slot.scale]) for slot in (*own, *new)}

    def locks_of(self, zone: str) -> list[Lock]:
        return [lock for lock in self.layout.lock if lock.zone == zone]

    def slots_of(self, zone: str) -> list[Slot]:
        return [slot for slot in self.slots.values() if self.scale_zone.get(slot.scale) == zone]

    def inside(self, room: str) -> list[str]:
        """The cabinets in a room."""
        return [zone.id for zone in self.layout.zone if zone.inside == room]

    def visited(self, zone: str) -> str:
        """The zone whose sessions a zone's slots belong to: the room that it is inside of, or itself."""
        return self.zones[zone].inside or zone

    def inputs_of(self, zone: str, kind: str) -> list[str]:
        return [entry.id for entry in self.inputs.values() if entry.kind == kind and zone in entry.zones]

    def zone_of_slot(self, slot: str) -> str:
        return self.scale_zone[self.slots[slot].scale]

    def zone_of_device(self, device: str) -> str | None:
        """The zone a device belongs to; None for an input that watches several."""
        if device in self.locks:
            return self.locks[device].zone
        for zones in (self.scale_zone, self.reader_zone, self.rfid_zone, self.thermometer_zone):
            if device in zones:
                return zones[device]
        entry = self.inputs.get(device)
        return entry.zones[0] if entry and len(entry.zones) == 1 else None

    def calibration(self, scale: str, channel: int, state: State) -> Calibration | None:
        """A plate's calibration: the commanded one, else the configured one; a scale that weighs needs none. None: there is none yet."""
        key = calibration_key(scale, channel)
        if key in state.calibrations:
            return state.calibrations[key]
        entry = self.scales[scale]
        if not isinstance(entry, ShelfBoardScale | ModbusLoadcellScale):
            return Calibration(0.0, 1.0)
        if entry.counts_per_gram is None:
            return None
        return Calibration(_of_channel(entry.zero_counts, channel), _of_channel(entry.counts_per_gram, channel))

    def age_limit(self, zone: str) -> int:
        """Years: the greatest limit of the zone and the cabinets in it, of the products there, and of the rules that these fall under.

        Who is in a room is not asked again at a cabinet in it.
        """
        zones = (zone, *self.inside(zone))
        own = (self.zones[each].age_limit for each in zones)
        of_products = (product.age_limit for each in zones for product in self.products_in(each))
        return max(*own, *of_products, *(rule.age_limit for each in zones for rule in self.rules_of(each)), 0)

    def rules_of(self, zone: str) -> list[SalesRule]:
        """The rules that a zone's products fall under."""
        return [rule for rule in self.layout.rule if any(rule.concerns(product) for product in self.products_in(zone))]

    def opening(self, zone: str, purpose: Purpose) -> Opening:
        """When a zone may be entered, or a cabinet in a room unlocked, for a purpose. Restocking and service obey no hours."""
        if purpose not in ("shop", "pickup"):
            return ALWAYS
        if (zone, purpose) not in self._openings:
            own, days = self.zones[zone], [day for day in self.layout.special_day if day.zones is None or zone in day.zones]
            make, hours = (sales_opening, own.sales_hours) if purpose == "shop" else (pickup_opening, own.pickup_hours)
            self._openings[zone, purpose] = make(hours, days, self.rules_of(zone))
        return self._openings[zone, purpose]

    def sells_at(self, zone: str, local: datetime) -> bool:
        return self.opening(zone, "shop").is_open(local)

    def products_in(self, zone: str) -> list[Product]:
        return [self.products[gtin] for slot in self.slots_of(zone) for gtin in slot.products if gtin in self.products]


def _still_there(layout: Layout, planogram: Iterable[Mapping[str, Any]]) -> tuple[Slot, ...]:
    """The slots of a ``set_planogram`` command whose plates the configuration still has."""
    channels = {scale.id: scale.channels for scale in layout.scale}
    slots = (Slot.model_validate(slot) for slot in planogram)
    return tuple(slot for slot in slots if slot.channel <= channels.get(slot.scale, 0))


def _of_channel(value: float | tuple[float, ...], channel: int) -> float:
    return value[channel - 1] if isinstance(value, tuple) else value


def product_of(line: Mapping[str, Any]) -> Product:
    """A product of a ``set_catalogue`` command, with the catalogue file's defaults."""
    checked = ProductLine.model_validate(line)
    return Product(
        gtin=checked.gtin,
        name=checked.name,
        grams=checked.grams,
        grams_sd=checked.grams * SPREAD if checked.grams_sd is None else checked.grams_sd,
        price_minor=checked.price_minor,
        age_limit=checked.age_limit,
        max_celsius=checked.max_celsius,
        tagged=checked.tagged,
        category=checked.category,
    )
