"""UHFReader18 and its kin (sold as Chafon, EL-UHF, IQRFID-5102): UHF readers whose frames begin with their length.

Frame: length of what follows it, address, command, data, CRC low byte first. An answer has a status before its data. The CRC is
CRC-16/MCRF4XX (polynomial 8408, the reflected 1021, from FFFF, not complemented) over all before it.

Nothing marks a beginning. A frame is told from noise by its CRC alone, so up to 256 bytes may have to come before a byte is known not to be
a length. ``drop`` ends that wait: a pause of over 15 ms means that no frame is under way.

An inventory (01; 0F of a single tag) is answered when it is over: the number of tags, and each EPC behind its length. Status 03 says that
more of the same answer follows; 01 that it was complete, 02 that the reader's scan time was up, 04 that its memory was full, FB that there
was no tag. A reader in scan mode speaks unasked: command EE, status 00, and an EPC, either alone or (UR series) between antenna, length and
strength; status 28 is a sign of life without a tag.

Sources: UHFReader18 user's manual V2.0, sections 2 to 5 and 8; UR series user manual v1.14, p. 72 (real time output).
"""

from __future__ import annotations

import binascii

from device.domain.record import record
from device.wire.noise import Noise

INVENTORY, SINGLE, INFO, REPORT = 0x01, 0x0F, 0x21, 0xEE
FINISHED, TIME_UP, MORE, MEMORY_FULL, NO_TAG, ALIVE = 0x01, 0x02, 0x03, 0x04, 0xFB, 0x28
ANYBODY = 0xFF
"""The address that every reader takes for its own, and answers under its own."""

SHORTEST, LONGEST = 6, 256
"""Bytes of an answer, its length byte included."""

_LONGEST_EPC = 62


@record
class Tags:
    """What an inventory has found. ``over``: the inventory has ended; else more of its answer follows."""

    epcs: tuple[bytes, ...]
    over: bool


@record
class Identity:
    """Who the reader is. An inventory takes at most ``scan_s``."""

    version: str
    kind: int
    scan_s: float


@record
class Report:
    """Said unasked, in scan mode: a tag, or None as a sign of life."""

    epc: bytes | None


@record
class Failed:
    """The reader's no to ``command``, with its own word for why."""

    command: int
    status: int


@record
class Done:
    """Any other answer."""

    command: int


Message = Tags | Identity | Report | Failed | Done


class Decoder:
    """Bytes from a reader to messages."""

    def __init__(self) -> None:
        self._held = b""

    @property
    def pending(self) -> bool:
        """Whether bytes are held that may be the beginning of a frame."""
        return bool(self._held)

    def feed(self, data: bytes) -> list[Message | Noise]:
        """What ``data`` completes; at most one frame is held back."""
        return self._scan(self._held + data, ended=False)

    def drop(self) -> list[Message | Noise]:
        """A pause has come: what is held does not begin a frame, though it may have one in it."""
        return self._scan(self._held, ended=True)

    def _scan(self, held: bytes, ended: bool) -> list[Message | Noise]:
        out: list[Message | Noise] = []
        begin = dropped = 0
        there = len(held)
        while begin < there:
            end = begin + held[begin] + 1
            if end - begin >= SHORTEST:
                if end > there and not ended:
                    break
                if end <= there and crc16(held[begin : end - 2]) == held[end - 2 : end]:
                    if begin > dropped:
                        out.append(Noise(held[dropped:begin]))
                    out.append(_message(held[begin:end]))
                    begin = dropped = end
                    continue
            begin += 1
        if begin > dropped:
            out.append(Noise(held[dropped:begin]))
        self._held = held[begin:]
        return out


def request(command: int, data: bytes = b"", address: int = ANYBODY) -> bytes:
    """A command frame."""
    frame = bytes((len(data) + 4, address, command)) + data
    return frame + crc16(frame)


def crc16(body: bytes) -> bytes:
    """CRC-16/MCRF4XX as on the wire, low byte first: that of ``binascii`` with the bits of every byte in the other order, and in C.

    It is asked at every byte of a babbling line, where any byte may be a length.
    """
    return binascii.crc_hqx(body.translate(_REVERSED), 0xFFFF).to_bytes(2, "big").translate(_REVERSED)


def _message(frame: bytes) -> Message | Noise:
    """The message in a sound frame; Noise where its parts do not fit together."""
    command, status, data = frame[2], frame[3], frame[4:-2]
    message: Message | None
    match command:
        case 0x01 | 0x0F:  # INVENTORY, SINGLE
            message = _inventory(command, status, data)
        case 0xEE:  # REPORT
            message = _report(status, data)
        case 0x21 if status == 0:
            message = _info(data)
        case _:
            message = Failed(command, status) if status else Done(command)
    return Noise(frame) if message is None else message


def _inventory(command: int, status: int, data: bytes) -> Message | None:
    if status == NO_TAG:
        return Tags((), over=True)
    if status not in (FINISHED, TIME_UP, MORE, MEMORY_FULL):
        return Failed(command, status)
    epcs = []
    place = 1
    while place < len(data):
        epc = data[place + 1 : place + 1 + data[place]]
        if len(epc) != data[place] or not _is_epc(epc):
            return None
        epcs.append(epc)
        place += 1 + len(epc)
    return Tags(tuple(epcs), status != MORE) if data and data[0] == len(epcs) else None


def _report(status: int, data: bytes) -> Message | None:
    if status == ALIVE:
        return Report(None)
    if status:
        return Failed(REPORT, status)
    # An EPC is a number of 16-bit words, so one alone has an even length, and one among three single bytes has not.
    epc = data if len(data) % 2 == 0 else data[2:-1]
    framed = len(data) % 2 == 0 or data[1:2] == bytes((len(epc),))
    return Report(epc) if framed and _is_epc(epc) else None


def _info(data: bytes) -> Message | None:
    if len(data) < 8:
        return None
    return Identity(f"{data[0]}.{data[1]:02d}", data[2], data[7] / 10)


def _is_epc(epc: bytes) -> bool:
    return 0 < len(epc) <= _LONGEST_EPC and len(epc) % 2 == 0


_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
