"""Opening hours: weekly windows in store time."""

from __future__ import annotations

import re

from device.domain.record import record

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

_SPAN = re.compile(r"([0-9]{1,2}):([0-9]{2})-([0-9]{1,2}):([0-9]{2})")
_FORM = re.compile(rf"([A-Za-z]{{3}})(?:-([A-Za-z]{{3}}))?\s+({_SPAN.pattern})")
_ALLOWED = 'DAY or DAY-DAY and HH:MM-HH:MM, e.g. "Mon-Sun 10:00-22:00"'


@record
class Span:
    """One window of a day: it starts at ``start`` and ends at ``end``, on the day after where ``end <= start``.

    Both are minutes after local midnight, 0-1440. A wall-clock time that is skipped or repeated by daylight saving is judged by what the
    clock on the wall shows.
    """

    start: int
    end: int

    @property
    def crosses_midnight(self) -> bool:
        return self.end <= self.start

    def holds_on_its_day(self, minute: int) -> bool:
        return self.start <= minute and (self.crosses_midnight or minute < self.end)

    def holds_on_the_day_after(self, minute: int) -> bool:
        return self.crosses_midnight and minute < self.end

    def __str__(self) -> str:
        return f"{self.start // 60:02d}:{self.start % 60:02d}-{self.end // 60:02d}:{self.end % 60:02d}"


@record
class Hours:
    """One weekly window: ``span`` on each of ``days`` (0 is Monday)."""

    days: tuple[int, ...]
    span: Span

    def holds_on(self, weekday: int, minute: int) -> bool:
        """Whether it holds on a day, as far as it started on that day."""
        return weekday in self.days and self.span.holds_on_its_day(minute)

    def holds_late(self, weekday_before: int, minute: int) -> bool:
        """Whether it still holds, having started on the day before."""
        return weekday_before in self.days and self.span.holds_on_the_day_after(minute)

    def __str__(self) -> str:
        first, last = DAYS[self.days[0]], DAYS[self.days[-1]]
        days = first if len(self.days) == 1 else f"{first}-{last}"
        return f"{days} {self.span}"


def parse_hours(text: str) -> Hours:
    """Read one window.

    Raises ValueError that says what is allowed.
    """
    found = _FORM.fullmatch(text.strip())
    if not found:
        raise ValueError(_ALLOWED)
    first, last, span, *_ = found.groups()
    places = []
    for day in (first, last or first):
        if day.title() not in DAYS:
            raise ValueError(f"day must be one of {', '.join(DAYS)}, not {day!r}")
        places.append(DAYS.index(day.title()))
    begin, stop = places
    return Hours(tuple((begin + offset) % 7 for offset in range((stop - begin) % 7 + 1)), parse_span(span))


def parse_span(text: str) -> Span:
    """Read one window of a day, ``HH:MM-HH:MM``.

    Raises ValueError that says what is allowed.
    """
    found = _SPAN.fullmatch(text.strip())
    if not found:
        raise ValueError('HH:MM-HH:MM, e.g. "10:00-14:00"')
    clock = found.groups()
    start, end = _minutes(*clock[:2]), _minutes(*clock[2:])
    if start == 1440:
        raise ValueError("a window cannot start at 24:00")
    if start == end:
        raise ValueError("a window must not be empty; a whole day is 00:00-24:00")
    return Span(start, end)


def _minutes(hour: str, minute: str) -> int:
    if int(hour) > 24:
        raise ValueError("hour must be 0-24")
    if int(minute) > 59:
        raise ValueError("minute must be 0-59")
    total = int(hour) * 60 + int(minute)
    if total > 1440:
        raise ValueError("hour must be 0-24, and 24 only as 24:00")
    return total
