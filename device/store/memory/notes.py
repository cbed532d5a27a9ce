"""Notes: records that are journalled but nobody else's business. With the events they are all that the state is made of."""

from __future__ import annotations

from typing import Any, ClassVar, get_args

from device.domain.events import Event, ReviewReason
from device.domain.moment import Moment
from device.domain.products import Product
from device.domain.record import record
from device.store.memory.state import Filling, Look, Phase


@record
class PhaseChanged:
    """A cabinet went to another row of its table."""

    TYPE: ClassVar[str] = "note.phase"
    zone: str
    phase: Phase


@record
class TimerSet:
    """A deadline in seconds of uptime; None: it is off."""

    TYPE: ClassVar[str] = "note.timer"
    timer: str
    at: float | None


@record
class LockOrdered:
    """A lock is about to be driven. Journalled before the relay moves, so that no restart drives it again."""

    TYPE: ClassVar[str] = "note.lock_ordered"
    lock: str
    unlock: bool
    order: int


@record
class SessionDetails:
    """What a session needs that its event does not tell."""

    TYPE: ClassVar[str] = "note.session"
    session: str
    zone: str
    command: str | None
    order_lines: dict[str, int]
    prices: dict[str, int]
    expected: dict[str, dict[str, int | None]]
    jti: str | None = None


@record
class LinesKept:
    """Lines of the catalogue that a running session goes on with, though others have been set."""

    TYPE: ClassVar[str] = "note.lines_kept"
    zone: str
    session: str
    products: tuple[Product, ...]


@record
class VisitorMoved:
    """A visitor of a room came in (``inside``), or showed the code on the way out (``leaving``) or did not leave after all."""

    TYPE: ClassVar[str] = "note.visitor"
    zone: str
    session: str
    inside: bool
    leaving: bool


@record
class WalkedOut:
    """A room's door was used from within (``out``), or that has been dealt with."""

    TYPE: ClassVar[str] = "note.walked_out"
    zone: str
    out: bool


@record
class ReviewAdded:
    """A running session will need review."""

    TYPE: ClassVar[str] = "note.review"
    zone: str
    session: str
    reason: ReviewReason


@record
class TagRead:
    """A tag stands on a zone's shelf. In a ``session`` of the zone ``visited`` it has come back, or been brought by staff."""

    TYPE: ClassVar[str] = "note.tag_read"
    zone: str
    epc: str
    gtin: str
    rssi_dbm: float | None
    visited: str | None = None
    session: str | None = None


@record
class TagGone:
    """A tag is no longer on a zone's shelf; it left in a ``session`` of the zone ``visited``, if in any.

    ``missing``: it may be read again; in a session, it is only taken to be what the scale missed.
    """

    TYPE: ClassVar[str] = "note.tag_gone"
    zone: str
    epc: str
    gtin: str
    visited: str | None = None
    session: str | None = None
    missing: bool = False


@record
class TagsOwed:
    """By so many items the weight of a zone is ahead of its tags: taken if positive, brought if negative."""

    TYPE: ClassVar[str] = "note.tags_owed"
    zone: str
    gtin: str
    count: int


@record
class TagsTaken:
    """A reader has taken its first thorough inventory: what it reads from now on and never read before is a stray, or was brought."""

    TYPE: ClassVar[str] = "note.tags_taken"
    zone: str
    reader: str


@record
class PlateWeight:
    """A slot's settled gross weight; what changed while the program was dead is seen against it.

    ``books`` is what it should weigh by all that was told, None: as it does. ``followed`` is the slow drift that the books have taken over.
    """

    TYPE: ClassVar[str] = "note.plate"
    slot: str
    grams: float
    books: float | None = None
    followed: float = 0.0


@record
class StepNoted:
    """A step of weight within a session, before anybody says what it was; ``load`` is the gross weight before it."""

    TYPE: ClassVar[str] = "note.step"
    zone: str
    session: str
    slot: str
    began_at: float
    delta: float
    sd: float
    load: float
    evidence: str | None
    gesture: str = ""


@record
class StepUnexplained:
    """Staff did something to a plate that no product explains: a person is to look, unless it is ``undone`` before they are through."""

    TYPE: ClassVar[str] = "note.unexplained"
    zone: str
    session: str
    evidence: str
    undone: bool = False


@record
class SlotLooks:
    """The ways in which a slot may look, by what has come and gone; none: as the books say, of which the catalogue knows the weights."""

    TYPE: ClassVar[str] = "note.looks"
    slot: str
    looks: tuple[Look, ...]


@record
class SlotFilled:
    """What staff have put into a slot and nobody has said yet what it was; None: that is settled."""

    TYPE: ClassVar[str] = "note.filling"
    slot: str
    filling: Filling | None


@record
class ExpirySet:
    """The last day (ISO 8601) on which a product in a slot may be sold; None: not known any more."""

    TYPE: ClassVar[str] = "note.expiry"
    slot: str
    gtin: str
    expires: str | None


@record
class CodeUsed:
    """A grant used a code up. ``expires_wall`` is Unix seconds."""

    TYPE: ClassVar[str] = "note.code_used"
    jti: str
    expires_wall: float


@record
class Revoked:
    """A code or everything of a subject is no longer accepted."""

    TYPE: ClassVar[str] = "note.revoked"
    jti: str | None
    subject: str | None


@record
class CommandSeen:
    """An authenticated command was let in; durable before anything moves. ``correlation`` is hex."""

    TYPE: ClassVar[str] = "note.command"
    command: str
    name: str
    by: str | None
    expires_wall: float
    topic: str | None
    correlation: str | None


@record
class ExcursionGrew:
    """How far an excursion that goes on has come; with every interval of the record."""

    TYPE: ClassVar[str] = "note.excursion"
    zone: str
    worst: float
    degree_minutes: float


@record
class ExcursionGone:
    """The zone of an excursion is not monitored any more: nobody will see its end."""

    TYPE: ClassVar[str] = "note.excursion_gone"
    zone: str


@record
class OrderAssigned:
    """An order waits in a zone."""

    TYPE: ClassVar[str] = "note.order"
    order: str
    zone: str
    lines: dict[str, int]


@record
class OrderPickedUp:
    """An order is picked up once."""

    TYPE: ClassVar[str] = "note.order_picked_up"
    order: str


@record
class CatalogueSet:
    """The catalogue by command; it wins over the file."""

    TYPE: ClassVar[str] = "note.catalogue"
    products: list[dict[str, Any]]


@record
class PlanogramSet:
    """The slots by command; they win over the file."""

    TYPE: ClassVar[str] = "note.planogram"
    slots: list[dict[str, Any]]


@record
class Calibrated:
    """A plate's calibration by command; it wins over the file. ``grams`` is what stands on it by the new calibration."""

    TYPE: ClassVar[str] = "note.calibrated"
    scale: str
    channel: int
    zero: float
    per_gram: float
    slot: str
    grams: float


@record
class Zeroed:
    """What a plate that has no calibration yet says while it is empty, in its device's own units; half of its first calibration."""

    TYPE: ClassVar[str] = "note.zeroed"
    scale: str
    channel: int
    zero: float


@record
class FireChanged:
    """A zone is under fire alarm until a person clears it."""

    TYPE: ClassVar[str] = "note.fire"
    zone: str
    fire: bool


@record
class Rebased:
    """The machine has restarted: all uptimes of the old boot are moved by ``shift`` seconds."""

    TYPE: ClassVar[str] = "note.rebased"
    shift: float


@record
class Forgotten:
    """Ids that have left the configuration, or codes, commands and orders that are long over; ``revocations`` are those of codes."""

    TYPE: ClassVar[str] = "note.forgotten"
    slots: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    orders: tuple[str, ...] = ()
    revocations: tuple[str, ...] = ()


@record
class ReceiptsFrom:
    """The first event that the backend has to confirm itself; None: the broker's word is enough."""

    TYPE: ClassVar[str] = "note.receipts_from"
    seq: int | None


Note = (
    PhaseChanged
    | TimerSet
    | LockOrdered
    | SessionDetails
    | LinesKept
    | VisitorMoved
    | WalkedOut
    | ReviewAdded
    | TagRead
    | TagGone
    | TagsOwed
    | TagsTaken
    | PlateWeight
    | StepNoted
    | StepUnexplained
    | SlotLooks
    | SlotFilled
    | ExpirySet
    | CodeUsed
    | Revoked
    | CommandSeen
    | ExcursionGrew
    | ExcursionGone
    | OrderAssigned
    | OrderPickedUp
    | CatalogueSet
    | PlanogramSet
    | Calibrated
    | Zeroed
    | FireChanged
    | Rebased
    | Forgotten
    | ReceiptsFrom
)

NOTES: dict[str, type[Note]] = {note.TYPE: note for note in get_args(Note)}
"""Every note type by its name."""

RETIRED = frozenset({"note.batch", "note.count_doubted"})
"""Notes of journals that an earlier version has begun, which say nothing any more: what a slot's items weigh is in its looks."""


@record
class Record:
    """An event or a note, when it was written, and an event's subject and number."""

    what: Event | Note
    moment: Moment
    subject: str = ""
    seq: int | None = None
