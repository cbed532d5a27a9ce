"""A store in virtual time: facts go in by hand, locks answer by themselves, and every record must fold into the same state again."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from device.domain import facts
from device.domain.commands import InboundCommand
from device.domain.effects import DriveLock, Effect, Reply
from device.domain.envelope import Origin, adapter, data_of
from device.domain.events import Event
from device.domain.jws import SigningKey, sign
from device.domain.layout import Layout
from device.domain.moment import Moment, in_ms
from device.domain.products import Product
from device.engine.records import record_from, row_of
from device.sensing import identify
from device.store import inputs
from device.store.access import authentication, codes
from device.store.memory import fold
from device.store.memory.notes import Record
from device.store.memory.state import State
from device.store.plan import Plan
from device.store.store import Input, Store, Trust

RIESLING = "04006381333931"
COLA = "05449000000996"
GIN = "05010327000176"

PRODUCTS = {
    RIESLING: Product(RIESLING, "Riesling", 1250.0, 6.0, 1290, age_limit=16),
    COLA: Product(COLA, "Cola", 355.0, 2.0, 250),
    GIN: Product(GIN, "Gin", 1420.0, 8.0, 2990, age_limit=18, tagged=True),
}

KEY = SigningKey.generate()
STRANGER = SigningKey.generate()
NOON = 1_795_348_800.0
"""2026-11-22 12:00:00 UTC, a Sunday."""

EPOCH = "0a1b2c3d"
ORIGIN = Origin("test-01", EPOCH, ZoneInfo("UTC"), simulated=True)


def layout(**zone: Any) -> Layout:
    """A fridge with two slots of one product, one mixed slot, and everything that can be wired to it."""
    return Layout.model_validate(
        {
            "store": {"id": "test-01", "name": "Test", "timezone": "UTC", "currency": "EUR"},
            "mqtt": {"url": "mqtt://127.0.0.1:1883"},
            "catalogue": {"file": "products.csv"},
            "zone": [{"id": "fridge", "name": "Fridge"} | zone, {"id": "other"}],
            "lock": [
                {"id": "lock", "zone": "fridge", "driver": "modbus-relay", "port": "serial:/dev/r", "relay": 0, "contact": 0, "bolt": 1}
                | zone.pop("lock", {}),
                {"id": "other-lock", "zone": "other", "driver": "modbus-relay", "port": "serial:/dev/r", "relay": 1, "contact": 2},
            ],
            "scale": [
                {"id": "a", "zone": "fridge", "driver": "mt-sics", "port": "serial:/dev/a"},
                {"id": "b", "zone": "fridge", "driver": "mt-sics", "port": "serial:/dev/b"},
                {"id": "c", "zone": "fridge", "driver": "mt-sics", "port": "serial:/dev/c"},
            ],
            "slot": [
                {"id": "A", "scale": "a", "products": [RIESLING], "capacity": 12, "low_at": 2},
                {"id": "B", "scale": "b", "products": [COLA], "capacity": 24},
                {"id": "C", "scale": "c", "products": [RIESLING, COLA], "capacity": 12},
            ],
            "thermometer": [{"id": "t", "zone": "fridge", "driver": "ds18b20", "serial": "28-0000075c1b2a"}],
            "reader": [{"id": "qr", "zone": "fridge", "driver": "line", "port": "serial:/dev/q"}],
            "input": [{"id": "fire", "zones": ["fridge"], "kind": "fire", "driver": "gpio", "pin": 5, "normally": "closed"}],
        }
    )


class Shop:
    """The store under test, its clock, and what it has told so far."""

    def __init__(self, plan_layout: Layout | None = None, *, stocked: bool = True, signed: bool = True, **zone: Any) -> None:
        self.layout = plan_layout or layout(**({"age_limit": 0} | zone))
        self.moment = Moment(1000.0, NOON, True, "boot-1")
        self.state = State()
        self.signed = signed
        self.records: list[Record] = []
        self.commits: list[int] = []
        """After how many records there was a transaction's end."""
        self.effects: list[Effect] = []
        self.driven: list[tuple[str, bool]] = []
        self.locks_answer = True
        self.refusal = ""
        self.plates = {"a": 7500.0, "b": 3550.0, "c": 0.0}
        self._codes = 0
        self._commands = 0
        self._start("first_start")
        if stocked:
            self.wake()

    def _start(self, reason: Any) -> None:
        trust = Trust(
            codes.Rules("test-01", ZoneInfo("UTC"), KEY.keyring),
            authentication.Rules("test-01", "smartstore/test-01", KEY.keyring, self.signed),
        )
        self.store = Store(Plan(self.layout, PRODUCTS, self.state), trust, self.state, identify, EPOCH)
        self.step(inputs.Begin("1.0", reason))

    def wake(self) -> None:
        """All devices answer: doors shut, plates quiet."""
        for device in ("lock", "other-lock", "a", "b", "c", "t", "qr", "fire"):
            self.fact(facts.DeviceOnline(device, self.now, None, ""))
        for lock in ("lock", "other-lock"):
            self.fact(facts.DoorMoved(lock, self.now, True), facts.RelayMoved(lock, self.now, False))
        for scale, grams in self.plates.items():
            self.fact(facts.PlateQuiet(scale, 1, self.now, grams, 0.3, True))

    def wake_door_open(self) -> None:
        """After a restart within a session: the door stands open, the plates are quiet."""
        self.fact(facts.DoorMoved("lock", self.now, False), facts.RelayMoved("lock", self.now, True))
        for scale, grams in self.plates.items():
            self.fact(facts.PlateQuiet(scale, 1, self.now, grams, 0.3, True))

    @property
    def now(self) -> float:
        return self.moment.uptime

    def step(self, what: Input) -> None:
        outcome = self.store.step(what, self.moment)
        self.records += outcome.records
        self.commits.append(len(self.records))
        self.effects += outcome.effects
        for effect in outcome.effects:
            if isinstance(effect, DriveLock):
                self.driven.append((effect.lock, effect.unlock))
                if self.locks_answer:
                    ok = not self.refusal
                    self.step(facts.LockDriven(effect.lock, self.now, effect.order, ok, self.refusal))

    def fact(self, *found: facts.Fact) -> None:
        for each in found:
            self.step(each)

    def wait(self, seconds: float) -> None:
        """Let time pass; whatever falls due meanwhile happens when it is due."""
        end = self.now + seconds
        while self.store.deadline is not None and self.store.deadline <= end:
            self._advance(max(self.store.deadline, self.now))
            self.step(inputs.Tick())
        self._advance(end)
        self.step(inputs.Tick())

    def _advance(self, uptime: float) -> None:
        """To a time that the journal can write, and no earlier than asked for: what is due then is due."""
        rounded = in_ms(uptime)
        later = rounded if rounded >= uptime else in_ms(rounded + 0.001)
        self.moment = Moment(later, in_ms(self.moment.wall + later - self.now), self.moment.trusted, self.moment.boot)

    def token(self, **claims: Any) -> str:
        self._codes += 1
        key = claims.pop("key", KEY)
        payload = {
            "iss": "shop", "sub": "shopper-1", "aud": "test-01", "iat": self.moment.wall, "exp": self.moment.wall + 300,
            "jti": f"j{self._codes}", "age": 18,
        }  # fmt: skip
        return sign(payload | claims, key)

    def show(self, text: str | None = None, *, held: bool = False, **claims: Any) -> str:
        """Somebody shows a code at the reader."""
        code = text if text is not None else self.token(**claims)
        self.fact(facts.CodeRead("qr", self.now, code, held))
        return code

    def enter(self, purpose: str = "shop", **claims: Any) -> None:
        """Show a code and open the door."""
        self.show(purpose=purpose, **claims)
        self.open_door()

    def leave(self) -> None:
        """Shut the door and wait for the bill."""
        self.close_door()
        self.wait(3)

    def open_door(self, lock: str = "lock") -> None:
        self.fact(facts.DoorMoved(lock, self.now, False))

    def close_door(self, lock: str = "lock") -> None:
        self.fact(facts.DoorMoved(lock, self.now, True))

    def weigh(self, scale: str, delta: float, sd: float = 0.4, undoes: str | None = None) -> str:
        """A plate moves, and a second later rests at another weight. Returns the step's evidence."""
        self.fact(facts.PlateMoving(scale, 1, self.now))
        self.wait(1.0)
        before = self.plates[scale]
        self.plates[scale] = before + delta
        step = facts.WeightStep(scale, 1, self.now, self.now - 1.0, delta, sd, before, before + delta, f"e.{self.now:.1f}", undoes=undoes)
        self.fact(step)
        return step.evidence

    def command(self, name: str, *, inbound: dict[str, Any] | None = None, key: SigningKey = KEY, **args: Any) -> dict[str, Any]:
        """Send a signed command; returns the newest reply to it."""
        self._commands += 1
        claims = {
            "id": f"c{self._commands}", "name": name, "args": args, "iat": self.moment.wall, "exp": self.moment.wall + 15,
            "sub": "operator", "aud": "test-01",
        } | (inbound or {})  # fmt: skip
        return self.send(name, sign(claims, key).encode(), str(claims["id"]))

    def send(self, name: str, payload: bytes, command: str, *, retained: bool = False) -> dict[str, Any]:
        self.step(InboundCommand(name, payload, retained))
        return self.reply(command)

    def reply(self, command: str) -> dict[str, Any]:
        replies = [effect for effect in self.effects if isinstance(effect, Reply) and effect.command == command]
        return {"status": replies[-1].status, "reason": replies[-1].reason, "result": replies[-1].result} if replies else {}

    def restart(self, *, boot: str | None = None, away_s: float = 1.0, plates: dict[str, float] | None = None) -> None:
        """Die without a word and start again from the journal, on the same boot or on another."""
        self.state = self.replayed()
        uptime = self.now + away_s if boot is None else 20.0
        self.moment = Moment(in_ms(uptime), in_ms(self.moment.wall + away_s), True, boot or self.moment.boot)
        self.plates |= plates or {}
        self._start("crash" if boot is None else "power_loss")

    def replayed(self) -> State:
        """The state that the records give when they are played from the journal's own bytes."""
        state = State()
        for record in self.records:
            fold.apply(state, record_from(row_of(record, ORIGIN)))
        return state

    def folds(self) -> None:
        """The records alone give the state that the store has."""
        assert plain_state(self.replayed()) == plain_state(self.store.state)

    def events(self, *kinds: type[Event] | str, since: int = 0) -> list[Any]:
        """The events told so far, of these types or names; ``since`` there were so many records."""
        told = (record.what for record in islice(self.records, since, None) if record.seq is not None)
        return [event for event in told if not kinds or type(event) in kinds or event.TYPE in kinds]

    def last(self, kind: str) -> Any:
        return next(record.what for record in reversed(self.records) if record.seq is not None and kind == record.what.TYPE)

    def types(self) -> list[str]:
        return [event.TYPE for event in self.events()]

    @property
    def view(self) -> dict[str, Any]:
        return self.store.zone_view("fridge", self.moment)


def plain_state(state: State) -> Any:
    """A state as JSON, without the clock of its last record: reading one back from an envelope rounds it to milliseconds."""
    plain = json.loads(adapter(State).dump_json(state))
    plain["revoked_subject"].sort()  # a set has no order
    return _rounded({name: value for name, value in plain.items() if name not in ("uptime", "wall")})


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_rounded(inner) for inner in value]
    return round(value, 2) if isinstance(value, float) else value


def names(cart: Iterable[Any]) -> list[tuple[str, int]]:
    """A cart as (GTIN, quantity)."""
    return [(line.gtin, line.quantity) for line in cart]


__all__ = ["COLA", "GIN", "KEY", "NOON", "PRODUCTS", "RIESLING", "STRANGER", "Shop", "data_of", "layout", "names"]
