"""Busy days with faults: what holds of all of them, whatever happened. The week is ``tests/bench/bench_week.py``."""

from __future__ import annotations

from datetime import datetime
from functools import cache

import pytest

from device.domain.envelope import data_of
from device.domain.events import AccessGranted
from tests.store.busy import OPEN, BusyShop

SEEDS = (1, 2)


@cache
def lived(seed: int) -> BusyShop:
    """A day and a half of a busy shop, from noon on."""
    shop = BusyShop(seed)
    shop.day()
    shop.day()
    return shop


def story(shop: BusyShop) -> list[tuple[str, str]]:
    return [(record.what.TYPE, repr(data_of(record.what))) for record in shop.records if record.seq is not None]


def test_the_same_days_give_the_same_events() -> None:
    again = BusyShop(SEEDS[0])
    again.day()
    again.day()
    assert story(again) == story(lived(SEEDS[0]))


@pytest.mark.parametrize("seed", SEEDS)
def test_no_cart_is_wrong_without_saying_so(seed: int) -> None:
    shop = lived(seed)
    ended = {event.session: event for event in shop.events("session.ended")}
    assert len(shop.visits) > 150
    wrong = []
    for visit in shop.visits:
        event = ended[visit.session]
        cart = {line.gtin: line.quantity for line in event.cart}
        if cart != {gtin: count for gtin, count in visit.items.items() if count} and not event.needs_review:
            wrong.append((visit, cart))
    assert wrong == []


@pytest.mark.parametrize("seed", SEEDS)
def test_a_visit_in_which_nothing_failed_is_charged_without_review(seed: int) -> None:
    shop = lived(seed)
    reviewed = {event.session for event in shop.events("session.ended") if event.needs_review}
    sound = [visit for visit in shop.visits if visit.sound]
    assert sum(visit.session in reviewed for visit in sound) <= len(sound) // 50


@pytest.mark.parametrize("seed", SEEDS)
def test_nobody_shops_outside_hours_or_under_age(seed: int) -> None:
    shop = lived(seed)
    granted = [record for record in shop.records if isinstance(record.what, AccessGranted) and record.what.purpose == "shop"]
    hours = [datetime.fromtimestamp(record.moment.wall, shop.store.plan.timezone).hour for record in granted]
    assert granted
    assert min(hours) >= OPEN[1]
    assert max(hours) < OPEN[2]
    assert {event.reason for event in shop.events("access.denied")} >= {"under_age", "closed_hours"}


@pytest.mark.parametrize("seed", SEEDS)
def test_every_relay_that_opens_has_its_cause_in_the_journal(seed: int) -> None:
    shop = lived(seed)
    opened = sum(unlock for _, unlock in shop.driven)
    assert opened == len(shop.events("door.unlocked")) <= len(shop.events("session.started"))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_cabinet_never_has_two_sessions(seed: int) -> None:
    running = 0
    for event in lived(seed).events("session.started", "session.ended"):
        running += 1 if event.TYPE == "session.started" else -1
        assert running in (0, 1)


@pytest.mark.parametrize("seed", SEEDS)
def test_stock_is_what_was_there_and_came_less_what_left(seed: int) -> None:
    shop = lived(seed)
    for slot, plate in (("A", "a"), ("B", "b")):
        assert sum(value or 0 for value in shop.state.slots[slot].counts.values()) == len(shop.shelves[plate])


@pytest.mark.parametrize("seed", SEEDS)
def test_the_journal_alone_gives_the_state_of_the_store(seed: int) -> None:
    lived(seed).folds()
