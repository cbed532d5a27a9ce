"""A shop in virtual time: simulated plates and shoppers on one side, sensing and store as they ship on the other.

A day is one cabinet: staff fill its empty shelves, then shoppers come one after another, and staff again where little is left. Every sample
of every plate goes through ``Sensing``, every fact through ``Store``; only wires and drivers are left out. Goods, plates and shoppers are
``firmware_sims``': items differ, batches differ from the catalogue, plates ring, creep, drift and glitch, people lean.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from device.domain import facts
from device.domain.commands import InboundCommand
from device.domain.effects import DriveLock
from device.domain.events import ItemReturned, ItemTaken, SessionEnded
from device.domain.jws import SigningKey, sign
from device.domain.layout import Layout
from device.domain.moment import Moment
from device.domain.products import Product
from device.domain.readings import ContactReading, DeviceUp, TagReading, TagRound, WeightReading
from device.sensing import Sensing, identify
from device.store import inputs
from device.store.access import authentication, codes
from device.store.memory.state import State
from device.store.plan import Plan
from device.store.store import Input, Store, Trust
from firmware_sims import goods
from firmware_sims.physics import Plate, PlateNature
from firmware_sims.shopper import Habits, Step, plan

NOON = 1_795_348_800.0
EPOCH = "0a1b2c3d"
BATCH = 0.5
"""How much a delivered batch's mean differs from the product's, as a share of the items' spread."""
CATALOGUE_WEIGHED = 10
"""So many items were weighed for the catalogue."""
TAG_MISS = 0.03
ROUND_S = 0.3
FULL, LITTLE = 6, 2
LAST_PAUSE_S = 1.2
CHANNELS = 12


HABITS = Habits(misplaces=0.05, kinds=0.02, threes=0.05)
NATURE = PlateNature()


@dataclass(frozen=True, slots=True)
class Goods:
    """One product as it really is."""

    gtin: str
    grams: float
    grams_sd: float


@dataclass(frozen=True, slots=True)
class Scenario:
    """A kind of shop. ``slots`` are the products of each; ``walk_g``: how hard people who pass shake the plates."""

    name: str
    slots: tuple[tuple[Goods, ...], ...]
    rate_hz: float = 10.0
    habits: Habits = HABITS
    nature: PlateNature = NATURE
    tagged: bool = False
    walk_g: float = 0.0
    hum_g: float = 0.0


class Doing(NamedTuple):
    """What a hand really did: so many items taken, and grams that left; negative: put back. Two hands at once are one ``movement``."""

    slot: str
    gtin: str
    quantity: int
    grams: float
    movement: int


class Filled(NamedTuple):
    """What staff did, and what stands in each slot after it: number by product."""

    doings: tuple[Doing, ...]
    standing: dict[str, dict[str, int]]


@dataclass(slots=True)
class Seen:
    """One session: what was really done, and what the device made of it. ``samples`` are for the published rule."""

    true: dict[str, int]
    doings: list[Doing]
    filled: Filled | None
    """Staff have been there since the session before."""
    tags_gone: dict[str, int]
    told: dict[str, int] = field(default_factory=dict)
    lines: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    confidences: dict[str, float] = field(default_factory=dict)
    sure: list[tuple[float, bool]] = field(default_factory=list)
    reasons: tuple[str, ...] = ()
    samples: list[tuple[float, ...]] = field(default_factory=list)


class ShopDay:
    """One day of one scenario."""

    def __init__(self, scenario: Scenario, seed: int) -> None:
        self.scenario = scenario
        self.seed = seed
        self.chance = Random(f"accuracy {scenario.name} {seed}")
        self.dt = 1 / scenario.rate_hz
        self.at = 1000.0
        gtins = {product.gtin: product for slot in scenario.slots for product in slot}
        self.truth = {gtin: replace(each, grams=each.grams + self.chance.gauss(0, BATCH * each.grams_sd)) for gtin, each in gtins.items()}
        known = {gtin: self._catalogued(each) for gtin, each in gtins.items()}
        real = {g: goods.Product(g, g, each.grams, each.grams_sd, 100, tagged=scenario.tagged) for g, each in self.truth.items()}
        self.cellar = goods.Cellar(real, self.chance.randrange(2**32))
        self.places = self._places()
        self.hand: list[goods.Item] = []
        self.key = SigningKey.generate()
        self.layout = self._layout()
        trust = Trust(
            codes.Rules("bench-01", ZoneInfo("UTC"), self.key.keyring),
            authentication.Rules("bench-01", "smartstore/bench-01", self.key.keyring, True),
        )
        self.state = State()
        self.store = Store(Plan(self.layout, known, self.state), trust, self.state, identify, EPOCH)
        self.sensing = Sensing(self.layout, {}, "b")
        self.events: list[Any] = []
        self._doings: list[Doing] = []
        self._filled: Filled | None = None
        self._movements = 0
        self._numbers = 0
        self._samples: list[tuple[float, ...]] = []
        self._next_round = 0.0
        self._next_walk = 0.0
        self._boot()

    def _catalogued(self, product: Goods) -> Product:
        """A product as the catalogue has it: some items of another batch were weighed."""
        grams = self.chance.gauss(product.grams, product.grams_sd / CATALOGUE_WEIGHED**0.5)
        return Product(product.gtin, product.gtin, grams, product.grams_sd, 100, tagged=self.scenario.tagged)

    def _places(self) -> dict[str, goods.Place]:
        places = {}
        for number, products in enumerate(self.scenario.slots):
            plate = Plate(f"{self.seed} {self.scenario.name} {number}", self.scenario.nature)
            plate.hum_g = self.scenario.hum_g
            gtins = [product.gtin for product in products]
            places[f"s{number + 1}"] = goods.Place(f"s{number + 1}", "z", gtins, 4 * FULL * len(gtins), plate, self.seed)
        return places

    def _layout(self) -> Layout:
        slots = [
            {"id": name, "scale": "board", "channel": number + 1, "products": list(place.products), "capacity": place.capacity}
            for number, (name, place) in enumerate(self.places.items())
        ]
        board = {"id": "board", "zone": "z", "driver": "modbus-loadcell", "port": "tcp:192.0.2.10:502"}
        rfid = {"id": "tags", "zone": "z", "driver": "r200", "port": "serial:/dev/t"}
        return Layout.model_validate(
            {
                "store": {"id": "bench-01", "name": "Bench", "timezone": "UTC", "currency": "EUR"},
                "mqtt": {"url": "mqtt://127.0.0.1:1883"},
                "catalogue": {"file": "products.csv"},
                "zone": [{"id": "z", "name": "Z"}],
                "lock": [{"id": "lock", "zone": "z", "driver": "modbus-relay", "port": "serial:/dev/r", "relay": 0, "contact": 0}],
                "scale": [board | {"channels": len(slots), "rate_hz": self.scenario.rate_hz, "counts_per_gram": 1.0}],
                "slot": slots,
                "rfid": [rfid] if self.scenario.tagged else [],
                "reader": [{"id": "qr", "zone": "z", "driver": "line", "port": "serial:/dev/q"}],
            }
        )

    # Time.

    def _moment(self) -> Moment:
        return Moment(self.at, NOON + self.at, True, "boot-1")

    def _put_in(self, *what: Input) -> None:
        for each in what:
            outcome = self.store.step(each, self._moment())
            self.events += [record.what for record in outcome.records if record.seq is not None]
            for effect in outcome.effects:
                if isinstance(effect, DriveLock):
                    self._put_in(facts.LockDriven(effect.lock, self.at, effect.order, True, ""))
                    self._put_in(facts.RelayMoved(effect.lock, self.at, effect.unlock))

    def wait(self, seconds: float) -> None:
        """Let time pass, sample by sample."""
        end = self.at + seconds
        plates = [place.plate for place in self.places.values()]
        while self.at < end:
            self.at += self.dt
            self._walk()
            values = tuple([plate.sample(self.dt) for plate in plates])
            self._samples.append(values)
            found = self.sensing.take(WeightReading("board", self.at, values))
            if self.scenario.tagged and self.at >= self._next_round:
                found = [*found, *self._inventory()]
            if self.sensing.deadline is not None and self.at >= self.sensing.deadline:
                found = [*found, *self.sensing.tick(self.at)]
            for fact in found:
                self._put_in(fact)
            if self.store.deadline is not None and self.store.deadline <= self.at:
                self._put_in(inputs.Tick())

    def _walk(self) -> None:
        if self.scenario.walk_g and self.at >= self._next_walk:
            self._next_walk = self.at + 0.55
            for place in self.places.values():
                place.plate.shake(self.chance.uniform(0.3, 1.0) * self.scenario.walk_g)

    def _inventory(self) -> Iterator[facts.Fact]:
        """A round of the reader: each tag that is there is read, or is missed."""
        self._next_round = self.at + ROUND_S
        for place in self.places.values():
            for item in place.items:
                if item.epc and self.chance.random() >= TAG_MISS:
                    yield from self.sensing.take(TagReading("tags", self.at, bytes.fromhex(item.epc)))
        yield from self.sensing.take(TagRound("tags", self.at))

    def _boot(self) -> None:
        self._put_in(inputs.Begin("bench", "first_start"))
        for device in ("lock", "board", "qr", *(["tags"] if self.scenario.tagged else [])):
            for fact in self.sensing.take(DeviceUp(device, self.at, "")):
                self._put_in(fact)
        self._put_in(*self.sensing.take(ContactReading("lock", self.at, False, True)))
        self.wait(4.0)

    # People.

    def _show(self, purpose: str) -> None:
        self._numbers += 1
        now = NOON + self.at
        claims = {"iss": "b", "sub": "s", "aud": "bench-01", "iat": now, "exp": now + 60, "jti": f"j{self._numbers}", "purpose": purpose}
        self._put_in(facts.CodeRead("qr", self.at, sign(claims, self.key), False))

    def _command(self, name: str, **args: Any) -> None:
        self._numbers += 1
        now = NOON + self.at
        claims = {"id": f"c{self._numbers}", "name": name, "args": args, "iat": now, "exp": now + 15, "sub": "o", "aud": "bench-01"}
        self._put_in(InboundCommand(name, sign(claims, self.key).encode(), False))

    def _door(self, shut: bool) -> None:
        for place in self.places.values():
            place.plate.shake(60.0 if shut else 15.0)
        self._put_in(*self.sensing.take(ContactReading("lock", self.at, None, shut)))

    def _visit(self, purpose: str, steps: list[Step], *, counting: bool = False) -> None:
        """Somebody comes, does these and goes. ``counting``: says of each product that came how many there are."""
        self._show(purpose)
        self.wait(0.5)
        self._door(False)
        for step in steps:
            self.wait(step.pause_s)
            self._movements += not step.joined
            self._do(step.order)
            if counting:
                self.wait(1.5)
                slot, gtin = step.order["slot"], step.order["gtin"]
                self._command("count", slot=slot, gtin=gtin, count=sum(item.gtin == gtin for item in self.places[slot].items))
        self.wait(LAST_PAUSE_S)
        self._door(True)
        ended = sum(isinstance(event, SessionEnded) for event in self.events)
        while sum(isinstance(event, SessionEnded) for event in self.events) == ended:
            self.wait(0.25)

    def _do(self, order: dict[str, Any]) -> None:
        place = self.places[order["slot"]]
        if order["do"] == "lean":
            place.plate.lean(order["grams"], order["seconds"])
            return
        before = place.plate.grams
        gtin, count = order["gtin"], order.get("count", 1)
        if order["do"] == "take":
            self.hand += place.take(count, gtin)
        elif order.get("who") == "staff":
            place.put([self.cellar.bring(gtin) for _ in range(count)])
        else:
            back = [item for item in reversed(self.hand) if item.gtin == gtin][:count]
            self.hand = [item for item in self.hand if not any(item is one for one in back)]
            place.put(back)
        moved = before - place.plate.grams
        self._doings.append(Doing(order["slot"], gtin, count if order["do"] == "take" else -count, moved, self._movements))

    def fill(self) -> None:
        """Staff put every slot to its full number, one product after another; count each then, and at last all of it."""
        steps = []
        for name, place in self.places.items():
            standing = Counter(item.gtin for item in place.items)
            for gtin in place.products:
                missing = FULL - standing[gtin]
                if missing > 0:
                    steps.append(Step(2.0, {"do": "put", "slot": name, "gtin": gtin, "count": missing, "who": "staff"}, ""))
        self._doings = []
        self._visit("restock", steps, counting=True)
        for name, place in self.places.items():
            self._mix(place)
            standing = Counter(item.gtin for item in place.items)
            for gtin in dict.fromkeys([*place.products, *standing, *self.state.slots[name].misplaced]):
                self._command("count", slot=name, gtin=gtin, count=standing[gtin])
        stand = {name: dict(Counter(item.gtin for item in place.items)) for name, place in self.places.items()}
        self._filled = Filled(tuple(self._doings), stand)
        self.wait(1.5)

    def _mix(self, place: goods.Place) -> None:
        """Products that share a slot stand in any order."""
        self.chance.shuffle(place._standing)

    def session(self) -> Seen:
        """One shopper."""
        if min(len(place.items) for place in self.places.values()) <= LITTLE:
            self.fill()
        layout = {"products": {gtin: {"name": gtin} for gtin in self.truth}}
        state = {
            "slots": {name: {"zone": "z", "items": [{"gtin": item.gtin} for item in place.items]} for name, place in self.places.items()}
        }
        visit = plan(self.chance.randrange(2**32), layout, state, "z", self.scenario.habits)
        self.hand, self._doings, self._samples = [], [], []
        first = len(self.events)
        self.wait(1.0)
        self._visit("shop", list(visit.steps))
        true = dict(Counter(item.gtin for item in self.hand))
        seen = Seen(true, self._doings, self._filled, true if self.scenario.tagged else {}, samples=self._samples)
        self._filled = None
        _told(seen, self.events[first:])
        self.events.clear()
        self.wait(0.5)
        return seen


def _told(seen: Seen, events: list[Any]) -> None:
    """What the device told: the lines that hold at the end, and the cart."""
    for event in events:
        if isinstance(event, ItemTaken | ItemReturned):
            sign = 1 if isinstance(event, ItemTaken) else -1
            seen.lines[str(event.slot), str(event.gtin), sign] += event.quantity
        elif isinstance(event, SessionEnded):
            seen.told = {line.gtin: line.quantity for line in event.cart}
            seen.confidences = {line.gtin: line.confidence for line in event.cart}
            seen.reasons = event.review_reasons
    seen.sure = [(share, seen.true.get(gtin, 0) == seen.told[gtin]) for gtin, share in seen.confidences.items()]
