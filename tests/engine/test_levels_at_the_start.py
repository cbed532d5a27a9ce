"""What stood when the program ended is looked at anew when it starts: levels are told once, also where they are as they should be."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from device.domain.effects import Reply
from device.domain.moment import Moment
from device.engine.clock import Clock
from device.engine.core import Core
from device.engine.loop import Engine
from device.engine.records import restore
from device.journal import Journal, Row
from device.sensing import Sensing, identify
from device.store.inputs import Begin, JournalRoom, Overload
from device.store.memory.state import State
from device.store.plan import Plan
from device.store.store import Store
from tests.store.shop import ORIGIN, PRODUCTS, Shop, layout


class Nobody:
    """Nobody listens."""

    def committed(self, rows: Sequence[Row]) -> None: ...

    def reply(self, reply: Reply) -> None: ...

    def resend(self, from_seq: int) -> None: ...

    def reload(self, command: str | None) -> None: ...

    def forgotten(self) -> None: ...

    def levels(self, moment: Moment) -> None: ...

    def broker_down(self, moment: Moment) -> bool:
        return False

    def second(self, moment: Moment) -> None: ...


@asynccontextmanager
async def started(path: Path) -> AsyncIterator[Engine]:
    """An engine on what the journal has."""
    journal = Journal.open(path, max_mb=64, keep_days=30)
    try:
        state: State = restore(*journal.recover())
        store = Store(Plan(layout(), PRODUCTS, state), Shop().store.trust, state, identify, journal.epoch)
        clock = Clock("always", 0.0)
        engine = Engine(Core(Sensing(layout(), {}, clock.boot[:8]), store), journal, {}, Nobody(), clock, ORIGIN, lambda: "challenge")
        engine.inbox.tell(Begin("1.0", "crash"))
        await engine.turn()
        yield engine
    finally:
        await journal.close()


async def test_a_store_that_stopped_for_a_full_journal_sells_again_after_a_restart_with_room(tmp_path: Path) -> None:
    async with started(tmp_path / "journal.db") as engine:
        engine.inbox.tell(JournalRoom("full"))
        await engine.turn()
        assert engine.core.store.state.zones["fridge"].stopped
    async with started(tmp_path / "journal.db") as engine:
        assert engine.core.store.state.zones["fridge"].stopped == {}
        assert engine.core.store.state.alarms == {}


async def test_an_overload_from_before_a_restart_does_not_stand_for_ever(tmp_path: Path) -> None:
    async with started(tmp_path / "journal.db") as engine:
        engine.inbox.tell(Overload(200, 0))
        await engine.turn()
        assert [alarm.kind for alarm in engine.core.store.state.alarms.values()] == ["overload"]
    async with started(tmp_path / "journal.db") as engine:
        assert engine.core.store.state.alarms == {}
