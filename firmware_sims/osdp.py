"""A door reader and IO board on OSDP v2 with a secure channel: libosdp's own peripheral device (the extra ``osdp``), fed by hand.

Unlike the other simulated devices it is not ours, and it times its sessions by the machine's clock. Inputs are told when they change and
when the channel comes up; libosdp 3.2.9 cannot answer the command that asks for them (it says NAK 9). Source: SIA OSDP v2.2, 6.3, 7.6
(card data), 7.12 (output and input status), annex D (secure channel).
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any

from firmware_sims.sim import NotInstalled
from firmware_sims.wiegand import h10301

MISSING = "OSDP devices are simulated by libosdp, which is not installed: pip install 'smartstore[osdp]'"
CARD_READ, STATUS = 1, 4
OUTPUT_COMMAND, INPUTS, WIEGAND = 1, 0, 1
ON, OFF = (2, 4, 5), (1, 3)
"""Control codes of an output (table 6.10): permanent on and off, with their timers aborted or allowed to run; 5 is on for a time."""
KEY_BYTES = 16


class _Wire:
    """What libosdp takes for a serial port."""

    id = 0

    def __init__(self) -> None:
        self.heard = bytearray()
        self.said = bytearray()

    def read(self, most: int) -> bytes:
        data = bytes(self.heard[:most])
        del self.heard[:most]
        return data

    def write(self, data: bytes) -> int:
        self.said += data
        return len(data)

    def flush(self) -> None:
        """Nothing waits anywhere."""


class OsdpDevice:
    """One device: card reader, outputs, and inputs that read 1 while their wire is closed. Raises NotInstalled, ValueError for a key."""

    quantum_s = 0.02

    def __init__(
        self,
        address: int,
        key: bytes,
        *,
        inputs: Sequence[Callable[[], bool]] = (),
        output_moved: Callable[[int, bool], None] = lambda _, __: None,
        outputs: int = 4,
    ) -> None:
        try:
            self._library: Any = importlib.import_module("osdp_sys")
        except ImportError:
            raise NotInstalled(MISSING) from None
        if len(key) != KEY_BYTES:
            raise ValueError("a secure channel's key has 16 bytes")
        self.address = address
        self.inputs = list(inputs)
        self._key = key
        self._output_moved = output_moved
        self._outputs = outputs
        self.power_cycle()

    @property
    def secure(self) -> bool:
        """Whether the secure channel is up."""
        return bool(self._device.is_sc_active())

    def power_cycle(self) -> None:
        library = self._library
        library.set_loglevel(library.LOG_ALERT)
        self._wire = _Wire()
        self._told: tuple[bool, ...] | None = None
        info = {
            "name": f"PD-{self.address}",
            "address": self.address,
            "flags": library.FLAG_ENFORCE_SECURE,
            "scbk": self._key,
            "channel": self._wire,
            "version": 1,
            "model": 1,
            "vendor_code": 0xCAFEBABE,
            "serial_number": 0xDEADBEAF,
            "firmware_version": 0x00010203,
        }
        able = {
            library.CAP_OUTPUT_CONTROL: self._outputs,
            library.CAP_CONTACT_STATUS_MONITORING: max(1, len(self.inputs)),
            library.CAP_CARD_DATA_FORMAT: 1,
            library.CAP_COMMUNICATION_SECURITY: 1,
        }
        capabilities = [{"function_code": code, "compliance_level": 1, "num_items": count} for code, count in able.items()]
        self._device: Any = library.PeripheralDevice(info, capabilities=capabilities)
        self._device.set_command_callback(self._obey)
        for output in range(self._outputs):
            self._output_moved(output, False)

    def show(self, code: str, hold_s: float = 0.0) -> None:
        """Hold a card before the reader: ``FACILITY:CARD`` in decimal, or its bits as ``0`` and ``1``.

        Raises ValueError where it is neither.
        """
        facility, colon, card = code.partition(":")
        bits = h10301(int(facility), int(card)) if colon else code
        if not bits or set(bits) - {"0", "1"}:
            raise ValueError("a card is FACILITY:CARD, or its bits as 0 and 1")
        data = int(bits + "0" * (-len(bits) % 8), 2).to_bytes((len(bits) + 7) // 8, "big")
        event = {"event": CARD_READ, "reader_no": 0, "format": WIEGAND, "direction": 0, "length": len(bits), "data": data}
        self._device.submit_event(event)

    def receive(self, data: bytes) -> bytes:
        self._wire.heard += data
        return self._go_on()

    def tick(self, dt: float) -> bytes:
        if self.secure:
            self._tell_inputs()
        else:
            self._told = None
        return self._go_on()

    def _go_on(self) -> bytes:
        self._device.refresh()
        said = bytes(self._wire.said)
        self._wire.said.clear()
        return said

    def _tell_inputs(self) -> None:
        now = tuple(closed() for closed in self.inputs)
        if now and now != self._told:
            self._told = now
            self._device.submit_event({"event": STATUS, "type": INPUTS, "report": bytes(now), "nr_entries": len(now)})

    def _obey(self, command: dict[str, Any]) -> tuple[int, None]:
        if command["command"] == OUTPUT_COMMAND and command["output_no"] < self._outputs:
            code = command["control_code"]
            if code in ON or code in OFF:
                self._output_moved(command["output_no"], code in ON)
        return 0, None
