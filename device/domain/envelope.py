"""The envelope: a CloudEvents 1.0 message in JSON structured mode, which is also what the journal keeps of an event."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, get_args
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter

from device.domain.events import Event
from device.domain.moment import Moment
from device.domain.record import record

EVENTS: dict[str, type[Event]] = {event.TYPE: event for event in get_args(Event)}
"""Every event type by its name."""


@record
class Origin:
    """What all envelopes of one run share. ``epoch`` is the journal's; ``simulated`` whether any device is simulated firmware."""

    store: str
    epoch: str
    timezone: ZoneInfo
    simulated: bool


def rfc3339(wall: float, timezone: ZoneInfo) -> str:
    """Unix time as RFC 3339 with milliseconds and the store's offset."""
    return datetime.fromtimestamp(wall, UTC).astimezone(timezone).isoformat(timespec="milliseconds")


_ADAPTERS: dict[type[Any], TypeAdapter[Any]] = {}


def adapter(kind: type[Any]) -> TypeAdapter[Any]:
    """The (de)serialiser of a dataclass; made once, because making one takes about a millisecond."""
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]


def data_of(record: object) -> dict[str, Any]:
    """A record's fields as JSON values, under the names of the contract."""
    data: dict[str, Any] = adapter(type(record)).dump_python(record, mode="json", by_alias=True)
    return data


def record_of(kind: type[Any], data: dict[str, Any]) -> Any:
    """The inverse of ``data_of``. Raises ValueError (pydantic's) where the data does not fit."""
    return adapter(kind).validate_python(data)


def render(event: Event, subject: str, seq: int, moment: Moment, origin: Origin) -> bytes:
    """One event as the bytes that are journalled and published."""
    envelope = {
        "specversion": "1.0",
        "id": f"{origin.epoch}-{seq}",
        "source": f"smartstore/{origin.store}",
        "type": event.TYPE,
        "subject": subject,
        "time": rfc3339(moment.wall, origin.timezone),
        "datacontenttype": "application/json",
        "epoch": origin.epoch,
        "seq": seq,
        "boot": moment.boot,
        "uptime": f"{moment.uptime:.3f}",
        "clock": "trusted" if moment.trusted else "untrusted",
        "simulated": origin.simulated,
        "data": data_of(event),
    }
    return json.dumps(envelope, ensure_ascii=False, separators=(",", ":")).encode()


def parse(body: bytes) -> tuple[Event, str, int, Moment]:
    """Read an envelope back: event, subject, seq, moment.

    Raises ValueError where it is not one of ours.
    """
    envelope = json.loads(body)
    try:
        event = record_of(EVENTS[envelope["type"]], envelope["data"])
        moment = Moment(
            uptime=float(envelope["uptime"]),
            wall=datetime.fromisoformat(envelope["time"]).timestamp(),
            trusted=envelope["clock"] == "trusted",
            boot=envelope["boot"],
        )
        return event, envelope["subject"], envelope["seq"], moment
    except KeyError as missing:
        raise ValueError(f"not an envelope of this version: {missing}") from None
