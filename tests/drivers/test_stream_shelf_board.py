from __future__ import annotations

import math

import pytest

from device.domain.readings import DeviceRebooted, FaultReading, WeightReading
from device.drivers.shelf_board import ShelfBoardDialogue
from device.errors import DeviceRefused, DeviceSilent
from device.wire.shelf_board import configure, hello_request
from firmware_sims import shelf_board as firmware
from firmware_sims.shelf_board import ShelfBoard
from firmware_sims.sim import Steady
from tests.drivers.conversation import Conversation

HELLO = firmware.frame(1, b"SB000001" + bytes((1, 2, 4, 0)) + (10).to_bytes(2, "little"))
DONE = firmware.frame(4, b"\0")


def ready(channels: int = 2) -> Conversation:
    """A board that has been told what to do, every further byte by the test."""
    talk = Conversation(ShelfBoardDialogue("b", channels, 80))
    talk.say(HELLO)
    talk.say(DONE)
    assert talk.take_sent() == hello_request() + configure(80, (1 << channels) - 1)
    talk.run(2.0)
    talk.readings.clear()
    return talk


def samples(seq: int, *counts: int, fault: int = 0, time_us: int | None = None) -> bytes:
    return firmware.samples(seq, seq * 12_500 if time_us is None else time_us, dict(enumerate(counts)), fault)


def lost(talk: Conversation) -> list[int]:
    return [reading.lost for reading in talk.readings if isinstance(reading, WeightReading)]


def test_a_board_is_greeted_configured_and_streams_raw_counts() -> None:
    board = ShelfBoard([Steady(0.0), Steady(1000.0), Steady(0.0)])
    talk = Conversation(ShelfBoardDialogue("b", 2, 80), board)
    talk.run(3.0)
    assert talk.ups == ["1.2, board 5342303030303031"]
    assert set(talk.weights) == {(8388, 428388)}
    assert 195 <= len(talk.weights) <= 205
    assert set(lost(talk)) == {0}
    assert talk.faults == []


def test_a_board_already_streaming_says_nothing_before_it_has_agreed() -> None:
    talk = Conversation(ShelfBoardDialogue("b", 2, 10))
    talk.say(samples(1, 5, 6))
    talk.say(HELLO + samples(2, 5, 6))
    assert talk.readings == []
    talk.say(DONE + samples(3, 5, 6))
    assert talk.weights == [(5, 6)]


def test_gaps_are_counted_across_the_wrap_of_the_sequence() -> None:
    talk = ready()
    for seq in (65530, 65531, 65534, 1):
        talk.say(samples(seq, 1, 2, time_us=5_000_000))
    assert lost(talk) == [0, 0, 2, 2]


def test_a_saturated_channel_has_no_value_and_says_so_once_each_time() -> None:
    talk = ready()
    talk.say(samples(0, 5, 0x7FFFFF) + samples(1, 5, 0x7FFFFF, fault=2) + samples(2, 5, 6) + samples(3, -0x800000, 6))
    assert talk.of(FaultReading) == [FaultReading("b", talk.now, "saturated", 2), FaultReading("b", talk.now, "saturated", 1)]
    assert [tuple(map(math.isnan, values)) for values in talk.weights] == [(False, True), (False, True), (False, False), (True, False)]


def test_a_channel_that_does_not_answer_is_told_from_one_that_was_left_out() -> None:
    talk = ready()
    talk.say(firmware.samples(0, 0, {1: 6}, fault=0) + firmware.samples(1, 12_500, {1: 6}, fault=1))
    assert talk.faults == [("no_answer", 1)]
    assert [tuple(map(math.isnan, values)) for values in talk.weights] == [(True, False), (True, False)]


def test_channels_that_are_not_configured_are_left_out() -> None:
    talk = ready()
    talk.say(samples(0, 5, 6, 7, 0x7FFFFF, fault=8))
    assert talk.weights == [(5, 6)]
    assert talk.faults == []


def test_a_hello_in_mid_stream_is_a_reboot_and_the_board_is_configured_again() -> None:
    board = ShelfBoard([Steady(0.0), Steady(0.0)])
    talk = Conversation(ShelfBoardDialogue("b", 2, 80), board)
    talk.run(10.0)
    talk.readings.clear()
    board.power_cycle()
    talk.run(3.0)
    assert len(talk.of(DeviceRebooted)) == 1
    assert len(talk.weights) > 150, "80 Hz again"
    assert set(lost(talk)) == {0}


def test_a_clock_that_begins_anew_is_a_reboot_whose_hello_was_lost() -> None:
    talk = ready()
    talk.say(samples(9000, 1, 2) + samples(0, 1, 2))
    assert len(talk.of(DeviceRebooted)) == 1
    assert lost(talk) == [0, 0]


def test_a_clock_that_wraps_is_no_reboot() -> None:
    talk = ready()
    talk.say(samples(7, 1, 2, time_us=2**32 - 5) + samples(8, 1, 2, time_us=12_495))
    assert talk.of(DeviceRebooted) == []
    assert lost(talk) == [0, 0]


def test_a_late_second_hello_to_a_second_question_is_no_reboot() -> None:
    talk = Conversation(ShelfBoardDialogue("b", 2, 80))
    talk.run(1.1)
    assert talk.take_sent() == hello_request() * 2
    talk.say(HELLO + DONE)
    talk.say(HELLO)
    assert talk.of(DeviceRebooted) == []


def test_a_board_with_too_few_channels_is_refused() -> None:
    talk = Conversation(ShelfBoardDialogue("b", 5, 80))
    talk.say(HELLO)
    assert isinstance(talk.failure, DeviceRefused)
    assert "4 channels" in talk.failure.reason


def test_a_board_that_refuses_its_configuration_is_refused() -> None:
    talk = Conversation(ShelfBoardDialogue("b", 2, 80))
    talk.say(HELLO + firmware.frame(4, b"\1"))
    assert isinstance(talk.failure, DeviceRefused)
    assert talk.failure.code == "01"
    assert talk.ups == []


def test_a_busy_board_is_asked_again_until_it_is_not() -> None:
    board = ShelfBoard([Steady(0.0), Steady(0.0)])
    board.busy = True
    talk = Conversation(ShelfBoardDialogue("b", 2, 80), board)
    talk.run(2.0)
    assert talk.ups == []
    board.busy = False
    talk.run(1.0)
    assert len(talk.ups) == 1


def test_a_board_that_never_says_hello_is_silent_though_it_streams() -> None:
    talk = Conversation(ShelfBoardDialogue("b", 2, 80))
    for seq in range(100):
        talk.say(samples(seq, 1, 2))
        talk.run(0.1)
    assert isinstance(talk.failure, DeviceSilent)
    assert "hello" in talk.failure.reason
    assert talk.now == pytest.approx(1005.0, abs=0.2)
    assert talk.sent.count(hello_request()) >= 5


def test_a_board_that_stops_is_silent_after_five_seconds() -> None:
    talk = Conversation(ShelfBoardDialogue("b", 1, 10), ShelfBoard([Steady(0.0)]))
    talk.run(20.0)
    talk.deaf = True
    talk.run(5.1)
    assert isinstance(talk.failure, DeviceSilent)
