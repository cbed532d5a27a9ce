"""What the page shows: in plain words, complete, and without a trace of who came or commanded."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, get_args

import pytest

from device.domain import events
from device.domain.envelope import EVENTS
from device.domain.events import AlarmKind, EndReason, Event, Purpose, ReviewReason, StartReason
from device.store.access.codes import REASONS
from device.store.goods.stock import Cause
from device.store.memory.state import Alarm
from device.web import Picture, words
from device.web.picture import SHOWN
from device.web.sentences import Tone, sentence
from device.web.words import Names
from tests.web.fed import BOTH, GIN, LAYOUT, PULSE, SLOT, WINE, ZONE, furnished, journalled, products

SECRET = "Giulia-7f3a"
"""Stands wherever an event may say who it was."""

NAMES = Names("EUR", products(), {"fridge": "White wines"})

TAKEN = events.ItemTaken("s1", "A1", WINE, 1, 1250.0, 1.0, 0.999, (), (), None, 1290, None)
RETURNED = events.ItemReturned("s1", "A1", WINE, 1, 1250.0, 1.0, 0.999, (), (), None, 1290, None)
STARTED = events.SessionStarted("s1", "fridge", "shop", SECRET, SECRET)
LINE = events.CartLine(WINE, "Riesling 75 cl", 2, 1290, 2580, 0.999, ())
ENDED = events.SessionEnded(
    "s1", "fridge", "shop", SECRET, "door_closed", (LINE,), 2580, "EUR", False, (), "2026-11-22T13:00:00.000+01:00", 12.0,
    events.OrderResult(SECRET, ()),
)  # fmt: skip
HOT = {"celsius": 13.24, "limit": 12.0}

TOLD: list[tuple[Event, str | None, Tone]] = [
    (events.StoreStarted("0.1.0", "b", "power_loss", ()), "The store has started again, after a power cut; nothing is lost", "plain"),
    (events.StoreStarted("0.1.0", "b", "clean", ("s1",)), "The store has started again, after a proper stop; 1 visit goes on", "plain"),
    (events.StoreStopping("SIGTERM", ("fridge",)), "The store is stopping with a door open", "plain"),
    (events.ClockCorrelated("b", "1.0", "2026-11-22T13:00:00.000+01:00", 0.1), "The clock is set", "quiet"),
    (events.DeviceLostEvent("board", "scale", "cable_pulled"), "board does not answer: cable pulled", "warn"),
    (events.DeviceDegradedEvent("board", "scale", "frozen", None, 2), "board, plate 2, does poorly: frozen", "warn"),
    (events.DeviceRecovered("board", "scale", "answers again", 400.0), "board is well again after 7 min", "good"),
    (events.DoorUnlocked("fridge", "lock", "s1", None, "unlocked"), "The door is unlocked", "quiet"),
    (events.DoorLocked("fridge", "lock", "s1", None, "unlocked"), "The lock was told to be locked, but its bolt has not moved", "warn"),
    (events.DoorOpened("fridge", "lock", "s1"), "The door is open", "quiet"),
    (events.DoorClosed("fridge", "lock", "s1", 7.6), "The door is closed after 8 s", "quiet"),
    (events.AccessGranted("fridge", "qr", SECRET, "shop", SECRET), "A code was accepted (visit)", "quiet"),
    (events.AccessDenied("fridge", "qr", SECRET, "used"), "A code was refused: it has been used before", "warn"),
    (STARTED, "A visit begins", "plain"),
    (TAKEN, "1 × Riesling 75 cl taken from A1", "plain"),
    (replace(TAKEN, gtin=None, slot=None, confidence=0.61), "1 × an unknown product taken from a shelf, 61% sure", "plain"),
    (replace(TAKEN, quantity=-1, revises=7), "On second thoughts: 1 × Riesling 75 cl not taken from A1", "plain"),
    (RETURNED, "1 × Riesling 75 cl put on A1", "plain"),
    (ENDED, "The visit is over: 2 items, 25.80 EUR", "good"),
    (
        replace(ENDED, needs_review=True, review_reasons=("gap", "timeout"), reason="timeout"),
        "The visit is over: it took too long: 2 items, 25.80 EUR. Please review: a plate was out for a while, it took too long",
        "warn",
    ),
    (replace(ENDED, purpose="restock", cart=(), total_minor=0), "The restocking is over", "good"),
    (events.StockChanged("A1", WINE, 9, None, "inferred"), "A1: 9 × Riesling 75 cl by weight", "quiet"),
    (events.StockChanged("A1", WINE, 8, 9, "taken"), None, "quiet"),
    (events.StockLow("A1", WINE, 2, 3, "taken"), "A1 runs low: 2 × Riesling 75 cl left", "warn"),
    (events.StockOut("A1", WINE, 0, 1, "taken"), "A1 is out of Riesling 75 cl", "warn"),
    (events.StockMisplaced("A1", GIN, 1, 0, "returned"), "A1: 1 × Gin 70 cl in the wrong place", "warn"),
    (events.StockMisplaced("A1", GIN, 0, 1, "taken"), "A1: Gin 70 cl is no longer in the wrong place", "good"),
    (events.StockReported("fridge", None, "2026-11-23T00:00:00.000+01:00", ()), None, "plain"),
    (events.StockExpiring("A1", WINE, 2, "2026-11-25", 3), "A1: 2 × Riesling 75 cl must be sold by 2026-11-25: 3 days left", "warn"),
    (events.StockExpiring("A1", GIN, None, "2026-11-25", 0), "A1: Gin 70 cl must be sold by 2026-11-25: today is the last day", "warn"),
    (events.StockExpiring("A1", WINE, 1, "2026-11-25", -2), "A1: 1 × Riesling 75 cl past the date (2026-11-25)", "warn"),
    (events.ShelfEngagement("fridge", "2026-11-22T12:00:00.000+01:00", "2026-11-22T13:00:00.000+01:00", ()), None, "plain"),
    (events.AlarmRaised("a1", "too_warm", "fridge", HOT), "Alarm. It is too warm: 13.2 °C, the limit is 12 °C", "alarm"),
    (events.AlarmCleared("a1", "tamper", None, {"note": SECRET}, SECRET), "Alarm acknowledged. Somebody tampers with the store", "good"),
    (events.AlarmRaised("a2", "device_lost", "fridge", {"device": "board"}), None, "alarm"),
    (events.TemperatureRecorded("fridge", "air", 8.0, 8.0, 8.0, 8.0, 60, "", ""), None, "quiet"),
    (events.ExcursionStarted("fridge", 12.6, 12.0, 12.6, 0.0, 0.0), "12.6 °C, outside its limit of 12 °C", "warn"),
    (events.ExcursionEnded("fridge", 11.9, 12.0, 14.0, 600.0, 11.0), "11.9 °C, back within its limits", "good"),
    (
        events.ZoneModeChanged("fridge", "review", "all", ("rfid_lost", "plate_lost")),
        "Sells, and carts are looked at: tags cannot be read, a shelf cannot be weighed",
        "warn",
    ),
    (events.ZoneModeChanged("fridge", "all", "review", ()), "Sells as ever", "good"),
    (events.ZoneModeChanged("fridge", "all", "all", ("broker_down",)), None, "quiet"),
    (events.SalesStopped("fridge", ("fire", "device_lost"), SECRET), "Nothing is sold: fire alarm, the lock does not answer", "warn"),
    (events.SalesResumed("fridge", ("fire",), SECRET), "Still nothing is sold: fire alarm", "warn"),
    (events.SalesResumed("fridge", (), SECRET), "Sells again", "good"),
    (events.CommandDone("c1", "unlock", SECRET, {"opened": True}, None), "Command “unlock” is done", "quiet"),
    (events.CommandWasRefused("c1", "resume_sales", SECRET, None, "still_warm"), "Command “resume sales” was refused: still warm", "warn"),
    (events.CommandFailed("c1", "unlock", SECRET, None, "interrupted"), "Command “unlock” failed: interrupted", "warn"),
]  # fmt: skip


@pytest.mark.parametrize(("event", "text", "tone"), TOLD, ids=lambda value: getattr(value, "TYPE", None))
def test_an_event_is_told_in_a_plain_sentence(event: Event, text: str | None, tone: Tone) -> None:
    said = sentence(event, NAMES)
    assert (said and said.text) == text
    assert said is None or said.tone == tone


def test_every_event_is_told_or_left_out_on_purpose() -> None:
    assert {type(event) for event, _, _ in TOLD} == set(EVENTS.values())


def test_where_there_are_several_zones_a_sentence_says_which() -> None:
    names = Names("EUR", {}, {"fridge": "White wines", "bar": ""})
    said = sentence(events.DoorOpened("fridge", "lock", None), names)
    assert said is not None
    assert said.text == "White wines: the door is open"


def test_nobody_is_named() -> None:
    picture = furnished()
    for event, _, _ in TOLD:
        picture.event(journalled(event))
    picture.level("zone/fridge", ZONE | {"session": f"s-{SECRET}", "purpose": "shop"})
    picture.alarms([Alarm("a1", "tamper", "fridge", "fridge", {"input": "case", "note": SECRET, "by": SECRET})])
    assert SECRET not in json.dumps(picture.whole())
    assert SECRET not in json.dumps(picture.changes())


@pytest.mark.parametrize(
    ("known", "spoken"),
    [
        (get_args(AlarmKind), words.ALARMS),
        (get_args(ReviewReason), words.REVIEWS),
        (REASONS, words.DENIALS),
        (get_args(Purpose), words.PURPOSES),
        (get_args(Purpose), words.VISITS),
        (get_args(EndReason), words.ENDINGS),
        (get_args(StartReason), words.STARTS),
        (set(get_args(Cause)) - {"taken", "returned", "restocked"}, words.COUNTED),
    ],
)
def test_there_are_words_for_everything(known: Any, spoken: Any) -> None:
    assert set(known) == set(spoken)


@pytest.mark.parametrize("kind", get_args(AlarmKind))
@pytest.mark.parametrize(
    "details", [{}, {"slot": "A1", "grams": -1250.0, "device": "board", "reason": "too_noisy", "lock": "l", "thermometer": "air"}]
)
def test_an_alarm_is_told_in_plain_words_whatever_its_details(kind: AlarmKind, details: dict[str, Any]) -> None:
    text = words.ALARMS[kind](details)
    assert text
    assert "_" not in text
    assert "None" not in text


@pytest.mark.parametrize(("currency", "text"), [("EUR", "1,234.50 EUR"), ("JPY", "123,450 JPY"), ("KWD", "123.450 KWD")])
def test_money_has_the_digits_of_its_currency(currency: str, text: str) -> None:
    assert Names(currency).money(123_450) == text


def basket(picture: Picture) -> dict[str, Any]:
    shown: dict[str, Any] = picture.whole()["topics"]["basket/s1"]
    return shown


def test_a_basket_follows_what_is_taken_and_put_back() -> None:
    picture = furnished()
    picture.event(journalled(STARTED))
    assert basket(picture)["lines"] == []
    for event in (TAKEN, TAKEN, RETURNED, replace(TAKEN, gtin=GIN, price_minor=2990), replace(TAKEN, quantity=2)):
        picture.event(journalled(event))
    assert [(line["quantity"], line["name"], line["sum"]) for line in basket(picture)["lines"]] == [
        (3, "Riesling 75 cl", "38.70 EUR"),
        (1, "Gin 70 cl", "29.90 EUR"),
    ]
    assert basket(picture)["total"] == "68.60 EUR"
    picture.event(journalled(replace(TAKEN, gtin=GIN, quantity=-1, price_minor=2990, revises=3)))
    assert [line["name"] for line in basket(picture)["lines"]] == ["Riesling 75 cl"]
    picture.event(journalled(ENDED))
    assert "basket/s1" not in picture.whole()["topics"]


def test_a_basket_whose_beginning_was_not_seen_says_so() -> None:
    picture = furnished()
    picture.event(journalled(TAKEN))
    assert basket(picture)["whole"] is False


def test_who_restocks_is_shown_no_bill() -> None:
    picture = furnished()
    picture.event(journalled(replace(STARTED, purpose="restock")))
    picture.event(journalled(replace(RETURNED, quantity=6)))
    assert (basket(picture)["lines"][0]["quantity"], basket(picture)["lines"][0]["sum"], basket(picture)["total"]) == (-6, "", "")


def test_only_what_has_changed_is_told_and_the_pulse_always() -> None:
    picture = furnished()
    picture.changes()
    for topic, level in (("zone/fridge", ZONE), ("slot/A1", SLOT), ("slot/A2", BOTH)):
        picture.level(topic, dict(level))
    assert picture.changes() is None
    picture.pulse(PULSE)
    picture.level("slot/A1", SLOT | {"count": 8, "counts": {WINE: 8}})
    changes = picture.changes()
    assert changes is not None
    assert sorted(changes["topics"]) == ["pulse", "slot/A1"]
    assert picture.changes() is None


def test_a_slot_that_has_left_the_plan_is_gone_also_after_a_new_plan() -> None:
    picture = furnished()
    picture.furnish(LAYOUT, products(), LAYOUT.slot[:1])
    picture.changes()
    picture.level("slot/A2", None)
    picture.level("slot/never", None)
    changes = picture.changes()
    assert changes is not None
    assert changes["topics"] == {"slot/A2": None}


def test_a_product_that_is_renamed_is_renamed_everywhere() -> None:
    picture = furnished()
    picture.event(journalled(STARTED))
    picture.event(journalled(TAKEN))
    picture.furnish(LAYOUT, products(wine="Rotwein"), LAYOUT.slot)
    picture.level("slot/A1", SLOT)
    assert picture.whole()["topics"]["slot/A1"]["products"][0]["name"] == "Rotwein"
    assert basket(picture)["lines"][0]["name"] == "Rotwein"


def test_what_does_not_belong_in_a_slot_is_shown_there() -> None:
    picture = furnished()
    picture.level("slot/A1", SLOT | {"counts": {WINE: 9, GIN: 1}})
    assert picture.whole()["topics"]["slot/A1"]["misplaced"] == [{"gtin": GIN, "name": "Gin 70 cl", "count": 1}]


def test_an_event_of_another_version_is_left_out() -> None:
    picture = furnished()
    picture.event(journalled(STARTED).replace(b'"session.started"', b'"session.abducted"'))
    picture.event(journalled(STARTED).replace(b'"shop"', b'"heist"'))
    assert picture.whole()["events"] == []


def test_the_newest_events_are_kept_and_say_whether_the_clock_was_right() -> None:
    picture = furnished()
    for number in range(SHOWN + 10):
        picture.event(journalled(events.DoorOpened("fridge", "lock", None), seq=number + 1, trusted=number > 30))
    shown = picture.whole()["events"]
    assert [event["seq"] for event in shown] == list(range(11, SHOWN + 11))
    assert [event["trusted"] for event in shown] == [number > 30 for number in range(10, SHOWN + 10)]
