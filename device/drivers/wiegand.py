"""Wiegand readers behind a bridge that sends each card as a line (``docs/wiegand-bridge.md``): facility and card number, parity checked."""

from __future__ import annotations

from device.domain.layout import CodeReader
from device.drivers.byte_device import ByteDevice
from device.drivers.line import BAUD, LineDialogue
from device.wire.wiegand import Decoder


def driver(entry: CodeReader) -> ByteDevice:
    """The driver of one configured reader."""
    return ByteDevice(entry.id, entry.port, BAUD, lambda: LineDialogue(entry.id, Decoder()))
