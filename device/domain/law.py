"""What the calendar and the law add to a zone's hours and age limits: special days, and rules about categories of products.

Rules stand in the configuration, or in a file of their own that ``store.jurisdiction`` names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated

from pydantic import AfterValidator, Field

from device.domain.forms import DateText, HoursText, Id, Name, SpanText, distinct
from device.domain.hours import Hours, Span
from device.domain.opening import Opening, SpecialDate, SpecialHours
from device.domain.products import Category, Product
from device.domain.table import Table


class SpecialDay(Table):
    """A date on which other hours hold, from midnight to midnight; an empty list: closed. What is absent stays as on other days."""

    date: DateText
    name: Name = ""
    zones: Annotated[tuple[Id, ...], AfterValidator(distinct)] | None = None
    sales_hours: tuple[SpanText, ...] | None = None
    pickup_hours: tuple[SpanText, ...] | None = None


class RuleDay(Table):
    """A date on which a rule allows less than in the week."""

    date: DateText
    name: Name = ""
    sales_hours: tuple[SpanText, ...] | None = None
    pickup_hours: tuple[SpanText, ...] | None = None


class SalesRule(Table):
    """What holds for every zone that has products of these categories in its slots.

    ``forbidden``: not to be sold from this store at all. ``source`` is where the rule is written.
    """

    name: Annotated[str, Field(min_length=1, max_length=200)]
    source: Annotated[str, Field(max_length=500)] = ""
    categories: Annotated[tuple[Category, ...], Field(min_length=1), AfterValidator(distinct)]
    forbidden: bool = False
    age_limit: Annotated[int, Field(ge=0, le=120)] = 0
    sales_hours: tuple[HoursText, ...] | None = None
    pickup_hours: tuple[HoursText, ...] | None = None
    special_day: tuple[RuleDay, ...] = ()

    def concerns(self, product: Product) -> bool:
        """Whether a product falls under it. One with an age limit and no category falls under every rule."""
        return product.category in self.categories or (product.category is None and product.age_limit > 0)


def forbids(rules: Iterable[SalesRule], product: Product) -> SalesRule | None:
    """The rule by which a product is not sold at all; None: there is none."""
    return next((rule for rule in rules if rule.forbidden and rule.concerns(product)), None)


def sales_opening(own: Sequence[Hours] | None, days: Iterable[SpecialDay], rules: Iterable[SalesRule]) -> Opening:
    """When a zone sells: within its own hours and those of every rule; never where it holds what is forbidden."""
    special = _hours((day.date, day.sales_hours) for day in days)
    limits = [limit for rule in rules for limit in _limits(() if rule.forbidden else rule.sales_hours, _sales(rule))]
    return Opening(_tuple(own), special, tuple(limits))


def pickup_opening(own: Sequence[Hours] | None, days: Iterable[SpecialDay], rules: Iterable[SalesRule]) -> Opening:
    """When orders are handed out."""
    special = _hours((day.date, day.pickup_hours) for day in days)
    limits = [limit for rule in rules for limit in _limits(rule.pickup_hours, _pickups(rule))]
    return Opening(_tuple(own), special, tuple(limits))


def _limits(weekly: Sequence[Hours] | None, special: tuple[SpecialHours, ...]) -> Iterator[Opening]:
    """A rule's special day shortens the day, and never opens one that the rule's weekly hours close."""
    if weekly is not None:
        yield Opening(tuple(weekly))
    if special:
        yield Opening(None, special)


def _sales(rule: SalesRule) -> tuple[SpecialHours, ...]:
    return _hours((day.date, day.sales_hours) for day in rule.special_day)


def _pickups(rule: SalesRule) -> tuple[SpecialHours, ...]:
    return _hours((day.date, day.pickup_hours) for day in rule.special_day)


def _hours(days: Iterable[tuple[SpecialDate, tuple[Span, ...] | None]]) -> tuple[SpecialHours, ...]:
    return tuple(SpecialHours(date, spans) for date, spans in days if spans is not None)


def _tuple(own: Sequence[Hours] | None) -> tuple[Hours, ...] | None:
    return None if own is None else tuple(own)
