"""Plain words for the words of the contract: alarms, reasons and money, for somebody who stands in front of the shelf."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any

from device.domain.degraded import Mode
from device.domain.events import AlarmKind, EndReason, Purpose, StartReason
from device.domain.products import Product
from device.domain.record import record

_WITHOUT_MINOR_UNIT = frozenset(
    {"BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"}
)
_THOUSANDTHS = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})
"""Currencies whose minor unit is not a hundredth (ISO 4217, table A.1)."""


@record
class Names:
    """What things are called here. ``zones``: zone id to the name that people see."""

    currency: str = "XXX"
    products: Mapping[str, Product] = field(default_factory=dict)
    zones: Mapping[str, str] = field(default_factory=dict)

    def product(self, gtin: str | None) -> str:
        """A product's name; its number where the catalogue does not know it."""
        if gtin is None:
            return "an unknown product"
        known = self.products.get(gtin)
        return known.name if known else f"product {gtin}"

    def at(self, zone: str, what: str) -> str:
        """A sentence about a zone; where there is only one, it goes without saying."""
        if len(self.zones) > 1:
            return f"{self.zones.get(zone, zone)}: {what}"
        return what[:1].upper() + what[1:]

    def money(self, minor: int) -> str:
        """An amount of the minor unit, e.g. ``24.00 EUR``."""
        digits = 0 if self.currency in _WITHOUT_MINOR_UNIT else 3 if self.currency in _THOUSANDTHS else 2
        return f"{minor / 10**digits:,.{digits}f} {self.currency}"


def plain(word: str) -> str:
    """A word of the contract that has no better ones."""
    return word.replace("_", " ")


def times(quantity: int, what: str) -> str:
    return f"{quantity} × {what}"


def duration(seconds: float) -> str:
    """How long, as people say it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


PURPOSES: Mapping[Purpose, str] = {
    "shop": "Somebody is shopping",
    "pickup": "An order is being picked up",
    "restock": "The shelves are being restocked",
    "service": "Somebody is servicing",
}
VISITS: Mapping[Purpose, str] = {"shop": "visit", "pickup": "pickup", "restock": "restocking", "service": "service"}
ENDINGS: Mapping[EndReason, str] = {
    "door_closed": "",
    "never_opened": ": the door was never opened",
    "exit": "",
    "timeout": ": it took too long",
    "command": ": ended by a command",
    "fire": ": ended by the fire alarm",
}
STARTS: Mapping[StartReason, str] = {
    "first_start": "for the first time",
    "clean": "again, after a proper stop",
    "crash": "again, after a fault of the program; nothing is lost",
    "power_loss": "again, after a power cut; nothing is lost",
}

SALES: Mapping[str, str] = {
    "closed_hours": "outside sales hours",
    "fire": "fire alarm",
    "device_lost": "the lock does not answer",
    "journal_full": "no room left for records",
    "too_warm": "it has been too warm for food",
    "no_temperature": "nobody knows how warm it is",
    "command": "stopped by a command",
    "broker_down": "the broker cannot be reached",
    "rfid_lost": "tags cannot be read",
    "plate_lost": "a shelf cannot be weighed",
    "thermometer_lost": "a thermometer does not answer",
    "reader_lost": "a code reader does not answer",
    "clock_untrusted": "the store does not know the time",
    "disk_nearly_full": "little room left for records",
    "mains_lost": "the power is out",
}
"""Why nothing is sold. A reason that is not here is what a person wrote."""

MODES: Mapping[Mode, str] = {
    "all": "sells as ever",
    "review": "sells, and carts are looked at",
    "pickups": "only hands out orders",
    "nothing": "sells nothing and hands out nothing",
}

DENIALS: Mapping[str, str] = {
    "malformed": "it is no entry code",
    "unknown_key": "it was signed by somebody unknown",
    "bad_signature": "its signature is not good",
    "clock_untrusted": "the store does not know the time yet",
    "wrong_store": "it is for another store",
    "not_yet_valid": "it is not valid yet",
    "expired": "it has expired",
    "revoked": "it was withdrawn",
    "used": "it has been used before",
    "wrong_zone": "it is for another door",
    "under_age": "the proven age is too low",
    "closed_hours": "the store is closed at this hour",
    "sales_stopped": "nothing is sold just now",
    "busy": "somebody is inside, or the store is still weighing",
    "locked_out": "too many wrong cards in a minute",
}

REVIEWS: Mapping[str, str] = {
    "low_confidence": "not sure enough",
    "untrusted_plate": "a plate is not trusted",
    "gap": "a plate was out for a while",
    "unexplained_step": "a weight that fits nothing",
    "unknown_product": "an unknown product",
    "misplaced": "something stands in the wrong place",
    "tag_without_weight": "a tag left without a weight",
    "weight_without_tag": "a weight left without its tag",
    "swap_suspected": "perhaps a swap",
    "timeout": "it took too long",
    "several_sessions": "several people at once",
    "expired": "something past its date",
    "expiry_unknown": "something with a date, while the clock was not set",
}


COUNTED: Mapping[str, str] = {
    "inferred": "by weight",
    "counted": "as counted",
    "unexplained": "after a change that nobody explains",
    "gap": "after a gap",
}
"""How a count came about that no visit tells of."""


def _limit(what: str) -> Callable[[Mapping[str, Any]], str]:
    def text(details: Mapping[str, Any]) -> str:
        celsius, limit = details.get("celsius"), details.get("limit")
        if not isinstance(celsius, int | float) or not isinstance(limit, int | float):
            return what
        return f"{what}: {celsius:.1f} °C, the limit is {limit:g} °C"

    return text


def _soon(details: Mapping[str, Any]) -> str:
    in_s = details.get("limit_in_s")
    return f"It will be too warm in about {in_s / 60:.0f} minutes" if isinstance(in_s, int | float) else "It will be too warm"


def _swung(details: Mapping[str, Any]) -> str:
    low, high = details.get("low"), details.get("high")
    if not isinstance(low, int | float) or not isinstance(high, int | float):
        return "The temperature swings too far"
    return f"The temperature swings too far: hours from {low:.1f} to {high:.1f} °C within a day"


def _at(what: str, key: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda details: f"{what}: {details[key]}" if details.get(key) else what


def _because(what: str, key: str) -> Callable[[Mapping[str, Any]], str]:
    def text(details: Mapping[str, Any]) -> str:
        named = f"{what}: {details[key]}" if details.get(key) else what
        reason = details.get("reason")
        return f"{named} ({plain(str(reason))})" if reason else named

    return text


def _untrusted(details: Mapping[str, Any]) -> str:
    if details.get("thermometer"):
        return f"Two thermometers contradict each other: {details['thermometer']}"
    return _because("A plate cannot be believed", "slot")(details)


def _grams(what: str) -> Callable[[Mapping[str, Any]], str]:
    def text(details: Mapping[str, Any]) -> str:
        slot, grams = details.get("slot"), details.get("grams")
        where = f" on {slot}" if slot else ""
        return f"{what}{where} ({abs(grams):.0f} g)" if isinstance(grams, int | float) else f"{what}{where}"

    return text


ALARMS: Mapping[AlarmKind, Callable[[Mapping[str, Any]], str]] = {
    "door_held": lambda details: "The door has been open for too long",
    "too_warm": _limit("It is too warm"),
    "too_cold": _limit("It is too cold"),
    "will_be_too_warm": _soon,
    "cooling_strained": lambda details: "The cooling hardly rests any more",
    "temperature_swing": _swung,
    "probe_failed": _because("A thermometer cannot be believed", "thermometer"),
    "mains_lost": lambda details: "There is no mains power",
    "journal_full": lambda details: "There is no room left for records: nothing is sold",
    "clock_untrusted": lambda details: "The clock is not set: entry codes cannot be checked",
    "device_lost": _because("A device does not answer", "device"),
    "sensor_untrusted": _untrusted,
    "overload": lambda details: "The backend refused a record; it is kept aside",
    "door_forced": lambda details: "The door was opened by force",
    "lock_jammed": _because("A lock is stuck", "lock"),
    "unexplained_removal": _grams("Something is gone that nobody took"),
    "unexplained_addition": _grams("Something was put down by nobody"),
    "tag_without_weight": _at("A tag left or came, but no weight", "gtin"),
    "weight_without_tag": _at("A tagged product left or came without its tag", "gtin"),
    "swap_suspected": _at("Perhaps one product was swapped for another", "slot"),
    "tamper": _at("Somebody tampers with the store", "input"),
    "fire": lambda details: "FIRE ALARM: the doors stay unlocked until a person clears it",
}
"""An alarm in one sentence, from its details: only of what is written here, never of people's notes."""
