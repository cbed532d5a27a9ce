from __future__ import annotations

from itertools import pairwise

import pytest

from device.domain.readings import TagReading, TagRound
from device.drivers.r200 import R200Dialogue
from device.errors import DeviceSilent
from firmware_sims.r200 import R200
from tests.capture import capture
from tests.drivers.conversation import Conversation

GOLDEN = capture("r200")
TAGS = [bytes.fromhex(f"30751FEB705C5904E3D50D{number:02X}") for number in range(30)]


def up() -> Conversation:
    talk = Conversation(R200Dialogue("r"))
    talk.say(GOLDEN["good_info"])
    return talk


def test_the_module_says_who_it_is_and_is_then_asked_for_tags() -> None:
    talk = up()
    assert talk.ups == ["M100 26dBm V1.0"]
    assert talk.sent == GOLDEN["stop"] + GOLDEN["info_request"] + GOLDEN["multi_10000"]


def test_a_tag_carries_its_epc_and_strength() -> None:
    talk = up()
    talk.say(GOLDEN["tag_gs1"])
    assert talk.of(TagReading) == [TagReading("r", talk.now, bytes.fromhex("30751FEB705C5904E3D50D70"), -55.0)]


def test_thirty_tags_that_take_turns_are_all_read_between_few_rounds() -> None:
    talk = Conversation(R200Dialogue("r"), R200(lambda: TAGS))
    talk.run(10.0)
    ends = [reading.at for reading in talk.of(TagRound)]
    assert 18 <= len(ends) <= 20
    assert all(later - earlier == pytest.approx(0.5) for earlier, later in pairwise(ends))
    seen = {reading.epc for reading in talk.readings if isinstance(reading, TagReading) and reading.at <= ends[2]}
    assert seen == set(TAGS)


def test_an_empty_field_is_not_silence() -> None:
    talk = Conversation(R200Dialogue("r"), R200(list))
    talk.run(120.0)
    assert talk.failure is None
    assert talk.of(TagReading) == []
    assert len(talk.of(TagRound)) > 230
    assert talk.noise == []


def test_no_round_ends_in_which_the_module_was_not_heard() -> None:
    talk = up()
    talk.say(GOLDEN["no_tag"])
    talk.run(0.6)
    assert len(talk.of(TagRound)) == 1
    talk.run(2.0)
    assert len(talk.of(TagRound)) == 1


def test_a_module_that_lost_its_power_is_asked_again_within_a_second() -> None:
    module = R200(lambda: TAGS[:3])
    talk = Conversation(R200Dialogue("r"), module)
    talk.run(3.0)
    talk.take_sent()
    module.power_cycle()
    talk.readings.clear()
    talk.run(1.0)
    assert talk.take_sent() == GOLDEN["multi_10000"]
    assert talk.of(TagReading)


def test_another_error_is_a_fault_said_once() -> None:
    talk = up()
    talk.say(bytes.fromhex("BB 01 FF 00 01 17 18 7E") * 5)
    assert talk.faults == [("not_executable", None)]
    talk.run(0.6)
    assert talk.of(TagRound) == []


def test_a_module_that_never_says_who_it_is_is_silent() -> None:
    talk = Conversation(R200Dialogue("r"))
    for _ in range(40):
        talk.say(GOLDEN["no_tag"])
        talk.run(0.2)
    assert isinstance(talk.failure, DeviceSilent)
    assert "version" in talk.failure.reason
    assert talk.ups == []


def test_a_module_that_stops_is_silent_after_five_seconds() -> None:
    talk = Conversation(R200Dialogue("r"), R200(lambda: TAGS))
    talk.run(10.0)
    talk.deaf = True
    talk.run(5.1)
    assert isinstance(talk.failure, DeviceSilent)
