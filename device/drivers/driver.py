"""What a driver is.

A driver joins a wire codec and a port: what the device says becomes readings, and what the store wants becomes bytes. It decides
nothing, debounces nothing and remembers nothing beyond the protocol. It is constructed without I/O.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from device.domain.readings import Reading


class Sink(Protocol):
    """Where readings go: the engine's inbox, or a list in a test."""

    @property
    def full(self) -> bool:
        """Whether edges (doors, codes, tags) have piled up to their bound: the driver then leaves its port alone until ``room``."""
        ...

    def put(self, readings: Sequence[Reading]) -> None:
        """Hand over readings in the order in which they arrived. Never blocks, never raises."""
        ...

    async def room(self) -> None:
        """Return once there is room again."""
        ...


class Driver(Protocol):
    """One device of the configuration."""

    @property
    def id(self) -> str:
        """The id in the configuration."""
        ...

    async def run(self, sink: Sink) -> None:
        """Open the device, put ``DeviceUp`` once it is open and has answered where it can be asked, then its readings, for ever.

        Raises DeviceError when the device fails (``supervise`` backs off and calls again). Whether it raises or is cancelled: outputs are
        left as they are for an unlocked door that somebody may be in the middle of (the store decides about locks, not a dying driver),
        the port is closed, no task, thread or descriptor remains.
        """
        ...


class LockDriver(Driver, Protocol):
    """A device that drives a lock."""

    def drive(self, order: int, unlock: bool) -> None:
        """Ask for the relay to be put. Returns at once; a ``LockOutcome`` with ``order`` follows after the relay has been read back.

        One order is under way and at most 8 wait; more, or a device that is not open, gives an outcome that says no (``busy``, ``gone``).
        An order that was not carried out is never kept for after a reconnect.
        """
        ...
