"""A busy shop: many visits a day, and the faults that days have, as facts in virtual time. Seeded."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from device.domain import facts
from device.domain.layout import Layout
from device.domain.moment import Moment
from tests.store.shop import COLA, NOON, RIESLING, Shop, layout

DAY_S = 86_400.0
OPEN = ("Mon-Sun 08:00-22:00", 8, 22)
GRAMS = {"a": (RIESLING, 1250.0, 6.0), "b": (COLA, 355.0, 2.0)}
FULL = {"a": 12, "b": 24}


@dataclass
class Visit:
    """What a visit was in truth: the items that left, whether they can have been counted rightly, and what the session is called."""

    items: dict[str, int]
    sound: bool
    session: str | None
    hands: dict[str, list[float]] = field(default_factory=dict)


class BusyShop(Shop):
    """Days of visits and faults. ``visits`` is the truth."""

    def __init__(self, seed: int, *, visits_a_day: int = 200, plan: Layout | None = None) -> None:
        self.chance = random.Random(seed)
        self.visits_a_day = visits_a_day
        self.visits: list[Visit] = []
        self.boots = 0
        self.shelves = {"a": [1250.0] * 6, "b": [355.0] * 10}
        super().__init__(plan or layout(sales_hours=[OPEN[0]], age_limit=16, temperature={"min_celsius": 2.0, "max_celsius": 12.0}))

    def day(self) -> None:
        """Midnight to midnight."""
        midnight = self.moment.wall - self.moment.wall % DAY_S
        times = sorted(self.chance.uniform(OPEN[1] - 0.5, OPEN[2] + 0.5) * 3600 for _ in range(self.visits_a_day))
        for at in times:
            self.until(midnight + at)
            self.something_may_fail()
            self.visit()
            if self.chance.random() < 0.06:
                self.restock()
        self.until(midnight + DAY_S)

    def until(self, wall: float) -> None:
        """Let time pass, with a temperature now and then."""
        while self.moment.wall < wall:
            self.wait(min(60.0, wall - self.moment.wall))
            self.fact(facts.TemperatureKnown("t", self.now, 7.0 + self.chance.gauss(0, 0.3)))

    def visit(self) -> None:
        """Somebody comes in, takes and puts back, and goes; a minor, or out of hours, stays outside."""
        age = self.chance.choices([14, 18, 40], [1, 4, 5])[0]
        before = len(self.records)
        self.show(age=age, sub=f"s{self.chance.randrange(50)}")
        started = self.events("session.started", since=before)
        if not started:
            return
        visit = Visit({}, True, started[-1].session)
        self.visits.append(visit)
        if self.chance.random() < 0.03:
            self.wait(40)
            return
        self.open_door()
        for _ in range(self.chance.choices([0, 1, 2, 3, 5], [1, 5, 3, 1, 1])[0]):
            self.wait(self.chance.uniform(0.5, 6.0))
            self.move(visit, self.chance.choice("ab"))
        if self.chance.random() < 0.01:
            visit.sound = False
            self.die(another_boot=self.chance.random() < 0.3, door_open=True)
        self.wait(self.chance.uniform(0.2, 4.0))
        self.close_door()
        self.wait(self.chance.uniform(3.0, 9.0))

    def move(self, visit: Visit, plate: str) -> None:
        """Each item has a weight of its own, and weighs the same when it is put back."""
        gtin, shelf, hand = GRAMS[plate][0], self.shelves[plate], visit.hands.setdefault(plate, [])
        back = bool(hand) and self.chance.random() < 0.2
        if not back and not shelf:
            return
        visit.items[gtin] = visit.items.get(gtin, 0) + (-1 if back else 1)
        source, target = (hand, shelf) if back else (shelf, hand)
        grams = source.pop(self.chance.randrange(len(source)))
        target.append(grams)
        self.weigh(plate, grams if back else -grams)

    def restock(self) -> None:
        """Staff fill the plates up."""
        self.wait(20)
        self.show(purpose="restock", sub="staff")
        self.open_door()
        for plate, (_, mean, spread) in GRAMS.items():
            more = [self.chance.gauss(mean, spread) for _ in range(FULL[plate] - len(self.shelves[plate]))]
            if more:
                self.shelves[plate] += more
                self.weigh(plate, sum(more))
        self.close_door()
        self.wait(10)

    def something_may_fail(self) -> None:
        what = self.chance.random()
        if what < 0.01:
            self.cable("t")
        elif what < 0.02:
            self.cable("qr")
        elif what < 0.03:
            self.cable("b")
            self.fact(facts.PlateQuiet("b", 1, self.now, self.plates["b"], 0.3, True))
        elif what < 0.035:
            self.die(another_boot=self.chance.random() < 0.5)
        elif what < 0.04:
            self.step_clock(self.chance.choice([-7200.0, 3600.0]))
        elif what < 0.045:
            self.command("stop_sales", zone="fridge", reason="cleaning")
            self.wait(300)
            self.command("resume_sales", zone="fridge")

    def cable(self, device: str) -> None:
        scale = device in self.plates
        self.fact(facts.DeviceLost(device, self.now, "cable"))
        if scale:
            self.fact(facts.PlateUntrusted(device, 1, self.now, "lost"))
        self.wait(self.chance.uniform(1, 30))
        self.fact(facts.DeviceOnline(device, self.now, 10.0, ""))
        if scale:
            self.fact(facts.PlateTrusted(device, 1, self.now))

    def die(self, *, another_boot: bool, door_open: bool = False) -> None:
        self.boots += 1
        self.restart(boot=f"boot-{self.boots + 1}" if another_boot else None)
        for device in ("lock", "other-lock", "a", "b", "c", "t", "qr", "fire"):
            self.fact(facts.DeviceOnline(device, self.now, None, ""))
        if door_open:
            self.wake_door_open()
        else:
            self.wake()

    def step_clock(self, seconds: float) -> None:
        """The wall clock was wrong for a while."""
        self.moment = Moment(self.now, self.moment.wall + seconds, self.moment.trusted, self.moment.boot)
        self.wait(600)
        self.moment = Moment(self.now, max(NOON, self.moment.wall - seconds), self.moment.trusted, self.moment.boot)
