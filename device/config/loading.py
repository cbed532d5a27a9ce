"""Reading a configuration file and all that it names."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from device.config.configuration import Configuration
from device.config.draft import Draft
from device.config.faults import Faults, did_you_mean, shown
from device.config.files import read_text, resolve
from device.config.jurisdiction import check_rules
from device.config.keys import check_mqtt_files, check_osdp_key, read_cards, read_cards_key, read_public_keys
from device.config.options import check_options
from device.config.products import Catalogue, read_products
from device.config.rules import check_tables
from device.config.wiring import OSDP, check_wiring
from device.domain.layout import Access, CatalogueSettings, Mqtt, Slot
from device.errors import ConfigError

MAX_BYTES = 1024 * 1024
"""A store of a thousand slots has about 150 KB."""

MAX_DEPTH = 16


def load(path: Path) -> Configuration:
    """Read a configuration and the files that it names. Nothing is opened that a device is on.

    Raises ConfigError with all that is wrong with any of them.
    """
    faults = Faults()
    raw = _read_toml(path, faults)
    if raw is None:
        raise ConfigError(list(faults))
    draft = _draft(raw, path.absolute().parent, faults)
    check_options(draft, path.absolute().parent, faults)
    check_tables(draft, faults)
    check_wiring(draft, faults)
    catalogue = Catalogue({}, frozenset())
    for _, settings in draft.of(CatalogueSettings):
        catalogue = read_products(settings.file, "catalogue.file", faults)
        _check_products(draft, catalogue, faults)
        check_rules(draft, catalogue.products, faults)
    for place, mqtt in draft.of(Mqtt):
        check_mqtt_files(place, mqtt, faults)
    for place, device in draft.of(*OSDP):
        check_osdp_key(place, device.key_file, faults)
    access = next((table for _, table in draft.of(Access)), Access())
    entry_keys = read_public_keys(access.entry_keys, "access.entry_keys", faults)
    command_keys = read_public_keys(access.command_keys, "access.command_keys", faults)
    cards = read_cards(access.cards_file, draft.values("zone", "id"), faults)
    cards_key = read_cards_key(access.cards_key_file, faults)
    if faults or draft.layout is None:
        raise ConfigError(list(faults))
    return Configuration(path.absolute(), draft.layout, catalogue.products, entry_keys, command_keys, cards, cards_key)


def _draft(raw: dict[str, Any], folder: Path, faults: Faults) -> Draft:
    """The tables, with the rules of the file that ``store.jurisdiction`` names after the configuration's own."""
    store, own = raw.get("store"), raw.get("rule", [])
    name = store.get("jurisdiction") if isinstance(store, dict) else None
    if not isinstance(name, str) or not isinstance(own, list):
        return Draft(raw, folder, faults)
    file = resolve(Path(name), folder)
    rules = _rules_of(file, faults)
    found = Faults()
    draft = Draft({**raw, "rule": [*own, *rules]}, folder, found)
    for fault in found:
        rule = re.match(r"rule\[(\d+)\](.*)", fault.path)
        path = f"{file.name}: rule[{int(rule[1]) - len(own)}]{rule[2]}" if rule and int(rule[1]) >= len(own) else fault.path
        faults.add(path, fault.found, fault.allowed)
    return draft


def _rules_of(file: Path, faults: Faults) -> list[Any]:
    raw = _read_toml(file, faults, "store.jurisdiction")
    if raw is None:
        return []
    for key in raw:
        if key != "rule":
            faults.add(f"{file.name}: {key}", "", f"unknown key{did_you_mean(key, ['rule'])}; a jurisdiction has [[rule]] tables only")
    rules = raw.get("rule")
    if not isinstance(rules, list) or not rules:
        faults.add(f"{file.name}: rule", "", "has no [[rule]]")
        return []
    return rules


def _check_products(draft: Draft, catalogue: Catalogue, faults: Faults) -> None:
    """A slot's products are in the catalogue. A row with faults counts as there; a catalogue that cannot be read tells its own fault."""
    if not catalogue.named:
        return
    for path, slot in draft.of(Slot):
        for place, gtin in enumerate(slot.products):
            if gtin not in catalogue.named:
                hint = did_you_mean(gtin, catalogue.named)
                faults.add(f"{path}.products[{place}]", shown(gtin), f"is not in the catalogue{hint}")


def _read_toml(path: Path, faults: Faults, place: str = "configuration") -> dict[str, Any] | None:
    text = read_text(path, MAX_BYTES, place, faults)
    if text is None:
        return None
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        where, reason = _told(text, str(error))
        faults.add(f"{path.name} {where}", "", f"is not TOML: {reason}")
    except (ValueError, RecursionError) as error:
        faults.add(path.name, "", f"is not TOML that can be read: {error}")
    else:
        if _deepest(raw) <= MAX_DEPTH:
            return raw
        faults.add(path.name, "", f"has more than {MAX_DEPTH} tables or lists within each other")
    return None


def _told(text: str, error: str) -> tuple[str, str]:
    """Where a file is not TOML, and why, by tomllib's error: where what was left open begins, and else where reading ended."""
    from device.config.unclosed import hint, opened_at, place  # a configuration without a mistake does not need it

    text = text.replace("\r\n", "\n")  # as tomllib counts
    spot = re.search(r" \(at (?:line (\d+), column (\d+)|end of document)\)$", error)
    reason = error[: spot.start()] if spot else error
    line, column = (int(spot[1]), int(spot[2])) if spot and spot[1] else (0, 0)
    end = sum(map(len, text.splitlines(keepends=True)[: line - 1])) + column - 1 if line else len(text)
    opened = opened_at(text, end)
    if opened is None:
        return (place(text, end) if line else "at its end"), reason + hint(text, end, reason)
    at, sign = opened
    if sign in "[{":
        if "Unclosed" not in reason:
            return place(text, end), reason + hint(text, end, reason)
        return place(text, at), f"this {sign} is not closed before {place(text, end)}; or a comma is missing there"
    within = "on its line" if len(sign) == 1 else "anywhere"
    return place(text, at), f"the quote {sign} that opens here is not closed {within}"


def _deepest(value: object) -> int:
    """How many tables and lists stand within each other; without recursion, because the answer may be "too many"."""
    depth, level = 0, [value]
    while level:
        level = [inner for outer in level for inner in _inner(outer)]
        depth += 1
    return depth


def _inner(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
