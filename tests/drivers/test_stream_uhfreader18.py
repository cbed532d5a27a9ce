from __future__ import annotations

from device.domain.readings import FaultReading, TagReading, TagRound
from device.drivers.uhfreader18 import UhfReader18Dialogue
from device.errors import DeviceSilent
from device.wire.uhfreader18 import INFO, INVENTORY, MORE, request
from firmware_sims.uhfreader18 import UhfReader18
from tests.capture import capture
from tests.drivers.conversation import Conversation
from tests.wire.test_uhfreader18 import EPC, answer

GOLDEN = capture("uhfreader18")
TAGS = [EPC[:-1] + bytes((number,)) for number in range(40)]
WHO = answer(INFO, 0, bytes((2, 14, 0x09, 0x02, 0x4E, 0x00, 30, 10)))


def up() -> Conversation:
    talk = Conversation(UhfReader18Dialogue("r"))
    talk.say(WHO)
    talk.run(0.01)
    return talk


def test_a_reader_says_who_it_is_and_is_then_asked_for_tags() -> None:
    talk = up()
    assert talk.ups == ["2.14, type 09"]
    assert talk.sent == request(INFO) + request(INVENTORY)


def test_an_answered_inventory_is_a_round_and_the_next_one_begins() -> None:
    talk = up()
    talk.take_sent()
    talk.say(answer(INVENTORY, 1, b"\x01\x0c" + EPC))
    assert talk.readings[-2:] == [TagReading("r", talk.now, EPC), TagRound("r", talk.now)]
    talk.run(0.1)
    assert talk.take_sent() == request(INVENTORY)
    talk.say(GOLDEN["no_tag"])
    assert len(talk.of(TagRound)) == 2


def test_a_round_ends_with_the_last_frame_of_its_answer() -> None:
    talk = up()
    talk.say(answer(INVENTORY, MORE, b"\x01\x0c" + EPC))
    assert talk.of(TagRound) == []
    talk.say(answer(INVENTORY, 1, b"\x01\x0c" + TAGS[0]))
    assert len(talk.of(TagRound)) == 1
    assert len(talk.of(TagReading)) == 2


def test_forty_tags_are_all_read_in_a_few_rounds() -> None:
    talk = Conversation(UhfReader18Dialogue("r"), UhfReader18(lambda: TAGS))
    talk.run(10.0)
    rounds = [reading.at for reading in talk.of(TagRound)]
    assert len(rounds) >= 8
    assert {reading.epc for reading in talk.readings if isinstance(reading, TagReading) and reading.at <= rounds[5]} == set(TAGS)
    assert talk.noise == []


def test_an_empty_field_is_not_silence() -> None:
    talk = Conversation(UhfReader18Dialogue("r"), UhfReader18(list))
    talk.run(120.0)
    assert talk.failure is None
    assert len(talk.of(TagRound)) > 200


def test_a_reader_that_answers_at_once_is_not_asked_without_end() -> None:
    talk = up()
    for _ in range(100):
        if talk.take_sent().endswith(request(INVENTORY)):
            talk.say(GOLDEN["no_tag"])
        talk.run(0.01)
    assert len(talk.of(TagRound)) <= 11


def test_a_reader_in_scan_mode_is_read_and_has_rounds() -> None:
    present = list(TAGS[:3])
    reader = UhfReader18(lambda: present, scanning=True)
    talk = Conversation(UhfReader18Dialogue("r"), reader)
    talk.run(10.0)
    assert {reading.epc for reading in talk.readings if isinstance(reading, TagReading)} == set(TAGS[:3])
    assert len(talk.of(TagRound)) >= 8
    assert talk.failure is None


def test_a_reader_in_scan_mode_that_answers_no_inventory_is_not_silent_and_its_tags_can_depart() -> None:
    talk = up()
    for _ in range(3):
        talk.say(GOLDEN["report"])
        talk.run(0.5)
    talk.readings.clear()
    for _ in range(300):
        if talk.take_sent().endswith(request(INFO)):
            talk.say(WHO)
        talk.run(0.1)
    assert talk.failure is None
    assert len(talk.of(TagRound)) >= 15


def test_a_reader_whose_inventories_are_not_answered_and_that_never_reported_has_no_rounds() -> None:
    talk = up()
    for _ in range(100):
        if talk.take_sent().endswith(request(INFO)):
            talk.say(WHO)
        talk.run(0.1)
    assert talk.failure is None
    assert talk.of(TagRound) == []


def test_a_refused_inventory_is_a_fault_said_once_and_asked_again() -> None:
    talk = up()
    for _ in range(5):
        talk.say(answer(INVENTORY, 0xFE))
        talk.run(0.6)
    assert talk.faults == [("not_executable", None)]
    (fault,) = [reading for reading in talk.readings if isinstance(reading, FaultReading)]
    assert fault.detail == "status FE"
    assert talk.take_sent().count(request(INVENTORY)) >= 5


def test_a_long_scan_time_is_not_taken_for_silence() -> None:
    talk = Conversation(UhfReader18Dialogue("r"))
    talk.say(answer(INFO, 0, bytes((2, 14, 9, 2, 0x4E, 0, 30, 255))))
    talk.run(26.0)
    assert talk.failure is None
    talk.run(5.0)
    assert isinstance(talk.failure, DeviceSilent)


def test_half_a_frame_does_not_swallow_the_next_one_for_longer_than_a_pause() -> None:
    talk = up()
    talk.say(b"\xf0\x00\x01\x01")
    talk.run(0.2)
    talk.say(GOLDEN["no_tag"])
    assert len(talk.of(TagRound)) == 1
    assert sum(pieces for _, pieces in talk.noise) == 1


def test_a_reader_that_never_says_who_it_is_is_silent() -> None:
    talk = Conversation(UhfReader18Dialogue("r"))
    for _ in range(40):
        talk.say(GOLDEN["no_tag"])
        talk.run(0.2)
    assert isinstance(talk.failure, DeviceSilent)
    assert "version" in talk.failure.reason
    assert talk.ups == []


def test_a_reader_without_power_is_silent_after_its_scan_time_and_five_seconds() -> None:
    talk = Conversation(UhfReader18Dialogue("r"), UhfReader18(lambda: TAGS))
    talk.run(10.0)
    talk.deaf = True
    talk.run(6.2)
    assert isinstance(talk.failure, DeviceSilent)
