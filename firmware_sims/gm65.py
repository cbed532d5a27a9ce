"""A Grow GM65 bar and QR code module on its serial port.

Source: Hangzhou Grow Technology, GM65 Bar Code Reader Module, user manual V1.3: frames ``7E 00 type length address data CRC`` with
types 07 read, 08 write and 09 save; the CRC is CRC-16 with polynomial 0x1021 and initial value 0 over type to data, and ``AB CD``
stands for "not checked"; zone bits 0x0000 (read mode), 0x0002 (trigger), 0x0013 (interval of the same code), 0x0060 (tail).
"""

from __future__ import annotations

import binascii

ACK = bytes.fromhex("02000001003331")
UNCHECKED = b"\xab\xcd"
MODE, TRIGGER, SAME_CODE, BAUD, TAIL = 0x0000, 0x0002, 0x0013, 0x002A, 0x0060
COMMAND_TRIGGERED = 1
TAILS = (b"\r", b"\r\n", b"\t", b"")
TRIGGERED_FOR_S = 5.0
"""A trigger is given up when no code was seen for so long (the manual's single-read time)."""
FACTORY_ZONE = {MODE: 0xD6, TRIGGER: 0x00, SAME_CODE: 0x8A, BAUD: 0x39, BAUD + 1: 0x01, TAIL: 0x01}


def reply(data: bytes) -> bytes:
    """The module's answer with the bytes that were read."""
    body = bytes([0x00, len(data)]) + data
    return b"\x02\x00" + body + binascii.crc_hqx(body, 0).to_bytes(2, "big")


class Gm65:
    """One module, in continuous reading mode from the factory; settings that were saved survive power."""

    def __init__(self) -> None:
        self._flash = dict(FACTORY_ZONE)
        self.power_cycle()

    @property
    def quantum_s(self) -> float:
        return 0.05

    def power_cycle(self) -> None:
        self._zone = dict(self._flash)
        self._heard = bytearray()
        self._code: bytes | None = None
        self._held_for_s = 0.0
        self._next_in_s = 0.0
        self._armed_for_s = 0.0

    def show(self, code: str, hold_s: float = 0.0) -> None:
        """Hold a code before the window. It is read once, and again while it stays."""
        self._code = code.encode()
        self._held_for_s = hold_s
        self._next_in_s = 0.0

    def tick(self, dt: float) -> bytes:
        said = self._decode()
        self._armed_for_s = max(self._armed_for_s - dt, 0.0)
        if self._code is not None:
            self._next_in_s -= dt
            self._held_for_s -= dt
            if self._held_for_s <= 1e-9:
                self._code = None
        return said

    def _decode(self) -> bytes:
        triggered = self._zone[MODE] & 3 == COMMAND_TRIGGERED
        if self._code is None or self._next_in_s > 1e-9 or (triggered and not self._armed_for_s):
            return b""
        self._armed_for_s = 0.0
        interval = self._zone[SAME_CODE]
        self._next_in_s = (interval & 0x7F) / 10 if interval & 0x80 else 0.1
        tail = TAILS[self._zone[TAIL] >> 5 & 3] if self._zone[TAIL] & 1 else b""
        return self._code + tail

    def receive(self, data: bytes) -> bytes:
        self._heard += data
        said = []
        while (start := self._heard.find(b"\x7e\x00")) >= 0:
            del self._heard[:start]
            if len(self._heard) < 4:
                break
            length = self._heard[3] or 256
            if len(self._heard) < 8 + length:
                break
            body = bytes(self._heard[2 : 6 + length])
            crc = bytes(self._heard[6 + length : 8 + length])
            if crc not in (UNCHECKED, binascii.crc_hqx(body, 0).to_bytes(2, "big")):
                del self._heard[0]
                continue
            del self._heard[: 8 + length]
            said.append(self._obey(body[0], int.from_bytes(body[2:4], "big"), body[4:]))
        else:
            del self._heard[: len(self._heard) - self._heard.endswith(b"\x7e")]
        return b"".join(said)

    def _obey(self, kind: int, address: int, data: bytes) -> bytes:
        match kind:
            case 0x07:
                return reply(bytes([self._zone.get(address + offset, 0) for offset in range(data[0])]))
            case 0x08:
                for offset, value in enumerate(data):
                    self._zone[address + offset] = value
                if address <= TRIGGER < address + len(data) and self._zone[TRIGGER] & 1:
                    self._armed_for_s = TRIGGERED_FOR_S
                    self._zone[TRIGGER] &= ~1
                return ACK
            case 0x09:
                self._flash = dict(self._zone)
                return ACK
            case _:
                return b""
