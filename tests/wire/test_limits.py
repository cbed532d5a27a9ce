"""Frames at every limit of their length: the longest, one longer, none at all, and a length field of all ones.

What is within the limits is a message, what is beyond them noise, and neither holds up or swallows what comes after it.
"""

from __future__ import annotations

import binascii
import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from device.wire import gm65, line, llrp, modbus, mt_sics, osdp, r200, shelf_board, stream, uhfreader18, wiegand
from device.wire.noise import LIMIT, Noise
from device.wire.w1_slave import Fault, parse_w1_slave
from device.wire.weighing import Told, Weight
from tests.capture import capture
from tests.wire.codecs import CODECS

LLRP_REPORT = 61


class Case(NamedTuple):
    """``message`` None: all of it is noise; ``()``: passed over without a word."""

    codec: str
    what: str
    frame: bytes
    message: Any = None


def text_lines() -> Iterator[Case]:
    fit = mt_sics.LONGEST_LINE - len(b'I4 A ""')
    yield Case("mt_sics", "longest", b'I4 A "' + b"x" * fit + b'"\r\n', Told("I4", "x" * fit))
    yield Case("mt_sics", "longer", b'I4 A "' + b"x" * (fit + 1) + b'"\r\n')
    yield Case("mt_sics", "empty", b"\r\n\r\n", ())
    weight = b"12.5 kg"
    padding = stream.LONGEST_LINE - len(weight)
    yield Case("stream", "longest", b" " * padding + weight + b"\r\n50\r\x03", Weight(12.5, "kg", stable=True))
    yield Case("stream", "longer", b" " * (padding + 1) + weight + b"\r\n")
    yield Case("stream", "empty", b"\r\n\x03\r\n", ())
    yield Case("line", "longest", b"7" * LIMIT + b"\r\n", line.Code("7" * LIMIT))
    yield Case("line", "longer", b"7" * (LIMIT + 1) + b"\r\n")
    yield Case("line", "shortest", b"7777\r", line.Code("7777"))
    yield Case("line", "shorter", b"777\r")
    yield Case("line", "empty", b"\r\n\r\n", ())
    yield Case("gm65", "longest", gm65.ACKNOWLEDGED + b"7" * LIMIT + b"\r", line.Code("7" * LIMIT))
    yield Case("gm65", "longer", b"7" * (LIMIT + 1) + b"\r")
    yield Case("gm65", "empty", gm65.ACKNOWLEDGED + b"\r", ())
    yield Case("wiegand", "longest", b"W64:0123456789ABCDEF\r\n", line.Code("W64:0123456789ABCDEF"))
    yield Case("wiegand", "longer", b"W65:0123456789ABCDEF80\r\n")
    yield Case("wiegand", "all ones", b"W99:" + b"F" * 26 + b"\r\n")
    yield Case("wiegand", "none", b"W0:00\r\n")
    yield Case("wiegand", "a key", b"W4:50\r\n", ())
    yield Case("wiegand", "overlong", b"W26:" + b"0" * wiegand.LONGEST_LINE + b"\r\n")


def frames() -> Iterator[Case]:
    yield Case("r200", "longest", _r200(bytes(r200.LONGEST)), r200.Answer(3, bytes(r200.LONGEST)))
    yield Case("r200", "longer", _r200(bytes(r200.LONGEST + 1)))
    yield Case("r200", "none", _r200(b""), r200.Answer(3, b""))
    yield Case("r200", "all ones", bytes.fromhex("BB 01 03 FF FF 00 00 7E"))
    yield Case("shelf_board", "longest", _board(9, bytes(shelf_board.LONGEST)), ())
    yield Case("shelf_board", "longer", _board(9, bytes(shelf_board.LONGEST + 1)))
    yield Case("shelf_board", "longest of a kind that is known", _board(shelf_board.SAMPLES, bytes(shelf_board.LONGEST)))
    yield Case("shelf_board", "none", _board(shelf_board.ANSWER, b""))
    yield Case("shelf_board", "all ones", bytes.fromhex("A5 5A 01 02 FF FF 00 00"))
    channels = tuple(range(16))
    samples = struct.pack("<HIHH16i", 1, 2, 0xFFFF, 0, *channels)
    yield Case("shelf_board", "all channels", _board(shelf_board.SAMPLES, samples), shelf_board.Samples(1, 2, 0xFFFF, 0, channels))
    yield Case("uhfreader18", "longest", _uhf(uhfreader18.LONGEST), uhfreader18.Done(0x2F))
    yield Case("uhfreader18", "shortest", _uhf(uhfreader18.SHORTEST), uhfreader18.Done(0x2F))
    yield Case("uhfreader18", "none", b"\x00\x01\x02\x03\x04")
    longest = _osdp(osdp.LONGEST)
    yield Case("osdp", "longest", longest, longest)
    yield Case("osdp", "longer", _osdp(osdp.LONGEST + 1))
    yield Case("osdp", "none", bytes.fromhex("53 E5 00 00 04 45 00 00"))
    yield Case("osdp", "all ones", bytes.fromhex("53 E5 FF FF 04 45 00 00"))
    yield Case("rdm6300", "longer", b"\x02010063E9AE025\x03")
    yield Case("rdm6300", "shorter", b"\x02010063E9A25\x03")
    yield Case("rdm6300", "none", b"\x02\x03")
    report = llrp.Tags((llrp.Tag(bytes(12), 1, None),))
    yield Case("llrp", "longest", _llrp(llrp.LONGEST), report)
    yield Case("llrp", "longer", _llrp(llrp.LONGEST + 1))
    yield Case("llrp", "none", struct.pack(">HII", 1 << 10 | LLRP_REPORT, 0, 7))
    yield Case("llrp", "shorter than its head", struct.pack(">HII", 1 << 10 | LLRP_REPORT, llrp.HEADER - 1, 7))
    yield Case("llrp", "a head alone", struct.pack(">HII", 1 << 10 | LLRP_REPORT, llrp.HEADER, 7), llrp.Tags(()))
    yield Case("llrp", "all ones", struct.pack(">HII", 1 << 10 | LLRP_REPORT, 0xFFFFFFFF, 7))


def _r200(parameters: bytes) -> bytes:
    body = bytes((r200.RESPONSE, r200.INFO)) + len(parameters).to_bytes(2, "big") + parameters
    return b"\xbb" + body + bytes((sum(body) & 0xFF, 0x7E))


def _board(kind: int, payload: bytes) -> bytes:
    body = struct.pack("<BBH", shelf_board.VERSION, kind, len(payload)) + payload
    return shelf_board.SYNC + body + binascii.crc_hqx(body, 0xFFFF).to_bytes(2, "little")


def _uhf(size: int) -> bytes:
    body = bytes((size - 1, 0, 0x2F, 0)) + bytes(size - 6)
    return body + uhfreader18.crc16(body)


def _osdp(size: int) -> bytes:
    body = b"\x53\xe5" + size.to_bytes(2, "little") + b"\x04\x45" + bytes(size - 8)
    return body + osdp.crc16(body)


def _llrp(size: int) -> bytes:
    """A report of one tag, and as much of the maker's own as makes it so long."""
    tag = struct.pack(">B12s", 0x80 | 13, bytes(12))
    own = struct.pack(">HHII", 1023, size - llrp.HEADER - 4 - len(tag), 26_554, 0)
    content = tag + own.ljust(size - llrp.HEADER - 4 - len(tag), b"\0")
    return struct.pack(">HII", 1 << 10 | LLRP_REPORT, size, 7) + struct.pack(">HH", 240, 4 + len(content)) + content


CASES = [*text_lines(), *frames()]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.codec}, {case.what}")
def test_a_frame_at_a_limit_is_a_message_or_noise_and_what_follows_is_heard(case: Case) -> None:
    spoken = CODECS[case.codec]
    codec, sound = spoken.begin(), spoken.examples[0]
    (message,) = spoken.begin().feed(sound)
    heard = list(codec.feed(case.frame))
    assert spoken.held(codec) <= spoken.most_held
    heard += codec.feed(sound * (2 + spoken.most_held // len(sound)))
    found = [each for each in heard if not isinstance(each, Noise)]
    expected = [] if case.message in (None, ()) else [case.message]
    assert found[: len(expected)] == expected
    assert set(found[len(expected) :]) == {message}
    dropped = b"".join(each.data for each in heard if isinstance(each, Noise))
    if case.message is None:
        content = case.frame.strip(b"\r\n")
        content = content.replace(b"\xff", b"") if case.codec == "osdp" else content  # a mark, and no noise
        assert content in dropped
    else:
        assert dropped == b""


def test_every_codec_has_its_limits_tried() -> None:
    assert {case.codec for case in CASES} == set(CODECS)


@pytest.mark.parametrize("count", [0, 1, 7, 250, 254, 255])
def test_a_modbus_answer_with_another_count_of_bytes_is_none(count: int) -> None:
    asked = bytes((1, 3, 0, 0, 0, 4))
    request = asked + modbus.crc16(asked)
    for body in (bytes((1, 3, count)) + bytes(8), bytes((1, 3, count)) + bytes(count)):
        assert modbus.rtu_answer(request, body + modbus.crc16(body)) is None
        assert modbus.tcp_answer(b"\0\7\0\0\0\6" + asked, b"\0\7\0\0" + len(body).to_bytes(2, "big") + body) is None


@pytest.mark.parametrize("registers", [1, 125])
def test_the_shortest_and_the_longest_modbus_answer_are_read(registers: int) -> None:
    asked = bytes((1, 3, 0, 0, 0, registers))
    body = bytes((1, 3, 2 * registers)) + bytes(2 * registers)
    answer = body + modbus.crc16(body)
    assert modbus.rtu_answer(asked + modbus.crc16(asked), b"\x01\x03" + answer + b"\x01") == answer


@pytest.mark.parametrize("length", [0, 1, 2, 0xFFFF])
def test_a_modbus_frame_over_tcp_with_a_length_at_its_limit_is_no_answer(length: int) -> None:
    asked = b"\0\7\0\0\0\6" + bytes((1, 3, 0, 0, 0, 1))
    answer = bytes((1, 3, 2, 0, 0))
    assert modbus.tcp_answer(asked, b"\0\7\0\0" + length.to_bytes(2, "big") + answer) is None
    assert modbus.tcp_answer(asked, b"\0\7\0\0\0\5" + answer) == b"\0\7\0\0\0\5" + answer


def test_a_probe_file_of_any_length_is_read_for_what_is_at_its_beginning() -> None:
    warm = capture("ds18b20")["warm"]
    assert parse_w1_slave(warm + b"x" * 100_000) == parse_w1_slave(warm)
    assert isinstance(parse_w1_slave(b" " * 100_000 + warm), Fault)
