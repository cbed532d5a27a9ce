"""Every error of the program, on one page.

The type says whose fault it is. A ``DeviceError`` is the world's: one supervisor retries it. A ``ConfigError`` is the
installer's, a ``CommandRefused`` the asker's. Anything that is not a ``StoreError`` is a bug: it leaves the TaskGroup,
the process ends, systemd restarts it and the journal resumes it.
"""

from __future__ import annotations

from collections.abc import Sequence

from device.domain.record import record


class StoreError(Exception):
    """Root of all errors that the program raises on purpose."""


@record
class Fault:
    """One thing wrong in a configuration: where, what was found, what is allowed."""

    path: str
    found: str
    allowed: str

    def __str__(self) -> str:
        found = f" {self.found}:" if self.found else ""
        return f"{self.path}:{found} {self.allowed}"


class ConfigError(StoreError, ValueError):
    """The configuration cannot be used. Carries every fault found, not only the first."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


class DeviceError(StoreError, OSError):
    """A device does not do what it should. ``device`` is the id of the configuration."""

    def __init__(self, device: str, reason: str) -> None:
        self.device = device
        self.reason = reason
        super().__init__(f"{device}: {reason}")


class DeviceGone(DeviceError):
    """The port is not there: cable pulled, file missing, permission denied, peer closed."""


class DeviceSilent(DeviceError, TimeoutError):
    """The port is open, but nothing that makes sense has come from it for too long."""


class DeviceRefused(DeviceError):
    """The device answered, and the answer is no. ``code`` is the device's own word for it."""

    def __init__(self, device: str, reason: str, code: str = "") -> None:
        self.code = code
        super().__init__(device, reason)


class CommandRefused(StoreError):
    """A command has no effect; ``reason`` is one of the words of the command contract."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class JournalFull(StoreError):
    """Nothing more can be written, and nothing acknowledged is left to be trimmed: the store stops selling."""


class JournalDamaged(StoreError):
    """The journal cannot be read. It is moved aside, never deleted; ``quarantine`` says where it is."""

    def __init__(self, reason: str, quarantine: str) -> None:
        self.quarantine = quarantine
        super().__init__(f"{reason}; kept as {quarantine}")


class JournalInUse(StoreError):
    """Another process has the journal open for writing: two daemons of one store."""


class UplinkDown(StoreError, ConnectionError):
    """The broker cannot be reached or has refused us. It is retried and never reaches the store."""


class ClientIdTaken(UplinkDown):
    """Another client has connected with our client id, and the broker has put us out for it: somebody must give one of us another."""

    def __init__(self, client_id: str) -> None:
        self.client_id = client_id
        super().__init__(
            f"another client has connected as {client_id!r}, and a broker keeps one of a name (session taken over):"
            " two stores must not share a store.id or mqtt.client_id"
        )
