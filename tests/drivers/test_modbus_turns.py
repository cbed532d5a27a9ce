from __future__ import annotations

import asyncio

from device.ports.turns import DOUBTFUL, ORDER, POLL, Place, Turns


class Line:
    """A line, and who has had it, in order. Who has it keeps it until ``go_on``."""

    def __init__(self) -> None:
        self.turns = Turns()
        self.had: list[str] = []
        self.go_on = asyncio.Event()

    async def use(self, name: str, place: Place) -> None:
        async with self.turns.turn(place):
            self.had.append(name)
            await self.go_on.wait()


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_an_order_overtakes_polling_and_a_doubtful_unit_comes_last() -> None:
    line = Line()
    async with asyncio.TaskGroup() as group:
        for name, urgency in [("holder", POLL), ("doubtful", DOUBTFUL), ("first", POLL), ("second", POLL), ("order", ORDER)]:
            group.create_task(line.use(name, Place(urgency)))
            await settle()
        line.go_on.set()
    assert line.had == ["holder", "order", "first", "second", "doubtful"]


async def test_who_polls_can_become_urgent_while_it_waits() -> None:
    line = Line()
    place = Place()
    async with asyncio.TaskGroup() as group:
        group.create_task(line.use("holder", Place()))
        group.create_task(line.use("first", Place()))
        group.create_task(line.use("lock", place))
        await settle()
        place.urgency = ORDER
        line.go_on.set()
    assert line.had == ["holder", "lock", "first"]


async def test_who_gives_up_waiting_does_not_hold_up_the_others() -> None:
    line = Line()
    async with asyncio.TaskGroup() as group:
        group.create_task(line.use("holder", Place()))
        gives_up = group.create_task(line.use("gives up", Place()))
        group.create_task(line.use("patient", Place()))
        await settle()
        gives_up.cancel()
        line.go_on.set()
    assert line.had == ["holder", "patient"]


async def test_a_turn_given_to_one_that_is_cancelled_at_that_moment_goes_to_the_next() -> None:
    line = Line()
    async with asyncio.TaskGroup() as group:
        async with line.turns.turn(Place()):
            unlucky = group.create_task(line.use("unlucky", Place()))
            group.create_task(line.use("patient", Place()))
            await settle()
        unlucky.cancel()
        line.go_on.set()
    assert line.had == ["patient"]


async def test_a_line_is_free_again_after_everybody() -> None:
    line = Line()
    line.go_on.set()
    for name in ("one", "two"):
        await line.use(name, Place())
    assert line.had == ["one", "two"]
