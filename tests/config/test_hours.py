"""Opening hours: weekly windows in store time."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.domain.hours import Hours, open_at, parse_hours

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
    assert parse_hours(window).contains(at(time)) is is_open


def test_no_list_is_always_and_an_empty_one_never() -> None:
    assert open_at(None, at("2026-11-23T03:00"))
    assert not open_at((), at("2026-11-23T12:00"))


def test_an_hour_that_is_repeated_in_autumn_is_judged_by_the_clock_on_the_wall() -> None:
    window = parse_hours("Sun 02:15-02:45")
    first, second = (datetime(2026, 10, 25, 2, 30, fold=fold, tzinfo=ROME) for fold in (0, 1))
    assert window.contains(first)
    assert window.contains(second)


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
    window = Hours(tuple((first + day) % 7 for day in range(length)), start, end)
    assert parse_hours(str(window)) == window
