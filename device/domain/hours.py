"""Opening hours: weekly windows in store time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

_FORM = re.compile(r"([A-Za-z]{3})(?:-([A-Za-z]{3}))?\s+([0-9]{1,2}):([0-9]{2})-([0-9]{1,2}):([0-9]{2})")
_ALLOWED = 'DAY or DAY-DAY and HH:MM-HH:MM, e.g. "Mon-Sun 10:00-22:00"'


@dataclass(frozen=True, slots=True)
class Hours:
    """One window: it starts at ``start`` on each of ``days`` (0 is Monday) and ends at ``end``, the day after where ``end <= start``.

    ``start`` and ``end`` are minutes after local midnight, 0-1440. A wall-clock time that is skipped or repeated by daylight
    saving is judged by what the clock on the wall shows.
    """

    days: tuple[int, ...]
    start: int
    end: int

    @property
    def crosses_midnight(self) -> bool:
        return self.end <= self.start

    def contains(self, local: datetime) -> bool:
        """Whether the window is open at ``local``, a time in the store's own zone."""
        minute = local.hour * 60 + local.minute
        today = local.weekday()
        if not self.crosses_midnight:
            return today in self.days and self.start <= minute < self.end
        yesterday = (local - timedelta(days=1)).weekday()
        return (today in self.days and minute >= self.start) or (yesterday in self.days and minute < self.end)

    def __str__(self) -> str:
        first, last = DAYS[self.days[0]], DAYS[self.days[-1]]
        days = first if len(self.days) == 1 else f"{first}-{last}"
        return f"{days} {self.start // 60:02d}:{self.start % 60:02d}-{self.end // 60:02d}:{self.end % 60:02d}"


def parse_hours(text: str) -> Hours:
    """Read one window.

    Raises ValueError that says what is allowed.
    """
    found = _FORM.fullmatch(text.strip())
    if not found:
        raise ValueError(_ALLOWED)
    first, last, *clock = found.groups()
    places = []
    for day in (first, last or first):
        if day.title() not in DAYS:
            raise ValueError(f"day must be one of {', '.join(DAYS)}, not {day!r}")
        places.append(DAYS.index(day.title()))
    begin, stop = places
    days = tuple((begin + offset) % 7 for offset in range((stop - begin) % 7 + 1))
    start, end = _minutes(*clock[:2]), _minutes(*clock[2:])
    if start == 1440:
        raise ValueError("a window cannot start at 24:00")
    if start == end:
        raise ValueError("a window must not be empty; a whole day is 00:00-24:00")
    return Hours(days, start, end)


def _minutes(hour: str, minute: str) -> int:
    if int(hour) > 24:
        raise ValueError("hour must be 0-24")
    if int(minute) > 59:
        raise ValueError("minute must be 0-59")
    total = int(hour) * 60 + int(minute)
    if total > 1440:
        raise ValueError("hour must be 0-24, and 24 only as 24:00")
    return total


def open_at(windows: Sequence[Hours] | None, local: datetime) -> bool:
    """Whether any window is open at ``local``. None: always; an empty list: never."""
    return windows is None or any(window.contains(local) for window in windows)
