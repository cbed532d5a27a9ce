from __future__ import annotations

import math
from itertools import pairwise

import pytest

from device.domain.readings import DeviceRebooted, NoiseReading, WeightReading
from device.drivers.mt_sics import MtSicsDialogue
from device.errors import DeviceSilent
from firmware_sims.mt_sics import MtSicsScale
from firmware_sims.sim import Steady
from tests.capture import capture
from tests.drivers.conversation import Conversation

GOLDEN = capture("mt_sics")


def test_a_scale_that_streams_is_asked_once_and_listened_to() -> None:
    talk = Conversation(MtSicsDialogue("s", 10.0), MtSicsScale(Steady(1234.5)))
    talk.run(3.0)
    assert talk.ups == ["1.00 10.28.0.493.142"]
    assert 28 <= len(talk.weights) <= 32
    assert set(talk.weights) == {(1234.5,)}
    assert talk.take_sent() == b"I3\r\nSIR\r\nSIR\r\n", "the greeting at power-up ends a stream, so it is asked for again"
    talk.run(60.0)
    assert talk.take_sent() == b""
    assert talk.failure is None


def test_a_weight_carries_the_scales_own_word_for_stable() -> None:
    talk = Conversation(MtSicsDialogue("s", 10.0))
    talk.say(b"ES\r\n")
    talk.say(GOLDEN["dynamic"] + GOLDEN["stable"])
    assert talk.of(WeightReading) == [WeightReading("s", 1000.0, (129.07,), False), WeightReading("s", 1000.0, (100.0,), True)]


def test_a_scale_that_refuses_to_stream_is_polled_at_the_configured_rate() -> None:
    talk = Conversation(MtSicsDialogue("s", 5.0))
    talk.say(b"ES\r\n")
    assert talk.ups == [""]
    assert talk.take_sent() == b"I3\r\nSIR\r\n"
    talk.say(b"ES\r\n")
    for _ in range(10):
        assert talk.take_sent() == b"SI\r\n"
        talk.run(0.03)
        talk.say(GOLDEN["stable"])
        assert talk.take_sent() == b""
        talk.run(0.171)
    assert talk.weights == [(100.0,)] * 10
    assert talk.now == pytest.approx(1000.0 + 10 * 0.201)


def test_a_scale_that_ignores_what_it_does_not_know_is_polled_in_the_end() -> None:
    talk = Conversation(MtSicsDialogue("s", 10.0))
    talk.run(2.5)
    assert talk.take_sent() == b"I3\r\nSIR\r\nSI\r\n"
    talk.say(GOLDEN["stable"])
    assert talk.ups == [""]
    assert talk.weights == [(100.0,)]


def test_a_lost_answer_to_a_poll_is_asked_for_again_after_a_second() -> None:
    talk = Conversation(MtSicsDialogue("s", 10.0))
    talk.say(b"ES\r\n" + b"ES\r\n")
    talk.take_sent()
    talk.run(0.9)
    assert talk.take_sent() == b""
    talk.run(0.2)
    assert talk.take_sent() == b"SI\r\n"


def test_overload_is_said_once_and_every_sample_meanwhile_has_no_value() -> None:
    load = Steady(100.0)
    talk = Conversation(MtSicsDialogue("s", 10.0), MtSicsScale(load, capacity_g=30_000))
    talk.run(1.0)
    talk.readings.clear()
    load.grams = 40_000.0
    talk.run(1.0)
    assert talk.faults == [("overload", 1)]
    assert any(math.isnan(value) for (value,) in talk.weights)
    load.grams = -5_000.0
    talk.run(1.0)
    load.grams = 100.0
    talk.run(1.0)
    load.grams = 40_000.0
    talk.run(1.0)
    assert talk.faults == [("overload", 1), ("underload", 1), ("overload", 1)]


def test_a_unit_that_is_no_weight_is_a_fault() -> None:
    talk = Conversation(MtSicsDialogue("s", 10.0))
    talk.say(b"ES\r\n")
    talk.say(b"S S         12 PCS\r\n" * 3)
    assert talk.faults == [("out_of_range", 1)]
    assert all(math.isnan(value) for (value,) in talk.weights)


def test_a_scale_in_its_menu_is_not_executable_and_no_reason_to_poll() -> None:
    talk = Conversation(MtSicsDialogue("s", 10.0))
    talk.say(b"ES\r\n" + GOLDEN["stable"] + GOLDEN["busy"])
    assert talk.faults == [("not_executable", 1)]
    talk.run(1.5)
    assert talk.take_sent() == b"I3\r\nSIR\r\nSIR\r\n"


def test_a_power_cycle_is_a_reboot_and_the_stream_is_asked_for_again() -> None:
    scale = MtSicsScale(Steady(100.0))
    talk = Conversation(MtSicsDialogue("s", 10.0), scale)
    talk.run(2.0)
    assert talk.of(DeviceRebooted) == [DeviceRebooted("s", 1000.0)], "its greeting came after it had been asked"
    talk.readings.clear()
    scale.power_cycle()
    talk.run(1.0)
    assert len(talk.of(DeviceRebooted)) == 1
    assert len(talk.weights) >= 8


def test_a_silent_scale_is_silent_after_five_seconds() -> None:
    talk = Conversation(MtSicsDialogue("s", 10.0), MtSicsScale(Steady()))
    talk.run(10.0)
    talk.deaf = True
    deaf_at = talk.now
    talk.run(20.0)
    assert isinstance(talk.failure, DeviceSilent)
    assert 4.8 <= talk.now - deaf_at <= 5.0


def test_a_scale_at_another_baud_rate_is_noise_then_silent_with_a_hint() -> None:
    talk = Conversation(MtSicsDialogue("s", 10.0))
    while talk.failure is None and talk.now < 1020:
        talk.say(bytes.fromhex("00e0fc1c80e30d0a"))
        talk.run(0.05)
    assert isinstance(talk.failure, DeviceSilent)
    assert "baud" in talk.failure.reason
    assert talk.now == pytest.approx(1005.0, abs=0.06)
    times = [at for at, _ in talk.noise]
    assert all(later - earlier >= 1.0 - 1e-9 for earlier, later in pairwise(times))
    assert sum(pieces for _, pieces in talk.noise) >= 75
    assert any(isinstance(reading, NoiseReading) and "baud" in reading.hint for reading in talk.readings)


def test_wrong_parity_is_named() -> None:
    talk = Conversation(MtSicsDialogue("s", 10.0))
    even = bytes(byte | 0x80 if byte.bit_count() & 1 else byte for byte in GOLDEN["stable"][:-2])
    talk.say(even + b"\r\n")
    talk.run(5.0)
    assert talk.failure is not None
    assert "parity=E" in talk.failure.reason


def test_zero_tare_and_reset_are_never_sent() -> None:
    scale = MtSicsScale(Steady(100.0))
    talk = Conversation(MtSicsDialogue("s", 10.0), scale)
    for _ in range(20):
        talk.run(5.0)
        scale.power_cycle()
    assert set(talk.sent.split(b"\r\n")) == {b"I3", b"SIR", b""}
