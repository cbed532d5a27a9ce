"""GM65 family code readers: a code a line, after the acknowledgements of commands.

Sends no command: how the reader triggers is set once, with the setup codes of its manual.
"""

from __future__ import annotations

from device.domain.layout import CodeReader
from device.drivers.byte_device import ByteDevice
from device.drivers.line import BAUD, LineDialogue
from device.wire.gm65 import decoder


def driver(entry: CodeReader) -> ByteDevice:
    """The driver of one configured reader."""
    return ByteDevice(entry.id, entry.port, BAUD, lambda: LineDialogue(entry.id, decoder()))
