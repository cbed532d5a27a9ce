"""The simulated store as its orders, its wires and its truth show it."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest

from firmware_sims import modbus, r200
from firmware_sims.epc import HEADER
from firmware_sims.fit_out import Line, NotSimulated, Options, fit_out
from firmware_sims.orders import obey
from firmware_sims.plan import read_plan
from firmware_sims.shopper import Habits, plan
from firmware_sims.world import World
from tests.firmware_sims.store import ACQUA, CONFIG, ROSSO, write_store


class Store:
    def __init__(self, config: Path, options: Options) -> None:
        self.world, lines = fit_out(read_plan(config), options)
        self.lines: dict[str, Line] = {device: line for line in lines for device in line.devices}

    def pass_time(self, seconds: float) -> None:
        for _ in range(round(seconds / 0.02)):
            self.world.tick(0.02)

    def do(self, order: str, **arguments: Any) -> dict[str, Any]:
        answer = obey(self.world, {"do": order, **arguments})
        assert answer.pop("ok"), answer
        return answer

    def refusal(self, order: str, **arguments: Any) -> str:
        answer = obey(self.world, {"do": order, **arguments})
        assert answer["ok"] is False
        return str(answer["error"])

    def relay(self, energised: bool) -> None:
        pdu = struct.pack(">BBHH", 2, 5, 3, 0xFF00 * energised)
        frame = pdu + modbus.crc(pdu)
        assert self.lines["fridge-lock"].sim.receive(frame) == frame
        self.pass_time(0.2)

    def inputs(self) -> list[bool]:
        pdu = struct.pack(">BBHH", 2, 2, 0, 10)
        answer = self.lines["fire"].sim.receive(pdu + modbus.crc(pdu))
        bits = int.from_bytes(answer[3:5], "little")
        return [bool(bits >> place & 1) for place in range(10)]

    def counts(self) -> list[int]:
        """What the board says of its plates at rest, without mean-free noise worth mentioning."""
        said = b""
        for _ in range(20):
            said = self.lines["board"].sim.tick(0.1)
        return list(struct.unpack_from("<ii", said, 16))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(write_store(tmp_path), Options(seed=7, glitches=False, noise=False))


def test_slots_are_filled_with_their_products_in_turn_and_boards_feel_the_truth(store: Store) -> None:
    state = store.do("state")["state"]
    assert [item["gtin"] for item in state["slots"]["A2"]["items"]] == [ROSSO, ACQUA, ROSSO, ACQUA]
    first, second = store.counts()
    assert first == pytest.approx(1000 + 400 * state["slots"]["A1"]["grams"], abs=400)
    assert second == pytest.approx(-2000 + 410 * state["slots"]["A2"]["grams"], abs=400)


def test_a_recording_is_said_sample_by_sample_and_then_its_last(tmp_path: Path) -> None:
    store = Store(write_store(tmp_path), Options(recordings={"stream": [1.0, 2.5, -3.0]}))
    said = b"".join([store.lines["stream"].sim.tick(0.1) for _ in range(4)])
    assert said == b"US,+000001.0  g\r\nUS,+000002.5  g\r\nUS,-000003.0  g\r\nUS,-000003.0  g\r\n"


def test_the_same_seed_makes_the_same_store(tmp_path: Path) -> None:
    config = write_store(tmp_path)
    truths = [Store(config, Options(seed=seed)).do("state") for seed in (1, 1, 2)]
    assert truths[0] == truths[1] != truths[2]


def test_nothing_can_be_taken_through_a_closed_door_unless_meant(store: Store) -> None:
    assert store.refusal("take", slot="A1") == "the door of fridge is closed"
    assert len(store.do("take", slot="A1", anyway=True)["items"]) == 1


def test_the_relay_of_the_board_draws_the_bolt_and_its_inputs_tell_door_and_bolt(store: Store) -> None:
    assert store.refusal("open", zone="fridge") == "locked"
    assert [store.inputs()[place] for place in (0, 4, 9)] == [True, True, True]
    store.relay(True)
    store.do("open", zone="fridge")
    assert [store.inputs()[place] for place in (0, 4, 9)] == [False, True, False]
    store.relay(False)
    store.do("close", zone="fridge")
    assert store.refusal("try_open", zone="fridge") == "locked"


def test_the_bottle_that_was_taken_is_the_one_that_comes_back(store: Store) -> None:
    store.do("force", zone="fridge")
    (taken,) = store.do("take", slot="A1")["items"]
    assert store.do("hand")["items"] == [taken]
    assert store.do("put", slot="A2", gtin=ROSSO)["items"] == [taken]
    assert store.do("hand")["items"] == []
    assert store.do("state")["state"]["slots"]["A2"]["items"][-1] == taken
    (new,) = store.do("put", slot="A1", gtin="80012345")["items"]
    assert new["gtin"] == ACQUA


def test_tags_are_read_while_their_bottles_are_in_the_cabinet(store: Store) -> None:
    rfid = store.lines["fridge-rfid"].sim
    rfid.receive(r200.frame(0, 0x27, bytes.fromhex("22FFFF")))

    def heard() -> bytes:
        return b"".join([rfid.tick(0.08) for _ in range(60)])

    before = heard()
    items = [item for slot in ("A1", "A2") for item in store.do("state")["state"]["slots"][slot]["items"]]
    tags = [item["epc"] for item in items if item["epc"]]
    assert len(tags) == 8
    assert all(bytes.fromhex(tag)[0] == HEADER and bytes.fromhex(tag) in before for tag in tags)
    (taken,) = store.do("take", slot="A1", anyway=True)["items"]
    store.do("tag_add", zone="fridge", epc="e28011700000020d12345678")
    after = heard()
    assert bytes.fromhex(taken["epc"]) not in after
    assert bytes.fromhex("e28011700000020d12345678") in after
    store.do("tag_remove", zone="fridge", epc="e28011700000020d12345678")
    assert bytes.fromhex("e28011700000020d12345678") not in heard()


def test_a_tag_behind_a_bottle_is_in_the_cabinet_and_is_hardly_read(store: Store) -> None:
    items = [item for slot in ("A1", "A2") for item in store.do("state")["state"]["slots"][slot]["items"]]
    epc = next(item["epc"] for item in items if item["epc"])

    def answers() -> int:
        return sum(bytes.fromhex(epc) in store.world.tags("fridge") for _ in range(200))

    assert answers() > 180
    store.do("tag_hide", epc=epc)
    assert answers() < 40
    store.do("tag_hide", epc=epc, decibels=80.0)
    assert answers() == 0
    store.do("tag_hide", epc=epc, hidden=False)
    assert answers() > 180


def test_units_on_one_line_answer_for_themselves_and_nobody_for_a_stranger(store: Store) -> None:
    line = store.lines["cells"].sim
    assert store.lines["bar-air"].sim.receive(b"") == b""
    asked = {unit: bytes([unit, function]) + struct.pack(">HH", first, 2) for unit, function, first in ((3, 3, 0), (4, 4, 1), (9, 3, 0))}
    answers = {unit: store.lines["cells"].sim.receive(pdu + modbus.crc(pdu)) for unit, pdu in asked.items()}
    assert answers[3][:3] == bytes([3, 3, 4])
    assert struct.unpack(">h", answers[4][3:5])[0] == 210
    assert answers[9] == b""
    assert line.quantum_s == 0.1


def test_fire_is_an_open_wire_and_takes_the_power_of_the_locks(store: Store) -> None:
    store.relay(True)
    store.do("input", input="fire", active=True, for_s=1.0)
    store.pass_time(0.5)
    assert store.inputs()[4] is False
    assert store.refusal("open", zone="fridge") == "locked"
    store.pass_time(1.0)
    assert store.inputs()[4] is True
    store.do("open", zone="fridge")


def test_the_exit_button_opens_by_wire(store: Store) -> None:
    store.do("exit_button", lock="bar-lock", hold_s=1.0)
    store.pass_time(0.2)
    store.do("open", zone="bar")


def test_air_becomes_what_is_asked_and_stays_while_it_is_held(store: Store) -> None:
    store.do("warm", zone="fridge", celsius=25)
    assert store.do("state")["state"]["zones"]["fridge"]["celsius"] == 25
    store.do("heat", zone="fridge", celsius=30, for_s=60)
    store.pass_time(30)
    assert b"t=30000" in store.lines["fridge-air"].sim.tick(0.5)
    store.do("fault", device="fridge-air", kind="wrong_value", celsius=85)
    assert b"t=85000" in store.lines["fridge-air"].sim.tick(0.5)
    store.do("fault", device="fridge-air", kind="none")
    assert b"t=30000" in store.lines["fridge-air"].sim.tick(0.5)


def test_faults_of_plates_and_wires_come_and_go(store: Store) -> None:
    rest = store.counts()
    store.do("fault", device="board", kind="wrong_value", channel=1, grams=500, for_s=5)
    assert store.counts()[0] - rest[0] == pytest.approx(500 * 400, abs=50)
    store.pass_time(6)
    assert store.counts()[0] == pytest.approx(rest[0], abs=50)
    store.do("fault", device="board", kind="freeze")
    assert store.do("state")["state"]["devices"]["board"]["faults"] == ["freeze"]
    assert store.lines["board"].sim.tick(0.1) == b""
    store.do("fault", device="board", kind="none")
    assert store.lines["board"].sim.tick(0.1) != b""


def test_a_refusing_board_moves_no_relay(store: Store) -> None:
    store.do("fault", device="fridge-lock", kind="refuse", code=4)
    pdu = bytes.fromhex("02050003FF00")
    assert store.lines["fire"].sim.receive(pdu + modbus.crc(pdu))[:3] == bytes.fromhex("028504")
    store.pass_time(0.2)
    assert store.refusal("open", zone="fridge") == "locked"


def test_a_code_is_shown_to_the_reader_that_is_meant(store: Store) -> None:
    store.do("show", reader="fridge-qr", code="ABCD-1234")
    assert store.lines["fridge-qr"].sim.tick(0.05) == b"ABCD-1234\r"


@pytest.mark.parametrize(
    ("order", "arguments", "reason"),
    [
        ("dance", {}, "no order 'dance'"),
        ("take", {}, "slot is missing"),
        ("take", {"slot": "Z9"}, "no slot Z9"),
        ("take", {"slot": "A1", "count": 0}, "count is 1-200"),
        ("take", {"slot": "A1", "count": True}, "count is 1-200"),
        ("take", {"slot": 3}, "slot has the wrong type"),
        ("take", {"slot": "A1", "cuont": 1}, "unknown argument cuont"),
        ("lean", {"slot": "A1", "grams": 1e9, "seconds": 1}, "grams is"),
        ("open", {"zone": "attic"}, "no zone attic"),
        ("open", {"zone": "fridge", "lock": "x"}, "no lock x"),
        ("show", {"reader": "board", "code": "x"}, "board is no reader"),
        ("power_cycle", {"device": "tamper"}, "no power of its own"),
        ("fault", {"device": "board", "kind": "hiccup"}, "board has no fault hiccup"),
        ("tag_add", {"zone": "fridge", "epc": "xyz"}, "hexadecimal"),
        ("put", {"slot": "A1", "gtin": "1", "anyway": True}, "no product"),
    ],
)
def test_what_cannot_be_done_is_refused_with_its_reason(store: Store, order: str, arguments: dict[str, Any], reason: str) -> None:
    before = store.do("state")
    assert reason in store.refusal(order, **arguments)
    assert store.do("state") == before


def test_a_device_without_simulated_firmware_is_named(tmp_path: Path) -> None:
    config = write_store(tmp_path)
    config.write_text(CONFIG.replace('"r200"', '"abacus"'), encoding="utf-8")
    with pytest.raises(NotSimulated, match="fridge-rfid: no simulated firmware for abacus"):
        fit_out(read_plan(config))


def run_visit(world: World, seed: int, habits: Habits) -> tuple[dict[str, int], dict[str, int]]:
    layout, state = obey(world, {"do": "layout"}), obey(world, {"do": "state"})["state"]
    visit = plan(seed, layout, state, "fridge", habits)
    for step in visit.steps:
        assert obey(world, dict(step.order))["ok"], step
    cart: dict[str, int] = {}
    for item in obey(world, {"do": "leave"})["items"]:
        cart[item["gtin"]] = cart.get(item["gtin"], 0) + 1
    return visit.cart, cart


@pytest.mark.parametrize("seed", range(25))
def test_a_planned_visit_ends_with_the_cart_that_was_planned(store: Store, seed: int) -> None:
    store.do("force", zone="fridge")
    planned, carried = run_visit(store.world, seed, Habits(misplaces=0.3))
    assert planned == carried


def test_a_visit_takes_and_returns_as_many_as_it_is_told(store: Store) -> None:
    store.do("force", zone="fridge")
    planned, carried = run_visit(store.world, 5, Habits(takes=2, returns=1, pairs=0.0))
    assert planned == carried
    assert sum(carried.values()) == 1
