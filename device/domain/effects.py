"""Effects: what the store wants done, performed only after the records that caused it are durable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class DriveLock:
    """Put a lock's relay. ``order`` comes back in the ``LockOutcome``; the outcome is observed, never assumed.

    ``for_people``: a fire opens it, which does not wait until it is written down.
    """

    lock: str
    unlock: bool
    order: int
    for_people: bool = False


@dataclass(frozen=True, slots=True)
class Calibrate:
    """From now on grams = (value - ``zero``) / ``per_gram`` for this channel (counted from 1)."""

    scale: str
    channel: int
    zero: float
    per_gram: float


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer to a command. ``topic`` None: the default reply topic of the ``command`` id."""

    command: str
    status: Literal["accepted", "done", "refused", "failed"]
    reason: str | None
    result: dict[str, Any] | None
    time: str
    topic: str | None = None
    correlation: bytes | None = None


@dataclass(frozen=True, slots=True)
class Resend:
    """Publish the events from this seq again."""

    from_seq: int


@dataclass(frozen=True, slots=True)
class Reload:
    """Read the configuration again, as SIGHUP does."""

    command: str


@dataclass(frozen=True, slots=True)
class ForgetSubject:
    """Destroy what leads from a person's pseudonyms back to them."""

    subject: str
    command: str


Effect = DriveLock | Calibrate | Reply | Resend | Reload | ForgetSubject
