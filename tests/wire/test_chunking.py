"""Properties of every codec: pieces do not matter, nothing raises, nothing piles up, nothing is lost without being counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Protocol

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device.wire import gm65, line, llrp, mt_sics, osdp, r200, rdm6300, shelf_board, stream, uhfreader18, wiegand
from device.wire.noise import LIMIT, Noise
from tests.capture import capture


class Codec(Protocol):
    def feed(self, data: bytes) -> Sequence[Any]: ...


CODECS: dict[str, tuple[Callable[[], Codec], list[bytes]]] = {
    "mt_sics": (mt_sics.Decoder, [*capture("mt_sics").values(), b"x" * 300]),
    "stream": (stream.Decoder, [*capture("stream").values(), b"x" * 80]),
    "r200": (r200.Decoder, list(capture("r200").values())),
    "uhfreader18": (uhfreader18.Decoder, [capture("uhfreader18")["single_tag"], *capture("uhfreader18").values()]),
    "shelf_board": (shelf_board.Decoder, list(capture("shelf_board").values())),
    "gm65": (gm65.decoder, [gm65.ACKNOWLEDGED, b"06901234567892\r", b"abcd\r\n", b"x" * 300 + b"\n"]),
    "llrp": (llrp.Decoder, list(capture("llrp").values())),
    "osdp": (osdp.Decoder, [capture("osdp")["pdid"], *capture("osdp").values(), b"\xff" + capture("osdp")["pdid"]]),
    "rdm6300": (rdm6300.Decoder, list(capture("rdm6300").values())),
    "wiegand": (wiegand.Decoder, [*capture("wiegand").values(), b"W4:50\r\n", b"x" * 80 + b"\n"]),
    "line": (line.Decoder, [b"06901234567892\r", b"abcd\r\n", b"x" * 300 + b"\n", b"x" * 5000 + b"\r"]),
}
EVERY_CODEC = pytest.mark.parametrize("name", CODECS)


def pieces(name: str) -> st.SearchStrategy[list[bytes]]:
    """Good messages, cut-off messages and noise, in any order."""
    good = st.sampled_from(CODECS[name][1])
    cut = st.builds(lambda message, length: message[:length], good, st.integers(0, 30))
    return st.lists(st.one_of(good, good, cut, st.binary(max_size=40)), max_size=30)


def cut(data: bytes, at: list[int]) -> list[bytes]:
    places = sorted({0, len(data), *(place % (len(data) + 1) for place in at)})
    return [data[begin:end] for begin, end in pairwise(places)]


def messages_and_noise(codec: Codec, chunks: list[bytes]) -> tuple[list[Any], int]:
    heard = [message for chunk in chunks for message in codec.feed(chunk)]
    return [message for message in heard if not isinstance(message, Noise)], sum(
        len(noise.data) for noise in heard if isinstance(noise, Noise)
    )


@EVERY_CODEC
@settings(deadline=None)
@given(data=st.data())
def test_any_cutting_gives_the_same_messages_and_as_many_bytes_of_noise(name: str, data: st.DataObject) -> None:
    begin, _ = CODECS[name]
    whole = b"".join(data.draw(pieces(name)))
    places = data.draw(st.lists(st.integers(0, 100_000), max_size=40))
    assert messages_and_noise(begin(), cut(whole, places)) == messages_and_noise(begin(), [whole])
    assert messages_and_noise(begin(), [bytes((byte,)) for byte in whole]) == messages_and_noise(begin(), [whole])


@EVERY_CODEC
@settings(deadline=None)
@given(data=st.binary(max_size=20_000))
def test_no_bytes_raise_and_more_than_the_bound_is_never_held_back(name: str, data: bytes) -> None:
    codec = CODECS[name][0]()
    heard = codec.feed(data)
    noise = sum(len(message.data) for message in heard if isinstance(message, Noise))
    ends = sum(data.count(end) for end in (b"\r", b"\n", b"\x03"))
    others = [message for message in heard if not isinstance(message, Noise)]
    if not others:
        assert noise + ends >= len(data) - LIMIT - len(gm65.ACKNOWLEDGED)


@EVERY_CODEC
@settings(deadline=None)
@given(data=st.data())
def test_good_messages_after_noise_come_through_once_the_codec_is_in_step(name: str, data: st.DataObject) -> None:
    """A pretended header may swallow what follows it up to the longest frame, never more."""
    begin, examples = CODECS[name]
    noise = data.draw(st.binary(max_size=200))
    example = examples[0] if name != "gm65" else examples[1]
    (message,) = begin().feed(example)
    count = 20 + 600 // len(example)
    heard = begin().feed(noise + example * count)
    assert heard[-10:] == [message] * 10
