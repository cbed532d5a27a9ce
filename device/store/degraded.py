"""Which faults a zone has, and what it may do with them: the one place that knows, by the table of ``domain.degraded``.

A fault is read off what the state knows already (lost devices, alarms that stand), so that a restart tells nothing anew. What is known only
while the program runs is taken to be as it was until it is heard of.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from device.domain.degraded import FaultName, asks_review, mode_with
from device.domain.events import AlarmKind, ZoneModeChanged
from device.store.goods import basket
from device.store.turn import Turn

Sees = Callable[[Turn, str], bool | None]
"""Whether a zone has a fault; None: nobody has said since the start."""


def follow(turn: Turn) -> None:
    """Tell of each zone whose faults or mode have changed."""
    for zone, rules in turn.plan.zones.items():
        before, had, asked = turn.zone(zone).mode, turn.zone(zone).faults, asks_review_of(turn, zone)
        faults = tuple(fault for fault, sees in FAULTS.items() if _holds(sees(turn, zone), fault in had))
        mode = mode_with(faults, rules.degraded, turn.plan.layout.degraded)
        if faults != had or mode != before:
            turn.tell(ZoneModeChanged(zone, mode, before, faults), zone)
            if asks_review_of(turn, zone) and not asked:
                _review_who_is_there(turn, zone)


def asks_review_of(turn: Turn, zone: str) -> bool:
    """Whether the carts made in a zone now are to be looked at for the sake of its faults."""
    return asks_review(turn.zone(zone).faults, turn.rules(zone).degraded, turn.plan.layout.degraded)


def _review_who_is_there(turn: Turn, zone: str) -> None:
    """The fault may be over before they leave."""
    for session in turn.zone(turn.plan.visited(zone)).sessions:
        if session.purpose in ("shop", "pickup"):
            basket.review(turn, session, "gap")


def _holds(seen: bool | None, held: bool) -> bool:
    return held if seen is None else seen


def _alarm(turn: Turn, kind: AlarmKind, place: str) -> bool:
    return any(alarm.kind == kind and alarm.place == place for alarm in turn.state.alarms.values())


def _broker_down(turn: Turn, zone: str) -> bool | None:
    return turn.live.broker_down


def _rfid_lost(turn: Turn, zone: str) -> bool:
    """Only where tags say something: a reader whose products have none is not missed."""
    tagged = any(
        turn.plan.products[gtin].tagged for slot in turn.plan.slots_of(zone) for gtin in slot.products if gtin in turn.plan.products
    )
    return tagged and _any_lost(turn, turn.plan.rfid_zone, zone)


def _plate_lost(turn: Turn, zone: str) -> bool:
    return _alarm(turn, "sensor_untrusted", zone) or _any_lost(turn, turn.plan.scale_zone, zone)


def _thermometer_lost(turn: Turn, zone: str) -> bool:
    return _alarm(turn, "probe_failed", zone) or _any_lost(turn, turn.plan.thermometer_zone, zone)


def _reader_lost(turn: Turn, zone: str) -> bool:
    return _any_lost(turn, turn.plan.reader_zone, zone)


def _clock_untrusted(turn: Turn, zone: str) -> bool:
    return _alarm(turn, "clock_untrusted", turn.plan.layout.store.id)


def _disk_nearly_full(turn: Turn, zone: str) -> bool | None:
    return None if turn.live.journal_room is None else turn.live.journal_room != "ok"


def _mains_lost(turn: Turn, zone: str) -> bool:
    return _alarm(turn, "mains_lost", zone)


def _any_lost(turn: Turn, zone_of: Mapping[str, str], zone: str) -> bool:
    return any(zone_of.get(device) == zone for device in turn.state.lost)


FAULTS: Mapping[FaultName, Sees] = {
    "broker_down": _broker_down,
    "rfid_lost": _rfid_lost,
    "plate_lost": _plate_lost,
    "thermometer_lost": _thermometer_lost,
    "reader_lost": _reader_lost,
    "clock_untrusted": _clock_untrusted,
    "disk_nearly_full": _disk_nearly_full,
    "mains_lost": _mains_lost,
}
