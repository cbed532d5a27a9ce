"""What the claims of codes and commands share: their types are checked, and nothing is read into them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

LAST_SECOND = 253_402_300_799
"""End of the year 9999. A date after it is one in milliseconds, and would make a code that never expires."""

NumericDate = Annotated[float, Field(ge=0, le=LAST_SECOND, allow_inf_nan=False)]
"""Seconds since 1970 (RFC 7519, section 2)."""

Text = Annotated[str, Field(min_length=1, max_length=256)]
"""A name that is remembered or journalled, and so has a bound."""


class Claims(BaseModel):
    """Claims that we do not know are let be. Of the wrong type, or null, is not the same as absent."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")

    @model_validator(mode="before")
    @classmethod
    def _null_is_not_absent(cls, raw: Any) -> Any:
        if isinstance(raw, dict) and any(raw.get(name, "") is None for name in cls.model_fields):
            raise ValueError("null where a claim may only be absent")
        return raw
