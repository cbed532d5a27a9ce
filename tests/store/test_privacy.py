"""The store knows people by pseudonyms alone: what it writes down and what it remembers names nobody."""

from __future__ import annotations

from typing import Any

from device.domain.effects import ForgetSubject
from device.engine.records import dump_state, record_from, row_of
from device.journal.aliases import Names
from device.store.inputs import SubjectForgotten
from device.store.memory import fold
from device.store.memory.state import State
from tests.store.shop import ORIGIN, Shop

ANNA, JTI = "anna.abendstern-4711", "code-of-anna-0815"


class Private(Shop):
    """A shop with the journal's own pseudonyms."""

    def __init__(self, **zone: Any) -> None:
        self.names = Names(bytes(32))
        super().__init__(**zone)

    def _start(self, reason: Any) -> None:
        super()._start(reason)
        self.store._names = self.names

    @property
    def written(self) -> bytes:
        """All that would be in the journal's rows and snapshots."""
        return b"".join(row_of(record, ORIGIN).body for record in self.records) + dump_state(self.state)


def test_nothing_that_is_written_names_who_shops_or_which_code_it_was() -> None:
    shop = Private()
    shop.show(sub=ANNA, jti=JTI)
    shop.open_door()
    shop.weigh("a", -1250.0)
    shop.close_door()
    shop.wait(5.0)
    shop.show(sub=ANNA, jti=JTI)
    assert shop.last("access.denied").reason == "used"
    shop.command("revoke", subject=ANNA)
    shop.command("revoke", jti=JTI)
    shop.show(sub=ANNA, jti="another")
    assert shop.last("access.denied").reason == "revoked"
    assert ANNA.encode() not in shop.written
    assert JTI.encode() not in shop.written
    ended = shop.last("session.ended")
    assert ended.subject == shop.last("access.denied").subject == shop.names.subject_of(ANNA)
    shop.folds()


def test_nobody_is_forgotten_before_the_bill_is_told() -> None:
    shop = Private()
    shop.show(sub=ANNA)
    assert shop.command("forget", subject=ANNA) == {"status": "refused", "reason": "busy", "result": None}
    shop.open_door()
    shop.close_door()
    shop.wait(5.0)
    assert shop.command("forget", subject=ANNA)["status"] == "accepted"
    assert shop.effects[-1] == ForgetSubject(ANNA, "c2")
    assert ANNA.encode() not in shop.written
    shop.step(SubjectForgotten("c2", True))
    assert shop.reply("c2") == {"status": "done", "reason": None, "result": {"known": True}}


def test_a_journal_that_cannot_be_written_is_told_to_who_wants_somebody_forgotten() -> None:
    shop = Private()
    shop.command("forget", subject=ANNA)
    shop.step(SubjectForgotten("c1", True, "journal_full"))
    assert shop.reply("c1") == {"status": "failed", "reason": "journal_full", "result": None}


def test_a_revocation_outlasts_forgetting() -> None:
    shop = Private()
    shop.show(sub=ANNA)
    shop.wait(20.0)
    shop.command("revoke", subject=ANNA)
    shop.names.part(ANNA)
    shop.show(sub=ANNA)
    assert shop.last("access.denied").reason == "revoked"


def test_codes_and_revocations_of_a_journal_with_names_in_it_still_count() -> None:
    old = Shop()
    old.show(sub=ANNA, jti=JTI)
    old.wait(20.0)
    old.command("revoke", subject="mallory")
    shop = Private()
    for record in old.records:
        fold.apply(shop.state, record_from(row_of(record, ORIGIN)))
    shop.moment = old.moment
    shop.show(sub=ANNA, jti=JTI)
    assert shop.last("access.denied").reason == "used"
    shop.show(sub="mallory")
    assert shop.last("access.denied").reason == "revoked"
    assert isinstance(shop.state, State)
