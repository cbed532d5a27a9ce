"""Drift is forgiven, a hand that takes a little at a time is not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from device.domain import facts
from tests.store.shop import RIESLING, Shop


@pytest.fixture
def shop() -> Iterator[Shop]:
    shop = Shop()
    yield shop
    shop.folds()


def rest(shop: Shop, scale: str, grams: float, after_s: float = 60.0) -> None:
    """A plate says at which weight it rests, as it does once a minute."""
    shop.wait(after_s)
    shop.plates[scale] = grams
    shop.fact(facts.PlateQuiet(scale, 1, shop.now, grams, 0.3, False))


def alarms(shop: Shop) -> list[str]:
    return [event.kind for event in shop.events("alarm.raised")]


def test_a_day_of_drift_is_no_theft(shop: Shop) -> None:
    grams = 7500.0
    for minute in range(24 * 60):
        grams += 2.0 / 60 if minute // 360 % 2 else -2.0 / 60
        rest(shop, "a", grams)
    assert alarms(shop) == []
    assert shop.store.slot_view("A", shop.moment)["count"] == 6


def test_a_little_at_a_time_with_the_door_shut_is_a_removal(shop: Shop) -> None:
    grams = 7500.0
    for _ in range(40):
        grams -= 3.0
        rest(shop, "a", grams)
        if alarms(shop):
            break
    alarm = shop.last("alarm.raised")
    assert (alarm.kind, alarm.details["slow"]) == ("unexplained_removal", True)
    assert -25.0 < alarm.details["grams"] < -10.0


def test_what_is_as_slow_as_drift_is_found_by_its_sum(shop: Shop) -> None:
    grams = 7500.0
    hours = 0
    while not alarms(shop) and hours < 400:
        grams -= 3.0
        rest(shop, "a", grams, after_s=3600.0)
        hours += 1
    assert alarms(shop) == ["unexplained_removal"]
    assert 7500.0 - grams < 0.5 * 1250.0 + 10.0


def test_bits_taken_within_a_session_make_it_need_review(shop: Shop) -> None:
    shop.show()
    shop.open_door()
    for grams in (7495.0, 7489.0, 7483.0, 7477.0):
        rest(shop, "a", grams, after_s=2.0)
    shop.close_door()
    shop.wait(3)
    assert shop.last("session.ended").review_reasons == ("unexplained_step",)


def test_what_drifted_before_a_session_is_not_its_doing(shop: Shop) -> None:
    rest(shop, "a", 7488.0)
    shop.show()
    shop.open_door()
    shop.weigh("a", -1250.0)
    shop.close_door()
    shop.wait(3)
    assert not shop.last("session.ended").needs_review


def test_a_count_is_put_right_by_the_scale_after_a_visit(shop: Shop) -> None:
    shop.command("count", slot="A", gtin=RIESLING, count=5)
    shop.show()
    shop.open_door()
    shop.weigh("a", -1250.0)
    shop.close_door()
    shop.wait(3)
    changed = shop.last("stock.changed")
    assert (changed.count, changed.before, changed.reason) == (5, 4, "counted")


def test_the_ledger_survives_a_restart(shop: Shop) -> None:
    for grams in (7497.0, 7494.0, 7491.0):
        rest(shop, "a", grams)
    books = shop.state.slots["A"].books
    shop.restart()
    assert shop.state.slots["A"].books == books
