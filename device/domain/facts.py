"""Facts: what readings mean physically. Made by ``sensing``, understood by ``store``.

``at`` is seconds of ``CLOCK_BOOTTIME`` at which the thing became known; where the thing itself happened earlier, ``began_at`` says so.
Channels count from 1. Weights are grams.
"""

from __future__ import annotations

from device.domain.record import record


@record
class PlateMoving:
    """Something touches the plate: its last settled weight no longer holds. Followed by one ``WeightStep`` or ``PlateQuiet``."""

    scale: str
    channel: int
    at: float


@record
class WeightStep:
    """A plate has settled at another weight than before.

    ``delta`` grams with its standard error ``sd`` (noise only, not item spread); ``before`` and ``after`` are the settled
    gross weights; ``began_at`` the first sample of the movement. ``evidence`` names the trace that is kept of it. Steps of one reach, on
    whatever plates of a zone, have one ``gesture``; ``undoes`` is the evidence of the step just before, on this plate, that this one takes
    back: a hand that pressed, or an item that was lifted for a look.
    """

    scale: str
    channel: int
    at: float
    began_at: float
    delta: float
    sd: float
    before: float
    after: float
    evidence: str
    gesture: str = ""
    undoes: str | None = None


@record
class PlateQuiet:
    """The plate has settled, at ``grams`` gross with standard error ``sd``.

    Sent for the first settled weight after a start, a calibration or a recovery of trust (``first``), for a movement that
    changed nothing, and at most once a minute while quiet, so that the baseline in the journal follows slow drift.
    """

    scale: str
    channel: int
    at: float
    grams: float
    sd: float
    first: bool


@record
class PlateUntrusted:
    """A channel stopped being believed. ``reason``: ``saturated``, ``flatline``, ``stale``, ``out_of_range``, ``glitching``, ``rebooted``,
    ``no_answer``, ``lost``, ``overload``, ``underload``, ``uncalibrated`` (nobody has related its counts to grams yet)."""

    scale: str
    channel: int
    at: float
    reason: str


@record
class PlateTrusted:
    """A channel is believed again, after a quiet second. Its ``PlateQuiet(first=True)`` follows at once."""

    scale: str
    channel: int
    at: float


@record
class TraceCaptured:
    """The raw trace from 3 s before a step to 3 s after it, complete now. ``samples`` are (seconds after ``began_at``, grams);
    ``delta`` and ``sd`` those of the step."""

    evidence: str
    scale: str
    channel: int
    at: float
    began_at: float
    delta: float
    sd: float
    samples: tuple[tuple[float, float], ...]


@record
class DoorMoved:
    """The door contact, debounced. ``closed`` None: no longer known."""

    lock: str
    at: float
    closed: bool | None


@record
class BoltMoved:
    """The bolt contact, debounced."""

    lock: str
    at: float
    locked: bool | None


@record
class RelayMoved:
    """The lock's relay as read back; the first reading after the device came up is reported even if nothing changed."""

    lock: str
    at: float
    unlocked: bool | None


@record
class ExitPressed:
    """The exit button of a lock was pressed (observed only: it cuts lock power itself)."""

    lock: str
    at: float


@record
class InputChanged:
    """An input, debounced; its first state after a start is reported too."""

    input: str
    at: float
    active: bool


@record
class CodeRead:
    """A code shown at a reader. ``held``: it is the same code as before, still in front of the reader (repeated every 5 s)."""

    reader: str
    at: float
    text: str
    held: bool


@record
class TagArrived:
    """A tag that was not there, or was in doubt, has been read with the door shut. ``epc`` in upper-case hex; ``rssi_dbm`` its mean, None
    where the reader gives none. Whether it stands on a shelf is not said: it may be in a bag, or behind the wall."""

    reader: str
    at: float
    epc: str
    rssi_dbm: float | None = None


@record
class TagDeparted:
    """A tag is gone: unread for at least 3 s of reading with the door shut, and too often for how often it is missed. ``last_seen`` is its
    last reading."""

    reader: str
    at: float
    epc: str
    last_seen: float


@record
class InventoryTaken:
    """What a reader has found since the doors of its zone were shut, or since it reads again. The departures are told by then.

    ``present`` are the tags that were read. ``unsure`` are those that were not and are not told to be gone, each with the likelihood of
    its misses if it were there against its being gone (0 to 1). ``thorough``: the reader has read for long enough since the start that what
    it has never read is not there. Comes once for each time the door is shut, and once more when it becomes thorough.
    """

    reader: str
    at: float
    present: tuple[str, ...]
    unsure: tuple[tuple[str, float], ...]
    thorough: bool


@record
class TemperatureKnown:
    """A trusted temperature."""

    thermometer: str
    at: float
    celsius: float


@record
class ProbeFailed:
    """No good reading for 15 s. ``reason`` as in ``FaultReading``, or ``stale``, ``out_of_range``, ``power_up``, ``zero``, ``frozen``."""

    thermometer: str
    at: float
    reason: str


@record
class DeviceOnline:
    """A device is open and answers. ``out_for_s`` is how long it was away, None at its first time after a start."""

    device: str
    at: float
    out_for_s: float | None
    firmware: str


@record
class DeviceLost:
    """A device is gone or silent."""

    device: str
    at: float
    reason: str


@record
class DeviceDegraded:
    """A device works, but not as it should: noise that lasts. ``reason`` None: it is well again. Of channels ``PlateUntrusted`` tells."""

    device: str
    at: float
    reason: str | None
    channel: int | None = None


@record
class LockDriven:
    """The outcome of one ``DriveLock`` effect."""

    lock: str
    at: float
    order: int
    ok: bool
    reason: str


Fact = (
    PlateMoving
    | WeightStep
    | PlateQuiet
    | PlateUntrusted
    | PlateTrusted
    | TraceCaptured
    | DoorMoved
    | BoltMoved
    | RelayMoved
    | ExitPressed
    | InputChanged
    | CodeRead
    | TagArrived
    | TagDeparted
    | InventoryTaken
    | TemperatureKnown
    | ProbeFailed
    | DeviceOnline
    | DeviceLost
    | DeviceDegraded
    | LockDriven
)
