"""The contract for machines: JSON Schemas of configuration, events and commands, and an AsyncAPI 3.0 document of the topics.

All are generated from the models, so that they cannot say anything else: ``python -m device.config.schema DIR``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from device.config.asyncapi import asyncapi
from device.domain.commands import COMMANDS
from device.domain.envelope import EVENTS
from device.domain.layout import Layout

JSON = dict[str, Any]
DIALECT = "https://json-schema.org/draft/2020-12/schema"
TEXT: JSON = {"type": "string"}
TIME: JSON = {"type": "string", "format": "date-time"}

ENVELOPE: JSON = {
    "specversion": {"const": "1.0"},
    "id": {**TEXT, "description": "{epoch}-{seq}"},
    "source": {**TEXT, "description": "smartstore/{store id}"},
    "type": TEXT,
    "subject": {**TEXT, "description": "the zone, slot or device concerned"},
    "time": {**TIME, "description": "a label; seq is the order"},
    "datacontenttype": {"const": "application/json"},
    "epoch": {**TEXT, "description": "new only when the journal is new"},
    "seq": {"type": "integer", "minimum": 1, "description": "gapless within an epoch"},
    "boot": TEXT,
    "uptime": {**TEXT, "pattern": r"^\d+\.\d{3}$", "description": "seconds of CLOCK_BOOTTIME"},
    "clock": {"enum": ["trusted", "untrusted"]},
    "simulated": {"type": "boolean"},
    "data": {"type": "object"},
}

CLAIMS: JSON = {
    "id": {**TEXT, "description": "at most one effect an id"},
    "name": {"enum": list(COMMANDS)},
    "args": {"type": "object"},
    "iat": {"type": "number", "description": "Unix time"},
    "exp": {"type": "number", "description": "Unix time; of a physical command at most 60 s ahead"},
    "sub": {**TEXT, "description": "who asks"},
    "aud": {**TEXT, "description": "the store's id"},
    "challenge": {**TEXT, "description": "the one in the status, where the store's clock is not trusted"},
}


def documents() -> dict[str, JSON]:
    """Every generated document by its file name."""
    events, commands = events_schema(), commands_schema()
    return {
        "config.schema.json": config_schema(),
        "events.schema.json": events,
        "commands.schema.json": commands,
        "asyncapi.json": asyncapi(events, commands),
    }


def rendered(document: JSON) -> str:
    """A document as it stands in its file."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def config_schema() -> JSON:
    """The configuration file, as an editor with TOML schemas takes it."""
    schema = _plain(Layout.model_json_schema(by_alias=True))
    return {"$schema": DIALECT, "title": "smartstore configuration", **schema}


def events_schema() -> JSON:
    """One event in its envelope: one of the definitions ``event.{type}``."""
    definitions: JSON = {}
    for kind, event in EVENTS.items():
        data = _plain(TypeAdapter(event).json_schema(by_alias=True, mode="serialization"))
        definitions.update({name: _complete(inner) for name, inner in data.pop("$defs", {}).items()})
        text = data.pop("description")
        properties = {**ENVELOPE, "type": {"const": kind}, "data": _complete(data)}
        definitions[f"event.{kind}"] = {"type": "object", "description": text, "properties": properties, "required": list(ENVELOPE)}
    return _one_of("smartstore event", "event", EVENTS, definitions)


def commands_schema() -> JSON:
    """The claims of one command: one of the definitions ``command.{name}``."""
    definitions: JSON = {}
    for name, arguments in COMMANDS.items():
        args = _plain(arguments.model_json_schema(by_alias=True))
        definitions.update(args.pop("$defs", {}))
        needed = ["id", "name", *(["args"] if args.get("required") else []), "exp", "aud"]
        properties = {**CLAIMS, "name": {"const": name}, "args": args}
        definitions[f"command.{name}"] = {"type": "object", "properties": properties, "required": needed}
    return _one_of("smartstore command", "command", COMMANDS, definitions)


def _one_of(title: str, prefix: str, names: dict[str, Any], definitions: JSON) -> JSON:
    variants = [{"$ref": f"#/$defs/{prefix}.{name}"} for name in names]
    return {"$schema": DIALECT, "title": title, "oneOf": variants, "$defs": dict(sorted(definitions.items()))}


def _complete(schema: JSON) -> JSON:
    """A field that does not apply is there, and null: so every property is required."""
    return {**schema, "required": list(schema["properties"])} if "properties" in schema else schema


def _plain(schema: Any, named: bool = False) -> Any:
    """The schema without the titles that repeat the names of models and fields. ``named``: its keys are names, not keywords."""
    if isinstance(schema, list):
        return [_plain(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept = ((key, value) for key, value in schema.items() if named or key != "title" or not isinstance(value, str))
    return {key: _plain(value, named=not named and key in ("properties", "$defs")) for key, value in kept}


def main(folder: Path) -> None:
    """Write all documents into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, document in documents().items():
        (folder / name).write_text(rendered(document), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
