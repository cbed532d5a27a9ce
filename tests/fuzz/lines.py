"""Targets that stand at the end of a wire: every codec with its dialogue, and what is asked rather than listened to."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from device.drivers.dialogue import Dialogue, Turn
from device.wire import loadcell, modbus, modbus_celsius, w1_slave
from tests.capture import capture
from tests.fuzz.targets import Run, Target
from tests.wire.codecs import CODECS, messages_and_noise

MOST_SENT = 512
"""No dialogue has more to say at once; whoever could make it say more could make a device of it that never stops."""


def codec(name: str) -> Run:
    """Any cutting gives the same, nothing raises, nothing is lost uncounted, nothing piles up."""
    spoken = CODECS[name]

    def run(data: bytes) -> None:
        pieces = _pieces(data)
        whole = spoken.begin()
        expected = messages_and_noise(whole, [b"".join(pieces)])
        cut = spoken.begin()
        assert messages_and_noise(cut, pieces) == expected
        assert spoken.held(cut) == spoken.held(whole) <= spoken.most_held
        if spoken.dialogue is not None:
            _converse(spoken.dialogue(), pieces)

    return run


def _pieces(data: bytes) -> list[bytes]:
    """The first byte says how long the pieces are."""
    step = 1 + data[0] % 64 if data else 1
    rest = data[1:]
    return [rest[place : place + step] for place in range(0, len(rest), step)]


def _converse(dialogue: Dialogue, pieces: Sequence[bytes]) -> None:
    """Hear the pieces, a pause after each, long at times, until the dialogue gives the device up."""
    now = 1000.0
    turn = dialogue.opened(now)
    for number, piece in enumerate(pieces):
        _check(turn)
        turn = dialogue.received(piece, now)
        now += 1.0 if number % 8 == 7 else 0.02
        while turn.failure is None and dialogue.deadline <= now:
            _check(turn)
            before = dialogue.deadline
            turn = dialogue.tick(max(before, now - 1.0))
            assert turn.failure is not None or dialogue.deadline > before, "a tick that moves no deadline spins"
        if turn.failure is not None:
            return


def _check(turn: Turn) -> None:
    assert len(turn.send) <= MOST_SENT


def modbus_answers() -> Run:
    """A request, made of the first five bytes, and what comes back."""

    def run(data: bytes) -> None:
        if len(data) < 5:
            return
        head, received = data[:5], data[5:]
        pdu = bytes((head[1] % 16 + 1,)) + head[2:4] + bytes((head[4] % 8, head[4]))
        for sift, request in (
            (modbus.rtu_answer, _summed(head[:1] + pdu)),
            (modbus.tcp_answer, head[:2] + b"\0\0\0\x06" + head[:1] + pdu),
        ):
            answer = sift(request, received)
            if answer is not None:
                assert answer in received
                # An answer that is there is found whatever comes behind it.
                assert sift(request, received + b"\xff" * 3) is not None

    return run


def _summed(frame: bytes) -> bytes:
    return frame + modbus.crc16(frame)


def registers() -> Run:
    """What registers hold, as weights and as a temperature."""

    def run(data: bytes) -> None:
        words = [int.from_bytes(data[place : place + 2], "big") for place in range(0, len(data) // 4 * 4, 2)]
        for order in ("big", "little"):
            for signed in (True, False):
                assert len(loadcell.numbers(words, order, signed)) == len(words) // 2
        for word in words:
            assert -3276.8 <= modbus_celsius.celsius(word, 10.0) <= 3276.7

    return run


def w1() -> Run:
    """A probe's file: what is a temperature is one that the sensor can measure, with a sum that is right."""

    def run(data: bytes) -> None:
        outcome = w1_slave.parse_w1_slave(data)
        if isinstance(outcome, w1_slave.Celsius):
            assert -55.0 <= outcome.value <= 125.0
            assert b"YES" in data

    return run


def _modbus_seeds() -> list[bytes]:
    vectors = list(capture("modbus").values())
    return [b"\x01\x02\x00\x00\x02" + vector for vector in vectors] + [b"\x01\x03\x00\x00\x01" + vector for vector in vectors]


def _stream_seeds(name: str) -> list[bytes]:
    examples = CODECS[name].examples
    return [b"\x3f" + b"".join(examples), *(b"\x00" + example for example in examples), *(b"\x10" + 3 * example for example in examples)]


TARGETS: dict[str, Target] = {
    **{name: Target(partial(codec, name), partial(_stream_seeds, name)) for name in CODECS},
    "modbus": Target(modbus_answers, _modbus_seeds, 512),
    "registers": Target(registers, lambda: [bytes(range(64)), b"\x80\0\0\0\x7f\xff\xff\xff"], 64),
    "w1_slave": Target(w1, lambda: list(capture("ds18b20").values()), 512),
}
