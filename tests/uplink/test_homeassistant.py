"""The discovery payload: what Home Assistant's schema asks for, and templates that say the right thing of our own topics."""

from __future__ import annotations

import json
from typing import Any

import jinja2
import pytest

from device.domain.layout import Layout
from device.domain.products import Product
from device.uplink import discovery

GTIN = "06901234567892"
LAYOUT = Layout.model_validate(
    {
        "store": {"id": "test-01", "name": "Chengdu", "timezone": "Asia/Shanghai", "currency": "CNY"},
        "mqtt": {"url": "mqtt://127.0.0.1", "homeassistant": True},
        "catalogue": {"file": "products.csv"},
        "zone": [
            {"id": "fridge-1", "name": "Whites", "temperature": {"min_celsius": 4, "max_celsius": 12}},
            {"id": "hall"},
        ],
        "lock": [{"id": "a.lock", "zone": "fridge-1", "driver": "gpio", "relay": 17, "contact": 27}],
        "scale": [{"id": "a_lock", "zone": "fridge-1", "driver": "mt-sics", "port": "tcp:127.0.0.1:4001"}],
        "slot": [{"id": "A1", "scale": "a_lock", "products": [GTIN]}],
    }
)
PRODUCTS = {GTIN: Product(GTIN, "Riesling", 1200.0, 12.0, 9900)}


@pytest.fixture
def payload() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(discovery(LAYOUT, PRODUCTS)))
    return found


def render(template: str, value: dict[str, object]) -> str:
    return jinja2.Environment(undefined=jinja2.StrictUndefined).from_string(template).render(value_json=value)


def component(payload: dict[str, Any], key: str) -> dict[str, Any]:
    found: dict[str, Any] = payload["components"][key]
    return found


def test_the_payload_has_what_device_discovery_requires(payload: dict[str, Any]) -> None:
    assert payload["device"]["identifiers"] == ["smartstore_test-01"]
    assert payload["origin"]["name"] == "smartstore"
    assert payload["availability_topic"] == "smartstore/test-01/status"
    for key, each in payload["components"].items():
        assert each["platform"] in ("sensor", "binary_sensor"), key
        assert each["unique_id"].startswith("smartstore_test-01_")
        assert each["state_topic"].startswith("smartstore/test-01/")
        assert key.replace("_", "").replace("-", "").isalnum()
    identities = [each["unique_id"] for each in payload["components"].values()]
    assert len(set(identities)) == len(identities)


def test_every_zone_slot_and_device_is_there_once(payload: dict[str, Any]) -> None:
    assert set(payload["components"]) == {
        *(f"zone_fridge-1_{what}" for what in ("door", "lock", "alarm", "sales", "session", "temperature")),
        *(f"zone_hall_{what}" for what in ("door", "lock", "alarm", "sales", "session")),
        "slot_A1_count",
        *(f"device_{device}_{what}" for device in ("a_2elock", "a_5flock") for what in ("connected", "problem")),
    }
    assert component(payload, "device_a_2elock_problem")["state_topic"] == "smartstore/test-01/device/a.lock"
    assert component(payload, "slot_A1_count")["name"] == "A1 Riesling"


ZONE: dict[str, object] = {
    "door": "open",
    "lock_commanded": "locked",
    "lock_observed": None,
    "session": None,
    "sales": "open",
    "celsius": None,
    "alarms": [],
}


@pytest.mark.parametrize(
    ("what", "change", "expected"),
    [
        ("door", {}, "ON"),
        ("door", {"door": "closed"}, "OFF"),
        ("door", {"door": "unknown"}, "None"),
        ("lock", {}, "OFF"),
        ("lock", {"lock_observed": "unlocked"}, "ON"),
        ("lock", {"lock_commanded": None}, "None"),
        ("alarm", {}, "OFF"),
        ("alarm", {"alarms": [{"alarm": "1", "kind": "too_warm"}]}, "ON"),
        ("sales", {"sales": "closed_hours"}, "closed_hours"),
        ("session", {}, "-"),
        ("session", {"session": "s-1"}, "s-1"),
        ("temperature", {}, "None"),
        ("temperature", {"celsius": 7.25}, "7.25"),
    ],
)
def test_a_zone_template_says(payload: dict[str, Any], what: str, change: dict[str, object], expected: str) -> None:
    assert render(component(payload, f"zone_fridge-1_{what}")["value_template"], ZONE | change) == expected


@pytest.mark.parametrize(("state", "connected", "problem"), [("online", "ON", "OFF"), ("degraded", "ON", "ON"), ("lost", "OFF", "ON")])
def test_a_device_template_says(payload: dict[str, Any], state: str, connected: str, problem: str) -> None:
    assert render(component(payload, "device_a_2elock_connected")["value_template"], {"state": state}) == connected
    assert render(component(payload, "device_a_2elock_problem")["value_template"], {"state": state}) == problem


@pytest.mark.parametrize(("state", "said"), [("online", "online"), ("stopping", "offline"), ("offline", "offline")])
def test_the_store_is_available_while_it_is_online(payload: dict[str, Any], state: str, said: str) -> None:
    assert render(payload["availability_template"], {"state": state}) == said


def test_an_unknown_count_is_unknown(payload: dict[str, Any]) -> None:
    template = component(payload, "slot_A1_count")["value_template"]
    assert render(template, {"count": None}) == "None"
    assert render(template, {"count": 0}) == "0"
