"""What a driver brings to the contract suite.

A file of tests takes the suite in and says what it is to be run on, in a list by the name ``CASES``:

    from device.contract.suite import *

    CASES = [Case("acme.pad", served)]

With ``--hardware FILE`` the real devices of FILE take the place of the list (``device.contract.hardware``).

A case is a name, and an async context manager that serves the driver's peer in a folder and says how to handle it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest

from device.domain.readings import Reading
from device.drivers.driver import Driver

Do = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Peer:
    """A served device, its driver, and what can be done to it. None: its kind has no such thing, and the suite passes that by."""

    driver: Driver
    """Made for this peer; not yet run. It can be run again after it has ended."""
    shows: type[Reading]
    """The kind of reading that says that all is well. ``DeviceUp`` of a device that says no more until a person does something."""
    provoke: Do | None = None
    """Make the device say such a reading; None where it does by itself, again and again."""
    unplug: Do | None = None
    """The port is no longer there."""
    plug: Do | None = None
    """It is back, under the same address."""
    noise: Do | None = None
    """Bytes that make no sense begin to come between the sound ones."""
    quiet: Do | None = None
    """They no longer come."""
    freeze: Do | None = None
    """The device says nothing more, with its port still there. None where it never has to say anything."""
    refuse: Do | None = None
    """The device refuses from now on what its driver will ask of it."""


@dataclass(frozen=True)
class Case:
    """One driver under one name. ``hurry`` may shorten the driver's own waiting times, so that the suite does not take minutes."""

    name: str
    serve: Callable[[Path], AbstractAsyncContextManager[Peer]]
    hurry: Callable[[pytest.MonkeyPatch], None] = lambda _: None
