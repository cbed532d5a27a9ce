"""Records as rows of the journal, and back."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import get_args

from device.domain.envelope import EVENTS, Origin, adapter, data_of, parse, record_of, render
from device.domain.events import Event
from device.domain.moment import Moment
from device.journal import Row
from device.store.memory.fold import apply
from device.store.memory.notes import NOTES, RETIRED, Record
from device.store.memory.state import State

_EVENT_TYPES = frozenset(get_args(Event))


def row_of(record: Record, origin: Origin) -> Row:
    """A record as it is journalled: an event as the envelope that is published, a note as our own JSON."""
    moment = record.moment
    if type(record.what) in _EVENT_TYPES and record.seq is not None:
        body = render(record.what, record.subject, record.seq, moment, origin)  # type: ignore[arg-type]  # an event by the test above
        return Row(record.seq, record.what.TYPE, moment.wall, body)
    note = {
        "uptime": moment.uptime,
        "wall": moment.wall,
        "trusted": moment.trusted,
        "boot": moment.boot,
        "data": data_of(record.what),
    }
    return Row(None, record.what.TYPE, moment.wall, json.dumps(note, ensure_ascii=False, separators=(",", ":")).encode())


def record_from(row: Row) -> Record:
    """The record in a row. Raises ValueError where it is not one of this version's."""
    if row.type in EVENTS:
        event, subject, seq, moment = parse(row.body)
        return Record(event, moment, subject, seq)
    if row.type not in NOTES:
        raise ValueError(f"unknown record type {row.type!r}")
    note = json.loads(row.body)
    moment = Moment(note["uptime"], note["wall"], note["trusted"], note["boot"])
    return Record(record_of(NOTES[row.type], note["data"]), moment)


def in_use(state: State) -> frozenset[str]:
    """The pseudonyms of whoever has a session that runs."""
    sessions = [session for zone in state.zones.values() for session in zone.sessions]
    return frozenset({name for session in sessions for name in (session.subject, session.jti) if name is not None})


def dump_state(state: State) -> bytes:
    """The state as a snapshot."""
    return adapter(State).dump_json(state)


def restore(snapshot: bytes | None, rows: Iterable[Row]) -> State:
    """The state from a snapshot and the rows after it, also of a journal that an earlier version has begun."""
    state: State = adapter(State).validate_json(snapshot) if snapshot is not None else State()
    for row in rows:
        if row.type not in RETIRED:
            apply(state, record_from(row))
    return state
