"""The AsyncAPI 3.0 document: every topic, who sends on it, and what is in a message."""

from __future__ import annotations

from typing import Any

from device import __version__
from device.domain.degraded import FAULTS, MODES

JSON = dict[str, Any]
TEXT: JSON = {"type": "string"}
TIME: JSON = {"type": "string", "format": "date-time"}
COUNT: JSON = {"type": "integer", "minimum": 0}
NUMBER: JSON = {"type": "number"}
CLOCK: JSON = {"enum": ["trusted", "untrusted"]}
LOCK: JSON = {"enum": ["locked", "unlocked", None]}


def _or_null(schema: JSON) -> JSON:
    return {"anyOf": [schema, {"type": "null"}]}


def _object(properties: JSON, required: list[str] | None = None) -> JSON:
    return {"type": "object", "properties": properties, "required": list(properties) if required is None else required}


ALARM = _object({"alarm": TEXT, "kind": TEXT})
LEVELS: dict[str, JSON] = {
    "status": _object(
        {
            "state": {"enum": ["online", "offline", "stopping"]},
            "since": TIME,
            "epoch": TEXT,
            "boot": TEXT,
            "version": TEXT,
            "simulated": {"type": "boolean"},
            "clock": CLOCK,
            "challenge": TEXT,
            "seq": COUNT,
        },
        ["state"],
    ),
    "zone": _object(
        {
            "door": {"enum": ["open", "closed", "unknown"]},
            "lock_commanded": LOCK,
            "lock_observed": LOCK,
            "session": _or_null(TEXT),
            "purpose": _or_null(TEXT),
            "sales": {"enum": ["open", "closed_hours", "stopped"]},
            "reasons": {"type": "array", "items": TEXT},
            "mode": {"enum": list(MODES)},
            "faults": {"type": "array", "items": {"enum": list(FAULTS)}},
            "celsius": _or_null(NUMBER),
            "alarms": {"type": "array", "items": ALARM},
        }
    ),
    "slot": _object(
        {
            "products": {"type": "array", "items": TEXT},
            "count": _or_null(COUNT),
            "grams": _or_null(NUMBER),
            "confidence": _or_null(NUMBER),
            "expires": {"type": "object", "additionalProperties": {"type": "string", "format": "date"}},
            "low": {"type": "boolean"},
            "trusted": {"type": "boolean"},
        }
    ),
    "device": _object(
        {
            "state": {"enum": ["online", "degraded", "lost"]},
            "since": _or_null(TIME),
            "kind": TEXT,
            "driver": TEXT,
            "noise": COUNT,
            "resets": COUNT,
            "samples": COUNT,
            "dropped": COUNT,
            "last": {},
            "firmware": _or_null(TEXT),
            "reason": _or_null(TEXT),
        }
    ),
    "health": _object(
        {
            "uptime_s": NUMBER,
            "load": NUMBER,
            "memory_mb": NUMBER,
            "journal_unsent": COUNT,
            "journal_mb": NUMBER,
            "samples_per_s": NUMBER,
            "events_per_s": NUMBER,
            "refused_unsigned": COUNT,
            "restarts": COUNT,
            "clock": CLOCK,
        }
    ),
}
TELEMETRY: JSON = {"type": "object", "description": "values of one device; never journalled"}
REPLY = _object(
    {
        "id": _or_null(TEXT),
        "status": {"enum": ["accepted", "done", "refused", "failed"]},
        "reason": _or_null(TEXT),
        "result": _or_null({"type": "object"}),
        "time": TIME,
    }
)
RECEIPT = _object({"epoch": TEXT, "upto": COUNT})

RETAINED: JSON = {"mqtt": {"qos": 1, "retain": True}}
DURABLE: JSON = {"mqtt": {"qos": 1, "retain": False}}
FLEETING: JSON = {"mqtt": {"qos": 0, "retain": False}}


def asyncapi(events: JSON, commands: JSON) -> JSON:
    """The document, from the schemas of events and commands."""
    outline = _Outline()
    for name, level in LEVELS.items():
        outline.level(name, level)
    for definition in events["oneOf"]:
        kind = definition["$ref"].removeprefix("#/$defs/event.")
        outline.add("send", f"event.{kind}", f"event/{kind.replace('.', '/')}", definition, DURABLE, "application/cloudevents+json")
    outline.add("send", "telemetry", "telemetry/{device}", TELEMETRY, FLEETING)
    outline.add("send", "reply", "reply/{command}", REPLY, DURABLE)
    for definition in commands["oneOf"]:
        name = definition["$ref"].removeprefix("#/$defs/command.")
        outline.add("receive", f"command.{name}", f"command/{name}", definition, DURABLE, "application/jose")
        outline.operations[f"command.{name}"]["reply"] = {"channel": {"$ref": "#/channels/reply"}}
    outline.add("receive", "receipt", "receipt", RECEIPT, DURABLE)
    document = {
        "asyncapi": "3.0.0",
        "info": {
            "title": "smartstore",
            "version": __version__,
            "description": "One unattended store. `root` is mqtt.topic of its configuration. Sent by the store: status, levels, events, "
            "telemetry, replies. Received by it: commands, as a compact JWS (EdDSA) whose claims are the payload below, and receipts.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": outline.channels,
        "operations": outline.operations,
        "components": {"messages": outline.messages, "schemas": {**events["$defs"], **commands["$defs"]}},
    }
    moved: JSON = _moved(document)
    return moved


class _Outline:
    """Channels, operations and messages, which name each other."""

    def __init__(self) -> None:
        self.channels: JSON = {}
        self.operations: JSON = {}
        self.messages: JSON = {}

    def level(self, name: str, schema: JSON) -> None:
        single = name in ("status", "health")
        self.add("send", name, name if single else f"{name}/{{{name}}}", schema, RETAINED)

    def add(self, action: str, name: str, topic: str, payload: JSON, bindings: JSON, content: str = "application/json") -> None:
        address = f"{{root}}/{topic}"
        parameters: JSON = {part[1:-1]: {} for part in address.split("/") if part.startswith("{")}
        self.messages[name] = {"name": name, "contentType": content, "payload": payload}
        self.channels[name] = {
            "address": address,
            "parameters": parameters,
            "messages": {name: {"$ref": f"#/components/messages/{name}"}},
        }
        self.operations[name] = {
            "action": action,
            "channel": {"$ref": f"#/channels/{name}"},
            "messages": [{"$ref": f"#/channels/{name}/messages/{name}"}],
            "bindings": bindings,
        }


def _moved(value: Any) -> Any:
    """References into ``$defs`` as references into the document's components."""
    if isinstance(value, dict):
        return {key: _moved(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_moved(item) for item in value]
    return value.replace("#/$defs/", "#/components/schemas/") if isinstance(value, str) else value
