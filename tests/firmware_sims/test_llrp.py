"""The simulated LLRP reader: what llrpkit reads in its messages, and our driver on its socket, with faults between them."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from llrpkit.protocol import decode_message

from device.domain.layout import RfidReader
from device.domain.port import TcpAddress
from device.domain.readings import DeviceUp, NoiseReading, TagReading, TagRound
from device.drivers import dialogue, driver_for
from device.drivers.driver import Driver
from device.errors import DeviceError, DeviceGone, DeviceRefused, DeviceSilent
from firmware_sims import llrp
from firmware_sims.faults import Corrupt, Faulty, Freeze, Split
from firmware_sims.llrp import LlrpReader, message, parameter
from firmware_sims.serve import Rig
from tests.drivers.inbox import Inbox, running

EPC = bytes.fromhex("30751FEB705C5904E3D50D70")
LONG_EPC = bytes.fromhex("3674257BF6B7A659B2C2BF1000000000000000000000000000")
SPEC = parameter(llrp.ROSPEC, struct.pack(">IBB", 1, 0, 0))
ALL = bytes(4)


def told(said: bytes) -> list[Any]:
    """Messages as llrpkit reads them."""
    messages = []
    while said:
        length = int.from_bytes(said[2:6], "big")
        messages.append(decode_message(said[:length]))
        said = said[length:]
    return messages


def ask(reader: LlrpReader, kind: int, body: bytes = b"") -> Any:
    (answer,) = told(reader.receive(message(kind, 5, body)))
    assert answer.message_id == 5
    return answer


def code(answer: Any) -> int:
    return int(answer.llrp_status.status_code)


def test_its_capabilities_say_who_it_is() -> None:
    general = ask(LlrpReader(list, antennas=4), llrp.GET_CAPABILITIES, b"\0").general_device_capabilities
    assert (general.device_manufacturer_name, general.reader_firmware_version) == (llrp.MAKER, llrp.FIRMWARE)
    assert general.max_number_of_antenna_supported == 4


def test_an_inventory_must_be_there_and_enabled_before_it_runs() -> None:
    reader = LlrpReader(lambda: [EPC], read_rate=1.0)
    assert code(ask(reader, llrp.START, ALL)) == llrp.INVALID
    assert code(ask(reader, llrp.ADD, SPEC)) == llrp.SUCCESS
    assert code(ask(reader, llrp.ADD, SPEC)) == llrp.INVALID
    assert code(ask(reader, llrp.START, ALL)) == llrp.INVALID
    assert reader.tick(1.0) == b""
    assert code(ask(reader, llrp.ENABLE, ALL)) == llrp.SUCCESS
    assert code(ask(reader, llrp.START, ALL)) == llrp.SUCCESS
    assert told(reader.tick(llrp.ROUND_S))
    assert code(ask(reader, llrp.STOP, ALL)) == llrp.SUCCESS
    assert reader.tick(1.0) == b""


def test_tags_of_any_length_are_reported_with_what_was_asked_for() -> None:
    reader = LlrpReader(lambda: [EPC, LONG_EPC], read_rate=1.0)
    selector = parameter(llrp.CONTENT, struct.pack(">H", llrp.CONTENT_ANTENNA | llrp.CONTENT_RSSI))
    spec = parameter(llrp.ROSPEC, struct.pack(">IBB", 1, 0, 0) + parameter(llrp.RO_REPORT, struct.pack(">BH", 1, 1) + selector))
    for kind, body in ((llrp.ADD, spec), (llrp.ENABLE, ALL), (llrp.START, ALL)):
        assert code(ask(reader, kind, body)) == llrp.SUCCESS
    (report,) = told(reader.tick(llrp.ROUND_S))
    first, second = report.tag_report_datas
    assert bytes(first.epc_parameter.epc) == EPC
    assert (first.antenna_id.antenna_id, first.first_seen_timestamp_utc) == (1, None)
    assert -80 < first.peak_rssi.peak_rssi < -30
    assert second.epc_parameter.epc.data == LONG_EPC


def test_what_it_does_not_know_and_what_makes_no_sense_is_refused() -> None:
    reader = LlrpReader(list)
    assert code(ask(reader, 26)) == llrp.UNSUPPORTED_MESSAGE
    assert code(ask(reader, llrp.ADD, b"\0\xb1\0\x03")) == llrp.FIELD_ERROR
    assert code(ask(reader, llrp.DELETE, b"\0\0\0\x07")) == llrp.INVALID


def test_signs_of_life_come_as_often_as_asked_for() -> None:
    reader = LlrpReader(list)
    ask(reader, llrp.SET_CONFIG, b"\0" + parameter(llrp.KEEPALIVE_SPEC, struct.pack(">BI", 1, 500)))
    alive = [type(each).__name__ for _ in range(20) for each in told(reader.tick(0.1))]
    assert alive == ["KEEPALIVE"] * 4
    assert reader.receive(message(llrp.KEEPALIVE_ACK, 1)) == b""


@pytest.mark.parametrize("rubbish", [b"GET / HTTP/1.1\r\n", b"\xff" * 10, message(llrp.START, 1)[:2] + b"\0\0\0\x01" + bytes(4)])
def test_who_speaks_something_else_is_hung_up_on(rubbish: bytes) -> None:
    reader = LlrpReader(list)
    reader.connected()
    assert reader.receive(rubbish) == b""
    assert not reader.open


class Served:
    """A reader behind its faults, on a socket, and a driver for it."""

    def __init__(self, rig: Rig, tags: list[bytes]) -> None:
        self.reader = LlrpReader(lambda: tags, read_rate=1.0)
        self.faulty = Faulty(self.reader)
        self.link = rig.tcp(self.faulty, session=self.reader)

    def driver(self) -> Driver:
        address = TcpAddress("127.0.0.1", self.link.number)
        return driver_for("rfid", RfidReader(id="r", zone="z", driver="llrp", port=address))


@asynccontextmanager
async def served(*tags: bytes) -> AsyncIterator[Served]:
    async with Rig() as rig:
        yield Served(rig, list(tags))


async def failing(driver: Driver, inbox: Inbox) -> DeviceError | None:
    try:
        await driver.run(inbox)
    except DeviceError as error:
        return error
    return None


async def test_the_driver_reads_its_tags_and_hears_its_rounds() -> None:
    inbox = Inbox()
    async with served(EPC) as store, running(inbox, store.driver()):
        tag = await inbox.next(TagReading)
        await inbox.next(TagRound)
    assert (tag.epc, tag.antenna) == (EPC, 1)
    (up,) = inbox.of(DeviceUp)
    assert up.firmware == f"{llrp.FIRMWARE}, maker {llrp.MAKER}, model {llrp.MODEL}"


async def test_a_second_client_is_refused_and_the_first_goes_on() -> None:
    inbox = Inbox()
    async with served(EPC) as store, running(inbox, store.driver()):
        await inbox.next(TagReading)
        with pytest.raises(DeviceRefused, match="Client Initiated Connection Already Exists"):
            await store.driver().run(Inbox())
        seen = len(inbox.of(TagReading))
        await inbox.until(lambda: len(inbox.of(TagReading)) > seen)


async def test_a_reader_that_starts_anew_hangs_up_and_is_taken_up_again() -> None:
    inbox = Inbox()
    async with served(EPC) as store:
        driver = store.driver()
        async with asyncio.TaskGroup() as group:
            task = group.create_task(failing(driver, inbox))
            await inbox.next(TagReading)
            store.faulty.reboot_in_mid_frame()
            await asyncio.wait([task])
        assert isinstance(task.result(), DeviceGone)
        async with running(inbox, driver):
            await inbox.until(lambda: len(inbox.of(DeviceUp)) == 2)


async def test_a_reader_that_hangs_is_silent_and_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialogue, "SILENT_S", 1.5)
    inbox = Inbox()
    async with served(EPC) as store, asyncio.TaskGroup() as group:
        task = group.create_task(failing(store.driver(), inbox))
        await inbox.next(TagReading)
        store.faulty.add("freeze", Freeze())
        await asyncio.wait([task])
    assert isinstance(task.result(), DeviceSilent)


async def test_crumbs_are_put_together_and_wrong_bytes_are_noise() -> None:
    inbox = Inbox()
    async with served(EPC) as store, running(inbox, store.driver()):
        await inbox.next(TagReading)
        store.faulty.add("split", Split(7))
        seen = len(inbox.of(TagReading))
        await inbox.until(lambda: len(inbox.of(TagReading)) > seen)
        store.faulty.clear()
        store.faulty.add("corrupt", Corrupt(0.2))
        await inbox.until(lambda: bool(inbox.of(NoiseReading)))
        store.faulty.clear()
        seen = len(inbox.of(TagReading))
        await inbox.until(lambda: len(inbox.of(TagReading)) > seen)
