"""Commands: what somebody asks for. One frozen model of arguments a command name."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from device.domain.layout import Gtin, Slot
from device.domain.products import LEAST_GRAMS, MOST_GRAMS, MOST_PRICE, Category
from device.domain.record import record


def _a_day(text: str) -> str:
    """Raises ValueError where there is no such day."""
    date.fromisoformat(text)
    return text


Day = Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", json_schema_extra={"format": "date"}), AfterValidator(_a_day)]
"""A date as ``2026-12-31``."""


class Arguments(BaseModel):
    """What all commands share: unknown arguments are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Unlock(Arguments):
    zone: str
    purpose: Literal["service", "restock"] = "service"


class ZoneAndReason(Arguments):
    zone: str
    reason: str | None = None


class EndSession(Arguments):
    session: str


class AcknowledgeAlarm(Arguments):
    alarm: str
    note: str | None = None


class ProductLine(Arguments):
    """A product as in the catalogue file."""

    gtin: Gtin
    name: str
    grams: Annotated[float, Field(ge=LEAST_GRAMS, le=MOST_GRAMS)]
    grams_sd: Annotated[float, Field(ge=LEAST_GRAMS, le=MOST_GRAMS)] | None = None
    price_minor: Annotated[int, Field(ge=0, le=MOST_PRICE)]
    age_limit: Annotated[int, Field(ge=0, le=120)] = 0
    max_celsius: Annotated[float, Field(ge=-80, le=120)] | None = None
    tagged: bool = False
    category: Category | None = None


class SetCatalogue(Arguments):
    products: Annotated[tuple[ProductLine, ...], Field(min_length=1, strict=False)]


class SetPlanogram(Arguments):
    slots: Annotated[tuple[Slot, ...], Field(min_length=1, strict=False)]


class Revoke(Arguments):
    jti: str | None = None
    subject: str | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Revoke:
        if (self.jti is None) == (self.subject is None):
            raise ValueError("either jti or subject")
        return self


class Forget(Arguments):
    subject: Annotated[str, Field(min_length=1, max_length=256)]


class OrderLine(Arguments):
    gtin: Gtin
    quantity: Annotated[int, Field(ge=1, le=10_000)]


class Order(Arguments):
    id: Annotated[str, Field(min_length=1, max_length=64)]
    lines: Annotated[tuple[OrderLine, ...], Field(min_length=1, strict=False)]


class AssignOrder(Arguments):
    order: Order
    zone: str


class Tare(Arguments):
    slot: str


class CalibrateArguments(Arguments):
    slot: str
    grams: Annotated[float, Field(ge=LEAST_GRAMS, le=MOST_GRAMS)]


class Count(Arguments):
    slot: str
    gtin: Gtin
    count: Annotated[int, Field(ge=0, le=100_000)]


class SetExpiry(Arguments):
    """The last day on which what stands in a slot may be sold; None: nothing is known of it, or it keeps."""

    slot: str
    gtin: Gtin
    expires: Day | None


class NoArguments(Arguments):
    pass


class ResendFrom(Arguments):
    from_: Annotated[int, Field(ge=1, alias="from")]


COMMANDS: dict[str, type[Arguments]] = {
    "unlock": Unlock,
    "lock": ZoneAndReason,
    "stop_sales": ZoneAndReason,
    "resume_sales": ZoneAndReason,
    "clear_fire": ZoneAndReason,
    "end_session": EndSession,
    "acknowledge_alarm": AcknowledgeAlarm,
    "set_catalogue": SetCatalogue,
    "set_planogram": SetPlanogram,
    "revoke": Revoke,
    "forget": Forget,
    "assign_order": AssignOrder,
    "tare": Tare,
    "calibrate": CalibrateArguments,
    "count": Count,
    "set_expiry": SetExpiry,
    "snapshot": NoArguments,
    "resend": ResendFrom,
    "reload": NoArguments,
}
"""Every command and the model of its arguments."""

PHYSICAL = frozenset({"unlock", "lock", "clear_fire", "tare", "calibrate"})
"""Commands that may expire at most 60 s ahead."""


@record
class InboundCommand:
    """A command as it came in, not yet believed.

    ``name`` is the last part of the topic. ``response_topic`` and ``correlation`` are MQTT 5's, None without.
    """

    name: str
    payload: bytes
    retained: bool = False
    response_topic: str | None = None
    correlation: bytes | None = None


@record
class Command:
    """A command whose sender is known. ``args`` is an instance of ``COMMANDS[name]``; ``expires`` is Unix time by the sender's clock."""

    id: str
    name: str
    args: Arguments
    by: str | None
    expires: float | None = None
