"""What a store is assembled of: the journal and the state in it, who is trusted, and a driver for each device."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from device.config import Configuration
from device.domain.events import StartReason
from device.domain.jws import Keyring, public_pem
from device.domain.record import record
from device.drivers import Kind, driver_for
from device.drivers.driver import Driver
from device.engine.records import restore
from device.errors import ConfigError, Fault, JournalDamaged, StoreError
from device.journal import Journal
from device.journal.reading import newest_event, open_archive
from device.recording import Header
from device.sensing import Calibration
from device.store.access import authentication, codes
from device.store.memory.state import State
from device.store.store import Trust

log = logging.getLogger("smartstore")


@record
class Recovered:
    """What a start finds: the journal, the state in it, and why the last run ended."""

    journal: Journal
    state: State
    reason: StartReason


def recover(configuration: Configuration, boot: str, *, simulated: bool = False) -> Recovered:
    """Open the journal and fold it. A damaged one is set aside, said loudly, and a new one begun.

    Raises JournalFull where there is no room even to begin, ConfigError where a simulated store wrote it and this one is not, or the other
    way round.
    """
    settings = configuration.layout.journal
    require_kind(settings.path, simulated=simulated)
    try:
        journal = Journal.open(settings.path, max_mb=settings.max_mb, keep_days=settings.keep_days)
    except JournalDamaged as damaged:
        log.error("the journal is damaged: %s; a new one is begun, with a new epoch", damaged)
        journal = Journal.open(settings.path, max_mb=settings.max_mb, keep_days=settings.keep_days)
    snapshot, rows = journal.recover()
    state = restore(snapshot, rows)
    journal.recall_codes(state.used)
    if not state.boot:
        return Recovered(journal, state, "first_start")
    if not state.running:
        return Recovered(journal, state, "clean")
    return Recovered(journal, state, "crash" if state.boot == boot else "power_loss")


def require_kind(path: Path, *, simulated: bool) -> None:
    """Raises ConfigError where the journal is a simulated store's and this one is not, or the other way round.

    Every event says which it is, so the newest one tells. What cannot be read is for the opening to judge.
    """
    try:
        with closing(open_archive(path)) as archive:
            newest = newest_event(archive)
    except (StoreError, sqlite3.Error):
        return
    try:
        envelope = json.loads(newest) if newest is not None else None
    except ValueError:
        return
    if not isinstance(envelope, dict) or envelope.get("simulated") is not (not simulated):
        return
    written, ours = ("a real store", "a simulated one") if simulated else ("a simulated store", "a real one")
    remedy = f"move it (with its -wal) to another place, or name another file: {ours} needs a journal of its own"
    raise ConfigError([Fault("journal.path", str(path), f"was written by {written}; {remedy}")])


def trust_of(configuration: Configuration) -> Trust:
    """Who may enter and command, by the configuration's keys and cards."""
    layout = configuration.layout
    store = layout.store.id
    root = layout.mqtt.topic.replace("{store}", store)
    return Trust(
        codes.Rules(
            store=store,
            timezone=ZoneInfo(layout.store.timezone),
            keyring=_keyring(configuration.entry_keys),
            issuer=layout.access.issuer,
            cards=codes.Cards(configuration.cards_key or b"", tuple(configuration.cards.values())),
        ),
        authentication.Rules(store=store, root=root, keyring=_keyring(configuration.command_keys), signed=layout.access.signed_commands),
    )


def _keyring(keys: tuple[Ed25519PublicKey, ...]) -> Keyring:
    return Keyring.of(key.public_bytes_raw() for key in keys)


def drivers_of(configuration: Configuration) -> dict[str, Driver]:
    """A driver for each configured device, by id; nothing is opened."""
    layout = configuration.layout
    tables: Mapping[Kind, tuple[Any, ...]] = {
        "lock": layout.lock,
        "scale": layout.scale,
        "rfid": layout.rfid,
        "thermometer": layout.thermometer,
        "reader": layout.reader,
        "input": layout.input,
    }
    return {entry.id: driver_for(kind, entry) for kind, entries in tables.items() for entry in entries}


def calibrations_of(state: State) -> dict[tuple[str, int], Calibration]:
    """The calibrations that commands have set, by scale and channel."""
    found = {}
    for key, calibration in state.calibrations.items():
        scale, _, channel = key.rpartition("/")
        found[scale, int(channel)] = Calibration(calibration.zero, calibration.per_gram)
    return found


def public_keys_of(configuration: Configuration) -> dict[str, list[str]]:
    """The public keys that sign entry codes and commands, in PEM."""
    used = {"entry": configuration.entry_keys, "command": configuration.command_keys}
    return {use: [public_pem(key.public_bytes_raw()).decode("ascii") for key in keys] for use, keys in used.items()}


def trust_of_recording(header: Header) -> Trust:
    """Who was trusted where a recording was made. Cards are not in it: nobody enters with one again."""
    layout = header.layout
    store = layout.store.id
    keyrings = {use: Keyring.from_pem(*(pem.encode("ascii") for pem in pems)) for use, pems in header.keys.items()}
    none = Keyring.of(())
    return Trust(
        codes.Rules(store, ZoneInfo(layout.store.timezone), keyrings.get("entry", none), layout.access.issuer),
        authentication.Rules(
            store, layout.mqtt.topic.replace("{store}", store), keyrings.get("command", none), layout.access.signed_commands
        ),
    )
