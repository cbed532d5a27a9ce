"""One open OSDP line: libosdp's control panel on a byte port (extra ``osdp``), and what each device has of it.

Responsible for: one conversation at a time, telling frames from noise, and noticing a device that is silent. Not responsible for: opening
the port and reading keys (``device.ports.osdp``), what outputs, inputs and cards mean.

libosdp's panel is a state machine that is called again and again and never waits (some microseconds a call), so it is called by the event
loop, when bytes arrive and 50 times a second. Its Python wrapper would run a thread for that, and keep every event in a queue that nobody
empties. Of its habits (3.2.9) these are accounted for:

- A device that fails is left alone for up to 300 s. Disabled and enabled again it is tried at once. Disabling is only noted, done by a
  later call, and undone by nothing before: so what is wanted is compared with what is, each time.
- A device that refuses anything is treated as one that has failed. It is taken up again; one that refuses to tell its inputs or outputs is
  not asked for them again.
- It writes to standard output. It is told not to.

Only secure channels: ``ENFORCE_SECURE`` is set, every device has a key of its own, and install mode, which takes the key that everybody
knows, is never set.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, NamedTuple

import osdp_sys

from device.errors import DeviceError, DeviceGone, DeviceRefused, DeviceSilent
from device.ports.stream import BytePort

REFRESH_S = 0.02
SILENT_S = 5.0
"""A device is polled 20 times a second: one that has said nothing sound for so long is silent."""

RELAPSE_S = 2.0
"""A secure channel that breaks off is set up again by itself within this, or not at all."""

_JUST_NOW_S = 0.1

CARDS = 16
"""Cards that may wait to be looked at; a further one is dropped, for who holds so many cards there in a row is no shopper."""

INPUTS: int = osdp_sys.STATUS_REPORT_INPUT
OUTPUTS: int = osdp_sys.STATUS_REPORT_OUTPUT
_PERMANENTLY_OFF, _PERMANENTLY_ON = 1, 2


Sift = Callable[[bytes], Iterable[tuple[int | None, bytes]]]
"""Takes what has been received and gives, in order, sound frames with the address that each is from, and noise with None."""


class Card(NamedTuple):
    """A card as a reader sent it: ``length`` bits, the first one the highest of ``data``; of text, characters."""

    length: int
    data: bytes
    is_text: bool


class Member:
    """One device's access to its place on a line, within ``OsdpPort.device``. ``wake`` is set whenever something here has changed."""

    def __init__(self, device: str, address: int, wants: frozenset[int], line: Line) -> None:
        self.device = device
        self.address = address
        self.wants = wants
        self.wake = asyncio.Event()
        self.online = False
        """Whether the secure channel is up."""
        self.was_online = False
        self.reports: dict[int, tuple[bool, ...]] = {}
        """The newest ``INPUTS`` and ``OUTPUTS``, numbered from 0, as the device told them; what it has not told is not there."""
        self.cards: deque[Card] = deque(maxlen=CARDS)
        self.noise: deque[bytes] = deque(maxlen=CARDS)
        self.obeyed: dict[int, bool] = {}
        """By output: whether the newest order to it was acknowledged; not there while that is open."""
        self._line = line

    @property
    def firmware(self) -> str:
        """What the device says of itself; empty before it has."""
        return self._line.firmware(self.address)

    def tells(self, report: int) -> bool:
        """Whether the device answers when it is asked for a report."""
        return (self.address, report) not in self._line.dumb

    def put(self, output: int, on: bool) -> bool:
        """Have an output switched, for good. False when the order cannot be taken; else ``obeyed`` will say."""
        self.obeyed.pop(output, None)
        self.reports.pop(OUTPUTS, None)
        code = _PERMANENTLY_ON if on else _PERMANENTLY_OFF
        return self._line.submit(
            self.address, {"command": osdp_sys.CMD_OUTPUT, "output_no": output, "control_code": code, "timer_count": 0}
        )

    def ask(self, report: int) -> None:
        """Have the device tell a report."""
        self._line.ask(self.address, report)

    def check(self) -> None:
        """Raises DeviceGone when the port is lost, DeviceSilent or DeviceRefused when there is no secure channel for too long."""
        if (failure := self._line.failure) is not None:
            if isinstance(failure, DeviceError):
                raise DeviceGone(self.device, failure.reason) from failure
            raise failure
        self._line.check(self)


class _Wire:
    """What libosdp takes for a serial port. Holds no reference to the line: libosdp keeps it, and Python cannot see through libosdp."""

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
        """What was said goes out when the panel has returned."""


class Line:
    """An open port and its panel. Never reopened: a new connection is a new line."""

    def __init__(self, port: BytePort, sift: Sift, keys: dict[int, bytes], dumb: set[tuple[int, int]]) -> None:
        self._loop = asyncio.get_running_loop()
        self._port = port
        self.dumb = dumb
        self.numbers = {address: number for number, address in enumerate(keys)}
        self.failure: Exception | None = None
        self._members: list[Member] = []
        self._heard_at: dict[int, float] = {}
        self._joined_at: dict[int, float] = {}
        self._sift = sift
        self._wire = _Wire()
        self._events: deque[tuple[int, dict[str, Any]]] = deque()
        self._completions: deque[tuple[int, dict[str, Any], int]] = deque()
        self._panel = _panel(keys, self._wire, self._events, self._completions)
        self._timer: asyncio.TimerHandle | None = None
        self._loop.add_reader(port.fileno(), self._readable)
        self._tick()

    def join(self, member: Member) -> None:
        """Begin to talk to a device, or take one more part in talking to it."""
        fellows = [each for each in self._members if each.address == member.address]
        self._members.append(member)
        if fellows:
            member.online = member.was_online = fellows[0].online
            member.reports = dict(fellows[0].reports)
            for report in member.wants - fellows[0].wants if member.online else ():
                self.ask(member.address, report)
        else:
            self._joined_at[member.address] = self._loop.time()
            self._heard_at.pop(member.address, None)

    def leave(self, member: Member) -> None:
        """Talk to a device no more when nobody holds it, and close the line when nobody holds any."""
        self._members.remove(member)
        if not self._members:
            self.fail(DeviceGone(member.device, "the line was closed"))

    def fail(self, error: Exception) -> None:
        """Close; everybody on the line gets this error."""
        if self.failure is not None:
            return
        self.failure = error
        self._loop.remove_reader(self._port.fileno())
        if self._timer is not None:
            self._timer.cancel()
        self._port.close()
        self._wake(self._members)

    def submit(self, address: int, command: dict[str, Any]) -> bool:
        """Hand a command to the panel."""
        return self.failure is None and bool(self._panel.submit_command(self.numbers[address], command))

    def ask(self, address: int, report: int) -> None:
        """Ask a device for a report, unless it is known not to tell."""
        if (address, report) not in self.dumb:
            self.submit(address, {"command": osdp_sys.CMD_STATUS, "type": report, "report": b"", "nr_entries": 0})

    def firmware(self, address: int) -> str:
        known = self._panel.get_pd_id(self.numbers[address])
        if not known:
            return ""
        major, minor, build = (known["firmware_version"] & 0xFFFFFF).to_bytes(3, "big")
        return f"{major}.{minor}.{build}, vendor {known['vendor_code'] & 0xFFFFFF:06X}, serial {known['serial_number'] & 0xFFFFFFFF:08X}"

    def check(self, member: Member) -> None:
        """See ``Member.check``."""
        now = self._loop.time()
        joined_at = self._joined_at[member.address]
        heard_at = self._heard_at.get(member.address)
        if heard_at is not None and not member.was_online:
            if now - joined_at >= SILENT_S:
                reason = f"address {member.address} answers, but agrees on no secure channel: is the key right?"
                raise DeviceRefused(member.device, reason, "key")
        elif now - (joined_at if heard_at is None else heard_at) >= SILENT_S:
            raise DeviceSilent(member.device, f"address {member.address} has said nothing sound for {SILENT_S:g} s")
        elif member.was_online and not member.online and now - joined_at >= RELAPSE_S:
            raise DeviceSilent(member.device, f"address {member.address} has lost its secure channel")

    def _tick(self) -> None:
        self._timer = self._loop.call_later(REFRESH_S, self._tick)
        with self:
            self._go_on(b"")

    def _readable(self) -> None:
        with self:
            self._go_on(self._port.read())

    def _go_on(self, data: bytes) -> None:
        for address, found in self._sift(data) if data else ():
            if address is None:
                for member in self._members:
                    member.noise.append(found)
                self._wake(self._members)
            else:
                self._heard_at[address] = self._loop.time()
                self._wire.heard += found
        self._panel.refresh()
        self._enable_whom_somebody_holds()
        if self._wire.said:
            said, self._wire.said = bytes(self._wire.said), bytearray()
            self._port.write(said)
        while self._completions:
            self._completed(*self._completions.popleft())
        while self._events:
            self._happened(*self._events.popleft())

    def _enable_whom_somebody_holds(self) -> None:
        held = {member.address for member in self._members}
        for address, number in self.numbers.items():
            if self._panel.is_pd_enabled(number) == (address in held):
                continue
            if address in held:
                self._panel.enable_pd(number)
            else:
                self._panel.disable_pd(number)

    def _completed(self, number: int, command: dict[str, Any], status: int) -> None:
        address = self._address(number)
        if command["command"] == osdp_sys.CMD_OUTPUT:
            for member in self._at(address):
                member.obeyed[command["output_no"]] = status == osdp_sys.COMPLETION_OK
        if status == osdp_sys.COMPLETION_FAILED and self._loop.time() - self._heard_at.get(address, 0.0) < _JUST_NOW_S:
            # It said no, and libosdp takes it for failed: take it up again.
            if command["command"] == osdp_sys.CMD_STATUS:
                self.dumb.add((address, command["type"]))
            self._panel.flush_commands(number)
            self._panel.disable_pd(number)
            self._joined_at[address] = self._loop.time()
        self._wake(self._at(address))

    def _happened(self, number: int, event: dict[str, Any]) -> None:
        address = self._address(number)
        members = self._at(address)
        match event["event"]:
            case osdp_sys.EVENT_NOTIFICATION if event["type"] == osdp_sys.EVENT_NOTIFICATION_SC_STATUS:
                for member in members:
                    member.online = bool(event["arg0"])
                    member.was_online = member.was_online or member.online
                if event["arg0"]:
                    for report in sorted({report for member in members for report in member.wants}):
                        self.ask(address, report)
                else:
                    self._joined_at[address] = self._loop.time()
            case osdp_sys.EVENT_STATUS if event["type"] in (INPUTS, OUTPUTS):
                for member in members:
                    member.reports[event["type"]] = tuple(bool(each) for each in event["report"])
            case osdp_sys.EVENT_CARDREAD:
                card = Card(event["length"], bytes(event["data"]), event["format"] == osdp_sys.CARD_FMT_ASCII)
                for member in members:
                    if len(member.cards) < CARDS:
                        member.cards.append(card)
        self._wake(members)

    def _address(self, number: int) -> int:
        return next(address for address, each in self.numbers.items() if each == number)

    def _at(self, address: int) -> list[Member]:
        return [member for member in self._members if member.address == address]

    @staticmethod
    def _wake(members: list[Member]) -> None:
        for member in members:
            member.wake.set()

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> bool:
        """Errors inside the loop's callbacks, our own bugs too, are raised where the members wait."""
        if not isinstance(error, Exception):
            return False
        self.fail(error)
        return True


def _panel(
    keys: dict[int, bytes],
    wire: _Wire,
    events: deque[tuple[int, dict[str, Any]]],
    completions: deque[tuple[int, dict[str, Any], int]],
) -> Any:
    """A control panel whose callbacks only note what they are told: an error in one would get lost in C."""
    osdp_sys.set_loglevel(osdp_sys.LOG_EMERG)
    flags = osdp_sys.FLAG_ENFORCE_SECURE | osdp_sys.FLAG_ENABLE_NOTIFICATION
    nothing = dict.fromkeys(("version", "model", "vendor_code", "serial_number", "firmware_version"), 0)
    infos = [
        {"name": f"PD-{address}", "address": address, "flags": flags, "scbk": key, "channel": wire, **nothing}
        for address, key in keys.items()
    ]
    panel = osdp_sys.ControlPanel(infos)

    def happened(number: int, event: dict[str, Any]) -> int:
        events.append((number, event))
        return 0

    note: Callable[[int, dict[str, Any], int], None] = lambda *completed: completions.append(completed)  # noqa: E731
    panel.set_event_callback(happened)
    panel.set_command_completion_callback(note)
    return panel
