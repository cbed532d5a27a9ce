"""Events as plain sentences, without personal data: no sentence names who came, who commanded or what was written in a note."""

from __future__ import annotations

from typing import Literal, assert_never

from device.domain import events
from device.domain.events import Event
from device.domain.record import record
from device.web.words import ALARMS, COUNTED, DENIALS, ENDINGS, MODES, REVIEWS, SALES, STARTS, VISITS, Names, plain, times
from device.web.words import duration as said

Tone = Literal["quiet", "plain", "good", "warn", "alarm"]


@record
class Sentence:
    """What to say, and how loud."""

    text: str
    tone: Tone = "plain"


def sentence(event: Event, names: Names) -> Sentence | None:
    """One event in one sentence. None: routine that another event or the levels tell already."""
    match event:
        case events.StoreStarted() | events.StoreStopping() | events.ClockCorrelated():
            return _of_the_store(event)
        case events.DeviceLostEvent() | events.DeviceRecovered() | events.DeviceDegradedEvent():
            return _of_a_device(event)
        case events.DoorUnlocked() | events.DoorLocked() | events.DoorOpened() | events.DoorClosed():
            return _of_a_door(event, names)
        case events.AccessGranted() | events.AccessDenied():
            return _of_an_entrance(event, names)
        case events.SessionStarted() | events.ItemTaken() | events.ItemReturned() | events.SessionEnded():
            return _of_a_session(event, names)
        case events.StockChanged() | events.StockLow() | events.StockOut() | events.StockMisplaced():
            return _of_stock(event, names)
        case events.StockExpiring():
            return _of_a_date(event, names)
        case events.StockReported() | events.ShelfEngagement():
            return None
        case events.AlarmRaised() | events.AlarmCleared():
            return _of_an_alarm(event, names)
        case events.TemperatureRecorded() | events.ExcursionStarted() | events.ExcursionEnded():
            return _of_the_cold(event, names)
        case events.ZoneModeChanged():
            return _of_a_mode(event, names)
        case events.SalesStopped() | events.SalesResumed():
            return _of_sales(event, names)
        case events.CommandDone() | events.CommandWasRefused() | events.CommandFailed():
            return _of_a_command(event)
        case _:
            assert_never(event)


def _of_the_store(event: events.StoreStarted | events.StoreStopping | events.ClockCorrelated) -> Sentence:
    match event:
        case events.StoreStarted():
            goes_on = f"; {len(event.resumed)} visit goes on" if len(event.resumed) == 1 else ""
            goes_on = f"; {len(event.resumed)} visits go on" if len(event.resumed) > 1 else goes_on
            return Sentence(f"The store has started {STARTS[event.reason]}{goes_on}")
        case events.StoreStopping():
            return Sentence("The store is stopping" + (" with a door open" if event.open_doors else ""))
        case events.ClockCorrelated():
            return Sentence("The clock is set", "quiet")


def _of_a_device(event: events.DeviceLostEvent | events.DeviceRecovered | events.DeviceDegradedEvent) -> Sentence:
    name = event.device if event.channel is None else f"{event.device}, plate {event.channel},"
    match event:
        case events.DeviceLostEvent():
            return Sentence(f"{name} does not answer: {plain(event.reason)}", "warn")
        case events.DeviceDegradedEvent():
            return Sentence(f"{name} does poorly: {plain(event.reason)}", "warn")
        case events.DeviceRecovered():
            after = "" if event.out_for_s is None else f" after {said(event.out_for_s)}"
            return Sentence(f"{name} is well again{after}", "good")


def _of_a_door(event: events.DoorUnlocked | events.DoorLocked | events.DoorOpened | events.DoorClosed, names: Names) -> Sentence:
    match event:
        case events.DoorUnlocked() | events.DoorLocked():
            wanted = "unlocked" if isinstance(event, events.DoorUnlocked) else "locked"
            if event.observed not in (None, wanted):
                return Sentence(names.at(event.zone, f"the lock was told to be {wanted}, but its bolt has not moved"), "warn")
            return Sentence(names.at(event.zone, f"the door is {wanted}"), "quiet")
        case events.DoorOpened():
            return Sentence(names.at(event.zone, "the door is open"), "quiet")
        case events.DoorClosed():
            after = "" if event.open_for_s is None else f" after {said(event.open_for_s)}"
            return Sentence(names.at(event.zone, f"the door is closed{after}"), "quiet")


def _of_an_entrance(event: events.AccessGranted | events.AccessDenied, names: Names) -> Sentence:
    match event:
        case events.AccessGranted():
            return Sentence(names.at(event.zone, f"a code was accepted ({VISITS[event.purpose]})"), "quiet")
        case events.AccessDenied():
            why = DENIALS.get(event.reason, plain(event.reason))
            return Sentence(names.at(event.zone, f"a code was refused: {why}"), "warn")


def _of_a_session(
    event: events.SessionStarted | events.ItemTaken | events.ItemReturned | events.SessionEnded, names: Names
) -> Sentence | None:
    match event:
        case events.SessionStarted():
            return Sentence(names.at(event.zone, f"a {VISITS[event.purpose]} begins"))
        case events.ItemTaken() | events.ItemReturned():
            return _of_an_item(event, names)
        case events.SessionEnded():
            text = names.at(event.zone, f"the {VISITS[event.purpose]} is over{ENDINGS[event.reason]}")
            if event.purpose in ("shop", "pickup") and event.cart:
                items = sum(line.quantity for line in event.cart)
                text += f": {items} item{'' if items == 1 else 's'}, {names.money(event.total_minor)}"
            if event.needs_review:
                reasons = ", ".join(REVIEWS.get(reason, plain(reason)) for reason in event.review_reasons)
                return Sentence(f"{text}. Please review: {reasons}", "warn")
            return Sentence(text, "good")


def _of_an_item(event: events.ItemTaken | events.ItemReturned, names: Names) -> Sentence:
    moved = "taken from" if isinstance(event, events.ItemTaken) else "put on"
    what = times(abs(event.quantity), names.product(event.gtin))
    again = "On second thoughts: " if event.revises is not None else ""
    untrue = "not " if event.quantity < 0 else ""
    doubt = f", {event.confidence:.0%} sure" if event.confidence < 0.99 else ""
    return Sentence(f"{again}{what} {untrue}{moved} {event.slot or 'a shelf'}{doubt}")


def _of_stock(event: events.StockChanged | events.StockLow | events.StockOut | events.StockMisplaced, names: Names) -> Sentence | None:
    what = names.product(event.gtin)
    match event:
        case events.StockChanged():
            how = COUNTED.get(event.reason)
            if how is None:
                return None
            now = f"an unknown number of {what}" if event.count is None else times(event.count, what)
            return Sentence(f"{event.slot}: {now} {how}", "quiet")
        case events.StockLow():
            return Sentence(f"{event.slot} runs low: {times(event.count or 0, what)} left", "warn")
        case events.StockOut():
            return Sentence(f"{event.slot} is out of {what}", "warn")
        case events.StockMisplaced():
            if not event.count:
                return Sentence(f"{event.slot}: {what} is no longer in the wrong place", "good")
            return Sentence(f"{event.slot}: {times(event.count, what)} in the wrong place", "warn")


def _of_a_date(event: events.StockExpiring, names: Names) -> Sentence:
    product = names.product(event.gtin)
    what = product if event.count is None else times(event.count, product)
    if event.days_left is None:
        return Sentence(
            f"{event.slot}: {what} must be sold by {event.expires}; whether that is over nobody knows, the clock is not set", "warn"
        )
    if event.days_left < 0:
        return Sentence(f"{event.slot}: {what} past the date ({event.expires})", "warn")
    when = {0: "today is the last day", 1: "1 day left"}.get(event.days_left, f"{event.days_left} days left")
    return Sentence(f"{event.slot}: {what} must be sold by {event.expires}: {when}", "warn")


def _of_an_alarm(event: events.AlarmRaised | events.AlarmCleared, names: Names) -> Sentence | None:
    if event.kind in ("device_lost", "sensor_untrusted"):
        return None  # the device's own event says it, and the alarm stands at the head of the page
    text = ALARMS[event.kind](event.details)
    if event.zone is not None:
        text = names.at(event.zone, text)
    if isinstance(event, events.AlarmRaised):
        return Sentence(f"Alarm. {text}", "alarm")
    return Sentence(f"Alarm {'over' if event.by is None else 'acknowledged'}. {text}", "good")


def _of_the_cold(event: events.TemperatureRecorded | events.ExcursionStarted | events.ExcursionEnded, names: Names) -> Sentence | None:
    match event:
        case events.TemperatureRecorded():
            return None
        case events.ExcursionStarted():
            return Sentence(names.at(event.zone, f"{event.celsius:.1f} °C, outside its limit of {event.limit:g} °C"), "warn")
        case events.ExcursionEnded():
            return Sentence(names.at(event.zone, f"{event.celsius:.1f} °C, back within its limits"), "good")


def _of_a_mode(event: events.ZoneModeChanged, names: Names) -> Sentence | None:
    """A fault that changes nothing has an alarm or a device of its own that tells of it."""
    if event.mode == event.before:
        return None
    why = ", ".join(SALES[fault] for fault in event.faults)
    told = f"{MODES[event.mode]}: {why}" if why else MODES[event.mode]
    return Sentence(names.at(event.zone, told), "good" if event.mode == "all" else "warn")


def _of_sales(event: events.SalesStopped | events.SalesResumed, names: Names) -> Sentence:
    reasons = ", ".join(SALES.get(reason, plain(reason)) for reason in event.reasons)
    if reasons:
        still = "nothing is sold" if isinstance(event, events.SalesStopped) else "still nothing is sold"
        return Sentence(names.at(event.zone, f"{still}: {reasons}"), "warn")
    return Sentence(names.at(event.zone, "sells again"), "good")


def _of_a_command(event: events.CommandDone | events.CommandWasRefused | events.CommandFailed) -> Sentence:
    name = plain(event.name) or "unnamed"
    reason = f": {plain(event.reason)}" if event.reason else ""
    match event:
        case events.CommandDone():
            return Sentence(f"Command “{name}” is done", "quiet")
        case events.CommandWasRefused():
            return Sentence(f"Command “{name}” was refused{reason}", "warn")
        case events.CommandFailed():
            return Sentence(f"Command “{name}” failed{reason}", "warn")
