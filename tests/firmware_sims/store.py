"""A small store for tests of the simulated store."""

from __future__ import annotations

from pathlib import Path

CONFIG = """
[store]
id = "test-store"
name = "Test"
timezone = "Europe/Rome"
currency = "EUR"
[mqtt]
url = "mqtt://127.0.0.1:1883"
[catalogue]
file = "products.csv"
[[zone]]
id = "fridge"
[zone.temperature]
min_celsius = 6
max_celsius = 10
[[zone]]
id = "bar"
[[lock]]
id = "fridge-lock"
zone = "fridge"
driver = "modbus-relay"
port = "serial:/dev/rs485?baud=19200&parity=E"
unit = 2
relay = 3
contact = 0
bolt = 9
[[lock]]
id = "bar-lock"
zone = "bar"
driver = "gpio"
relay = 17
contact = 5
exit_button = 6
[[scale]]
id = "board"
zone = "fridge"
driver = "shelf-board"
port = "serial:/dev/board"
channels = 2
counts_per_gram = [400.0, 410.0]
zero_counts = [1000.0, -2000.0]
[[scale]]
id = "sics"
zone = "bar"
driver = "mt-sics"
port = "serial:/dev/sics?baud=9600"
[[scale]]
id = "stream"
zone = "bar"
driver = "stream"
port = "tcp:192.0.2.1:4001"
[[scale]]
id = "cells"
zone = "bar"
driver = "modbus-loadcell"
port = "serial:/dev/rs485?baud=19200&parity=E"
unit = 3
channels = 2
divisor = 10.0
[[slot]]
id = "A1"
scale = "board"
products = ["6901234567892"]
capacity = 6
[[slot]]
id = "A2"
scale = "board"
channel = 2
products = ["6901234567892", "80012345"]
capacity = 4
[[slot]]
id = "B1"
scale = "sics"
products = ["80012345"]
capacity = 3
[[rfid]]
id = "fridge-rfid"
zone = "fridge"
driver = "r200"
port = "serial:/dev/rfid"
[[thermometer]]
id = "fridge-air"
zone = "fridge"
driver = "ds18b20"
serial = "28-0000075c1b2a"
[[thermometer]]
id = "bar-air"
zone = "bar"
driver = "modbus"
port = "serial:/dev/rs485?baud=19200&parity=E"
unit = 4
[[reader]]
id = "fridge-qr"
zone = "fridge"
driver = "gm65"
port = "serial:/dev/qr"
[[input]]
id = "fire"
zones = ["fridge", "bar"]
kind = "fire"
driver = "modbus-relay"
port = "serial:/dev/rs485?baud=19200&parity=E"
unit = 2
input = 4
normally = "closed"
[[input]]
id = "tamper"
zones = ["bar"]
kind = "tamper"
driver = "gpio"
pin = 7
"""

PRODUCTS = """gtin,name,grams,grams_sd,price_minor,age_limit,max_celsius,tagged
6901234567892,Rosso,1250,6,1200,18,,true
80012345,Acqua,520,,150,,,
"""

ROSSO = "06901234567892"
ACQUA = "00000080012345"


def write_store(directory: Path) -> Path:
    """The configuration file of the store, with its product list beside it."""
    (directory / "products.csv").write_text(PRODUCTS, encoding="utf-8")
    config = directory / "store.toml"
    config.write_text(CONFIG, encoding="utf-8")
    return config
