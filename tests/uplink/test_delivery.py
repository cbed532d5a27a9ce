"""The window as numbers, against a model that remembers everything."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.uplink.backoff import ATTEMPT_S, LONGEST_S, Backoff
from device.uplink.delivery import Delivery, Patience, Replays, Span
from device.uplink.inbound import read_receipt
from device.uplink.levels import Levels

WINDOW = 8


@given(st.lists(st.one_of(st.just("send"), st.just("lose"), st.integers(0, WINDOW)), max_size=200))
def test_the_cursor_is_always_the_end_of_what_is_answered_without_a_gap(steps: list[str | int]) -> None:
    delivery, answered, under_way = Delivery(0), set[int](), list[int]()
    sent = list[int]()
    for step in steps:
        if step == "send" and delivery.reach < WINDOW:
            seq = delivery.next_seq
            delivery.sent(seq)
            under_way.append(seq)
            sent.append(seq)
        elif step == "lose":
            delivery.rewind()
            under_way.clear()
            answered = {seq for seq in answered if seq <= delivery.cursor}
        elif isinstance(step, int) and step < len(under_way):
            seq = under_way.pop(step)
            answered.add(seq)
            delivery.settle(seq)
        contiguous = 0
        while contiguous + 1 in answered:
            contiguous += 1
        assert delivery.cursor == contiguous
        assert delivery.next_seq - 1 - delivery.cursor == delivery.reach <= WINDOW
        assert delivery.highest == max(sent, default=0)


def test_what_is_received_by_other_means_is_skipped() -> None:
    delivery = Delivery(10)
    for seq in range(11, 16):
        delivery.sent(seq)
    delivery.settle(15)
    delivery.skip_to(14)
    assert (delivery.cursor, delivery.reach, delivery.next_seq) == (15, 0, 16)
    delivery.skip_to(20)
    assert (delivery.cursor, delivery.next_seq, delivery.highest) == (20, 21, 20)
    delivery.rewind(12)
    assert (delivery.cursor, delivery.next_seq, delivery.highest) == (12, 13, 20)


def test_events_are_sent_in_order() -> None:
    delivery = Delivery(0)
    delivery.sent(1)
    with pytest.raises(ValueError, match="event 1 is sent after 1"):
        delivery.sent(1)


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 10)), max_size=12))
def test_asking_again_twice_sends_again_once(asked: list[tuple[int, int]]) -> None:
    replays = Replays()
    wanted = set[int]()
    for first, more in asked:
        replays.add(Span(first, first + more))
        wanted |= set(range(first, first + more + 1))
    sent = []
    while (span := replays.next_span) is not None:
        sent.append(span.first)
        replays.sent(span.first)
    assert sent == sorted(wanted)


def test_a_replay_that_a_connection_has_swallowed_is_sent_again_as_far_as_it_is_not_sent_anyway() -> None:
    replays = Replays()
    replays.add(Span(1, 10))
    for seq in (1, 2, 3):
        replays.sent(seq)
    replays.settle(1)
    replays.rewind(cursor=8)
    assert replays.next_span == Span(2, 8)


def test_a_backend_that_owes_a_receipt_for_a_minute_is_told_again_and_again_after_another() -> None:
    patience = Patience(60)
    patience.restart(0)
    patience.mark(5, 0.0)
    patience.mark(5, 1.0)
    patience.mark(9, 30.0)
    assert patience.overdue(0, 59.0) == []
    assert patience.overdue(2, 60.0) == [Span(3, 5)]
    assert patience.overdue(2, 90.0) == [Span(6, 9)]
    assert patience.overdue(4, 120.0) == [Span(5, 5)]
    assert patience.overdue(9, 999.0) == []


def test_a_backend_that_is_silent_for_a_day_does_not_fill_the_memory() -> None:
    patience = Patience(60)
    patience.restart(0)
    told = set[int]()
    for second in range(10_000):
        patience.mark(second + 1, float(second))
        for span in patience.overdue(0, float(second)):
            told |= set(range(span.first, span.last + 1))
        assert len(patience._marks) <= 65
    assert told >= set(range(1, 9_800))


def test_waits_double_with_jitter_up_to_a_bound_and_start_again_after_a_success() -> None:
    longest, shortest = Backoff(lambda: 1.0), Backoff(lambda: 0.0)
    assert [longest.next_s() for _ in range(7)] == [0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0]
    assert [shortest.next_s() for _ in range(3)] == [0.25, 0.5, 1.0]
    longest.reset()
    assert longest.next_s() == 0.5
    assert LONGEST_S + ATTEMPT_S < 30, "the backlog starts within 30 s of the broker's return"


def test_one_message_a_topic_is_under_way_and_the_latest_value_follows_it() -> None:
    levels = Levels()
    assert levels.put("a", b"1")
    assert not levels.put("a", b"1")
    assert levels.next() == ("a", b"1")
    levels.put("a", b"2")
    levels.put("a", b"3")
    assert levels.next() is None
    levels.settle("a")
    assert levels.next() == ("a", b"3")
    levels.settle("a")
    assert levels.settled
    levels.restart()
    assert levels.next() == ("a", b"3")


def test_a_topic_that_was_cleared_is_forgotten_once_the_broker_has_it() -> None:
    levels = Levels()
    levels.put("a", b"1")
    levels.put("a", b"")
    assert levels.next() == ("a", b"")
    levels.restart()
    assert levels.next() == ("a", b""), "the connection was lost: not forgotten yet"
    levels.settle("a")
    levels.restart()
    assert levels.next() is None


NO_RECEIPTS = [
    b"",
    b"{",
    b"[" * 20_000,
    b"null",
    b"\xff",
    b'{"epoch":"e"}',
    b'{"epoch":"x","upto":1}',
    b'{"epoch":"e","upto":"1"}',
    b'{"epoch":"e","upto":0}',
    b'{"epoch":"e","upto":1.0}',
    b'{"epoch":"e","upto":true}',
    b'{"epoch":"e","upto":10}',
]


@pytest.mark.parametrize("payload", NO_RECEIPTS)
def test_what_is_no_receipt_for_numbers_of_ours_is_none(payload: bytes) -> None:
    assert read_receipt(payload, "e", 9) is None


def test_a_receipt_says_up_to_where() -> None:
    assert read_receipt(b'{"epoch":"e","upto":9,"more":1}', "e", 9) == 9
