"""LLRP readers: against llrpkit's emulator on a socket, and what it cannot play in virtual time."""

from __future__ import annotations

import asyncio
import importlib.util
import subprocess
import sys
from typing import Any

import pytest
from llrpkit.protocol import decode_message, enums, messages, params

from device.domain.layout import RfidReader
from device.domain.port import TcpAddress
from device.domain.readings import DeviceUp, TagReading, TagRound
from device.drivers import driver_for
from device.drivers.llrp import STEPS, LlrpDialogue
from device.errors import ConfigError, DeviceGone, DeviceRefused, DeviceSilent
from device.wire import llrp
from tests.capture import capture
from tests.drivers.conversation import Conversation
from tests.drivers.inbox import Inbox, running
from tests.drivers.llrp_peer import EPC, Emulator, emulated

GOLDEN = capture("llrp")
FINE = params.LLRPStatus(status_code=enums.StatusCode.M_Success)
NOW = params.UTCTimestamp(microseconds=0)
ANSWERS = (
    messages.GET_READER_CAPABILITIES_RESPONSE,
    messages.SET_READER_CONFIG_RESPONSE,
    messages.DELETE_ROSPEC_RESPONSE,
    messages.ADD_ROSPEC_RESPONSE,
    messages.ENABLE_ROSPEC_RESPONSE,
    messages.START_ROSPEC_RESPONSE,
)


def an_entry(address: TcpAddress) -> RfidReader:
    return RfidReader(id="r", zone="z", driver="llrp", port=address)


def answer(step: int, refusal: str = "") -> bytes:
    status = params.LLRPStatus(status_code=enums.StatusCode.M_ParameterError, error_description=refusal) if refusal else FINE
    return bytes(ANSWERS[step - 1](llrp_status=status).to_bytes(message_id=step))


def event(**what: Any) -> bytes:
    data = params.ReaderEventNotificationData(timestamp=NOW, **what)
    return bytes(messages.READER_EVENT_NOTIFICATION(reader_event_notification_data=data).to_bytes(message_id=9))


def up() -> Conversation:
    talk = Conversation(LlrpDialogue("r"))
    talk.say(GOLDEN["welcome"])
    for step in range(1, len(STEPS) + 1):
        talk.say(answer(step))
    assert len(talk.ups) == 1
    talk.take_sent()
    return talk


async def test_tags_come_with_antenna_and_strength_and_rounds_go_on() -> None:
    inbox = Inbox()
    async with emulated() as reader, running(inbox, driver_for("rfid", an_entry(reader.address))):
        tag = await inbox.next(TagReading)
        await inbox.until(lambda: len(inbox.of(TagRound)) >= 2)
        assert reader.keepalive_acks >= 1
    assert (tag.epc, tag.antenna) == (EPC, 1)
    assert tag.rssi_dbm is not None
    assert -65 < tag.rssi_dbm < -45
    (is_up,) = inbox.of(DeviceUp)
    assert is_up.firmware.startswith("llrpkit-emu 0.1, maker 25882, model 700")


async def test_an_empty_field_has_rounds_by_the_signs_of_life_alone() -> None:
    inbox = Inbox()
    async with emulated(tags=()) as reader, running(inbox, driver_for("rfid", an_entry(reader.address))):
        await inbox.until(lambda: len(inbox.of(TagRound)) >= 2)
    assert inbox.of(TagReading) == []


async def test_a_reader_that_another_client_has_refuses() -> None:
    async with emulated() as reader:
        first, second = Inbox(), Inbox()
        async with running(first, driver_for("rfid", an_entry(reader.address))):
            await first.next(TagReading)
            with pytest.raises(DeviceRefused, match="Client Initiated Connection Already Exists"):
                await driver_for("rfid", an_entry(reader.address)).run(second)
    assert second.readings == []


async def test_a_reader_that_starts_anew_is_found_again() -> None:
    reader = Emulator()
    await reader.start()
    driver = driver_for("rfid", an_entry(reader.address))
    inbox = Inbox()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(_failing(driver, inbox))
        await inbox.next(TagReading)
        await reader.stop()
        await asyncio.wait([task])
    assert isinstance(task.result(), DeviceGone)
    await reader.start()
    async with running(inbox, driver):
        await inbox.next(TagReading)
    await reader.stop()
    assert len(inbox.of(DeviceUp)) == 2


async def _failing(driver: object, inbox: Inbox) -> DeviceGone | None:
    try:
        await driver.run(inbox)  # type: ignore[attr-defined]
    except DeviceGone as gone:
        return gone
    return None


def test_published_reports_are_read() -> None:
    first = llrp.Tag(bytes.fromhex("3000ABCDEF00000000000003"), 1, -48.0)
    second = llrp.Tag(bytes.fromhex("301430A55C0AC40000000000"), 1, -68.0)
    assert llrp.Decoder().feed(GOLDEN["report_a"] + GOLDEN["report_b"]) == [llrp.Tags((first,)), llrp.Tags((second,))]
    assert llrp.Decoder().feed(GOLDEN["welcome"]) == [llrp.Attempt("")]


def test_what_is_asked_is_what_llrp_calls_it() -> None:
    asked = [decode_message(request(number)) for number, (_, request, _) in enumerate(STEPS, 1)]
    assert [type(message).__name__ for message in asked] == [
        "GET_READER_CAPABILITIES",
        "SET_READER_CONFIG",
        "DELETE_ROSPEC",
        "ADD_ROSPEC",
        "ENABLE_ROSPEC",
        "START_ROSPEC",
    ]
    assert [message.message_id for message in asked] == [1, 2, 3, 4, 5, 6]


def test_each_request_waits_for_the_answer_to_the_one_before() -> None:
    talk = Conversation(LlrpDialogue("r"))
    assert talk.sent == b""
    talk.say(GOLDEN["welcome"])
    for number, (_, request, _) in enumerate(STEPS, 1):
        assert talk.take_sent() == request(number)
        talk.say(answer(number - 1 or 5))
        assert talk.take_sent() == b""
        talk.say(answer(number))
    assert len(talk.ups) == 1
    assert talk.take_sent() == b""


def test_nothing_to_forget_is_no_reason_to_give_up_and_a_refused_inventory_is() -> None:
    talk = Conversation(LlrpDialogue("r"))
    talk.say(GOLDEN["welcome"])
    for number in (1, 2):
        talk.say(answer(number))
    talk.take_sent()
    talk.say(answer(3, "no ROSpec 0"))
    assert talk.take_sent() == llrp.add_inventory(4)
    talk.say(answer(4, "antenna 9 is not there"))
    assert isinstance(talk.failure, DeviceRefused)
    assert "an inventory: antenna 9 is not there" in talk.failure.reason


def test_an_inventory_that_ends_by_itself_is_started_again_and_has_no_rounds_meanwhile() -> None:
    talk = up()
    talk.say(event(ro_spec_event=params.ROSpecEvent(event_type=1, ro_spec_id=1, preempting_ro_spec_id=0)))
    talk.run(1.5)
    assert talk.take_sent() == llrp.start_inventory(6) * 2
    talk.say(bytes(messages.KEEPALIVE().to_bytes(message_id=3)))
    assert talk.take_sent() == llrp.alive_too(3)
    talk.run(1.0)
    assert talk.of(TagRound) == []
    talk.say(answer(6))
    talk.say(GOLDEN["report_a"])
    talk.run(1.0)
    assert len(talk.of(TagRound)) == 1


def test_an_antenna_that_comes_off_and_an_exception_are_faults() -> None:
    talk = up()
    talk.say(event(antenna_event=params.AntennaEvent(event_type=0, antenna_id=2)))
    talk.say(event(antenna_event=params.AntennaEvent(event_type=1, antenna_id=2)))
    talk.say(event(reader_exception_event=params.ReaderExceptionEvent(message="too hot")))
    assert talk.faults == [("not_executable", 2), ("not_executable", None)]


def test_a_reader_that_hangs_up_or_falls_silent_is_lost() -> None:
    talk = up()
    talk.say(event(connection_close_event=params.ConnectionCloseEvent()))
    assert isinstance(talk.failure, DeviceGone)
    talk = up()
    talk.run(5.1)
    assert isinstance(talk.failure, DeviceSilent)
    talk = Conversation(LlrpDialogue("r"))
    talk.run(5.1)
    assert isinstance(talk.failure, DeviceSilent)
    assert "a new connection" in talk.failure.reason


def test_bytes_between_two_messages_are_noise_and_both_are_read() -> None:
    talk = up()
    talk.say(GOLDEN["report_a"] + b"\x00\xff\x04\x3d\x00\x00\x00\x0bxyz" + GOLDEN["report_b"] + GOLDEN["report_b"])
    assert len(talk.of(TagReading)) == 3
    assert talk.noise


@pytest.mark.parametrize("length", [llrp.HEADER, llrp.LONGEST])
def test_messages_of_every_length_limit_are_read(length: int) -> None:
    text = "x" * (length - llrp.HEADER - 22)
    if length == llrp.HEADER:
        frame = bytes(messages.KEEPALIVE().to_bytes(message_id=1))
    else:
        frame = event(reader_exception_event=params.ReaderExceptionEvent(message=text))
        frame = event(reader_exception_event=params.ReaderExceptionEvent(message=text + "x" * (length - len(frame))))
    assert len(frame) == length
    (message,) = llrp.Decoder().feed(frame)
    assert isinstance(message, llrp.Alive | llrp.Trouble)


def test_a_message_over_the_limit_holds_nothing_up() -> None:
    heard = llrp.Decoder().feed(b"\x04\x3d\x00\x00\x40\x01\x00\x00\x00\x07" + GOLDEN["report_a"])
    assert isinstance(heard[-1], llrp.Tags)


def test_without_the_library_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "llrpkit" else found(name))
    with pytest.raises(ConfigError, match=r"rfid r: driver: 'llrp': needs the library llrpkit: pip install 'smartstore\[llrp\]'"):
        driver_for("rfid", an_entry(TcpAddress("h", 1)))


def test_the_library_is_loaded_only_where_it_is_used() -> None:
    program = "import sys, device.app, device.config, device.drivers; print('llrpkit' in sys.modules, 'osdp_sys' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip() == "False False"
