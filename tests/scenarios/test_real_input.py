"""A load cell's own recording, through real firmware dialogue into the store: nothing was touched in it, so nothing may be told.

The recording has 83 isolated glitches of up to 22 kg in 10,000 samples, gaps of up to 1.3 s and 2.4 g of drift (``tests/data``).
"""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from device.domain import facts
from device.domain.effects import DriveLock
from device.domain.events import SessionEnded
from device.domain.jws import sign
from device.domain.layout import Layout, MtSicsScale
from device.domain.moment import Moment
from device.domain.products import Product
from device.drivers.dialogue import Turn
from device.drivers.mt_sics import MtSicsDialogue
from device.engine.core import Core
from device.sensing import Sensing, identify
from device.store import inputs
from device.store.access import authentication, codes
from device.store.memory.state import State
from device.store.plan import Plan
from device.store.store import Input, Store, Trust
from firmware_sims.mt_sics import MtSicsScale as ScaleFirmware
from firmware_sims.sim import Recorded
from tests.scenarios.rig import CONFIG, Rig, cart, rig
from tests.scenarios.rig import RIESLING as RIESLING_HERE
from tests.store.shop import EPOCH, KEY, NOON, RIESLING, layout

RECORDING = Path(__file__).parents[1] / "data" / "coffee_pot_2019-12-18_a.csv"
SAMPLES = 10_000
ITEM = Product(RIESLING, "Riesling", 1050.0, 6.0, 1290)
"""Three of these weigh what stands on the recorded scale, so that the first count is well defined."""
STARTS = 1000.0
TAIL = 300


def recorded() -> list[tuple[float, float]]:
    """Seconds from the first sample, on a clock that is never set back, and grams."""
    rows = [line.split(",") for line in RECORDING.read_text(encoding="ascii").splitlines()]
    stamped, newest = [], 0.0
    for stamp, grams in rows:
        newest = max(newest, float(stamp) - float(rows[0][0]))
        stamped.append((newest, float(grams)))
    return stamped


class Replay:
    """Scale, dialogue, senses and store in virtual time: what the scale's firmware says goes the daemon's way, byte for byte."""

    def __init__(self) -> None:
        whole = layout(door_held_s=7200.0, max_session_s=7200.0)
        keep = {"zone": whole.zone[:1], "lock": whole.lock[:1], "scale": whole.scale[:1], "slot": whole.slot[:1], "thermometer": ()}
        plan: Layout = whole.model_copy(update=keep | {"input": ()})
        scale = plan.scale[0]
        assert isinstance(scale, MtSicsScale)
        state = State()
        trust = Trust(
            codes.Rules("test-01", ZoneInfo("UTC"), KEY.keyring),
            authentication.Rules("test-01", "smartstore/test-01", KEY.keyring, signed=True),
        )
        store = Store(Plan(plan, {ITEM.gtin: ITEM}, state), trust, state, identify, EPOCH)
        self.core = Core(Sensing(plan, {}, "boot"), store)
        self.load = Recorded([grams for _, grams in recorded()])
        self.told: list[str] = []
        self.bill: SessionEnded | None = None
        self.now = STARTS
        self._firmware = ScaleFirmware(self.load)
        self._firmware.tick(0.0)  # it greets at power-up, long before anybody listens
        self._dialogue = MtSicsDialogue(scale.id, scale.rate_hz)
        self.step(inputs.Begin("1.0", "first_start"))
        for device in ("lock", "qr"):
            self.step(facts.DeviceOnline(device, self.now, None, ""))
        self.step(facts.DoorMoved("lock", self.now, True))
        self.step(facts.RelayMoved("lock", self.now, False))
        self._hear(self._dialogue.opened(self.now))

    def play(self, upto: int) -> None:
        """Play on, to this many samples."""
        for stamp, _ in recorded()[self.load.played : upto]:
            at = STARTS + stamp
            while self._dialogue.deadline < at:
                self._pass(self._dialogue.deadline)
                self._hear(self._dialogue.tick(self.now))
            self._pass(at)
            self._hear(self._dialogue.received(self._firmware.tick(0.1), at))

    def step(self, what: Input) -> None:
        """Let the store decide; its locks obey."""
        moment = Moment(self.now, NOON + self.now, True, "boot-1")
        outcome = self.core.step(what, moment)
        self.told += [record.what.TYPE for record in outcome.records if record.seq is not None]
        self.bill = next((record.what for record in outcome.records if isinstance(record.what, SessionEnded)), self.bill)
        for effect in outcome.effects:
            if isinstance(effect, DriveLock):
                self.step(facts.LockDriven(effect.lock, self.now, effect.order, True, ""))

    def _pass(self, at: float) -> None:
        while (due := self.core.deadline) is not None and due <= at:
            self.now = max(due, self.now)
            self._decide(self.core.sensing.tick(self.now))
            self.step(inputs.Tick())
        self.now = at

    def _hear(self, turn: Turn) -> None:
        assert turn.failure is None
        self._decide(self.core.sensing.facts(turn.readings))
        if turn.send:
            self._hear(self._dialogue.received(self._firmware.receive(turn.send), self.now))

    def _decide(self, found: list[facts.Fact]) -> None:
        for fact in found:
            self.step(fact)


def test_nothing_is_told_of_an_untouched_scale_behind_a_closed_door() -> None:
    replay = Replay()
    replay.play(SAMPLES)
    assert replay.load.played == SAMPLES
    assert replay.core.sensing.device("a").samples == SAMPLES + 2  # twice it is asked to stream, the second time after a gap
    assert replay.core.sensing.device("a").noise == 0
    assert replay.core.sensing.plate("a", 1).trusted
    assert replay.told == ["store.started", "stock.changed"]
    assert replay.core.store.state.slots["A"].counts == {RIESLING: 3}


def test_nothing_is_charged_of_an_untouched_scale_while_a_shopper_stands_before_it() -> None:
    replay = Replay()
    replay.play(100)
    claims = {"sub": "anna", "aud": "test-01", "iat": NOON, "exp": NOON + 5000, "jti": "j1", "age": 30}
    replay.step(facts.CodeRead("qr", replay.now, sign(claims, KEY), False))
    replay.step(facts.DoorMoved("lock", replay.now, False))
    replay.play(SAMPLES - 100)
    before = len(replay.told)
    replay.step(facts.DoorMoved("lock", replay.now, True))
    replay.play(SAMPLES)
    assert replay.told[:before] == [
        "store.started", "stock.changed", "access.granted", "session.started", "door.unlocked", "door.opened",
    ]  # fmt: skip
    assert replay.told[before:] == ["door.closed", "door.locked", "session.ended"]
    assert replay.bill is not None
    assert (replay.bill.cart, replay.bill.needs_review) == ((), False)


SCALE_ONLY = CONFIG[: CONFIG.index("[[scale]]")] + (
    '[[scale]]\nid = "plate-a"\nzone = "fridge"\ndriver = "mt-sics"\nport = "serial:/dev/rig-a?baud=9600"\n{scale}\n'
    '[[slot]]\nid = "A"\nscale = "plate-a"\nproducts = ["09520000001018"]\ncapacity = 6\n'
)
PRODUCTS = "gtin,name,grams,grams_sd,price_minor\n09520000001018,Riesling 75 cl,1050,6,1290\n"


def replaying(folder: Path, rate_hz: float, lead_in: int) -> dict[str, object]:
    """A rig's arguments for a scale that feels the recording.

    Before it come some of its own samples, for as long as the daemon takes to listen; after it an item is gone.
    """
    rows = RECORDING.read_text(encoding="ascii").splitlines(keepends=True)
    felt = folder / "felt.csv"
    gone = [f"0,{float(row.split(',')[1]) - ITEM.grams}\n" for row in rows[:TAIL]]
    felt.write_text("".join(rows[:lead_in] + rows + gone), encoding="ascii")
    config = SCALE_ONLY.replace("{scale}", f"rate_hz = {rate_hz}")
    return {"config": config, "products": PRODUCTS, "sims": ("--replay", f"plate-a={felt}")}


async def heard_samples(store: Rig, samples: int, within_s: float) -> None:
    """Until the scale's topic says that so many have been heard; it is told each minute."""
    levels = store.stranger.levels
    await store.stranger.until(lambda: levels.get("device/plate-a", {}).get("samples", 0) >= samples, f"{samples} samples", within_s)


QUIET = ["store.started", "clock.correlated", "stock.changed"]


@pytest.mark.timeout(300)
async def test_nothing_is_told_of_the_recording_through_a_real_port_and_broker(tmp_path: Path) -> None:
    rate_hz, lead_in = 100.0, 500
    async with rig(tmp_path, **replaying(tmp_path, rate_hz, lead_in), zone="door_held_s = 600.0") as store:  # type: ignore[arg-type]
        heard = store.stranger
        await heard_samples(store, SAMPLES // 2, 90.0)  # of about 5,900 by then
        assert [event["type"] for event in heard.events] == QUIET
        assert heard.events[-1]["data"]["reason"] == "inferred"
        await store.enter()
        entered = heard.latest
        # The first thing told after the door is what was taken after the last sample of the recording: all of it was heard.
        taken = await heard.event("session.item_taken", entered, within_s=90.0)
        assert (taken["seq"], taken["data"]["gtin"], taken["data"]["quantity"]) == (entered + 1, RIESLING_HERE, 1)
        assert all(level["trusted"] for topic, level in heard.messages if topic == "slot/A" and level["count"] == 3)
        ended = await store.leave()
        assert (cart(ended), ended["needs_review"]) == ([(RIESLING_HERE, 1)], False)
        assert heard.levels["device/plate-a"]["noise"] == 0
        assert heard.told("alarm.raised", "device.degraded", "device.lost") == []
        heard.gapless()


@pytest.mark.soak
@pytest.mark.timeout(1800)
async def test_nothing_is_told_of_the_recording_at_its_own_speed(tmp_path: Path) -> None:
    async with rig(tmp_path, **replaying(tmp_path, 10.0, 50)) as store:  # type: ignore[arg-type]
        removal = await store.stranger.event("alarm.raised", within_s=1200.0)
        assert (removal["data"]["kind"], removal["data"]["details"]["quantity"]) == ("unexplained_removal", 1)
        assert [event["type"] for event in store.stranger.told() if event["seq"] < removal["seq"]] == QUIET
        assert store.stranger.levels["slot/A"]["trusted"]
