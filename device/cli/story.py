"""The store's events as plain sentences, and the bill at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import click

from device.cli.output import certainty, fitted, items, money, say
from device.config import Configuration
from device.web.words import DENIALS


class Teller:
    """Tells what people do (left) and what the store makes of it (after the arrow)."""

    def __init__(self, configuration: Configuration, as_json: bool) -> None:
        self.ready = asyncio.Event()
        self.ended = asyncio.Event()
        self.denied: str | None = None
        """Why the newest code was denied; None where it was not."""
        self._products = configuration.products
        self._currency = configuration.layout.store.currency
        self._timezone = ZoneInfo(configuration.layout.store.timezone)
        self._as_json = as_json
        self._online = False
        self._shut = False
        self._weighed = {slot.id: False for slot in configuration.layout.slot}
        self._counts: dict[str, int | None] = {}
        self._cart: list[dict[str, Any]] = []
        self._review: list[str] = []

    @property
    def times(self) -> str:
        """In which time zone the story is told."""
        return f"Times are the store's ({self._timezone.key})."

    @property
    def empty(self) -> list[str]:
        """The slots on which, as far as the store has told, nothing stands."""
        return sorted(slot for slot, count in self._counts.items() if count == 0)

    def say(self, text: str) -> None:
        """A sentence of the demo's own."""
        say(self._as_json, text, says=text)

    def person(self, name: str, does: str) -> None:
        """What somebody does."""
        say(self._as_json, fitted(f"{self._clock()}  {name} {does}.", " " * 10), who=name, does=does)

    def heard(self, topic: str, payload: dict[str, Any]) -> None:
        """A message of the store."""
        if topic == "status":
            self._online = payload["state"] == "online"
        elif topic.startswith("zone/"):
            self._shut = payload["door"] == "closed"
        elif topic.startswith("slot/"):
            slot = topic.removeprefix("slot/")
            self._weighed[slot], self._counts[slot] = payload["trusted"], payload["count"]
        elif topic.startswith("event/"):
            self._event(payload)
        if self._online and self._shut and all(self._weighed.values()):
            self.ready.set()

    def bill(self, name: str, truth: Mapping[str, int]) -> None:
        """The cart of the session that has just ended, next to what the simulated hands hold."""
        charged = {line["gtin"]: line["quantity"] for line in self._cart}
        total = sum(line["total_minor"] for line in self._cart)
        if self._as_json:
            say(True, "", bill=self._cart, total_minor=total, right=charged == dict(truth), review=self._review)
            return
        click.echo(f"\n  {name}'s cart")
        for line in self._cart:
            sure = certainty(line["confidence"])
            click.echo(f"    {line['quantity']} x {line['name']:<34} {self._money(line['total_minor']):>12}   {sure}")
        if not self._cart:
            click.echo("    (empty)")
        click.echo(f"    {'total':<38} {self._money(total):>12}")
        right = "which is what left the store" if charged == dict(truth) else "WHICH IS NOT what left the store"
        review = f"; needs review: {', '.join(self._review)}" if self._review else ""
        click.echo(f"    {right}{review}\n")

    def _event(self, envelope: dict[str, Any]) -> None:
        data = envelope["data"]
        if envelope["type"] == "session.ended":
            self._cart, self._review = data["cart"], data["review_reasons"]
            self.ended.set()
        elif envelope["type"] in ("access.granted", "access.denied"):
            self.denied = data.get("reason")
        sentence = _SENTENCES.get(envelope["type"])
        if sentence:
            text = sentence(self, data)
            line = fitted(f"{self._clock()}  {'':<4}-> {text}", " " * 17)
            say(self._as_json, line, event=envelope["type"], seq=envelope["seq"], says=text)

    def _name(self, gtin: str | None) -> str:
        product = self._products.get(gtin or "")
        return product.name if product else "something"

    def _money(self, minor: int) -> str:
        return money(minor, self._currency)

    def _clock(self) -> str:
        return datetime.now(UTC).astimezone(self._timezone).strftime("%H:%M:%S")

    def _over(self, data: dict[str, Any]) -> str:
        """The end of a visit: what is to be paid, or what staff has put there."""
        if data["purpose"] == "restock":
            return f"the visit is over: {self._filled(data['restock'] or ())}"
        return f"the visit is over: {items(sum(line['quantity'] for line in data['cart']))}, {self._money(data['total_minor'])}"

    def _filled(self, lines: Iterable[dict[str, Any]]) -> str:
        changed = [line for line in lines if line["difference"]]
        up = [f"{line['difference']} {self._name(line['gtin'])} on {line['slot']}" for line in changed if line["difference"] > 0]
        down = [f"{-line['difference']} {self._name(line['gtin'])} from {line['slot']}" for line in changed if line["difference"] < 0]
        parts = [*(["filled up: " + ", ".join(up)] if up else []), *(["taken away: " + ", ".join(down)] if down else [])]
        return "; ".join(parts) or "nothing was filled up"

    def _item(self, data: dict[str, Any], verb: str) -> str:
        sure = certainty(data["confidence"])
        return (
            f"{data['quantity']} {self._name(data['gtin'])} {verb} {data['slot']}: {data['grams']:.0f} g ± {data['grams_sd']:.1f} g, {sure}"
        )


def _plate(data: Mapping[str, Any]) -> str:
    """Which plate of a board an event is about, where it is about one."""
    return f", plate {data['channel']}" if data.get("channel") is not None else ""


_SENTENCES: dict[str, Callable[[Teller, dict[str, Any]], str]] = {
    "access.granted": lambda teller, data: f"the code is good: {data['subject']} may {data['purpose']}",
    "access.denied": lambda teller, data: f"the code is refused: {DENIALS.get(data['reason'], data['reason'])}",
    "door.unlocked": lambda teller, data: "the door is unlocked" + (", the bolt is back" if data["observed"] == "unlocked" else ""),
    "door.opened": lambda teller, data: "the door is open",
    "door.closed": lambda teller, data: f"the door is closed after {data['open_for_s']:.1f} s",
    "door.locked": lambda teller, data: "the door is locked" + (", the bolt is out" if data["observed"] == "locked" else ""),
    "session.item_taken": lambda teller, data: teller._item(data, "taken from"),
    "session.item_returned": lambda teller, data: teller._item(data, "back on"),
    "session.ended": lambda teller, data: teller._over(data),
    "stock.low": lambda teller, data: f"slot {data['slot']} runs low: {data['count']} left",
    "stock.out": lambda teller, data: f"slot {data['slot']} is empty",
    "stock.misplaced": lambda teller, data: f"{teller._name(data['gtin'])} stands in the wrong place, on {data['slot']}",
    "alarm.raised": lambda teller, data: f"ALARM: {data['kind'].replace('_', ' ')}",
    "alarm.cleared": lambda teller, data: f"alarm over: {data['kind'].replace('_', ' ')}",
    "device.lost": lambda teller, data: f"device lost: {data['device']}, {data['reason']}",
    "device.recovered": lambda teller, data: f"device back: {data['device']}{_plate(data)}",
    "device.degraded": lambda teller, data: f"device {data['device']}{_plate(data)} does poorly: {data['reason'].replace('_', ' ')}",
}
