"""The rules between tables: what is true of no table by itself."""

from __future__ import annotations

from collections.abc import Set

from device.config.draft import Draft
from device.config.faults import Faults, did_you_mean, nearest, shown
from device.domain.law import SpecialDay
from device.domain.layout import (
    Access,
    CodeReader,
    Device,
    Ds18b20,
    Foreign,
    ForeignInput,
    ForeignLock,
    ForeignReader,
    ForeignRfid,
    ForeignScale,
    ForeignThermometer,
    GpioInput,
    GpioLock,
    Layout,
    Lock,
    ModbusInput,
    ModbusLoadcellScale,
    ModbusLock,
    ModbusThermometer,
    Mqtt,
    MtSicsScale,
    OsdpInput,
    OsdpLock,
    OsdpReader,
    Reader,
    RfidReader,
    Scale,
    ShelfBoardScale,
    Slot,
    StreamScale,
    Zone,
)

FOREIGNERS: tuple[type[Foreign], ...] = (ForeignLock, ForeignScale, ForeignRfid, ForeignThermometer, ForeignReader, ForeignInput)
LOCKS: tuple[type[Lock], ...] = (ModbusLock, GpioLock, OsdpLock)
SCALES: tuple[type[Scale], ...] = (MtSicsScale, StreamScale, ShelfBoardScale, ModbusLoadcellScale, ForeignScale)
BOARDS: tuple[type[ShelfBoardScale | ModbusLoadcellScale], ...] = (ShelfBoardScale, ModbusLoadcellScale)
READERS: tuple[type[Reader], ...] = (CodeReader, OsdpReader, ForeignReader)
DEVICES: tuple[type[Device], ...] = (
    *LOCKS,
    *SCALES,
    *(RfidReader, Ds18b20, ModbusThermometer),
    *READERS,
    *(GpioInput, ModbusInput, OsdpInput),
    *(ForeignLock, ForeignRfid, ForeignThermometer, ForeignInput),
)


def check_tables(draft: Draft, faults: Faults) -> None:
    """Add what is wrong between tables. A reference to a table that has a fault of its own does not dangle."""
    for rule in (_ids, _references, _special_days, _cabinets, _rooms, _temperatures, _channels, _plates, _mqtt, _access):
        rule(draft, faults)


def _ids(draft: Draft, faults: Faults) -> None:
    """Ids are unique over all kinds, because topics and commands name them without their kind."""
    first: dict[str, str] = {}
    for path, name in (found for table in Layout.model_fields for found in draft.written(table, "id")):
        if name in first:
            faults.add(path, shown(name), f"is the id of {first[name].removesuffix('.id')} already; ids are unique over all kinds")
        first.setdefault(name, path)


def _references(draft: Draft, faults: Faults) -> None:
    zones, scales = draft.values("zone", "id"), draft.values("scale", "id")
    for table in ("lock", "scale", "rfid", "thermometer", "reader"):
        for path, name in draft.written(table, "zone"):
            _must_be(path, name, zones, "zone", faults)
    for path, name in (*draft.written("input", "zones"), *draft.written("zone", "inside"), *draft.written("special_day", "zones")):
        _must_be(path, name, zones, "zone", faults)
    for path, name in draft.written("slot", "scale"):
        _must_be(path, name, scales, "scale", faults)


def _must_be(path: str, name: str, known: Set[str], kind: str, faults: Faults) -> None:
    if name not in known:
        faults.add(path, shown(name), f"no {kind} has this id{did_you_mean(name, known)}")


def _may_be_meant(draft: Draft, table: str, zone: str) -> bool:
    """Whether a device names a zone that is not there, and may mean this one: that is the fault then, and not that it is missing here."""
    zones = draft.values("zone", "id")
    return any(nearest(name, zones) in (zone, None) for name in draft.values(table, "zone") - zones)


def _special_days(draft: Draft, faults: Faults) -> None:
    """A special day says something, and of one date only one of a zone's counts."""
    zones = sorted(draft.values("zone", "id"))
    first: dict[tuple[str, str], str] = {}
    for path, day in draft.of(SpecialDay):
        if day.sales_hours is None and day.pickup_hours is None:
            faults.add(path, "", "needs sales_hours or pickup_hours: the hours that hold on this day, [] for none")
        for zone in zones if day.zones is None else day.zones:
            other = first.setdefault((str(day.date), zone), path)
            if other != path:
                faults.add(f"{path}.date", shown(str(day.date)), f"{other} is about this date and zone {shown(zone)} already")


def _cabinets(draft: Draft, faults: Faults) -> None:
    locked = draft.values("lock", "zone")
    for path, zone in draft.of(Zone):
        if zone.id not in locked and not _may_be_meant(draft, "lock", zone.id):
            what = "a cabinet needs a [[lock]] with this zone"
            if zone.kind == "room":
                what = "a room needs a [[lock]] with this zone, that of its entrance: without one nobody is ever seen to come in"
            faults.add(path, shown(zone.id), what)
        if zone.kind == "cabinet" and zone.max_sessions > 1:
            faults.add(f"{path}.max_sessions", shown(zone.max_sessions), "must be 1: only a room has several sessions at a time")


def _rooms(draft: Draft, faults: Faults) -> None:
    kinds = {zone.id: zone.kind for _, zone in draft.of(Zone)}
    for path, zone in draft.of(Zone):
        if zone.inside is None:
            continue
        if zone.kind == "room":
            faults.add(f"{path}.inside", shown(zone.inside), "only a cabinet stands inside a room")
        elif kinds.get(zone.inside) == "cabinet":
            faults.add(f"{path}.inside", shown(zone.inside), "must be a zone of kind room, and this is a cabinet")
    for path, reader in draft.of(*READERS):
        if reader.direction != "in" and kinds.get(reader.zone) == "cabinet":
            faults.add(f"{path}.direction", shown(reader.direction), 'must be "in": nobody leaves a cabinet by a reader')


def _temperatures(draft: Draft, faults: Faults) -> None:
    measured = draft.values("thermometer", "zone")
    for path, zone in draft.of(Zone):
        if zone.temperature is not None and zone.id not in measured and not _may_be_meant(draft, "thermometer", zone.id):
            faults.add(f"{path}.temperature", "", f"a monitored zone needs a [[thermometer]] with zone = {shown(zone.id)}")


def _channels(draft: Draft, faults: Faults) -> None:
    """A list of calibrations has one entry a channel."""
    for path, scale in draft.of(*BOARDS):
        for key in ("counts_per_gram", "zero_counts"):
            value = getattr(scale, key)
            if isinstance(value, tuple) and len(value) != scale.channels:
                faults.add(f"{path}.{key}", shown(value), f"must be a number, or a list of {scale.channels}: one a channel")


def _plates(draft: Draft, faults: Faults) -> None:
    """A slot stands on a plate that is there, alone."""
    channels = {scale.id: scale.channels for _, scale in draft.of(*SCALES)}
    taken: dict[tuple[str, int], str] = {}
    for path, slot in draft.of(Slot):
        most = channels.get(slot.scale, slot.channel)
        if slot.channel > most:
            faults.add(f"{path}.channel", shown(slot.channel), f"scale {shown(slot.scale)} has {most} channel{'s' if most > 1 else ''}")
        plate = (slot.scale, slot.channel)
        if plate in taken:
            allowed = f"slot {shown(taken[plate])} is on channel {slot.channel} of scale {shown(slot.scale)} already; one slot a plate"
            faults.add(f"{path}.channel", shown(slot.channel), allowed)
        taken.setdefault(plate, slot.id)


def _mqtt(draft: Draft, faults: Faults) -> None:
    for path, mqtt in draft.of(Mqtt):
        for key in ("ca_file", "cert_file", "key_file"):
            value = getattr(mqtt, key)
            if value is not None and mqtt.url.startswith("mqtt://"):
                faults.add(f"{path}.{key}", shown(str(value)), "is for TLS only: write the url with mqtts://")
        for key, other in (("cert_file", "key_file"), ("key_file", "cert_file")):
            if getattr(mqtt, key) is not None and getattr(mqtt, other) is None:
                faults.add(f"{path}.{other}", "", f"is required, because {key} is given")
        if mqtt.password_file is not None and mqtt.username is None:
            faults.add(f"{path}.username", "", "is required, because password_file is given")


def _access(draft: Draft, faults: Faults) -> None:
    for path, access in draft.of(Access):
        for key, other in (("cards_file", "cards_key_file"), ("cards_key_file", "cards_file")):
            if getattr(access, key) is not None and getattr(access, other) is None:
                faults.add(f"{path}.{other}", "", f"is required, because {key} is given")
