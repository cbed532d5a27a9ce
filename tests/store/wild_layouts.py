"""Configurations at random, as far as a checked one may be: what a start may find, and what a reload may make of it."""

from __future__ import annotations

from random import Random
from typing import Any

from device.domain.layout import Layout
from tests.store.shop import COLA, GIN, RIESLING

GTINS = (RIESLING, COLA, GIN)
TIMEZONES = ("UTC", "Europe/Berlin", "America/Sao_Paulo", "Asia/Kolkata", "Africa/Cairo", "Pacific/Apia", "Australia/Lord_Howe")
MODES = ("all", "review", "pickups", "nothing")
FAULTS = ("broker_down", "rfid_lost", "thermometer_lost", "reader_lost", "clock_untrusted", "disk_nearly_full", "mains_lost")
SPANS = ("00:00-24:00", "10:00-22:00", "22:00-06:00", "00:00-02:30", "12:00-12:01")
DATES = ("02-29", "11-22", "2026-11-22", "easter", "easter-2", "easter+366", "12-31", "01-01")
CATEGORIES = ("wine", "spirits", "soft-drink")
NAMES = ("fridge", "other", "lock", "other-lock", "a", "b", "c", "t", "t2", "qr", "out", "fire", "tags", "mains", "presence")

Tables = dict[str, Any]


def layout_of(tables: Tables) -> Layout:
    return Layout.model_validate(tables)


def a_store(chance: Random) -> Tables:
    """What a start may find. Now and then everything is called as something else was."""
    names = list(NAMES)
    if chance.random() < 0.15:
        chance.shuffle(names)
    front, back, *devices = names
    lock, other, a, b, c, t, t2, qr, out, fire, tags, mains, presence = devices
    room = chance.random() < 0.4
    tables: Tables = {
        "store": {"id": "test-01", "name": "Test", "timezone": chance.choice(TIMEZONES), "currency": "EUR"},
        "mqtt": {"url": "mqtt://127.0.0.1:1883", "acknowledge": chance.choice(["broker", "backend"])},
        "catalogue": {"file": "products.csv"},
        "lock": [_lock(chance, lock, front, 0), _lock(chance, other, back, 4)],
        "scale": [_serial(name, chance.choice([front, back]), "mt-sics") for name in (a, b, c)],
        "reader": [_serial(qr, front, "line")],
        "thermometer": [{"id": t, "zone": front, "driver": "ds18b20", "serial": "28-0000075c1b2a"}],
        "input": [{"id": fire, "zones": [front, back], "kind": "fire", "driver": "gpio", "pin": 5}],
    }
    if room and chance.random() < 0.7:
        tables["reader"].append(_serial(out, front, "line") | {"direction": chance.choice(["out", "both"])})
    if chance.random() < 0.4:
        tables["thermometer"].append({"id": t2, "zone": chance.choice([front, back]), "driver": "ds18b20", "serial": "28-0000075c1b2b"})
    if chance.random() < 0.4:
        tables["rfid"] = [_serial(tags, front, "r200")]
    if chance.random() < 0.4:
        tables["input"].append({"id": mains, "zones": [front], "kind": chance.choice(["mains", "tamper"]), "driver": "gpio", "pin": 6})
    if chance.random() < 0.4:
        tables["input"].append({"id": presence, "zones": [front], "kind": chance.choice(["presence", "exit"]), "driver": "gpio", "pin": 7})
    if room and chance.random() < 0.2:
        del tables["lock"][0]
    tables["zone"] = _zones(chance, tables, front, back, room=room)
    return tables | _renewed(chance, tables)


def reloaded(chance: Random, before: Tables) -> Tables:
    """What a reload may make of a configuration: the devices and the names of the zones stay."""
    front, back = (zone["id"] for zone in before["zone"])
    room = chance.random() < 0.5 if chance.random() < 0.3 else before["zone"][0].get("kind") == "room"
    if not any(lock["zone"] == front for lock in before["lock"]):
        room = True
    if any(reader.get("direction", "in") != "in" for reader in before["reader"]):
        room = True
    return before | {"zone": _zones(chance, before, front, back, room=room)} | _renewed(chance, before)


def _lock(chance: Random, name: str, zone: str, first: int) -> Tables:
    lock: Tables = {"id": name, "zone": zone, "driver": "modbus-relay", "port": "serial:/dev/r", "relay": first, "contact": first}
    lock |= {"fail": chance.choice(["safe", "secure"]), "relock": chance.choice(["on_open", "on_close"])}
    return lock | ({"bolt": first + 1} if chance.random() < 0.5 else {})


def _serial(name: str, zone: str, driver: str) -> Tables:
    return {"id": name, "zone": zone, "driver": driver, "port": f"serial:/dev/{name}"}


def _zones(chance: Random, tables: Tables, front: str, back: str, *, room: bool) -> list[Tables]:
    first, second = _zone(chance, tables, front), _zone(chance, tables, back)
    if room:
        first |= {"kind": "room", "max_sessions": chance.randint(1, 3)}
        if chance.random() < 0.8:
            second["inside"] = front
    return [first, second]


def _zone(chance: Random, tables: Tables, name: str) -> Tables:
    zone: Tables = {"id": name, "age_limit": chance.choice([0, 0, 18])}
    zone["max_session_s"] = chance.choice([1.0, 60.0, 1800.0, 90_000.0])
    zone["unlock_window_s"] = chance.choice([1.0, 15.0, 5000.0])
    zone["door_held_s"] = chance.choice([1.0, 60.0])
    zone["settle_s"] = chance.choice([0.5, 2.0, 100.0])
    zone["closing_grace_s"] = chance.choice([0.0, 600.0])
    zone["review_below"] = chance.choice([0.0, 0.99, 1.0])
    for hours in ("sales_hours", "pickup_hours"):
        if chance.random() < 0.2:
            zone[hours] = [f"Mon-Sun {chance.choice(SPANS)}"] * chance.randint(0, 1)
    if chance.random() < 0.6 and any(each["zone"] == name for each in tables["thermometer"]):
        zone["temperature"] = {
            "min_celsius": chance.choice([-20.0, 2.0]),
            "max_celsius": chance.choice([8.0, 14.0]),
            "regime": chance.choice(["wine", "food"]),
            "over_for_s": chance.choice([1.0, 1800.0]),
            "record_every_s": chance.choice([300.0, 1000.0]),
            "door_grace_s": chance.choice([0.0, 300.0]),
        }
    if chance.random() < 0.3:
        zone["degraded"] = {chance.choice(FAULTS): chance.choice(MODES)}
    return zone


def _renewed(chance: Random, tables: Tables) -> Tables:
    """Slots, special days, rules and degraded modes."""
    plates = chance.sample([scale["id"] for scale in tables["scale"]], chance.randint(1, 3))
    ids = chance.sample(["A", "B", "C", "D"], len(plates))
    slots = []
    for place, plate in enumerate(plates):
        products = chance.sample(GTINS, chance.choice([1, 1, 2]))
        slots.append({"id": ids[place], "scale": plate, "products": products, "capacity": chance.choice([1, 12, 100_000])})
    found: Tables = {"slot": slots, "degraded": {chance.choice(FAULTS): chance.choice(MODES)}}
    found["special_day"] = [
        {"date": date, "sales_hours": [chance.choice(SPANS)] * chance.randint(0, 1)} for date in chance.sample(DATES, chance.randint(0, 3))
    ]
    found["rule"] = [
        {
            "name": "rule",
            "categories": [chance.choice(CATEGORIES)],
            "age_limit": chance.choice([0, 21]),
            "sales_hours": [f"Mon-Sun {chance.choice(SPANS)}"],
        }
        for _ in range(chance.choice([0, 0, 1]))
    ]
    return found
