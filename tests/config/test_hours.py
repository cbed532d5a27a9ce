"""Opening hours: weekly windows in store time."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.domain.hours import Hours, Span, parse_hours, parse_span
from device.domain.opening import ALWAYS, Opening, SpecialHours, easter_sunday, parse_special_date

ROME = ZoneInfo("Europe/Rome")


def at(text: str) -> datetime:
    """2026-11-23 is a Monday."""
    return datetime.fromisoformat(text).replace(tzinfo=ROME)


@pytest.mark.parametrize(
    ("window", "time", "is_open"),
    [
        ("Mon-Sun 10:00-22:00", "2026-11-23T10:00", True),
        ("Mon-Sun 10:00-22:00", "2026-11-23T09:59:59", False),
        ("Mon-Sun 10:00-22:00", "2026-11-23T21:59:59", True),
        ("Mon-Sun 10:00-22:00", "2026-11-23T22:00", False),
        ("Fri-Sat 18:00-02:00", "2026-11-29T01:59", True),  # Sunday, still Saturday's evening
        ("Fri-Sat 18:00-02:00", "2026-11-29T18:00", False),
        ("Fri-Sat 18:00-02:00", "2026-11-27T01:00", False),  # Friday before opening
        ("Sun 18:00-02:00", "2026-11-23T01:00", True),  # Monday, still Sunday's evening
        ("Sat-Mon 00:00-24:00", "2026-11-29T23:59", True),
        ("Sat-Mon 00:00-24:00", "2026-11-24T00:00", False),
        ("mon 9:00-10:00", "2026-11-23T09:30", True),
    ],
)
def test_a_window_is_open_from_its_start_until_before_its_end(window: str, time: str, is_open: bool) -> None:
    assert Opening((parse_hours(window),)).is_open(at(time)) is is_open


def test_no_list_is_always_and_an_empty_one_never() -> None:
    assert ALWAYS.is_open(at("2026-11-23T03:00"))
    assert not Opening(()).is_open(at("2026-11-23T12:00"))


def test_an_hour_that_is_repeated_in_autumn_is_judged_by_the_clock_on_the_wall() -> None:
    window = Opening((parse_hours("Sun 02:15-02:45"),))
    first, second = (datetime(2026, 10, 25, 2, 30, fold=fold, tzinfo=ROME) for fold in (0, 1))
    assert window.is_open(first)
    assert window.is_open(second)


@pytest.mark.parametrize(
    "text", ["", "Mon", "10:00-22:00", "Mon 10-22", "Mon-Sun 10:00", "Mon,Tue 10:00-22:00", "Mon ١٠:٠٠-٢٢:٠٠", "Mon 24:00-02:00"]
)
def test_anything_else_is_refused_in_words(text: str) -> None:
    with pytest.raises(ValueError, match=r"DAY|24:00"):
        parse_hours(text)


@given(st.text(max_size=40))
def test_no_text_makes_it_fail_otherwise(text: str) -> None:
    try:
        parse_hours(text)
    except ValueError:
        pass


@given(st.integers(0, 6), st.integers(1, 7), st.integers(0, 1439), st.integers(1, 1440))
def test_a_window_reads_as_it_is_written(first: int, length: int, start: int, end: int) -> None:
    if start == end:
        end = end % 1440 + 1
    window = Hours(tuple((first + day) % 7 for day in range(length)), Span(start, end))
    assert parse_hours(str(window)) == window


# --- special days ---------------------------------------------------------------------------------------------------------------


def opening(weekly: str | None, *days: tuple[str, list[str]], within: tuple[Opening, ...] = ()) -> Opening:
    special = tuple(SpecialHours(parse_special_date(date), tuple(parse_span(span) for span in spans)) for date, spans in days)
    return Opening(None if weekly is None else (parse_hours(weekly),), special, within)


@pytest.mark.parametrize(
    ("day", "time", "is_open"),
    [
        (("2026-12-25", []), "2026-12-25T12:00", False),
        (("2026-12-25", []), "2026-12-25T00:30", False),  # what is left of Christmas Eve's evening is cut off
        (("2026-12-25", []), "2026-12-26T00:30", False),  # and of Christmas there is no evening
        (("2026-12-25", []), "2026-12-24T23:59", True),
        (("2026-12-25", []), "2027-12-25T20:00", True),
        (("12-25", []), "2027-12-25T20:00", False),
        (("2026-12-31", ["20:00-04:00"]), "2026-12-31T19:59", False),
        (("2026-12-31", ["20:00-04:00"]), "2027-01-01T03:59", True),
        (("2026-12-31", ["20:00-04:00"]), "2027-01-01T04:00", False),
        (("2026-12-31", ["08:00-10:00", "12:00-14:00"]), "2026-12-31T13:00", True),
        (("easter-2", []), "2026-04-03T20:00", False),
        (("easter", []), "2027-03-28T20:00", False),
        (("easter+250", []), "2026-12-11T20:00", False),
        (("easter-120", []), "2025-12-06T20:00", False),  # before Easter 2026, in the year before it
    ],
)
def test_a_special_day_replaces_the_hours_of_its_date(day: tuple[str, list[str]], time: str, is_open: bool) -> None:
    assert opening("Mon-Sun 18:00-02:00", day).is_open(at(time)) is is_open


def test_of_two_special_days_on_one_date_the_first_one_counts() -> None:
    both = opening(None, ("2026-12-24", ["10:00-12:00"]), ("12-24", []))
    assert both.is_open(at("2026-12-24T11:00"))
    assert not both.is_open(at("2027-12-24T11:00"))


def test_what_is_open_within_something_is_open_only_while_that_is() -> None:
    night = opening("Mon-Sun 18:00-02:00", within=(opening("Mon-Sun 07:00-24:00"),))
    assert night.is_open(at("2026-11-23T23:59"))
    assert not night.is_open(at("2026-11-24T00:00"))
    assert not night.is_open(at("2026-11-23T12:00"))


def test_only_what_has_no_hours_at_all_is_always_open() -> None:
    assert ALWAYS.always
    assert opening(None, within=(ALWAYS,)).always
    assert not opening(None, ("12-25", [])).always
    assert not opening(None, within=(opening(None, ("12-25", [])),)).always


@pytest.mark.parametrize("sunday", ["1818-03-22", "1943-04-25", "2000-04-23", "2024-03-31", "2026-04-05", "2038-04-25"])
def test_easter_is_when_the_tables_say(sunday: str) -> None:
    assert easter_sunday(int(sunday[:4])) == date.fromisoformat(sunday)


@given(st.integers(1583, 4099))
def test_easter_is_a_sunday_from_22_march_to_25_april(year: int) -> None:
    day = easter_sunday(year)
    assert day.weekday() == 6
    assert date(year, 3, 22) <= day <= date(year, 4, 25)


@pytest.mark.parametrize("text", ["2026-12-25", "02-29", "easter", "easter-2", "easter+39"])
def test_a_special_date_reads_as_it_is_written(text: str) -> None:
    assert str(parse_special_date(text)) == text


@pytest.mark.parametrize("text", ["", "2026-02-29", "13-01", "25.12.", "easter+", "easter 1", "2026-1-1", "yearly"])
def test_any_other_date_is_refused_in_words(text: str) -> None:
    with pytest.raises(ValueError, match="2026-12-25"):
        parse_special_date(text)


# --- how long it stays open -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("weekly", "time", "seconds"),
    [
        ("Mon-Sun 10:00-22:00", "2026-11-23T21:50", 600.0),
        ("Mon-Sun 10:00-22:00", "2026-11-23T21:50:30", 570.0),
        ("Mon-Sun 10:00-22:00", "2026-11-23T22:10", 0.0),
        ("Mon-Sun 10:00-22:00", "2026-11-23T12:00", None),
        ("Mon-Sun 18:00-02:00", "2026-11-24T01:45", 900.0),
        ("Sun 00:00-03:00", "2026-03-29T01:45", 900.0),  # at 02:00 the clock is put forward to 03:00
        ("Sun 00:00-02:30", "2026-03-29T01:45", 900.0),
        (None, "2026-11-23T12:00", None),
    ],
)
def test_what_is_left_until_closing_time_is_counted_in_time_that_passes(weekly: str | None, time: str, seconds: float | None) -> None:
    assert opening(weekly).closes_after(at(time), 1800.0) == seconds


def test_an_hour_that_is_repeated_is_open_for_its_first_time_only_as_far_as_the_wall_says() -> None:
    window = opening("Sun 00:00-02:45")
    assert window.closes_after(at("2026-10-25T02:30"), 7200.0) == 900.0


DAYS = st.tuples(st.sampled_from(["12-25", "2026-11-23", "easter+1"]), st.lists(st.sampled_from(["00:00-24:00", "22:00-03:00"])))


@given(
    st.lists(DAYS, max_size=2),
    st.sampled_from(["Mon-Sun 10:00-22:00", "Fri-Sat 18:00-02:00", None]),
    st.datetimes(datetime(2026, 3, 1), datetime(2027, 1, 10)),  # noqa: DTZ001  # the zone is put on below
)
def test_it_is_open_until_it_closes(days: list[tuple[str, list[str]]], weekly: str | None, time: datetime) -> None:
    here, moment = opening(weekly, *days), time.replace(tzinfo=ROME)
    left = here.closes_after(moment, 3600.0)
    assert left is None or 0 <= left <= 3600.0
    if left:
        assert here.is_open(moment)
        assert not here.is_open((moment.astimezone(UTC) + timedelta(seconds=left)).astimezone(ROME))
