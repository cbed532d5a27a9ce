"""Faults of wires change what is heard as they say, and nothing else."""

from __future__ import annotations

import pytest

from firmware_sims.faults import Babble, Corrupt, Delay, Drop, Faulty, Freeze, Merge, Split
from firmware_sims.line_reader import LineReader
from firmware_sims.mt_sics import MtSicsScale
from firmware_sims.sim import Recorded, Steady


def scale() -> Faulty:
    return Faulty(MtSicsScale(Recorded([float(number) for number in range(1000)])))


def hear(sim: Faulty, ticks: int) -> list[bytes]:
    return [sim.tick(0.1) for _ in range(ticks)]


def streaming() -> Faulty:
    sim = scale()
    sim.tick(0.1)
    sim.receive(b"SIR\r\n")
    return sim


def test_without_faults_nothing_is_changed() -> None:
    plain, wrapped = MtSicsScale(Steady(1.0)), Faulty(MtSicsScale(Steady(1.0)))
    assert [plain.tick(0.1), plain.receive(b"SI\r\n")] == [wrapped.tick(0.1), wrapped.receive(b"SI\r\n")]


def test_split_and_merged_bytes_are_all_there() -> None:
    whole = b"".join(hear(streaming(), 20))
    split = streaming()
    split.add("split", Split(7))
    crumbs = hear(split, 20)
    assert {len(crumb) for crumb in crumbs} == {7}
    assert whole.startswith(b"".join(crumbs))
    merged = streaming()
    merged.add("merge", Merge(0.5))
    lumps = hear(merged, 20)
    assert sum(bool(lump) for lump in lumps) == 4
    assert b"".join(lumps) == whole


def test_delayed_bytes_come_later_by_so_much() -> None:
    late = streaming()
    late.add("delay", Delay(0.3))
    punctual = hear(streaming(), 20)
    assert hear(late, 20) == [b"", b"", b"", *punctual[:17]]


@pytest.mark.parametrize("fault", [Corrupt(0.05, 1), Drop(0.05, 1), Babble(5, 1)])
def test_noise_changes_some_and_not_all(fault: Corrupt | Drop | Babble) -> None:
    sim = streaming()
    sim.add("noise", fault)
    punctual = hear(streaming(), 60)
    same = [noisy == clean for noisy, clean in zip(hear(sim, 60), punctual, strict=True)]
    assert 0 < sum(same) < 60


def test_frozen_firmware_neither_speaks_nor_hears_until_its_time_is_over() -> None:
    sim = streaming()
    sim.add("freeze", Freeze(), for_s=1.0)
    assert sim.receive(b"I4\r\n") == b""
    assert b"".join(hear(sim, 10)) == b""
    assert hear(sim, 1)[0].startswith(b"S ")


def test_a_reboot_in_mid_frame_breaks_off_and_greets_again() -> None:
    sim = streaming()
    sim.reboot_in_mid_frame()
    half, greeting = hear(sim, 2)
    assert not half.endswith(b"\n")
    assert greeting.startswith(b"I4 A")


def test_cleared_faults_are_gone() -> None:
    sim = streaming()
    sim.add("freeze", Freeze())
    assert sim.faults == ("freeze",)
    sim.clear()
    assert hear(sim, 1)[0].startswith(b"S ")


def test_a_line_reader_says_a_held_code_again_and_a_shown_one_once() -> None:
    reader = LineReader()
    reader.show("4711")
    assert b"".join([reader.tick(0.05) for _ in range(40)]) == b"4711\r\n"
    reader.show("4711", hold_s=2.5)
    assert b"".join([reader.tick(0.05) for _ in range(80)]) == b"4711\r\n" * 3
