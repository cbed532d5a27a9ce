"""Every codec that cuts a stream of bytes into messages, with messages of its devices: for the tests that hold for all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple, Protocol

from device.drivers.dialogue import Dialogue
from device.drivers.line import LineDialogue
from device.drivers.llrp import LlrpDialogue
from device.drivers.mt_sics import MtSicsDialogue
from device.drivers.r200 import R200Dialogue
from device.drivers.shelf_board import ShelfBoardDialogue
from device.drivers.stream import StreamDialogue
from device.drivers.uhfreader18 import UhfReader18Dialogue
from device.wire import gm65, line, llrp, mt_sics, osdp, r200, rdm6300, shelf_board, stream, uhfreader18, wiegand
from device.wire.noise import LIMIT, Noise
from tests.capture import capture


class Codec(Protocol):
    def feed(self, data: bytes) -> Sequence[Any]: ...


class Spoken(NamedTuple):
    """A codec; things that are on its line, the first of them a sound message; the most it holds back; and who listens to it."""

    begin: Callable[[], Codec]
    examples: list[bytes]
    most_held: int
    dialogue: Callable[[], Dialogue] | None = None

    def held(self, codec: Codec) -> int:
        """How many bytes a codec keeps, wherever in itself, over what it has from the beginning."""
        return _kept(codec) - _kept(self.begin())


def _golden(name: str) -> list[bytes]:
    return list(capture(name).values())


CODECS: dict[str, Spoken] = {
    "mt_sics": Spoken(mt_sics.Decoder, [*_golden("mt_sics"), b"x" * 300], mt_sics.LONGEST_LINE, lambda: MtSicsDialogue("d", 10.0)),
    "stream": Spoken(stream.Decoder, [*_golden("stream"), b"x" * 80], 2 * stream.LONGEST_LINE, lambda: StreamDialogue("d", 10.0)),
    "r200": Spoken(r200.Decoder, _golden("r200"), r200.LONGEST + 7, lambda: R200Dialogue("d")),
    "uhfreader18": Spoken(
        uhfreader18.Decoder,
        [capture("uhfreader18")["single_tag"], *_golden("uhfreader18")],
        uhfreader18.LONGEST,
        lambda: UhfReader18Dialogue("d"),
    ),
    "shelf_board": Spoken(shelf_board.Decoder, _golden("shelf_board"), shelf_board.LONGEST + 8, lambda: ShelfBoardDialogue("d", 2, 80)),
    "gm65": Spoken(
        gm65.decoder,
        [b"06901234567892\r", gm65.ACKNOWLEDGED, b"abcd\r\n", b"x" * 300 + b"\n", *_golden("gm65")],
        LIMIT + len(gm65.ACKNOWLEDGED),
        lambda: LineDialogue("d", gm65.decoder()),
    ),
    "llrp": Spoken(llrp.Decoder, _golden("llrp"), llrp.LONGEST, lambda: LlrpDialogue("d")),
    "osdp": Spoken(osdp.Decoder, [capture("osdp")["pdid"], *_golden("osdp"), b"\xff" + capture("osdp")["pdid"]], osdp.LONGEST),
    "rdm6300": Spoken(rdm6300.Decoder, _golden("rdm6300"), rdm6300.FRAME, lambda: LineDialogue("d", rdm6300.Decoder())),
    "wiegand": Spoken(
        wiegand.Decoder,
        [*_golden("wiegand"), b"W4:50\r\n", b"x" * 80 + b"\n"],
        wiegand.LONGEST_LINE,
        lambda: LineDialogue("d", wiegand.Decoder()),
    ),
    "line": Spoken(
        line.Decoder,
        [b"06901234567892\r", b"abcd\r\n", b"x" * 300 + b"\n", b"x" * 5000 + b"\r"],
        LIMIT,
        lambda: LineDialogue("d", line.Decoder()),
    ),
}


def cut(data: bytes, at: Sequence[int]) -> list[bytes]:
    """``data`` in pieces; the places may be any numbers."""
    places = sorted({0, len(data), *(place % (len(data) + 1) for place in at)})
    return [data[begin:end] for begin, end in pairwise(places)]


def messages_and_noise(codec: Codec, chunks: Sequence[bytes]) -> tuple[list[Any], int]:
    """What a codec makes of pieces: its messages, and how many bytes it has dropped."""
    heard = [message for chunk in chunks for message in codec.feed(chunk)]
    return [message for message in heard if not isinstance(message, Noise)], sum(
        len(noise.data) for noise in heard if isinstance(noise, Noise)
    )


def _kept(codec: Codec) -> int:
    kept, looked_at = 0, [vars(codec)]
    while looked_at:
        for value in looked_at.pop().values():
            if isinstance(value, bytes | bytearray):
                kept += len(value)
            elif isinstance(value, list | tuple | dict | set):
                kept += sum(len(each) if isinstance(each, bytes) else 1 for each in value)
            elif hasattr(value, "__dict__"):
                looked_at.append(vars(value))
    return kept
