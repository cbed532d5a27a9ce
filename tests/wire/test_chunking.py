"""Properties of every codec: pieces do not matter, nothing raises, nothing piles up, nothing is lost without being counted."""

from __future__ import annotations

import pkgutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import device.wire
from device.wire import gm65
from device.wire.modbus import rtu_answer, tcp_answer
from tests.wire.codecs import CODECS, cut, messages_and_noise

EVERY_CODEC = pytest.mark.parametrize("name", CODECS)
NO_STREAM = {
    "lines": "what other codecs are made of",
    "noise": "what other codecs are made of",
    "weighing": "what other codecs are made of",
    "modbus": "answers are looked for in all that has come since the request: below",
    "loadcell": "registers",
    "modbus_celsius": "registers",
    "w1_slave": "a file, read as a whole",
}
"""Modules of ``device.wire`` that cut no stream into messages, and why."""


def test_no_codec_is_forgotten() -> None:
    assert {module.name for module in pkgutil.iter_modules(device.wire.__path__)} == {*CODECS, *NO_STREAM}


def pieces(name: str) -> st.SearchStrategy[list[bytes]]:
    """Good messages, cut-off messages and noise, in any order."""
    good = st.sampled_from(CODECS[name].examples)
    begun = st.builds(lambda message, length: message[:length], good, st.integers(0, 30))
    return st.lists(st.one_of(good, good, begun, st.binary(max_size=40)), max_size=30)


@EVERY_CODEC
@settings(deadline=None)
@given(data=st.data())
def test_any_cutting_gives_the_same_messages_and_as_many_bytes_of_noise(name: str, data: st.DataObject) -> None:
    begin = CODECS[name].begin
    whole = b"".join(data.draw(pieces(name)))
    places = data.draw(st.lists(st.integers(0, 100_000), max_size=40))
    assert messages_and_noise(begin(), cut(whole, places)) == messages_and_noise(begin(), [whole])
    assert messages_and_noise(begin(), [bytes((byte,)) for byte in whole]) == messages_and_noise(begin(), [whole])


@EVERY_CODEC
@settings(deadline=None)
@given(data=st.data())
def test_no_bytes_raise_and_more_than_the_bound_is_never_held_back(name: str, data: st.DataObject) -> None:
    spoken = CODECS[name]
    codec = spoken.begin()
    babble = data.draw(st.binary(max_size=20_000)) + b"".join(data.draw(pieces(name)))
    for piece in cut(babble, data.draw(st.lists(st.integers(0, 100_000), max_size=40))):
        codec.feed(piece)
        assert spoken.held(codec) <= spoken.most_held


@EVERY_CODEC
@settings(deadline=None)
@given(data=st.data())
def test_good_messages_after_noise_come_through_once_the_codec_is_in_step(name: str, data: st.DataObject) -> None:
    """A pretended header may swallow what follows it up to the longest frame, never more."""
    begin, example = CODECS[name].begin, CODECS[name].examples[0]
    noise = data.draw(st.binary(max_size=200))
    (message,) = begin().feed(example)
    count = 20 + 600 // len(example)
    heard = begin().feed(noise + example * count)
    assert heard[-10:] == [message] * 10


@pytest.mark.parametrize("ending", [b"\r", b"\r\n"])
@settings(deadline=None)
@given(data=st.data())
def test_acknowledgements_run_into_codes_in_any_pieces(ending: bytes, data: st.DataObject) -> None:
    """The one codec that takes a sequence off the front of a message."""
    codes = data.draw(st.lists(st.text("0123456789ABCDEF-", min_size=4, max_size=20), min_size=1, max_size=5))
    whole = b"".join(gm65.ACKNOWLEDGED * data.draw(st.integers(0, 3)) + code.encode() + ending for code in codes)
    places = data.draw(st.lists(st.integers(0, 1000), max_size=20))
    heard, dropped = messages_and_noise(gm65.decoder(), cut(whole, places))
    assert ([code.text for code in heard], dropped) == (codes, 0)


@settings(deadline=None)
@given(st.binary(max_size=60), st.binary(max_size=20))
def test_a_modbus_answer_is_the_same_however_it_arrives(before: bytes, after: bytes) -> None:
    """The line is looked at with each arrival: from the one that completes the answer on it is found, and never another one."""
    request, answer = bytes.fromhex("01 04 00 01 00 02 20 0B"), bytes.fromhex("01 04 04 01 31 02 22 2A CE")
    whole = before + answer + after
    found = [rtu_answer(request, whole[:end]) for end in range(len(whole) + 1)]
    complete = len(before) + len(answer)
    assert set(found[complete:]) == {answer}
    assert set(found[:complete]) <= {None, answer}
    asked, answered = b"\x00\x07\x00\x00\x00\x06" + request[:-2], b"\x00\x07\x00\x00\x00\x07" + answer[:-2]
    assert [tcp_answer(asked, (answered + after)[:end]) is not None for end in range(len(answered + after) + 1)] == [
        end >= len(answered) for end in range(len(answered + after) + 1)
    ]
