"""What waits besides events and levels: replies, of which the oldest give way, and telemetry, of which only the newest counts."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from device.uplink.link import Publication

MOST_REPLIES = 256


class Replies:
    """Answers to commands, in order. Full, the oldest is dropped and counted: who asked has long stopped waiting."""

    def __init__(self, most: int = MOST_REPLIES) -> None:
        self._waiting: deque[Publication] = deque()
        self._most = most
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, reply: Publication) -> None:
        self._waiting.append(reply)
        if len(self._waiting) > self._most:
            self._waiting.popleft()
            self.dropped += 1

    def put_back(self, reply: Publication) -> None:
        """One that was taken and not delivered: it is first again, unless there is no room."""
        if len(self._waiting) < self._most:
            self._waiting.appendleft(reply)
        else:
            self.dropped += 1

    def take(self) -> Publication | None:
        return self._waiting.popleft() if self._waiting else None


class Telemetry:
    """The newest values of each topic, at most one a second. Nothing is kept for after a disconnection."""

    def __init__(self, every_s: float = 1.0) -> None:
        self._every_s = every_s
        self._latest: dict[str, bytes] = {}
        self._sent_at: dict[str, float] = {}
        self._writing: set[str] = set()

    def put(self, topic: str, payload: bytes, now: float) -> bool:
        """Take values; True where they may be sent at once."""
        self._latest[topic] = payload
        return self._may_go(topic, now)

    def due(self, now: float) -> Iterator[tuple[str, bytes]]:
        """What may be sent now, counted as sent."""
        for topic in [each for each in self._latest if self._may_go(each, now)]:
            self._sent_at[topic] = now
            self._writing.add(topic)
            yield topic, self._latest.pop(topic)

    def written(self, topic: str) -> None:
        """The values have left us. Until then no more of this topic are handed out: they would pile up before a slow link."""
        self._writing.discard(topic)

    def clear(self) -> None:
        """The connection is gone."""
        self._latest.clear()
        self._writing.clear()

    def _may_go(self, topic: str, now: float) -> bool:
        return topic not in self._writing and now - self._sent_at.get(topic, -self._every_s) >= self._every_s
