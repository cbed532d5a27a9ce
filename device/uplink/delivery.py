"""Which events are with the broker: the window, the contiguous prefix that is settled, and what is to be sent again.

Pure: numbers in, numbers out; seconds of any steady clock are an argument.
"""

from __future__ import annotations

from collections import deque

from device.domain.record import record


class Delivery:
    """Events in the order of their seq: next to be sent, sent, settled.

    ``cursor``: every event up to here is settled. ``next_seq``: the first one that has not been sent on this connection. ``highest``: the
    newest one that was ever sent, on any connection.
    """

    def __init__(self, cursor: int) -> None:
        self.cursor = cursor
        self.highest = cursor
        self._sent: deque[int] = deque()
        self._settled: set[int] = set()
        self.next_seq = cursor + 1

    @property
    def reach(self) -> int:
        """How many are sent over the cursor: what would be sent twice if the connection ended now."""
        return len(self._sent)

    def sent(self, seq: int) -> None:
        """An event is on its way. Events are sent in order."""
        if seq < self.next_seq:
            raise ValueError(f"event {seq} is sent after {self.next_seq - 1}")
        self._sent.append(seq)
        self.next_seq = seq + 1
        self.highest = max(self.highest, seq)

    def settle(self, seq: int) -> None:
        """The broker has an event, or it is set aside. Twice is once; one that is not on its way is nothing."""
        if seq > self.cursor and seq in self._sent:
            self._settled.add(seq)
            self._advance()

    def skip_to(self, cursor: int) -> None:
        """All events up to here are settled, whatever the broker says."""
        self.cursor = max(self.cursor, cursor)
        self.highest = max(self.highest, cursor)
        self.next_seq = max(self.next_seq, cursor + 1)
        while self._sent and self._sent[0] <= cursor:
            self._settled.discard(self._sent.popleft())
        self._advance()

    def rewind(self, cursor: int | None = None) -> None:
        """What is not settled will be sent again, from the cursor, or from an earlier one."""
        if cursor is not None:
            self.cursor = min(self.cursor, cursor)
        self._sent.clear()
        self._settled.clear()
        self.next_seq = self.cursor + 1

    def _advance(self) -> None:
        while self._sent and self._sent[0] in self._settled:
            self.cursor = self._sent.popleft()
            self._settled.discard(self.cursor)


@record
class Span:
    """Events ``first`` to ``last``."""

    first: int
    last: int


class Replays:
    """Events that are to be published again, oldest first, beside those that are published for the first time."""

    def __init__(self) -> None:
        self._spans: deque[Span] = deque()
        self._under_way: deque[int] = deque()

    @property
    def next_span(self) -> Span | None:
        """What is to be sent next, None if nothing is."""
        return self._spans[0] if self._spans else None

    def add(self, span: Span) -> None:
        """Ask for events again. What overlaps is joined."""
        joined, others = span, []
        for other in self._spans:
            if other.first <= joined.last + 1 and joined.first <= other.last + 1:
                joined = Span(min(joined.first, other.first), max(joined.last, other.last))
            else:
                others.append(other)
        self._spans = deque(sorted([*others, joined], key=lambda each: each.first))

    def sent(self, seq: int) -> None:
        """An event of ``next_span`` is on its way; those before it do not exist any more."""
        self._under_way.append(seq)
        self.passed(seq)

    def passed(self, seq: int) -> None:
        """There is nothing to be sent of ``next_span`` up to here."""
        span = self._spans.popleft()
        if seq < span.last:
            self._spans.appendleft(Span(seq + 1, span.last))

    def settle(self, seq: int) -> None:
        """The broker has answered."""
        if seq in self._under_way:
            self._under_way.remove(seq)

    def rewind(self, cursor: int) -> None:
        """A new connection: what has not been answered is sent again; what is over ``cursor`` is sent anyway."""
        for seq in self._under_way:
            self.add(Span(seq, seq))
        self._under_way.clear()
        self._spans = deque(Span(span.first, min(span.last, cursor)) for span in self._spans if span.first <= cursor)

    def clear(self) -> None:
        """Nothing is to be sent again."""
        self._spans.clear()
        self._under_way.clear()


class Patience:
    """How long ago events were sent for which the backend owes a receipt."""

    _MOST = 64

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._marks: list[tuple[Span, float]] = []
        self._marked = 0

    def restart(self, cursor: int) -> None:
        """A new connection, on which all events over ``cursor`` are sent."""
        self._marks.clear()
        self._marked = cursor

    def mark(self, highest: int, now: float) -> None:
        """Events up to ``highest`` are sent by now."""
        if highest <= self._marked:
            return
        self._marks.append((Span(self._marked + 1, highest), now))
        self._marked = highest
        if len(self._marks) > self._MOST:
            # A backend that has long been silent: one mark for all, so that there is an end to them. It waits a minute more.
            self._marks = [(Span(min(span.first for span, _ in self._marks), highest), now)]

    def overdue(self, receipt: int, now: float) -> list[Span]:
        """What was sent so long ago without a receipt that it is to be sent again; it counts as sent now."""
        due: list[Span] = []
        waiting: list[tuple[Span, float]] = []
        for span, at in self._marks:
            if span.last > receipt:
                owed = Span(max(span.first, receipt + 1), span.last)
                if now - at >= self._seconds:
                    due.append(owed)
                    at = now
                waiting.append((owed, at))
        self._marks = waiting
        return due
