"""Faults as the user wrote the file: pydantic's errors under TOML's own names.

An error's location names union branches and discriminator tags, which stand in no file; they are left out by walking the models along it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from device.config.faults import Faults, did_you_mean, either, shown
from device.domain.layout import FOREIGN, HERE, Layout
from device.domain.record import record

ALLOWED = {
    "missing": "is required",
    "string_type": "must be a string",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "tuple_type": "must be a list",
    "greater_than": "must be over {gt}",
    "greater_than_equal": "must be {ge} or more",
    "less_than": "must be under {lt}",
    "less_than_equal": "must be {le} or less",
    "too_short": "must have {min_length} or more",
    "string_too_short": "must have {min_length} or more characters",
    "string_too_long": "must have {max_length} characters or fewer",
    "value_error": "{error}",
}
"""What is allowed, by pydantic's type of error. Anything else keeps pydantic's own words."""


@record
class Place:
    """Where an error is: its steps and its path as in the file, the models that may stand there, and the field that leads there."""

    steps: tuple[str | int, ...]
    models: tuple[type[BaseModel], ...]
    field: FieldInfo | None

    @property
    def path(self) -> str:
        """E.g. ``zone[1].sales_hours[0]``."""
        return spelled(self.steps)

    @property
    def keys(self) -> list[str]:
        """The keys that a table here may have."""
        return [key_of(name, field) for model in self.models for name, field in model.model_fields.items()]


def key_of(name: str, field: FieldInfo) -> str:
    """The name of a field in the file."""
    return field.alias or name


def joined(path: str, part: str | int) -> str:
    """One step further down: ``zone`` and 1 are ``zone[1]``."""
    if isinstance(part, int):
        return f"{path}[{part}]"
    name = part if re.fullmatch("[A-Za-z0-9_-]+", part) else shown(part)
    return f"{path}.{name}" if path else name


def spelled(steps: Iterable[str | int]) -> str:
    """All steps of a path as one string."""
    path = ""
    for step in steps:
        path = joined(path, step)
    return path


def place_of(location: Iterable[str | int], root: type[BaseModel] = Layout) -> Place:
    """Walk the models along an error's location."""
    place = Place((), (root,), None)
    for part in location:
        if isinstance(part, int):
            place = Place((*place.steps, part), place.models, place.field)
        elif part in (HERE, FOREIGN) and len(place.models) > 1:
            foreign = part == FOREIGN
            place = Place(place.steps, tuple(model for model in place.models if (not _tags(model)) == foreign), place.field)
        elif len(place.models) > 1:
            place = Place(place.steps, tuple(model for model in place.models if part in _tags(model)), place.field)
        elif place.models:
            fields = {key_of(name, field): field for name, field in place.models[0].model_fields.items()}
            found = fields.get(part)
            place = Place((*place.steps, part), tuple(_models_in(found.annotation)) if found else (), found)
    return place


def tell(error: ErrorDetails, faults: Faults, under: tuple[str | int, ...] = ()) -> None:
    """Add one error of pydantic's to ``faults``. ``under`` is where the value that was validated stands in the file."""
    location = (*under, *error["loc"])
    place = place_of(location)
    found = error["input"]
    limits = error.get("ctx", {})
    context = {name: int(limit) if isinstance(limit, float) and limit.is_integer() else limit for name, limit in limits.items()}
    match error["type"]:
        case "extra_forbidden":
            keys = place_of(location[:-1]).keys
            hint = did_you_mean(location[-1], keys) or f"; known here are {', '.join(keys)}"
            faults.add(place.path, shown(found), f"unknown key{hint}")
        case "missing":
            faults.add(place.path, "", ALLOWED["missing"])
        case "literal_error":
            choices = _choices(place.field.annotation) if place.field else []
            faults.add(place.path, shown(found), f"must be {either(choices)}{did_you_mean(found, map(str, choices))}")
        case "union_tag_invalid" | "union_tag_not_found":
            tags = [tag for model in place.models for tag in _tags(model)]
            driver = found.get("driver") if isinstance(found, dict) else None
            allowed = f"must be {either(tags)}{did_you_mean(driver, tags)}" if driver is not None else f"is required: {either(tags)}"
            faults.add(joined(place.path, "driver"), shown(driver), allowed)
        case "model_type" | "model_attributes_type" | "dict_type":
            faults.add(place.path, shown(found), f"must be a table{_brackets(place)}")
        case "tuple_type" if place.models:
            faults.add(place.path, shown(found), f"must be a list of tables{_brackets(place)}")
        case "too_short" if len(found) >= context["min_length"]:
            pass  # pydantic counts only the sound ones; the others have told their own faults
        case kind:
            faults.add(place.path, shown(found), ALLOWED.get(kind, error["msg"]).format(**context))


def _brackets(place: Place) -> str:
    """How the table is opened in the file."""
    name = re.sub(r"\[\d+\]", "", place.path)
    return f": [[{name}]]" if place.field and get_origin(place.field.annotation) is tuple else f": [{name}]"


def _models_in(annotation: Any) -> Iterable[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)


def _choices(annotation: Any) -> list[object]:
    if get_origin(annotation) is Literal:
        return list(get_args(annotation))
    return [choice for argument in get_args(annotation) for choice in _choices(argument)]


def _tags(model: type[BaseModel]) -> list[str]:
    """The drivers that a table of this model may name; none where it is for the drivers of other packages."""
    return [str(choice) for choice in _choices(model.model_fields["driver"].annotation)]
