"""The picture: all that the page shows, by topic. It keeps no personal data, and knows what has changed since it was asked.

Topics are those that are published over MQTT (``zone/…``, ``slot/…``, ``device/…``, ``telemetry/…``, ``health``), in plain words where
people read them, and four of its own: ``store`` (what there is and what it is called), ``pulse`` (each second: how the store is, and that
it is), ``alarms``, and ``basket/{session}`` (what a running visit has taken so far).
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from device.domain.envelope import parse
from device.domain.events import AlarmKind, ItemReturned, ItemTaken, Purpose, SessionEnded, SessionStarted
from device.domain.layout import Layout, Slot
from device.domain.products import Product
from device.web.sentences import sentence
from device.web.words import ALARMS, PURPOSES, SALES, Names, plain

SHOWN = 50
"""Events that the page shows."""

OF_A_ZONE = ("door", "lock_commanded", "lock_observed", "sales", "celsius")


@dataclass(slots=True)
class Basket:
    """One running visit. ``whole`` is False where its beginning was not seen. Quantities by GTIN; negative: put in."""

    zone: str
    purpose: Purpose
    since: str
    whole: bool
    quantities: dict[str | None, int] = field(default_factory=dict)
    prices: dict[str | None, int] = field(default_factory=dict)


class StandingAlarm(Protocol):
    """What is shown of an alarm."""

    @property
    def id(self) -> str: ...

    @property
    def kind(self) -> AlarmKind: ...

    @property
    def zone(self) -> str | None: ...

    @property
    def details(self) -> Mapping[str, Any]: ...


class Picture:
    """Fed with the payloads of the uplink. ``simulated``, ``version``: of this run."""

    def __init__(self, *, simulated: bool, version: str) -> None:
        self._names = Names()
        self._run = {"simulated": simulated, "version": version}
        self._topics: dict[str, Any] = {}
        self._raw: dict[str, Mapping[str, Any]] = {}
        self._events: deque[dict[str, Any]] = deque(maxlen=SHOWN)
        self._baskets: dict[str, Basket] = {}
        self._changed: set[str] = set()
        self._new_events: deque[dict[str, Any]] = deque(maxlen=SHOWN)

    # What is put in

    def furnish(self, layout: Layout, products: Mapping[str, Product], slots: Iterable[Slot]) -> None:
        """What there is from now on, and what it is called."""
        store = layout.store
        self._names = Names(store.currency, products, {zone.id: zone.name or zone.id for zone in layout.zone})
        zone_of = {scale.id: scale.zone for scale in layout.scale}
        zones = [
            {
                "id": zone.id,
                "name": zone.name or zone.id,
                "kind": zone.kind,
                "inside": zone.inside,
                "limits": [zone.temperature.min_celsius, zone.temperature.max_celsius] if zone.temperature else None,
                "thermometer": any(thermometer.zone == zone.id for thermometer in layout.thermometer),
                "lock": any(lock.zone == zone.id for lock in layout.lock),
            }
            for zone in layout.zone
        ]
        places = [
            {
                "id": slot.id,
                "zone": zone_of.get(slot.scale),
                "scale": slot.scale,
                "channel": slot.channel,
                "capacity": slot.capacity,
            }
            for slot in slots
        ]
        self._put("store", {"id": store.id, "name": store.name or store.id, **self._run, "zones": zones, "slots": places})
        self._raw.clear()
        for session in self._baskets:
            self._show_basket(session)

    def level(self, topic: str, payload: Mapping[str, Any] | None) -> None:
        """How a retained topic stands from now on; None: it is gone."""
        if self._raw.get(topic) == payload and (payload is not None or topic not in self._topics):
            return
        if payload is None:
            self._raw.pop(topic, None)
            self._put(topic, None)
            return
        self._raw[topic] = payload
        kind = topic.partition("/")[0]
        self._put(topic, self._zone(payload) if kind == "zone" else self._slot(payload) if kind == "slot" else dict(payload))

    def telemetry(self, device: str, payload: Mapping[str, Any]) -> None:
        """The live values of a device."""
        self._put(f"telemetry/{device}", dict(payload))

    def pulse(self, payload: Mapping[str, Any]) -> None:
        """How the store is; each second, and each time told on, changed or not."""
        self._topics["pulse"] = dict(payload)
        self._changed.add("pulse")

    def alarms(self, standing: Iterable[StandingAlarm]) -> None:
        """All alarms that stand."""
        shown = [{"id": alarm.id, "zone": alarm.zone, "kind": alarm.kind, "text": ALARMS[alarm.kind](alarm.details)} for alarm in standing]
        self._put("alarms", shown)

    def event(self, body: bytes) -> None:
        """An event, as it was journalled. One of another version of the program, which this one cannot read, is left out."""
        try:
            event, _, seq, _ = parse(body)
        except ValueError:
            return
        envelope = json.loads(body)
        match event:
            case SessionStarted():
                self._baskets[event.session] = Basket(event.zone, event.purpose, envelope["time"], whole=True)
                self._show_basket(event.session)
            case ItemTaken() | ItemReturned():
                self._move(event, envelope["subject"], envelope["time"])
            case SessionEnded():
                self._baskets.pop(event.session, None)
                self._put(f"basket/{event.session}", None)
        said = sentence(event, self._names)
        if said is not None:
            shown = {
                "seq": seq,
                "time": envelope["time"],
                "trusted": envelope["clock"] == "trusted",
                "text": said.text,
                "tone": said.tone,
            }
            self._events.append(shown)
            self._new_events.append(shown)

    # What is taken out

    def whole(self) -> dict[str, Any]:
        """Everything; events oldest first."""
        return {"topics": self._topics, "events": list(self._events)}

    def changes(self) -> dict[str, Any] | None:
        """What has changed since the last call; a topic that is gone is None. None: nothing has."""
        if not self._changed and not self._new_events:
            return None
        changes = {"topics": {topic: self._topics.get(topic) for topic in sorted(self._changed)}, "events": list(self._new_events)}
        self._changed.clear()
        self._new_events.clear()
        return changes

    @property
    def changed(self) -> bool:
        return bool(self._changed or self._new_events)

    # In plain words

    def _put(self, topic: str, value: Any) -> None:
        if self._topics.get(topic) == value:
            return
        if value is None:
            del self._topics[topic]
        else:
            self._topics[topic] = value
        self._changed.add(topic)

    def _zone(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        purpose = payload["purpose"]
        return {
            **{key: payload[key] for key in OF_A_ZONE},
            "session": PURPOSES[purpose] if payload["session"] is not None else None,
            "reasons": [SALES.get(reason, plain(reason)) for reason in payload["reasons"]],
        }

    def _slot(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        counts = payload["counts"]
        own = [{"gtin": gtin, "name": self._names.product(gtin), "count": counts.get(gtin)} for gtin in payload["products"]]
        strange = [
            {"gtin": gtin, "name": self._names.product(gtin), "count": count}
            for gtin, count in counts.items()
            if gtin not in payload["products"] and count
        ]
        return {
            "products": own,
            "misplaced": strange,
            **{key: payload[key] for key in ("count", "grams", "confidence", "low", "trusted")},
        }

    def _move(self, event: ItemTaken | ItemReturned, zone: str, time: str) -> None:
        if event.session is None or event.gtin is None:
            return
        basket = self._baskets.get(event.session)
        if basket is None:
            basket = self._baskets[event.session] = Basket(zone, "shop", time, whole=False)
        moved = event.quantity if isinstance(event, ItemTaken) else -event.quantity
        basket.quantities[event.gtin] = basket.quantities.get(event.gtin, 0) + moved
        if event.price_minor is not None:
            basket.prices[event.gtin] = event.price_minor
        self._show_basket(event.session)

    def _show_basket(self, session: str) -> None:
        basket = self._baskets[session]
        sells = basket.purpose in ("shop", "pickup")
        lines = [
            {
                "gtin": gtin,
                "name": self._names.product(gtin),
                "quantity": quantity,
                "sum": self._names.money(quantity * basket.prices[gtin]) if sells and gtin in basket.prices else "",
            }
            for gtin, quantity in basket.quantities.items()
            if quantity
        ]
        total = sum(quantity * basket.prices.get(gtin, 0) for gtin, quantity in basket.quantities.items())
        shown = {
            "zone": basket.zone,
            "what": PURPOSES[basket.purpose],
            "sells": sells,
            "since": basket.since,
            "whole": basket.whole,
            "lines": lines,
            "total": self._names.money(total) if sells else "",
        }
        self._put(f"basket/{session}", shown)
