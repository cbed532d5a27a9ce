"""The file of a recording says what was put into it, and tells bad bytes from good."""

from __future__ import annotations

import gzip
import io
import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.domain.commands import InboundCommand
from device.domain.layout import Layout
from device.domain.readings import (
    CodeReading,
    ContactReading,
    DeviceDown,
    DeviceRebooted,
    DeviceUp,
    FaultReading,
    InputReading,
    LockOutcome,
    NoiseReading,
    TagReading,
    TagRound,
    TemperatureReading,
    WeightReading,
)
from device.recording import Entry, Header, Keyframe, Taken, encode, encode_header, read_trace
from device.recording.trace import KINDS
from tests.recording.recordings import PRODUCT, header, layout

PLAN = layout(2, 2)
DEVICES = [device.id for device in PLAN.devices]
ENTRIES: list[Entry] = [
    Keyframe(5.0, b'{"seq": 3}', (DeviceUp("board-0", 5.0, "1.2"), ContactReading("lock", 5.0, False, True))),
    DeviceUp("board-0", 5.25, "1.2"),
    WeightReading("board-0", 5.5, (4_200_000, -1)),
    WeightReading("board-0", 5.6, (4_200_007, -3), None, 2),
    WeightReading("board-1", 5.6, (12.25, -0.5), True, 0),
    WeightReading("board-0", 5.7, (4_199_000, 8_388_607)),
    ContactReading("lock", 5.8, None, False, None, True),
    TagReading("board-1", 6.0, bytes.fromhex("30751FEB705C5904E3D50D70"), -55.0, 2),
    TagRound("board-1", 6.0),
    TemperatureReading("board-1", 6.1, -18.5),
    InputReading("lock", 6.2, True),
    CodeReading("lock", 6.3, "eyJ.“ü”"),
    FaultReading("board-0", 6.4, "saturated", 2, "why"),
    NoiseReading("board-0", 6.5, 7, "looks like 9600"),
    LockOutcome("lock", 6.6, 12, False, "busy"),
    Taken(6.7, InboundCommand("unlock", b"eyJ.\xff.x", True)),
    DeviceRebooted("board-0", 6.8),
    DeviceDown("board-0", 6.9, "cable pulled"),
]


def file_of(*members: list[Entry], of: Header | None = None) -> io.BytesIO:
    return io.BytesIO(encode_header(of or header(PLAN)) + b"".join([encode(member, DEVICES) for member in members]))


def packed(line: str) -> bytes:
    return gzip.compress(line.encode() + b"\n")


def read(file: io.BytesIO) -> list[Entry]:
    return list(read_trace(file).entries)


def test_everything_that_was_said_is_read_back_in_its_order() -> None:
    assert read(file_of(ENTRIES)) == ENTRIES
    assert [type(value) for value in ENTRIES[2].values] == [int, int]  # type: ignore[union-attr]


def test_every_kind_of_reading_has_its_line() -> None:
    kinds = {type(entry) for entry in ENTRIES} - {Keyframe, Taken, WeightReading}
    assert kinds == set(KINDS.values())


def test_a_member_is_understood_without_those_before_it() -> None:
    first, second = ENTRIES[:4], ENTRIES[4:]
    head = encode_header(header(PLAN))
    assert read(file_of(first, second)) == ENTRIES
    assert read(io.BytesIO(head + encode(second, DEVICES))) == second


def test_a_missing_value_stays_missing_and_the_sample_after_it_is_whole() -> None:
    samples: list[Entry] = [
        WeightReading("board-0", 1.0, (5, 6)),
        WeightReading("board-0", 1.1, (math.nan, 7)),
        WeightReading("board-0", 1.2, (8, 9)),
    ]
    back = read(file_of(samples))
    assert [str(entry) for entry in back] == [str(entry) for entry in samples]


counts = st.tuples(st.integers(-(2**31), 2**31 - 1), st.integers(-(2**31), 2**31 - 1))
grams = st.tuples(*[st.floats(-1e6, 1e6) | st.integers(-100, 100)] * 2)
steps = st.lists(
    st.tuples(st.integers(0, 10_000_000), st.sampled_from(["board-0", "board-1"]), counts | grams, st.integers(0, 3)), max_size=30
)


@given(steps=steps, cuts=st.integers(1, 30))
def test_any_samples_in_any_members_come_back(steps: list[tuple[int, str, tuple[float, ...], int]], cuts: int) -> None:
    at_us = 10**9
    entries: list[Entry] = []
    for after_us, device, values, lost in steps:
        at_us += after_us
        entries.append(WeightReading(device, at_us / 1e6, values, None, lost))
    members = [entries[first : first + cuts] for first in range(0, len(entries), cuts)]
    assert read(file_of(*members)) == entries


def test_the_header_brings_the_store_and_no_secret() -> None:
    file = file_of()
    found = read_trace(file).header
    line = gzip.decompress(file.getvalue()).decode()
    assert found.products == (PRODUCT,)
    assert [slot.id for slot in found.layout.slot] == [slot.id for slot in PLAN.slot]
    assert [str(hours) for hours in found.layout.zone[0].sales_hours or ()] == ["Mon-Sun 10:00-22:00"]
    assert found.layout.mqtt.username is None
    assert found.layout.access.issuer == "shop"
    assert not any(word in line for word in ("password", "secret", "key.pem", "broker.example", "/somewhere"))


@pytest.mark.parametrize("example", ["cabinet.toml", "minibar.toml", "shop.toml"])
def test_the_example_stores_survive_the_way_through_a_header(example: str) -> None:
    from device.config import load

    plan: Layout = load(Path(__file__).parents[2] / "config" / example).layout
    found = read_trace(file_of(of=header(plan))).header.layout
    assert found.zone == plan.zone
    assert found.slot == plan.slot
    assert [device.id for device in found.devices] == [device.id for device in plan.devices]


def test_a_file_that_was_cut_short_is_read_up_to_there() -> None:
    whole = file_of(ENTRIES[:4], ENTRIES[4:]).getvalue()
    trace = read_trace(io.BytesIO(whole[:-20]))
    assert list(trace.entries)[:4] == ENTRIES[:4]
    assert trace.cut


@pytest.mark.parametrize(
    "data", [b"", b"hello", packed("{}"), packed("[1]"), packed('{"format": "other"}')], ids=["nothing", "text", "object", "list", "other"]
)
def test_what_is_no_recording_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="recording"):
        read_trace(io.BytesIO(data))


def test_a_recording_of_a_later_version_is_refused() -> None:
    line = gzip.decompress(encode_header(header(PLAN))).replace(b'"format_version": 1', b'"format_version": 2')
    with pytest.raises(ValueError, match="version 2"):
        read_trace(io.BytesIO(gzip.compress(line)))


@pytest.mark.parametrize(
    "line",
    [
        '["w", 1]',
        '["w", 1, 99, [1]]',
        '["d", 1, 1, [1, 2]]',
        '["tag", 1, 1, "xx"]',
        '["what", 1, 1]',
        "nonsense",
        "{}",
        '["key", 1, {}, [["up"]]]',
        '["w", 1, 1, "ab"]',
        '["w", 1, 1, {"1": 2}]',
        '["w", 1, 1, [1], null, "many"]',
        '["code", 1, 1, 5]',
        '["contact", 1, 1, "yes", true, null, null]',
        '["command", 1, 5, "x", false]',
        '["up", NaN, 1, "1.0"]',
        '["up", Infinity, 1, "1.0"]',
        '["up", -9, 1, "1.0"]',
        f'["up", 1{"0" * 400}, 1, "1.0"]',
    ],
)
def test_a_line_that_is_none_is_told_with_its_number(line: str) -> None:
    data = encode_header(header(PLAN)) + gzip.compress(f'["at", 1]\n{line}\n'.encode())
    with pytest.raises(ValueError, match="line 3 is not one of a recording"):
        read(io.BytesIO(data))


def test_zcat_shows_what_the_manual_says() -> None:
    lines: list[Any] = [json.loads(line) for line in gzip.decompress(file_of(ENTRIES[2:6]).getvalue()).splitlines()]
    assert lines[1:] == [
        ["at", 5_500_000],
        ["w", 0, 1, [4_200_000, -1]],
        ["d", 100_000, 1, [7, -2], None, 2],
        ["w", 0, 2, [12.25, -0.5], True, 0],
        ["d", 100_000, 1, [-1007, 8_388_610]],
    ]
