"""What a store knows: the durable state, which is the fold of the journal, and the live levels, which start unknown at each start.

Everything durable is changed by ``fold.apply`` and by nothing else. Times are seconds of ``CLOCK_BOOTTIME`` of ``State.boot``; those named
``_wall`` are Unix time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from device.domain.degraded import FaultName, Mode
from device.domain.events import AlarmKind, Purpose, ReviewReason
from device.domain.facts import InventoryTaken
from device.domain.identification import History, Step
from device.domain.products import Product
from device.store.memory.history import Interval, Span
from device.store.memory.tally import Tally

Phase = Literal["shut", "unlocked", "open", "settling", "forced", "overstayed"]


@dataclass(slots=True)
class Pick:
    """One line of a session as it holds now. ``quantity`` is positive for taken, negative for returned; ``seq`` that of its event;
    ``step`` the place of its step in the session's, None where it has none (a restock)."""

    seq: int
    slot: str
    gtin: str
    quantity: int
    grams: float
    grams_sd: float
    confidence: float
    step: int | None = None
    tags: tuple[str, ...] = ()
    evidence: str | None = None


@dataclass(slots=True)
class Session:
    """Somebody who may take things.

    ``steps`` are what the plates told, in the order in which it was told, ``picks`` what was made of them so far. ``prices``
    (minor units) hold from the start to the end; ``tags`` maps each EPC that has left to its GTIN, ``brought`` each that has
    come; ``expected`` are the counts of each slot at the start; ``unexplained`` is the evidence of what staff did that no product
    explains. Of a room's visitors, ``inside`` says that the entrance has opened for them, ``leaving`` that they have shown their code at a
    reader on the way out; ``jti`` is that code's. ``kept`` are
    lines of the catalogue that have changed since, as they were.
    """

    id: str
    zone: str
    purpose: Purpose
    subject: str
    order: str | None
    started: float
    started_wall: float
    command: str | None = None
    order_lines: dict[str, int] = field(default_factory=dict)
    prices: dict[str, int] = field(default_factory=dict)
    expected: dict[str, dict[str, int | None]] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    picks: list[Pick] = field(default_factory=list)
    reviews: list[ReviewReason] = field(default_factory=list)
    unexplained: list[str] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    brought: dict[str, str] = field(default_factory=dict)
    jti: str | None = None
    inside: bool = False
    leaving: bool = False
    kept: dict[str, Product] = field(default_factory=dict)


@dataclass(slots=True)
class Excursion:
    """A zone outside its temperature limits since an uptime; ``worst`` in degrees Celsius."""

    side: Literal["warm", "cold"]
    since: float
    worst: float
    degree_minutes: float


@dataclass(slots=True)
class ShelfTag:
    """A tag on a shelf, and how strong it was when it came. ``missing``: it is not read any more, and nobody is known to have it; or it is
    taken to be what the scale missed (``supposed``)."""

    gtin: str
    rssi_dbm: float | None
    missing: bool = False
    supposed: bool = False


@dataclass(slots=True)
class ZoneState:
    """A zone between two inputs. ``stopped`` maps each reason for which nothing is sold to who said so.

    ``tags`` are those of its shelves, by EPC; ``inventoried`` the readers that have taken them all in once; ``owed`` by how many items of a
    product weight is ahead of tags. ``walked_out``: somebody has used a room's door from within since the last entry.
    """

    phase: Phase = "shut"
    door_open: bool | None = None
    opened_at: float | None = None
    sessions: list[Session] = field(default_factory=list)
    stopped: dict[str, str | None] = field(default_factory=dict)
    fire: bool = False
    mode: Mode = "all"
    faults: tuple[FaultName, ...] = ()
    excursion: Excursion | None = None
    tags: dict[str, ShelfTag] = field(default_factory=dict)
    inventoried: list[str] = field(default_factory=list)
    owed: dict[str, int] = field(default_factory=dict)
    walked_out: bool = False

    @property
    def session(self) -> Session | None:
        """The session of a cabinet, which has one at a time; of a room, the first."""
        return self.sessions[0] if self.sessions else None

    def visitor(self, session: str) -> Session | None:
        return next((each for each in self.sessions if each.id == session), None)


@dataclass(slots=True)
class LockState:
    """What a lock was last told, and by which order."""

    unlocked: bool = False
    order: int = 0


@dataclass(frozen=True, slots=True)
class Row:
    """Items of one product in a slot: how many, the mean of their weights, and its standard error. None: as the catalogue says."""

    gtin: str
    number: int
    grams: float | None = None
    sd: float | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """One way in which a slot may look, with its probability. Of products without a row the books know the number."""

    share: float
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Filling:
    """What staff have put into a slot of several products since it was last known what stands there.

    ``steps`` are (grams, standard error) of each; ``before`` the counts that there were, of every product of the slot; ``said`` what
    staff have counted since: of which product, after how many steps, how many there were.
    """

    steps: tuple[tuple[float, float], ...]
    before: dict[str, int]
    said: tuple[tuple[str, int, int], ...] = ()


@dataclass(slots=True)
class Expiry:
    """The last day (ISO 8601) on which what stands in a slot may be sold. ``spent``: none of it is left there."""

    day: str
    spent: bool = False


@dataclass(slots=True)
class SlotState:
    """A slot's last settled gross weight and its counts. A count of None is not known.

    ``books`` is what it should weigh: its weight when it was last put right, and every step since; ``books_at`` the uptime of that, and
    ``followed`` how much of a slow drift has been put to the books since the plate was last known, in grams.
    ``looks`` are the ways in which it may look; none: as the books say.
    ``standing_since`` says since when (Unix time) each product has stood there without the slot having run out of it.
    """

    grams: float | None = None
    books: float | None = None
    books_at: float = 0.0
    followed: float = 0.0
    looks: tuple[Look, ...] = ()
    filling: Filling | None = None
    counts: dict[str, int | None] = field(default_factory=dict)
    misplaced: dict[str, int] = field(default_factory=dict)
    standing_since: dict[str, float] = field(default_factory=dict)
    expiries: dict[str, Expiry] = field(default_factory=dict)
    confidence: float = 1.0


@dataclass(slots=True)
class Alarm:
    """An alarm that stands. ``place`` is the zone, or the slot for removals and additions, or the device."""

    id: str
    kind: AlarmKind
    zone: str | None
    place: str
    details: dict[str, Any]


@dataclass(slots=True)
class SeenCommand:
    """A command that was let in: its newest reply, and until when its sender meant it (Unix seconds)."""

    name: str
    by: str | None
    expires_wall: float
    status: Literal["accepted", "done", "refused", "failed"] = "accepted"
    reason: str | None = None
    result: dict[str, Any] | None = None
    topic: str | None = None
    correlation: str | None = None


@dataclass(slots=True)
class OrderState:
    """An order that waits in a zone, or has been picked up. ``changed_wall`` is when that was said, in Unix time."""

    zone: str
    lines: dict[str, int]
    picked_up: bool = False
    changed_wall: float = 0.0


@dataclass(slots=True)
class Calibration:
    """grams = (value - zero) / per_gram."""

    zero: float
    per_gram: float


@dataclass(slots=True)
class State:
    """Everything durable."""

    seq: int = 0
    boot: str = ""
    uptime: float = 0.0
    wall: float = 0.0
    trusted: bool = False
    running: bool = False
    starts: int = 0
    correlated_boot: str = ""
    orders_issued: int = 0
    zones: dict[str, ZoneState] = field(default_factory=dict)
    locks: dict[str, LockState] = field(default_factory=dict)
    slots: dict[str, SlotState] = field(default_factory=dict)
    timers: dict[str, float] = field(default_factory=dict)
    alarms: dict[str, Alarm] = field(default_factory=dict)
    used: dict[str, float] = field(default_factory=dict)
    revoked_jti: dict[str, float] = field(default_factory=dict)
    """Revoked codes, and when that was said (Unix time)."""
    revoked_subject: set[str] = field(default_factory=set)
    commands: dict[str, SeenCommand] = field(default_factory=dict)
    orders: dict[str, OrderState] = field(default_factory=dict)
    calibrations: dict[str, Calibration] = field(default_factory=dict)
    zeros: dict[str, float] = field(default_factory=dict)
    """Raw values of empty plates that are not calibrated yet, by ``scale/channel``."""
    cold: dict[str, list[Span]] = field(default_factory=dict)
    """The cold-chain record of each thermometer, as far as a trusted clock has labelled it."""
    lost: dict[str, float] = field(default_factory=dict)
    degraded: dict[str, str] = field(default_factory=dict)
    """Why, by device, or ``scale/channel`` where only one plate is concerned."""
    catalogue: list[dict[str, Any]] | None = None
    planogram: list[dict[str, Any]] | None = None
    receipts_from: int | None = None
    tally: Tally = field(default_factory=Tally)


@dataclass(slots=True)
class Live:
    """Levels that are known only while the program runs, and are unknown again at each start.

    ``pending`` are orders to locks whose outcome has not come; ``awaiting_bolt`` orders whose relay has moved and whose bolt has not;
    ``lock_commands`` the ``lock`` command that waits for each zone; ``grams`` are the plates' settled weights as last heard;
    ``untrusted`` maps slots to the reason; ``based`` are slots whose weight has been compared with the journal's since the start;
    ``intervals`` are what thermometers have said since their last record;
    ``held_busy`` are readers at which a code is held that was denied ``busy``; ``exit_at`` is when a room's exit device was last used.
    ``unseen`` are rooms that a visitor may have left without being seen to, with the uptime from which on somebody who is seen there has
    not; ``unseen_leaving`` the visitors who were on their way out then. ``broker_down``: it has not been reached for a while. ``tags``
    are those in each reader's field, ``inventories`` what each has found since its doors were shut. ``histories`` are the steps of the
    running sessions, weighed together; what they hold follows from the sessions' steps.
    """

    relay_unlocked: dict[str, bool | None] = field(default_factory=dict)
    bolt_locked: dict[str, bool | None] = field(default_factory=dict)
    door_closed: dict[str, bool | None] = field(default_factory=dict)
    inputs: dict[str, bool] = field(default_factory=dict)
    online: dict[str, bool] = field(default_factory=dict)
    pending: dict[str, int] = field(default_factory=dict)
    awaiting_bolt: dict[str, int] = field(default_factory=dict)
    lock_commands: dict[str, str] = field(default_factory=dict)
    grams: dict[str, float] = field(default_factory=dict)
    moving: set[str] = field(default_factory=set)
    untrusted: dict[str, str] = field(default_factory=dict)
    based: set[str] = field(default_factory=set)
    held_busy: set[str] = field(default_factory=set)
    exit_at: dict[str, float] = field(default_factory=dict)
    intervals: dict[str, Interval] = field(default_factory=dict)
    unseen: dict[str, float] = field(default_factory=dict)
    unseen_leaving: set[str] = field(default_factory=set)
    tags: dict[str, set[str]] = field(default_factory=dict)
    inventories: dict[str, InventoryTaken] = field(default_factory=dict)
    histories: dict[str, History] = field(default_factory=dict)
    journal_room: Literal["ok", "nearly_full", "full"] | None = None
    broker_down: bool | None = None
