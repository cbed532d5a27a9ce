"""The files of ``[access]`` and ``[mqtt]``: public keys, cards, and files that only have to be there."""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from pathlib import Path
from typing import get_args

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from device.config.faults import Faults, did_you_mean, either, shown, shown_path
from device.config.files import read_bytes
from device.config.products import FAULTS_SHOWN, read_table
from device.domain.cards import Card
from device.domain.events import Purpose
from device.domain.jws import public_keys
from device.domain.layout import Mqtt
from device.domain.osdp_key import parse_osdp_key

MAX_BYTES = 64 * 1024
SHORTEST_CARDS_KEY = 16


def read_public_keys(paths: tuple[Path, ...], place: str, faults: Faults) -> tuple[Ed25519PublicKey, ...]:
    """The Ed25519 public keys (PEM, one a file) of a list in the configuration."""
    keys = []
    for number, path in enumerate(paths):
        here = f"{place}[{number}]"
        pem = read_bytes(path, MAX_BYTES, here, faults)
        if pem is None:
            continue
        try:
            keys.append(Ed25519PublicKey.from_public_bytes(public_keys(pem)[0]))
        except ValueError as error:
            faults.add(here, shown_path(path), str(error))
    return tuple(keys)


def read_cards_key(path: Path | None, faults: Faults) -> bytes | None:
    """The key of the cards' HMAC: what the file holds, without white space at its ends. 16 bytes or more, never shown."""
    if path is None:
        return None
    key = read_bytes(path, MAX_BYTES, "access.cards_key_file", faults)
    if key is None:
        return None
    key = key.strip()
    if len(key) < SHORTEST_CARDS_KEY:
        faults.add("access.cards_key_file", shown_path(path), f"must hold {SHORTEST_CARDS_KEY} bytes or more")
    return key


def read_cards(path: Path | None, zones: Set[str], faults: Faults) -> dict[str, Card]:
    """The cards by their HMAC. CSV: card_hmac,name,purpose,zones; blank purpose is shop, blank zones are all, else divided by spaces."""
    if path is None:
        return {}
    own = Faults()
    cards: dict[str, Card] = {}
    for where, row in read_table(path, "access.cards_file", ("card_hmac",), ("name", "purpose", "zones"), own):
        card = _card(where, row, zones, own)
        if card is not None and card.card_hmac in cards:
            own.add(f"{where}, card_hmac", shown(card.card_hmac), "is there twice")
        elif card is not None:
            cards[card.card_hmac] = card
    faults.extend(own, path.name, FAULTS_SHOWN)
    return cards


def _card(where: str, row: Mapping[str, str], zones: Set[str], faults: Faults) -> Card | None:
    before = len(faults)
    card_hmac = row["card_hmac"].lower()
    if not re.fullmatch("[0-9a-f]{64}", card_hmac):
        faults.add(f"{where}, card_hmac", shown(row["card_hmac"]), "64 digits of 0-9 a-f: the HMAC-SHA256 of the card number")
    purpose: Purpose = "shop"
    for known in get_args(Purpose):
        if row.get("purpose") == known:
            purpose = known
    if row.get("purpose") not in (None, "", purpose):
        allowed = f"{either(get_args(Purpose))}{did_you_mean(row['purpose'], get_args(Purpose))}"
        faults.add(f"{where}, purpose", shown(row["purpose"]), allowed)
    named = tuple(row.get("zones", "").split())
    for zone in named:
        if zone not in zones:
            faults.add(f"{where}, zones", shown(zone), f"no zone has this id{did_you_mean(zone, zones)}")
    return Card(card_hmac, row.get("name", ""), purpose, named or None) if len(faults) == before else None


def check_osdp_key(path: str, file: Path, faults: Faults) -> None:
    """The key of an OSDP device is there, is one, and is not the one that everybody knows. It is never shown."""
    content = read_bytes(file, MAX_BYTES, f"{path}.key_file", faults)
    if content is None:
        return
    try:
        parse_osdp_key(content.decode("ascii", "replace"))
    except ValueError as error:
        faults.add(f"{path}.key_file", shown_path(file), str(error))


def check_mqtt_files(path: str, mqtt: Mqtt, faults: Faults) -> None:
    """The files of ``[mqtt]`` are there and can be read; what is in them is the TLS library's to judge."""
    for key in ("password_file", "ca_file", "cert_file", "key_file"):
        file: Path | None = getattr(mqtt, key)
        if file is not None:
            read_bytes(file, 16 * MAX_BYTES, f"{path}.{key}", faults)
