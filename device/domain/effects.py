"""Effects: what the store wants done, performed only after the records that caused it are durable."""

from __future__ import annotations

from typing import Any, Literal

from device.domain.record import record


@record
class DriveLock:
    """Put a lock's relay. ``order`` comes back in the ``LockOutcome``; the outcome is observed, never assumed.

    ``for_people``: a fire opens it, which does not wait until it is written down.
    """

    lock: str
    unlock: bool
    order: int
    for_people: bool = False


@record
class Calibrate:
    """From now on grams = (value - ``zero``) / ``per_gram`` for this channel (counted from 1)."""

    scale: str
    channel: int
    zero: float
    per_gram: float


@record
class Reply:
    """An answer to a command. ``topic`` None: the default reply topic of the ``command`` id."""

    command: str
    status: Literal["accepted", "done", "refused", "failed"]
    reason: str | None
    result: dict[str, Any] | None
    time: str
    topic: str | None = None
    correlation: bytes | None = None


@record
class Resend:
    """Publish the events from this seq again."""

    from_seq: int


@record
class Reload:
    """Read the configuration again, as SIGHUP does."""

    command: str


@record
class ForgetSubject:
    """Destroy what leads from a person's pseudonyms back to them."""

    subject: str
    command: str


Effect = DriveLock | Calibrate | Reply | Resend | Reload | ForgetSubject
