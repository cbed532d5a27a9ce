"""A sound configuration with one of everything, for tests to break."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from device.config import load
from device.errors import ConfigError

SOUND = """\
[store]
id = "cellar-1"
name = "Cellar"
timezone = "Europe/Rome"
currency = "EUR"

[mqtt]
url = "mqtt://127.0.0.1:1883"

[access]
entry_keys = ["backend.pub.pem"]
command_keys = ["backend.pub.pem"]

[catalogue]
file = "products.csv"

[[zone]]
id = "room"
kind = "room"

[[zone]]
id = "fridge"
inside = "room"
sales_hours = ["Mon-Sun 10:00-22:00"]
settle_s = 2.0

[zone.temperature]
min_celsius = 4.0
max_celsius = 12.0

[[lock]]
id = "door"
zone = "room"
driver = "gpio"
relay = 17
contact = 27

[[lock]]
id = "fridge-lock"
zone = "fridge"
driver = "modbus-relay"
port = "serial:/dev/ttyBUS?baud=9600"
relay = 0
contact = 0

[[scale]]
id = "plate"
zone = "room"
driver = "mt-sics"
port = "serial:/dev/ttyPLATE"

[[scale]]
id = "board"
zone = "fridge"
driver = "shelf-board"
port = "serial:/dev/ttyBOARD"
channels = 2
counts_per_gram = [429.5, 430.0]

[[slot]]
id = "A1"
scale = "plate"
products = ["9520000001018"]
capacity = 12
low_at = 3

[[slot]]
id = "B1"
scale = "board"
channel = 1
products = ["9520000001018", "9520000001025"]

[[rfid]]
id = "tags"
zone = "fridge"
driver = "r200"
port = "serial:/dev/ttyTAGS"

[[thermometer]]
id = "air"
zone = "fridge"
driver = "ds18b20"
serial = "28-0000075c1b2a"

[[reader]]
id = "way-in"
zone = "room"
driver = "gm65"
port = "serial:/dev/ttyCODE"

[[reader]]
id = "way-out"
zone = "room"
driver = "line"
port = "tcp:192.0.2.1:4001"
direction = "out"

[[input]]
id = "fire"
zones = ["room", "fridge"]
kind = "fire"
driver = "modbus-relay"
port = "serial:/dev/ttyBUS?baud=9600"
input = 3
"""

PRODUCTS = """\
gtin,name,grams,grams_sd,price_minor,age_limit,max_celsius,tagged
9520000001018,Chianti 75 cl,1248,6.5,1450,18,25,false
9520000001025,Bianco 37.5 cl,650,,1250,,,
"""


def written(folder: Path, *edits: tuple[str, str], products: str | bytes = PRODUCTS) -> Path:
    """The sound configuration with edits (old, new; each old stands there), and its files, in a folder."""
    text = SOUND
    for old, new in edits:
        assert old in text, old
        text = text.replace(old, new, 1)
    path = folder / "store.toml"
    path.write_text(text, encoding="utf-8")
    (folder / "products.csv").write_bytes(products.encode() if isinstance(products, str) else products)
    (folder / "backend.pub.pem").write_bytes(public_key())
    return path


def faults_of(path: Path) -> list[str]:
    """What ``load`` has to say against a file, a line a fault; empty where it is sound."""
    try:
        load(path)
    except ConfigError as error:
        return [str(fault) for fault in error.faults]
    return []


def public_key() -> bytes:
    """A fresh Ed25519 public key in PEM."""
    return Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def table(kind: str, *keys: str) -> str:
    """One more table, to be put before another."""
    return "\n".join([f"[[{kind}]]", *keys, "", ""])


Edits = Sequence[tuple[str, str]]
