"""What a loaded configuration is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from device.domain.layout import Layout
from device.domain.products import Product


@dataclass(frozen=True, slots=True)
class Configuration:
    """A configuration in which no fault was found.

    ``source`` is its file, ``layout`` its tables with all paths made absolute, ``products`` the catalogue by GTIN (14 digits).
    """

    source: Path
    layout: Layout
    products: Mapping[str, Product]
