"""Asks politely what hangs on a serial port: questions that every device of its kind answers and that change nothing.

Blocks, for up to about fifteen seconds a port; for the command line, not for the daemon. What a question means to another device is noise
to it, and every one of them drops noise.
"""

from __future__ import annotations

import os
import select
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, nullcontext, suppress
from dataclasses import field, replace
from typing import Any

from device.domain.port import Parity, SerialAddress
from device.domain.record import record
from device.errors import DeviceGone
from device.ports.serial import SerialPort
from device.wire import gm65, modbus, mt_sics, r200, shelf_board, stream, uhfreader18
from device.wire.noise import text_hint
from device.wire.weighing import Told, Weight

LISTEN_S = 0.5
"""A scale that streams says a weight in it, a board its samples."""
ANSWER_S = 0.4
UNIT_S = 0.08
"""At 9600 baud question and answer take 20 ms."""
UNITS = range(1, 17)
MODBUS_LINES: tuple[tuple[int, Parity], ...] = ((9600, "N"), (9600, "E"), (19_200, "N"), (19_200, "E"), (38_400, "N"), (115_200, "N"))
"""Speeds and parities that units are delivered with. 19200 with even parity is the standard's own (MODBUS over Serial Line V1.02, 2.5.1).
The last one has none."""


@record
class Found:
    """A device that answered. ``kind`` and ``driver`` as in the configuration, ``settings`` what else belongs there, ``words`` its own."""

    kind: str
    driver: str
    baud: int
    words: str
    settings: dict[str, Any] = field(default_factory=dict)
    parity: Parity = "N"


class _Port:
    """A port at one speed, with patience."""

    def __init__(self, path: str, baud: int, parity: Parity = "N") -> None:
        self._port = SerialPort(path, SerialAddress(path, parity=parity), baud)
        self.baud = baud
        self.parity = parity
        self.unknown = b""
        """What it said unasked and nobody knows."""

    def close(self) -> None:
        self._port.close()

    def hear(self, seconds: float, enough: Callable[[bytes], bool] = lambda _: False) -> bytes:
        """What comes within so many seconds, or until it is enough."""
        heard = b""
        until = time.monotonic() + seconds
        while (left_s := until - time.monotonic()) > 0 and select.select([self._port.fileno()], [], [], left_s)[0]:
            heard += self._port.read()
            if enough(heard):
                break
        return heard

    def ask(self, question: bytes, seconds: float = ANSWER_S, enough: Callable[[bytes], bool] = lambda _: False) -> bytes:
        """What comes after a question; what was there before it is thrown away."""
        while select.select([self._port.fileno()], [], [], 0)[0]:
            self._port.read()
        self._port.write(question)
        return self.hear(seconds, enough)


def ask(path: str) -> list[Found]:
    """What is on a port: one device, or the units of a Modbus line; nothing where nothing known answers.

    Of one that talks unasked and is not understood, what its bytes look like, of kind ``unknown``. Raises DeviceGone.
    """
    unknown: list[Found] = []
    for baud, questions in _QUESTIONS:
        with closing(_Port(os.path.realpath(path), baud)) as port:
            for question in questions:
                found = question(port)
                if found is not None:
                    return [found]
            if port.unknown:
                unknown = [Found("unknown", "serial", baud, _words_of(port.unknown))]
    for baud, parity in MODBUS_LINES:
        # Not every port can be set to every parity; one that has gone is seen at the next that has none.
        with suppress(DeviceGone) if parity != "N" else nullcontext(), closing(_Port(os.path.realpath(path), baud, parity)) as port:
            units = list(_units(port))
            if units:
                return units
    return unknown


def _words_of(said: bytes) -> str:
    return f"talks unasked: {text_hint(said) or said[:16].hex(' ')}"


def _streaming(port: _Port) -> Found | None:
    heard = port.hear(LISTEN_S)
    weights = [message for message in stream.Decoder().feed(heard) if isinstance(message, Weight)]
    port.unknown = heard if not weights else b""
    return Found("scale", "stream", port.baud, f"shows {weights[-1].value:g} {weights[-1].unit}") if weights else None


def _asked_for_weight(port: _Port) -> Found | None:
    port.ask(b"\r")  # ends whatever it took the question before for
    weights = [message for message in stream.Decoder().feed(port.ask(b"W\r")) if isinstance(message, Weight)]
    return Found("scale", "stream", port.baud, f"NCI; shows {weights[-1].value:g} {weights[-1].unit}") if weights else None


def _balance(port: _Port) -> Found | None:
    answers = mt_sics.Decoder().feed(port.ask(mt_sics.request("I4")))
    told = [answer.text for answer in answers if isinstance(answer, Told) and answer.command == "I4"]
    return Found("scale", "mt-sics", port.baud, f"serial number {told[-1]}") if told else None


def _code_reader(port: _Port) -> Found | None:
    """A GM65 is asked for its speed: the answer begins as every answer of its does, and holds two bytes."""
    heard = port.ask(gm65.request(gm65.READ, 0x002A, b"\x02"))
    return Found("reader", "gm65", port.baud, "answers") if heard[:4] == b"\x02\x00\x00\x02" and len(heard) >= 8 else None


def _uhf_reader(port: _Port) -> Found | None:
    answers = uhfreader18.Decoder().feed(port.ask(uhfreader18.request(0x21)))
    told = [answer for answer in answers if isinstance(answer, uhfreader18.Identity)]
    reports = [answer for answer in answers if isinstance(answer, uhfreader18.Report)]
    if told:
        return Found("rfid", "uhfreader18", port.baud, f"firmware {told[-1].version}")
    return Found("rfid", "uhfreader18", port.baud, "reports tags by itself") if reports else None


def _module(port: _Port) -> Found | None:
    answers = r200.Decoder().feed(port.ask(r200.request(r200.INFO, b"\x00")))
    told = [answer.text for answer in answers if isinstance(answer, r200.Answer) and answer.command == r200.INFO]
    return Found("rfid", "r200", port.baud, told[-1]) if told else None


def _board(port: _Port) -> Found | None:
    answers = shelf_board.Decoder().feed(port.ask(shelf_board.hello_request()))
    told = [answer for answer in answers if isinstance(answer, shelf_board.Hello)]
    if not told:
        return None
    hello = told[-1]
    words = f"board {hello.serial.decode('ascii', 'replace')}, firmware {hello.major}.{hello.minor}, {hello.channels} channels"
    return Found("scale", "shelf-board", port.baud, words, {"channels": hello.channels})


def _units(port: _Port) -> Iterator[Found]:
    for unit in UNITS:
        if _modbus(port, unit, modbus.READ_HOLDING, 0, 2) is not None:
            yield replace(_unit(port, unit), parity=port.parity)


def _unit(port: _Port, unit: int) -> Found:
    """What a unit that answers is, by what it lets itself be read."""
    if _modbus(port, unit, modbus.READ_COILS, 0, 1):
        return Found("lock", "modbus-relay", port.baud, "has relays", {"unit": unit, "relay": 0, "contact": 0})
    climate = _modbus(port, unit, modbus.READ_INPUT_REGISTERS, 1, 2)
    if climate:
        celsius, humidity = struct.unpack(">hh", climate)
        return Found("thermometer", "modbus", port.baud, f"reads {celsius / 10:.1f} °C, {humidity / 10:.1f} % RH", {"unit": unit})
    for channels in (16, 8, 4, 2, 1):
        if _modbus(port, unit, modbus.READ_HOLDING, 0, 2 * channels):
            return Found("scale", "modbus-loadcell", port.baud, f"{channels} channels", {"unit": unit, "channels": channels})
    return Found("unknown", "modbus", port.baud, "answers, and lets nothing known be read", {"unit": unit})


def _modbus(port: _Port, unit: int, function: int, first: int, count: int) -> bytes | None:
    """What a unit lets be read; empty where it refuses, None where nobody answers."""
    question = modbus.rtu_request(unit, modbus.read(function, first, count))
    heard = port.ask(question, UNIT_S, lambda heard: modbus.rtu_answer(question, heard) is not None)
    frame = modbus.rtu_answer(question, heard)
    if frame is None:
        return None
    answer = modbus.RTU.pdu(frame)
    return b"" if modbus.exception(answer) else answer[2:]


_QUESTIONS: Sequence[tuple[int, Sequence[Callable[[_Port], Found | None]]]] = (
    (9600, (_streaming, _balance, _asked_for_weight, _code_reader)),
    (57_600, (_uhf_reader,)),
    (115_200, (_module, _board)),
)
