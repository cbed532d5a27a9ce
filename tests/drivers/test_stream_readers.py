from __future__ import annotations

from device.domain.facts import CodeRead
from device.domain.readings import CodeReading, NoiseReading
from device.drivers.line import LineDialogue
from device.sensing.codes import CodeSense
from device.wire import gm65, line, rdm6300, wiegand
from firmware_sims.rdm6300 import Rdm6300
from firmware_sims.wiegand import WiegandBridge
from tests.drivers.conversation import Conversation

QR = "eyJhbGciOiJFZERTQSJ9." + "x" * 300


def codes(talk: Conversation) -> list[str]:
    return [reading.text for reading in talk.readings if isinstance(reading, CodeReading)]


def test_a_reader_is_online_with_its_port_and_never_silent() -> None:
    talk = Conversation(LineDialogue("r", line.Decoder()))
    assert talk.ups == [""]
    talk.run(86_400.0)
    assert talk.failure is None
    assert talk.sent == b""


def test_a_code_that_takes_longer_than_the_time_for_an_end_is_read_as_long_as_bytes_come() -> None:
    talk = Conversation(LineDialogue("r", line.Decoder()))
    for byte in (QR + "\r").encode():
        talk.say(bytes((byte,)))
        talk.run(0.01)
    assert codes(talk) == [QR]
    assert talk.noise == []


def test_a_line_that_stays_without_its_end_is_dropped_after_a_fifth_of_a_second() -> None:
    talk = Conversation(LineDialogue("r", line.Decoder()))
    talk.say(b"half a code")
    talk.run(0.19)
    assert talk.noise == []
    talk.run(0.02)
    assert [(round(at, 6), pieces) for at, pieces in talk.noise] == [(1000.2, 1)]
    talk.say(b"whole\r")
    assert codes(talk) == ["whole"]


def test_an_end_in_time_saves_the_line() -> None:
    talk = Conversation(LineDialogue("r", line.Decoder()))
    talk.say(b"half")
    talk.run(0.19)
    talk.say(b" and half\r\n")
    talk.run(1.0)
    assert codes(talk) == ["half and half"]
    assert talk.noise == []


def test_noise_is_reported_at_most_once_a_second_with_its_count() -> None:
    talk = Conversation(LineDialogue("r", line.Decoder()))
    for _ in range(50):
        talk.say(b"\x00\xff\r")
        talk.run(0.05)
    assert [pieces for _, pieces in talk.noise] == [1, 20, 20]
    talk.run(1.0)
    assert sum(pieces for _, pieces in talk.noise) == 50
    assert talk.failure is None


def test_babble_at_another_speed_is_hinted_at() -> None:
    talk = Conversation(LineDialogue("r", line.Decoder()))
    talk.say(b"\x00\xff\x80\xf8" * 10 + b"\r")
    (noise,) = talk.of(NoiseReading)
    assert isinstance(noise, NoiseReading)
    assert "baud" in noise.hint


def test_an_acknowledgement_that_waits_for_its_code_is_no_noise() -> None:
    talk = Conversation(LineDialogue("r", gm65.decoder()))
    talk.say(gm65.ACKNOWLEDGED)
    talk.run(3.0)
    talk.say(b"06901234567892\r")
    talk.run(3.0)
    assert codes(talk) == ["06901234567892"]
    assert talk.noise == []


def test_a_card_held_before_an_rdm6300_is_read_many_times_and_is_one_reading() -> None:
    reader = Rdm6300()
    talk = Conversation(LineDialogue("r", rdm6300.Decoder()), reader)
    reader.show("010063E9AE", hold_s=3.0)
    talk.run(4.0)
    assert len(codes(talk)) > 40
    assert set(codes(talk)) == {"0006547886"}
    sense = CodeSense("r")
    facts = [fact for reading in talk.readings if isinstance(reading, CodeReading) for fact in sense.take(reading)]
    assert [fact.text for fact in facts if isinstance(fact, CodeRead)] == ["0006547886"]


def test_a_card_that_is_taken_away_in_mid_frame_is_noise_soon() -> None:
    talk = Conversation(LineDialogue("r", rdm6300.Decoder()))
    talk.say(b"\x02" + b"010063")
    talk.run(0.3)
    assert sum(pieces for _, pieces in talk.noise) == 1
    talk.say(b"\x02" + b"010063E9AE25\x03")
    assert codes(talk) == ["0006547886"]


def test_a_wiegand_card_comes_through_its_bridge() -> None:
    bridge = WiegandBridge()
    talk = Conversation(LineDialogue("r", wiegand.Decoder()), bridge)
    bridge.show("212:7041")
    talk.run(1.0)
    assert codes(talk) == ["212:07041"]
    assert talk.noise == []
