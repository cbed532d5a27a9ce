"""Events: what happened in the store. They are the product: durable, numbered, documented.

Field names and meanings are fixed; others build against them. Times are RFC 3339 with offset, weights grams, temperatures degrees
Celsius, prices integers in the currency's minor unit. A field that does not apply is there, and None.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from device.domain.degraded import FaultName, Mode
from device.domain.record import record

Purpose = Literal["shop", "pickup", "restock", "service"]
EndReason = Literal["door_closed", "never_opened", "exit", "timeout", "command", "fire"]
StartReason = Literal["first_start", "clean", "crash", "power_loss"]
LockState = Literal["locked", "unlocked"]
ReviewReason = Literal[
    "low_confidence",
    "untrusted_plate",
    "gap",
    "unexplained_step",
    "unknown_product",
    "misplaced",
    "tag_without_weight",
    "weight_without_tag",
    "swap_suspected",
    "timeout",
    "several_sessions",
    "expired",
    "expiry_unknown",
]
AlarmKind = Literal[
    "door_held",
    "too_warm",
    "too_cold",
    "will_be_too_warm",
    "cooling_strained",
    "temperature_swing",
    "probe_failed",
    "mains_lost",
    "journal_full",
    "clock_untrusted",
    "device_lost",
    "sensor_untrusted",
    "overload",
    "door_forced",
    "lock_jammed",
    "unexplained_removal",
    "unexplained_addition",
    "tag_without_weight",
    "weight_without_tag",
    "swap_suspected",
    "tamper",
    "fire",
]


@record
class StoreStarted:
    """The first event of each start. ``resumed`` are the sessions that go on."""

    TYPE: ClassVar[str] = "store.started"
    version: str
    boot: str
    reason: StartReason
    resumed: tuple[str, ...]


@record
class StoreStopping:
    """A clean stop. ``open_doors`` are zones whose door stands open: their locks are left as they are."""

    TYPE: ClassVar[str] = "store.stopping"
    reason: str
    open_doors: tuple[str, ...]


@record
class ClockCorrelated:
    """Once a boot, when the wall clock is first trusted: maps ``uptime`` of ``boot`` to ``time``."""

    TYPE: ClassVar[str] = "clock.correlated"
    boot: str
    uptime: str
    time: str
    error_s: float


@record
class DeviceLostEvent:
    """A device is gone or silent; it is being retried."""

    TYPE: ClassVar[str] = "device.lost"
    device: str
    kind: str
    reason: str
    out_for_s: float | None = None
    channel: int | None = None


@record
class DeviceRecovered:
    """A lost device answers again, or a degraded one (or its ``channel``) is well again."""

    TYPE: ClassVar[str] = "device.recovered"
    device: str
    kind: str
    reason: str
    out_for_s: float | None = None
    channel: int | None = None


@record
class DeviceDegradedEvent:
    """A device works, but not as it should; ``channel`` where only one plate is concerned."""

    TYPE: ClassVar[str] = "device.degraded"
    device: str
    kind: str
    reason: str
    out_for_s: float | None = None
    channel: int | None = None


@record
class DoorUnlocked:
    """The lock was driven open and its relay read back so. ``observed`` is the bolt contact, None without one."""

    TYPE: ClassVar[str] = "door.unlocked"
    zone: str
    lock: str
    session: str | None
    command: str | None
    observed: LockState | None


@record
class DoorLocked:
    """The lock was driven shut and its relay read back so. ``observed`` is the bolt contact, None without one."""

    TYPE: ClassVar[str] = "door.locked"
    zone: str
    lock: str
    session: str | None
    command: str | None
    observed: LockState | None


@record
class DoorOpened:
    """The door contact opened."""

    TYPE: ClassVar[str] = "door.opened"
    zone: str
    lock: str
    session: str | None
    open_for_s: float | None = None


@record
class DoorClosed:
    """The door contact closed, after ``open_for_s``."""

    TYPE: ClassVar[str] = "door.closed"
    zone: str
    lock: str
    session: str | None
    open_for_s: float | None


@record
class AccessGranted:
    """A code or card was accepted."""

    TYPE: ClassVar[str] = "access.granted"
    zone: str
    reader: str
    subject: str
    purpose: Purpose
    jti: str | None


@record
class AccessDenied:
    """A code or card was refused. ``subject`` is None unless its signature was good."""

    TYPE: ClassVar[str] = "access.denied"
    zone: str
    reader: str
    subject: str | None
    reason: str


@record
class SessionStarted:
    """Somebody may open the door now."""

    TYPE: ClassVar[str] = "session.started"
    session: str
    zone: str
    purpose: Purpose
    subject: str
    order: str | None


@record
class Alternative:
    """Another explanation of a step, and how sure it is."""

    gtin: str
    quantity: int
    confidence: float


@record
class ItemTaken:
    """Items left a slot. A negative ``quantity`` takes back the event whose seq is ``revises``.

    ``grams`` is the measured change, >= 0. ``session`` is None where several visitors of a room may have done it: ``candidates`` are their
    sessions, and none of them is charged.
    """

    TYPE: ClassVar[str] = "session.item_taken"
    session: str | None
    slot: str | None
    gtin: str | None
    quantity: int
    grams: float
    grams_sd: float
    confidence: float
    alternatives: tuple[Alternative, ...]
    tags: tuple[str, ...]
    evidence: str | None
    price_minor: int | None
    revises: int | None
    candidates: tuple[str, ...] = ()


@record
class ItemReturned:
    """Items came back to a slot; fields as in ``ItemTaken``."""

    TYPE: ClassVar[str] = "session.item_returned"
    session: str | None
    slot: str | None
    gtin: str | None
    quantity: int
    grams: float
    grams_sd: float
    confidence: float
    alternatives: tuple[Alternative, ...]
    tags: tuple[str, ...]
    evidence: str | None
    price_minor: int | None
    revises: int | None
    candidates: tuple[str, ...] = ()


@record
class CartLine:
    """One product of a cart."""

    gtin: str
    name: str
    quantity: int
    unit_price_minor: int
    total_minor: int
    confidence: float
    tags: tuple[str, ...]


@record
class OrderLineResult:
    """One line of a pickup: what was asked for and what was taken."""

    gtin: str
    asked: int
    taken: int
    missing: int
    extra: int


@record
class OrderResult:
    """What became of an order."""

    id: str
    lines: tuple[OrderLineResult, ...]


@record
class ColdChain:
    """How warm the goods of a pickup were while they stood in the store.

    ``minutes_above`` counts against ``limit_celsius``, the lowest that a line or the zone has; ``gap_minutes`` have no record. ``held`` is
    True where it was never above for the zone's ``over_for_s`` at a stretch, False where it was, None where a gap may hide that it was.
    """

    from_: Annotated[str, Field(alias="from")]
    to: str
    min_celsius: float | None
    max_celsius: float | None
    mean_celsius: float | None
    mkt_celsius: float | None
    minutes_above: float | None
    held: bool | None
    limit_celsius: float | None = None
    gap_minutes: float = 0.0


@record
class RestockLine:
    """One slot of a restock: what the books expected and what was measured."""

    slot: str
    gtin: str
    expected: int | None
    measured: int | None
    difference: int | None


@record
class SessionEnded:
    """The truth of a session: its cart. ``review_reasons`` is empty exactly when ``needs_review`` is False."""

    TYPE: ClassVar[str] = "session.ended"
    session: str
    zone: str
    purpose: Purpose
    subject: str
    reason: EndReason
    cart: tuple[CartLine, ...]
    total_minor: int
    currency: str
    needs_review: bool
    review_reasons: tuple[ReviewReason, ...]
    started: str
    duration_s: float
    order: OrderResult | None = None
    cold_chain: ColdChain | None = None
    restock: tuple[RestockLine, ...] | None = None


@record
class StockChanged:
    """The count of one product in one slot changed. None: not known."""

    TYPE: ClassVar[str] = "stock.changed"
    slot: str
    gtin: str
    count: int | None
    before: int | None
    reason: str


@record
class StockLow:
    """A slot is at or below its ``low_at``."""

    TYPE: ClassVar[str] = "stock.low"
    slot: str
    gtin: str
    count: int | None
    before: int | None
    reason: str


@record
class StockOut:
    """A slot has none left."""

    TYPE: ClassVar[str] = "stock.out"
    slot: str
    gtin: str
    count: int | None
    before: int | None
    reason: str


@record
class StockLine:
    """One product in one slot, over a day.

    ``sold`` are units that somebody was charged for or that were handed out, ``counted`` corrections by a count, ``shrink`` units that left
    otherwise (negative: turned up), ``strayed`` units that went to slots that are not theirs (negative: that left them again, sold or put
    right). Where both are known, ``count`` is ``opening - sold + restocked + counted - shrink - strayed``.
    ``days_of_cover``: how long ``count`` lasts at the mean rate of the last 28 reports; None where nothing was sold. ``misplaced``: what
    stands in the slot and belongs elsewhere.
    """

    slot: str
    gtin: str
    count: int | None
    capacity: int
    opening: int | None
    sold: int
    restocked: int
    counted: int
    shrink: int
    misplaced: int
    days_of_cover: float | None
    strayed: int = 0


@record
class StockReported:
    """A zone's stock at the end of a day of the store. ``from`` is None the first time."""

    TYPE: ClassVar[str] = "stock.reported"
    zone: str
    from_: Annotated[str | None, Field(alias="from")]
    to: str
    lines: tuple[StockLine, ...]


@record
class ProductEngagement:
    """What people did with a product. ``in_hand_s`` is the mean of what was put back, ``conversion`` sold ÷ picks; None of nothing."""

    gtin: str
    picks: int
    put_backs: int
    sold: int
    in_hand_s: float | None
    conversion: float | None


@record
class ShelfEngagement:
    """How products fared since the last time, about an hour ago. Nothing in it says who, or in how many visits."""

    TYPE: ClassVar[str] = "shelf.engagement"
    zone: str
    from_: Annotated[str, Field(alias="from")]
    to: str
    products: tuple[ProductEngagement, ...]


@record
class StockMisplaced:
    """A product stands in a slot that is not its own (``count`` of them now)."""

    TYPE: ClassVar[str] = "stock.misplaced"
    slot: str
    gtin: str
    count: int | None
    before: int | None
    reason: str


@record
class StockExpiring:
    """Goods in a slot are near their date, or past it. ``expires`` is the last day on which they may be sold (ISO 8601).

    Told each midnight of the store from 3 days before, until none is left or the date is changed. ``days_left`` is 0 on the last day and
    negative after it, None while the clock is not trusted and nobody knows; of every date then, and again with the number once it is.
    ``count`` is None where it is not known.
    """

    TYPE: ClassVar[str] = "stock.expiring"
    slot: str
    gtin: str
    count: int | None
    expires: str
    days_left: int | None


@record
class AlarmRaised:
    """Somebody should look. ``details`` depends on the kind."""

    TYPE: ClassVar[str] = "alarm.raised"
    alarm: str
    kind: AlarmKind
    zone: str | None
    details: dict[str, Any]
    by: str | None = None


@record
class AlarmCleared:
    """An alarm ended by itself (``by`` None) or was acknowledged."""

    TYPE: ClassVar[str] = "alarm.cleared"
    alarm: str
    kind: AlarmKind
    zone: str | None
    details: dict[str, Any]
    by: str | None


@record
class TemperatureRecorded:
    """One interval of the cold-chain record.

    Without a good sample ``celsius``, ``min``, ``max`` and ``mean`` are None: a gap is recorded as a gap. ``mkt`` is the mean kinetic
    temperature (``device/domain/kinetic.py``), ``gap_s`` the part of the interval in which no temperature was believed.
    """

    TYPE: ClassVar[str] = "temperature.recorded"
    zone: str
    thermometer: str
    celsius: float | None
    min: float | None
    max: float | None
    mean: float | None
    samples: int
    from_: Annotated[str, Field(alias="from")]
    to: str
    mkt: float | None = None
    gap_s: float = 0.0


@record
class ExcursionStarted:
    """A zone left its temperature limits ``for_s`` ago: warm air that leaves within ``door_grace_s`` of the door's opening is none."""

    TYPE: ClassVar[str] = "temperature.excursion_started"
    zone: str
    celsius: float
    limit: float
    worst: float
    for_s: float
    degree_minutes: float


@record
class ExcursionEnded:
    """A zone is back within its temperature limits. ``degree_minutes`` sums how far it was outside, while that was known."""

    TYPE: ClassVar[str] = "temperature.excursion_ended"
    zone: str
    celsius: float
    limit: float
    worst: float
    for_s: float
    degree_minutes: float


@record
class ZoneModeChanged:
    """What a zone may do has changed, or why: ``faults`` are those that it has now, ``mode`` the strictest of what they allow."""

    TYPE: ClassVar[str] = "zone.mode_changed"
    zone: str
    mode: Mode
    before: Mode
    faults: tuple[FaultName, ...]


@record
class SalesStopped:
    """A zone sells nothing, for ``reasons``."""

    TYPE: ClassVar[str] = "sales.stopped"
    zone: str
    reasons: tuple[str, ...]
    by: str | None


@record
class SalesResumed:
    """A zone sells again, or for one reason less; ``reasons`` are those that remain."""

    TYPE: ClassVar[str] = "sales.resumed"
    zone: str
    reasons: tuple[str, ...]
    by: str | None


@record
class CommandDone:
    """A command had its effect."""

    TYPE: ClassVar[str] = "command.done"
    command: str
    name: str
    by: str | None
    result: dict[str, Any] | None
    reason: str | None


@record
class CommandWasRefused:
    """A command had no effect, for ``reason``."""

    TYPE: ClassVar[str] = "command.refused"
    command: str
    name: str
    by: str | None
    result: dict[str, Any] | None
    reason: str | None


@record
class CommandFailed:
    """A command was accepted and did not come off."""

    TYPE: ClassVar[str] = "command.failed"
    command: str
    name: str
    by: str | None
    result: dict[str, Any] | None
    reason: str | None


Event = (
    StoreStarted
    | StoreStopping
    | ClockCorrelated
    | DeviceLostEvent
    | DeviceRecovered
    | DeviceDegradedEvent
    | DoorUnlocked
    | DoorLocked
    | DoorOpened
    | DoorClosed
    | AccessGranted
    | AccessDenied
    | SessionStarted
    | ItemTaken
    | ItemReturned
    | SessionEnded
    | StockChanged
    | StockLow
    | StockOut
    | StockMisplaced
    | StockReported
    | StockExpiring
    | ShelfEngagement
    | AlarmRaised
    | AlarmCleared
    | TemperatureRecorded
    | ExcursionStarted
    | ExcursionEnded
    | ZoneModeChanged
    | SalesStopped
    | SalesResumed
    | CommandDone
    | CommandWasRefused
    | CommandFailed
)
