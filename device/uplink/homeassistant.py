"""Home Assistant: the store as one device, discovered over MQTT, fed from our own retained topics.

Device discovery (Home Assistant 2024.11 and later): one retained message at ``homeassistant/device/<store>/config`` with ``device``,
``origin`` and ``components``, each of which needs a ``platform`` and a ``unique_id``
(https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload). An empty message there removes everything. Nothing here can be
operated from Home Assistant: commands are signed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from device import __version__
from device.domain.layout import Layout
from device.domain.products import Product
from device.uplink.topics import Topics

_Component = dict[str, object]

UNKNOWN = "None"
"""The state that Home Assistant's MQTT platforms read as unknown; it is also how its templates print null."""


def discovery(layout: Layout, products: Mapping[str, Product]) -> dict[str, object]:
    """The payload for the whole store. ``products`` by GTIN, for the names of slots."""
    store = layout.store
    topics = Topics(layout.mqtt.topic.replace("{store}", store.id), store.id)
    return {
        "device": {"identifiers": [f"smartstore_{store.id}"], "name": store.name, "manufacturer": "smartstore", "sw_version": __version__},
        "origin": {"name": "smartstore", "sw_version": __version__},
        "availability_topic": topics.status,
        "availability_template": "{{ 'online' if value_json.state == 'online' else 'offline' }}",
        "qos": 1,
        "components": dict(_components(layout, products, topics)),
    }


def _components(layout: Layout, products: Mapping[str, Product], topics: Topics) -> Iterator[tuple[str, _Component]]:
    store = layout.store.id
    for zone in layout.zone:
        named = zone.name or zone.id
        for what, component in _of_zone(named, zone.temperature is not None).items():
            yield _placed(store, "zone", zone.id, what, topics.level(f"zone/{zone.id}"), component)
    for slot in layout.slot:
        names = ", ".join(products[gtin].name if gtin in products else gtin for gtin in slot.products)
        count: _Component = {
            "platform": "sensor",
            "name": f"{slot.id} {names}",
            "state_class": "measurement",
            "value_template": "{{ value_json.count }}",
        }
        yield _placed(store, "slot", slot.id, "count", topics.level(f"slot/{slot.id}"), count)
    for device in layout.devices:
        for what, component in _of_device(device.id).items():
            yield _placed(store, "device", device.id, what, topics.level(f"device/{device.id}"), component)


def _placed(store: str, kind: str, id_: str, what: str, topic: str, component: _Component) -> tuple[str, _Component]:
    # Ids may hold dots, which discovery ids may not; and two ids must not become one.
    key = f"{kind}_{re.sub('[^A-Za-z0-9-]', lambda found: f'_{ord(found[0]):02x}', id_)}_{what}"
    return key, {**component, "unique_id": f"smartstore_{store}_{key}", "state_topic": topic}


def _of_zone(named: str, has_temperature: bool) -> dict[str, _Component]:
    components: dict[str, _Component] = {
        "door": _binary(f"{named} door", "door", f"{{'open': 'ON', 'closed': 'OFF'}}.get(value_json.door, '{UNKNOWN}')"),
        "lock": _binary(
            f"{named} lock",
            "lock",
            f"{{'unlocked': 'ON', 'locked': 'OFF'}}.get(value_json.lock_observed or value_json.lock_commanded, '{UNKNOWN}')",
        ),
        "alarm": _binary(f"{named} alarm", "problem", "'ON' if value_json.alarms else 'OFF'"),
        "sales": {
            "platform": "sensor",
            "name": f"{named} sales",
            "device_class": "enum",
            "options": ["open", "closed_hours", "stopped"],
            "value_template": "{{ value_json.sales }}",
        },
        "session": {
            "platform": "sensor",
            "name": f"{named} session",
            "value_template": "{{ value_json.session or '-' }}",
        },
    }
    if has_temperature:
        components["temperature"] = {
            "platform": "sensor",
            "name": f"{named} temperature",
            "device_class": "temperature",
            "state_class": "measurement",
            "unit_of_measurement": "°C",
            "value_template": "{{ value_json.celsius }}",
        }
    return components


def _of_device(device: str) -> dict[str, _Component]:
    diagnostic = {"entity_category": "diagnostic"}
    return {
        "connected": _binary(f"{device} connected", "connectivity", "'OFF' if value_json.state == 'lost' else 'ON'") | diagnostic,
        "problem": _binary(f"{device} problem", "problem", "'OFF' if value_json.state == 'online' else 'ON'") | diagnostic,
    }


def _binary(name: str, device_class: str, expression: str) -> _Component:
    return {"platform": "binary_sensor", "name": name, "device_class": device_class, "value_template": f"{{{{ {expression} }}}}"}
