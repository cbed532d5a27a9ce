"""The published schemas are those of the models, and fit what the program reads and writes."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from device.config.schema import documents, rendered
from device.domain.commands import COMMANDS
from device.domain.envelope import EVENTS
from device.domain.layout import Layout

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "docs" / "schema"


@pytest.mark.parametrize("name", documents())
def test_the_published_document_is_not_stale(name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == rendered(documents()[name]), "run: python -m device.config.schema docs/schema"


def test_every_reference_in_a_document_leads_somewhere() -> None:
    for name, document in documents().items():
        for reference in references(document):
            found: Any = document
            for step in reference.removeprefix("#/").split("/"):
                assert step in found, f"{name}: {reference}"
                found = found[step]


def references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [found for item in value.values() for found in references(item)]
    return [found for item in value for found in references(item)] if isinstance(value, list) else []


def test_every_event_and_every_command_has_a_channel() -> None:
    channels = {channel["address"] for channel in documents()["asyncapi.json"]["channels"].values()}
    assert {f"{{root}}/event/{kind.replace('.', '/')}" for kind in EVENTS} <= channels
    assert {f"{{root}}/command/{name}" for name in COMMANDS} <= channels


def test_an_operation_of_the_document_is_on_a_channel_with_its_message() -> None:
    document = documents()["asyncapi.json"]
    for operation in document["operations"].values():
        assert operation["action"] in ("send", "receive")
        channel = document["channels"][operation["channel"]["$ref"].removeprefix("#/channels/")]
        (message,) = operation["messages"]
        assert message["$ref"].rsplit("/", 1)[1] in channel["messages"]


def test_the_schema_of_the_configuration_knows_every_table_and_key_of_the_models() -> None:
    schema = json.loads(rendered(documents()["config.schema.json"]))
    assert set(schema["properties"]) == set(Layout.model_fields)
    assert "register" in schema["$defs"]["ModbusLoadcellScale"]["properties"]


@pytest.mark.parametrize("example", ["cabinet", "shop", "minibar"])
def test_the_examples_use_only_keys_of_the_schema(example: str) -> None:
    schema = documents()["config.schema.json"]
    raw = tomllib.loads((ROOT / "config" / f"{example}.toml").read_text(encoding="utf-8"))
    for table, value in raw.items():
        entries = value if isinstance(value, list) else [value]
        names = {name.removeprefix("#/$defs/") for name in references(schema["properties"][table])}
        assert names, table
        for entry in entries:
            assert any(set(entry) <= set(schema["$defs"][name]["properties"]) for name in names), (table, entry)


def test_the_manual_names_every_table_and_key() -> None:
    manual = (ROOT / "docs" / "config.md").read_text(encoding="utf-8")
    schema = documents()["config.schema.json"]
    keys = {key for table in schema["$defs"].values() for key in table["properties"]} | set(schema["properties"])
    assert sorted(key for key in keys if f"`{key}`" not in manual and f"[{key}]" not in manual) == []
