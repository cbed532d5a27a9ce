"""RDM6300 readers of 125 kHz cards: the number that is printed on the card, again and again while it is near.

That this is one reading is for sensing to say, as with a code that is held before a camera.
"""

from __future__ import annotations

from device.domain.layout import CodeReader
from device.drivers.byte_device import ByteDevice
from device.drivers.line import BAUD, LineDialogue
from device.wire.noise import binary_hint
from device.wire.rdm6300 import Decoder


def driver(entry: CodeReader) -> ByteDevice:
    """The driver of one configured reader."""
    return ByteDevice(entry.id, entry.port, BAUD, lambda: LineDialogue(entry.id, Decoder(), binary_hint))
