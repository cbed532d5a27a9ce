"""What a loaded configuration is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from device.domain.cards import Card
from device.domain.layout import Layout
from device.domain.products import Product
from device.domain.record import record


@record
class Configuration:
    """A configuration in which no fault was found.

    ``source`` is its file, ``layout`` its tables with all paths made absolute, ``products`` the catalogue by GTIN (14 digits), ``cards`` by
    their HMAC in lower-case hex under ``cards_key``.
    """

    source: Path
    layout: Layout
    products: Mapping[str, Product]
    entry_keys: tuple[Ed25519PublicKey, ...] = ()
    command_keys: tuple[Ed25519PublicKey, ...] = ()
    cards: Mapping[str, Card] = field(default_factory=dict)
    cards_key: bytes | None = field(default=None, repr=False)
