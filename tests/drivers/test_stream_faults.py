"""Every dialogue with every fault of the wire, for minutes of virtual time.

Noise is counted, codecs resynchronise, and no wrong value passes a checksum.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from device.domain.readings import CodeReading, DeviceRebooted, Reading, TagReading, WeightReading
from device.drivers.dialogue import Dialogue
from device.drivers.line import LineDialogue
from device.drivers.mt_sics import MtSicsDialogue
from device.drivers.r200 import R200Dialogue
from device.drivers.shelf_board import ShelfBoardDialogue
from device.drivers.stream import StreamDialogue
from device.wire import gm65, line
from firmware_sims import faults
from firmware_sims.faults import Fault, Faulty
from firmware_sims.gm65 import Gm65
from firmware_sims.line_reader import LineReader
from firmware_sims.mt_sics import MtSicsScale
from firmware_sims.r200 import R200
from firmware_sims.shelf_board import ShelfBoard
from firmware_sims.sim import Sim, Steady
from firmware_sims.stream import StreamScale
from tests.drivers.conversation import Conversation

TAGS = [bytes.fromhex(f"30751FEB705C5904E3D50D{number:02X}") for number in range(5)]

PAIRS: dict[str, Callable[[], tuple[Dialogue, Sim]]] = {
    "mt-sics": lambda: (MtSicsDialogue("d", 10.0), MtSicsScale(Steady(1234.5))),
    "a&d": lambda: (StreamDialogue("d", 10.0), StreamScale(Steady(1234.5), "a&d")),
    "cas": lambda: (StreamDialogue("d", 10.0), StreamScale(Steady(1234.5), "cas")),
    "nci": lambda: (StreamDialogue("d", 10.0), StreamScale(Steady(1234.5), "nci")),
    "shelf-board": lambda: (ShelfBoardDialogue("d", 2, 80), ShelfBoard([Steady(1000.0), Steady(0.0)])),
    "r200": lambda: (R200Dialogue("d"), R200(lambda: TAGS)),
}
FAULTS: dict[str, Callable[[], Fault]] = {
    "split": lambda: faults.Split(300),
    "merge": faults.Merge,
    "delay": faults.Delay,
    "corrupt": lambda: faults.Corrupt(0.002),
    "drop": lambda: faults.Drop(0.002),
    "babble": faults.Babble,
}


def values(readings: list[Reading]) -> list[object]:
    weights = [reading.values for reading in readings if isinstance(reading, WeightReading)]
    tags = [reading.epc for reading in readings if isinstance(reading, TagReading)]
    return [*[pair for pair in weights if not any(map(math.isnan, pair))], *tags]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("pair", PAIRS)
def test_readings_go_on_through_a_bad_wire(pair: str, fault: str) -> None:
    dialogue, sim = PAIRS[pair]()
    faulty = Faulty(sim)
    talk = Conversation(dialogue, faulty)
    talk.run(3.0)
    assert talk.ups
    clean = set(values(talk.readings))
    talk.readings.clear()
    faulty.add("wire", FAULTS[fault]())
    talk.run(120.0)
    assert talk.failure is None
    bad = values(talk.readings)
    assert len(bad) > 120
    right = sum(value in clean for value in bad) if pair != "r200" else sum(value in TAGS for value in bad)
    # A line of text has no checksum: a flipped digit is a good line. What follows them knows glitches.
    assert right == len(bad) if pair in ("shelf-board", "r200") else right > 0.95 * len(bad)
    assert bool(talk.noise) == (fault in ("corrupt", "drop", "babble"))
    talk.readings.clear()
    faulty.clear()
    talk.run(5.0)
    talk.readings.clear()
    talk.run(5.0)
    assert talk.noise == []
    assert set(values(talk.readings)) <= clean | set(TAGS)
    assert values(talk.readings)


@pytest.mark.parametrize("pair", ["mt-sics", "shelf-board"])
def test_a_reboot_in_the_middle_of_a_frame_is_seen_as_one(pair: str) -> None:
    dialogue, sim = PAIRS[pair]()
    faulty = Faulty(sim)
    talk = Conversation(dialogue, faulty)
    talk.run(10.0)
    talk.readings.clear()
    faulty.reboot_in_mid_frame()
    talk.run(10.0)
    assert len(talk.of(DeviceRebooted)) == 1
    assert talk.failure is None
    assert len(talk.weights) > 80


@pytest.mark.parametrize(("reader", "decoder"), [(Gm65, gm65.decoder), (LineReader, line.Decoder)])
def test_codes_of_simulated_readers_are_read_in_crumbs_too(
    reader: Callable[[], Gm65 | LineReader], decoder: Callable[[], line.Decoder]
) -> None:
    sim = reader()
    faulty = Faulty(sim)
    talk = Conversation(LineDialogue("d", decoder()), faulty)
    for number in range(20):
        if number == 10:
            faulty.add("wire", faults.Split(3))
        sim.show(f"code number {number}")
        talk.run(2.0)
    assert [reading.text for reading in talk.readings if isinstance(reading, CodeReading)] == [
        f"code number {number}" for number in range(20)
    ]
    assert talk.noise == []
