"""When a zone may sell: weekly hours, special days, and what the law of the place adds.

All of it is judged by what the clock on the wall shows in the store's own time zone.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

from device.domain.hours import Hours, Span
from device.domain.record import record

_DATE = re.compile(r"(?:([0-9]{4})-)?([0-9]{2})-([0-9]{2})")
_EASTER = re.compile(r"easter(?:([+-])([0-9]{1,3}))?")
_ALLOWED = '"2026-12-25", "12-25" (every year), or days from Easter Sunday as "easter-2" or "easter+39"'
_LEAP_YEAR = 2000


@record
class SpecialDate:
    """One date, or one every year: ``month`` and ``day``, or ``easter`` days after Easter Sunday (of the western churches)."""

    year: int | None
    month: int = 0
    day: int = 0
    easter: int | None = None

    def is_on(self, day: date) -> bool:
        if self.easter is not None:
            return day - timedelta(days=self.easter) == easter_sunday((day - timedelta(days=self.easter)).year)
        return (day.month, day.day) == (self.month, self.day) and self.year in (None, day.year)

    def __str__(self) -> str:
        if self.easter is not None:
            return "easter" if self.easter == 0 else f"easter{self.easter:+d}"
        return f"{self.month:02d}-{self.day:02d}" if self.year is None else f"{self.year:04d}-{self.month:02d}-{self.day:02d}"


def parse_special_date(text: str) -> SpecialDate:
    """Read one date.

    Raises ValueError that says what is allowed.
    """
    if found := _EASTER.fullmatch(text.strip()):
        sign, days = found.groups()
        return SpecialDate(None, easter=int(f"{sign or ''}{days or 0}"))
    found = _DATE.fullmatch(text.strip())
    if not found:
        raise ValueError(_ALLOWED)
    year, month, day = (int(part) if part else None for part in found.groups())
    try:
        date(year or _LEAP_YEAR, month or 0, day or 0)
    except ValueError:
        raise ValueError(f"there is no such day; {_ALLOWED}") from None
    return SpecialDate(year, month or 0, day or 0)


def easter_sunday(year: int) -> date:
    """Easter Sunday in the Gregorian calendar, by the anonymous algorithm of Nature, 20 April 1876 (Meeus, Astronomical Algorithms)."""
    golden = year % 19
    century, of_century = divmod(year, 100)
    leap_centuries, century_rest = divmod(century, 4)
    moon = (century - (century + 8) // 25 + 1) // 3
    epact = (19 * golden + century - leap_centuries - moon + 15) % 30
    leap_years, year_rest = divmod(of_century, 4)
    weekday = (32 + 2 * century_rest + 2 * leap_years - epact - year_rest) % 7
    shift = (golden + 11 * epact + 22 * weekday) // 451
    month, day = divmod(epact + weekday - 7 * shift + 114, 31)
    return date(year, month, day + 1)


@record
class SpecialHours:
    """What holds from midnight to midnight of a date instead of the weekly hours; a window of it may end on the day after."""

    when: SpecialDate
    windows: tuple[Span, ...]


@record
class Opening:
    """When something is open: always (``weekly`` None), or within weekly windows; on special days within theirs; and only where all of
    ``within`` are open, too.

    A special day cuts off what is left after midnight of the evening before. Of several special days on one date the first one counts.
    """

    weekly: tuple[Hours, ...] | None = None
    special: tuple[SpecialHours, ...] = ()
    within: tuple[Opening, ...] = ()

    @property
    def always(self) -> bool:
        """Whether there is no hour that it is closed at, so that no clock needs to be believed."""
        return self.weekly is None and not self.special and all(other.always for other in self.within)

    def is_open(self, local: datetime) -> bool:
        """Whether it is open at ``local``, a time in the store's own zone."""
        return self._of_its_own(local) and all(other.is_open(local) for other in self.within)

    def closes_after(self, at: datetime, at_most_s: float) -> float | None:
        """Seconds from ``at`` until the first whole minute at which it is closed; None: it stays open for ``at_most_s``.

        ``at`` is in the store's zone. The time that passes is counted, not what the wall shows: a night may have 23 or 25 hours.
        """
        if self.always:
            return None
        start = at.astimezone(UTC)
        minute = start.replace(second=0, microsecond=0)
        while (passed_s := (minute - start).total_seconds()) <= at_most_s:
            if not self.is_open(minute.astimezone(at.tzinfo)):
                return max(0.0, passed_s)
            minute += timedelta(minutes=1)
        return None

    def _of_its_own(self, local: datetime) -> bool:
        minute, today = local.hour * 60 + local.minute, local.date()
        if (special := self._special_on(today)) is not None:
            return any(window.holds_on_its_day(minute) for window in special.windows)
        yesterday = today - timedelta(days=1)
        if (special := self._special_on(yesterday)) is not None:
            late = any(window.holds_on_the_day_after(minute) for window in special.windows)
        else:
            late = any(window.holds_late(yesterday.weekday(), minute) for window in self.weekly or ())
        return late or self.weekly is None or any(window.holds_on(today.weekday(), minute) for window in self.weekly)

    def _special_on(self, day: date) -> SpecialHours | None:
        return next((special for special in self.special if special.when.is_on(day)), None)


ALWAYS = Opening()
