"""The simulated firmware says the same golden bytes that the codecs are held to: both are pinned to the manuals, not to each other."""

from __future__ import annotations

from firmware_sims import gm65, r200, shelf_board
from firmware_sims.mt_sics import MtSicsScale
from firmware_sims.sim import Steady
from firmware_sims.stream import Dialect, StreamScale
from tests.capture import capture


def settled(scale: MtSicsScale | StreamScale) -> None:
    for _ in range(6):
        scale.tick(scale.quantum_s)


def test_mt_sics() -> None:
    golden = capture("mt_sics")
    load = Steady(100.0)
    scale = MtSicsScale(load)
    settled(scale)
    assert scale.receive(b"SI\r\n") == golden["stable"]
    load.grams = 129.07
    scale.tick(0.1)
    assert scale.receive(b"SI\r\n") == golden["dynamic"]
    load.grams = -100.0
    settled(scale)
    assert scale.receive(b"SI\r\n") == golden["negative"]
    load.grams = 1e6
    scale.tick(0.1)
    assert scale.receive(b"SI\r\n") == golden["overload"]
    assert scale.receive(b"si\r\n") == golden["syntax"]
    assert scale.receive(b"TAC\r\n") == golden["tare_cleared"]


def test_stream() -> None:
    golden = capture("stream")

    def line(dialect: Dialect, grams: float) -> bytes:
        scale = StreamScale(Steady(grams), dialect)
        settled(scale)
        return scale.tick(0.1)

    assert line("a&d", 1234.5) == golden["ad_stable"]
    assert line("a&d", 1e6) == golden["ad_over"]
    assert line("a&d-indicator", 1e6) == golden["ad_gross_over"]
    assert line("cas", 1234.0) == golden["cas_stable"]
    nci = StreamScale(Steady(100.0), "nci")
    assert nci.receive(b"X\r") == golden["nci_bad_command"]


def test_r200() -> None:
    golden = capture("r200")
    assert r200.notice(bytes.fromhex("30751FEB705C5904E3D50D70"), -55, 0x3400) == golden["tag_gs1"]
    assert r200.notice(bytes.fromhex("E200001D7315016521408FC6"), -60) == golden["tag_e2_short_pc"]
    module = r200.R200(list)
    assert module.receive(golden["single"]) == golden["no_tag"]
    assert module.receive(golden["info_request"]) == golden["good_info"]
    assert module.receive(golden["power_20_dbm"]) == golden["power_done"]


def test_gm65() -> None:
    golden = capture("gm65")
    reader = gm65.Gm65()
    for command in ("trigger", "save", "set_9600"):
        assert reader.receive(golden[command]) == golden["acknowledged"]


def test_shelf_board() -> None:
    golden = capture("shelf_board")
    assert shelf_board.samples(7, 1_000_000, {0: 84213, 1: -1}) == golden["samples"]
    board = shelf_board.ShelfBoard([Steady(), Steady()])
    assert board.receive(golden["hello_request"])[:4] == bytes.fromhex("A5 5A 01 01")
    assert board.receive(golden["configure"])[:7] == bytes.fromhex("A5 5A 01 04 01 00 00")
