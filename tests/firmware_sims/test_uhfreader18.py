"""The simulated UHFReader18 says what the manual and captures say."""

from __future__ import annotations

import pytest

from firmware_sims import uhfreader18
from firmware_sims.uhfreader18 import UhfReader18, crc, frame

EPC = bytes.fromhex("E284361100001000094944AA")
MANY = [EPC[:-1] + bytes([number]) for number in range(40)]


def hear(reader: UhfReader18, seconds: float) -> bytes:
    return b"".join([reader.tick(0.05) for _ in range(round(seconds / 0.05))])


def ask(reader: UhfReader18, command: str, seconds: float = 1.0) -> str:
    return (reader.receive(bytes.fromhex(command)) + hear(reader, seconds)).hex(" ").upper()


def frames(said: bytes) -> list[bytes]:
    found = []
    while said:
        found.append(said[: said[0] + 1])
        assert crc(found[-1][:-2]) == found[-1][-2:]
        said = said[said[0] + 1 :]
    return found


@pytest.mark.parametrize("vector", ["0400 01 DB4B", "0400 21 D96A", "0600 01 0200 7C62", "1100 EE 00 2000708C2B380B2D00000000 E056"])
def test_frames_of_manual_and_captures_have_this_checksum(vector: str) -> None:
    data = bytes.fromhex(vector)
    assert frame(data[1], data[2:-2]) == data


def test_an_empty_field_is_said_after_a_round_and_not_before() -> None:
    reader = UhfReader18(list)
    assert reader.receive(bytes.fromhex("04 00 01 DB 4B")) == b""
    assert reader.tick(0.05) == b""
    assert reader.tick(0.05) == bytes.fromhex("05 00 01 FB F2 3D")


def test_a_single_tag_is_answered_as_captured() -> None:
    reader = UhfReader18(lambda: [EPC], read_rate=1.0)
    single = frame(0, b"\x0f").hex()
    assert ask(reader, single) == "13 00 0F 01 01 0C E2 84 36 11 00 00 10 00 09 49 44 AA DA FF"


def test_many_tags_come_in_several_frames_of_which_the_last_says_that_it_is_over() -> None:
    reader = UhfReader18(lambda: MANY, read_rate=1.0)
    reader.receive(bytes.fromhex("04 00 01 DB 4B"))
    said = frames(hear(reader, 1.0))
    assert [one[3] for one in said] == [0x03, 0x03, 0x01]
    tags = b"".join([one[5:-2] for one in said])
    assert sorted(tags[place + 1 : place + 13] for place in range(0, len(tags), 13)) == MANY
    assert sum(one[4] for one in said) == 40


def test_a_short_scan_time_ends_the_inventory_before_all_tags_are_read() -> None:
    reader = UhfReader18(lambda: MANY, read_rate=1.0)
    assert ask(reader, frame(0, bytes.fromhex("25 03")).hex(), 0) == frame(0, bytes.fromhex("25 00")).hex(" ").upper()
    reader.receive(bytes.fromhex("04 00 01 DB 4B"))
    (said,) = frames(hear(reader, 0.3))
    assert said[3] == uhfreader18.TIME_IS_UP
    assert said[4] == 13


def test_what_comes_while_an_inventory_runs_is_lost() -> None:
    reader = UhfReader18(list)
    reader.receive(bytes.fromhex("04 00 01 DB 4B"))
    assert reader.receive(bytes.fromhex("04 00 21 D9 6A")) == b""
    assert len(frames(hear(reader, 1.0))) == 1


def test_info_says_type_power_and_scan_time() -> None:
    reader = UhfReader18(list)
    reader.receive(frame(0, bytes.fromhex("2F 14")))
    (said,) = frames(reader.receive(bytes.fromhex("04 00 21 D9 6A")))
    assert said[2:4] == bytes([0x21, 0x00])
    assert (said[6], said[10], said[11]) == (0x09, 20, 10)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("2F 1E", 0x00),
        ("2F 1F", 0xFF),
        ("2F", 0xFD),
        ("25 02", 0xFF),
        ("35 01 00 01 00 01 01", 0x00),
        ("35 04 00 01 00 01 01", 0xFF),
        ("99", 0xFE),
    ],
)
def test_settings_are_taken_or_refused_with_the_manuals_status(body: str, status: int) -> None:
    (said,) = frames(UhfReader18(list).receive(frame(0, bytes.fromhex(body))))
    assert said[3] == status


def test_in_scan_mode_it_reports_by_itself_until_it_is_told_to_answer_only() -> None:
    tag = bytes.fromhex("2000708C2B380B2D00000000")
    reader = UhfReader18(lambda: [tag], read_rate=1.0, scanning=True)
    assert hear(reader, 0.1) == bytes.fromhex("11 00 EE 00 20 00 70 8C 2B 38 0B 2D 00 00 00 00 E0 56")
    reader.power_cycle()
    assert hear(reader, 0.1), "the mode is kept without power"
    (mode,) = frames(reader.receive(frame(0, b"\x36")))
    assert mode[8] == uhfreader18.SCANNING
    reader.receive(frame(0, bytes.fromhex("35 00 00 01 00 01 01")))
    assert hear(reader, 1.0) == b""


def test_it_answers_to_its_address_and_to_everybodys_and_to_no_other() -> None:
    reader = UhfReader18(list)
    reader.receive(frame(0, bytes.fromhex("24 07")))
    assert reader.receive(frame(0, b"\x21")) == b""
    assert reader.receive(frame(7, b"\x21"))[1] == 7
    assert reader.receive(frame(0xFF, b"\x21"))[1] == 7


def test_half_a_frame_is_forgotten_after_a_pause_and_a_wrong_checksum_gets_silence() -> None:
    reader = UhfReader18(list)
    reader.receive(bytes.fromhex("04 00"))
    hear(reader, 0.1)
    assert reader.receive(bytes.fromhex("04 00 21 D9 6B")) == b""
    assert reader.receive(bytes.fromhex("04 00 21")) + reader.receive(bytes.fromhex("D9 6A"))
